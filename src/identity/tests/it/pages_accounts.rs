//! Registration, sign-in by password and recovery, as a person without scripts has them.

use crate::{
    flow::{Ask, World},
    person::open,
    support::TestApp,
};

const CAROL: &str = "carol@example.test";
const PASSWORD: &str = "seven brass lamps upstream";
const ANOTHER: &str = "a violet tram in wet gravel";

/// Path and query of the newest link to this address.
async fn mailed(app: &TestApp, email: &str, beginning: &str) -> String {
    app.run_jobs().await;
    let messages = app.inbox.newest_first();
    let mut links = messages.iter().filter(|message| message.to == email).filter_map(|it| it.link.as_deref());
    let path = links.find_map(|link| link.strip_prefix("http://localhost:7117")?.strip_prefix(beginning));
    format!("{beginning}{}", path.unwrap())
}

#[tokio::test]
async fn a_person_registers_signs_in_and_sets_a_new_password() {
    let app = TestApp::new().await;
    let browser = app.browser();
    let page = open(&browser, "/login?to=account").await.click("#login-register").await;
    let sent =
        page.press("#register-submit", &[("email", CAROL), ("password", PASSWORD), ("name", "Carol")]).await;
    assert_eq!(sent.text("h1"), "Check your email");
    let elsewhere = app.browser();
    let confirm = open(&elsewhere, &mailed(&app, CAROL, "/verify-email").await).await;
    let wrong = confirm.press("#verify-submit", &[("password", ANOTHER)]).await;
    assert!(wrong.text("#password-error").contains("not the password that you chose"));
    let done = wrong.press("#verify-submit", &[("password", PASSWORD)]).await;
    assert_eq!(done.path, "/account", "signed in by the password, in whichever browser");
    let address = open(&browser, "/login?to=account").await;
    let asked = address.press("#login-password", &[("identifier", CAROL)]).await;
    assert_eq!(asked.text("h1"), "Enter your password");
    let wrong = asked.press("#login-submit", &[("password", ANOTHER)]).await;
    assert_eq!(wrong.answer.status, 400);
    assert!(wrong.has("#password-error") && !wrong.answer.body.contains(ANOTHER));
    let account = wrong.press("#login-submit", &[("password", PASSWORD)]).await;
    assert_eq!(account.path, "/account");

    let elsewhere = app.browser();
    let forgot = open(&elsewhere, "/forgot-password").await;
    let sent = forgot.press("#forgot-submit", &[("email", CAROL)]).await;
    assert_eq!(sent.text("h1"), "Check your email");
    let path = mailed(&app, CAROL, "/reset-password").await;
    let weak = open(&elsewhere, &path).await.press("#reset-submit", &[("password", "too short")]).await;
    assert_eq!(
        (weak.answer.status.as_u16(), weak.text("#password-error").as_str()),
        (400, "Use at least 15 characters.")
    );
    let done = weak.press("#reset-submit", &[("password", ANOTHER)]).await;
    assert_eq!(done.path, "/account", "signed in where the link was asked for");
    let over = open(&elsewhere, &path).await;
    assert_eq!(
        (over.answer.status.as_u16(), over.text("h1").as_str()),
        (400, "This link does not work any more")
    );
    assert_eq!(open(&browser, "/account").await.path, "/login?to=account", "signed out everywhere");
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_the_rest_stays() {
    let app = TestApp::new().await;
    let browser = app.browser();
    let page = open(&browser, "/register").await;
    let wrong = page
        .press("#register-submit", &[("email", "carol"), ("password", PASSWORD), ("name", "Carol")])
        .await;
    assert_eq!((wrong.answer.status.as_u16(), wrong.attribute("#email", "value").as_str()), (400, "carol"));
    assert!(wrong.text("#email-error").contains("name@example.com"));
    assert_eq!(wrong.attribute("#name", "value"), "Carol");
    let guessable =
        wrong.press("#register-submit", &[("email", CAROL), ("password", "passwordpassword")]).await;
    assert!(guessable.text("#password-error").contains("easy to guess"));
    assert!(!guessable.answer.body.contains("passwordpassword"));
}

#[tokio::test]
async fn pages_and_mails_speak_german_to_who_asks_for_it() {
    let app = TestApp::new().await;
    let browser = app.browser();
    browser.speaks("de-AT, en;q=0.5");
    let page = open(&browser, "/register").await;
    assert_eq!((page.text("h1").as_str(), page.attribute("html", "lang").as_str()), ("Konto anlegen", "de"));
    page.press("#register-submit", &[("email", CAROL), ("password", PASSWORD)]).await;
    app.run_jobs().await;
    assert_eq!(app.inbox.newest_first()[0].subject, "Bestätigen Sie Ihre E-Mail-Adresse");
}

#[tokio::test]
async fn a_person_ends_other_sessions_and_shows_applications_out() {
    let world = World::new().await;
    let (here, there) = (world.app.browser(), world.app.browser());
    open(&here, &Ask::of("rp").path())
        .await
        .sign_in("alice@example.test")
        .await
        .press("#consent-allow", &[])
        .await;
    there.sign_in(&world.alice).await;
    let page = open(&here, "/account").await.click("#account-sessions").await;
    let page = page.press("#end-1", &[]).await;
    assert!(page.text(".note").contains("Signed out") && !page.has("#end-1"));
    assert_eq!(there.get("/account").await.header("location"), "/login?to=account");

    let page = open(&here, "/account").await.click("#account-applications").await;
    assert!(page.has("#remove-1"), "{}", page.answer.body);
    let page = page.press("#remove-1", &[]).await;
    assert!(page.text(".note").contains("Access removed") && !page.has("#remove-1"));
    let asked = open(&here, &Ask::of("rp").path()).await;
    assert!(asked.has("#consent-allow"), "it must ask again");
}

#[tokio::test]
async fn a_password_is_changed_by_who_signed_in_lately() {
    let app = TestApp::new().await;
    let user = app.alice();
    let (browser, other) = (app.browser(), app.browser());
    browser.sign_in(user).await;
    other.sign_in(user).await;
    let page = open(&browser, "/account").await.click("#account-password").await;
    let weak = page.press("#password-submit", &[("password", "too short")]).await;
    assert!(weak.has("#password-error"));
    let done = weak.press("#password-submit", &[("password", PASSWORD)]).await;
    assert!(done.text(".note").contains("Your password is set"), "{}", done.answer.body);
    assert_eq!(other.get("/account").await.header("location"), "/login?to=account");
    app.clock.advance(std::time::Duration::from_mins(16));
    assert_eq!(open(&browser, "/account/password").await.path, "/login?to=password");
}
