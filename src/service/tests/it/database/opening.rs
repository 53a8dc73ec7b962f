//! Tests opening a database: what is created, what is refused, and what no error shows.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use postern_service::database::{Database, DatabaseError, DatabaseSettings};
use sea_orm::ConnectionTrait as _;
use tokio::task::JoinSet;

use super::support::{Counters, sql, value};

#[tokio::test]
async fn the_file_and_its_directory_are_created_for_the_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("data/deep/postern.db");
    let db =
        Database::open(&DatabaseSettings::from_url(format!("sqlite://{}", file.display()))).await.unwrap();
    db.ping().await.unwrap();

    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&file.with_extension("db-wal")), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    db.close().await;
    assert!(!file.with_extension("db-wal").exists(), "a closed database is one file");
}

#[tokio::test]
async fn what_is_no_database_is_refused_without_showing_the_url() {
    for url in ["mysql://u:hidden@h/d", "hidden", "sqlite::memory:", "sqlite://x?mode=memory", "sqlite://"] {
        let refused = Database::open(&DatabaseSettings::from_url(url)).await.unwrap_err();
        assert!(matches!(refused, DatabaseError::Settings(_)), "{url}: {refused:?}");
        assert!(!format!("{refused:?}{refused}").contains("hidden"), "{refused:?}");
    }
    let unknown = Database::open(&DatabaseSettings::from_url("sqlite:///dev/null/x.db")).await.unwrap_err();
    assert!(unknown.to_string().contains("/dev/null/x.db"), "{unknown}");
}

#[test]
fn settings_name_their_keys_and_hide_the_url() {
    let settings: DatabaseSettings =
        toml::from_str("url = 'postgres://u:hidden@h/d'\nacquire_timeout = '1s'").unwrap();
    assert!(!format!("{settings:?}").contains("hidden"));
    assert_eq!(settings.acquire_timeout.to_string(), "1s");
    let unknown = toml::from_str::<DatabaseSettings>("url = 'sqlite://x'\nconections = 4").unwrap_err();
    assert!(unknown.to_string().contains("conections"));
}

#[tokio::test]
async fn sqlite_writes_ahead_and_waits_for_the_disk() {
    let counters = Counters::in_sqlite().await;
    let pragmas = [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1")];
    for (pragma, expected) in pragmas {
        let work = counters.db.write(async |tx| {
            let set = sql(tx, &format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}"), vec![]);
            let row = tx.query_one_raw(set).await?.unwrap();
            Ok::<String, DatabaseError>(row.try_get_by_index(0)?)
        });
        assert_eq!(work.await.unwrap(), expected, "{pragma}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_may_be_opened_by_many_at_once() {
    for _ in 0..5 {
        let home = Arc::new(tempfile::tempdir().unwrap());
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let url = format!("sqlite://{}", home.path().join("new.db").display());
            tasks.spawn(async move { Database::open(&DatabaseSettings::from_url(url)).await.map(drop) });
        }
        for opened in tasks.join_all().await {
            opened.unwrap();
        }
    }
}

#[tokio::test]
async fn a_second_open_sees_the_same_rows() {
    let counters = Counters::in_fresh().await;
    let other = counters.home.open().await.unwrap();
    counters.hit().await.unwrap();
    assert_eq!(value(other.reader(), "hits").await.unwrap(), Some(1));
    assert_eq!(other.backend(), counters.db.backend());
}
