//! What the metadata announce works, and what they do not announce is refused (OpenID Connect Discovery 1.0 section 3,
//! RFC 8414 section 2). The values come from the document itself, so that one more of them is tried too.

use std::collections::BTreeSet;

use poem::http::Method;
use postern_identity::{acr::Acr, administration::metadata::ClientMetadataChange, clients::ClientAuthMethod};
use postern_token_verifier::{Algorithm, testing::Issuer};
use serde_json::{Value, json};

use crate::{
    client_assertions::{
        ENDPOINTS, TYPE, add_signer, assertion, change, claims, header, post, signing_client, under_secret,
    },
    flow::{Ask, World, code, error, refused_on_page, told, waits_on},
    seeds::{FULL_SCOPE, Seeds, error as token_error},
    support::{ISSUER, TestApp, form_request},
};

/// Every member of the metadata, each with the test that proves it.
const PROVEN: [(&str, &str); 35] = [
    ("issuer", "discovery::the_metadata_says_the_same_at_both_addresses_and_points_to_this_issuer"),
    ("authorization_endpoint", "every_endpoint_answers_its_method"),
    ("token_endpoint", "every_endpoint_answers_its_method"),
    ("userinfo_endpoint", "every_endpoint_answers_its_method"),
    ("introspection_endpoint", "every_endpoint_answers_its_method"),
    ("revocation_endpoint", "every_endpoint_answers_its_method"),
    ("end_session_endpoint", "every_endpoint_answers_its_method"),
    ("jwks_uri", "every_endpoint_answers_its_method"),
    (
        "backchannel_logout_supported",
        "logout_settings::the_metadata_announces_both_channels_and_the_end_of_sessions",
    ),
    (
        "backchannel_logout_session_supported",
        "backchannel_logout::a_logout_token_says_exactly_what_the_specification_wants",
    ),
    (
        "frontchannel_logout_supported",
        "logout_settings::the_metadata_announces_both_channels_and_the_end_of_sessions",
    ),
    (
        "frontchannel_logout_session_supported",
        "frontchannel_logout::the_page_loads_the_apps_page_with_issuer_and_session_and_goes_on_to_the_return_address",
    ),
    ("scopes_supported", "every_scope_may_be_asked_for"),
    ("response_types_supported", "response_types_and_modes_are_those_announced"),
    ("response_modes_supported", "response_types_and_modes_are_those_announced"),
    ("grant_types_supported", "grant_types_are_those_announced"),
    ("subject_types_supported", "pairwise::clients_of_one_sector_see_one_sub_and_those_of_others_another"),
    (
        "userinfo_signing_alg_values_supported",
        "signing_algorithms::every_announced_algorithm_signs_and_no_other_can_be_registered",
    ),
    (
        "id_token_signing_alg_values_supported",
        "signing_algorithms::every_announced_algorithm_signs_and_no_other_can_be_registered",
    ),
    ("token_endpoint_auth_methods_supported", "clients_authenticate_by_the_announced_methods"),
    ("token_endpoint_auth_signing_alg_values_supported", "assertions_are_signed_by_the_announced_algorithms"),
    ("introspection_endpoint_auth_methods_supported", "clients_authenticate_by_the_announced_methods"),
    (
        "introspection_endpoint_auth_signing_alg_values_supported",
        "assertions_are_signed_by_the_announced_algorithms",
    ),
    ("revocation_endpoint_auth_methods_supported", "clients_authenticate_by_the_announced_methods"),
    (
        "revocation_endpoint_auth_signing_alg_values_supported",
        "assertions_are_signed_by_the_announced_algorithms",
    ),
    ("code_challenge_methods_supported", "challenges_and_prompts_are_those_announced"),
    ("authorization_response_iss_parameter_supported", "authorize::the_metadata_announces_what_is_here"),
    ("prompt_values_supported", "challenges_and_prompts_are_those_announced"),
    ("acr_values_supported", "every_level_is_reached"),
    ("ui_locales_supported", "pages_speak_the_announced_languages"),
    ("claims_supported", "tokens_and_userinfo_tell_the_announced_claims"),
    ("claim_types_supported", "tokens_and_userinfo_tell_the_announced_claims"),
    (
        "claims_parameter_supported",
        "claims_parameter::a_claim_is_released_where_it_is_asked_for_and_nowhere_else",
    ),
    ("request_parameter_supported", "request_objects_are_refused_as_announced"),
    ("request_uri_parameter_supported", "request_objects_are_refused_as_announced"),
];

