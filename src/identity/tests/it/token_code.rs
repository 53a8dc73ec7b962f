//! The authorization code at the token endpoint (RFC 6749 section 4.1.3, RFC 7636).

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    seeds::{FULL_SCOPE, NOTES, REDIRECT_URI, Seeds, TASKS, VERIFIER, error},
    support::{ISSUER, START},
};

#[tokio::test]
async fn a_code_gives_tokens_that_say_who_and_for_what() {
    let seeds = Seeds::new().await;
    let grant = seeds.grant("mobile", FULL_SCOPE).await;
    let answer = seeds.redeem(&seeds.code(&grant).await, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    let tokens: Value = answer.json();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(tokens["scope"], FULL_SCOPE);
    assert_eq!(tokens["refresh_token"].as_str().unwrap().len(), 64);

    let mut access = seeds.claims(&tokens["access_token"]).await;
    let jti = access["jti"].take();
    assert_eq!(jti.as_str().unwrap().len(), 43);
    let now = START.seconds();
    let subject = seeds.ada.subject.to_string();
    assert_eq!(
        access,
        json!({
            "iss": ISSUER, "sub": subject, "aud": TASKS, "client_id": "mobile", "exp": now + 900, "iat": now,
            "jti": null, "scope": FULL_SCOPE, "sid": grant.sid, "auth_time": now, "acr": "aal1", "amr": ["otp"],
        })
    );
    let mut id_token = seeds.claims(&tokens["id_token"]).await;
    assert_eq!(id_token["at_hash"].take().as_str().unwrap().len(), 22);
    assert_eq!(
        id_token,
        json!({
            "iss": ISSUER, "sub": subject, "aud": "mobile", "exp": now + 900, "iat": now, "auth_time": now,
            "nonce": "n-0S6_WzA2Mj", "acr": "aal1", "amr": ["otp"], "sid": grant.sid, "at_hash": null,
        })
    );
}

#[tokio::test]
async fn at_hash_is_the_left_half_of_the_access_tokens_hash() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid").await;
    let hash = postern_identity::crypto::token_hash(tokens["access_token"].as_str().unwrap());
    let id_token = seeds.claims(&tokens["id_token"]).await;
    assert_eq!(id_token["at_hash"], URL_SAFE_NO_PAD.encode(&hash[..16]));
}

#[tokio::test]
async fn without_openid_there_is_no_id_token_and_the_issuer_is_no_audience() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("tasks:read").await;
    assert!(tokens.get("id_token").is_none());
    assert_eq!(seeds.claims(&tokens["access_token"]).await["aud"], TASKS);
}

#[tokio::test]
async fn a_client_without_the_refresh_grant_gets_no_refresh_token() {
    let seeds = Seeds::new().await;
    let code = seeds.code(&seeds.grant("no-refresh", "openid").await).await;
    let answer = seeds.redeem(&code, &[("client_id", "no-refresh")]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json::<Value>().get("refresh_token").is_none());
}

#[doc(alias("oidcc-codereuse", "oidcc-codereuse-30seconds",))]
#[tokio::test]
async fn a_replayed_code_revokes_its_grant_however_late() {
    for late in [1, 61, 3_600] {
        let seeds = Seeds::new().await;
        let code = seeds.code(&seeds.grant("mobile", "openid tasks:read").await).await;
        let tokens: Value = seeds.redeem(&code, &[]).await.json();
        let access_token = tokens["access_token"].as_str().unwrap();
        assert_eq!(seeds.userinfo(access_token).await.status, 200);
        seeds.app.clock.advance(Duration::from_secs(late));
        assert_eq!(error(&seeds.redeem(&code, &[]).await), "invalid_grant");
        assert_eq!(seeds.userinfo(access_token).await.status, 401);
        let refreshed = seeds.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await;
        assert_eq!(error(&refreshed), "invalid_grant");
        assert_eq!(seeds.app.audited("grant.revoked").await[0]["because"], "code_replayed");
    }
}

