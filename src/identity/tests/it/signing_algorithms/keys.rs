//! The keys of several algorithms: when they come into being, rotate and retire.

use std::time::Duration;

use postern_entities::clients as rows;
use postern_identity::{
    administration::resources::{self, ResourceChange},
    clients::TOPIC,
    core::RequestContext,
    keys::{self, KeyState},
};
use postern_service::database::DatabaseError;
use postern_token_verifier::{Algorithm, jws::Compact};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr};
use serde_json::{Value, json};

use super::{
    change_tasks, change_web, expected_at_hash, header_of, id_tokens_by, payload_of, published_keys,
    userinfo_by, web_tokens, web_tokens_at,
};
use crate::{seeds::Seeds, support::TestApp};

const HOUR: Duration = Duration::from_hours(1);

/// The algorithm and state of every key.
async fn key_states(app: &TestApp) -> Vec<(String, KeyState)> {
    keys::list(&app.app).await.unwrap().into_iter().map(|key| (key.algorithm, key.state)).collect()
}

async fn maintain(app: &TestApp) {
    app.app.signing_keys.maintain(&app.app).await.unwrap();
}

#[tokio::test]
async fn the_key_of_an_algorithm_exists_once_a_client_names_it() {
    let seeds = Seeds::new().await;
    assert_eq!(key_states(&seeds.app).await, [("RS256".to_owned(), KeyState::Active)]);
    change_web(&seeds.app, id_tokens_by("PS256")).await;
    let keys = published_keys(&seeds.app).await;
    assert_eq!(keys.len(), 2, "the command has made the key");
    assert_eq!((&keys[0]["alg"], &keys[1]["alg"]), (&json!("PS256"), &json!("RS256")));
    assert_ne!(keys[0]["kid"], keys[1]["kid"]);
    assert_ne!(keys[0]["n"], keys[1]["n"], "the two algorithms do not share a key");
    // Naming it again makes no second one.
    change_web(&seeds.app, userinfo_by("PS256")).await;
    assert_eq!(published_keys(&seeds.app).await.len(), 2);
}

#[tokio::test]
async fn a_node_that_has_not_heard_of_a_key_signs_by_it() {
    let seeds = Seeds::new().await;
    let other = seeds.app.another_node().await;
    change_web(&seeds.app, id_tokens_by("ES256")).await;
    // The other node learns of the client first.
    other.app.reload(TOPIC).await.unwrap();
    let tokens = web_tokens_at(&seeds, &other, "openid").await;
    assert_eq!(header_of(&tokens["id_token"])["alg"], "ES256");
    assert_eq!(seeds.claims(&tokens["id_token"]).await["aud"], "web");
    assert_eq!(published_keys(&seeds.app).await.len(), 2, "both nodes have the one key");
    assert_eq!(published_keys(&seeds.app).await, published_keys(&other).await);
}

#[tokio::test]
async fn a_key_that_is_missing_is_made_before_the_first_signature() {
    let seeds = Seeds::new().await;
    let app = &seeds.app.app;
    let stored = app.db.write(async |tx| {
        let rows = rows::Entity::update_many()
            .col_expr(rows::Column::IdTokenSignedResponseAlg, Expr::value("EdDSA"))
            .filter(rows::Column::ClientId.eq("web"));
        rows.exec(tx).await.map_err(DatabaseError::from)
    });
    stored.await.unwrap();
    app.reload(TOPIC).await.unwrap();
    let tokens = web_tokens(&seeds, "openid").await;
    assert_eq!(header_of(&tokens["id_token"])["alg"], "EdDSA");
    assert_eq!(seeds.claims(&tokens["id_token"]).await["aud"], "web");
}

#[tokio::test]
async fn a_start_makes_the_keys_that_the_settings_name() {
    let seeds = Seeds::with(&[("POSTERN_KEYS__ALGORITHM", "ES256")]).await;
    let keys = published_keys(&seeds.app).await;
    assert_eq!(keys.iter().map(|key| &key["alg"]).collect::<Vec<_>>(), ["ES256", "RS256"]);
    assert_eq!(header_of(&web_tokens(&seeds, "openid").await["id_token"])["alg"], "ES256");
    change_web(&seeds.app, id_tokens_by("RS256")).await;
    let tokens = web_tokens(&seeds, "openid").await;
    assert_eq!(header_of(&tokens["id_token"])["alg"], "RS256");
    assert_eq!(header_of(&tokens["access_token"])["alg"], "ES256");
    let app = &seeds.app.app;
    let added = "https://new.example.test";
    let context = RequestContext::of_command(app);
    resources::add(app, added, ResourceChange::default(), &context).await.unwrap();
    assert_eq!(app.resources().find(added).unwrap().algorithm, Algorithm::Es256);
}

