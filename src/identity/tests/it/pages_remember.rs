//! Whether the browser keeps a session is the person's choice: the cookie, and how long the session lives.

use std::time::Duration;

use postern_identity::config::Config;

use crate::{
    flow::{Ask, World},
    person::{Page, enrol, open, totp},
    support::{Answer, Browser, START, TestApp},
};

const ALICE: &str = "alice@example.test";
const DAY: Duration = Duration::from_hours(24);

/// Answers with the mailed code, and does not follow.
async fn answer_code(page: &Page<'_>) -> Answer {
    let code = page.browser.app.code_for(ALICE).await;
    answer(page, &code).await
}

async fn answer(page: &Page<'_>, code: &str) -> Answer {
    let filled = page.fill("#login-submit", &[("code", code)]);
    let fields: Vec<_> = filled.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    page.browser.post(&filled.action, &fields).await
}

/// The line that sets the session.
fn cookie(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let lines = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    lines.filter(|line| line.starts_with("postern-session=")).collect::<Vec<_>>().join("\n")
}

async fn sign_in(browser: &Browser<'_>, typed: &[(&str, &str)]) -> String {
    let page = open(browser, "/login?to=account").await;
    let typed: Vec<_> = typed.iter().copied().chain([("identifier", ALICE)]).collect();
    cookie(&answer_code(&page.press("#login-submit", &typed).await).await)
}

async fn signed_in(browser: &Browser<'_>) -> bool {
    browser.get("/account").await.status == 200
}

#[tokio::test]
async fn a_cookie_outlives_the_browser_only_when_the_person_asks_for_it() {
    let app = TestApp::new().await;
    let browser = app.browser();
    assert_eq!(open(&browser, "/login?to=account").await.attribute("#remember", "checked"), "");
    assert!(!open(&browser, "/login?to=account").await.has("#remember[checked]"), "a choice, not a default");
    let line = sign_in(&browser, &[]).await;
    assert!(line.contains("HttpOnly") && !line.to_lowercase().contains("max-age"), "{line}");
    assert!(!line.to_lowercase().contains("expires"), "{line}");
    assert!(signed_in(&browser).await);
    let line = sign_in(&app.browser(), &[("remember", "yes")]).await;
    assert!(line.contains("; Max-Age=604800"), "{line}");
}

#[tokio::test]
async fn a_session_ends_at_its_absolute_limit_however_steadily_it_is_used() {
    let app = TestApp::new().await;
    let (kept, other) = (app.browser(), app.browser());
    sign_in(&kept, &[("remember", "yes")]).await;
    sign_in(&other, &[]).await;
    for hour in 1..12 {
        app.clock.advance(Duration::from_hours(1));
        assert!(signed_in(&other).await && signed_in(&kept).await, "hour {hour}");
    }
    app.clock.advance(Duration::from_hours(1));
    assert!(!signed_in(&other).await, "twelve hours");
    assert!(signed_in(&kept).await);
    while app.clock.now() + DAY < START + 7 * DAY {
        app.clock.advance(DAY);
        assert!(signed_in(&kept).await, "{}", app.clock.now());
    }
    app.clock.advance(START + 7 * DAY - app.clock.now());
    assert!(!signed_in(&kept).await, "a week");

    sign_in(&kept, &[("remember", "yes")]).await;
    app.clock.advance(3 * DAY);
    assert!(!signed_in(&kept).await, "not seen for three days");
}

#[tokio::test]
async fn the_choice_lasts_through_mistakes_and_a_second_factor() {
    let app = TestApp::new().await;
    let browser = app.browser();
    sign_in(&browser, &[]).await;
    let key = enrol(&browser).await;
    app.clock.advance(Duration::from_mins(1));

    let elsewhere = app.browser();
    let page = open(&elsewhere, "/login?to=account").await;
    let wrong = page.press("#login-submit", &[("identifier", "alice"), ("remember", "yes")]).await;
    assert!(wrong.has("#remember[checked]"), "as it was left");
    let code = wrong.press("#login-submit", &[("identifier", ALICE)]).await;
    let wrong = code.press("#login-submit", &[("code", "00000000")]).await;
    assert_eq!(wrong.answer.status, 400);
    let more = wrong.press("#login-submit", &[("code", &app.code_for(ALICE).await)]).await;
    let line = cookie(&answer(&more, &totp(&app, &key)).await);
    assert!(line.contains("; Max-Age=604800"), "{line}");
}

#[tokio::test]
async fn a_step_up_leaves_the_choice_and_another_sign_in_makes_it_anew() {
    let world = World::new().await;
    let app = &world.app;
    let browser = app.browser();
    sign_in(&browser, &[("remember", "yes")]).await;
    let key = enrol(&browser).await;
    app.clock.advance(Duration::from_mins(1));
    let step_up = open(&browser, &Ask::of("rp").with("acr_values", "aal2").path()).await;
    let line = cookie(&answer(&step_up, &totp(app, &key)).await);
    assert!(line.contains("; Max-Age=604800"), "{line}");

    app.clock.advance(Duration::from_mins(1));
    let again = open(&browser, &Ask::of("rp").with("prompt", "login").path()).await;
    assert!(again.has("#remember[checked]"), "as this browser has it");
    let unticked = again.fill("#login-submit", &[("identifier", ALICE)]);
    let fields: Vec<_> = unticked.fields.iter().filter(|(name, _)| *name != "remember").collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let path = browser.post(&unticked.action, &fields).await.header("location").to_owned();
    let code = open(&browser, &path).await;
    let more = code.press("#login-submit", &[("code", &app.code_for(ALICE).await)]).await;
    let line = cookie(&answer(&more, &totp(app, &key)).await);
    assert!(!line.is_empty() && !line.contains("Max-Age"), "{line}");
    assert!(signed_in(&browser).await);
    app.clock.advance(Duration::from_hours(12));
    assert!(!signed_in(&browser).await, "from now on it is not kept");
}

#[tokio::test]
async fn what_is_not_kept_may_not_last_longer_than_what_is() {
    let env =
        [("POSTERN_SESSION__UNREMEMBERED_LIFETIME", "8d")].map(|(key, value)| (key.into(), value.into()));
    let told = Config::load(None, env).unwrap_err().to_string();
    assert!(told.contains("session.unremembered_lifetime") && told.contains("session.lifetime"), "{told}");
}
