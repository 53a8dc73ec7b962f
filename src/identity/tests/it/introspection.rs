//! Introspection (RFC 7662): who is told what.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    seeds::{REDIRECT_URI, Seeds, TASKS, VERIFIER, error},
    support::{ISSUER, START},
};

const INTROSPECT: &str = "/oauth2/introspect";

/// What `web` gets for a fresh code.
async fn tokens_of_web(seeds: &Seeds, scope: &str) -> Value {
    let code = seeds.code(&seeds.grant("web", scope).await).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let answer = seeds.post_as("web", &seeds.web, "/oauth2/token", &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn inactive() -> Value {
    json!({ "active": false })
}

#[tokio::test]
async fn a_client_is_told_of_its_own_tokens() {
    let seeds = Seeds::new().await;
    let tokens = tokens_of_web(&seeds, "openid tasks:read").await;
    let mut told = seeds.introspect("web", &seeds.web, tokens["access_token"].as_str().unwrap()).await;
    let now = START.seconds();
    let sid = told["sid"].take();
    assert!(sid.is_string() && told["jti"].take().is_string());
    let sub = seeds.ada.subject.to_string();
    assert_eq!(
        told,
        json!({
            "active": true, "iss": ISSUER, "sub": sub, "aud": [TASKS], "client_id": "web",
            "scope": "openid tasks:read", "token_type": "Bearer", "exp": now + 900, "iat": now, "jti": null, "sid": null,
            "auth_time": now, "acr": "aal1", "amr": ["otp"],
        })
    );
    let told = seeds.introspect("web", &seeds.web, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(
        told,
        json!({
            "active": true, "iss": ISSUER, "sub": sub, "client_id": "web", "scope": "openid tasks:read",
            "exp": now + 7 * 24 * 60 * 60, "iat": now, "sid": sid,
        })
    );
}

#[tokio::test]
async fn a_resource_server_is_told_of_the_access_tokens_for_it_and_of_no_others() {
    let seeds = Seeds::new().await;
    let for_tasks = seeds.tokens("openid tasks:read").await;
    let for_notes = seeds.tokens("openid notes:read").await;
    let told = seeds.introspect(TASKS, &seeds.tasks, for_tasks["access_token"].as_str().unwrap()).await;
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!("openid tasks:read")));
    for foreign in [&for_notes["access_token"], &for_tasks["refresh_token"], &for_tasks["id_token"]] {
        let token = foreign.as_str().unwrap();
        assert_eq!(seeds.introspect(TASKS, &seeds.tasks, token).await, inactive());
        // Being allowed to ask for the same scopes does not make it one's business.
        assert_eq!(seeds.introspect("web", &seeds.web, token).await, inactive());
    }
}

#[tokio::test]
async fn whatever_is_not_good_now_looks_the_same() {
    let seeds = Seeds::new().await;
    let code = seeds.code(&seeds.grant("web", "openid").await).await;
    let tokens = tokens_of_web(&seeds, "openid tasks:read").await;
    let access_token = tokens["access_token"].as_str().unwrap();
    let mut altered = access_token.to_owned();
    altered.replace_range(
        altered.len() - 10..altered.len() - 9,
        if altered.as_bytes()[altered.len() - 10] == b'A' { "B" } else { "A" },
    );
    let none = access_token.split('.').nth(1).unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{none}.");
    for token in [&code, "x", "a.b.c", tokens["id_token"].as_str().unwrap(), &altered, &unsigned] {
        assert_eq!(seeds.introspect("web", &seeds.web, token).await, inactive(), "{token}");
    }
    seeds.app.clock.advance(Duration::from_secs(900));
    assert_eq!(seeds.introspect("web", &seeds.web, access_token).await, inactive());
}

#[tokio::test]
async fn revoked_and_rotated_tokens_are_inactive_at_once() {
    let seeds = Seeds::new().await;
    let tokens = tokens_of_web(&seeds, "openid tasks:read").await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let refreshed: Value = seeds.post_as("web", &seeds.web, "/oauth2/token", &form).await.json();
    assert_eq!(seeds.introspect("web", &seeds.web, refresh).await, inactive());
    assert_eq!(seeds.introspect("web", &seeds.web, access).await["active"], true);
    let next = refreshed["refresh_token"].as_str().unwrap();
    assert_eq!(seeds.post_as("web", &seeds.web, "/oauth2/revoke", &[("token", next)]).await.status, 200);
    for token in [access, next, refreshed["access_token"].as_str().unwrap()] {
        assert_eq!(seeds.introspect("web", &seeds.web, token).await, inactive());
    }
}

#[tokio::test]
async fn only_confidential_clients_may_ask() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid tasks:read").await;
    let token = tokens["access_token"].as_str().unwrap();
    for form in [
        &[("token", token)][..],
        &[("token", token), ("client_id", "mobile")],
        &[("token", token), ("client_id", "web")],
    ] {
        let answer = seeds.app.post_form(INTROSPECT, form).await;
        assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (401, "invalid_client"), "{form:?}");
    }
    let wrong = seeds.post_as("web", "wrong", INTROSPECT, &[("token", token)]).await;
    assert_eq!(error(&wrong), "invalid_client");
    let mut with_bearer = crate::support::form_request(INTROSPECT, &[("token", token)]);
    with_bearer.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    assert_eq!(seeds.app.send(with_bearer).await.status, 401);
    assert_eq!(error(&seeds.post_as("web", &seeds.web, INTROSPECT, &[]).await), "invalid_request");
    assert_eq!(seeds.app.get(INTROSPECT).await.status, 405);
}
