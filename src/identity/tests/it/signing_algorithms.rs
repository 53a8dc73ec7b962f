//! The algorithms of ID tokens, userinfo responses and access tokens, by client and by resource.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_identity::{
    administration::{
        ChangeError, clients,
        metadata::ClientMetadataChange,
        resources::{self, ResourceChange},
    },
    core::RequestContext,
    keys::{self, KeyState},
};
use postern_token_verifier::{Algorithm, jws::Compact};
use serde_json::{Value, json};

use crate::{
    seeds::{FULL_SCOPE, REDIRECT_URI, Seeds, TASKS, VERIFIER},
    support::TestApp,
};

const HOUR: Duration = Duration::from_hours(1);

/// Changes the client `web`.
async fn change_web(app: &TestApp, change: ClientMetadataChange) {
    let context = RequestContext::of_command(&app.app);
    clients::update(&app.app, "web", change, &context).await.unwrap();
}

fn id_tokens_by(algorithm: &str) -> ClientMetadataChange {
    ClientMetadataChange {
        id_token_signed_response_alg: Some(algorithm.to_owned()),
        ..ClientMetadataChange::default()
    }
}

fn userinfo_by(algorithm: &str) -> ClientMetadataChange {
    ClientMetadataChange {
        userinfo_signed_response_alg: Some(algorithm.to_owned()),
        ..ClientMetadataChange::default()
    }
}

async fn change_tasks(app: &TestApp, algorithm: &str) -> Result<(), ChangeError> {
    let change =
        ResourceChange { signing_algorithm: Some(algorithm.to_owned()), ..ResourceChange::default() };
    resources::update(&app.app, TASKS, change, &RequestContext::of_command(&app.app)).await
}

/// What `web` gets for a fresh code, at any node.
async fn web_tokens_at(seeds: &Seeds, node: &TestApp, scope: &str) -> Value {
    let code = seeds.code(&seeds.grant("web", scope).await).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "web"),
        ("client_secret", seeds.web.as_str()),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let answer = node.post_form("/oauth2/token", &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn web_tokens(seeds: &Seeds, scope: &str) -> Value {
    web_tokens_at(seeds, &seeds.app, scope).await
}

fn header_of(jwt: &Value) -> Value {
    let header = jwt.as_str().unwrap().split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

/// The algorithm and state of every key.
async fn key_states(app: &TestApp) -> Vec<(String, KeyState)> {
    keys::list(&app.app).await.unwrap().into_iter().map(|key| (key.algorithm, key.state)).collect()
}

async fn published_keys(app: &TestApp) -> Vec<Value> {
    let jwks: Value = app.get("/.well-known/jwks.json").await.json();
    jwks["keys"].as_array().unwrap().clone()
}

async fn maintain(app: &TestApp) {
    app.app.signing_keys.maintain(&app.app).await.unwrap();
}

/// OpenID Connect Core section 3.1.3.6.
fn expected_at_hash(algorithm: &str, access_token: &Value) -> String {
    use aws_lc_rs::digest::{SHA256, SHA512, digest};
    let algorithm = if algorithm == "EdDSA" { &SHA512 } else { &SHA256 };
    let hash = digest(algorithm, access_token.as_str().unwrap().as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

#[tokio::test]
async fn a_client_gets_its_id_tokens_by_the_algorithm_that_it_is_registered_for() {
    let seeds = Seeds::new().await;
    for algorithm in ["ES256", "PS256", "EdDSA", "RS256"] {
        change_web(&seeds.app, id_tokens_by(algorithm)).await;
        let grant_sid = Value::Null;
        let tokens = web_tokens(&seeds, "openid").await;
        let header = header_of(&tokens["id_token"]);
        assert_eq!((&header["alg"], &header["typ"]), (&json!(algorithm), &json!("JWT")));
        let claims = seeds.claims(&tokens["id_token"]).await;
        assert_eq!(claims["aud"], "web");
        assert_eq!(claims["at_hash"], expected_at_hash(algorithm, &tokens["access_token"]));
        assert_ne!(claims["sid"], grant_sid, "every ID token names its session");
        // Access tokens and other clients keep the issuer's algorithm.
        assert_eq!(header_of(&tokens["access_token"])["alg"], "RS256");
        assert_eq!(header_of(&seeds.tokens("openid").await["id_token"])["alg"], "RS256");
        // The hint of such a token is taken back.
        let hint = tokens["id_token"].as_str().unwrap();
        let claims = postern_identity::tokens::id_token::verify_hint(&seeds.app.app, hint).unwrap();
        assert_eq!(claims.client_id, "web");
    }
    change_web(&seeds.app, id_tokens_by("EdDSA")).await;
    change_web(&seeds.app, id_tokens_by("")).await;
    assert_eq!(header_of(&web_tokens(&seeds, "openid").await["id_token"])["alg"], "RS256");
}

#[tokio::test]
async fn the_key_of_an_algorithm_exists_once_a_client_names_it() {
    let seeds = Seeds::new().await;
    assert_eq!(key_states(&seeds.app).await, [("RS256".to_owned(), KeyState::Active)]);
    change_web(&seeds.app, id_tokens_by("PS256")).await;
    let keys = published_keys(&seeds.app).await;
    assert_eq!(keys.len(), 2, "the command has made the key");
    assert_eq!((&keys[0]["alg"], &keys[1]["alg"]), (&json!("RS256"), &json!("PS256")));
    assert_ne!(keys[0]["kid"], keys[1]["kid"]);
    assert_ne!(keys[0]["n"], keys[1]["n"], "the two algorithms do not share a key");
    // Naming it again makes no second one.
    change_web(&seeds.app, userinfo_by("PS256")).await;
    assert_eq!(published_keys(&seeds.app).await.len(), 2);
}
