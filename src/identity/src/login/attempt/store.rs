//! The statements on attempts. Every one that changes a row says in its condition what must hold.

use postern_entities::attempts::{self, Column};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion, Transaction},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryTrait as _,
    sea_query::{Expr, ExprTrait as _, SimpleExpr, UpdateStatement},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Binding,
    sending::{RESEND_AFTER, Sent},
};
use crate::{
    app::App,
    clients::Client,
    crypto,
    login::{Challenge, CodeMac, LoginError, policy::Shown},
    users::{self, User},
};

/// What whoever names an attempt must match.
pub(super) struct Bound {
    attempt_hash: Vec<u8>,
    client_id: Option<String>,
    authorization_request: Option<Uuid>,
    browser_hash: Option<Vec<u8>>,
}

impl Bound {
    pub(super) fn new(client: Option<&Client>, binding: &Binding<'_>, attempt: &str) -> Self {
        Self {
            attempt_hash: crypto::token_hash(attempt),
            client_id: client.map(|client| client.client_id().to_owned()),
            authorization_request: binding.authorization_request,
            browser_hash: binding.browser_secret.map(crypto::token_hash),
        }
    }

    /// The attempt, for this client, request and browser, while it goes on.
    fn live(&self, now: Timestamp) -> Condition {
        Condition::all()
            .add(Column::AttemptHash.eq(self.attempt_hash.clone()))
            .add(same(Column::ClientId, self.client_id.clone()))
            .add(same(Column::AuthorizationRequestId, self.authorization_request))
            .add(self.browser())
            .add(Column::CompletedAt.is_null())
            .add(Column::ExpiresAt.gt(now.micros()))
    }
}

impl Bound {
    /// An attempt that was begun without a browser's cookie (by an app) may go on in one.
    fn browser(&self) -> Condition {
        let unbound = Condition::any().add(Column::BrowserHash.is_null());
        match &self.browser_hash {
            Some(hash) => unbound.add(Column::BrowserHash.eq(hash.clone())),
            None => unbound,
        }
    }
}

fn same<V: Into<sea_orm::Value>>(column: Column, value: Option<V>) -> SimpleExpr {
    match value {
        Some(value) => column.eq(value),
        None => column.is_null(),
    }
}

pub(super) async fn find(
    app: &App,
    bound: &Bound,
    now: Timestamp,
) -> Result<Option<attempts::Model>, DatabaseError> {
    Ok(attempts::Entity::find().filter(bound.live(now)).one(app.db.reader()).await?)
}

/// The user of an attempt, if they may sign in. The same statement runs when it names nobody.
pub(super) async fn user_of(app: &App, row: &attempts::Model) -> Result<Option<User>, DatabaseError> {
    let user = users::find(app.db.reader(), row.user_id.unwrap_or(Uuid::nil())).await?;
    Ok(user.filter(|user| users::may_sign_in(user, app.clock.now())))
}

/// Takes one of the tries that are left, and answers the attempt as it is then.
pub(super) async fn reserve_try(
    tx: &Transaction,
    bound: &Bound,
    now: Timestamp,
) -> Result<Option<attempts::Model>, DatabaseError> {
    let reserved = attempts::Entity::update_many()
        .col_expr(Column::TriesLeft, Expr::col(Column::TriesLeft).sub(1))
        .filter(bound.live(now))
        .filter(Column::TriesLeft.gt(0))
        .exec_with_returning(tx)
        .await?;
    Ok(reserved.into_iter().next())
}

