//! Tests what the pipeline gives every request: an ID, limits, a response, a log line and metrics.

use std::future::pending;

use poem::{Endpoint, EndpointExt, Request, Response, Route, http::StatusCode};
use poem_openapi::{OpenApi, OpenApiService, param::Path};
use postern_service::{
    body::Json,
    database::DatabaseError,
    pipeline::Pipeline,
    problem::Problem,
    random::Random,
    routing::DocumentedRoutes,
    settings::{HttpSettings, LogFormat, TelemetrySettings},
    telemetry::{self, CurrentRequest, LogWriter, Metrics},
};
use sea_orm::{ConnAcquireErr, DbErr};
use serde_json::Value;

use crate::support::{Server, Sink, http_settings};

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/lengths", method = "post")]
    async fn length(&self, words: Json<Vec<String>>) -> Result<Json<usize>, Problem> {
        tracing::info!("counted");
        Ok(Json(words.0.len()))
    }

    /// poem-openapi's own payload, for which the limits must hold too.
    #[oai(path = "/stock", method = "post")]
    async fn stock(&self, words: poem_openapi::payload::Json<Vec<String>>) -> Json<usize> {
        Json(words.0.len())
    }

    #[oai(path = "/entrance/:id/show", method = "get")]
    async fn show(&self, id: Path<String>) -> Result<Json<String>, Problem> {
        match id.0.as_str() {
            "panic" => panic!("at the {}", "hunter2"),
            "slow" => pending().await,
            "fails" => {
                let cause = DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
                Err(DatabaseError::Unavailable(cause).into())
            }
            _ => Ok(Json(CurrentRequest::current().unwrap().id.to_string())),
        }
    }
}

fn pipeline(settings: &HttpSettings) -> Pipeline {
    let api = OpenApiService::new(Api, "Test", "1");
    let paths = DocumentedRoutes::from_document(&serde_json::from_str(&api.spec()).unwrap());
    let endpoint = Route::new().nest("/", api).boxed();
    Pipeline::new(endpoint, settings, Random::system(), paths)
}

fn quick() -> HttpSettings {
    let mut settings = http_settings();
    settings.request_timeout = "100ms".parse().unwrap();
    settings.body_timeout = "100ms".parse().unwrap();
    settings
}

async fn body(response: Response) -> Value {
    serde_json::from_slice(&response.into_body().into_bytes().await.unwrap()).unwrap()
}

fn get(path: &'static str) -> Request {
    Request::builder().uri_str(path).header("x-request-id", "from-outside").finish()
}

#[tokio::test]
async fn the_reference_is_made_here_and_told_everywhere() {
    let entrance = pipeline(&http_settings());
    let response = entrance.get_response(get("/entrance/7/show")).await;
    let id = response.header("x-request-id").unwrap().to_owned();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(body(response).await, id.as_str());

    let response = entrance.get_response(get("/nowhere")).await;
    let id = response.header("x-request-id").unwrap().to_owned();
    assert_eq!(body(response).await["instance"], format!("urn:postern:request:{id}"));
}

