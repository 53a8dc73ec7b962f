//! Clients that authenticate by a JWT (RFC 7523, OpenID Connect Core section 9).

use std::time::Duration;

use futures_util::future::join_all;
use metrics_exporter_prometheus::PrometheusBuilder;
use postern_entities::client_assertions;
use postern_identity::{
    administration::{
        clients::update,
        metadata::{ClientMetadataChange, PolicyChange},
    },
    clients::{ClientAuthMethod, GrantType},
    core::RequestContext,
    jobs::housekeeping,
};
use postern_token_verifier::{Algorithm, testing::Issuer};
use sea_orm::{DbBackend, EntityTrait as _, PaginatorTrait as _};
use serde_json::{Value, json};

use crate::{
    seeds::{Seeds, basic, error},
    sign_in::{ALICE, SignIn},
    support::{Answer, ISSUER, TestApp, form_request},
};

pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
pub const ENDPOINTS: [&str; 3] = ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"];

/// A client that acts on its own behalf and authenticates with these keys.
pub fn signing_client() -> ClientMetadataChange {
    ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::PrivateKeyJwt),
        grant_types: Some(vec![GrantType::ClientCredentials]),
        scopes: Some(vec!["tasks:read".to_owned()]),
        default_scopes: Some(vec!["tasks:read".to_owned()]),
        ..ClientMetadataChange::default()
    }
}

pub async fn add_signer(seeds: &Seeds, keys: &Issuer) {
    let change = ClientMetadataChange { jwks: Some(keys.jwks()), ..signing_client() };
    assert_eq!(seeds.app.client("signer", change).await, "", "a client with keys has no secret");
}

pub async fn change(seeds: &Seeds, client_id: &str, change: ClientMetadataChange) {
    let app = &seeds.app.app;
    update(app, client_id, change, &RequestContext::of_command(app)).await.unwrap();
}

/// The claims of an acceptable assertion.
pub fn claims(seeds: &Seeds, client_id: &str, jti: &str) -> Value {
    let now = seeds.app.clock.now().seconds();
    json!({ "iss": client_id, "sub": client_id, "aud": ISSUER, "jti": jti, "iat": now, "exp": now + 60 })
}

pub fn header(keys: &Issuer) -> Value {
    let mut header = keys.header();
    header["typ"] = json!("JWT");
    header
}

/// An acceptable assertion of `signer`.
pub fn assertion(seeds: &Seeds, keys: &Issuer, jti: &str) -> String {
    keys.sign_with(&header(keys), &claims(seeds, "signer", jti))
}

/// An assertion under a secret.
pub fn under_secret(seeds: &Seeds, client_id: &str, secret: &str, jti: &str) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    Issuer::new("client").sign_hs256(secret.as_bytes(), &header, &claims(seeds, client_id, jti))
}

/// Posts to an endpoint with what that endpoint needs, and these credentials.
pub async fn post(node: &TestApp, path: &str, credentials: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", "client_credentials"), ("token", "unknown")];
    let form: Vec<_> = form.iter().chain(credentials).copied().collect();
    node.post_form(path, &form).await
}

pub async fn present(node: &TestApp, assertion: &str) -> Answer {
    post(node, "/oauth2/token", &[("client_assertion_type", TYPE), ("client_assertion", assertion)]).await
}

pub fn refused(answer: &Answer, case: &str) {
    assert_eq!((answer.status.as_u16(), error(answer).as_str()), (401, "invalid_client"), "{case}");
    assert!(answer.headers.get("www-authenticate").is_none(), "{case}: the header was not used");
    assert!(answer.body.contains("client authentication failed"), "{case}: {}", answer.body);
}

