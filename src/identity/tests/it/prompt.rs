//! When a person is asked to sign in: `prompt`, `max_age`, `id_token_hint`, `acr_values` (OpenID Connect Core
//! section 3.1.2.1, RFC 9470).

use std::time::Duration;

use postern_entities::grants;
use postern_identity::{
    App, administration::metadata::ClientMetadataChange, authorization, config::Config, core::RequestContext,
    users::User,
};
use postern_migrations::identity::Migrator;
use postern_service::{
    clock::Clock,
    database::{Database, migrate},
    random::Random,
    testing::TestDatabase,
};
use sea_orm::EntityTrait;

use crate::{
    flow::{Ask, World, code, error, record_login, resume, waits_on},
    sign_in::{ALICE, SignIn, problem, verify},
    support::{Browser, START},
};

/// Signs in for a request as the pages do: a new proof, recorded, and back. Answers the id of the request's row.
async fn log_in_for(browser: &Browser<'_>, handle: &str, user: &User, acr: &str) -> String {
    let session = browser.sign_in_at(user, acr).await;
    let secret = browser.cookie("postern-browser").unwrap();
    record_login(browser.app, handle, &secret, &session, user).await.unwrap()
}

#[tokio::test]
async fn without_a_session_the_person_signs_in_and_returns() {
    let world = World::new().await;
    let browser = world.app.browser();
    let id = waits_on(&browser.get(&Ask::of("own").path()).await, "/login");
    // Nothing changes by coming back without signing in.
    assert_eq!(waits_on(&browser.get(&resume(&id)).await, "/login"), id);
    let id = log_in_for(&browser, &id, &world.alice, "aal1").await;
    code(&browser.get(&resume(&id)).await);
}

#[tokio::test]
async fn prompt_create_begins_at_the_registration_where_anyone_may_register() {
    let world = World::new().await;
    let browser = world.app.browser();
    let create = Ask::of("own").with("prompt", "create");
    let prompts = async |world: &World| -> Vec<String> {
        let metadata = world.app.get("/.well-known/openid-configuration").await.json::<serde_json::Value>();
        serde_json::from_value(metadata["prompt_values_supported"].clone()).unwrap()
    };
    assert!(prompts(&world).await.contains(&"create".to_owned()));
    // Also for somebody who is signed in, and until somebody signs in for this request.
    browser.sign_in(&world.bob).await;
    world.app.clock.advance(Duration::from_secs(1));
    let id = waits_on(&browser.get(&create.path()).await, "/register");
    assert_eq!(waits_on(&browser.get(&resume(&id)).await, "/register"), id);
    let id = log_in_for(&browser, &id, &world.alice, "aal1").await;
    code(&browser.get(&resume(&id)).await);
    // Who registered comes back to sign in, not to register again.
    let begun = waits_on(&browser.get(&create.path()).await, "/register");
    let stored = log_in_for(&browser, &begun, &world.bob, "aal1").await;
    browser.clear_cookie("postern-session");
    assert_eq!(waits_on(&browser.get(&resume(&stored)).await, "/login"), stored);
    let silent = create.clone().with("prompt", "none create");
    assert_eq!(error(&browser.get(&silent.path()).await), "invalid_request");

    let closed = World::with(&[("POSTERN_REGISTRATION__MODE", "closed")]).await;
    assert_eq!(error(&closed.app.get(&create.path()).await), "invalid_request");
    assert!(!prompts(&closed).await.contains(&"create".to_owned()));
}

#[doc(alias("oidcc-prompt-none-not-logged-in", "oidcc-prompt-none-logged-in", "oidcc-max-age-10000",))]
#[tokio::test]
async fn prompt_none_never_shows_a_page() {
    let world = World::new().await;
    let browser = world.app.browser();
    let silent = |client: &str| Ask::of(client).with("prompt", "none");
    assert_eq!(error(&browser.get(&silent("own").path()).await), "login_required");
    browser.sign_in(&world.alice).await;
    code(&browser.get(&silent("own").path()).await);
    assert_eq!(error(&browser.get(&silent("rp").path()).await), "consent_required");
    assert_eq!(
        error(&browser.get(&silent("own").with("acr_values", "aal2").path()).await),
        "interaction_required"
    );
    assert_eq!(error(&browser.get(&silent("own").with("max_age", "0").path()).await), "login_required");
    world.app.clock.advance(Duration::from_secs(3));
    assert_eq!(error(&browser.get(&silent("own").with("max_age", "2").path()).await), "login_required");
    code(&browser.get(&silent("own").with("max_age", "3").path()).await);
}

