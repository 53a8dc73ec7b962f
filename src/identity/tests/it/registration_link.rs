//! Who may complete a registration by its mailed link, and what the sign-in that follows says of itself.

use std::time::Duration;

use poem::{
    Request,
    http::{Method, header},
};
use serde_json::{Value, json};

use crate::{
    flow::{Ask, World},
    person::{Page, open},
    sign_in::{ALICE, SignIn},
    support::{Answer, Browser, TestApp},
};

const CAROL: &str = "carol@example.test";
const PASSWORD: &str = "seven brass lamps upstream";
const STRANGERS: &str = "a violet tram in wet gravel";

/// Registers on the page, and returns path and query of the mailed link.
async fn register(browser: &Browser<'_>, password: &str) -> String {
    let page = open(browser, "/register").await;
    page.press("#register-submit", &[("email", CAROL), ("password", password)]).await;
    newest_link(browser.app).await
}

async fn newest_link(app: &TestApp) -> String {
    app.run_jobs().await;
    let messages = app.inbox.newest_first();
    let link = messages.into_iter().find(|message| message.to == CAROL).unwrap().link.unwrap();
    link.strip_prefix("http://localhost:7117").unwrap().to_owned()
}

fn asks_for_password(page: &Page<'_>) -> bool {
    page.has("#verify-submit") && page.has("#password")
}

async fn verify(app: &TestApp, link: &str, password: Option<&str>) -> Answer {
    let token = link.split_once('=').unwrap().1;
    let body = match password {
        Some(password) => json!({ "client_id": "app", "token": token, "password": password }),
        None => json!({ "client_id": "app", "token": token }),
    };
    app.post_json("/api/auth/email/verify", &body).await
}

#[tokio::test]
async fn who_opens_the_link_in_the_browser_that_registered_is_signed_in_at_once() {
    let SignIn { app, .. } = SignIn::new().await;
    let (browser, stranger) = (app.browser(), app.browser());
    let link = register(&browser, PASSWORD).await;
    assert!(asks_for_password(&open(&stranger, &link).await), "another browser needs the password");
    assert_eq!(stranger.cookie("postern-session"), None);
    assert_eq!(app.audited("user.registered").await.len(), 0);

    assert_eq!(open(&browser, &link).await.path, "/account");
    let started = app.audited("session.started").await;
    assert_eq!(started.last().unwrap(), &json!({ "kind": "browser", "acr": "aal1", "amr": ["pwd"] }));
    assert!(browser.cookie("postern-device").is_some());
    assert_eq!(open(&browser, &link).await.path, "/account", "opened twice, as by a double click");
    let over = open(&stranger, &link).await;
    assert_eq!(
        (over.answer.status.as_u16(), over.attribute("main a", "href").as_str()),
        (400, "/login?to=account")
    );
}

#[tokio::test]
async fn what_nobody_looks_at_yet_completes_no_registration() {
    let SignIn { app, .. } = SignIn::new().await;
    let browser = app.browser();
    let link = register(&browser, PASSWORD).await;
    let request = || Request::builder().uri(link.parse().unwrap());
    for (name, value) in [
        ("sec-purpose", "prefetch"),
        ("purpose", "prefetch"),
        ("x-purpose", "preview"),
        ("x-moz", "prefetch"),
        ("sec-fetch-dest", "image"),
        ("sec-fetch-mode", "no-cors"),
    ] {
        assert_eq!(browser.send(request().header(name, value).finish()).await.status, 200, "{name}");
    }
    assert_eq!(browser.send(request().method(Method::HEAD).finish()).await.status, 200);
    assert_eq!(app.audited("user.registered").await.len(), 0);
    let opened = request().header("sec-fetch-dest", "document").header("sec-fetch-mode", "navigate");
    assert_eq!(browser.send(opened.finish()).await.header("location"), "/account");
}

