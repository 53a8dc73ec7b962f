//! Sign-out of an app by a refresh token alone, in the body or in the cookie.

use std::time::Duration;

use postern_identity::{administration::metadata::ClientMetadataChange, clients::ClientAuthMethod};
use serde_json::{Value, json};

use crate::{
    flow::list,
    seeds::basic,
    sign_in::{ALICE, APP_ORIGIN, SignIn, from_page, problem},
    support::{Answer, json_request},
};

const LOGOUT: &str = "/api/auth/logout";

async fn sign_out(sign_in: &SignIn, client_id: &str, refresh_token: &Value) -> Answer {
    sign_in.app.post_json(LOGOUT, &json!({ "client_id": client_id, "refresh_token": refresh_token })).await
}

async fn refresh(sign_in: &SignIn, refresh_token: &Value) -> Answer {
    let body = json!({ "client_id": "app", "refresh_token": refresh_token });
    sign_in.app.post_json("/api/auth/refresh", &body).await
}

#[tokio::test]
async fn a_refresh_token_ends_its_session_and_says_so_again() {
    let sign_in = SignIn::new().await;
    let tokens = sign_in.tokens().await;
    for _ in 0..2 {
        let out = sign_out(&sign_in, "app", &tokens["refresh_token"]).await;
        assert_eq!((out.status.as_u16(), out.json::<Value>()), (200, json!({ "signed_out": true })));
    }
    let dead = refresh(&sign_in, &tokens["refresh_token"]).await;
    assert_eq!((dead.status.as_u16(), problem(&dead).as_str()), (401, "invalid_grant"));
    let gone = sign_in.app.get_as(tokens["access_token"].as_str().unwrap(), "/api/auth/me").await;
    assert_eq!((gone.status.as_u16(), problem(&gone).as_str()), (401, "invalid_token"));
    for kind in ["session.ended", "grant.ended"] {
        let [event] = &sign_in.app.events(kind).await[..] else { panic!("one {kind}") };
        assert_eq!(event.actor_id, Some(sign_in.alice.id.to_string()), "{kind}");
    }
}

#[tokio::test]
async fn a_token_that_was_rotated_just_now_signs_out_and_one_that_nobody_knows_has_nothing_to_end() {
    let sign_in = SignIn::new().await;
    let tokens = sign_in.tokens().await;
    let newer: Value = refresh(&sign_in, &tokens["refresh_token"]).await.json();
    for unknown in [json!("x"), json!("0pYzXTUyWbtO5IPm1LNYBs9PAXeBKWHZ0hIzKAEJrJ0")] {
        assert_eq!(sign_out(&sign_in, "app", &unknown).await.status, 200);
    }
    assert_eq!(sign_in.app.events("session.ended").await.len(), 0);
    assert_eq!(sign_out(&sign_in, "app", &tokens["refresh_token"]).await.status, 200);
    assert_eq!(refresh(&sign_in, &newer["refresh_token"]).await.status, 401);
}

/// RFC 9700 section 4.14.2: it may be a thief's.
#[tokio::test]
async fn a_token_that_was_rotated_long_ago_ends_its_grant_as_at_a_refresh_and_no_session() {
    let sign_in = SignIn::new().await;
    let tokens = sign_in.tokens().await;
    let newer: Value = refresh(&sign_in, &tokens["refresh_token"]).await.json();
    sign_in.app.clock.advance(Duration::from_secs(60 * 60));
    let reused = sign_out(&sign_in, "app", &tokens["refresh_token"]).await;
    assert_eq!((reused.status.as_u16(), problem(&reused).as_str()), (401, "invalid_grant"));
    assert_eq!(sign_in.app.audited("grant.revoked").await, [json!({ "because": "refresh_token_reused" })]);
    assert_eq!(sign_in.app.events("session.ended").await.len(), 0);
    assert_eq!(refresh(&sign_in, &newer["refresh_token"]).await.status, 401);
}

#[tokio::test]
async fn the_token_of_a_grant_that_ended_before_ends_no_session() {
    let sign_in = SignIn::new().await;
    let tokens = sign_in.tokens().await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let revoked = sign_in.app.post_form("/oauth2/revoke", &[("client_id", "app"), ("token", token)]).await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    assert_eq!(sign_out(&sign_in, "app", &tokens["refresh_token"]).await.status, 200);
    assert_eq!(sign_in.app.events("session.ended").await.len(), 0);
}

#[tokio::test]
async fn a_refresh_token_signs_out_of_its_own_client_and_a_confidential_one_proves_itself() {
    let sign_in = SignIn::new().await;
    let server = ClientMetadataChange {
        first_party: Some(true),
        redirect_uris: list(&["https://server.example.test/callback"]),
        token_endpoint_auth_method: Some(ClientAuthMethod::ClientSecretBasic),
        ..ClientMetadataChange::default()
    };
    let secret = sign_in.app.client("server", server).await;
    let tokens = sign_in.tokens().await;
    let body = json!({ "client_id": "server", "refresh_token": tokens["refresh_token"] });
    assert_eq!(problem(&sign_in.app.post_json(LOGOUT, &body).await), "invalid_client");
    let mut proven = json_request(LOGOUT, &body);
    proven.headers_mut().insert("authorization", basic("server", &secret).parse().unwrap());
    assert_eq!(problem(&sign_in.app.send(proven).await), "invalid_grant", "the token of another client");
    assert_eq!(problem(&sign_out(&sign_in, "other", &tokens["refresh_token"]).await), "invalid_grant");
    assert_eq!(refresh(&sign_in, &tokens["refresh_token"]).await.status, 200);
}

#[tokio::test]
async fn the_cookie_signs_out_for_pages_of_the_client_only_and_is_cleared() {
    let sign_in = SignIn::new().await;
    let browser = sign_in.app.browser();
    let call = async |path: &str, body: &Value, origin| browser.send(from_page(path, body, origin)).await;
    let begin = json!({ "client_id": "app", "identifier": ALICE, "cookies": true });
    let begun: Value = call("/api/auth/email-otp/request", &begin, APP_ORIGIN).await.json();
    let code = sign_in.app.code_for(ALICE).await;
    let proof = json!({ "client_id": "app", "attempt": begun["attempt"], "code": code, "cookies": true });
    assert_eq!(call("/api/auth/email-otp/verify", &proof, APP_ORIGIN).await.status, 200);

    let body = json!({ "client_id": "app" });
    let elsewhere = call(LOGOUT, &body, "https://evil.test").await;
    assert_eq!(problem(&elsewhere), "origin_not_allowed");
    assert_eq!(elsewhere.header("set-cookie"), "");
    let out = call(LOGOUT, &body, APP_ORIGIN).await;
    assert_eq!(out.status, 200, "{}", out.body);
    let cleared = out.header("set-cookie");
    assert!(cleared.starts_with("postern-refresh-") && cleared.contains("Max-Age=0"), "{cleared}");
    assert_eq!(sign_in.app.events("session.ended").await.len(), 1);
    let nothing_left = call(LOGOUT, &body, APP_ORIGIN).await;
    assert_eq!((nothing_left.status.as_u16(), problem(&nothing_left).as_str()), (401, "unauthenticated"));
}
