//! The language switch in the footer: it lasts, and nothing is lost by it.

use poem::http::StatusCode;
use postern_identity::users;

use crate::{
    flow::{Ask, World},
    person::{Page, open},
    sign_in::{ALICE, SignIn},
    support::{Browser, TestApp},
};

async fn form_token(browser: &Browser<'_>) -> String {
    open(browser, "/login").await.attribute("[name=form_token]", "value")
}

fn language(page: &Page<'_>) -> String {
    page.attribute("html", "lang")
}

#[tokio::test]
async fn the_choice_lasts_on_every_page_and_comes_before_what_browser_and_app_ask_for() {
    let test = TestApp::new().await;
    let browser = test.browser();
    browser.speaks("en");
    let page = open(&browser, "/login?to=sessions").await;
    assert_eq!((language(&page), page.text("#language")), ("en".to_owned(), "English".to_owned()));
    let page = page.press("#language-de", &[]).await;
    assert_eq!((language(&page), page.text("#language")), ("de".to_owned(), "Deutsch".to_owned()));
    assert_eq!(page.path, "/login?to=sessions");
    assert!(page.has("#language-de[aria-current]") && !page.has("#language-en[aria-current]"));
    for path in ["/", "/register", "/forgot-password", "/nowhere", "/logged-out?ui_locales=en", "/dev/inbox"]
    {
        let mut request = poem::Request::builder().uri(path.parse().unwrap()).finish();
        request.headers_mut().insert("accept", "text/html".parse().unwrap());
        let answer = browser.send(request).await;
        assert!(answer.body.contains("<html lang=\"de\""), "{path}");
        assert!(answer.body.contains("id=\"language-en\""), "{path}");
    }
    let back = open(&browser, "/register").await.press("#language-en", &[]).await;
    assert_eq!((language(&back), back.path.as_str()), ("en".to_owned(), "/register"));
}

#[tokio::test]
async fn a_sign_in_for_an_app_goes_on_in_the_other_language_at_every_step() {
    let world = World::new().await;
    let browser = world.app.browser();
    let mut ask = Ask::of("rp").path();
    ask.push_str("&ui_locales=en");
    let page = open(&browser, &ask).await;
    let page = page.press("#language-de", &[]).await;
    assert_eq!(language(&page), "de", "although the app asked for English");
    let code = page.press("#login-submit", &[("identifier", ALICE)]).await.press("#language-en", &[]).await;
    assert_eq!(language(&code), "en");
    let wrong = code.press("#login-submit", &[("code", "00000000")]).await;
    assert_eq!(wrong.answer.status, StatusCode::BAD_REQUEST);
    let code = wrong.press("#language-de", &[]).await;
    assert!(code.has("#code"), "{}", code.answer.body);
    let sent = world.app.code_for(ALICE).await;
    let consent = code.press("#login-submit", &[("code", &sent)]).await.press("#language-en", &[]).await;
    assert_eq!(consent.title(), "Allow rp?");
    let done = consent.press("#consent-allow", &[]).await;
    assert!(done.answer.header("location").contains("code="), "{:?}", done.answer);
}

#[tokio::test]
async fn a_form_that_is_asked_for_again_keeps_its_link() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let browser = app.browser();
    open(&browser, "/forgot-password").await.press("#forgot-submit", &[("email", ALICE)]).await;
    app.run_jobs().await;
    let link = app.inbox.newest_first()[0].link.clone().unwrap();
    let path = link.strip_prefix(crate::support::ISSUER).unwrap();
    let weak = open(&browser, path).await.press("#reset-submit", &[("password", "short")]).await;
    let page = weak.press("#language-de", &[]).await;
    assert_eq!((page.path.as_str(), language(&page)), (path, "de".to_owned()));
    assert!(page.has("#reset-submit"));
}

#[tokio::test]
async fn only_languages_that_exist_are_taken_and_no_way_leads_elsewhere() {
    let test = TestApp::new().await;
    let browser = test.browser();
    let token = form_token(&browser).await;
    for unknown in ["", "fr", "DE", "de-AT", "../de", "de\u{202e}"] {
        let form = [("form_token", token.as_str()), ("language", unknown), ("back", "/login")];
        assert_eq!(browser.post("/language", &form).await.status, StatusCode::BAD_REQUEST, "{unknown}");
    }
    assert_eq!(browser.cookie("postern-language"), None);
    for elsewhere in ["//evil.test", "/\\evil.test", "https://evil.test/", "/.//evil.test", ""] {
        let form = [("form_token", token.as_str()), ("language", "de"), ("back", elsewhere)];
        let answer = browser.post("/language", &form).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"), "{elsewhere}");
    }
    // A page whose own address begins like a host.
    let page = open(&browser, "//evil.test/x").await;
    assert!(!page.has("#language") || page.press("#language-de", &[]).await.path == "/");
    // What stands in the cookie counts only if it is a language.
    browser.set_cookie("postern-language", "fr");
    assert_eq!(language(&open(&browser, "/login").await), "en");
}

#[tokio::test]
async fn the_choice_of_a_signed_in_person_is_the_language_of_their_mails() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let browser = app.browser();
    browser.speaks("en");
    browser.sign_in(&sign_in.alice).await;
    let page = open(&browser, "/account").await.press("#language-de", &[]).await;
    assert_eq!((page.path.as_str(), language(&page)), ("/account", "de".to_owned()));
    let stored = async || users::find(app.app.db.reader(), sign_in.alice.id).await.unwrap().unwrap().language;
    assert_eq!(stored().await.as_deref(), Some("de"));
    open(&browser, "/account/password")
        .await
        .press("#password-submit", &[("password", "seven brass lamps upstream")])
        .await;
    app.run_jobs().await;
    assert_eq!(app.inbox.newest_first()[0].subject, "Ihr Passwort wurde geändert");
    // Somebody else's browser changes nothing of it.
    open(&app.browser(), "/login").await.press("#language-en", &[]).await;
    assert_eq!(stored().await.as_deref(), Some("de"));
}

#[tokio::test]
async fn more_presses_than_changes_of_an_account_are_allowed_still_change_the_pages() {
    let sign_in = SignIn::with(&[("POSTERN_LIMITS__CHANGES_PER_ACCOUNT", "1 per 1h per account")]).await;
    let browser = sign_in.app.browser();
    browser.sign_in(&sign_in.alice).await;
    for tag in ["de", "en"] {
        let page = open(&browser, "/account").await.press(&format!("#language-{tag}"), &[]).await;
        assert_eq!(language(&page), tag);
    }
    let user = users::find(sign_in.app.app.db.reader(), sign_in.alice.id).await.unwrap().unwrap();
    assert_eq!(user.language.as_deref(), Some("de"), "the first choice");
}

#[tokio::test]
async fn a_language_of_the_operator_appears_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("messages")).unwrap();
    let words = "language-name = Français\nsign-in = Se connecter\n";
    std::fs::write(folder.path().join("messages/fr.ftl"), words).unwrap();
    let templates = folder.path().to_str().unwrap();
    let test = TestApp::with(&[("POSTERN_PAGES__TEMPLATES", templates)]).await;
    let browser = test.browser();
    let page = open(&browser, "/").await;
    assert_eq!(page.text("#language-fr"), "Français");
    let page = page.press("#language-fr", &[]).await;
    assert_eq!(language(&page), "fr");
    assert!(page.answer.body.contains("Se connecter"));
}
