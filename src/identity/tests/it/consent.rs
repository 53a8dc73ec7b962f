//! Who is asked for consent, and when a former answer counts (OpenID Connect Core section 3.1.2.4 and 11, RFC 8252
//! section 8.6).

use postern_entities::consents;
use postern_identity::{
    administration::{
        clients,
        metadata::ClientMetadataChange,
        resources::{self, ResourceChange},
    },
    authorization::{self, InteractionError},
    clients::ClientAuthMethod,
    core::RequestContext,
    sessions,
    users::User,
};
use sea_orm::{EntityTrait, PaginatorTrait};

use crate::{
    flow::{Ask, World, code, error, list, refused_on_page, resume, told_at, waits_on},
    person::open,
    support::Browser,
};

/// An issuer on another machine than the person's.
const REMOTE: &[(&str, &str)] = &[("POSTERN_ISSUER", "https://id.example.test")];

/// Answers the question as the page does. Answers the id of the request's row.
async fn answer(browser: &Browser<'_>, handle: &str, allow: bool) -> Result<String, InteractionError> {
    let app = &browser.app.app;
    let secret = browser.cookie("postern-browser").unwrap();
    let cookie = browser.cookie("postern-session").unwrap();
    let signed_in = sessions::find(app, &cookie).await.unwrap().unwrap();
    let context = RequestContext::of_command(app);
    let handle = handle.parse().unwrap();
    let row = authorization::record_consent(
        app,
        &context,
        &signed_in,
        authorization::ConsentAnswer { handle: &handle, browser_secret: &secret, allow },
    )
    .await?;
    Ok(row.to_string())
}

async fn asked(browser: &Browser<'_>, user: &User, ask: &Ask) -> String {
    browser.sign_in(user).await;
    waits_on(&browser.get(&ask.path()).await, "/consent")
}

#[tokio::test]
async fn what_a_scope_allows_is_said_in_the_language_of_its_reader() {
    let world = World::new().await;
    let app = &world.app.app;
    let identifier = app.resources().find_by_scope("tasks:read").unwrap().row.identifier.clone();
    let text = [("de".to_owned(), "Ihre Aufgaben <b>ansehen".to_owned())];
    let change = ResourceChange {
        scope_texts: [("tasks:read".to_owned(), text.into())].into(),
        ..ResourceChange::default()
    };
    let context = RequestContext::of_command(app);
    resources::update(app, &identifier, change, &context).await.unwrap();
    let allowed =
        ClientMetadataChange { add_scopes: vec!["tasks:read".to_owned()], ..ClientMetadataChange::default() };
    clients::update(app, "rp", allowed, &context).await.unwrap();
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    browser.speaks("de-AT, en;q=0.5");
    let ask = Ask::of("rp").with("scope", "openid tasks:read").path();
    let page = open(&browser, &ask).await;
    assert!(page.text("main").contains("Ihre Aufgaben <b>ansehen"), "{}", page.answer.body);
    browser.speaks("en");
    assert!(!open(&browser, &ask).await.text("main").contains("Aufgaben"));
}

#[tokio::test]
async fn another_app_is_allowed_once_and_remembered() {
    let world = World::new().await;
    let browser = world.app.browser();
    let ask = Ask::of("rp").with("scope", "openid email");
    let id = asked(&browser, &world.alice, &ask).await;
    assert_eq!(waits_on(&browser.get(&resume(&id)).await, "/consent"), id);
    let id = answer(&browser, &id, true).await.unwrap();
    code(&browser.get(&resume(&id)).await);

    // Remembered for this and less, not for more, and not for others.
    code(&browser.get(&ask.path()).await);
    code(&browser.get(&Ask::of("rp").with("prompt", "none").path()).await);
    let more = Ask::of("rp").with("scope", "openid profile");
    let id = waits_on(&browser.get(&more.path()).await, "/consent");
    let id = answer(&browser, &id, true).await.unwrap();
    code(&browser.get(&resume(&id)).await);
    code(&browser.get(&Ask::of("rp").with("scope", "openid email profile").path()).await);
    waits_on(&browser.get(&Ask::of("spa").path()).await, "/consent");
    browser.sign_in(&world.bob).await;
    waits_on(&browser.get(&ask.path()).await, "/consent");
    assert_eq!(world.app.events("consent.allowed").await.len(), 2);
}

