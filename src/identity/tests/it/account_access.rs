//! What people keep in their own hands, as the account API has it: sessions, applications, the password.

use poem::{
    Request,
    http::{Method, header},
};
use serde_json::{Value, json};

use crate::{
    seeds::Seeds,
    sign_in::{ALICE, SignIn, problem},
    support::Answer,
};

async fn call(sign_in: &SignIn, method: Method, token: &Value, path: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path.parse().unwrap())
        .header(header::AUTHORIZATION, format!("Bearer {}", token["access_token"].as_str().unwrap()))
        .content_type("application/json")
        .body(body.to_string());
    sign_in.app.send(request).await
}

async fn get(sign_in: &SignIn, token: &Value, path: &str) -> Value {
    let answer = call(sign_in, Method::GET, token, path, &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn delete(sign_in: &SignIn, token: &Value, path: &str) -> Answer {
    call(sign_in, Method::DELETE, token, path, &json!({})).await
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all_others() {
    let sign_in = SignIn::new().await;
    let (here, there) = (sign_in.tokens().await, sign_in.tokens().await);
    let browser = sign_in.app.browser();
    let page = browser.sign_in(&sign_in.alice).await;
    let listed = get(&sign_in, &here, "/api/account/sessions").await;
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    let own = sessions.iter().find(|session| session["current"] == true).unwrap();
    assert_eq!(
        (&own["kind"], &own["client_id"], &own["acr"]),
        (&json!("api"), &json!("app"), &json!("aal1"))
    );

    assert_eq!(delete(&sign_in, &here, &format!("/api/account/sessions/{}", page.sid)).await.status, 200);
    assert_eq!(browser.get("/account").await.header("location"), "/login?to=account");
    assert_eq!(delete(&sign_in, &here, &format!("/api/account/sessions/{}", page.sid)).await.status, 404);
    let ended: Value = delete(&sign_in, &here, "/api/account/sessions").await.json();
    assert_eq!(ended, json!({ "ended": 1 }));
    assert_eq!(sign_in.app.get_as(there["access_token"].as_str().unwrap(), "/api/auth/me").await.status, 401);
    assert_eq!(sign_in.app.get_as(here["access_token"].as_str().unwrap(), "/api/auth/me").await.status, 200);
    assert_eq!(sign_in.app.audited("session.ended").await, vec![json!({ "because": "ended_by_user" }); 2]);
}

#[tokio::test]
async fn nobody_ends_the_session_of_somebody_else() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    let bob = sign_in.app.bob();
    let browser = sign_in.app.browser();
    let his = browser.sign_in(bob).await;
    assert_eq!(delete(&sign_in, &token, &format!("/api/account/sessions/{}", his.sid)).await.status, 404);
    assert_eq!(delete(&sign_in, &token, "/api/account/sessions/x").await.status, 400);
    assert_eq!(browser.get("/account").await.status, 200);
}

#[tokio::test]
async fn an_application_that_is_shown_out_has_nothing_left() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    let listed = get(&sign_in, &token, "/api/account/applications").await;
    let applications = listed["applications"].as_array().unwrap();
    assert_eq!(applications.len(), 1);
    assert_eq!(
        (&applications[0]["client_id"], &applications[0]["scope"]),
        (&json!("app"), &json!("openid email account"))
    );
    let removed = delete(&sign_in, &token, "/api/account/applications/app").await;
    assert_eq!((removed.status.as_u16(), removed.json()), (200, json!({ "removed": true })));
    let refresh = json!({ "client_id": "app", "refresh_token": token["refresh_token"] });
    assert_eq!(sign_in.app.post_json("/api/auth/refresh", &refresh).await.status, 401);
    let other = sign_in.tokens().await;
    assert_eq!(delete(&sign_in, &other, "/api/account/applications/stranger").await.status, 404);
    assert_eq!(sign_in.app.audited("application.removed").await, [json!({ "grants": 1 })]);
}

#[tokio::test]
async fn a_password_is_set_after_a_recent_sign_in_and_ends_what_else_was_open() {
    let sign_in = SignIn::new().await;
    let (here, there) = (sign_in.tokens().await, sign_in.tokens().await);
    let set = |password: &str| json!({ "password": password });
    let weak = call(&sign_in, Method::PUT, &here, "/api/account/password", &set("too short")).await;
    assert_eq!((weak.status.as_u16(), &weak.json::<Value>()["field"]), (400, &json!("password")));
    let done =
        call(&sign_in, Method::PUT, &here, "/api/account/password", &set("seven brass lamps upstream")).await;
    assert_eq!((done.status.as_u16(), done.json()), (200, json!({ "changed": true })));
    for (token, status) in [(&here, 200), (&there, 401)] {
        let answer = sign_in.app.get_as(token["access_token"].as_str().unwrap(), "/api/auth/me").await;
        assert_eq!(answer.status, status);
    }
    let login = json!({ "client_id": "app", "email": ALICE, "password": "seven brass lamps upstream" });
    let again: Value = sign_in.app.post_json("/api/auth/login", &login).await.json();

    sign_in.app.clock.advance(std::time::Duration::from_secs(14 * 60));
    assert_eq!(
        call(&sign_in, Method::PUT, &again, "/api/account/password", &set("a violet tram in wet gravel"))
            .await
            .status,
        200
    );
    let login = json!({ "client_id": "app", "email": ALICE, "password": "a violet tram in wet gravel" });
    let old: Value = sign_in.app.post_json("/api/auth/login", &login).await.json();
    sign_in.app.clock.advance(std::time::Duration::from_secs(14 * 60));
    let refresh = json!({ "client_id": "app", "refresh_token": old["refresh_token"] });
    sign_in.app.clock.advance(std::time::Duration::from_secs(2 * 60));
    let stale: Value = sign_in.app.post_json("/api/auth/refresh", &refresh).await.json();
    let refused =
        call(&sign_in, Method::PUT, &stale, "/api/account/password", &set("seven brass lamps upstream"))
            .await;
    assert_eq!(
        (refused.status.as_u16(), problem(&refused).as_str()),
        (401, "insufficient_user_authentication")
    );
}

#[tokio::test]
async fn the_account_calls_need_a_token_of_its_user() {
    let sign_in = SignIn::new().await;
    for path in ["/api/account/sessions", "/api/account/applications"] {
        assert_eq!(sign_in.app.get(path).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn an_app_of_somebody_else_does_not_manage_the_account() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid").await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(seeds.app.get_as(token, "/api/auth/me").await.status, 200);
    for path in ["sessions", "applications", "recovery-codes", "totp"] {
        let answer = seeds.app.get_as(token, &format!("/api/account/{path}")).await;
        assert_eq!((answer.status.as_u16(), problem(&answer).as_str()), (403, "not_first_party"), "{path}");
    }
}
