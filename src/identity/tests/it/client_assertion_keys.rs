//! The keys and secrets with which clients sign assertions: what may be registered, how keys at a URL are fetched,
//! and where a secret that signs is kept.

use std::time::Duration;

use futures_util::future::join_all;
use postern_entities::client_secrets;
use postern_identity::{
    administration::{
        clients::{add, rotate_secret, update},
        metadata::{ClientMetadataChange, PolicyChange},
    },
    clients::{ClientAuthMethod, GrantType},
    core::RequestContext,
};
use postern_token_verifier::testing::{Issuer, JwksResponse};
use sea_orm::EntityTrait as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::{
    client_assertions::{
        assertion, change, claims, header, post, present, refused, signing_client, under_secret,
    },
    seeds::{Seeds, error},
};

#[tokio::test]
async fn a_client_with_keys_does_not_fall_back_to_a_secret_or_to_nothing() {
    let seeds = Seeds::new().await;
    let keys = Issuer::new("client");
    let form = [("grant_type", "client_credentials")];
    let by_secret = || seeds.post_as("service", &seeds.service, "/oauth2/token", &form);
    assert_eq!(by_secret().await.status, 200);
    let metadata = ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::PrivateKeyJwt),
        jwks: Some(keys.jwks()),
        ..ClientMetadataChange::default()
    };
    change(&seeds, "service", metadata).await;
    assert_eq!(error(&by_secret().await), "invalid_client");
    for credentials in
        [vec![("client_id", "service"), ("client_secret", &*seeds.service)], vec![("client_id", "service")]]
    {
        refused(&post(&seeds.app, "/oauth2/token", &credentials).await, "no assertion");
    }
    let good = keys.sign_with(&header(&keys), &claims(&seeds, "service", "one"));
    assert_eq!(present(&seeds.app, &good).await.status, 200);
}

#[tokio::test]
async fn a_client_with_a_secret_may_use_its_keys_too_unless_its_rules_say_otherwise() {
    let seeds = Seeds::new().await;
    let keys = Issuer::new("client");
    let own = |jti| keys.sign_with(&header(&keys), &claims(&seeds, "service", jti));
    refused(&present(&seeds.app, &own("one")).await, "without keys");
    let metadata = ClientMetadataChange { jwks: Some(keys.jwks()), ..ClientMetadataChange::default() };
    change(&seeds, "service", metadata).await;
    assert_eq!(present(&seeds.app, &own("one")).await.status, 200);
    let policy = PolicyChange {
        client_authentication: Some("registered_method".to_owned()),
        ..PolicyChange::default()
    };
    change(&seeds, "service", ClientMetadataChange { policy, ..ClientMetadataChange::default() }).await;
    refused(&present(&seeds.app, &own("two")).await, "the secret is registered");
}

#[tokio::test]
async fn a_secret_signs_only_for_a_client_that_is_registered_for_it() {
    let seeds = Seeds::new().await;
    let app = &seeds.app.app;
    let own = |secret: &str, jti: &str| under_secret(&seeds, "service", secret, jti);
    refused(&present(&seeds.app, &own(&seeds.service, "one")).await, "the secret is stored as a hash alone");
    let stored = client_secrets::Entity::find().all(app.db.reader()).await.unwrap();
    assert!(stored.iter().all(|row| row.secret_sealed.is_none()));

    let metadata = ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::ClientSecretJwt),
        ..ClientMetadataChange::default()
    };
    let context = RequestContext::of_command(app);
    let made = update(app, "service", metadata, &context).await.unwrap().expect("another secret");
    let secret = made.client_secret.expose_secret().to_owned();
    refused(&present(&seeds.app, &own(&seeds.service, "one")).await, "the secret before");
    assert_eq!(present(&seeds.app, &own(&secret, "one")).await.status, 200);
    refused(&present(&seeds.app, &own(&secret, "one")).await, "replayed");
    let stored = client_secrets::Entity::find().all(app.db.reader()).await.unwrap();
    let sealed: Vec<_> = stored.iter().filter(|row| row.secret_sealed.is_some()).collect();
    assert_eq!(sealed.iter().map(|row| row.client_id.as_str()).collect::<Vec<_>>(), ["service"]);
    assert!(!seeds.app.everything_stored().await.contains(&secret));
    let node = seeds.app.another_node().await;
    assert_eq!(present(&node, &own(&secret, "two")).await.status, 200, "another node opens it too");

    // While the secret is replaced, both sign.
    let next = rotate_secret(app, "service", Duration::from_secs(3600), &context).await.unwrap();
    let next = next.client_secret.expose_secret().to_owned();
    for (secret, jti) in [(&secret, "three"), (&next, "four")] {
        assert_eq!(present(&seeds.app, &own(secret, jti)).await.status, 200, "{jti}");
    }
    seeds.app.clock.advance(Duration::from_secs(3600));
    refused(&present(&seeds.app, &own(&secret, "five")).await, "after the overlap");
    assert_eq!(present(&seeds.app, &own(&next, "six")).await.status, 200);

    let metadata = ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::ClientSecretBasic),
        ..ClientMetadataChange::default()
    };
    assert!(update(app, "service", metadata, &context).await.unwrap().is_none(), "the secret stays");
    let stored = client_secrets::Entity::find().all(app.db.reader()).await.unwrap();
    assert!(stored.iter().all(|row| row.secret_sealed.is_none()), "the copy does not");
    refused(&present(&seeds.app, &own(&next, "seven")).await, "no longer registered");
    let form = [("grant_type", "client_credentials")];
    assert_eq!(seeds.post_as("service", &next, "/oauth2/token", &form).await.status, 200);
}

