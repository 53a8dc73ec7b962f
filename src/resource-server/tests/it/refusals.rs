//! Tests refusals: tokens (RFC 6750), bodies, paths and methods. None is a 5xx.

use poem::{
    Request,
    http::{Method, StatusCode, header},
};
use serde_json::{Value, json};

use crate::support::{ALICE, AUDIENCE, Answer, TestService, path_of};

/// Every operation with its required scope.
const OPERATIONS: [(Method, &str, &str); 7] = [
    (Method::GET, "/api/tasks", "tasks:read"),
    (Method::POST, "/api/tasks", "tasks:write"),
    (Method::GET, "/api/tasks/00000000-0000-4000-8000-000000000000", "tasks:read"),
    (Method::PUT, "/api/tasks/00000000-0000-4000-8000-000000000000", "tasks:write"),
    (Method::PATCH, "/api/tasks/00000000-0000-4000-8000-000000000000", "tasks:write"),
    (Method::DELETE, "/api/tasks/00000000-0000-4000-8000-000000000000", "tasks:write"),
    (Method::GET, "/api/users/somebody/tasks", "tasks:read"),
];

async fn with_authorization(service: &TestService, method: Method, path: &str, value: &str) -> Answer {
    let request = Request::builder().method(method).uri(path.parse().unwrap());
    let request = request.header(header::AUTHORIZATION, value).content_type("application/json");
    service.send(request.body(r#"{"title":"x"}"#)).await
}

#[tokio::test]
async fn without_a_token_every_operation_asks_for_one() {
    let service = TestService::new().await;
    for (method, path, _) in OPERATIONS {
        let answer =
            service.send(Request::builder().method(method).uri(path.parse().unwrap()).finish()).await;
        answer.refused(401, "");
        // RFC 6750 section 3.1: no error code for a request without credentials.
        assert_eq!(answer.header("www-authenticate"), format!("Bearer realm=\"{AUDIENCE}\""));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_token_that_is_not_acceptable_opens_nothing() {
    let service = TestService::new().await;
    let good = service.claims(ALICE, "tasks:read tasks:write");
    let claims = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let now = service.clock.now().seconds();
    let sign = |claims: Value| service.issuer.sign(&claims);
    let mut id_token_header = service.issuer.header();
    id_token_header["typ"] = json!("JWT");
    for token in [
        "nonsense".to_owned(),
        String::new(),
        sign(claims("exp", json!(now - 61))),
        sign(claims("nbf", json!(now + 61))),
        sign(claims("aud", json!("http://localhost:7117"))),
        sign(claims("iss", json!("http://localhost:7117/"))),
        sign(claims("cnf", json!({ "jkt": "x" }))),
        service.issuer.forge(&good),
        service.issuer.sign_with(&id_token_header, &good),
    ] {
        for (method, path, _) in OPERATIONS {
            let answer = with_authorization(&service, method, path, &format!("Bearer {token}")).await;
            answer.refused(401, "");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
    }
    assert_eq!(service.person(ALICE).titles("").await, [""; 0], "nothing was made");
}

#[tokio::test]
async fn credentials_are_a_bearer_token_in_one_header_and_nowhere_else() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let token = &alice.token;
    let basic = with_authorization(&service, Method::GET, "/api/tasks", "Basic YTpi").await;
    basic.refused(401, "");
    service.get(&format!("/api/tasks?access_token={token}")).await.refused(401, "");
    let lower = with_authorization(&service, Method::GET, "/api/tasks", &format!("bearer {token}")).await;
    assert_eq!(lower.status, StatusCode::OK);
    let twice = alice.request(Method::GET, "/api/tasks").header(header::AUTHORIZATION, "Bearer x");
    let twice = service.send(twice.finish()).await;
    twice.refused(400, "");
    assert!(twice.header("www-authenticate").contains("error=\"invalid_request\""));
}

#[tokio::test]
async fn each_operation_needs_its_own_scope() {
    let service = TestService::new().await;
    for (method, path, needed) in OPERATIONS {
        let other = if needed == "tasks:read" { "tasks:write" } else { "tasks:read" };
        for scope in [other, "openid", "", "tasks", "tasks:readwrite"] {
            let person = service.person_with(ALICE, scope);
            let answer = person.send(method.clone(), path, &json!({ "title": "x" })).await;
            answer.refused(403, "");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
            assert!(challenge.contains(&format!("scope=\"{needed}\"")), "{challenge}");
        }
        let enough = service.person_with(ALICE, needed);
        let answer = enough.send(method, path, &json!({ "title": "x" })).await;
        assert!(!answer.headers.contains_key("www-authenticate"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_a_rule_is_refused_with_the_member() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let task = alice.add("As it was").await;
    let path = path_of(&task);
    let long = "x".repeat(201);
    let longer = "x".repeat(4001);
    let bodies = [
        (json!({ "title": "" }), "title"),
        (json!({ "title": " \t " }), "title"),
        (json!({ "title": long }), "title"),
        (json!({ "title": "a\0b" }), "title"),
        (json!({ "title": "a\u{1b}[31mb" }), "title"),
        (json!({ "title": ["a"] }), "title"),
        (json!({ "title": {} }), "title"),
        (json!({ "title": 7 }), "title"),
        (json!({ "title": true }), "title"),
        (json!({ "title": "a", "notes": 7 }), "notes"),
        (json!({ "title": "a", "done": "true" }), "done"),
        (json!({ "title": "a", "notes": "a\0" }), "notes"),
        (json!({ "title": "a", "notes": longer }), "notes"),
        (json!({ "title": "a", "notes": [] }), "notes"),
        (json!({ "title": "a", "done": "yes" }), "done"),
        (json!({ "title": "a", "done": 1 }), "done"),
    ];
    for (body, field) in &bodies {
        for (method, path) in
            [(Method::POST, "/api/tasks"), (Method::PUT, path.as_str()), (Method::PATCH, &path)]
        {
            alice.send(method, path, body).await.refused(400, field);
        }
    }
    for (method, path) in [(Method::POST, "/api/tasks"), (Method::PUT, path.as_str())] {
        alice.send(method.clone(), path, &json!({ "done": true })).await.refused(400, "title");
        alice.send(method, path, &json!({ "title": null })).await.refused(400, "title");
    }
    assert_eq!(alice.get(&path).await.json(), task, "nothing was half-written");
    assert_eq!(alice.titles("").await, ["As it was"]);
}

#[tokio::test]
async fn a_body_that_is_no_object_of_known_members_is_refused() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let path = path_of(&alice.add("As it was").await);
    let texts: [(&[u8], &str); 14] = [
        (b"", ""),
        (b"{", ""),
        (b"null", ""),
        (b"[]", ""),
        (b"\"title\"", ""),
        (b"{\"title\":\"a\"} x", ""),
        (b"\xef\xbb\xbf{\"title\":\"a\"}", ""),
        (b"{\"title\":\"\xff\"}", ""),
        (b"{\"title\":\"\\ud800\"}", ""),
        (b"{\"title\":1e999}", ""),
        (b"{\"title\":\"a\",\"title\":\"b\"}", "title"),
        (b"{\"title\":\"a\",\"owner\":\"bob\"}", "owner"),
        (b"{\"title\":\"a\",\"id\":\"1\"}", "id"),
        (b"{\"title\":\"a\",\"Title\":\"b\"}", "Title"),
    ];
    for (text, field) in texts {
        for (method, path) in [(Method::POST, "/api/tasks"), (Method::PATCH, path.as_str())] {
            let answer = alice.send_text(method, path, text.to_vec()).await;
            answer.refused(400, field);
        }
    }
    let deep = "[".repeat(50_000);
    alice.send_text(Method::POST, "/api/tasks", deep).await.refused(400, "");
    assert_eq!(alice.titles("").await, ["As it was"]);
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let path = path_of(&alice.add("As it was").await);
    for (method, path) in [(Method::POST, "/api/tasks"), (Method::PUT, path.as_str()), (Method::PATCH, &path)]
    {
        for media_type in
            ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""]
        {
            let request = alice.request(method.clone(), path).content_type(media_type);
            service.send(request.body(r#"{"title":"a"}"#)).await.refused(415, "");
        }
        let request = alice.request(method.clone(), path);
        service.send(request.body(r#"{"title":"a"}"#)).await.refused(415, "");
    }
    let request = alice.request(Method::POST, "/api/tasks").content_type("Application/JSON; charset=UTF-8");
    assert_eq!(service.send(request.body(r#"{"title":"a"}"#)).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_oversized_body_is_refused() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let path = path_of(&alice.add("As it was").await);
    let body = json!({ "title": "a", "notes": "x".repeat(70 * 1024) });
    for (method, path) in [(Method::POST, "/api/tasks"), (Method::PUT, path.as_str()), (Method::PATCH, &path)]
    {
        alice.send(method, path, &body).await.refused(413, "");
    }
}

#[tokio::test]
async fn a_path_that_is_none_is_refused() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    for id in ["1", "not-a-uuid", "%00", "%ZZ", "00000000-0000-4000-8000-00000000000g"] {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            let path = format!("/api/tasks/{id}");
            let answer = alice.send(method, &path, &json!({ "title": "a" })).await;
            answer.refused(400, "id");
        }
    }
    for path in
        ["/api", "/api/", "/api/task", "/api/tasks/", "/api/users", "/api/users/x", "/nowhere", "/..%2f"]
    {
        alice.get(path).await.refused(404, "");
        service.get(path).await.refused(404, "");
    }
}

#[tokio::test]
async fn a_method_that_is_not_there_is_told_which_are() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let id = "/api/tasks/00000000-0000-4000-8000-000000000000";
    for (method, path, allow) in [
        (Method::DELETE, "/api/tasks", "GET, HEAD, POST"),
        (Method::PUT, "/api/tasks", "GET, HEAD, POST"),
        (Method::POST, id, "DELETE, GET, HEAD, PATCH, PUT"),
        (Method::OPTIONS, id, "DELETE, GET, HEAD, PATCH, PUT"),
        (Method::POST, "/api/users/x/tasks", "GET, HEAD"),
        (Method::POST, "/", "GET, HEAD"),
        (Method::DELETE, "/config.json", "GET, HEAD"),
    ] {
        let answer = alice.send(method, path, &json!({})).await;
        answer.refused(405, "");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_though_it_was_good_before() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    assert_eq!(alice.get("/api/tasks").await.status, StatusCode::OK);
    let checks = service.app.verifier.signature_checks();
    assert_eq!(alice.get("/api/tasks").await.status, StatusCode::OK);
    assert_eq!(service.app.verifier.signature_checks(), checks, "a repeated token costs no signature");
    // 15 minutes, and the verifier's leeway.
    service.clock.advance(std::time::Duration::from_mins(16));
    alice.get("/api/tasks").await.refused(401, "");
}
