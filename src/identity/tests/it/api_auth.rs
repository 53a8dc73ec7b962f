//! The first-party API: who may call it, cookies, refresh, sign-out, and bad input.

use std::time::Duration;

use poem::http::{Method, header};
use postern_identity::{administration::users, core::RequestContext};
use postern_service::database::DatabaseError;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::{
    sign_in::{ALICE, APP_ORIGIN, SignIn, from_page, problem},
    support::{Answer, Browser, TestApp},
};

#[tokio::test]
async fn a_sign_in_gives_tokens_that_work_and_end() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let tokens = sign_in.tokens().await;
    assert_eq!((&tokens["scope"], &tokens["expires_in"]), (&json!("openid email account"), &json!(900)));
    assert!(tokens["id_token"].is_string());
    let access_token = tokens["access_token"].as_str().unwrap();
    let me: Value = app.get_as(access_token, "/api/auth/me").await.json();
    assert_eq!((&me["sub"], &me["email"]), (&json!(sign_in.alice.subject), &json!(ALICE)));

    let refresh = async |token: &Value| {
        app.post_json("/api/auth/refresh", &json!({ "client_id": "app", "refresh_token": token })).await
    };
    let refreshed: Value = refresh(&tokens["refresh_token"]).await.json();
    assert_ne!(refreshed["refresh_token"], tokens["refresh_token"]);

    let out = logout(app, access_token, "app").await;
    assert_eq!(out.status, 200, "{}", out.body);
    let dead = refresh(&refreshed["refresh_token"]).await;
    assert_eq!((dead.status.as_u16(), problem(&dead).as_str()), (401, "invalid_grant"));
    let gone = app.get_as(access_token, "/api/auth/me").await;
    assert_eq!((gone.status.as_u16(), problem(&gone).as_str()), (401, "invalid_token"));
    assert!(gone.header("www-authenticate").contains("invalid_token"));
    assert_eq!(app.audited("session.ended").await, [json!({ "because": "signed_out" })]);
}

async fn logout(app: &TestApp, access_token: &str, client_id: &str) -> Answer {
    let mut request = crate::support::json_request("/api/auth/logout", &json!({ "client_id": client_id }));
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {access_token}").parse().unwrap());
    app.send(request).await
}

#[tokio::test]
async fn sign_out_is_for_the_tokens_own_client() {
    let sign_in = SignIn::new().await;
    let tokens = sign_in.tokens().await;
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(problem(&logout(&sign_in.app, access_token, "other").await), "invalid_client");
    assert_eq!(sign_in.app.get_as(access_token, "/api/auth/me").await.status, 200);
    let nobody = sign_in.app.post_json("/api/auth/logout", &json!({ "client_id": "app" })).await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.header("www-authenticate")),
        (401, "Bearer realm=\"Postern\"")
    );
}

#[tokio::test]
async fn only_first_party_clients_may_call() {
    let sign_in = SignIn::new().await;
    let stranger = sign_in.request_of("stranger", "email-otp", ALICE).await;
    assert_eq!((stranger.status.as_u16(), problem(&stranger).as_str()), (403, "not_first_party"));
    let unknown = sign_in.request_of("nobody", "email-otp", ALICE).await;
    assert_eq!((unknown.status.as_u16(), problem(&unknown).as_str()), (401, "invalid_client"));
    assert_eq!(sign_in.app.get("/api/auth/methods?client_id=stranger").await.status, 403);
    assert_eq!(sign_in.app.run_jobs().await, 0);
}

#[tokio::test]
async fn a_wrong_scope_does_not_cost_the_proof() {
    let sign_in = SignIn::new().await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    let verify = async |more: Value| {
        let mut body = json!({ "client_id": "app", "attempt": attempt, "code": code });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sign_in.app.post_json("/api/auth/email-otp/verify", &body).await
    };
    let scope = verify(json!({ "scope": "tasks:write" })).await;
    assert_eq!((scope.status.as_u16(), problem(&scope).as_str()), (400, "invalid_scope"));
    let target = verify(json!({ "resource": "https://elsewhere.example.test" })).await;
    assert_eq!((target.status.as_u16(), problem(&target).as_str()), (400, "invalid_target"));
    let right = verify(json!({ "scope": "openid profile", "resource": ["http://localhost:7117"] })).await;
    assert_eq!(right.status, 200, "{}", right.body);
    assert_eq!(right.json::<Value>()["scope"], "openid profile");
}

