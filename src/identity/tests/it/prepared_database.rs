//! Prepares the databases that tests copy: migrations and a signing key take longer than most tests.

use postern_identity::{App, config::Config};
use postern_migrations::identity::Migrator;
use postern_service::{
    clock::Clock,
    database::migrate::up,
    random::Random,
    testing::{DatabaseTemplate, TestDatabase},
};

use crate::support::START;

/// An empty database of this version. Tests copy it, because migrations take longer than most tests.
static MIGRATED: DatabaseTemplate = DatabaseTemplate::new();
/// The same with the signing key of a provider that has started once, because a key takes long to generate.
static WITH_KEYS: DatabaseTemplate = DatabaseTemplate::new();

/// An empty database of this version.
pub async fn migrated() -> TestDatabase {
    MIGRATED.copy(migrate).await.unwrap()
}

/// A database with the signing key of a provider that has started once.
pub async fn with_keys() -> TestDatabase {
    WITH_KEYS.copy(add_keys).await.unwrap()
}

async fn migrate(database: &TestDatabase) {
    let db = database.open().await.unwrap();
    up::<Migrator>(&db).await.unwrap();
    db.close().await;
}

async fn add_keys(database: &TestDatabase) {
    migrate(database).await;
    let variables = environment(database).into_iter().map(|(key, value)| (key.into(), value.into()));
    let config = Config::load(None, variables).unwrap().settings;
    let db = database.open().await.unwrap();
    // No test has this seed, so the template has no identifier that a test makes again.
    let builder = App::builder(config, db.clone(), Clock::manual(START), Random::seeded(0));
    drop(builder.build().await.unwrap());
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
