//! Prepares the databases that tests copy: migrations, a signing key and the fixtures take longer than most tests.

use std::sync::{Arc, OnceLock};

use postern_identity::{App, config::Config};
use postern_migrations::identity::Migrator;
use postern_service::{
    clock::Clock,
    database::migrate::up,
    random::Random,
    testing::{DatabaseTemplate, TestDatabase},
};

use crate::{fixtures::Fixtures, support::START};

/// An empty database of this version. Tests copy it, because migrations take longer than most tests.
static MIGRATED: DatabaseTemplate = DatabaseTemplate::new();
/// The same with the signing key of a provider that has started once, because a key takes long to generate.
static WITH_KEYS: DatabaseTemplate = DatabaseTemplate::new();

/// The same with the people, resources and clients of [`Fixtures`].
static WITH_FIXTURES: DatabaseTemplate = DatabaseTemplate::new();
/// What the rows of [`WITH_FIXTURES`] do not tell.
static FIXTURES: OnceLock<Arc<Fixtures>> = OnceLock::new();

/// An empty database of this version.
pub async fn migrated() -> TestDatabase {
    MIGRATED.copy(migrate).await.unwrap()
}

/// A database with the signing key of a provider that has started once.
pub async fn with_keys() -> TestDatabase {
    WITH_KEYS.copy(add_keys).await.unwrap()
}

/// A database with the fixtures, as a provider that has started once has stored them.
pub async fn with_fixtures() -> (TestDatabase, Arc<Fixtures>) {
    let database = WITH_FIXTURES.copy(add_fixtures).await.unwrap();
    (database, Arc::clone(FIXTURES.get().unwrap()))
}

async fn migrate(database: &TestDatabase) {
    let db = database.open().await.unwrap();
    up::<Migrator>(&db).await.unwrap();
    db.close().await;
}

async fn add_keys(database: &TestDatabase) {
    run_once(database, async |_| {}).await;
}

async fn add_fixtures(database: &TestDatabase) {
    run_once(database, async |app| {
        let stored = Arc::new(Fixtures::store(app).await);
        assert!(FIXTURES.set(stored).is_ok(), "the fixtures are stored once");
    })
    .await;
}

/// Migrates the database and starts a provider on it, which makes its signing key.
async fn run_once(database: &TestDatabase, work: impl AsyncFnOnce(&App)) {
    migrate(database).await;
    let variables = environment(database).into_iter().map(|(key, value)| (key.into(), value.into()));
    let config = Config::load(None, variables).unwrap().settings;
    let db = database.open().await.unwrap();
    // No test has this seed, so the template has no identifier that a test makes again.
    let builder = App::builder(config, db.clone(), Clock::manual(START), Random::seeded(0));
    let app = builder.build().await.unwrap();
    work(&app).await;
    drop(app);
    db.close().await;
}

/// The settings of every test, as environment variables.
pub fn environment(database: &TestDatabase) -> Vec<(String, String)> {
    vec![
        ("POSTERN_DATABASE__URL".to_owned(), database.url().to_owned()),
        ("POSTERN_SECRETS__ENCRYPTION_KEY".to_owned(), "A".repeat(43)),
        ("POSTERN_REGISTRATION__MODE".to_owned(), "open".to_owned()),
    ]
}