#[tokio::test]
async fn once_somebody_signed_in_or_out_there_the_browser_needs_the_password_too() {
    let SignIn { app, .. } = SignIn::new().await;
    let shared = app.browser();
    let link = register(&shared, STRANGERS).await;
    open(&shared, "/login?to=account").await.sign_in(ALICE).await;
    assert!(asks_for_password(&open(&shared, &link).await), "somebody else is signed in");
    open(&shared, "/account").await.press("#sign-out", &[]).await;
    let asked = open(&shared, &link).await;
    assert!(asks_for_password(&asked), "somebody else was signed in");
    let wrong = asked.press("#verify-submit", &[("password", PASSWORD)]).await;
    assert!(wrong.has("#password-error"));
    assert_eq!(app.audited("user.registered").await.len(), 0);

    let while_signed_in = app.browser();
    while_signed_in.sign_in(app.alice()).await;
    let link = register(&while_signed_in, PASSWORD).await;
    let asked = open(&while_signed_in, &link).await;
    assert!(asks_for_password(&asked), "a link signs nobody out");
    let account = asked.press("#verify-submit", &[("password", PASSWORD)]).await;
    assert_eq!((account.path.as_str(), account.has("#account-totp")), ("/account", true));
    let ended = app.events("session.ended").await.pop().unwrap();
    assert_eq!(ended.actor_kind.as_deref(), Some("user"), "the sign-out has its actor");
}

#[tokio::test]
async fn an_app_completes_the_registration_of_a_page_by_its_password_only() {
    let SignIn { app, .. } = SignIn::new().await;
    let link = register(&app.browser(), STRANGERS).await;
    for password in [None, Some(PASSWORD)] {
        let refused = verify(&app, &link, password).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json::<Value>()["field"]),
            (400, &json!("password")),
            "{}",
            refused.body
        );
    }
    assert_eq!(app.audited("user.registered").await.len(), 0);
    assert_eq!(verify(&app, &link, Some(STRANGERS)).await.status, 200);
}

#[tokio::test]
async fn an_app_may_give_the_password_for_its_own_registration() {
    let SignIn { app, .. } = SignIn::new().await;
    let body = json!({ "client_id": "app", "email": CAROL, "password": STRANGERS });
    assert_eq!(app.post_json("/api/auth/register", &body).await.status, 200);
    let link = newest_link(&app).await;
    assert_eq!(verify(&app, &link, Some(PASSWORD)).await.status, 400, "a stranger typed her address");
    assert_eq!(verify(&app, &link, None).await.status, 200);
}

#[tokio::test]
async fn a_mail_that_is_sent_again_is_for_the_registration_of_this_browser() {
    let SignIn { app, .. } = SignIn::new().await;
    let browser = app.browser();
    let page = open(&browser, "/register").await;
    let sent = page.press("#register-submit", &[("email", CAROL), ("password", PASSWORD)]).await;
    register(&app.browser(), STRANGERS).await;
    sent.press("#sent-again", &[]).await;
    let link = newest_link(&app).await;
    assert_eq!(open(&browser, &link).await.path, "/account", "it is hers");
    let login = json!({ "client_id": "app", "email": CAROL, "password": PASSWORD });
    assert_eq!(app.post_json("/api/auth/login", &login).await.status, 200);
}

#[tokio::test]
async fn the_first_session_is_as_old_as_its_password_and_names_the_app() {
    let world = World::new().await;
    let (app, browser) = (&world.app, world.app.browser());
    let register = open(&browser, &Ask::of("rp").path()).await.click("#login-register").await;
    register.press("#register-submit", &[("email", CAROL), ("password", PASSWORD)]).await;
    app.clock.advance(Duration::from_secs(65));
    let consent = open(&browser, &newest_link(app).await).await;
    let registered = app.events("user.registered").await.pop().unwrap();
    let started = app.events("session.started").await.pop().unwrap();
    assert_eq!((registered.actor_kind.as_deref(), registered.actor_id), (Some("user"), started.actor_id));
    assert_eq!(started.client_id.as_deref(), Some("rp"));

    let back = consent.press("#consent-allow", &[]).await;
    assert!(back.answer.header(header::LOCATION.as_str()).starts_with("https://rp.test/cb?"));
    let again = open(&browser, &Ask::of("rp").with("max_age", "60").path()).await;
    assert!(again.path.starts_with("/login?request="), "the password was typed 65 s ago: {}", again.path);
}