#[tokio::test]
async fn a_panic_is_answered_and_the_next_request_too() {
    let entrance = pipeline(&http_settings());
    let response = entrance.get_response(get("/entrance/panic/show")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let problem = body(response).await;
    assert_eq!(problem["type"], "urn:postern:problem:internal");
    assert!(!problem.to_string().contains("hunter2"));
    assert_eq!(entrance.get_response(get("/entrance/7/show")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let response = pipeline(&quick()).get_response(get("/entrance/slow/show")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.header("retry-after").is_some());
    assert_eq!(body(response).await["type"], "urn:postern:problem:unavailable");
}

#[tokio::test]
async fn bodies_are_limited_however_they_are_read() {
    let server = Server::start(&quick(), pipeline(&quick()).boxed()).await;
    let head = "Host: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
    for path in ["/lengths", "/stock"] {
        let post = |rest: &str| format!("POST {path} HTTP/1.1\r\n{head}{rest}");
        let good = server.exchange(&post("Content-Length: 9\r\n\r\n[\"a\",\"b\"]")).await;
        assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("\r\n\r\n2"), "{good}");

        let announced = server.exchange(&post("Content-Length: 1000000000\r\n\r\n")).await;
        assert!(announced.starts_with("HTTP/1.1 413"), "{announced}");
        assert!(announced.contains("urn:postern:problem:body_too_large"));

        let item = format!("\"{}\"", "a".repeat(2000));
        let chunked =
            post(&format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{item}\r\n0\r\n\r\n", item.len()));
        let chunked = server.exchange(&chunked).await;
        assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");

        let slow = server.exchange(&post("Content-Length: 9\r\n\r\n[")).await;
        assert!(slow.starts_with("HTTP/1.1 408") || slow.starts_with("HTTP/1.1 503"), "{slow}");

        let broken = server.exchange(&post("Transfer-Encoding: chunked\r\n\r\nzz\r\n")).await;
        assert!(broken.starts_with("HTTP/1.1 400") && broken.contains("the body is incomplete"), "{broken}");
    }
    let unknown = server.exchange("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[").await;
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
}

#[tokio::test]
async fn a_slow_body_is_given_up_before_the_request_is() {
    let mut settings = quick();
    settings.request_timeout = "5s".parse().unwrap();
    let server = Server::start(&settings, pipeline(&settings).boxed()).await;
    let request = "POST /lengths HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[";
    let answer = server.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn one_line_is_logged_and_no_secret_in_it() {
    let sink = Sink::default();
    let writer = LogWriter::start(Box::new(sink.clone()));
    let settings = TelemetrySettings { log: "trace".to_owned(), format: LogFormat::Json };
    let logging = tracing::subscriber::set_default(telemetry::subscriber(&settings, &writer, false).unwrap());
    let entrance = pipeline(&http_settings());
    // Another test may log something first, at the same time and without a subscriber. `tracing` would then
    // keep the call site disabled, so the interest of all call sites is computed again after each has been
    // reached.
    let first = Request::builder().method("POST".parse().unwrap()).uri_str("/lengths");
    entrance.get_response(first.content_type("application/json").body("[]")).await;
    tracing::callsite::rebuild_interest_cache();
    let request = Request::builder()
        .method("POST".parse().unwrap())
        .uri_str("/lengths?code=hunter2")
        .header("authorization", "Bearer hunter2")
        .header("cookie", "session=hunter2")
        .content_type("application/json")
        .body("[\"hunter2\"]");
    let response = entrance.get_response(request).await;
    let id = response.header("x-request-id").unwrap().to_owned();
    entrance.get_response(get("/%1b%0a%22/x?token=hunter2")).await;
    drop((logging, writer));

    let text = sink.text();
    assert!(!text.contains("hunter2"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ours: Vec<_> = lines.iter().filter(|line| line["request_id"] == id.as_str()).collect();
    assert_eq!(ours[0]["message"], "counted", "what is logged within carries the reference: {text}");
    let line = ours[1];
    assert_eq!((&line["message"], &line["level"]), (&"request".into(), &"INFO".into()));
    assert_eq!(
        (&line["method"], &line["path"], &line["status"]),
        (&"POST".into(), &"/lengths".into(), &200.into())
    );
    assert!(line["micros"].is_u64() && ours.len() == 2);
    assert_eq!(lines.last().unwrap()["path"], "/%1b%0a%22/x");
}

#[tokio::test]
async fn requests_are_counted_by_method_route_and_status() {
    let metrics = Metrics::install();
    let entrance = pipeline(&http_settings());
    for _ in 0..3 {
        entrance.get_response(get("/entrance/7/show")).await;
    }
    entrance.get_response(get("/counted/nowhere")).await;
    let strange = Request::builder().method("BREW".parse().unwrap()).uri_str("/entrance/7/show").finish();
    assert_eq!(entrance.get_response(strange).await.header("allow"), Some("GET, HEAD"));

    let text = metrics.render();
    let count = |labels: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(labels))
            .unwrap_or_else(|| panic!("{labels} in {text}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let route = "route=\"/entrance/{id}/show\"";
    assert!(count(&format!("http_requests_total{{method=\"GET\",{route},status=\"200\"}}")) >= 3.0);
    assert!(count(&format!("http_requests_total{{method=\"OTHER\",{route},status=\"405\"}}")) >= 1.0);
    assert!(count("http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"}") >= 1.0);
    assert!(
        count(&format!("http_request_duration_seconds_bucket{{method=\"GET\",{route},le=\"10\"}}")) >= 3.0
    );
    assert!(!text.contains("/counted/nowhere"), "a path that does not exist makes no series");
}

#[tokio::test]
async fn what_is_left_of_a_body_does_not_cost_the_next_request() {
    let server = Server::start(&http_settings(), pipeline(&http_settings()).boxed()).await;
    let body = format!("[\"{}\"]", "a".repeat(900));
    for (path, status) in [("/nowhere", 404), ("/entrance/7/show", 405), ("/lengths", 415), ("/stock", 415)] {
        let mut client = server.connect().await;
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n");
        client.send(&format!("{head}Content-Length: {length}\r\n\r\n{}", &body[..100])).await;
        assert!(client.silent().await, "{path}: the rest of the body is waited for");
        client.send(&body[100..]).await;
        client.send("GET /entrance/7/show HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let answers = client.rest().await;
        assert!(answers.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answers}");
        assert!(answers.contains("HTTP/1.1 200"), "{path}: {answers}");
        assert_eq!(answers.matches("connection: close").count(), 1, "{path}: {answers}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_read_to_its_end_closes_the_connection_and_says_so() {
    let server = Server::start(&http_settings(), pipeline(&http_settings()).boxed()).await;
    for (path, rest, status) in [
        // A body that is announced as too long, one that turns out to be too long, one that waits for `100
        // Continue`, and one that is never sent.
        ("/lengths", "Content-Length: 100000\r\n\r\n", 413),
        ("/nowhere", "Content-Length: 100000\r\n\r\n", 413),
        ("/nowhere", &format!("Transfer-Encoding: chunked\r\n\r\n7d0\r\n{}\r\n", "a".repeat(2000)), 404),
        ("/nowhere", "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n", 404),
        ("/nowhere", "Content-Length: 10\r\n\r\n", 404),
    ] {
        let answer = server.exchange(&format!("POST {path} HTTP/1.1\r\nHost: x\r\n{rest}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{rest}: {answer}");
        assert!(answer.contains("connection: close"), "{rest}: {answer}");
    }
}

#[tokio::test]
async fn two_hosts_are_refused() {
    let server = Server::start(&http_settings(), pipeline(&http_settings()).boxed()).await;
    let request = "GET /entrance/7/show HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n";
    let answer = server.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("more than one Host"), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
}

#[tokio::test]
async fn a_failing_request_is_one_line_and_many_are_a_few_with_their_number() {
    let sink = Sink::default();
    let writer = LogWriter::start(Box::new(sink.clone()));
    let settings = TelemetrySettings { log: "info".to_owned(), format: LogFormat::Json };
    let logging = tracing::subscriber::set_default(telemetry::subscriber(&settings, &writer, false).unwrap());
    let entrance = pipeline(&http_settings());
    entrance.get_response(get("/entrance/fails/show")).await;
    tracing::callsite::rebuild_interest_cache();
    for _ in 0..1000 {
        assert_eq!(entrance.get_response(get("/entrance/fails/show")).await.status(), 503);
    }
    drop((logging, writer));
    let text = sink.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() < 200, "{} lines", lines.len());
    let line = &lines[0];
    assert_eq!((&line["message"], &line["status"]), (&"request failed".into(), &503.into()), "{text}");
    assert_eq!(line["path"], "/entrance/fails/show");
    assert!(line["cause"].as_str().unwrap().contains("the database is not available"), "{line}");
    let first: Vec<_> = lines.iter().filter(|other| other["request_id"] == line["request_id"]).collect();
    assert_eq!(first.len(), 1, "{first:?}");
}
