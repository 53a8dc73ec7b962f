//! Tests the files of the web page: headers, sizes and conditional requests.

use poem::{
    Request,
    http::{Method, StatusCode, header},
};
use serde_json::json;

use crate::support::TestService;

const FILES: [(&str, &str); 9] = [
    ("/", "text/html; charset=utf-8"),
    ("/tasks.js", "text/javascript; charset=utf-8"),
    ("/oauth.js", "text/javascript; charset=utf-8"),
    ("/words.js", "text/javascript; charset=utf-8"),
    ("/tasks.css", "text/css; charset=utf-8"),
    ("/postern.css", "text/css; charset=utf-8"),
    ("/icons.svg", "image/svg+xml"),
    ("/mark.svg", "image/svg+xml"),
    ("/config.json", "application/json"),
];

#[tokio::test]
async fn every_file_is_served_under_a_strict_policy() {
    let service = TestService::new().await;
    for (path, media_type) in FILES {
        let answer = service.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("content-type"), media_type);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self' http://localhost:7117; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_known_is_not_sent_again() {
    let service = TestService::new().await;
    for (path, _) in FILES {
        let first = service.get(path).await;
        let etag = first.header("etag");
        for known in [etag, &format!("\"other\", {etag}"), "*"] {
            let request = Request::builder().uri(path.parse().unwrap()).header(header::IF_NONE_MATCH, known);
            let answer = service.send(request.finish()).await;
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
            assert_eq!(answer.header("etag"), etag);
        }
        let request =
            Request::builder().uri(path.parse().unwrap()).header(header::IF_NONE_MATCH, "\"other\"");
        assert_eq!(service.send(request.finish()).await.body, first.body);
    }
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let service = TestService::new().await;
    for (path, media_type) in FILES {
        let request = Request::builder().method(Method::HEAD).uri(path.parse().unwrap());
        let answer = service.send(request.finish()).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""), "{path}");
        assert_eq!(answer.header("content-type"), media_type);
    }
}

#[tokio::test]
async fn page_and_stylesheets_weigh_less_than_25_kilobytes() {
    let service = TestService::new().await;
    let mut sent = 0;
    for path in ["/", "/postern.css", "/tasks.css"] {
        sent += service.get(path).await.body.len();
    }
    assert!(sent < 25_000, "{sent}");
}

#[tokio::test]
async fn the_page_has_nothing_that_its_policy_forbids() {
    let service = TestService::new().await;
    let page = service.get("/").await.body;
    for forbidden in ["style=", "<style", "onclick", "javascript:", "http://", "https://"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn the_page_learns_where_to_sign_in() {
    let service = TestService::new().await;
    let settings = json!({
        "issuer": "http://localhost:7117",
        "client_id": "tasks-web",
        "resource": "http://localhost:7118",
        "scopes": "openid email tasks:read tasks:write",
    });
    assert_eq!(service.get("/config.json").await.json(), settings);
}
