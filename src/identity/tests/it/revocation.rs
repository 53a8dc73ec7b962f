//! Revocation (RFC 7009).

use serde_json::Value;

use crate::seeds::{Seeds, error};

const REVOKE: &str = "/oauth2/revoke";

#[tokio::test]
async fn revoking_either_token_ends_both() {
    for (kind, hint) in [
        ("access_token", "access_token"),
        ("access_token", "refresh_token"),
        ("refresh_token", "access_token"),
        ("refresh_token", "nonsense"),
    ] {
        let seeds = Seeds::new().await;
        let tokens = seeds.tokens("openid email").await;
        let form =
            [("client_id", "mobile"), ("token", tokens[kind].as_str().unwrap()), ("token_type_hint", hint)];
        let answer = seeds.app.post_form(REVOKE, &form).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""), "{kind} {hint}");
        assert_eq!(seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 401);
        assert_eq!(
            error(&seeds.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await),
            "invalid_grant"
        );
        assert_eq!(seeds.app.post_form(REVOKE, &form).await.status, 200, "again");
        assert_eq!(seeds.app.audited("grant.revoked").await.len(), 1);
    }
}

#[tokio::test]
async fn a_public_clients_token_that_a_resource_server_has_too_ends_nothing_and_is_recorded_once() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid tasks:read").await;
    let token = tokens["access_token"].as_str().unwrap();
    for _ in 0..3 {
        let answer = seeds.app.post_form(REVOKE, &[("client_id", "mobile"), ("token", token)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
    }
    assert_eq!(seeds.userinfo(token).await.status, 200);
    let record = seeds.app.events("grant.revocation_unheeded").await;
    assert_eq!(record.len(), 1, "{record:?}");
    assert_eq!(record[0].client_id.as_deref(), Some("mobile"));
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let form = [("client_id", "mobile"), ("token", refresh_token)];
    assert_eq!(seeds.app.post_form(REVOKE, &form).await.status, 200);
    assert_eq!(seeds.userinfo(token).await.status, 401, "the refresh token ends the grant");
}

#[tokio::test]
async fn a_confidential_client_ends_its_grant_by_any_of_its_tokens() {
    let seeds = Seeds::new().await;
    let code = seeds.code(&seeds.grant("web", "openid tasks:read").await).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", crate::seeds::REDIRECT_URI),
        ("code_verifier", crate::seeds::VERIFIER),
    ];
    let tokens: Value = seeds.post_as("web", &seeds.web, "/oauth2/token", &form).await.json();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(seeds.post_as("web", &seeds.web, REVOKE, &[("token", token)]).await.status, 200);
    assert_eq!(seeds.userinfo(token).await.status, 401);
}

#[tokio::test]
async fn unknown_tokens_are_revoked_already_and_foreign_ones_stay() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid tasks:read").await;
    for unknown in ["x", "a.b.c", tokens["id_token"].as_str().unwrap()] {
        let answer = seeds.app.post_form(REVOKE, &[("client_id", "mobile"), ("token", unknown)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    for kind in ["access_token", "refresh_token"] {
        let token = tokens[kind].as_str().unwrap();
        let foreign = seeds.post_as("web", &seeds.web, REVOKE, &[("token", token)]).await;
        assert_eq!((foreign.status.as_u16(), error(&foreign).as_str()), (400, "invalid_grant"));
    }
    assert_eq!(seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 200);
    assert_eq!(seeds.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await.status, 200);
}

#[tokio::test]
async fn a_client_can_end_the_tokens_it_holds_in_its_own_right() {
    let seeds = Seeds::new().await;
    let form = [("grant_type", "client_credentials")];
    let old: Value = seeds.post_as("service", &seeds.service, "/oauth2/token", &form).await.json();
    let old = old["access_token"].as_str().unwrap();
    assert_eq!(seeds.introspect("service", &seeds.service, old).await["active"], true);
    assert_eq!(seeds.post_as("service", &seeds.service, REVOKE, &[("token", old)]).await.status, 200);
    assert_eq!(seeds.introspect("service", &seeds.service, old).await["active"], false);
    let new: Value = seeds.post_as("service", &seeds.service, "/oauth2/token", &form).await.json();
    let new = new["access_token"].as_str().unwrap();
    assert_eq!(seeds.introspect("service", &seeds.service, new).await["active"], true);
    assert_eq!(
        seeds.post_as("service", &seeds.service, REVOKE, &[("token", old)]).await.status,
        200,
        "again"
    );
    assert_eq!(seeds.introspect("service", &seeds.service, new).await["active"], true);
}

#[tokio::test]
async fn bad_requests_are_answered_as_oauth_errors() {
    let seeds = Seeds::new().await;
    assert_eq!(error(&seeds.app.post_form(REVOKE, &[("client_id", "mobile")]).await), "invalid_request");
    let twice = [("client_id", "mobile"), ("token", "a"), ("token", "b")];
    assert_eq!(error(&seeds.app.post_form(REVOKE, &twice).await), "invalid_request");
    assert_eq!(error(&seeds.app.post_form(REVOKE, &[("token", "a")]).await), "invalid_client");
    assert_eq!(error(&seeds.post_as("web", "wrong", REVOKE, &[("token", "a")]).await), "invalid_client");
    assert_eq!(error(&seeds.app.post_json(REVOKE, &serde_json::json!({})).await), "invalid_request");
    assert_eq!(seeds.app.get(REVOKE).await.status, 405);
}