#[tokio::test]
async fn of_fifty_redemptions_at_once_on_two_nodes_one_wins_and_its_grant_ends() {
    let seeds = Seeds::new().await;
    let other = seeds.app.another_node().await;
    let nodes = [&seeds.app, &other];
    let code = seeds.code(&seeds.grant("mobile", "openid tasks:read").await).await;
    let answers = join_all((0..50).map(|turn| seeds.redeem_at(nodes[turn % 2], &code, &[]))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 49));
    assert!(lost.iter().all(|answer| error(answer) == "invalid_grant"));
    let refresh_token = won[0].json::<Value>()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(error(&seeds.refresh(&refresh_token, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn a_code_lives_a_minute_and_stays_consumed_afterwards() {
    let seeds = Seeds::new().await;
    let code = seeds.code(&seeds.grant("mobile", "openid").await).await;
    seeds.app.clock.advance(Duration::from_secs(60));
    assert_eq!(seeds.redeem(&code, &[]).await.status, 200);

    let code = seeds.code(&seeds.grant("mobile", "openid").await).await;
    seeds.app.clock.advance(Duration::from_secs(61));
    assert_eq!(error(&seeds.redeem(&code, &[]).await), "invalid_grant");
    seeds.app.clock.set(START);
    assert_eq!(error(&seeds.redeem(&code, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn a_code_needs_its_verifier_its_redirect_uri_and_its_client() {
    let seeds = Seeds::new().await;
    let other_verifier = "a".repeat(43);
    let wrong: [&[(&str, &str)]; 8] = [
        &[("code_verifier", &other_verifier)],
        &[("code_verifier", "")],
        &[("code_verifier", "short")],
        &[("code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")],
        &[("redirect_uri", "")],
        &[("redirect_uri", "https://app.example.test/callback/")],
        &[("redirect_uri", "https://APP.example.test/callback")],
        &[("client_id", "no-refresh")],
    ];
    for changed in wrong {
        let code = seeds.code(&seeds.grant("mobile", "openid").await).await;
        assert_eq!(error(&seeds.redeem(&code, changed).await), "invalid_grant", "{changed:?}");
        let again = seeds.redeem(&code, &[]).await;
        // Another client's try leaves the code to its own; any other try has used it up.
        let expected = if changed[0].0 == "client_id" { 200 } else { 400 };
        assert_eq!(again.status, expected, "{changed:?}: {}", again.body);
    }
}

#[tokio::test]
async fn another_confidential_client_cannot_redeem_a_code() {
    let seeds = Seeds::new().await;
    let code = seeds.code(&seeds.grant("mobile", "openid").await).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let answer = seeds.post_as("web", &seeds.web, "/oauth2/token", &form).await;
    assert_eq!(error(&answer), "invalid_grant");
    assert_eq!(seeds.redeem(&code, &[]).await.status, 200);
}

#[tokio::test]
async fn no_altered_code_is_accepted() {
    let seeds = Seeds::new().await;
    let code = seeds.code(&seeds.grant("mobile", "openid").await).await;
    for at in 0..code.len() {
        let mut altered = code.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert_eq!(error(&seeds.redeem(&altered, &[]).await), "invalid_grant");
    }
    let mixed: String = code
        .chars()
        .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    for altered in [&code[..63], &format!("{code}="), &format!("{code}A"), &mixed] {
        assert_eq!(error(&seeds.redeem(altered, &[]).await), "invalid_grant");
    }
    assert_eq!(seeds.redeem(&code, &[]).await.status, 200);
}

#[tokio::test]
async fn resource_narrows_the_access_token_and_not_the_grant() {
    let seeds = Seeds::new().await;
    let code = seeds.code(&seeds.grant("mobile", "openid tasks:read notes:read").await).await;
    let narrowed: Value = seeds.redeem(&code, &[("resource", NOTES)]).await.json();
    let token = seeds.access_token(&narrowed).await;
    assert_eq!((token.aud.join(" "), token.scope.join(" ")), (NOTES.to_owned(), "openid notes:read".into()));
    let whole: Value = seeds.refresh(narrowed["refresh_token"].as_str().unwrap(), &[]).await.json();
    assert_eq!(whole["scope"], "openid tasks:read notes:read");
    let both = [("resource", NOTES), ("resource", TASKS)];
    let both: Value = seeds.refresh(whole["refresh_token"].as_str().unwrap(), &both).await.json();
    assert_eq!(both["scope"], "openid tasks:read notes:read");
}

#[tokio::test]
async fn a_resource_that_was_not_granted_is_an_invalid_target_and_leaves_the_code() {
    let seeds = Seeds::new().await;
    let code = seeds.code(&seeds.grant("mobile", "openid tasks:read").await).await;
    for resource in [
        NOTES,
        "https://unknown.example.test",
        "no uri",
        "http://localhost:7118//",
        "http://localhost:7118#a",
    ] {
        assert_eq!(
            error(&seeds.redeem(&code, &[("resource", resource)]).await),
            "invalid_target",
            "{resource}"
        );
    }
    assert_eq!(seeds.redeem(&code, &[("resource", TASKS)]).await.status, 200);
}

#[tokio::test]
async fn nothing_secret_is_stored_or_recorded() {
    let seeds = Seeds::new().await;
    let code = seeds.code(&seeds.grant("mobile", "openid tasks:read").await).await;
    let tokens: Value = seeds.redeem(&code, &[]).await.json();
    let first = tokens["refresh_token"].as_str().unwrap();
    let refreshed: Value = seeds.refresh(first, &[]).await.json();
    let second = refreshed["refresh_token"].as_str().unwrap();
    let stored = seeds.app.everything_stored().await;
    for secret in [&code, first, second, &seeds.web, &seeds.service, tokens["access_token"].as_str().unwrap()]
    {
        assert!(!stored.contains(secret), "{secret} is stored as it is");
    }
    assert!(stored.contains("code.redeemed") && stored.contains("refresh_token.rotated"));
}