#[tokio::test]
async fn each_algorithm_authenticates_at_each_endpoint() {
    let seeds = Seeds::new().await;
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
        let keys = Issuer::with_algorithm("client", algorithm);
        let client_id = format!("signer-{algorithm}");
        let metadata = ClientMetadataChange { jwks: Some(keys.jwks()), ..signing_client() };
        seeds.app.client(&client_id, metadata).await;
        for path in ENDPOINTS {
            for audience in [ISSUER.to_owned(), format!("{ISSUER}/oauth2/token"), format!("{ISSUER}{path}")] {
                let mut claims = claims(&seeds, &client_id, &format!("{path} {audience}"));
                claims["aud"] = json!(audience);
                claims["jti"] = json!(format!("{path} {audience} {}", seeds.app.app.random.uuid()));
                let assertion = keys.sign_with(&header(&keys), &claims);
                let credentials = [("client_assertion_type", TYPE), ("client_assertion", &assertion)];
                let answer = post(&seeds.app, path, &credentials).await;
                assert_eq!(answer.status, 200, "{algorithm} {path} {audience}: {}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn the_form_may_name_the_client_too_but_no_other() {
    let seeds = Seeds::new().await;
    let keys = Issuer::new("client");
    add_signer(&seeds, &keys).await;
    for (client_id, accepted) in [("signer", true), ("service", false), ("nobody", false)] {
        let assertion = assertion(&seeds, &keys, client_id);
        let credentials =
            [("client_id", client_id), ("client_assertion_type", TYPE), ("client_assertion", &assertion)];
        let answer = post(&seeds.app, "/oauth2/token", &credentials).await;
        if accepted {
            assert_eq!(answer.status, 200, "{}", answer.body);
        } else {
            refused(&answer, client_id);
        }
    }
}

#[tokio::test]
async fn an_assertion_that_is_not_exactly_right_is_refused_and_stays_unused() {
    let seeds = Seeds::with(&[("POSTERN_LIMITS__CLIENT_FAILURES_PER_SOURCE", "100 per 15m per ip")]).await;
    let keys = Issuer::new("client");
    add_signer(&seeds, &keys).await;
    let now = seeds.app.clock.now().seconds();
    let good = claims(&seeds, "signer", "one");
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        keys.sign_with(&header(&keys), &claims)
    };
    let headed = |name: &str, value: Value| {
        let mut header = header(&keys);
        match value {
            Value::Null => drop(header.as_object_mut().unwrap().remove(name)),
            value => header[name] = value,
        }
        keys.sign_with(&header, &good)
    };
    let hs256 = json!({ "alg": "HS256", "typ": "JWT", "kid": keys.kid() });
    let unsigned = keys.sign_with(&json!({ "alg": "none", "kid": keys.kid() }), &good);
    let unsigned = unsigned.rsplit_once('.').map(|(message, _)| format!("{message}.")).unwrap();
    let repeated = {
        let claims = good.to_string().replacen('{', "{\"jti\":\"zero\",", 1);
        keys.sign_bytes(header(&keys).to_string().as_bytes(), claims.as_bytes())
    };
    let cases = [
        ("no JWT", "nonsense".to_owned()),
        ("alg none", unsigned),
        ("alg none with a signature", headed("alg", json!("none"))),
        ("the public key as secret", keys.sign_hs256(&keys.public_key_pem(), &hs256, &good)),
        ("a key of somebody else", keys.forge(&good)),
        ("another alg than the key's", headed("alg", json!("PS256"))),
        ("an unknown kid", headed("kid", json!("other"))),
        ("a key in the header", headed("jwk", keys.jwks()["keys"][0].clone())),
        ("an access token's typ", headed("typ", json!("at+jwt"))),
        ("a critical extension", headed("crit", json!(["exp"]))),
        ("another iss", changed("iss", json!("service"))),
        ("another sub", changed("sub", json!("service"))),
        ("no iss", changed("iss", Value::Null)),
        ("no sub", changed("sub", Value::Null)),
        ("another audience", changed("aud", json!("https://other.example.test"))),
        ("another audience beside", changed("aud", json!([ISSUER, "https://other.example.test"]))),
        ("another endpoint", changed("aud", json!(format!("{ISSUER}/oauth2/revoke")))),
        ("the issuer with a slash", changed("aud", json!(format!("{ISSUER}/")))),
        ("no audience", changed("aud", Value::Null)),
        ("an empty audience", changed("aud", json!([]))),
        ("no exp", changed("exp", Value::Null)),
        ("exp as a text", changed("exp", json!("4000000000"))),
        ("expired", changed("exp", json!(now - 31))),
        ("alive for two days", changed("exp", json!(now + 172_800))),
        ("alive for longer than an hour", changed("exp", json!(now + 3601))),
        ("made in the future", changed("iat", json!(now + 61))),
        ("made long ago", changed("iat", json!(now - 3600))),
        ("not valid yet", changed("nbf", json!(now + 61))),
        ("no jti", changed("jti", Value::Null)),
        ("an empty jti", changed("jti", json!(""))),
        ("two jti", repeated),
    ];
    for (case, assertion) in cases {
        refused(&present(&seeds.app, &assertion).await, case);
    }
    let kept = client_assertions::Entity::find().count(seeds.app.app.db.reader()).await.unwrap();
    assert_eq!(kept, 0, "what is refused is not recorded");
    assert_eq!(present(&seeds.app, &keys.sign_with(&header(&keys), &good)).await.status, 200);
}

#[tokio::test]
async fn clocks_may_differ_by_some_seconds() {
    let seeds = Seeds::new().await;
    let keys = Issuer::new("client");
    add_signer(&seeds, &keys).await;
    let now = seeds.app.clock.now().seconds();
    for (iat, exp) in [(now + 10, now + 70), (now - 100, now - 10), (now, now + 3600), (now + 10, now + 3610)]
    {
        let mut claims = claims(&seeds, "signer", &format!("{iat} {exp}"));
        (claims["iat"], claims["nbf"], claims["exp"]) = (json!(iat), json!(iat), json!(exp));
        let answer = present(&seeds.app, &keys.sign_with(&header(&keys), &claims)).await;
        assert_eq!(answer.status, 200, "{iat} {exp}: {}", answer.body);
    }
}

#[tokio::test]
async fn an_assertion_works_once_on_all_nodes_and_is_forgotten_when_it_is_over() {
    let seeds = Seeds::new().await;
    let keys = Issuer::new("client");
    add_signer(&seeds, &keys).await;
    let node = seeds.app.another_node().await;
    let first = assertion(&seeds, &keys, "once");
    let both = join_all((0..10).map(|n| present(if n % 2 == 0 { &seeds.app } else { &node }, &first))).await;
    let accepted = both.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(accepted, 1);
    both.iter().filter(|answer| answer.status != 200).for_each(|answer| refused(answer, "replayed"));
    // The same jti in another assertion, and at another endpoint.
    let again = assertion(&seeds, &keys, "once");
    let credentials = [("client_assertion_type", TYPE), ("client_assertion", again.as_str())];
    refused(&post(&node, "/oauth2/revoke", &credentials).await, "the same jti");
    // Another client's jti is another one.
    let other = Issuer::with_algorithm("other", Algorithm::Es256);
    let metadata = ClientMetadataChange { jwks: Some(other.jwks()), ..signing_client() };
    seeds.app.client("third", metadata).await;
    node.app.reload(postern_identity::clients::TOPIC).await.unwrap();
    let others = other.sign_with(&header(&other), &claims(&seeds, "third", "once"));
    assert_eq!(present(&node, &others).await.status, 200);

    let db = seeds.app.app.db.reader();
    housekeeping::remove_expired(&seeds.app.app).await.unwrap();
    assert_eq!(client_assertions::Entity::find().count(db).await.unwrap(), 2, "they could come again");
    seeds.app.clock.advance(Duration::from_secs(121));
    refused(&present(&seeds.app, &first).await, "expired");
    housekeeping::remove_expired(&seeds.app.app).await.unwrap();
    assert_eq!(client_assertions::Entity::find().count(db).await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_has_one_method_and_an_assertion_has_its_type() {
    let seeds = Seeds::new().await;
    let keys = Issuer::new("client");
    add_signer(&seeds, &keys).await;
    let good = assertion(&seeds, &keys, "one");
    for credentials in [
        vec![("client_assertion_type", TYPE), ("client_assertion", &*good), ("client_secret", "x")],
        vec![("client_assertion", &*good)],
        vec![("client_assertion_type", TYPE)],
        vec![("client_assertion_type", TYPE), ("client_id", "signer")],
        vec![("client_assertion_type", TYPE), ("client_assertion", &*good), ("client_assertion", &*good)],
    ] {
        for path in ENDPOINTS {
            let answer = post(&seeds.app, path, &credentials).await;
            assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (400, "invalid_request"), "{path}");
        }
    }
    let mut both = form_request(
        "/oauth2/token",
        &[
            ("grant_type", "client_credentials"),
            ("client_assertion_type", TYPE),
            ("client_assertion", good.as_str()),
        ],
    );
    both.headers_mut().insert("authorization", basic("service", &seeds.service).parse().unwrap());
    let answer = seeds.app.send(both).await;
    assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (400, "invalid_request"));
    assert_eq!(present(&seeds.app, &good).await.status, 200, "none of these used it");
}

#[tokio::test]
async fn a_profile_bounds_the_lifetime_and_a_clients_own_rules_bound_it_further() {
    let seeds = Seeds::new().await;
    let keys = Issuer::new("client");
    add_signer(&seeds, &keys).await;
    let lifetime = async |seconds: i64| {
        let mut claims = claims(&seeds, "signer", &seeds.app.app.random.uuid().to_string());
        claims["exp"] = json!(claims["iat"].as_i64().unwrap() + seconds);
        present(&seeds.app, &keys.sign_with(&header(&keys), &claims)).await.status.as_u16()
    };
    assert_eq!((lifetime(3600).await, lifetime(3601).await), (200, 401));
    let strict =
        ClientMetadataChange { profile: Some("strict".to_owned()), ..ClientMetadataChange::default() };
    change(&seeds, "signer", strict).await;
    assert_eq!((lifetime(300).await, lifetime(301).await), (200, 401));
    let policy = PolicyChange {
        assertion_lifetime: Some("1m".to_owned()),
        assertion_audience: Some("issuer".to_owned()),
        ..PolicyChange::default()
    };
    change(&seeds, "signer", ClientMetadataChange { policy, ..ClientMetadataChange::default() }).await;
    assert_eq!((lifetime(60).await, lifetime(61).await), (200, 401));
    for (audience, accepted) in
        [(json!(ISSUER), true), (json!([ISSUER]), false), (json!(format!("{ISSUER}/oauth2/token")), false)]
    {
        let mut claims = claims(&seeds, "signer", &audience.to_string());
        claims["aud"] = audience;
        let answer = present(&seeds.app, &keys.sign_with(&header(&keys), &claims)).await;
        assert_eq!(answer.status == 200, accepted, "{claims}");
    }
}

#[test]
fn an_assertion_costs_one_write_and_a_secret_none() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let writes = || -> u64 {
        let text = shown.render();
        let line =
            text.lines().find(|line| line.starts_with("postern_database_writes_total")).unwrap_or("x 0");
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let seeds = Seeds::new().await;
            if seeds.app.app.db.backend() != DbBackend::Sqlite {
                return; // Only the writer of SQLite counts.
            }
            let keys = Issuer::new("client");
            add_signer(&seeds, &keys).await;
            let form = [("grant_type", "client_credentials")];
            let before = writes();
            assert!(before > 0, "writes are counted");
            for _ in 0..3 {
                let answer = seeds.post_as("service", &seeds.service, "/oauth2/token", &form).await;
                assert_eq!(answer.status, 200);
            }
            assert_eq!(writes(), before);
            for n in 1..=3 {
                let assertion = assertion(&seeds, &keys, &n.to_string());
                assert_eq!(present(&seeds.app, &assertion).await.status, 200);
                assert_eq!(writes(), before + n);
            }
        });
    });
}