/// AZ-13.
#[doc(alias("oidcc-prompt-login", "oidcc-max-age-1",))]
#[tokio::test]
async fn prompt_login_and_max_age_ask_once_for_a_fresh_sign_in() {
    let world = World::new().await;
    for (name, value) in
        [("prompt", "login"), ("prompt", "select_account"), ("max_age", "0"), ("max_age", "1")]
    {
        let browser = world.app.browser();
        browser.sign_in(&world.alice).await;
        world.app.clock.advance(Duration::from_secs(3));
        let id = waits_on(&browser.get(&Ask::of("own").with(name, value).path()).await, "/login");
        // Coming back with the old session asks again.
        assert_eq!(waits_on(&browser.get(&resume(&id)).await, "/login"), id);
        let id = log_in_for(&browser, &id, &world.alice, "aal1").await;
        let now = world.app.app.clock.now();
        // However long the person then takes, they are not asked a second time.
        world.app.clock.advance(Duration::from_secs(60));
        code(&browser.get(&resume(&id)).await);
        let latest = grants::Entity::find()
            .all(world.app.app.db.reader())
            .await
            .unwrap()
            .into_iter()
            .max_by_key(|g| g.created_at);
        assert_eq!(latest.unwrap().auth_time, Some(now), "{name}={value}");
    }
}

#[tokio::test]
async fn a_sign_in_for_another_request_is_not_fresh_for_this_one() {
    let world = World::new().await;
    let browser = world.app.browser();
    let ask = Ask::of("own").with("prompt", "login").path();
    let first = waits_on(&browser.get(&ask).await, "/login");
    let second = waits_on(&browser.get(&ask).await, "/login");
    let first = log_in_for(&browser, &first, &world.alice, "aal1").await;
    assert_eq!(waits_on(&browser.get(&resume(&second)).await, "/login"), second);
    code(&browser.get(&resume(&first)).await);
}

#[tokio::test]
async fn a_sign_in_recorded_with_an_old_session_does_not_count() {
    let world = World::new().await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    world.app.clock.advance(Duration::from_secs(1));
    let id = waits_on(&browser.get(&Ask::of("own").with("prompt", "login").path()).await, "/login");
    let secret = browser.cookie("postern-browser").unwrap();
    let id = record_login(&world.app, &id, &secret, &session, &world.alice).await.unwrap();
    assert_eq!(waits_on(&browser.get(&resume(&id)).await, "/login"), id);
}

#[tokio::test]
async fn a_level_that_is_not_reached_leads_to_another_factor() {
    let world = World::new().await;
    let change = ClientMetadataChange {
        required_acr: Some("aal2".to_owned()),
        first_party: Some(true),
        ..ClientMetadataChange::default()
    };
    let app = &world.app.app;
    postern_identity::administration::clients::update(app, "spa", change, &RequestContext::of_command(app))
        .await
        .unwrap();
    for ask in [
        Ask::of("own").with("acr_values", "aal2"),
        Ask::of("spa").with("redirect_uri", "https://spa.test/cb"),
    ] {
        let browser = world.app.browser();
        browser.sign_in(&world.alice).await;
        let id = waits_on(&browser.get(&ask.path()).await, "/login");
        let id = log_in_for(&browser, &id, &world.alice, "aal2").await;
        let answer = browser.get(&resume(&id)).await;
        assert!(answer.header("location").contains("code="), "{answer:?}");
    }
}

#[doc(alias = "oidcc-ensure-request-with-acr-values-succeeds")]
#[tokio::test]
async fn any_of_the_levels_asked_for_will_do_and_unknown_ones_are_ignored() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for values in ["phr aal1", "aal1", "1 2", "urn:mace:incommon:iap:silver"] {
        code(&browser.get(&Ask::of("own").with("acr_values", values).path()).await);
    }
    waits_on(&browser.get(&Ask::of("own").with("acr_values", "phr aal2").path()).await, "/login");
}

#[tokio::test]
async fn a_person_who_cannot_reach_the_level_leads_to_an_error() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let id = waits_on(&browser.get(&Ask::of("own").with("acr_values", "phr").path()).await, "/login");
    let secret = browser.cookie("postern-browser").unwrap();
    let handle = id.parse().unwrap();
    let id = authorization::record_unreachable_acr(&world.app.app, &handle, &secret).await.unwrap();
    assert_eq!(error(&browser.get(&resume(&id.to_string())).await), "unmet_authentication_requirements");
}

#[doc(alias(
    "oidcc-display-page",
    "oidcc-display-popup",
    "oidcc-login-hint",
    "oidcc-ui-locales",
    "oidcc-claims-locales",
    "oidcc-ensure-request-with-unknown-parameter-succeeds",
))]
#[tokio::test]
async fn wishes_are_never_an_error() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let long = "x".repeat(5000);
    for (name, value) in [
        ("login_hint", "buffy@localhost"),
        ("login_hint", &long),
        ("ui_locales", "se"),
        ("ui_locales", "de-DE en \u{e9}"),
        ("claims_locales", "se"),
        ("display", "page"),
        ("display", "popup"),
        ("display", "hologram"),
        ("claims", "{\"userinfo\":{\"name\":{\"essential\":true}}}"),
        ("extra", "foobar"),
        ("resume", "x"),
        ("acr_values", "  "),
    ] {
        code(&browser.get(&Ask::of("own").with(name, value).path()).await);
    }
    code(&browser.get(&Ask::of("own").without("nonce").without("state").without("scope").path()).await);
}

