//! What a client allows to sign in by holds for a session that exists.

use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange},
    core::RequestContext,
};

use crate::{
    accounts::{PASSWORD, with_password},
    flow::{Ask, list},
    person::open,
    sign_in::{ALICE, SignIn},
};

async fn allow(sign_in: &SignIn, methods: &[&str]) {
    let change = ClientMetadataChange { login_methods: list(methods), ..ClientMetadataChange::default() };
    clients::update(&sign_in.app.app, "app", change, &RequestContext::of_command(&sign_in.app.app))
        .await
        .unwrap();
}

fn ask() -> Ask {
    Ask::of("app").with("redirect_uri", "https://app.example.test/callback")
}

#[tokio::test]
async fn a_session_begun_by_another_method_signs_in_again_by_an_allowed_one() {
    let sign_in = with_password().await;
    let browser = sign_in.app.browser();
    browser.sign_in(&sign_in.alice).await;
    for (methods, enough) in [
        (&[][..], true),
        (&["email-otp"], true),
        (&["passkey", "code"], true),
        (&["passkey"], false),
        (&["password", "totp"], false),
    ] {
        allow(&sign_in, methods).await;
        let silent = browser.get(&ask().with("prompt", "none").path()).await;
        let says = if enough { "code=" } else { "error=login_required" };
        assert!(silent.header("location").contains(says), "{methods:?} {silent:?}");
    }
    allow(&sign_in, &["password"]).await;
    let login = open(&browser, &ask().path()).await;
    assert!(login.path.starts_with("/login?request="), "{}", login.path);
    assert_eq!(login.attribute("#login-password", "value"), "password");
    let asked = login.press("#login-password", &[("identifier", ALICE)]).await;
    let done = asked.press("#login-submit", &[("password", PASSWORD)]).await;
    assert!(done.answer.header("location").contains("code="), "{:?}", done.answer);
    // The session holds from now on, and not for those that allow another one.
    let silent = ask().with("prompt", "none").path();
    assert!(browser.get(&silent).await.header("location").contains("code="));
    allow(&sign_in, &["email-otp"]).await;
    assert!(browser.get(&silent).await.header("location").contains("error=login_required"));
}

/// A second factor that happens to have the same `amr` is not the method that the client allows.
#[tokio::test]
async fn a_second_factor_does_not_stand_in_for_the_method_that_begins() {
    let sign_in = with_password().await;
    let authenticator = sign_in.enrol().await;
    let browser = sign_in.app.browser();
    allow(&sign_in, &["password"]).await;
    let login = open(&browser, &ask().path()).await;
    let asked = login.press("#login-password", &[("identifier", ALICE)]).await;
    let second = asked.press("#login-submit", &[("password", PASSWORD)]).await;
    let done = second.press("#login-submit", &[("code", &authenticator.code(&sign_in.app, 0))]).await;
    assert!(done.answer.header("location").contains("code="), "{:?}", done.answer);
    allow(&sign_in, &["email-otp"]).await;
    let silent = browser.get(&ask().with("prompt", "none").path()).await;
    assert!(silent.header("location").contains("error=login_required"), "{silent:?}");
}
