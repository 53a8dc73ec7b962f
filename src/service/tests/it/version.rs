//! Prints the database that the suite runs on, for `scripts/test`.

use postern_service::testing::TestDatabase;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

#[tokio::test]
async fn the_server_tells_its_version() {
    let database = TestDatabase::fresh().await.unwrap();
    let db = database.open().await.unwrap();
    let (name, sql) = match db.backend() {
        DbBackend::Sqlite => ("SQLite", "SELECT sqlite_version()"),
        _ => ("PostgreSQL", "SHOW server_version"),
    };
    let row = db.reader().query_one_raw(Statement::from_string(db.backend(), sql)).await.unwrap().unwrap();
    let version: String = row.try_get_by_index(0).unwrap();
    println!("server: {name} {version}");
    assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{version}");
    db.close().await;
}
