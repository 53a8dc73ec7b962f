//! Tests the API reference: readable without scripts, nothing inline, files kept for ever, examples of its own.

use std::{
    io::Read,
    sync::{Arc, Mutex},
};

use flate2::read::GzDecoder;
use poem::{Endpoint, EndpointExt, Request, Response, Route, endpoint::BoxEndpoint, http::StatusCode};
use postern_service::docs::{ClientState, Docs, DocsClient, DocsOptions, add_examples};
use serde_json::{Value, json};

/// A document with two groups, the one that is used first not the first by name.
fn document() -> Value {
    json!({
        "openapi": "3.0.0",
        "info": { "title": "Tasks", "description": "Says `a < b`." },
        "servers": [],
        "tags": [
            { "name": "Use", "description": "First." },
            { "name": "Admin & more", "description": "Second." },
            { "name": "Empty", "description": "Has no operation." },
        ],
        "paths": {
            "/api/users": { "get": {
                "tags": ["Admin & more"], "operationId": "list_users", "summary": "List the users",
                "responses": { "200": { "description": "All of them." } },
            } },
            "/api/tasks/{id}": { "put": {
                "tags": ["Use"], "operationId": "replace_task", "summary": "Replace a task",
                "description": "Takes `title`.\n\nIt's <b>safe</b>.",
                "security": [{ "postern": ["tasks:write"] }],
                "parameters": [
                    { "name": "id", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" } },
                    { "name": "notify", "in": "query", "schema": { "type": "boolean" } },
                ],
                "requestBody": { "required": true, "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Task" },
                } } },
                "responses": {
                    "200": { "description": "Done.", "content": { "application/json": {
                        "schema": { "$ref": "#/components/schemas/Task" },
                    } } },
                    "400": { "description": "Wrong.", "content": { "application/problem+json": { "schema": {} } } },
                    "403": { "description": "No.", "content": { "application/problem+json": { "schema": {} } } },
                    "default": { "description": "No.", "content": { "application/problem+json": { "schema": {} } } },
                },
            } },
        },
        "components": {
            "schemas": { "Task": {
                "type": "object", "required": ["title"],
                "properties": {
                    "title": { "type": "string", "maxLength": 9, "description": "What to do." },
                    "list": { "type": "object", "properties": { "name": { "type": "string" } } },
                },
                "example": { "title": "It's late", "list": null },
            } },
            "securitySchemes": {
                "postern": { "type": "oauth2", "flows": { "authorizationCode": {
                    "authorizationUrl": "/oauth2/authorize", "tokenUrl": "/oauth2/token",
                    "scopes": { "tasks:write": "Change \"tasks\"", "account": "Manage your account" },
                } } },
                "cookie": { "type": "apiKey", "in": "cookie", "name": "session" },
            },
        },
    })
}

struct Service {
    endpoint: BoxEndpoint<'static, Response>,
    client: Arc<Mutex<ClientState>>,
}

impl Service {
    fn new() -> Self {
        let client = Arc::new(Mutex::new(ClientState::Missing));
        let state = Arc::clone(&client);
        let mut document = document();
        let own_error = |operation: &str, status| {
            (operation == "replace_task" && status == 403).then(|| json!({ "status": 403 }))
        };
        add_examples(&mut document, own_error);
        let options = DocsOptions {
            title: "Tasks <&>".to_owned(),
            server: "http://localhost:7118/".parse().unwrap(),
            issuer: "https://id.example.test/".parse().unwrap(),
            client: DocsClient {
                client_id: "docs".to_owned(),
                scopes: vec!["tasks:write".to_owned()],
                command: "postern client add --docs".to_owned(),
                state: Arc::new(move || state.lock().unwrap().clone()),
            },
            stylesheet: Some("/brand.css".to_owned()),
        };
        let endpoint = Docs::new(document, options).mount(Route::new());
        Self { endpoint: endpoint.map_to_response().boxed(), client }
    }

    fn knows(&self, state: ClientState) {
        *self.client.lock().unwrap() = state;
    }

