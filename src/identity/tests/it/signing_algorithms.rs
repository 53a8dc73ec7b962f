//! The algorithms of ID tokens, userinfo responses and access tokens, by client and by resource.

mod keys;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::users;
use postern_identity::{
    administration::{
        ChangeError, clients,
        metadata::ClientMetadataChange,
        resources::{self, ResourceChange},
    },
    core::RequestContext,
};
use postern_service::database::DatabaseError;
use postern_token_verifier::{Algorithm, Audience, LocalKeys, Policy, Verifier, jws::MAX_LENGTH};
use sea_orm::{EntityTrait as _, sea_query::Expr};
use serde_json::{Value, json};

use crate::{
    commands::Shell,
    seeds::{FULL_SCOPE, REDIRECT_URI, Seeds, TASKS, VERIFIER},
    support::TestApp,
};

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

fn payload_of(jwt: &Value) -> Value {
    let payload = jwt.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

async fn published_keys(app: &TestApp) -> Vec<Value> {
    let jwks: Value = app.get("/.well-known/jwks.json").await.json();
    let mut keys = jwks["keys"].as_array().unwrap().clone();
    keys.sort_by_key(|key| key["alg"].to_string());
    keys
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
        let tokens = web_tokens(&seeds, "openid").await;
        let header = header_of(&tokens["id_token"]);
        assert_eq!((&header["alg"], &header["typ"]), (&json!(algorithm), &json!("JWT")));
        let claims = seeds.claims(&tokens["id_token"]).await;
        assert_eq!(claims["aud"], "web");
        assert_eq!(claims["at_hash"], expected_at_hash(algorithm, &tokens["access_token"]));
        assert!(claims["sid"].is_string(), "every ID token names its session");
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
async fn every_announced_algorithm_signs_and_no_other_can_be_registered() {
    let seeds = Seeds::new().await;
    let metadata: Value = seeds.app.get("/.well-known/openid-configuration").await.json();
    for algorithm in metadata["id_token_signing_alg_values_supported"].as_array().unwrap() {
        change_web(&seeds.app, id_tokens_by(algorithm.as_str().unwrap())).await;
        let tokens = web_tokens(&seeds, "openid").await;
        assert_eq!(header_of(&tokens["id_token"])["alg"], *algorithm);
        assert_eq!(seeds.claims(&tokens["id_token"]).await["sub"], json!(seeds.ada.subject));
    }
    for algorithm in metadata["userinfo_signing_alg_values_supported"].as_array().unwrap() {
        change_web(&seeds.app, userinfo_by(algorithm.as_str().unwrap())).await;
        let tokens = web_tokens(&seeds, "openid").await;
        let answer = seeds.userinfo(tokens["access_token"].as_str().unwrap()).await;
        let jwt = json!(answer.body);
        assert_eq!(header_of(&jwt)["alg"], *algorithm);
        assert_eq!(seeds.claims(&jwt).await["sub"], json!(seeds.ada.subject));
    }
    let context = RequestContext::of_command(&seeds.app.app);
    for algorithm in ["none", "None", "HS256", "RS512", "ES384", "rs256", "EdDSA "] {
        for change in [id_tokens_by(algorithm), userinfo_by(algorithm)] {
            let refused = clients::update(&seeds.app.app, "web", change, &context).await.unwrap_err();
            assert!(refused.to_string().contains("must be one of RS256, PS256, ES256, EdDSA"), "{refused}");
        }
        assert!(change_tasks(&seeds.app, algorithm).await.is_err());
    }
}

#[tokio::test]
async fn userinfo_is_a_jwt_for_a_client_that_is_registered_for_it() {
    let seeds = Seeds::new().await;
    change_web(&seeds.app, userinfo_by("RS256")).await;
    let tokens = web_tokens(&seeds, "openid email").await;
    let token = tokens["access_token"].as_str().unwrap();
    let by_form = seeds.app.post_form("/oauth2/userinfo", &[("access_token", token)]).await;
    for answer in [seeds.userinfo(token).await, by_form] {
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/jwt"));
        assert_eq!(answer.header("cache-control"), "no-store");
        let jwt = json!(answer.body);
        let claims = seeds.claims(&jwt).await;
        let issuer = &seeds.app.app.config.issuer;
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(issuer), &json!("web")));
        assert_eq!((&claims["sub"], &claims["email"]), (&json!(seeds.ada.subject), &json!(seeds.ada.email)));
        assert!(claims.get("nonce").is_none() && claims.get("name").is_none());
        // The JWT is neither an ID token nor an access token.
        assert!(header_of(&jwt).get("typ").is_none());
        assert!(postern_identity::tokens::id_token::verify_hint(&seeds.app.app, &answer.body).is_none());
        assert_eq!(seeds.userinfo(&answer.body).await.status, 401);
    }
    // Refusals stay JSON, and so does the response to other clients.
    assert_eq!(seeds.userinfo("x").await.header("content-type"), "application/json");
    let others = seeds.tokens("openid").await;
    let answer = seeds.userinfo(others["access_token"].as_str().unwrap()).await;
    assert_eq!(answer.header("content-type"), "application/json");
    change_web(&seeds.app, userinfo_by("")).await;
    assert_eq!(seeds.userinfo(token).await.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_client_can_have_the_claims_of_its_scopes_in_the_id_token() {
    let seeds = Seeds::new().await;
    let claims = seeds.claims(&web_tokens(&seeds, "openid email").await["id_token"]).await;
    assert!(claims.get("email").is_none());
    let switch =
        |on| ClientMetadataChange { scope_claims_in_id_token: Some(on), ..ClientMetadataChange::default() };
    change_web(&seeds.app, switch(true)).await;
    let tokens = web_tokens(&seeds, "openid email offline_access").await;
    let claims = seeds.claims(&tokens["id_token"]).await;
    assert_eq!((&claims["email"], &claims["email_verified"]), (&json!(seeds.ada.email), &json!(true)));
    assert!(claims.get("name").is_none(), "the scope profile was not granted");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("scope", "openid"),
    ];
    let narrowed: Value = seeds.post_as("web", &seeds.web, "/oauth2/token", &form).await.json();
    assert!(seeds.claims(&narrowed["id_token"]).await.get("email").is_none(), "{narrowed}");
    change_web(&seeds.app, switch(false)).await;
    let claims = seeds.claims(&web_tokens(&seeds, "openid email").await["id_token"]).await;
    assert!(claims.get("email").is_none());
}

#[tokio::test]
async fn an_id_token_with_large_claims_still_serves_as_a_hint() {
    let seeds = Seeds::with(&[("POSTERN_KEYS__RSA_BITS", "4096")]).await;
    let url = |page: &str| format!("https://example.test/{page}/{}", "x".repeat(1990));
    let address = "Ä".repeat(500);
    let profile = json!({
        "name": "Ada Adams", "website": url("w"), "picture": url("p"), "profile": url("m"),
        "address": { "formatted": address, "street_address": address },
    });
    let app = &seeds.app.app;
    let stored = app.db.write(async |tx| {
        let rows = users::Entity::update_many().col_expr(users::Column::Profile, Expr::value(profile));
        rows.exec(tx).await.map_err(DatabaseError::from)
    });
    stored.await.unwrap();
    let switch = ClientMetadataChange { scope_claims_in_id_token: Some(true), ..id_tokens_by("PS256") };
    change_web(&seeds.app, switch).await;
    let tokens = web_tokens(&seeds, "openid profile email address").await;
    let hint = tokens["id_token"].as_str().unwrap();
    assert!((4096..=MAX_LENGTH).contains(&hint.len()), "{}", hint.len());
    let claims = seeds.claims(&tokens["id_token"]).await;
    assert_eq!((&claims["name"], &claims["email"]), (&json!("Ada Adams"), &json!(seeds.ada.email)));
    assert_eq!((&claims["sub"], &claims["nonce"]), (&json!(seeds.ada.subject), &json!("n-0S6_WzA2Mj")));
    let hinted = postern_identity::tokens::id_token::verify_hint(app, hint).unwrap();
    assert_eq!(hinted.sub, seeds.ada.subject.to_string());
    // The pages take the hint in a URL.
    let path = format!("/oauth2/logout?id_token_hint={hint}&client_id=web");
    let status = seeds.app.browser().get(&path).await.status;
    assert!(matches!(status.as_u16(), 200 | 303), "{status}");
    // Userinfo has what was left out.
    let answer: Value = seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    assert!(answer["picture"].is_string() && answer["website"].is_string() && answer["address"].is_object());
}

#[tokio::test]
async fn a_resource_gets_its_access_tokens_by_its_own_algorithm() {
    let seeds = Seeds::new().await;
    for algorithm in [Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
        change_tasks(&seeds.app, algorithm.name()).await.unwrap();
        let tokens = web_tokens(&seeds, "openid tasks:read").await;
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(header_of(&tokens["access_token"])["alg"], algorithm.name());
        assert_eq!(header_of(&tokens["id_token"])["alg"], "RS256");
        let claims = seeds.claims(&tokens["id_token"]).await;
        assert_eq!(claims["at_hash"], expected_at_hash("RS256", &tokens["access_token"]));
        // The issuer's own endpoints take the token.
        assert_eq!(seeds.userinfo(token).await.status, 200);
        assert_eq!(seeds.introspect(TASKS, &seeds.tasks, token).await["active"], true);
        // A resource server takes it by the algorithms that its policy allows.
        for (allowed, accepted) in [(algorithm, true), (Algorithm::Rs256, false)] {
            let clock = seeds.app.clock.clone();
            let policy = Policy {
                algorithms: vec![allowed],
                now: Arc::new(move || clock.now().seconds()),
                ..Policy::new(&seeds.app.app.config.issuer, Audience::Contains(TASKS.to_owned()))
            };
            let verifier = Verifier::new(policy, LocalKeys::new(seeds.keys().await)).unwrap();
            assert_eq!(verifier.verify(token).await.is_ok(), accepted, "{algorithm} by {allowed}");
        }
    }
    // For several resources that disagree the issuer's own algorithm is used.
    let tokens = web_tokens(&seeds, &format!("{FULL_SCOPE} notes:read")).await;
    assert_eq!(header_of(&tokens["access_token"])["alg"], "RS256");
}

#[tokio::test]
async fn a_token_whose_header_disagrees_with_its_key_is_refused() {
    let seeds = Seeds::new().await;
    for algorithm in ["PS256", "ES256", "EdDSA"] {
        change_tasks(&seeds.app, algorithm).await.unwrap();
        let tokens = web_tokens(&seeds, "openid tasks:read").await;
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(seeds.userinfo(token).await.status, 200);
        let (_, rest) = token.split_once('.').unwrap();
        let payload = rest.split('.').next().unwrap();
        let kid = header_of(&tokens["access_token"])["kid"].clone();
        let keys = published_keys(&seeds.app).await;
        let key = keys.iter().find(|key| key["kid"] == kid).unwrap();
        let header = |alg: &str| {
            let header = json!({ "typ": "at+jwt", "alg": alg, "kid": kid }).to_string();
            URL_SAFE_NO_PAD.encode(header)
        };
        for alg in ["RS256", "PS256", "ES256", "EdDSA", "none", "HS256"] {
            if alg != algorithm {
                assert_eq!(seeds.userinfo(&format!("{}.{rest}", header(alg))).await.status, 401, "{alg}");
            }
        }
        assert_eq!(seeds.userinfo(&format!("{}.{payload}.", header("none"))).await.status, 401);
        // The public key is no secret of HS256.
        let member = if algorithm == "PS256" { "n" } else { "x" };
        let raw = URL_SAFE_NO_PAD.decode(key[member].as_str().unwrap()).unwrap();
        for secret in [key.to_string().into_bytes(), raw] {
            let input = format!("{}.{payload}", header("HS256"));
            let signer = josekit::jws::HS256.signer_from_bytes(&secret).unwrap();
            let signature =
                URL_SAFE_NO_PAD.encode(josekit::jws::JwsSigner::sign(&signer, input.as_bytes()).unwrap());
            assert_eq!(seeds.userinfo(&format!("{input}.{signature}")).await.status, 401);
        }
        // Nor does the key of another algorithm verify the token.
        let rs256 = keys.iter().find(|key| key["alg"] == "RS256").unwrap();
        let swapped = json!({ "typ": "at+jwt", "alg": algorithm, "kid": rs256["kid"] }).to_string();
        let swapped = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(swapped));
        assert_eq!(seeds.userinfo(&swapped).await.status, 401);
    }
}

