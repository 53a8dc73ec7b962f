//! Defines [`Write`]: an open transaction with the core and the request that it serves.

use std::{
    ops::Deref,
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::{Core, RequestContext};

/// An open transaction of a request. Every query of sea-orm takes it.
///
/// The transaction is over when the closure given to [`Core::write`] returns; there is no other way to keep or undo what
/// the closure wrote.
pub struct Write<'a> {
    /// What the modules below the use cases run on.
    pub core: &'a Core,
    /// The request that the transaction serves.
    pub context: &'a RequestContext,
    transaction: &'a Transaction,
    enqueued_job: &'a AtomicBool,
}

impl Core {
    /// Runs `work` in a transaction and makes durable what `work` wrote, under the rules of
    /// [`Database::write`](postern_service::database::Database::write). After a commit that enqueued a job the runner is
    /// woken.
    pub async fn write<T, E, F>(&self, context: &RequestContext, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Write<'_>) -> Result<T, E>,
        E: From<DatabaseError>,
    {
        let enqueued_job = AtomicBool::new(false);
        let done = self
            .db
            .write(async |transaction| {
                work(&Write { core: self, context, transaction, enqueued_job: &enqueued_job }).await
            })
            .await?;
        if enqueued_job.into_inner() {
            self.job_wakeup.notify_one();
        }
        Ok(done)
    }
}

impl Write<'_> {
    /// The time of the request.
    pub fn now(&self) -> Timestamp {
        self.context.now
    }

    /// Has the runner of jobs woken after the commit.
    pub(crate) fn wake_runner(&self) {
        self.enqueued_job.store(true, Ordering::Relaxed);
    }
}

impl Deref for Write<'_> {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        self.transaction
    }
}

#[async_trait]
impl ConnectionTrait for Write<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.transaction.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.transaction.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.transaction.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.transaction.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.transaction.query_all_raw(statement).await
    }
}
