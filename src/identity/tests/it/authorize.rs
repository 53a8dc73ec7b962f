//! The way through the authorization endpoint, and who may go on with it.

use std::time::Duration;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use futures_util::future::join_all;
use postern_entities::{authorization_codes, authorization_requests, grants};
use postern_identity::{acr::Acr, authorization, core::RequestContext, crypto, grants::EndCause, sessions};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;

use crate::{
    flow::{
        Ask, CALLBACK, CHALLENGE, VERIFIER, World, code, error, record_login, refused_on_page, resume, told,
        waits_on,
    },
    support::{Browser, ISSUER},
};

#[tokio::test]
async fn a_session_gets_its_code_at_once_and_nothing_waits() {
    let world = World::new().await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    let told = told(&browser.get(&Ask::of("own").with("scope", "openid email").path()).await);
    assert_eq!(told["state"], "a state");
    assert_eq!(told.len(), 3, "{told:?}");

    let db = world.app.app.db.reader();
    assert_eq!(authorization_requests::Entity::find().count(db).await.unwrap(), 0);
    let grant =
        grants::Entity::find().filter(grants::Column::UserId.is_not_null()).one(db).await.unwrap().unwrap();
    assert_eq!((grant.user_id, grant.sid), (Some(world.alice.id), Some(session.sid)));
    assert_eq!((grant.client_id.as_str(), grant.scope.to_string().as_str()), ("own", "openid email"));
    assert_eq!((grant.auth_time, grant.acr), (Some(session.auth_time), Some(Acr::Aal1)));
    let row = authorization_codes::Entity::find().one(db).await.unwrap().unwrap();
    assert_eq!(row.code_hash, crypto::token_hash(&told["code"]));
    assert_eq!((row.grant_id, row.redirect_uri.as_str()), (grant.id, CALLBACK));
    assert_eq!(row.code_challenge.as_deref(), Some(CHALLENGE));
    assert_eq!(row.nonce.as_deref(), Some("n-0S6_WzA2Mj"));
    let events = world.app.events("authorization.granted").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].grant_id, Some(grant.id));
}

#[tokio::test]
async fn a_state_comes_back_byte_by_byte() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let long = "s".repeat(2048);
    for state in ["a b", "a+b%20&c=d", "<script>alert(1)</script>", "\"'\\", "z\u{fc}rich \u{1f511}", &long] {
        let ask = Ask::of("own").with("state", state);
        assert_eq!(told(&browser.get(&ask.path()).await)["state"], state);
        assert_eq!(
            told(&browser.get(&ask.with("prompt", "none").with("scope", "x").path()).await)["state"],
            state
        );
    }
    let without = told(&browser.get(&Ask::of("own").without("state").path()).await);
    assert!(!without.contains_key("state"));
}

#[doc(alias = "oidcc-ensure-post-request-succeeds")]
#[tokio::test]
async fn a_form_goes_on_as_a_get_even_from_another_site() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    // A POST from another site brings no cookie.
    let answer = world.app.post_form("/oauth2/authorize", &Ask::of("own").form()).await;
    assert_eq!(answer.status, 303);
    assert!(answer.headers.get("set-cookie").is_none(), "{answer:?}");
    let next = answer.header("location").to_owned();
    assert!(next.starts_with("/oauth2/authorize?resume="), "{next}");
    code(&browser.get(&next).await);
    // Like a link, it begins anew.
    code(&browser.get(&next).await);
}

#[tokio::test]
async fn a_form_belongs_to_the_browser_that_comes_with_it() {
    let world = World::new().await;
    let answer = world.app.post_form("/oauth2/authorize", &Ask::of("own").form()).await;
    let next = answer.header("location").to_owned();
    let browser = world.app.browser();
    let id = waits_on(&browser.get(&next).await, "/login");
    let other = world.app.browser();
    other.sign_in(&world.bob).await;
    refused_on_page(&other.get(&resume(&id)).await, "took too long");
    assert_eq!(waits_on(&browser.get(&resume(&id)).await, "/login"), id);
}

