//! Claims that a client requests by name (OpenID Connect Core section 5.5).

use postern_identity::{
    accounts::applications,
    administration::{clients, metadata::ClientMetadataChange},
    core::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    fixtures::{ADA, CALLBACK, list},
    flow::{Ask, VERIFIER, World, code, error, told, waits_on},
    person::open,
    seeds::basic,
    support::{Browser, form_request},
};

fn ask(client_id: &str, claims: &Value) -> Ask {
    Ask::of(client_id).with("claims", &claims.to_string())
}

/// What the token endpoint gives `rp` for a code.
async fn redeem(world: &World, code: &str) -> Value {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    token_request(world, &form).await
}

async fn token_request(world: &World, form: &[(&str, &str)]) -> Value {
    let mut request = form_request("/oauth2/token", form);
    request.headers_mut().insert("authorization", basic("rp", &world.rp_secret).parse().unwrap());
    let answer = world.app.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Signs ada in, lets her consent, and answers the tokens.
async fn tokens_for(world: &World, browser: &Browser<'_>, ask: &Ask) -> Value {
    let page = open(browser, &ask.path()).await;
    let allowed = page.press("#consent-allow", &[]).await;
    redeem(world, &code(&allowed.answer)).await
}

fn payload(jwt: &Value) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = jwt.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

async fn userinfo(world: &World, tokens: &Value) -> Value {
    world.app.get_as(tokens["access_token"].as_str().unwrap(), "/oauth2/userinfo").await.json()
}

#[doc(alias = "oidcc-claims-essential")]
#[tokio::test]
async fn a_claim_is_released_where_it_is_asked_for_and_nowhere_else() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(world.app.fixtures.user(ADA)).await;
    let claims = json!({
        "userinfo": { "name": { "essential": true }, "email": null },
        "id_token": { "nickname": { "value": "Ad" }, "auth_time": { "essential": true } },
    });
    let tokens = tokens_for(&world, &browser, &ask("rp", &claims)).await;
    assert_eq!(tokens["scope"], "openid");
    let sub = json!(world.app.fixtures.user(ADA).subject);
    let told = userinfo(&world, &tokens).await;
    assert_eq!(told, json!({ "sub": sub, "name": "Ada Adams", "email": ADA }));
    let id_token = payload(&tokens["id_token"]);
    assert_eq!((&id_token["nickname"], &id_token["sub"]), (&json!("Ad"), &sub));
    assert!(id_token["auth_time"].is_i64());
    for absent in ["name", "email", "picture"] {
        assert!(id_token.get(absent).is_none(), "{absent} in {id_token}");
    }

    // The same after a refresh.
    let refresh =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    let refreshed = token_request(&world, &refresh).await;
    assert_eq!(payload(&refreshed["id_token"])["nickname"], "Ad");
    assert_eq!(userinfo(&world, &refreshed).await, told);
}

#[tokio::test]
async fn the_person_consents_to_the_scopes_that_cover_the_claims() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    tokens_for(&world, &browser, &Ask::of("rp")).await;
    code(&browser.get(&Ask::of("rp").path()).await);
    // More than before.
    let email = ask("rp", &json!({ "userinfo": { "email": null } }));
    waits_on(&browser.get(&email.path()).await, "/consent");
    assert_eq!(error(&browser.get(&email.clone().with("prompt", "none").path()).await), "consent_required");
    tokens_for(&world, &browser, &email).await;
    code(&browser.get(&email.path()).await);
    // The scope itself was not granted.
    assert_eq!(redeem(&world, &code(&browser.get(&email.path()).await)).await["scope"], "openid");
}

#[tokio::test]
async fn what_the_client_may_not_have_and_what_nobody_knows_is_left_out() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(world.app.fixtures.user(ADA)).await;
    // `rp` has neither the scope `phone` nor `address`.
    let claims = json!({
        "userinfo": { "phone_number": { "essential": true }, "address": null, "shoe_size": null, "sub": null },
        "id_token": null,
        "verified_claims": { "of": "another extension" },
    });
    let tokens = tokens_for(&world, &browser, &ask("rp", &claims)).await;
    assert_eq!(userinfo(&world, &tokens).await.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_client_that_loses_a_scope_loses_its_claims_and_the_person_sees_what_it_has() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let claims = json!({ "userinfo": { "email": null }, "id_token": { "email": null } });
    let tokens = tokens_for(&world, &browser, &ask("rp", &claims)).await;
    assert_eq!(payload(&tokens["id_token"])["email"], json!(world.alice.email));
    let listed = applications::list(&world.app.app, &world.alice).await.unwrap();
    assert_eq!(listed[0].scope.to_string(), "openid email");
    let granted = world.app.audited("authorization.granted").await;
    assert_eq!(granted[0]["claims"]["userinfo"], json!(["email"]));

    let change = ClientMetadataChange { scopes: list(&["openid"]), ..ClientMetadataChange::default() };
    clients::update(&world.app.app, "rp", change, &RequestContext::of_command(&world.app.app)).await.unwrap();
    let refresh =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    let refreshed = token_request(&world, &refresh).await;
    assert!(payload(&refreshed["id_token"]).get("email").is_none());
    assert_eq!(userinfo(&world, &refreshed).await.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_subject_or_a_level_can_be_asked_for() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let id_token = |claims: Value| ask("own", &json!({ "id_token": claims })).with("prompt", "none");
    let told_error = async |ask: Ask| error(&browser.get(&ask.path()).await);
    code(&browser.get(&id_token(json!({ "sub": { "value": world.alice.subject } })).path()).await);
    assert_eq!(
        told_error(id_token(json!({ "sub": { "value": world.bob.subject } }))).await,
        "login_required"
    );
    assert_eq!(
        told_error(id_token(json!({ "acr": { "essential": true, "values": ["aal2"] } }))).await,
        "interaction_required"
    );
    // Neither parameter weakens the other.
    for (acr_values, acr) in [("aal1", "aal2"), ("aal2", "aal1")] {
        let both = id_token(json!({ "acr": { "values": [acr] } })).with("acr_values", acr_values);
        assert_eq!(told_error(both).await, "interaction_required", "{acr_values} {acr}");
    }
    let unknown = json!({ "acr": { "essential": true, "values": ["urn:mace:gold"] } });
    assert_eq!(told_error(id_token(unknown)).await, "unmet_authentication_requirements");
    code(&browser.get(&id_token(json!({ "acr": { "values": ["urn:mace:gold"] } })).path()).await);
    code(&browser.get(&id_token(json!({ "acr": { "essential": true } })).path()).await);
}

#[tokio::test]
async fn a_malformed_claims_parameter_is_refused() {
    let world = World::new().await;
    for claims in [
        "name",
        "[]",
        r#"{"userinfo":[]}"#,
        r#"{"userinfo":{"name":true}}"#,
        r#"{"id_token":{"name":null,"name":null}}"#,
        r#"{"id_token":{"sub":{"values":["a","b"]}}}"#,
        r#"{"id_token":{"sub":{"value":1}}}"#,
    ] {
        let told = told(&world.app.get(&Ask::of("own").with("claims", claims).path()).await);
        assert_eq!(told["error"], "invalid_request", "{claims}");
        assert!(told["error_description"].contains("claims"), "{told:?}");
    }
}