#[tokio::test]
async fn operators_set_algorithms_by_commands() {
    let shell = Shell::new().await;
    let uri = ["--redirect-uri", "https://app.example.test/cb"];
    let add = [&["client", "add", "app", "--id-token-alg", "ES256"][..], &uri].concat();
    shell.run(&add).succeeded();
    let update = ["client", "update", "app", "--userinfo-alg", "EdDSA", "--scope-claims-in-id-token"];
    shell.run(&update).succeeded();
    let shown = shell.json(&["client", "show", "app"]);
    assert_eq!(shown["id_token_signed_response_alg"], "ES256");
    assert_eq!(shown["userinfo_signed_response_alg"], "EdDSA");
    assert_eq!(shown["scope_claims_in_id_token"], true);
    for flag in ["--id-token-alg", "--userinfo-alg"] {
        shell.run(&["client", "update", "app", flag, "none"]).failed(2, "must be one of RS256, PS256");
    }
    let resource = ["resource", "add", "https://api.example.test", "--signing-algorithm", "PS256"];
    shell.run(&resource).succeeded();
    shell
        .run(&["resource", "update", "https://api.example.test", "--signing-algorithm", "HS256"])
        .failed(2, "signing_algorithm must be one of RS256, PS256");
    let keys = shell.json(&["keys", "list"]);
    let mut algorithms: Vec<_> =
        keys.as_array().unwrap().iter().map(|key| key["algorithm"].as_str().unwrap()).collect();
    algorithms.sort_unstable();
    assert_eq!(algorithms, ["ES256", "EdDSA", "PS256", "RS256"]);
    shell.run(&["keys", "rotate", "--algorithm", "ES256"]).failed(1, "may not sign before");
    shell.run(&["keys", "rotate", "--algorithm", "ES256", "--now"]).succeeded();
    shell.run(&["keys", "rotate", "--algorithm", "none"]).failed(2, "invalid value");
}
