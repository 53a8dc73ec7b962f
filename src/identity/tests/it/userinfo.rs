//! Userinfo (OpenID Connect Core section 5.3, RFC 6750).

use std::time::Duration;

use poem::{Request, http::Method};
use serde_json::{Value, json};

use crate::{
    fixtures::ADA,
    seeds::{FULL_SCOPE, Seeds},
    support::{START, form_request},
};

const USERINFO: &str = "/oauth2/userinfo";

#[doc(alias(
    "oidcc-userinfo-get",
    "oidcc-scope-profile",
    "oidcc-scope-email",
    "oidcc-scope-address",
    "oidcc-scope-phone",
    "oidcc-scope-all",
))]
#[tokio::test]
async fn each_scope_releases_its_claims_and_no_others() {
    let seeds = Seeds::new().await;
    let told = async |scope: &str| -> Value {
        let tokens = seeds.tokens(scope).await;
        let answer = seeds.userinfo(tokens["access_token"].as_str().unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.json()
    };
    let sub = json!(seeds.ada.subject);
    assert_eq!(told("openid").await, json!({ "sub": sub }));
    assert_eq!(told("openid email").await, json!({ "sub": sub, "email": ADA, "email_verified": true }));
    assert_eq!(
        told("openid phone").await,
        json!({ "sub": sub, "phone_number": "+491701234567", "phone_number_verified": true })
    );
    assert_eq!(
        told("openid address").await,
        json!({ "sub": sub, "address": { "locality": "Berlin", "country": "DE" } })
    );
    let profile = told("openid profile").await;
    assert_eq!(profile.as_object().unwrap().len(), 15, "sub and 14 claims: {profile}");
    assert_eq!((&profile["name"], &profile["updated_at"]), (&json!("Ada Adams"), &json!(START.seconds())));
    assert_eq!(told(FULL_SCOPE).await.as_object().unwrap().len(), 20);
}

#[doc(alias("oidcc-userinfo-post-header", "oidcc-userinfo-post-body",))]
#[tokio::test]
async fn the_token_comes_by_header_or_form_and_once() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid").await;
    let token = tokens["access_token"].as_str().unwrap();
    let by_form = form_request(USERINFO, &[("access_token", token)]);
    assert_eq!(seeds.app.send(by_form).await.status, 200);
    let with_header = |mut request: Request, value: &str| {
        request.headers_mut().append("authorization", value.parse().unwrap());
        request
    };
    let empty_post = || Request::builder().method(Method::POST).uri(USERINFO.parse().unwrap()).finish();
    let bearer = format!("bEaReR {token}");
    assert_eq!(seeds.app.send(with_header(empty_post(), &bearer)).await.status, 200);

    let twice = with_header(form_request(USERINFO, &[("access_token", token)]), &bearer);
    let two_headers = with_header(with_header(empty_post(), &bearer), &bearer);
    let basic_and_form = with_header(form_request(USERINFO, &[("access_token", token)]), "Basic abc");
    for request in [twice, two_headers, basic_and_form] {
        let answer = seeds.app.send(request).await;
        assert_eq!(answer.status, 400);
        assert!(answer.header("www-authenticate").contains("error=\"invalid_request\""));
    }
    // RFC 6750 section 3.1: an unsupported scheme is told which one is needed, without an error.
    for scheme in ["Basic abc", "DPoP abc"] {
        for path in [USERINFO, "/api/auth/me", "/api/account/profile"] {
            let request = Request::builder().uri(path.parse().unwrap()).finish();
            let answer = seeds.app.send(with_header(request, scheme)).await;
            let challenge = answer.header("www-authenticate");
            assert_eq!((answer.status.as_u16(), challenge), (401, "Bearer realm=\"Postern\""), "{path}");
        }
    }
    let in_query = seeds.app.get(&format!("{USERINFO}?access_token={token}")).await;
    assert_eq!(in_query.status, 401);
    assert_eq!(in_query.header("www-authenticate"), "Bearer realm=\"Postern\"");
    assert_eq!(
        seeds
            .app
            .send(Request::builder().method(Method::PUT).uri(USERINFO.parse().unwrap()).finish())
            .await
            .status,
        405
    );
    let json = Request::builder()
        .method(Method::POST)
        .uri(USERINFO.parse().unwrap())
        .content_type("application/json")
        .body("{}");
    assert_eq!(seeds.app.send(json).await.status, 415);
}

#[tokio::test]
async fn a_token_that_is_no_good_is_challenged_with_the_reason() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid").await;
    let no_openid = seeds.tokens("tasks:read").await;
    let form = [("grant_type", "client_credentials")];
    let service: Value = seeds.post_as("service", &seeds.service, "/oauth2/token", &form).await.json();
    for (token, status, code) in [
        ("x", 401, "invalid_token"),
        (tokens["id_token"].as_str().unwrap(), 401, "invalid_token"),
        (tokens["refresh_token"].as_str().unwrap(), 401, "invalid_token"),
        (service["access_token"].as_str().unwrap(), 401, "invalid_token"),
        (no_openid["access_token"].as_str().unwrap(), 403, "insufficient_scope"),
    ] {
        let answer = seeds.userinfo(token).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.header("www-authenticate").contains(&format!("error=\"{code}\"")));
        assert_eq!(answer.json::<Value>()["error"], code);
    }
    let token = tokens["access_token"].as_str().unwrap();
    seeds.app.clock.advance(Duration::from_secs(900 + 30));
    assert_eq!(seeds.userinfo(token).await.status, 401);
}

#[tokio::test]
async fn a_repeated_token_is_verified_once_and_asked_about_every_time() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid").await;
    let token = tokens["access_token"].as_str().unwrap();
    let before = seeds.app.app.verifier.signature_checks();
    for _ in 0..5 {
        assert_eq!(seeds.userinfo(token).await.status, 200);
    }
    assert_eq!(seeds.app.app.verifier.signature_checks(), before + 1);
    let revocation = [("client_id", "mobile"), ("token", token)];
    assert_eq!(seeds.app.post_form("/oauth2/revoke", &revocation).await.status, 200);
    assert_eq!(seeds.userinfo(token).await.status, 401);
}
