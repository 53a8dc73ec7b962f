//! What a client is told about a faulty request (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::{authorization_codes, authorization_requests};
use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange},
    authorization::request_parameters::PARAMETERS,
    core::RequestContext,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::flow::{Ask, CHALLENGE, World, error, refused_on_page, told};

#[doc(alias = "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported")]
#[tokio::test]
async fn a_fault_is_told_to_the_client_with_state_and_issuer() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let good = || Ask::of("own");
    let long = |length: usize| "x".repeat(length);
    for (ask, expected) in [
        // AZ-07
        (good().without("response_type"), "invalid_request"),
        (good().with("response_type", ""), "invalid_request"),
        (good().with("response_type", "token"), "unsupported_response_type"),
        (good().with("response_type", "id_token token"), "unsupported_response_type"),
        (good().with("response_type", "code token"), "unsupported_response_type"),
        (good().with("response_type", "code id_token"), "unsupported_response_type"),
        (good().with("response_type", "CODE"), "unsupported_response_type"),
        (good().with("response_type", "code code"), "unsupported_response_type"),
        (good().with("response_type", "none"), "unsupported_response_type"),
        (good().with("response_mode", "query.jwt"), "invalid_request"),
        // PX-01, PX-03
        (good().without("code_challenge"), "invalid_request"),
        (good().without("code_challenge").without("code_challenge_method"), "invalid_request"),
        (Ask::of("rp").without("code_challenge"), "invalid_request"),
        (good().with("code_challenge_method", "plain"), "invalid_request"),
        (good().with("code_challenge_method", "s256"), "invalid_request"),
        (good().without("code_challenge_method"), "invalid_request"),
        (good().with("code_challenge", &CHALLENGE[1..]), "invalid_request"),
        (good().with("code_challenge", &format!("{CHALLENGE}=")), "invalid_request"),
        (good().with("code_challenge", &CHALLENGE.replace('-', "+")), "invalid_request"),
        (good().with("code_challenge", &long(128)), "invalid_request"),
        // Request objects
        (good().and("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"),
        (good().and("request_uri", "https://rp.test/request.jwt"), "request_uri_not_supported"),
        (good().and("request_uri", "urn:ietf:params:oauth:request_uri:x"), "request_uri_not_supported"),
        // Scopes and resources
        (good().with("scope", "admin nothing"), "invalid_scope"),
        (good().with("scope", &"a ".repeat(101)), "invalid_scope"),
        (good().with("scope", "openid\u{a0}email"), "invalid_scope"),
        (good().with("scope", "  "), "invalid_scope"),
        (good().with("scope", "openid \u{e9}"), "invalid_scope"),
        (good().and("resource", "https://elsewhere.test/"), "invalid_target"),
        (good().and("resource", "not a uri"), "invalid_target"),
        (good().and("resource", "http://localhost:7117").and("resource", "https://x.test"), "invalid_target"),
        // Prompts and ages
        (good().with("prompt", "none login"), "invalid_request"),
        (good().with("prompt", "consent none"), "invalid_request"),
        (good().with("prompt", "create none"), "invalid_request"),
        (good().with("prompt", "created"), "invalid_request"),
        (good().with("prompt", "None"), "invalid_request"),
        (good().with("max_age", "-1"), "invalid_request"),
        (good().with("max_age", "+1"), "invalid_request"),
        (good().with("max_age", "1.5"), "invalid_request"),
        (good().with("max_age", "x"), "invalid_request"),
        (good().with("max_age", &"9".repeat(30)), "invalid_request"),
        (good().with("id_token_hint", "x"), "invalid_request"),
        (good().with("id_token_hint", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."), "invalid_request"),
        (good().with("nonce", &long(513)), "invalid_request"),
    ] {
        let answer = browser.get(&ask.path()).await;
        assert_eq!(error(&answer), expected, "{ask:?}");
        assert_eq!(told(&answer)["state"], "a state", "{ask:?}");
        // The same by POST.
        let answer = browser.post("/oauth2/authorize", &ask.form()).await;
        assert_eq!(error(&answer), expected, "{ask:?}");
    }
    nothing_is_kept(&world).await;
}

/// AZ-07, for a strict client.
#[tokio::test]
async fn a_strict_client_gets_no_other_response_type_either() {
    let world = World::new().await;
    let app = &world.app.app;
    let change =
        ClientMetadataChange { profile: Some("strict".to_owned()), ..ClientMetadataChange::default() };
    clients::update(app, "own", change, &RequestContext::of_command(app)).await.unwrap();
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for (response_type, expected) in [
        ("token", "unsupported_response_type"),
        ("id_token token", "unsupported_response_type"),
        ("code token", "unsupported_response_type"),
        ("CODE", "unsupported_response_type"),
        ("code code", "unsupported_response_type"),
        ("", "invalid_request"),
    ] {
        let answer = browser.get(&Ask::of("own").with("response_type", response_type).path()).await;
        assert_eq!(error(&answer), expected, "{response_type}");
    }
    nothing_is_kept(&world).await;
}

#[tokio::test]
async fn a_client_without_the_grant_type_is_told_so() {
    let world = World::new().await;
    let answer = world.app.get(&Ask::of("machine").path()).await;
    assert_eq!(error(&answer), "unauthorized_client");
}

/// AZ-11.
#[tokio::test]
async fn a_parameter_comes_once_unless_it_may_be_repeated() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for parameter in PARAMETERS {
        let name = parameter.name;
        let answer = browser.get(&Ask::of("own").and(name, "1").and(name, "1").path()).await;
        if ["client_id", "redirect_uri"].contains(&name) {
            assert_eq!(answer.status, 400, "{name}: of two, none is proven");
            continue;
        }
        let told = told(&answer);
        let repeated = told["error_description"] == "a parameter is repeated";
        assert_eq!(repeated, !parameter.repeatable, "{name}");
        assert_eq!(told["error"] == "invalid_request", repeated, "{name}");
        // Of two states none is the client's.
        assert_eq!(told.contains_key("state"), name != "state", "{name}");
    }
    nothing_is_kept(&world).await;
}

#[doc(alias = "oidcc-response-type-missing")]
#[tokio::test]
async fn a_request_without_a_required_parameter_is_refused_and_without_another_is_not() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for parameter in PARAMETERS {
        let answer = browser.get(&Ask::of("own").without(parameter.name).path()).await;
        match parameter.name {
            "client_id" => refused_on_page(&answer, "We do not know this app"),
            "redirect_uri" => assert_eq!(answer.status, 400),
            _ if parameter.required => assert_eq!(error(&answer), "invalid_request", "{parameter:?}"),
            _ => assert!(told(&answer).contains_key("code"), "{parameter:?}"),
        }
    }
}