#[doc(alias = "oidcc-id-token-hint")]
#[tokio::test]
async fn an_id_token_hint_names_who_is_expected() {
    let world = World::new().await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    let hint = world.app.id_token("own", &world.alice, session.sid).await;
    world.app.clock.advance(Duration::from_secs(7200));
    let ask = || Ask::of("own").with("id_token_hint", &hint);
    code(&browser.get(&ask().with("prompt", "none").path()).await);

    let others = world.app.browser();
    others.sign_in(&world.bob).await;
    assert_eq!(error(&others.get(&ask().with("prompt", "none").path()).await), "login_required");
    // Asked to sign in, bob stays bob.
    let id = waits_on(&others.get(&ask().path()).await, "/login");
    let id = log_in_for(&others, &id, &world.bob, "aal1").await;
    assert_eq!(error(&others.get(&resume(&id)).await), "login_required");
    // Or it is alice who comes.
    let id = waits_on(&others.get(&ask().path()).await, "/login");
    let id = log_in_for(&others, &id, &world.alice, "aal1").await;
    code(&others.get(&resume(&id)).await);
}

#[tokio::test]
async fn the_id_token_of_another_client_is_no_hint() {
    let world = World::new().await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    let hint = world.app.id_token("rp", &world.alice, session.sid).await;
    let answer = browser.get(&Ask::of("own").with("id_token_hint", &hint).path()).await;
    assert_eq!(error(&answer), "invalid_request");
}

#[tokio::test]
async fn the_installation_may_demand_a_level_of_every_sign_in() {
    let strict = &[("POSTERN_LOGIN__REQUIRED_ACR", "aal2")];
    let world = World::with(strict).await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let id = waits_on(&browser.get(&Ask::of("own").path()).await, "/login");
    let id = log_in_for(&browser, &id, &world.alice, "aal2").await;
    code(&browser.get(&resume(&id)).await);
    // Less than what is demanded cannot be asked for.
    let another = world.app.browser();
    another.sign_in(&world.alice).await;
    waits_on(&another.get(&Ask::of("own").with("acr_values", "aal1").path()).await, "/login");
    assert_eq!(another.get("/account").await.status, 200, "to set up what is missing");

    let sign_in = SignIn::with(strict).await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let short = sign_in.verify("email-otp", &attempt, &sign_in.app.code_for(ALICE).await).await;
    assert_eq!((short.status.as_u16(), problem(&short).as_str()), (403, "mfa_required"));
    let authenticator = sign_in.enrol().await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    sign_in.verify("email-otp", &attempt, &sign_in.app.code_for(ALICE).await).await;
    let done = sign_in.verify("totp", &attempt, &authenticator.code(&sign_in.app, 0)).await;
    assert_eq!(done.status, 200, "{}", done.body);
}

#[tokio::test]
async fn a_client_may_demand_more_than_the_installation() {
    let sign_in = SignIn::with(&[("POSTERN_LOGIN__REQUIRED_ACR", "aal1")]).await;
    sign_in.tokens().await;
    let attempt = crate::sign_in::attempt(&sign_in.request_of("strong", "email-otp", ALICE).await);
    let code = sign_in.app.code_for(ALICE).await;
    let short = verify(&sign_in.app, "strong", "email-otp", &attempt, &code).await;
    assert_eq!(short.status, 403, "{}", short.body);
}

#[tokio::test]
async fn a_level_that_no_method_reaches_is_refused_at_the_start() {
    for (level, methods, starts) in [
        ("aal2", "email-otp,totp", true),
        ("aal2", "email-otp,password", false),
        ("phr", "email-otp,totp", false),
    ] {
        let database = TestDatabase::fresh().await.unwrap();
        let env = [
            ("POSTERN_DATABASE__URL", database.url()),
            ("POSTERN_SECRETS__ENCRYPTION_KEY", &"A".repeat(43)),
            ("POSTERN_LOGIN__REQUIRED_ACR", level),
            ("POSTERN_LOGIN__METHODS", methods),
        ];
        let config = Config::load(None, env.map(|(key, value)| (key.into(), value.into()))).unwrap().settings;
        let db = Database::open(&config.database).await.unwrap();
        migrate::up::<Migrator>(&db).await.unwrap();
        let app = App::new(config, db, Clock::manual(START), Random::seeded(1)).await;
        assert_eq!(app.is_ok(), starts, "{level} by {methods}");
        if let Err(cause) = app {
            assert!(cause.to_string().contains("login.required_acr"), "{cause}");
        }
    }
}