    async fn get(&self, path: &str, header: (&'static str, &str)) -> (Response, Vec<u8>) {
        let request = Request::builder().uri(path.parse().unwrap()).header(header.0, header.1).finish();
        let mut response = self.endpoint.get_response(request).await;
        let body = response.take_body().into_vec().await.unwrap();
        (response, body)
    }

    async fn page(&self, path: &str) -> (Response, String) {
        let (response, body) = self.get(path, ("accept", "*/*")).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        (response, String::from_utf8(body).unwrap())
    }
}

/// The files that a page loads.
fn files(page: &str) -> Vec<String> {
    let after = |mark: &'static str| page.split(mark).skip(1).filter_map(|rest| rest.split_once('"'));
    let addresses = after("href=\"/docs/assets/").chain(after("src=\"/docs/assets/"));
    addresses.map(|(path, _)| format!("/docs/assets/{path}")).collect()
}

#[tokio::test]
async fn nothing_is_inline_and_the_policy_allows_files_of_this_origin_alone() {
    let service = Service::new();
    for path in ["/docs", "/docs/oauth2-redirect.html"] {
        let (response, page) = service.page(path).await;
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains('*') && !policy.contains("sha256"),
            "{policy}"
        );
        assert!(policy.contains("form-action 'none'; frame-ancestors 'none'"), "{policy}");
        assert!(
            !page.contains("<style") && !page.contains("style=\"") && !page.contains(" onclick"),
            "{path}"
        );
        for script in page.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/docs/assets/") && script.contains("></script>"), "{path}");
        }
        for outside in ["src=\"http", "<link rel=\"stylesheet\" href=\"http", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
    let (response, _) = service.page("/docs").await;
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.contains("connect-src 'self' http://localhost:7118 https://id.example.test;"), "{policy}");
}

#[tokio::test]
async fn script_and_style_are_small_compressed_and_kept_for_ever() {
    let service = Service::new();
    let (_, page) = service.page("/docs").await;
    let files = files(&page);
    assert_eq!(files.len(), 3, "icon, style and script: {files:?}");
    for path in files {
        let (response, body) = service.get(&path, ("accept-encoding", "gzip")).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.header("cache-control"), Some("public, max-age=31536000, immutable"), "{path}");
        assert_eq!(response.header("content-encoding"), Some("gzip"), "{path}");
        assert!(body.len() < 6_000, "{path} is {} bytes", body.len());
        let of_another_version = path.replace(path.split('/').nth(3).unwrap(), "old");
        let (response, _) = service.get(&of_another_version, ("accept", "*/*")).await;
        assert_eq!(response.header("cache-control"), Some("public, no-cache"), "{of_another_version}");
    }
    assert_eq!(service.get("/docs/assets/x/nothing.js", ("accept", "*/*")).await.0.status(), 404);
}

#[tokio::test]
async fn the_reference_is_in_the_page_itself_in_the_order_of_the_groups() {
    let (_, page) = Service::new().page("/docs").await;
    for shown in [
        "<title>API · Tasks &lt;&amp;&gt;</title>",
        "Says <code>a &lt; b</code>.",
        "<p>Takes <code>title</code>.</p><p>It's &lt;b&gt;safe&lt;/b&gt;.</p>",
        "<strong>Needs</strong> an access token with the scope <code>tasks:write</code>.",
        "<code>title</code> <span class=\"soft\">text, at most 9 characters · <strong>required</strong></span>",
        "<code>list.name</code>",
        "id=\"replace_task\"",
        "href=\"#replace_task\"",
        "href=\"/brand.css\"",
        "Admin &amp; more",
    ] {
        assert!(page.contains(shown), "{shown} not in {page}");
    }
    assert!(!page.contains("Has no operation."));
    assert!(page.find("id=\"replace_task\"") < page.find("id=\"list_users\""), "the order of the tags");
}