#[tokio::test]
async fn a_state_that_is_too_long_is_refused_and_still_told() {
    let world = World::new().await;
    let state = "s".repeat(2049);
    let answer = world.app.get(&Ask::of("own").with("state", &state).path()).await;
    assert_eq!(error(&answer), "invalid_request");
    assert_eq!(told(&answer)["state"], state);
}

#[tokio::test]
async fn a_request_object_is_refused_where_its_app_looks_for_the_answer() {
    let world = World::new().await;
    let browser = world.app.browser();
    let object =
        |claims: Value| format!("eyJhbGciOiJub25lIn0.{}.", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let ask = |object: &str| Ask::of("own").without("state").and("request", object);
    let inside = object(json!({ "state": "inside", "response_mode": "form_post" }));
    let posted = browser.get(&ask(&inside).path()).await;
    assert_eq!(posted.status, 200, "{posted:?}");
    for field in ["value=\"request_not_supported\"", "value=\"inside\""] {
        assert!(posted.body.contains(field), "{field}: {}", posted.body);
    }
    // What stands beside it comes first, and what makes no sense counts for nothing.
    let outside =
        browser.get(&ask(&inside).and("state", "outside").and("response_mode", "query").path()).await;
    assert_eq!(told(&outside)["state"], "outside");
    let repeated = ask(&inside).and("state", "one").and("state", "two").and("response_mode", "query");
    assert!(!told(&browser.get(&repeated.path()).await).contains_key("state"));
    for nonsense in
        [object(json!({ "state": 1, "response_mode": "jwt" })), object(json!([])), "x.y.z".to_owned()]
    {
        let answer = browser.get(&ask(&nonsense).path()).await;
        assert_eq!(error(&answer), "request_not_supported");
        assert!(!told(&answer).contains_key("state"), "{nonsense}");
    }
}

#[tokio::test]
async fn an_error_names_the_reference_of_the_request() {
    let world = World::new().await;
    let answer = world.app.get(&Ask::of("own").with("prompt", "none").path()).await;
    let told = told(&answer);
    assert_eq!(told["error"], "login_required");
    let names: Vec<_> = told.keys().map(String::as_str).collect();
    for name in names {
        assert!(["error", "error_description", "error_uri", "iss", "state"].contains(&name), "{name}");
    }
}

#[tokio::test]
async fn other_methods_and_media_types_are_refused() {
    let world = World::new().await;
    let path = Ask::of("own").path();
    for method in ["PUT", "DELETE", "PATCH"] {
        let request =
            poem::Request::builder().method(method.parse().unwrap()).uri(path.parse().unwrap()).finish();
        let answer = world.app.send(request).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), "GET, HEAD, POST");
    }
    assert_eq!(
        world.app.post_json("/oauth2/authorize", &serde_json::json!({"client_id": "own"})).await.status,
        415
    );
    refused_on_page(&world.app.get("/oauth2/authorize").await, "We do not know this app");
    refused_on_page(&world.app.post_form("/oauth2/authorize", &[]).await, "We do not know this app");
}

#[tokio::test]
async fn no_answer_is_for_scripts_of_other_sites() {
    let world = World::new().await;
    for ask in [Ask::of("own"), Ask::of("nobody"), Ask::of("own").with("prompt", "none")] {
        let mut request = poem::Request::builder().uri(ask.path().parse().unwrap()).finish();
        request.headers_mut().insert("origin", "https://rp.test".parse().unwrap());
        let answer = world.app.send(request).await;
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{answer:?}");
    }
}

#[tokio::test]
async fn any_query_is_answered_without_a_fault_of_ours() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let mut runner = TestRunner::deterministic();
    let names =
        "(client_id|redirect_uri|state|scope|prompt|max_age|resume|nonce|acr_values|ui_locales|request)";
    let queries = format!("({names}=[-a-z0-9%+. ]{{0,9}}&){{0,6}}");
    for _ in 0..200 {
        let tail = queries.as_str().new_tree(&mut runner).unwrap().current().replace(' ', "+");
        for head in [String::new(), Ask::of("own").without("redirect_uri").path()[18..].to_owned()] {
            let Ok(uri) = format!("/oauth2/authorize?{head}&{tail}").parse() else { continue };
            let answer = browser.send(poem::Request::builder().uri(uri).finish()).await;
            assert!(matches!(answer.status.as_u16(), 303 | 400), "{tail}: {answer:?}");
        }
    }
}

async fn nothing_is_kept(world: &World) {
    let db = world.app.app.db.reader();
    assert_eq!(authorization_codes::Entity::find().count(db).await.unwrap(), 0);
    assert_eq!(authorization_requests::Entity::find().count(db).await.unwrap(), 0);
}