#[tokio::test]
async fn with_cookies_the_refresh_token_is_no_scripts_business() {
    let sign_in = SignIn::new().await;
    let browser = sign_in.app.browser();
    let call =
        async |path: &str, body: Value, origin: &str| browser.send(from_page(path, &body, origin)).await;
    let body = json!({ "client_id": "app", "identifier": ALICE, "cookies": true });
    assert_eq!(
        problem(&call("/api/auth/email-otp/request", body.clone(), "https://evil.test").await),
        "origin_not_allowed"
    );
    let begun: Value = call("/api/auth/email-otp/request", body, APP_ORIGIN).await.json();
    let code = sign_in.app.code_for(ALICE).await;
    let body = json!({ "client_id": "app", "attempt": begun["attempt"], "code": code, "cookies": true });

    let elsewhere = sign_in.app.send(from_page("/api/auth/email-otp/verify", &body, APP_ORIGIN)).await;
    assert_eq!(
        (elsewhere.status.as_u16(), problem(&elsewhere).as_str()),
        (401, "login_failed"),
        "another browser"
    );
    let done = call("/api/auth/email-otp/verify", body, APP_ORIGIN).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(done.json::<Value>().get("refresh_token").is_none());
    let cookie = done.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let cookie = cookie.filter(|line| line.starts_with("postern-refresh-")).collect::<String>();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/api/auth"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(done.header("access-control-allow-origin"), APP_ORIGIN);
    assert_eq!(done.header("access-control-allow-credentials"), "true");

    let refresh = json!({ "client_id": "app" });
    assert_eq!(
        problem(&call("/api/auth/refresh", refresh.clone(), "https://evil.test").await),
        "origin_not_allowed"
    );
    let other =
        call("/api/auth/refresh", json!({ "client_id": "other" }), "https://other.example.test").await;
    assert_eq!(problem(&other), "invalid_grant", "another client has another cookie");
    let refreshed = call("/api/auth/refresh", refresh, APP_ORIGIN).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    assert!(refreshed.json::<Value>().get("refresh_token").is_none());
}

/// A browser that signed in with cookies.
async fn with_cookies(sign_in: &SignIn) -> Browser<'_> {
    let browser = sign_in.app.browser();
    let body = json!({ "client_id": "app", "identifier": ALICE, "cookies": true });
    let begun: Value = browser.send(from_page("/api/auth/email-otp/request", &body, APP_ORIGIN)).await.json();
    let code = sign_in.app.code_for(ALICE).await;
    let body = json!({ "client_id": "app", "attempt": begun["attempt"], "code": code, "cookies": true });
    let done = browser.send(from_page("/api/auth/email-otp/verify", &body, APP_ORIGIN)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    browser
}

async fn refresh_by_cookie(browser: &Browser<'_>, scope: Option<&str>) -> Answer {
    let body = json!({ "client_id": "app", "scope": scope });
    browser.send(from_page("/api/auth/refresh", &body, APP_ORIGIN)).await
}

#[tokio::test]
async fn a_refresh_that_fails_for_now_leaves_the_cookie_alone() {
    let sign_in = SignIn::with(&[("POSTERN_LIMITS__REFRESHES_PER_GRANT", "1 per 1h per grant")]).await;
    let browser = with_cookies(&sign_in).await;
    let scope = refresh_by_cookie(&browser, Some("openid unheard:of")).await;
    assert_eq!((scope.status.as_u16(), scope.header("set-cookie")), (400, ""), "{}", scope.body);
    assert_eq!(refresh_by_cookie(&browser, None).await.status, 200);
    let often = refresh_by_cookie(&browser, None).await;
    assert_eq!((often.status.as_u16(), often.header("set-cookie")), (429, ""), "{}", often.body);
    sign_in.app.clock.advance(Duration::from_hours(1));
    assert_eq!(refresh_by_cookie(&browser, None).await.status, 200);
    sign_in.app.app.db.close().await;
    let outage = refresh_by_cookie(&browser, None).await;
    assert_eq!((outage.status.as_u16(), outage.header("set-cookie")), (503, ""), "{}", outage.body);
}

#[tokio::test]
async fn a_refresh_that_can_never_work_again_clears_the_cookie() {
    let sign_in = SignIn::new().await;
    let browser = with_cookies(&sign_in).await;
    users::disable(&sign_in.app.app, &sign_in.alice, &RequestContext::of_command(&sign_in.app.app))
        .await
        .unwrap();
    let dead = refresh_by_cookie(&browser, None).await;
    assert_eq!((dead.status.as_u16(), problem(&dead).as_str()), (401, "invalid_grant"));
    let cleared = dead.header("set-cookie");
    assert!(cleared.starts_with("postern-refresh-") && cleared.contains("Max-Age=0"), "{cleared}");
}

#[tokio::test]
async fn a_sign_out_that_fails_leaves_the_cookie_alone() {
    let sign_in = SignIn::new().await;
    let browser = with_cookies(&sign_in).await;
    let tokens: Value = refresh_by_cookie(&browser, None).await.json();
    let mut request = from_page("/api/auth/logout", &json!({ "client_id": "app" }), APP_ORIGIN);
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    request.headers_mut().insert(header::AUTHORIZATION, bearer.parse().unwrap());
    let renamed = sign_in.app.app.db.write(async |tx| -> Result<(), DatabaseError> {
        tx.execute_unprepared("ALTER TABLE audit_events RENAME TO gone").await?;
        Ok(())
    });
    renamed.await.unwrap();
    let outage = browser.send(request).await;
    assert_eq!(outage.header("set-cookie"), "", "{} {}", outage.status, outage.body);
    assert!(outage.status.is_server_error());
}

