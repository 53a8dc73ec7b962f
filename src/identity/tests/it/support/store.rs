//! Defines `Store`, the database of one test.
//!
//! Every node of a test shares the store. When the last one is gone, the jobs that are due are run, and the test
//! fails if one of them fails, or if a job failed before and the test did not call `run_failing_jobs`.

use std::{collections::BTreeSet, sync::Mutex, thread};

use postern_entities::jobs::{Column, Entity, Model};
use postern_identity::{App, config::Config, jobs::runner, mail::Inbox};
use postern_service::{
    clock::Clock,
    database::{Database, DatabaseSettings},
    random::Random,
    settings::Lifetime,
    testing::TestDatabase,
};
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use tokio::runtime;
use uuid::Uuid;

pub struct Store {
    database: TestDatabase,
    /// The settings of the first node.
    env: Vec<(String, String)>,
    clock: Clock,
    /// Ids of the jobs that failed because the test wanted them to.
    expected_failures: Mutex<BTreeSet<Uuid>>,
}

impl Store {
    pub fn new(database: TestDatabase, env: Vec<(String, String)>, clock: Clock) -> Self {
        Self { database, env, clock, expected_failures: Mutex::default() }
    }

    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// The kinds and errors of the jobs that failed unexpectedly. A job that was dropped because nobody needs it any
    /// more has not failed.
    pub async fn failed_jobs(&self, db: &Database) -> Vec<String> {
        let expected = self.expected_failures.lock().unwrap().clone();
        let unexpected = failed(db).await.into_iter().filter(|job| !expected.contains(&job.id));
        unexpected.map(|job| format!("{}: {}", job.kind, job.last_error.unwrap_or_default())).collect()
    }

    /// Expects the failures of the jobs that have failed so far.
    pub async fn expect_failed_jobs(&self, db: &Database) {
        let ids: Vec<_> = failed(db).await.into_iter().map(|job| job.id).collect();
        self.expected_failures.lock().unwrap().extend(ids);
    }

    /// Runs the jobs that are due. Their mails go nowhere: the server of the test has stopped with its runtime.
    async fn run_left_jobs(&self) -> Vec<String> {
        // The test's own runtime stands still, and may have left a transaction open.
        let snapshot = self.database.snapshot().unwrap();
        let database = snapshot.as_ref().unwrap_or(&self.database);
        // Nobody waits for these answers, and the machine may be busy.
        let patience = Lifetime::from_secs(60);
        let settings =
            DatabaseSettings { acquire_timeout: patience, request_timeout: patience, ..database.settings() };
        let db = Database::open(&settings).await.unwrap();
        let now = self.clock.now();
        let due = Entity::find()
            .filter(Column::FinishedAt.is_null())
            .filter(Column::RunAt.lte(now))
            .filter(Condition::any().add(Column::LeasedUntil.is_null()).add(Column::LeasedUntil.lte(now)));
        if due.count(db.reader()).await.unwrap() > 0 {
            let variables = self.env.iter().map(|(key, value)| (key.into(), value.into()));
            let config = Config::load(None, variables).unwrap().settings;
            let builder = App::builder(config, db.clone(), self.clock.clone(), Random::seeded(9));
            let app = builder.inbox(Inbox::default()).build().await.unwrap();
            runner::run_due(&app).await.unwrap();
        }
        self.failed_jobs(&db).await
    }
}

async fn failed(db: &Database) -> Vec<Model> {
    let jobs = Entity::find().filter(Column::LastError.is_not_null());
    jobs.filter(Column::LastError.not_like("dropped: %")).all(db.reader()).await.unwrap()
}

impl Drop for Store {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        // A destructor cannot wait within the runtime of the test, so another thread does.
        let failed = thread::scope(|scope| {
            let runs = scope.spawn(|| {
                let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(self.run_left_jobs())
            });
            runs.join().unwrap()
        });
        assert!(failed.is_empty(), "the test left jobs that failed: {failed:#?}");
    }
}
