//! Tests the documentation page: scripts allowed by hashes only, offline, compressed, pointing to the issuer.

use std::io::Read;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use poem::{Endpoint, Request, Response, Route, http::StatusCode};
use postern_service::docs::{Docs, DocsOptions};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn service(client_id: Option<&str>) -> impl Endpoint<Output = Response> {
    let document = json!({
        "openapi": "3.0.0",
        "servers": [],
        "paths": {"/api/tasks": {"get": {}}},
        "components": {"securitySchemes": {
            "postern": {"type": "oauth2", "flows": {"authorizationCode": {
                "authorizationUrl": "/oauth2/authorize", "tokenUrl": "/oauth2/token", "scopes": {},
            }}},
            "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
        }},
    });
    let options = DocsOptions {
        title: "Tasks <&>".to_owned(),
        server: "http://localhost:7118/".parse().unwrap(),
        issuer: "https://id.example.test/".parse().unwrap(),
        client_id: client_id.map(ToOwned::to_owned),
        scopes: vec!["tasks:read".to_owned(), "</script>".to_owned()],
    };
    Docs::new(document, options).mount(Route::new())
}

async fn get(
    service: &impl Endpoint<Output = Response>,
    path: &'static str,
    header: (&'static str, &str),
) -> (Response, Vec<u8>) {
    let request = Request::builder().uri_str(path).header(header.0, header.1).finish();
    let mut response = service.get_response(request).await;
    let body = response.take_body().into_vec().await.unwrap();
    (response, body)
}

async fn page(path: &'static str) -> (Response, String) {
    let (response, body) = get(&service(Some("docs")), path, ("accept", "*/*")).await;
    assert_eq!(response.status(), StatusCode::OK);
    (response, String::from_utf8(body).unwrap())
}

/// The texts of all elements of this kind.
fn inline<'a>(page: &'a str, tag: &str) -> Vec<&'a str> {
    let (start, end) = (format!("<{tag}>"), format!("</{tag}>"));
    let mut texts = Vec::new();
    let mut rest = page;
    while let Some((_, inside)) = rest.split_once(&start) {
        let (text, after) = inside.split_once(&end).unwrap();
        texts.push(text);
        rest = after;
    }
    texts
}

#[tokio::test]
async fn the_policy_allows_the_scripts_and_styles_of_the_page_and_nothing_else() {
    for (path, scripts, styles) in [("/docs", 2, 1), ("/docs/oauth2-redirect.html", 1, 0)] {
        let (response, page) = page(path).await;
        let policy = response.header("content-security-policy").unwrap();
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"));
        for (tag, count) in [("script", scripts), ("style", styles)] {
            let inline = inline(&page, tag);
            assert_eq!(inline.len(), count, "{path} {tag}");
            for text in inline {
                assert!(policy.contains(&format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))));
            }
        }
    }
}

#[tokio::test]
async fn the_page_needs_nobody_else() {
    let (response, page) = page("/docs").await;
    for outside in ["src=\"http", "href=\"http", "@import", "<script src", "<link rel=\"stylesheet"] {
        let markup = page.split("<script>").next().unwrap();
        assert!(!markup.contains(outside), "{outside}");
    }
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.contains("connect-src 'self' http://localhost:7118 https://id.example.test;"), "{policy}");
    assert!(page.contains("<title>Tasks &lt;&amp;></title>"));
    assert!(page.contains(r#"{"client_id":"docs","scopes":["tasks:read","\u003c/script>"]}"#));
}

#[tokio::test]
async fn the_document_points_to_this_server_and_to_the_issuer() {
    let (_, body) = get(&service(Some("docs")), "/openapi.json", ("accept", "*/*")).await;
    let document: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(document["servers"], json!([{"url": "http://localhost:7118"}]));
    let schemes = &document["components"]["securitySchemes"];
    let flow = &schemes["postern"]["flows"]["authorizationCode"];
    assert_eq!(flow["tokenUrl"], "https://id.example.test/oauth2/token");
    assert_eq!(flow["authorizationUrl"], "https://id.example.test/oauth2/authorize");
    assert_eq!(schemes["cookie"], json!({"type": "apiKey", "in": "cookie", "name": "session"}), "left alone");
}

#[tokio::test]
async fn files_are_compressed_for_those_who_take_it_and_sent_once() {
    let service = service(Some("docs"));
    for path in ["/docs", "/openapi.json"] {
        let (plain, content) = get(&service, path, ("accept-encoding", "br, gzip;q=0")).await;
        assert_eq!(plain.header("content-encoding"), None);
        let (packed, body) = get(&service, path, ("accept-encoding", "deflate, gzip;q=0.5")).await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        let mut unpacked = Vec::new();
        GzDecoder::new(&*body).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, content);

        let etag = packed.header("etag").unwrap();
        assert_eq!(plain.header("etag"), Some(etag));
        for known in [etag, &format!("\"other\", {etag}"), "*"] {
            let (response, body) = get(&service, path, ("if-none-match", known)).await;
            assert_eq!((response.status(), body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        }
        assert_eq!(get(&service, path, ("if-none-match", "\"other\"")).await.0.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn without_a_client_there_is_no_sign_in() {
    let request = Request::builder().uri_str("/docs").finish();
    let page = service(None).get_response(request).await.into_body().into_string().await.unwrap();
    assert!(page.contains(r#""client_id":null"#));
}