#[tokio::test]
async fn a_client_that_failed_too_often_is_told_how_long_to_wait() {
    let limit = "1 per 15m per ip";
    let sign_in = SignIn::with(&[("POSTERN_LIMITS__CLIENT_FAILURES_PER_SOURCE", limit)]).await;
    let body = json!({ "client_id": "nobody", "refresh_token": "x" });
    assert_eq!(sign_in.app.post_json("/api/auth/refresh", &body).await.status, 401);
    sign_in.app.clock.advance(Duration::from_mins(5));
    let limited = sign_in.app.post_json("/api/auth/refresh", &body).await;
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "600"));
}

#[tokio::test]
async fn with_an_https_issuer_the_cookies_are_secure_by_name() {
    let sign_in = SignIn::with(&[("POSTERN_ISSUER", "https://id.example.test")]).await;
    let browser = sign_in.app.browser();
    let body = json!({ "client_id": "app", "identifier": ALICE, "cookies": true });
    let begun = browser.send(from_page("/api/auth/email-otp/request", &body, APP_ORIGIN)).await;
    let code = sign_in.app.code_for(ALICE).await;
    let attempt = begun.json::<Value>()["attempt"].clone();
    let body = json!({ "client_id": "app", "attempt": attempt, "code": code, "cookies": true });
    let done = browser.send(from_page("/api/auth/email-otp/verify", &body, APP_ORIGIN)).await;
    for answer in [&begun, &done] {
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Secure-postern-") && cookie.contains("Secure;"), "{cookie}");
        }
    }
    assert_eq!(refresh_by_cookie(&browser, None).await.status, 200);
}

#[tokio::test]
async fn only_first_party_origins_may_read_the_answers() {
    let sign_in = SignIn::new().await;
    for (origin, allowed) in [(APP_ORIGIN, true), ("https://stranger.example.test", false), ("null", false)] {
        let mut request = poem::Request::builder()
            .method(Method::OPTIONS)
            .uri("/api/auth/refresh".parse().unwrap())
            .finish();
        request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        request.headers_mut().insert(header::ACCESS_CONTROL_REQUEST_METHOD, "POST".parse().unwrap());
        let answer = sign_in.app.send(request).await;
        assert_eq!(answer.header("access-control-allow-credentials") == "true", allowed, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin") == origin, allowed, "{origin}");
        assert_eq!(answer.header("vary"), "Origin");
    }
}

#[tokio::test]
async fn methods_tells_what_a_client_may_offer() {
    let sign_in = SignIn::new().await;
    let methods: Value = sign_in.app.get("/api/auth/methods?client_id=app").await.json();
    assert_eq!(methods, json!({ "methods": ["email-otp", "code", "password", "passkey"] }));
    assert_eq!(sign_in.app.get("/api/auth/methods").await.status, 400);
}

#[tokio::test]
async fn malformed_calls_are_told_which_member_is_wrong() {
    let sign_in = SignIn::new().await;
    for (path, body, field) in [
        ("/api/auth/code/request", json!({ "identifier": ALICE }), "client_id"),
        ("/api/auth/code/request", json!({ "client_id": "app" }), "identifier"),
        (
            "/api/auth/code/request",
            json!({ "client_id": "app", "identifier": ALICE, "attempt": "x" }),
            "identifier",
        ),
        ("/api/auth/code/request", json!({ "client_id": [], "identifier": ALICE }), "client_id"),
        ("/api/auth/code/request", json!({ "client_id": "app", "identifier": 7 }), "identifier"),
        ("/api/auth/code/verify", json!({ "client_id": "app", "attempt": "x", "code": 12_345_678 }), "code"),
        ("/api/auth/register", json!({ "client_id": "app", "email": 7, "password": "x" }), "email"),
        ("/api/auth/login", json!({ "client_id": "app", "email": ALICE, "password": 7 }), "password"),
        ("/api/auth/code/verify", json!({ "client_id": "app", "code": "1" }), "attempt"),
        (
            "/api/auth/code/verify",
            json!({ "client_id": "app", "attempt": "x", "code": "1".repeat(65) }),
            "code",
        ),
        ("/api/auth/refresh", json!({ "refresh_token": "x" }), "client_id"),
    ] {
        let answer = sign_in.app.post_json(path, &body).await;
        assert_eq!(
            (answer.status.as_u16(), problem(&answer).as_str()),
            (400, "malformed_request"),
            "{path} {body}"
        );
        assert_eq!(answer.json::<Value>()["field"], field, "{path} {body}");
    }
    let unknown = sign_in.request("carrier-pigeon", ALICE).await;
    assert_eq!((unknown.status.as_u16(), problem(&unknown).as_str()), (404, "method_not_offered"));
    let never = sign_in.verify("code", "no-such-attempt", "12345678").await;
    assert_eq!((never.status.as_u16(), problem(&never).as_str()), (401, "login_failed"));
    let form = sign_in.app.post_form("/api/auth/code/request", &[("client_id", "app")]).await;
    assert_eq!(form.status, 415);
}