/// Gives a try back that was not judged.
pub(super) async fn give_back(tx: &Transaction, row: &attempts::Model) -> Result<(), DatabaseError> {
    attempts::Entity::update_many()
        .col_expr(Column::TriesLeft, Expr::col(Column::TriesLeft).add(1))
        .filter(Column::AttemptHash.eq(row.attempt_hash.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Stores a new attempt at the end of the write.
pub(super) fn insert(tx: &Transaction, row: attempts::Model) {
    tx.later(&insertion(row));
}

/// A new attempt, to go with other statements.
pub(super) fn insertion(row: attempts::Model) -> Insertion {
    Insertion::of(attempts::ActiveModel::from(row))
}

/// Removes one that came to nothing.
pub(super) async fn remove(tx: &Transaction, row: &attempts::Model) -> Result<(), DatabaseError> {
    attempts::Entity::delete_by_id(row.attempt_hash.clone()).exec(tx).await?;
    Ok(())
}

/// A challenge that is opened.
pub(super) struct Opening<'a> {
    /// Of which method.
    pub(super) method: &'a str,
    /// What is asked for.
    pub(super) challenge: Challenge,
    /// Its code, where it is sent.
    pub(super) sent: Option<Sent>,
}

/// Keeps an open challenge in a new attempt or in one that goes on; tries stay as they are. False when the attempt is
/// over, or when another request had its next code sent.
pub(super) async fn open_challenge(
    tx: &Transaction,
    row: attempts::Model,
    opening: Opening<'_>,
    new: bool,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let Opening { method, challenge, sent } = opening;
    let (code_mac, code_expires_at) = challenge.code.unzip();
    let attempt_hash = row.attempt_hash.clone();
    let before = row.sends;
    let row = match sent {
        Some(Sent { source_hash, at, times }) => {
            attempts::Model { source_hash, sent_at: Some(at.micros()), sends: times, ..row }
        }
        None => row,
    };
    let row = attempts::Model {
        method: Some(method.to_owned()),
        challenge: challenge.memory,
        code_mac,
        code_expires_at,
        ..row
    };
    if new {
        insert(tx, row);
        return Ok(true);
    }
    let opened = attempts::Entity::update_many()
        .set(attempts::ActiveModel {
            method: Set(row.method),
            challenge: Set(row.challenge),
            code_mac: Set(row.code_mac),
            code_expires_at: Set(row.code_expires_at),
            source_hash: Set(row.source_hash),
            sent_at: Set(row.sent_at),
            sends: Set(row.sends),
            ..Default::default()
        })
        .filter(Column::AttemptHash.eq(attempt_hash))
        .filter(Column::Sends.eq(before))
        .filter(Column::CompletedAt.is_null())
        .filter(Column::ExpiresAt.gt(now.micros()))
        .filter(Column::TriesLeft.gt(0))
        .exec(tx)
        .await?;
    Ok(opened.rows_affected == 1)
}

/// Why a challenge was not opened: the attempt is over, or another request at the same time had its next code sent.
pub(super) async fn why_not_opened(
    tx: &Transaction,
    attempt_hash: Vec<u8>,
    now: Timestamp,
) -> Result<LoginError, DatabaseError> {
    let row = attempts::Entity::find_by_id(attempt_hash).one(tx).await?;
    let goes_on = |row: &attempts::Model| {
        row.completed_at.is_none() && row.expires_at > now.micros() && row.tries_left > 0
    };
    Ok(match row.filter(goes_on) {
        Some(_) => LoginError::Limited { retry_after: RESEND_AFTER },
        None => LoginError::Ended,
    })
}

/// Splits what is kept of a code into its columns.
trait Unzip {
    fn unzip(self) -> (Option<Vec<u8>>, Option<i64>);
}

impl Unzip for Option<CodeMac> {
    fn unzip(self) -> (Option<Vec<u8>>, Option<i64>) {
        match self {
            Some(code) => (Some(code.mac), Some(code.expires_at.micros())),
            None => (None, None),
        }
    }
}

/// Ends the attempts of a user that go on: what they proved so far does not count any more.
pub(super) async fn end_of_user(
    tx: &Transaction,
    user_id: Uuid,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    attempts::Entity::update_many()
        .col_expr(Column::CompletedAt, Expr::value(now.micros()))
        .filter(Column::UserId.eq(user_id))
        .filter(Column::CompletedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// What follows from an accepted proof.
pub(super) struct Progress {
    /// All factors shown, the new one too.
    pub(super) shown: Vec<Shown>,
    /// Whether the attempt is over.
    pub(super) completed: bool,
    /// Tries for the next factor.
    pub(super) tries: u16,
}

/// What records an accepted proof and consumes the code it answered. It changes one row, unless the attempt went on or
/// ended since `row` was read: somebody else was faster.
pub(super) fn advancing(row: &attempts::Model, progress: &Progress, now: Timestamp) -> UpdateStatement {
    attempts::Entity::update_many()
        .set(attempts::ActiveModel {
            identifier: Set(row.identifier.clone()),
            user_id: Set(row.user_id),
            proofs: Set(json!(progress.shown)),
            method: Set(None),
            challenge: Set(None),
            code_mac: Set(None),
            code_expires_at: Set(None),
            tries_left: Set(i32::from(progress.tries)),
            completed_at: Set(progress.completed.then_some(now.micros())),
            ..Default::default()
        })
        .filter(Column::AttemptHash.eq(row.attempt_hash.clone()))
        .filter(same(Column::Method, row.method.clone()))
        .filter(same(Column::CodeMac, row.code_mac.clone()))
        .filter(Column::CompletedAt.is_null())
        .into_query()
}
