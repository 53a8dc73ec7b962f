//! Tests `database::migrate` on both databases.

use postern_service::database::{Database, DatabaseError, migrate};
use postern_service::testing::TestDatabase;
use sea_orm::ConnectionTrait as _;
use sea_orm_migration::prelude::{
    DbErr, MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait,
};
use tokio::task::JoinSet;

use super::support::value;

/// A step made of statements.
struct Step {
    name: &'static str,
    up: &'static [&'static str],
    down: &'static [&'static str],
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, self.up).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, self.down).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for sql in statements {
        manager.get_connection().execute_unprepared(sql).await?;
    }
    Ok(())
}

fn steps() -> Vec<Box<dyn MigrationTrait>> {
    let step = |name, up, down| Box::new(Step { name, up, down }) as Box<dyn MigrationTrait>;
    vec![
        step(
            "m1_counters",
            &["CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)"],
            &["DROP TABLE counters"],
        ),
        step("m2_row", &["INSERT INTO counters VALUES ('once', 1)"], &["DELETE FROM counters"]),
        step(
            "m3_marks",
            &["CREATE TABLE marks (name TEXT REFERENCES counters (name))"],
            &["DROP TABLE marks"],
        ),
    ]
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        steps()
    }
}

/// The same steps and a last one that fails after it has changed something.
struct Failing;

impl MigratorTrait for Failing {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let up = &["CREATE TABLE half (name TEXT)", "INSERT INTO no_such_table VALUES (1)"];
        let mut steps = steps();
        steps.push(Box::new(Step { name: "m4_fails", up, down: &[] }));
        steps
    }
}

/// A last step that leaves a row without the row it refers to.
struct Dangling;

impl MigratorTrait for Dangling {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let up = &["INSERT INTO marks VALUES ('nobody')"];
        let mut steps = steps();
        steps.push(Box::new(Step { name: "m4_dangling", up, down: &[] }));
        steps
    }
}

async fn applied<M: MigratorTrait>(db: &Database) -> Vec<bool> {
    migrate::status::<M>(db).await.unwrap().iter().map(|step| step.applied).collect()
}

#[tokio::test]
async fn steps_go_up_and_down_and_are_named() {
    let home = TestDatabase::fresh().await.unwrap();
    let db = home.open().await.unwrap();
    assert_eq!(applied::<Migrator>(&db).await, [false, false, false]);
    assert_eq!(migrate::up::<Migrator>(&db).await.unwrap(), ["m1_counters", "m2_row", "m3_marks"]);
    assert_eq!(migrate::up::<Migrator>(&db).await.unwrap(), Vec::<String>::new());
    assert_eq!(value(db.reader(), "once").await.unwrap(), Some(1));

    assert_eq!(migrate::down::<Migrator>(&db, 2).await.unwrap(), ["m2_row", "m3_marks"]);
    assert_eq!(applied::<Migrator>(&db).await, [true, false, false]);
    assert_eq!(value(db.reader(), "once").await.unwrap(), None);
    assert_eq!(migrate::down::<Migrator>(&db, 9).await.unwrap(), ["m1_counters"]);
    assert_eq!(migrate::up::<Migrator>(&db).await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_migrate_once() {
    for _ in 0..5 {
        let home = TestDatabase::fresh().await.unwrap();
        let mut nodes = JoinSet::new();
        for _ in 0..4 {
            let settings = home.settings();
            nodes.spawn(async move {
                let db = Database::open(&settings).await.unwrap();
                migrate::up::<Migrator>(&db).await.unwrap().len()
            });
        }
        assert_eq!(nodes.join_all().await.into_iter().sum::<usize>(), 3, "each step ran once");
        let db = home.open().await.unwrap();
        assert_eq!(value(db.reader(), "once").await.unwrap(), Some(1));
    }
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_of_itself() {
    let home = TestDatabase::fresh().await.unwrap();
    let db = home.open().await.unwrap();
    assert!(matches!(migrate::up::<Failing>(&db).await, Err(DatabaseError::Query(_))));
    assert!(db.reader().execute_unprepared("SELECT name FROM half").await.is_err());
    // On PostgreSQL each step is its own transaction; on SQLite all of them are one.
    let before = db.backend() == sea_orm::DbBackend::Postgres;
    assert_eq!(applied::<Failing>(&db).await, [before, before, before, false]);
    // The lock was released.
    migrate::up::<Migrator>(&db).await.unwrap();
}

#[tokio::test]
async fn a_step_that_breaks_a_foreign_key_is_refused() {
    let home = TestDatabase::fresh().await.unwrap();
    let db = home.open().await.unwrap();
    migrate::up::<Migrator>(&db).await.unwrap();
    assert!(matches!(migrate::up::<Dangling>(&db).await, Err(DatabaseError::Query(_))));
    assert_eq!(applied::<Dangling>(&db).await, [true, true, true, false]);
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    struct Older;
    impl MigratorTrait for Older {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            let mut steps = steps();
            steps.pop();
            steps
        }
    }
    let home = TestDatabase::fresh().await.unwrap();
    let db = home.open().await.unwrap();
    migrate::up::<Migrator>(&db).await.unwrap();
    assert!(migrate::up::<Older>(&db).await.is_err());
    assert_eq!(applied::<Migrator>(&db).await, [true, true, true]);
}