async fn metadata(app: &TestApp) -> Value {
    app.get("/.well-known/openid-configuration").await.json()
}

/// The values of a member that is a list.
async fn announced(app: &TestApp, member: &str) -> BTreeSet<String> {
    let metadata = metadata(app).await;
    let values = metadata[member].as_array().unwrap_or_else(|| panic!("no list {member}"));
    values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_member_has_a_test() {
    let app = TestApp::new().await;
    let members: BTreeSet<_> = metadata(&app).await.as_object().unwrap().keys().cloned().collect();
    let proven: BTreeSet<_> = PROVEN.iter().map(|(member, _)| (*member).to_owned()).collect();
    assert_eq!(members, proven);
}

#[tokio::test]
async fn every_endpoint_answers_its_method() {
    let app = TestApp::new().await;
    let metadata = metadata(&app).await;
    for (member, value) in metadata.as_object().unwrap() {
        let (get, post) = match member.as_str() {
            "jwks_uri" => (true, false),
            "token_endpoint" | "introspection_endpoint" | "revocation_endpoint" => (false, true),
            _ if member.ends_with("_endpoint") => (true, true),
            _ => continue,
        };
        let path = value.as_str().unwrap().strip_prefix(ISSUER).unwrap();
        let posted = form_request(path, &[]);
        let got = poem::Request::builder().method(Method::GET).uri(path.parse().unwrap()).finish();
        for (request, answered) in [(got, get), (posted, post)] {
            let method = request.method().clone();
            let status = app.send(request).await.status.as_u16();
            assert_ne!(status, 404, "{method} {member}");
            assert_eq!(status != 405, answered, "{method} {member}: {status}");
        }
    }
}

#[tokio::test]
async fn every_scope_may_be_asked_for() {
    let seeds = Seeds::new().await;
    for scope in announced(&seeds.app, "scopes_supported").await {
        let metadata = ClientMetadataChange {
            first_party: Some(true),
            scopes: Some(BTreeSet::from(["openid".to_owned(), scope.clone()]).into_iter().collect()),
            ..ClientMetadataChange::default()
        };
        change(&seeds, "mobile", metadata).await;
        let asked = if scope == "openid" { scope.clone() } else { format!("openid {scope}") };
        let tokens = seeds.tokens(&asked).await;
        assert_eq!(tokens["scope"], asked);
    }
}

#[tokio::test]
async fn response_types_and_modes_are_those_announced() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let types = announced(&world.app, "response_types_supported").await;
    for response_type in [
        "code",
        "token",
        "id_token",
        "id_token token",
        "code id_token",
        "code token",
        "code id_token token",
        "none",
    ] {
        let answer = browser.get(&Ask::of("own").with("response_type", response_type).path()).await;
        if types.contains(response_type) {
            code(&answer);
        } else {
            assert_eq!(error(&answer), "unsupported_response_type", "{response_type}");
        }
    }
    let modes = announced(&world.app, "response_modes_supported").await;
    for mode in
        ["query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt", "web_message"]
    {
        let answer = browser.get(&Ask::of("own").with("response_mode", mode).path()).await;
        if modes.contains(mode) {
            let by_form = answer.status == 200 && answer.body.contains("name=\"code\"");
            assert!(by_form || answer.header("location").contains("code="), "{mode}: {answer:?}");
        } else {
            assert_eq!(error(&answer), "invalid_request", "{mode}");
        }
    }
}

