//! Who is asked for consent, and when a former answer counts (OpenID Connect Core section 3.1.2.4 and 11, RFC 8252
//! section 8.6).

use postern_entities::consents;
use postern_identity::{
    authorization::{self, InteractionError},
    sessions,
    users::User,
};
use sea_orm::{EntityTrait, PaginatorTrait};

use crate::{
    flow::{Ask, World, code, error, refused_on_page, resume, told_at, waits_on},
    support::Browser,
};

/// Answers the question as the page does.
async fn answer(browser: &Browser<'_>, id: &str, allow: bool) -> Result<(), InteractionError> {
    let app = &browser.app.app;
    let secret = browser.cookie("postern-browser").unwrap();
    let cookie = browser.cookie("postern-session").unwrap();
    let signed_in = sessions::find(app, &cookie).await.unwrap().unwrap();
    let origin = Default::default();
    authorization::record_consent(app, id.parse().unwrap(), &secret, &signed_in, allow, &origin).await
}

async fn asked(browser: &Browser<'_>, user: &User, ask: &Ask) -> String {
    browser.sign_in(user).await;
    waits_on(&browser.get(&ask.path()).await, "/consent")
}

#[tokio::test]
async fn another_app_is_allowed_once_and_remembered() {
    let world = World::new().await;
    let browser = world.app.browser();
    let ask = Ask::of("rp").with("scope", "openid email");
    let id = asked(&browser, &world.alice, &ask).await;
    assert_eq!(waits_on(&browser.get(&resume(&id)).await, "/consent"), id);
    answer(&browser, &id, true).await.unwrap();
    code(&browser.get(&resume(&id)).await);

    // Remembered for this and less, not for more, and not for others.
    code(&browser.get(&ask.path()).await);
    code(&browser.get(&Ask::of("rp").with("prompt", "none").path()).await);
    let more = Ask::of("rp").with("scope", "openid profile");
    let id = waits_on(&browser.get(&more.path()).await, "/consent");
    answer(&browser, &id, true).await.unwrap();
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
    answer(&browser, &id, false).await.unwrap();
    // Too late to think again.
    assert!(answer(&browser, &id, true).await.is_err());
    assert_eq!(error(&browser.get(&resume(&id)).await), "access_denied");
    refused_on_page(&browser.get(&resume(&id)).await, "cannot go on here");
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
async fn access_while_away_and_unproven_apps_are_asked_each_time() {
    let world = World::new().await;
    for (ask, callback) in [
        (Ask::of("rp").with("scope", "openid offline_access"), "https://rp.test/cb"),
        (Ask::of("rp").with("prompt", "consent"), "https://rp.test/cb"),
        (Ask::of("native"), "http://127.0.0.1:49152/cb"),
        (Ask::of("own").with("prompt", "consent"), "https://rp.test/cb"),
    ] {
        let browser = world.app.browser();
        browser.sign_in(&world.alice).await;
        for _ in 0..2 {
            let id = waits_on(&browser.get(&ask.path()).await, "/consent");
            answer(&browser, &id, true).await.unwrap();
            assert!(told_at(&browser.get(&resume(&id)).await, callback).contains_key("code"));
        }
    }
}

#[tokio::test]
async fn a_public_app_at_its_own_https_address_is_remembered() {
    let world = World::new().await;
    let browser = world.app.browser();
    let id = asked(&browser, &world.alice, &Ask::of("spa")).await;
    answer(&browser, &id, true).await.unwrap();
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
    answer(&browser, &id, true).await.unwrap();
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
    assert!(matches!(answer(&browser, &id, true).await, Err(InteractionError::NotAsked)));
    assert_eq!(waits_on(&browser.get(&resume(&id)).await, "/login"), id);
}