#[tokio::test]
async fn the_keys_of_a_second_algorithm_rotate_and_retire_on_their_own() {
    let seeds = Seeds::new().await;
    let app = &seeds.app.app;
    change_web(&seeds.app, id_tokens_by("ES256")).await;
    seeds.app.clock.advance(Duration::from_secs(1));
    maintain(&seeds.app).await;
    assert_eq!(published_keys(&seeds.app).await.len(), 4, "an active and a next key of each");
    let before = web_tokens(&seeds, "openid offline_access").await;
    seeds.app.clock.advance(HOUR);
    let context = RequestContext::of_command(app);
    let rotated = app.signing_keys.rotate_algorithm(app, Algorithm::Es256, false, &context).await.unwrap();
    let after = web_tokens(&seeds, "openid").await;
    let kid = |tokens: &Value, name: &str| header_of(&tokens[name])["kid"].as_str().unwrap().to_owned();
    assert_eq!(kid(&before, "id_token"), rotated.retiring);
    assert_eq!(kid(&after, "id_token"), rotated.active);
    assert_eq!(kid(&before, "access_token"), kid(&after, "access_token"), "RS256 was not rotated");
    // Tokens of the old key verify until the last of them has expired.
    assert_eq!(seeds.claims(&before["id_token"]).await["aud"], "web");
    seeds.app.clock.advance(HOUR);
    maintain(&seeds.app).await;
    let published = published_keys(&seeds.app).await;
    assert!(published.iter().all(|key| key["kid"] != rotated.retiring));
    // A compromised key goes at once, and refreshes go on with the next one.
    app.signing_keys.retire(app, &rotated.active, &context).await.unwrap();
    let jws = Compact::parse(after["id_token"].as_str().unwrap()).unwrap();
    assert!(jws.verify(&seeds.keys().await).is_err());
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", before["refresh_token"].as_str().unwrap())];
    let refreshed: Value = seeds.post_as("web", &seeds.web, "/oauth2/token", &form).await.json();
    assert_eq!(kid(&refreshed, "id_token"), rotated.next);
    let (old, new) = (payload_of(&before["id_token"]), seeds.claims(&refreshed["id_token"]).await);
    for same in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(old[same], new[same], "{same}");
    }
    assert!(new["iat"].as_i64() > old["iat"].as_i64());
    assert_eq!(new["at_hash"], expected_at_hash("ES256", &refreshed["access_token"]));
    // By themselves, too.
    seeds.app.clock.advance(24 * 90 * HOUR);
    maintain(&seeds.app).await;
    let later = web_tokens(&seeds, "openid").await;
    assert_ne!(kid(&later, "id_token"), kid(&refreshed, "id_token"));
    assert_ne!(kid(&later, "access_token"), kid(&refreshed, "access_token"));
}

#[tokio::test]
async fn keys_that_nothing_uses_any_more_retire() {
    let seeds = Seeds::new().await;
    let app = &seeds.app.app;
    change_web(&seeds.app, id_tokens_by("EdDSA")).await;
    change_tasks(&seeds.app, "EdDSA").await.unwrap();
    maintain(&seeds.app).await;
    let tokens = web_tokens(&seeds, "openid").await;
    change_web(&seeds.app, id_tokens_by("")).await;
    maintain(&seeds.app).await;
    assert!(app.signing_keys.ring().can_sign(Algorithm::EdDsa), "the resource still uses it");
    change_tasks(&seeds.app, "RS256").await.unwrap();
    maintain(&seeds.app).await;
    let of_eddsa = async || {
        let states = key_states(&seeds.app).await;
        states.into_iter().filter(|(name, _)| name == "EdDSA").map(|(_, state)| state).collect::<Vec<_>>()
    };
    assert_eq!(of_eddsa().await, [KeyState::Retiring]);
    assert_eq!(seeds.claims(&tokens["id_token"]).await["aud"], "web", "its tokens verify");
    let context = RequestContext::of_command(app);
    let refused = app.signing_keys.rotate_algorithm(app, Algorithm::EdDsa, true, &context).await.unwrap_err();
    assert!(refused.to_string().contains("no key of EdDSA is active"), "{refused}");
    // A use in the meantime makes a key again.
    seeds.app.clock.advance(Duration::from_secs(1));
    change_web(&seeds.app, id_tokens_by("EdDSA")).await;
    assert_eq!(of_eddsa().await, [KeyState::Retiring, KeyState::Active]);
    change_web(&seeds.app, id_tokens_by("")).await;
    maintain(&seeds.app).await;
    seeds.app.clock.advance(HOUR);
    maintain(&seeds.app).await;
    assert_eq!(of_eddsa().await, []);
    assert!(published_keys(&seeds.app).await.iter().all(|key| key["alg"] == "RS256"));
}