#[tokio::test]
async fn a_request_goes_on_in_its_own_browser_only() {
    let world = World::new().await;
    let browser = world.app.browser();
    let id = waits_on(&browser.get(&Ask::of("own").path()).await, "/login");
    let foreign = world.app.browser();
    foreign.sign_in(&world.bob).await;
    for stranger in [world.app.browser(), foreign] {
        refused_on_page(&stranger.get(&resume(&id)).await, "took too long");
    }
    let app = &world.app.app;
    let secret = browser.cookie("postern-browser").unwrap();
    let of = async |secret| authorization::find_pending(app, &id.parse().unwrap(), secret).await.unwrap();
    assert!(of("another").await.is_none());
    let pending = of(&secret).await.unwrap();
    assert_eq!((pending.request.client_id.as_str(), pending.client.client_id()), ("own", "own"));
    let session = browser.sign_in(&world.alice).await;
    assert!(record_login(&world.app, &id, "another", &session, &world.alice).await.is_err());
}

#[tokio::test]
async fn an_unknown_or_malformed_id_is_a_page() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for id in ["00000000-0000-4000-8000-000000000000", "x", "%27%20OR%201=1", "1&resume=2", "../login"] {
        refused_on_page(&browser.get(&resume(id)).await, "took too long");
    }
}

#[tokio::test]
async fn a_client_may_have_a_parameter_named_resume() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    code(&browser.get(&Ask::of("own").with("resume", "x").path()).await);
}

#[tokio::test]
async fn a_request_that_waited_too_long_is_a_page() {
    let world = World::new().await;
    let browser = world.app.browser();
    let id = waits_on(&browser.get(&Ask::of("own").path()).await, "/login");
    let session = browser.sign_in(&world.alice).await;
    let secret = browser.cookie("postern-browser").unwrap();
    let id = record_login(&world.app, &id, &secret, &session, &world.alice).await.unwrap();
    browser.clear_cookie("postern-session");
    world.app.clock.advance(Duration::from_secs(3599));
    waits_on(&browser.get(&resume(&id)).await, "/login");
    world.app.clock.advance(Duration::from_secs(1));
    browser.sign_in(&world.alice).await;
    refused_on_page(&browser.get(&resume(&id)).await, "took too long");
}

#[tokio::test]
async fn several_tabs_go_on_side_by_side() {
    let world = World::new().await;
    let browser = world.app.browser();
    let mut tabs = Vec::new();
    for tab in ["one", "two", "three"] {
        let answer = browser.get(&Ask::of("own").with("state", tab).path()).await;
        tabs.push((tab, waits_on(&answer, "/login")));
    }
    browser.sign_in(&world.alice).await;
    for (tab, id) in tabs.iter().rev() {
        assert_eq!(told(&browser.get(&resume(id)).await)["state"], *tab);
    }
}

/// 50 at once, on two nodes: one code.
#[tokio::test]
async fn a_request_is_answered_once() {
    let world = World::new().await;
    let node = world.app.another_node().await;
    let browser = world.app.browser();
    for round in 0..3_u64 {
        let id =
            waits_on(&browser.get(&Ask::of("own").with("nonce", &round.to_string()).path()).await, "/login");
        let session = browser.sign_in(&world.alice).await;
        let secret = browser.cookie("postern-browser").unwrap();
        let id = record_login(&world.app, &id, &secret, &session, &world.alice).await.unwrap();
        let browsers: Vec<Browser<'_>> =
            (0..50).map(|turn| browser.on(if turn % 2 == 0 { &world.app } else { &node })).collect();
        let path = resume(&id);
        let answers = join_all(browsers.iter().map(|browser| browser.get(&path))).await;
        let (answered, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 303);
        assert_eq!((answered.len(), refused.len()), (1, 49));
        code(answered[0]);
        for answer in refused {
            refused_on_page(answer, "took too long");
        }
        let db = world.app.app.db.reader();
        // Every code has a grant of its own.
        assert_eq!(authorization_codes::Entity::find().count(db).await.unwrap(), round + 1);
        browser.clear_cookie("postern-session");
    }
}

#[tokio::test]
async fn an_ended_session_or_a_disabled_user_gets_no_code() {
    let world = World::new().await;
    let app = &world.app.app;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    let context = RequestContext::of_command(app);
    app.write(&context, async |write| {
        sessions::lock_user_and_end(write, session.sid, EndCause::SignedOut).await
    })
    .await
    .unwrap();
    assert_eq!(error(&browser.get(&Ask::of("own").with("prompt", "none").path()).await), "login_required");

    let browser = world.app.browser();
    browser.sign_in(&world.bob).await;
    postern_identity::administration::users::disable(app, &world.bob, &context).await.unwrap();
    assert_eq!(error(&browser.get(&Ask::of("own").with("prompt", "none").path()).await), "login_required");
}

