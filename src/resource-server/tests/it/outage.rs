//! Tests an outage of the database or of the provider, and the recovery from it.

use std::time::{Duration, Instant};

use poem::http::{Method, StatusCode};
use postern_migrations::tasks::Migrator;
use postern_resource_server::App;
use postern_service::{
    clock::Clock,
    database::{Database, migrate},
    random::Random,
    testing::{Proxy, TestDatabase},
};
use postern_token_verifier::{
    RemoteKeys,
    testing::{Issuer, JwksResponse as KeysAnswer},
};
use serde_json::json;

use crate::support::{ALICE, Person, START, TestService, config, path_of};

/// A service that reaches its PostgreSQL through a proxy; `None` when no server is named.
async fn behind_a_proxy() -> Option<(TestService, Proxy)> {
    let database = TestDatabase::postgres().await.unwrap()?;
    let (proxy, url) = Proxy::before(database.url()).await.unwrap();
    Some((TestService::on(database, &url).await, proxy))
}

async fn every_operation_fails_in_time(alice: &Person<'_>, path: &str) {
    let body = json!({ "title": "Not kept" });
    for (method, path) in [
        (Method::GET, "/api/tasks"),
        (Method::POST, "/api/tasks"),
        (Method::GET, path),
        (Method::PUT, path),
        (Method::PATCH, path),
        (Method::DELETE, path),
    ] {
        let begun = Instant::now();
        let answer = alice.send(method.clone(), path, &body).await;
        answer.refused(503, "");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
        assert!(begun.elapsed() < Duration::from_secs(2), "{method} took {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_database_that_is_gone_is_told_in_time_and_needs_no_restart() {
    let Some((service, mut proxy)) = behind_a_proxy().await else { return };
    let alice = service.person(ALICE);
    let task = alice.add("Kept").await;
    assert_eq!(service.get("/health/ready").await.status, StatusCode::OK);

    proxy.cut().await;
    every_operation_fails_in_time(&alice, &path_of(&task)).await;
    service.get("/health/ready").await.refused(503, "");
    for path in ["/health/live", "/", "/config.json", "/openapi.json"] {
        assert_eq!(service.get(path).await.status, StatusCode::OK, "{path} needs no database");
    }
    service.get("/api/tasks").await.refused(401, "");

    let _proxy = proxy.mend().await.unwrap();
    assert_eq!(alice.titles("").await, ["Kept"]);
    assert_eq!(alice.delete(&path_of(&task)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(service.get("/health/ready").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_waited_for() {
    let database = TestDatabase::fresh().await.unwrap();
    let issuer = Issuer::serve().await;
    issuer.answer(KeysAnswer::new(500));
    let config = config(&[("TASKS_DATABASE__URL", database.url()), ("TASKS_TOKENS__ISSUER", issuer.url())]);
    let db = Database::open(&config.database).await.unwrap();
    migrate::up::<Migrator>(&db).await.unwrap();
    let keys = RemoteKeys::start(config.tokens.jwks_url()).unwrap();
    let clock = Clock::manual(START);
    let app = App::new(config, db, clock.clone(), Random::seeded(1), keys).unwrap();
    let service = TestService::of(app, clock, issuer.clone(), database);

    let alice = service.person(ALICE);
    for path in ["/health/live", "/health/ready", "/", "/docs", "/openapi.json"] {
        assert_eq!(service.get(path).await.status, StatusCode::OK, "{path} needs no provider");
    }
    service.get("/api/tasks").await.refused(401, "");
    // The token may be valid, so it must not be refused as invalid.
    let answer = alice.get("/api/tasks").await;
    answer.refused(503, "");
    assert!(!answer.headers.contains_key("www-authenticate"));
    assert!(answer.headers.contains_key("retry-after"));

    issuer.answer_with_keys();
    let begun = Instant::now();
    while alice.get("/api/tasks").await.status != StatusCode::OK {
        assert!(begun.elapsed() < Duration::from_secs(20), "the keys are not fetched again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Known keys stay in use while the provider cannot be reached.
    issuer.answer(KeysAnswer::silence());
    assert_eq!(service.person(crate::support::BOB).get("/api/tasks").await.status, StatusCode::OK);
}