#[tokio::test]
async fn a_sealed_secret_belongs_to_its_row() {
    let seeds = Seeds::new().await;
    let app = &seeds.app.app;
    let metadata = || ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::ClientSecretJwt),
        ..signing_client()
    };
    let one = seeds.app.client("one", metadata()).await;
    seeds.app.client("two", metadata()).await;
    assert_eq!(present(&seeds.app, &under_secret(&seeds, "one", &one, "a")).await.status, 200);
    // Whoever can write to the database gives the secret of one client to another.
    let sealed = "(SELECT s.secret_sealed FROM client_secrets s WHERE s.client_id = 'one')";
    let sql = format!("UPDATE client_secrets SET secret_sealed = {sealed} WHERE client_id = 'two'");
    app.db
        .write(async |tx| {
            use sea_orm::ConnectionTrait as _;
            Ok::<_, postern_service::database::DatabaseError>(tx.execute_unprepared(&sql).await?)
        })
        .await
        .unwrap();
    app.reload(postern_identity::clients::TOPIC).await.unwrap();
    // What is stored is wrong, not what the client sent.
    let moved = present(&seeds.app, &under_secret(&seeds, "two", &one, "b")).await;
    assert_eq!((moved.status.as_u16(), error(&moved).as_str()), (500, "server_error"));
}

/// Seeds where this machine may be called, and a client whose keys are at a URL on it.
async fn with_published_keys() -> (Seeds, Issuer) {
    let seeds = Seeds::with(&[("POSTERN_OUTBOUND__ALLOW_HOSTS", "127.0.0.1")]).await;
    let keys = Issuer::serve().await;
    let metadata = ClientMetadataChange { jwks_uri: Some(keys.jwks_url()), ..signing_client() };
    seeds.app.client("signer", metadata).await;
    (seeds, keys)
}

#[tokio::test]
async fn keys_at_a_url_are_fetched_once_and_again_for_an_unknown_kid() {
    let (seeds, keys) = with_published_keys().await;
    for n in 0..3 {
        assert_eq!(present(&seeds.app, &assertion(&seeds, &keys, &format!("a{n}"))).await.status, 200);
    }
    assert_eq!(keys.requests(), 1);
    keys.rotate();
    assert_eq!(present(&seeds.app, &assertion(&seeds, &keys, "b")).await.status, 200);
    assert_eq!(keys.requests(), 2, "the new key is fetched at once");
    keys.rotate();
    keys.withdraw_old_keys();
    assert_eq!(present(&seeds.app, &assertion(&seeds, &keys, "c")).await.status, 200);
    assert_eq!(keys.requests(), 3);
}

