//! The pages in a real Chromium.

use std::time::Duration;

use crate::{
    chromium::{Site, in_chromium},
    person::totp,
};

#[test]
fn a_person_signs_in_allows_and_signs_out() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.asks("notes", &[])).await;
        tab.sign_in(&site, "alice@example.test").await;
        assert_eq!(tab.text("h1").await, "Allow Acme Notes?");
        tab.click("#consent-allow").await;
        let told = tab.parameters_at("#client").await;
        assert!(told.contains_key("code") && told["iss"] == site.origin, "{told:?}");

        tab.goto(&site.asks("own", &[])).await;
        assert!(tab.parameters_at("#client").await.contains_key("code"), "signed in: no question");

        tab.goto(&site.at("/oauth2/logout")).await;
        tab.click("#logout-yes").await;
        tab.find("#sign-in-again").await;
        assert_eq!(tab.text("h1").await, "You are signed out");
        tab.goto(&site.asks("notes", &[])).await;
        tab.find("#identifier").await;
        tab.assert_quiet();
    });
}

#[test]
fn a_person_denies() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.asks("notes", &[])).await;
        tab.sign_in(&site, "alice@example.test").await;
        tab.click("#consent-deny").await;
        assert_eq!(tab.parameters_at("#client").await["error"], "access_denied");
        tab.assert_quiet();
    });
}

#[test]
fn a_person_sets_up_an_authenticator_and_steps_up() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.at("/account/totp")).await;
        tab.sign_in(&site, "alice@example.test").await;
        tab.click("#totp-begin").await;
        let key = tab.text("#totp-key").await;
        let drawn = "document.querySelector('#totp-qr').naturalWidth";
        assert!(tab.evaluate(drawn).await.as_u64().unwrap() > 100, "the QR code is not drawn");
        tab.type_into("#code", &totp(&site.test, &key)).await;
        tab.click("#totp-confirm").await;
        assert_eq!(tab.text(".note").await, "The authenticator app is set up.");

        site.test.clock.advance(Duration::from_secs(60));
        tab.goto(&site.asks("own", &[("acr_values", "aal2")])).await;
        tab.type_into("#code", &totp(&site.test, &key)).await;
        tab.click("#login-submit").await;
        assert!(tab.parameters_at("#client").await.contains_key("code"));
        tab.assert_quiet();
    });
}

#[test]
fn everything_works_without_scripts() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.without_scripts().await;
        tab.goto(&site.asks("notes", &[])).await;
        tab.sign_in(&site, "alice@example.test").await;
        tab.click("#consent-allow").await;
        assert!(tab.parameters_at("#client").await.contains_key("code"));

        tab.goto(&site.at("/account/totp")).await;
        tab.click("#totp-begin").await;
        let key = tab.text("#totp-key").await;
        tab.type_into("#code", &totp(&site.test, &key)).await;
        tab.click("#totp-confirm").await;
        tab.find(".note").await;
        tab.click("#sign-out").await;
        tab.find("#sign-in-again").await;
    });
}

#[test]
fn what_an_attacker_writes_stays_text() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let payload = "\"><script>window.hacked=1</script><img src=x onerror=window.hacked=1>";
        tab.goto(
            &site.asks("notes", &[("login_hint", payload), ("state", payload), ("ui_locales", payload)]),
        )
        .await;
        tab.click("#login-submit").await;
        tab.find("#identifier-error").await;
        assert_eq!(tab.evaluate("window.hacked === undefined").await, true);
        assert_eq!(tab.evaluate("document.querySelector('#identifier').value").await, payload);
        tab.assert_quiet();
    });
}

#[test]
fn no_page_can_be_framed() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let frame = format!("data:text/html,<iframe src={}></iframe>", site.at("/login"));
        tab.goto(&frame).await;
        let blocked = "new Promise(done => setTimeout(() => done(\
            document.querySelector('iframe').contentDocument === null), 500))";
        assert_eq!(tab.evaluate(blocked).await, true);
    });
}

#[test]
fn every_page_looks_right_in_every_size_and_colour() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.at("/")).await;
        tab.look("home").await;
        tab.goto(&site.asks("notes", &[("login_hint", "alice@example.test")])).await;
        tab.look("login").await;
        tab.goto(&site.asks("notes", &[])).await;
        tab.type_into("#identifier", "alice").await;
        tab.click("#login-submit").await;
        tab.find("#identifier-error").await;
        tab.look("login-error").await;
        tab.goto(&site.asks("notes", &[("scope", "openid profile email offline_access")])).await;
        tab.type_into("#identifier", "alice@example.test").await;
        tab.click("#login-submit").await;
        tab.find("#code").await;
        tab.look("code").await;
        tab.type_into("#code", "1234 5678").await;
        tab.click("#login-submit").await;
        tab.find("#code-error").await;
        tab.look("code-error").await;
        let code = site.test.code_for("alice@example.test").await;
        tab.evaluate("document.querySelector('#code').value = ''").await;
        tab.type_into("#code", &code).await;
        tab.click("#login-submit").await;
        tab.find("#consent-allow").await;
        tab.look("consent").await;

        tab.goto(&site.asks("own", &[("acr_values", "aal2")])).await;
        tab.find("#no-way-set-up").await;
        tab.look("no-way").await;
        tab.goto(&site.at("/account")).await;
        tab.look("account").await;
        tab.goto(&site.at("/account/totp")).await;
        tab.look("totp-off").await;
        tab.click("#totp-begin").await;
        let key = tab.text("#totp-key").await;
        tab.look("totp-setting-up").await;
        tab.type_into("#code", &totp(&site.test, &key)).await;
        tab.click("#totp-confirm").await;
        tab.find(".note").await;
        tab.look("account-totp").await;

        site.test.clock.advance(Duration::from_secs(60));
        tab.goto(&site.asks("own", &[("acr_values", "aal2")])).await;
        tab.find("#code").await;
        tab.look("step-up").await;
        tab.type_into("#code", &totp(&site.test, &key)).await;
        tab.click("#login-submit").await;
        tab.find("#client").await;
        tab.goto(&site.at("/account/totp")).await;
        tab.find("#totp-remove").await;
        tab.look("totp-on").await;
        tab.goto(&site.at("/oauth2/logout")).await;
        tab.look("logout").await;
        tab.click("#logout-yes").await;
        tab.find("#sign-in-again").await;
        tab.look("logged-out").await;
        tab.goto(&site.at("/login?request=unknown")).await;
        tab.look("error").await;
        tab.assert_quiet();
    });
}

#[test]
fn nothing_moves_when_the_clock_starts() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.asks("notes", &[])).await;
        tab.type_into("#identifier", "alice@example.test").await;
        tab.click("#login-submit").await;
        tab.find("#code").await;
        let shift = "new Promise(done => { let sum = 0; new PerformanceObserver(list => {\
            for (const entry of list.getEntries()) sum += entry.value }).observe({type: 'layout-shift', buffered: true});\
            setTimeout(() => done(sum), 300) })";
        assert_eq!(tab.evaluate(shift).await, 0);
        let clock = tab.text(".clock").await;
        assert!(clock.contains(':'), "{clock}");
    });
}
