//! The life of signing keys (design: next, active, retiring, gone).

use std::time::Duration;

use postern_identity::{
    App,
    core::RequestContext,
    keys::{self, KeyError, KeyState},
};
use postern_service::{clock::Clock, database::Database, random::Random};
use postern_token_verifier::jws::Compact;
use serde_json::Value;

use crate::{
    seeds::{Seeds, error},
    support::TestApp,
};

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn states(app: &App) -> Vec<(KeyState, String)> {
    keys::list(app).await.unwrap().into_iter().map(|key| (key.state, key.kid)).collect()
}

/// Makes the next key, a moment after the first.
async fn next_key(app: &TestApp) {
    app.clock.advance(Duration::from_secs(1));
    app.app.signing_keys.maintain(&app.app).await.unwrap();
}

async fn published(app: &TestApp) -> Vec<String> {
    let jwks: Value = app.get("/.well-known/jwks.json").await.json();
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid(jwt: &Value) -> String {
    Compact::parse(jwt.as_str().unwrap()).unwrap().unverified_header().kid.clone().unwrap()
}

#[tokio::test]
async fn the_first_start_makes_an_active_key_and_maintenance_the_next() {
    let app = TestApp::new().await;
    assert_eq!(states(&app.app).await.iter().map(|key| key.0).collect::<Vec<_>>(), [KeyState::Active]);
    next_key(&app).await;
    next_key(&app).await;
    let states = states(&app.app).await;
    assert_eq!(states.iter().map(|key| key.0).collect::<Vec<_>>(), [KeyState::Active, KeyState::Next]);
    assert_eq!(published(&app).await, states.into_iter().map(|key| key.1).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_next_key_signs_only_after_it_was_published_for_long_enough() {
    let seeds = Seeds::new().await;
    let app = &seeds.app.app;
    next_key(&seeds.app).await;
    let before = seeds.tokens("openid tasks:read").await;
    let next = states(app).await[1].1.clone();

    let refused = app.signing_keys.rotate(app, false, &RequestContext::of_command(app)).await.unwrap_err();
    assert!(
        matches!(refused, KeyError::NextKeyNotReady { ready_at } if ready_at == seeds.app.clock.now() + HOUR),
        "{refused}"
    );
    seeds.app.clock.advance(HOUR);
    let rotated = app.signing_keys.rotate(app, false, &RequestContext::of_command(app)).await.unwrap();
    assert_eq!((&rotated.active, &rotated.retiring), (&next, &kid(&before["access_token"])));
    assert!(matches!(
        app.signing_keys.rotate(app, false, &RequestContext::of_command(app)).await,
        Err(KeyError::NextKeyNotReady { .. })
    ));

    let after = seeds.tokens("openid tasks:read").await;
    assert_eq!(kid(&after["access_token"]), next);
    let published = published(&seeds.app).await;
    for kid in [&rotated.active, &rotated.retiring, &rotated.next] {
        assert!(published.contains(kid));
    }
    // A token of the old key is good for its whole life.
    assert_eq!(
        seeds.app.app.verifier.verify(after["access_token"].as_str().unwrap()).await.unwrap().client_id,
        "mobile"
    );
    assert_eq!(seeds.app.audited("key.rotated").await.len(), 1);
}

#[tokio::test]
async fn a_key_is_published_until_its_last_token_is_dead() {
    let seeds = Seeds::new().await;
    let app = &seeds.app.app;
    let tokens = seeds.tokens("openid tasks:read").await;
    let old = kid(&tokens["access_token"]);
    app.signing_keys.rotate(app, true, &RequestContext::of_command(app)).await.unwrap();
    seeds.app.clock.advance(Duration::from_secs(15 * 60));
    app.signing_keys.maintain(app).await.unwrap();
    assert!(published(&seeds.app).await.contains(&old));
    seeds.app.clock.advance(Duration::from_secs(5 * 60));
    app.signing_keys.maintain(app).await.unwrap();
    assert!(!published(&seeds.app).await.contains(&old));
}

#[tokio::test]
async fn keys_rotate_by_themselves_when_their_time_has_come() {
    let app = TestApp::new().await;
    next_key(&app).await;
    let before = states(&app.app).await;
    app.clock.advance(Duration::from_secs(90 * 24 * 60 * 60));
    app.app.signing_keys.maintain(&app.app).await.unwrap();
    let after = states(&app.app).await;
    assert_eq!(after[1], (KeyState::Active, before[1].1.clone()));
    app.app.signing_keys.maintain(&app.app).await.unwrap();
    assert_eq!(states(&app.app).await.iter().filter(|key| key.0 == KeyState::Active).count(), 1);
}

#[tokio::test]
async fn a_compromised_key_goes_at_once_and_the_next_takes_over() {
    let seeds = Seeds::new().await;
    let app = &seeds.app.app;
    app.signing_keys.maintain(app).await.unwrap();
    let tokens = seeds.tokens("openid tasks:read").await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(seeds.userinfo(token).await.status, 200);
    let old = kid(&tokens["access_token"]);
    app.signing_keys.retire(app, &old, &RequestContext::of_command(app)).await.unwrap();
    assert!(!published(&seeds.app).await.contains(&old));
    assert_eq!(seeds.userinfo(token).await.status, 401, "remembered tokens do not outlive their key");
    assert_eq!(seeds.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await.status, 200);
    assert!(matches!(
        app.signing_keys.retire(app, "unknown", &RequestContext::of_command(app)).await,
        Err(KeyError::Unknown(_))
    ));
}

#[tokio::test]
async fn two_nodes_share_one_active_and_one_next_key() {
    let app = TestApp::new().await;
    let other_db = Database::open(&app.app.config.database).await.unwrap();
    let clock = app.clock.clone();
    let other = App::new(app.app.config.clone(), other_db, clock, Random::seeded(2)).await.unwrap();
    app.clock.advance(Duration::from_secs(1));
    let (one, two) =
        tokio::join!(app.app.signing_keys.maintain(&app.app), other.signing_keys.maintain(&other));
    one.unwrap();
    two.unwrap();
    let both = states(&app.app).await;
    assert_eq!(both.iter().map(|key| key.0).collect::<Vec<_>>(), [KeyState::Active, KeyState::Next]);

    app.clock.advance(HOUR);
    let context = RequestContext::of_command(&app.app);
    let (one, two) = tokio::join!(
        app.app.signing_keys.rotate(&app.app, false, &context),
        other.signing_keys.rotate(&other, false, &context)
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
    let states = states(&app.app).await;
    assert_eq!(states.iter().filter(|key| key.0 == KeyState::Active).count(), 1);
    assert_eq!(states.iter().filter(|key| key.0 == KeyState::Next).count(), 1);
}

#[tokio::test]
async fn a_restart_signs_with_the_same_key_and_another_encryption_key_cannot() {
    let app = TestApp::new().await;
    let restart = async |key: &str| {
        let mut config = app.app.config.clone();
        config.secrets.encryption_key = Some(key.to_owned().into());
        let db = Database::open(&config.database).await.unwrap();
        App::new(config, db, Clock::manual(app.clock.now()), Random::seeded(3)).await
    };
    let again = restart(&"A".repeat(43)).await.unwrap();
    assert_eq!(again.signing_keys.ring().jwks().body, app.app.signing_keys.ring().jwks().body);
    let Err(cause) = restart(&format!("{}E", "B".repeat(42))).await else {
        panic!("keys opened with another key")
    };
    assert!(cause.to_string().contains("cannot be opened"), "{cause}");
}

#[tokio::test]
async fn every_algorithm_that_settings_offer_signs_tokens_that_verify() {
    for algorithm in ["PS256", "ES256", "EdDSA"] {
        let seeds = Seeds::with(&[("POSTERN_KEYS__ALGORITHM", algorithm)]).await;
        seeds.app.app.signing_keys.maintain(&seeds.app.app).await.unwrap();
        let tokens = seeds.tokens("openid").await;
        assert_eq!(
            Compact::parse(tokens["id_token"].as_str().unwrap()).unwrap().unverified_header().alg,
            algorithm
        );
        assert_eq!(seeds.claims(&tokens["id_token"]).await["aud"], "mobile");
        assert_eq!(seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 200);
    }
}

#[tokio::test]
async fn larger_rsa_keys_sign_off_the_worker_threads() {
    let seeds = Seeds::with(&[("POSTERN_KEYS__RSA_BITS", "3072")]).await;
    let tokens = seeds.tokens("openid tasks:read").await;
    assert_eq!(seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn a_token_of_a_key_that_this_node_has_not_heard_of_is_not_called_bad() {
    let seeds = Seeds::new().await;
    next_key(&seeds.app).await;
    let other = seeds.app.another_node().await;
    // The first time the key was published before.
    for _ in 0..2 {
        other
            .app
            .signing_keys
            .rotate(&other.app, true, &RequestContext::of_command(&other.app))
            .await
            .unwrap();
    }
    let code = seeds.code(&seeds.grant("mobile", "openid").await).await;
    let tokens: Value = seeds.redeem_at(&other, &code, &[]).await.json();
    let token = tokens["access_token"].as_str().unwrap();
    for path in ["/oauth2/userinfo", "/api/auth/me"] {
        let answer = seeds.app.get_as(token, path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("www-authenticate")),
            (503, ""),
            "{path} {}",
            answer.body
        );
        assert!(!answer.header("retry-after").is_empty());
    }
    // Nor inactive, nor revoked where nothing was.
    let form = [("token", token)];
    let introspected = seeds.post_as("web", &seeds.web, "/oauth2/introspect", &form).await;
    let revoked = seeds.app.post_form("/oauth2/revoke", &[("client_id", "mobile"), ("token", token)]).await;
    for answer in [introspected, revoked] {
        assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (503, "temporarily_unavailable"));
    }
    seeds.app.app.reload(keys::TOPIC).await.unwrap();
    assert_eq!(seeds.app.get_as(token, "/oauth2/userinfo").await.status, 200);

    // One that nobody has is bad.
    let retired = kid(&tokens["access_token"]);
    other
        .app
        .signing_keys
        .retire(&other.app, &retired, &RequestContext::of_command(&other.app))
        .await
        .unwrap();
    seeds.app.app.reload(keys::TOPIC).await.unwrap();
    assert_eq!(seeds.app.get_as(token, "/oauth2/userinfo").await.status, 401);
}