#[tokio::test]
async fn an_operation_has_a_curl_line_and_each_error_an_example_of_its_own() {
    let (_, body) = Service::new().get("/openapi.json", ("accept", "*/*")).await;
    let document: Value = serde_json::from_slice(&body).unwrap();
    let operation = &document["paths"]["/api/tasks/{id}"]["put"];
    let line = operation["x-codeSamples"][0]["source"].as_str().unwrap();
    let expected = "curl -X PUT http://localhost:7118/api/tasks/8f0e4c5a-3b6d-4f21-9a77-1c2d3e4f5a6b \\\n  \
                    -H \"Authorization: Bearer $TOKEN\" \\\n  -H 'Content-Type: application/json' \\\n  \
                    -d '{\"title\":\"It'\\''s late\"}'";
    assert_eq!(line, expected);
    let users = &document["paths"]["/api/users"]["get"]["x-codeSamples"][0]["source"];
    assert_eq!(users, "curl http://localhost:7118/api/users");
    let example =
        |status: &str| &operation["responses"][status]["content"]["application/problem+json"]["example"];
    assert_eq!(example("400")["type"], "urn:postern:problem:malformed_request");
    assert_eq!(example("400")["field"], "title");
    assert_eq!(example("403"), &json!({ "status": 403 }), "what the service knows better");
    assert_eq!(example("default")["status"], 500);
    assert!(!String::from_utf8(body).unwrap().contains("\"parameters\":null"), "what is not there stays so");
}

#[tokio::test]
async fn the_page_offers_what_the_client_may_have_or_says_how_to_add_the_client() {
    let service = Service::new();
    let command = "postern client add --docs";
    let (_, missing) = service.page("/docs").await;
    assert!(missing.contains(command) && !missing.contains("id=\"sign-in-form\""), "{missing}");

    service.knows(ClientState::Ready(vec!["tasks:write".to_owned(), "elsewhere".to_owned()]));
    let (response, ready) = service.page("/docs").await;
    assert!(!ready.contains(command), "it exists");
    assert!(ready.contains("value=\"tasks:write\" checked"), "{ready}");
    assert!(ready.contains("Change &quot;tasks&quot;"), "{ready}");
    assert!(!ready.contains("value=\"account\"") && !ready.contains("value=\"elsewhere\""), "{ready}");
    for told in ["data-client-id=\"docs\"", "data-token-url=\"https:", "data-authorization-url=\"https:"] {
        assert!(ready.contains(told), "{told}");
    }

    service.knows(ClientState::Unknown(vec!["tasks:write".to_owned()]));
    let (other, unknown) = service.page("/docs").await;
    assert!(unknown.contains(command) && unknown.contains("id=\"sign-in-form\""), "both");
    assert_ne!(response.header("etag"), other.header("etag"));
}

#[tokio::test]
async fn the_document_points_to_this_server_and_to_the_issuer() {
    let (_, body) = Service::new().get("/openapi.json", ("accept", "*/*")).await;
    let document: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(document["servers"], json!([{ "url": "http://localhost:7118" }]));
    let schemes = &document["components"]["securitySchemes"];
    let flow = &schemes["postern"]["flows"]["authorizationCode"];
    assert_eq!(flow["tokenUrl"], "https://id.example.test/oauth2/token");
    assert_eq!(flow["authorizationUrl"], "https://id.example.test/oauth2/authorize");
    assert_eq!(
        schemes["cookie"],
        json!({ "type": "apiKey", "in": "cookie", "name": "session" }),
        "left alone"
    );
}

#[tokio::test]
async fn pages_are_compressed_for_those_who_take_it_and_sent_once() {
    let service = Service::new();
    for path in ["/docs", "/openapi.json"] {
        let (plain, content) = service.get(path, ("accept-encoding", "br, gzip;q=0")).await;
        assert_eq!(plain.header("content-encoding"), None);
        let (packed, body) = service.get(path, ("accept-encoding", "deflate, gzip;q=0.5")).await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        let mut unpacked = Vec::new();
        GzDecoder::new(&*body).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, content);

        let etag = packed.header("etag").unwrap();
        assert_eq!(plain.header("etag"), Some(etag));
        for known in [etag, &format!("\"other\", {etag}"), "*"] {
            let (response, body) = service.get(path, ("if-none-match", known)).await;
            assert_eq!((response.status(), body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        }
        assert_eq!(service.get(path, ("if-none-match", "\"other\"")).await.0.status(), StatusCode::OK);
    }
}