#[tokio::test]
async fn denying_tells_the_client_and_is_not_remembered() {
    let world = World::new().await;
    let browser = world.app.browser();
    let id = asked(&browser, &world.alice, &Ask::of("rp")).await;
    let id = answer(&browser, &id, false).await.unwrap();
    // Too late to think again.
    assert!(answer(&browser, &id, true).await.is_err());
    assert_eq!(error(&browser.get(&resume(&id)).await), "access_denied");
    refused_on_page(&browser.get(&resume(&id)).await, "took too long");
    assert_eq!(consents::Entity::find().count(world.app.app.db.reader()).await.unwrap(), 0);
    waits_on(&browser.get(&Ask::of("rp").path()).await, "/consent");
    assert_eq!(world.app.events("consent.denied").await.len(), 1);
}

/// AZ-15.
#[tokio::test]
async fn no_parameter_of_a_request_skips_consent() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let ask = || Ask::of("rp").with("scope", "openid email offline_access");
    assert_eq!(error(&browser.get(&ask().with("prompt", "none").path()).await), "consent_required");
    for (name, value) in [
        ("first_party", "true"),
        ("skip_consent", "1"),
        ("trusted", "true"),
        ("consent", "allow"),
        ("answer", "allow"),
    ] {
        waits_on(&browser.get(&ask().with(name, value).path()).await, "/consent");
    }
}

#[tokio::test]
async fn unproven_apps_and_whoever_asks_for_the_question_are_asked_each_time() {
    let world = World::with(REMOTE).await;
    for ask in [
        Ask::of("rp").with("prompt", "consent"),
        Ask::of("rp").with("prompt", "consent").with("scope", "openid offline_access"),
        Ask::of("native"),
        Ask::of("own").with("prompt", "consent"),
    ] {
        let browser = world.app.browser();
        browser.sign_in(&world.alice).await;
        for _ in 0..2 {
            let id = waits_on(&browser.get(&ask.path()).await, "/consent");
            let id = answer(&browser, &id, true).await.unwrap();
            let answer = browser.get(&resume(&id)).await;
            assert!(answer.header("location").contains("code="), "{answer:?}");
        }
    }
}

/// OpenID Connect Core section 11.
#[tokio::test]
async fn access_while_away_is_allowed_once_and_remembered() {
    let world = World::new().await;
    let browser = world.app.browser();
    let ask = Ask::of("rp").with("scope", "openid offline_access");
    let id = asked(&browser, &world.alice, &ask).await;
    let id = answer(&browser, &id, true).await.unwrap();
    code(&browser.get(&resume(&id)).await);
    code(&browser.get(&ask.path()).await);
    code(&browser.get(&ask.with("prompt", "none").path()).await);
    let other = Ask::of("rp").with("scope", "openid email offline_access");
    waits_on(&browser.get(&other.path()).await, "/consent");
}

/// Where apps that an operator vouches for are answered: any program on the device may take all but the last two.
const VOUCHED_FOR: [(&str, &str, bool); 7] = [
    ("literal", "http://127.0.0.1:49152/cb", false),
    ("literal6", "http://[::1]:49152/cb", false),
    ("name", "http://localhost:3000/cb", false),
    ("tls", "https://localhost:3000/cb", false),
    ("scheme", "com.example.app:/cb", false),
    ("claimed", "https://app.test/cb", true),
    ("secret", "http://127.0.0.1:3000/cb", true),
];

async fn vouched_for(world: &World) {
    for (client_id, redirect_uri, _) in VOUCHED_FOR {
        let auth_method =
            if client_id == "secret" { ClientAuthMethod::ClientSecretBasic } else { ClientAuthMethod::None };
        let change = ClientMetadataChange {
            name: Some("The Desk".to_owned()),
            first_party: Some(true),
            token_endpoint_auth_method: Some(auth_method),
            redirect_uris: list(&[redirect_uri]),
            scopes: list(&["openid"]),
            ..ClientMetadataChange::default()
        };
        world.app.client(client_id, change).await;
    }
}

fn ask_of((client_id, redirect_uri, _): (&str, &str, bool)) -> Ask {
    Ask::of(client_id).with("redirect_uri", redirect_uri)
}

#[tokio::test]
async fn an_unproven_app_gets_no_code_without_a_press() {
    let world = World::with(REMOTE).await;
    vouched_for(&world).await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for client in VOUCHED_FOR {
        let silent = browser.get(&ask_of(client).with("prompt", "none").path()).await;
        let shown = browser.get(&ask_of(client).path()).await;
        if client.2 {
            assert!(silent.header("location").contains("code="), "{client:?} {silent:?}");
            continue;
        }
        assert!(silent.header("location").contains("error=consent_required"), "{client:?} {silent:?}");
        let id = waits_on(&shown, "/consent");
        assert!(open(&browser, shown.header("location")).await.text(".asks").contains("The Desk"));
        let id = answer(&browser, &id, true).await.unwrap();
        assert!(browser.get(&resume(&id)).await.header("location").contains("code="), "{client:?}");
        waits_on(&browser.get(&ask_of(client).path()).await, "/consent");
    }
}

