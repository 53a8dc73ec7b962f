//! The language of mails: what happened to an account is told in its owner's, what a person asks for in theirs.

use postern_identity::{administration::users, core::RequestContext};
use serde_json::json;

use crate::{
    person::open,
    seeds::profile_of,
    sign_in::{ALICE, BOB, SignIn, verify},
    support::{Answer, TestApp, json_request},
};

const PASSWORD: &str = "seven brass lamps upstream";
const NEW: &str = "alice@new.example.test";

async fn subject(app: &TestApp, email: &str) -> String {
    app.run_jobs().await;
    let messages = app.inbox.newest_first();
    messages.into_iter().find(|message| message.to == email).unwrap().subject
}

/// A JSON request in a language.
async fn post(app: &TestApp, path: &str, language: &str, body: serde_json::Value) -> Answer {
    let mut request = json_request(path, &body);
    request.headers_mut().insert("accept-language", language.parse().unwrap());
    app.send(request).await
}

#[tokio::test]
async fn a_notice_is_in_the_language_of_the_owners_last_sign_in_whoever_causes_it() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let owner = app.browser();
    owner.speaks("de");
    open(&owner, "/login?to=account").await.sign_in(ALICE).await;

    // Somebody who speaks English signs in elsewhere and asks for another email.
    let thief = app.browser();
    thief.speaks("en");
    open(&thief, "/login?to=account").await.sign_in(ALICE).await;
    assert_eq!(subject(app, ALICE).await, "Neue Anmeldung bei Ihrem Konto");
    open(&thief, "/account/email").await.press("#email-submit", &[("email", NEW)]).await;
    assert!(
        subject(app, ALICE).await.starts_with("Für Ihr Konto wurde eine andere"),
        "{}",
        subject(app, ALICE).await
    );
    assert_eq!(
        subject(app, NEW).await,
        "Confirm your new address",
        "what was asked for is in the request's language"
    );
}

#[tokio::test]
async fn the_language_of_the_profile_comes_first_and_one_that_is_not_spoken_here_gives_way() {
    let app = TestApp::new().await;
    for (email, locale, subject_of_notice) in [
        ("one@example.test", "de-AT", "Ihr Passwort wurde geändert"),
        ("two@example.test", "ja", "Your password was changed"),
    ] {
        let profile = profile_of(&json!({ "locale": locale }));
        let user = users::add_without_password(
            &app.app,
            email,
            true,
            profile,
            &RequestContext::of_command(&app.app),
        )
        .await
        .unwrap();
        let browser = app.browser();
        browser.speaks("en");
        browser.sign_in(&user).await;
        open(&browser, "/account/password").await.press("#password-submit", &[("password", PASSWORD)]).await;
        assert_eq!(subject(&app, email).await, subject_of_notice);
    }
}

#[tokio::test]
async fn an_app_that_names_no_language_changes_none_and_a_known_browser_does() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let language = async || {
        let user = postern_identity::users::find(app.app.db.reader(), sign_in.alice.id).await.unwrap();
        user.unwrap().language
    };
    let begun =
        post(app, "/api/auth/email-otp/request", "de", json!({ "client_id": "app", "identifier": ALICE }))
            .await;
    let attempt = crate::sign_in::attempt(&begun);
    let code = app.code_for(ALICE).await;
    let body = json!({ "client_id": "app", "attempt": attempt, "code": code });
    assert_eq!(post(app, "/api/auth/email-otp/verify", "de", body).await.status, 200);
    assert_eq!(language().await.as_deref(), Some("de"));
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    assert_eq!(verify(app, "app", "email-otp", &attempt, &app.code_for(ALICE).await).await.status, 200);
    assert_eq!(language().await.as_deref(), Some("de"), "no language was named");
    let browser = app.browser();
    browser.speaks("en");
    open(&browser, "/login?to=account").await.sign_in(ALICE).await;
    assert_eq!(language().await.as_deref(), Some("de"), "it may be anybody's");
    open(&browser, "/account").await.press("#sign-out", &[]).await;
    open(&browser, "/login?to=account").await.sign_in(ALICE).await;
    assert_eq!(language().await.as_deref(), Some("en"));
}

#[tokio::test]
async fn a_code_is_in_the_language_of_who_asks_for_it() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    for (email, language, words) in [(ALICE, "de", "ist Ihr Code"), (BOB, "en", "is your code")] {
        let body = json!({ "client_id": "app", "identifier": email });
        post(app, "/api/auth/email-otp/request", language, body).await;
        assert!(subject(app, email).await.contains(words));
    }
}
