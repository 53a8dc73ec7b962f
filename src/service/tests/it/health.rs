//! Tests when a service is live and when it is ready.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use poem::{Endpoint, Request, Route, http::StatusCode};
use postern_service::health::Health;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

async fn get(route: &Route, path: &'static str) -> (StatusCode, Value) {
    let response = route.get_response(Request::builder().uri_str(path).finish()).await;
    let status = response.status();
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("retry-after").is_some(), status == StatusCode::SERVICE_UNAVAILABLE);
    (status, serde_json::from_slice(&response.into_body().into_bytes().await.unwrap()).unwrap())
}

#[tokio::test]
async fn a_service_is_ready_while_its_checks_pass_and_no_stop_was_asked_for() {
    let well = Arc::new(AtomicBool::new(true));
    let stopping = CancellationToken::new();
    let checked = Arc::clone(&well);
    let health =
        Health::new(stopping.clone()).check("keys", || async { Ok(()) }).check("database", move || {
            let well = checked.load(SeqCst);
            async move { if well { Ok(()) } else { Err("hunter2 is gone".into()) } }
        });
    let route = Route::new().nest("/health", health);

    assert_eq!(get(&route, "/health/live").await, (StatusCode::OK, json!({"status": "live"})));
    assert_eq!(get(&route, "/health/ready").await, (StatusCode::OK, json!({"status": "ready"})));
    well.store(false, SeqCst);
    let (status, problem) = get(&route, "/health/ready").await;
    assert_eq!((status, &problem["failing"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(["database"])));
    assert_eq!(problem["type"], "urn:postern:problem:not_ready");
    assert!(!problem.to_string().contains("hunter2"));
    well.store(true, SeqCst);
    assert_eq!(get(&route, "/health/ready").await.0, StatusCode::OK);

    stopping.cancel();
    assert_eq!(get(&route, "/health/ready").await.1["failing"], json!(["stopping"]));
    assert_eq!(get(&route, "/health/live").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_check_that_hangs_has_failed() {
    let health = Health::new(CancellationToken::new()).check("database", pending);
    let route = Route::new().nest("/health", health);
    let answer = tokio::time::timeout(Duration::from_secs(3), get(&route, "/health/ready")).await.unwrap();
    assert_eq!(answer.1["failing"], json!(["database"]));
}