#[tokio::test]
async fn a_sign_in_form_that_names_the_app_is_that_press_for_its_own_request() {
    let world = World::with(REMOTE).await;
    vouched_for(&world).await;
    let browser = world.app.browser();
    let (first, other) = (ask_of(VOUCHED_FOR[0]), ask_of(VOUCHED_FOR[4]));
    let waiting = open(&browser, &other.path()).await;
    let login = open(&browser, &first.path()).await;
    assert!(login.text(".asks").contains("The Desk"));
    let done = login.sign_in("alice@example.test").await;
    assert!(done.answer.header("location").contains("code="), "{:?}", done.answer);
    // Neither for the next request, nor for one that waited meanwhile.
    let silent = browser.get(&first.clone().with("prompt", "none").path()).await;
    assert!(silent.header("location").contains("error=consent_required"), "{silent:?}");
    let asked = open(&browser, &waiting.path).await;
    assert!(asked.path.starts_with("/consent?"), "{}", asked.path);
    // Signing in again is a press again.
    let again = open(&browser, &first.with("prompt", "login").path()).await;
    let done = again.sign_in("alice@example.test").await;
    assert!(done.answer.header("location").contains("code="), "{:?}", done.answer);
}

#[tokio::test]
async fn an_issuer_on_the_same_machine_proves_no_less_than_its_apps() {
    let world = World::new().await;
    vouched_for(&world).await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for client in VOUCHED_FOR {
        let silent = browser.get(&ask_of(client).with("prompt", "none").path()).await;
        assert!(silent.header("location").contains("code="), "{client:?} {silent:?}");
    }
}

#[tokio::test]
async fn a_public_app_at_its_own_https_address_is_remembered() {
    let world = World::new().await;
    let browser = world.app.browser();
    let id = asked(&browser, &world.alice, &Ask::of("spa")).await;
    let id = answer(&browser, &id, true).await.unwrap();
    let callback = "https://spa.test/cb";
    assert!(told_at(&browser.get(&resume(&id)).await, callback).contains_key("code"));
    let silent = Ask::of("spa").with("prompt", "none");
    assert!(told_at(&browser.get(&silent.path()).await, callback).contains_key("code"));
}

#[tokio::test]
async fn first_party_apps_are_not_asked_for() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    code(&browser.get(&Ask::of("own").with("scope", "openid email offline_access").path()).await);
}

#[tokio::test]
async fn the_answer_of_one_user_does_not_count_for_another() {
    let world = World::new().await;
    let browser = world.app.browser();
    let id = asked(&browser, &world.alice, &Ask::of("rp")).await;
    let id = answer(&browser, &id, true).await.unwrap();
    browser.sign_in(&world.bob).await;
    assert_eq!(waits_on(&browser.get(&resume(&id)).await, "/consent"), id);
}

#[tokio::test]
async fn an_answer_counts_only_when_it_is_asked_for() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    // Sign-in comes first, so nobody has been shown what to allow.
    let id = waits_on(&browser.get(&Ask::of("rp").with("prompt", "login").path()).await, "/login");
    assert!(matches!(answer(&browser, &id, true).await, Err(InteractionError::StepOutOfOrder)));
    assert_eq!(waits_on(&browser.get(&resume(&id)).await, "/login"), id);
}

#[tokio::test]
async fn an_app_with_a_scheme_of_its_own_borrows_no_host() {
    let world = World::new().await;
    let uri = "com.evil.app://accounts.bank.example/cb";
    let change = ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        redirect_uris: list(&[uri]),
        scopes: list(&["openid"]),
        ..ClientMetadataChange::default()
    };
    world.app.client("borrower", change).await;
    let ask = Ask::of("borrower").with("redirect_uri", uri);
    let browser = world.app.browser();
    let sign_in = open(&browser, &ask.path()).await;
    browser.sign_in(&world.alice).await;
    let consent = open(&browser, &ask.path()).await;
    assert!(consent.text("h1 + p") == "com.evil.app", "{}", consent.answer.body);
    for page in [sign_in, consent] {
        assert!(page.text(".asks p").contains("com.evil.app"), "{}", page.answer.body);
        assert!(!page.answer.body.contains("bank.example"), "{}", page.answer.body);
    }
}