#[tokio::test]
async fn a_first_party_app_may_authenticate_by_an_assertion_in_its_json() {
    let sign_in = SignIn::new().await;
    let keys = Issuer::new("client");
    let metadata = ClientMetadataChange {
        first_party: Some(true),
        token_endpoint_auth_method: Some(ClientAuthMethod::PrivateKeyJwt),
        jwks: Some(keys.jwks()),
        redirect_uris: Some(vec!["https://server.example.test/".to_owned()]),
        ..ClientMetadataChange::default()
    };
    sign_in.app.client("server", metadata).await;
    let now = sign_in.app.clock.now().seconds();
    let audience = format!("{ISSUER}/oauth2/token");
    let claims = json!({
        "iss": "server", "sub": "server", "aud": audience, "jti": "a", "iat": now, "exp": now + 60
    });
    let begin = async |more: Value| {
        let mut body = json!({ "client_id": "server", "identifier": ALICE });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sign_in.app.post_json("/api/auth/email-otp/request", &body).await
    };
    let assertion = keys.sign_with(&header(&keys), &claims);
    let good = json!({ "client_assertion_type": TYPE, "client_assertion": assertion });
    assert_eq!(begin(json!({})).await.status, 401);
    assert_eq!(begin(json!({ "client_assertion": assertion })).await.status, 400);
    let answer = begin(good.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(begin(good).await.status, 401, "it works once");
}

#[tokio::test]
async fn the_metadata_names_the_methods_and_algorithms_that_work() {
    let seeds = Seeds::new().await;
    let metadata: Value = seeds.app.get("/.well-known/openid-configuration").await.json();
    let methods = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"];
    for endpoint in ["token", "introspection", "revocation"] {
        let none = (endpoint != "introspection").then_some("none");
        let expected: Vec<_> = methods.into_iter().chain(none).collect();
        assert_eq!(metadata[format!("{endpoint}_endpoint_auth_methods_supported")], json!(expected));
        assert_eq!(
            metadata[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")],
            json!(["RS256", "PS256", "ES256", "EdDSA", "HS256"])
        );
    }
}