#[tokio::test]
async fn made_up_kids_cause_few_fetches_and_do_not_hide_a_real_new_key_for_long() {
    let (seeds, keys) = with_published_keys().await;
    assert_eq!(present(&seeds.app, &assertion(&seeds, &keys, "a")).await.status, 200);
    let flood = async || {
        let mut header = header(&keys);
        header["kid"] = json!("made up");
        let made_up = keys.sign_with(&header, &claims(&seeds, "signer", "x"));
        join_all((0..5).map(|_| present(&seeds.app, &made_up))).await;
    };
    flood().await;
    assert_eq!(keys.requests(), 2);
    for _ in 0..20 {
        seeds.app.clock.advance(Duration::from_secs(10));
        flood().await;
    }
    // In 200 seconds after pauses of 2, 4, 8, 16, 32, 60 and 60 seconds.
    assert!(keys.requests() <= 8, "{}", keys.requests());
    assert_eq!(present(&seeds.app, &assertion(&seeds, &keys, "b")).await.status, 200, "a known key goes on");
    keys.rotate();
    seeds.app.clock.advance(Duration::from_secs(60));
    assert_eq!(present(&seeds.app, &assertion(&seeds, &keys, "c")).await.status, 200);
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_again_stay_for_an_hour() {
    let (seeds, keys) = with_published_keys().await;
    assert_eq!(present(&seeds.app, &assertion(&seeds, &keys, "a")).await.status, 200);
    for answer in [JwksResponse::new(500), JwksResponse::new(200).body("[]"), JwksResponse::new(302)] {
        keys.answer(answer);
        seeds.app.clock.advance(Duration::from_mins(15));
        let id = seeds.app.app.random.uuid().to_string();
        assert_eq!(present(&seeds.app, &assertion(&seeds, &keys, &id)).await.status, 200);
    }
    seeds.app.clock.advance(Duration::from_mins(16));
    refused(&present(&seeds.app, &assertion(&seeds, &keys, "b")).await, "too old");
    keys.answer_with_keys();
    seeds.app.clock.advance(Duration::from_mins(1));
    assert_eq!(present(&seeds.app, &assertion(&seeds, &keys, "c")).await.status, 200);
}

#[tokio::test]
async fn what_a_client_may_register_as_its_keys() {
    let seeds = Seeds::new().await;
    let keys = Issuer::new("client");
    let app = &seeds.app.app;
    let unnamed = {
        let mut jwks = keys.jwks();
        jwks["keys"][0].as_object_mut().unwrap().remove("kid");
        jwks
    };
    let private = json!({ "keys": [{ "kty": "oct", "kid": "a", "k": "AAAA" }] });
    let uri = |uri: &str| ClientMetadataChange { jwks_uri: Some(uri.to_owned()), ..signing_client() };
    let value = |jwks: Value| ClientMetadataChange { jwks: Some(jwks), ..signing_client() };
    for (field, change) in [
        ("jwks", signing_client()),
        ("jwks", value(json!({ "keys": [] }))),
        ("jwks", value(json!([]))),
        ("jwks", value(private)),
        ("jwks", ClientMetadataChange { jwks: Some(keys.jwks()), ..uri("https://keys.example.test/") }),
        (
            "jwks",
            ClientMetadataChange {
                token_endpoint_auth_method: Some(ClientAuthMethod::None),
                grant_types: Some(vec![GrantType::AuthorizationCode]),
                redirect_uris: Some(vec!["https://a.test/".to_owned()]),
                ..value(keys.jwks())
            },
        ),
        ("jwks_uri", uri("http://keys.example.test/")),
        ("jwks_uri", uri("https://127.0.0.1/")),
        ("jwks_uri", uri("https://localhost/")),
        ("jwks_uri", uri("https://169.254.169.254/")),
        ("jwks_uri", uri("file:///etc/passwd")),
        ("jwks_uri", uri("keys")),
    ] {
        let refused = add(app, "signer", change.clone(), &RequestContext::of_command(app)).await;
        let said = refused.unwrap_err().to_string();
        assert!(said.starts_with(&format!("{field} ")), "{said}: {change:?}");
    }
    // A key without a name is found where it is the only one.
    seeds.app.client("signer", value(unnamed)).await;
    let mut header = header(&keys);
    header.as_object_mut().unwrap().remove("kid");
    let unnamed = keys.sign_with(&header, &claims(&seeds, "signer", "one"));
    assert_eq!(present(&seeds.app, &unnamed).await.status, 200);
    refused(&present(&seeds.app, &assertion(&seeds, &keys, "two")).await, "a name that it does not have");
}