#[tokio::test]
async fn grant_types_are_those_announced() {
    let seeds = Seeds::new().await;
    let announced = announced(&seeds.app, "grant_types_supported").await;
    let tokens = seeds.tokens(FULL_SCOPE).await;
    assert_eq!(seeds.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await.status, 200);
    let own =
        seeds.post_as("service", &seeds.service, "/oauth2/token", &[("grant_type", "client_credentials")]);
    assert_eq!(own.await.status, 200);
    let works = ["authorization_code", "refresh_token", "client_credentials"].map(str::to_owned);
    assert_eq!(announced, BTreeSet::from(works));
    for other in [
        "implicit",
        "password",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:openid:params:grant-type:ciba",
    ] {
        let answer = seeds.post_as("web", &seeds.web, "/oauth2/token", &[("grant_type", other)]).await;
        assert_eq!(token_error(&answer), "unsupported_grant_type", "{other}");
    }
}

#[tokio::test]
async fn clients_authenticate_by_the_announced_methods() {
    let seeds = Seeds::new().await;
    let keys = Issuer::new("client");
    add_signer(&seeds, &keys).await;
    let signed_by_secret = ClientAuthMethod::ClientSecretJwt;
    let metadata =
        ClientMetadataChange { token_endpoint_auth_method: Some(signed_by_secret), ..signing_client() };
    let shared = seeds.app.client("shared", metadata).await;
    for (endpoint, path) in ["token", "introspection", "revocation"].into_iter().zip(ENDPOINTS) {
        let announced = announced(&seeds.app, &format!("{endpoint}_endpoint_auth_methods_supported")).await;
        for method in [
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
            "private_key_jwt",
            "none",
            "tls_client_auth",
            "self_signed_tls_client_auth",
        ] {
            let jti = format!("{endpoint} {method}");
            let answer = match method {
                "client_secret_basic" => {
                    let form = [("grant_type", "client_credentials"), ("token", "unknown")];
                    seeds.post_as("service", &seeds.service, path, &form).await
                }
                "client_secret_post" => {
                    let by_form = [("client_id", "service"), ("client_secret", &seeds.service)];
                    post(&seeds.app, path, &by_form).await
                }
                "client_secret_jwt" => {
                    let assertion = under_secret(&seeds, "shared", &shared, &jti);
                    post(
                        &seeds.app,
                        path,
                        &[("client_assertion_type", TYPE), ("client_assertion", &assertion)],
                    )
                    .await
                }
                "private_key_jwt" => {
                    let assertion = assertion(&seeds, &keys, &jti);
                    post(
                        &seeds.app,
                        path,
                        &[("client_assertion_type", TYPE), ("client_assertion", &assertion)],
                    )
                    .await
                }
                // A public client is not refused for want of a secret, or is.
                _ => post(&seeds.app, path, &[("client_id", "mobile")]).await,
            };
            let accepted = answer.status != 401;
            let possible = !method.contains("tls");
            assert_eq!(
                accepted && possible,
                announced.contains(method),
                "{endpoint} {method}: {}",
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn assertions_are_signed_by_the_announced_algorithms() {
    let settings = [("POSTERN_LIMITS__CLIENT_FAILURES_PER_SOURCE", "100 per 15m per ip")];
    let seeds = Seeds::with(&settings).await;
    let metadata = ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::ClientSecretJwt),
        ..signing_client()
    };
    let secret = seeds.app.client("shared", metadata).await;
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
        let keys = Issuer::with_algorithm("client", algorithm);
        let metadata = ClientMetadataChange { jwks: Some(keys.jwks()), ..signing_client() };
        seeds.app.client(&format!("signer-{algorithm}"), metadata).await;
        for (endpoint, path) in ["token", "introspection", "revocation"].into_iter().zip(ENDPOINTS) {
            let member = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
            let announced = announced(&seeds.app, &member).await;
            for name in ["RS256", "PS256", "ES256", "EdDSA", "HS256", "none", "RS384", "ES384", "HS512"] {
                let jti = format!("{algorithm} {endpoint} {name}");
                let client_id =
                    if name.starts_with("HS") { "shared".into() } else { format!("signer-{algorithm}") };
                let claims = claims(&seeds, &client_id, &jti);
                let mut head = header(&keys);
                head["alg"] = json!(name);
                let assertion = if name.starts_with("HS") {
                    Issuer::new("client").sign_hs256(secret.as_bytes(), &json!({ "alg": name }), &claims)
                } else {
                    keys.sign_with(&head, &claims)
                };
                let form = [("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
                let accepted = post(&seeds.app, path, &form).await.status == 200;
                let own = name == algorithm.name() || name.starts_with("HS");
                assert_eq!(accepted, own && announced.contains(name), "{endpoint} {name} by {algorithm}");
            }
        }
    }
}

#[tokio::test]
async fn challenges_and_prompts_are_those_announced() {
    let world = World::with(&[("POSTERN_REGISTRATION__MODE", "open")]).await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let methods = announced(&world.app, "code_challenge_methods_supported").await;
    for method in ["S256", "plain"] {
        let answer = browser.get(&Ask::of("own").with("code_challenge_method", method).path()).await;
        assert_eq!(told(&answer).contains_key("code"), methods.contains(method), "{method}");
    }
    let prompts = announced(&world.app, "prompt_values_supported").await;
    for prompt in ["none", "login", "consent", "select_account", "create", "silent"] {
        let answer = browser.get(&Ask::of("own").with("prompt", prompt).path()).await;
        let refused = answer.header("location").contains("error=invalid_request");
        assert_eq!(!refused, prompts.contains(prompt), "{prompt}: {answer:?}");
    }
    let closed = TestApp::with(&[("POSTERN_REGISTRATION__MODE", "closed")]).await;
    assert!(!announced(&closed, "prompt_values_supported").await.contains("create"));
}

#[tokio::test]
async fn every_level_is_reached() {
    let world = World::new().await;
    let levels = announced(&world.app, "acr_values_supported").await;
    assert!(levels.iter().all(|level| level.parse::<Acr>().is_ok()), "{levels:?}");
    for level in levels {
        let browser = world.app.browser();
        browser.sign_in_at(&world.alice, &level).await;
        let ask = Ask::of("own").with("acr_values", &level).with("prompt", "none");
        code(&browser.get(&ask.path()).await);
    }
}

#[tokio::test]
async fn pages_speak_the_announced_languages() {
    let world = World::new().await;
    let languages = announced(&world.app, "ui_locales_supported").await;
    for language in ["de", "en", "fr", "ja"] {
        let browser = world.app.browser();
        let answer = browser.get(&Ask::of("own").with("ui_locales", language).path()).await;
        let request = waits_on(&answer, "/login");
        let page = browser.get(&format!("/login?request={request}")).await;
        assert_eq!(page.body.contains(&format!("<html lang=\"{language}\"")), languages.contains(language));
    }
}

#[tokio::test]
async fn tokens_and_userinfo_tell_the_announced_claims() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens(FULL_SCOPE).await;
    let id_token = seeds.claims(&tokens["id_token"]).await;
    let userinfo: Value = seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    let told: BTreeSet<_> =
        [id_token, userinfo].iter().flat_map(|claims| claims.as_object().unwrap().keys().cloned()).collect();
    assert_eq!(told, announced(&seeds.app, "claims_supported").await);
    // Neither aggregated nor distributed claims (OpenID Connect Core section 5.6.2).
    assert_eq!(announced(&seeds.app, "claim_types_supported").await, BTreeSet::from(["normal".to_owned()]));
    assert!(!told.contains("_claim_names"));
}

#[tokio::test]
async fn request_objects_are_refused_as_announced() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let metadata = metadata(&world.app).await;
    for (member, parameter, refusal) in [
        ("request_parameter_supported", "request", "request_not_supported"),
        ("request_uri_parameter_supported", "request_uri", "request_uri_not_supported"),
    ] {
        assert_eq!(metadata[member], false);
        assert_eq!(error(&browser.get(&Ask::of("own").and(parameter, "x").path()).await), refusal);
    }
    refused_on_page(&browser.get("/oauth2/authorize?request=x").await, "We do not know this app");
}