#[tokio::test]
async fn a_request_begun_on_one_node_ends_on_another() {
    let world = World::new().await;
    let node = world.app.another_node().await;
    let browser = world.app.browser();
    let id = waits_on(&browser.get(&Ask::of("own").path()).await, "/login");
    browser.sign_in(&world.alice).await;
    code(&browser.on(&node).get(&resume(&id)).await);
}

#[doc(alias("oidcc-server", "oidcc-ensure-request-with-valid-pkce-succeeds",))]
#[tokio::test]
async fn a_code_becomes_tokens_that_say_what_was_proven() {
    let world = World::new().await;
    let browser = world.app.browser();
    let session = browser.sign_in_at(&world.alice, "aal2").await;
    world.app.clock.advance(Duration::from_secs(30));
    let claims = id_token(&world, &browser, &Ask::of("own").with("scope", "openid email")).await;
    assert_eq!(claims["sub"], world.alice.subject.to_string());
    assert_eq!(claims["sid"], session.sid.to_string());
    assert_eq!(claims["auth_time"], session.auth_time.seconds());
    assert_eq!((&claims["acr"], &claims["nonce"]), (&"aal2".into(), &"n-0S6_WzA2Mj".into()));
}

#[doc(alias("oidcc-ensure-request-without-nonce-succeeds-for-code-flow", "oidcc-alternate-happy-flow",))]
#[tokio::test]
async fn without_a_nonce_and_with_its_scopes_in_any_order_a_request_gets_an_id_token_all_the_same() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let claims =
        id_token(&world, &browser, &Ask::of("own").without("nonce").with("scope", "email openid")).await;
    assert_eq!(claims["sub"], world.alice.subject.to_string());
    assert!(claims.get("nonce").is_none() && claims.get("email").is_none(), "{claims}");
}

/// The claims of the ID token that the request leads to.
async fn id_token(world: &World, browser: &Browser<'_>, ask: &Ask) -> serde_json::Value {
    let code = code(&browser.get(&ask.path()).await);
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "own"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let answer = world.app.post_form("/oauth2/token", &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let tokens: serde_json::Value = answer.json();
    let claims = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[tokio::test]
async fn a_code_is_good_for_its_client_and_its_challenge_only() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let code = code(&browser.get(&Ask::of("own").path()).await);
    let basic = format!("Basic {}", STANDARD.encode(format!("rp:{}", world.rp_secret)));
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let mut request = crate::support::form_request("/oauth2/token", &form);
    request.headers_mut().insert("authorization", basic.parse().unwrap());
    let answer = world.app.send(request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json::<serde_json::Value>()["error"].clone()),
        (400, "invalid_grant".into())
    );
}

/// AZ-09, M-1.
#[tokio::test]
async fn the_metadata_announces_what_is_here() {
    let world = World::new().await;
    let metadata: serde_json::Value = world.app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["authorization_endpoint"], format!("{ISSUER}/oauth2/authorize"));
    assert_eq!(metadata["end_session_endpoint"], format!("{ISSUER}/oauth2/logout"));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert_eq!(metadata["response_modes_supported"], json!(["query", "fragment", "form_post"]));
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(
        metadata["prompt_values_supported"],
        json!(["none", "login", "consent", "select_account", "create"])
    );
    assert_eq!(metadata["acr_values_supported"], json!(["aal1", "aal2", "phr"]));
    assert_eq!(metadata["claims_parameter_supported"], true);
    for unsupported in ["request_parameter_supported", "request_uri_parameter_supported"] {
        assert_eq!(metadata[unsupported], false, "{unsupported}");
    }
}

#[tokio::test]
async fn the_document_describes_what_browsers_visit() {
    let world = World::new().await;
    let document: serde_json::Value = world.app.get("/openapi.json").await.json();
    for path in ["/oauth2/authorize", "/oauth2/logout"] {
        for method in ["get", "post"] {
            let operation = &document["paths"][path][method];
            assert!(
                operation["summary"].is_string() && operation["operationId"].is_string(),
                "{path} {method}"
            );
            let location = &operation["responses"]["303"]["headers"]["LOCATION"];
            assert_eq!(location["schema"]["type"], "string", "{path} {method}");
        }
    }
    let authorize = &document["paths"]["/oauth2/authorize"];
    let names: Vec<_> =
        authorize["get"]["parameters"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    let fields = &authorize["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
    for name in ["client_id", "redirect_uri", "code_challenge", "prompt", "resource"] {
        assert!(
            names.contains(&&json!(name)) && fields["properties"][name]["description"].is_string(),
            "{name}"
        );
    }
    assert_eq!(fields["required"].as_array().unwrap().len(), 5);
}
