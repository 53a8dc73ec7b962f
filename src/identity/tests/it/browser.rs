//! The pages in a real Chromium.

mod actions;
mod actions_people;
mod change_of_email;
mod explained;
mod passkeys;
mod people;
mod reference;
mod return_to_app;
mod sign_out;
mod site;

use std::time::Duration;

use postern_identity::{
    accounts::{
        invitations,
        registration::{self, RegistrationRequest},
    },
    claims::Profile,
    core::RequestContext,
    users::{self, Email},
};
use postern_service::testing::chromium::in_chromium;

use self::site::{Site, answered};
use crate::person::totp;

#[test]
fn a_person_signs_in_allows_and_signs_out() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.asks("notes", &[])).await;
        site.sign_in(tab, "alice@example.test").await;
        tab.reads("h1", "Allow Acme Notes?").await;
        tab.follow("#consent-allow").await;
        let answer = answered(tab).await;
        assert!(answer.contains_key("code") && answer["iss"] == site.origin, "{answer:?}");

        tab.goto(&site.asks("own", &[])).await;
        assert!(answered(tab).await.contains_key("code"), "signed in: no question");

        tab.goto(&site.at("/oauth2/logout")).await;
        tab.follow("#logout-yes").await;
        tab.sees("#sign-in-again").await;
        tab.reads("h1", "You are signed out").await;
        tab.goto(&site.asks("notes", &[])).await;
        tab.sees("#identifier").await;
    });
}

#[test]
fn a_person_denies() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.asks("notes", &[])).await;
        site.sign_in(tab, "alice@example.test").await;
        tab.follow("#consent-deny").await;
        assert_eq!(answered(tab).await["error"], "access_denied");
    });
}

#[test]
fn a_person_sets_up_an_authenticator_and_steps_up() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.at("/account/totp")).await;
        site.sign_in(tab, "alice@example.test").await;
        tab.follow("#totp-begin").await;
        let key = tab.text("#totp-key").await;
        tab.until("document.querySelector('#totp-qr').naturalWidth > 100", true).await;
        tab.type_into("#code", &totp(&site.test, &key)).await;
        tab.follow("#totp-confirm").await;
        tab.reads(".note", "The authenticator app is set up.").await;

        site.test.clock.advance(Duration::from_secs(60));
        tab.goto(&site.asks("own", &[("acr_values", "aal2")])).await;
        tab.type_and_follow("#code", &totp(&site.test, &key), "#login-submit").await;
        assert!(answered(tab).await.contains_key("code"));
    });
}

#[test]
fn a_person_sets_up_a_passkey_and_signs_in_by_it_alone() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.at("/account/passkeys")).await;
        site.sign_in(tab, "alice@example.test").await;
        let device = tab.plug_in_authenticator().await;
        tab.goto(&site.at("/account/passkeys")).await;
        tab.look("identity-passkeys-none").await;
        tab.touches(&device, true).await;
        tab.follow("#passkey-add").await;
        tab.reads(".note", "The passkey is set up.").await;
        tab.look("identity-passkeys").await;
        tab.touches(&device, false).await;
        tab.follow("#recovery-codes-kept").await;

        tab.goto(&site.at("/account")).await;
        tab.follow("#sign-out").await;
        tab.goto(&site.asks("notes", &[("acr_values", "phr")])).await;
        tab.look("identity-login-with-passkeys").await;
        tab.touches(&device, true).await;
        tab.follow("#login-passkey").await;
        tab.reads("h1", "Allow Acme Notes?").await;
        tab.follow("#consent-allow").await;
        assert!(answered(tab).await.contains_key("code"));

        // The browser offers it beside the addresses that it knows: nothing is to be pressed.
        tab.goto(&site.at("/account")).await;
        tab.follow("#sign-out").await;
        tab.goto(&site.asks("own", &[])).await;
        assert!(answered(tab).await.contains_key("code"));
        tab.touches(&device, false).await;

        // The mail alone is not enough any more: the passkey is the second step.
        tab.goto(&site.at("/account")).await;
        tab.follow("#sign-out").await;
        tab.goto(&site.at("/login?to=account")).await;
        site.sign_in(tab, "alice@example.test").await;
        tab.reads("h1", "Use your passkey").await;
        tab.look("identity-login-passkey").await;
        tab.touches(&device, true).await;
        tab.follow("#login-submit").await;
        tab.reads("h1", "alice@example.test").await;
        tab.goto(&site.at("/account/passkeys")).await;
        tab.click("#passkey-rename-1").await;
        tab.look("identity-passkey-change").await;
        tab.follow("#passkey-remove-1").await;
        tab.reads(".note", "The passkey is removed.").await;
    });
}

#[test]
fn everything_works_without_scripts() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.without_scripts().await;
        tab.goto(&site.asks("notes", &[])).await;
        site.sign_in(tab, "alice@example.test").await;
        tab.follow("#consent-allow").await;
        assert!(answered(tab).await.contains_key("code"));

        tab.goto(&site.at("/account/totp")).await;
        tab.follow("#totp-begin").await;
        assert_eq!(
            tab.evaluate("document.querySelector('[data-copies]').disabled").await,
            true,
            "a script ran"
        );
        let key = tab.text("#totp-key").await;
        tab.type_into("#code", &totp(&site.test, &key)).await;
        tab.follow("#totp-confirm").await;
        tab.sees(".note").await;
        tab.follow("#sign-out").await;
        tab.sees("#sign-in-again").await;
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
        tab.follow("#login-submit").await;
        tab.sees("#identifier-error").await;
        assert_eq!(tab.evaluate("window.hacked === undefined").await, true);
        assert_eq!(tab.evaluate("document.querySelector('#identifier').value").await, payload);
    });
}

#[test]
fn no_page_can_be_framed() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.at_client("/frame")).await;
        tab.sees("#framed").await;
        tab.complains_of("frame-ancestors 'none'").await;
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
        tab.follow("#login-submit").await;
        tab.sees("#identifier-error").await;
        tab.look("login-error").await;
        tab.goto(&site.asks("notes", &[("scope", "openid profile email offline_access")])).await;
        tab.type_into("#identifier", "alice@example.test").await;
        tab.follow("#login-submit").await;
        tab.sees("#code").await;
        tab.look("code").await;
        tab.type_and_follow("#code", "1234 5678", "#login-submit").await;
        tab.sees("#code-error").await;
        tab.look("code-error").await;
        let code = site.test.code_for("alice@example.test").await;
        tab.type_and_follow("#code", &code, "#login-submit").await;
        tab.sees("#consent-allow").await;
        tab.look("consent").await;

        tab.goto(&site.asks("own", &[("acr_values", "aal2")])).await;
        tab.sees("#no-way-set-up").await;
        tab.look("no-way").await;
        tab.goto(&site.at("/account")).await;
        tab.look("account").await;
        tab.goto(&site.at("/account/totp")).await;
        tab.look("totp-off").await;
        tab.follow("#totp-begin").await;
        let key = tab.text("#totp-key").await;
        tab.look("totp-setting-up").await;
        tab.type_into("#code", &totp(&site.test, &key)).await;
        tab.follow("#totp-confirm").await;
        tab.sees(".note").await;
        tab.look("account-totp").await;

        site.test.clock.advance(Duration::from_secs(60));
        tab.goto(&site.asks("own", &[("acr_values", "aal2")])).await;
        tab.sees("#code").await;
        tab.look("step-up").await;
        tab.type_and_follow("#code", &totp(&site.test, &key), "#login-submit").await;
        tab.sees("#client").await;
        tab.goto(&site.at("/account/totp")).await;
        tab.sees("#totp-remove").await;
        tab.look("totp-on").await;
        tab.goto(&site.at("/account/recovery-codes")).await;
        tab.follow("#recovery-codes-renew").await;
        tab.sees("#recovery-codes-download").await;
        tab.look("recovery-codes").await;
        tab.goto(&site.at("/oauth2/logout")).await;
        tab.look("logout").await;
        tab.follow("#logout-yes").await;
        tab.sees("#sign-in-again").await;
        tab.look("logged-out").await;
        tab.goto(&site.at("/login?request=unknown")).await;
        tab.look("error").await;
    });
}

#[test]
fn the_pages_of_registration_and_recovery_look_right_and_lead_on() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.at("/login?to=account")).await;
        tab.follow("#login-register").await;
        tab.sees("#register-submit").await;
        tab.look("register").await;
        tab.type_into("#email", "carol@example.test").await;
        tab.type_into("#password", "seven brass lamps upstream").await;
        tab.reads("#password-strength", "Very good.").await;
        tab.look("register-good").await;
        tab.type_into("#password", "passwordpassword").await;
        tab.until("document.querySelector('#password-strength').textContent.startsWith('Very weak. ')", true)
            .await;
        tab.look("register-weak").await;
        tab.follow("#register-submit").await;
        tab.sees("#password-error").await;
        tab.look("register-error").await;
        tab.type_into("#password", "seven brass lamps upstream").await;
        tab.follow("#register-submit").await;
        tab.sees("#sent-sign-in").await;
        tab.look("letter-sent").await;
        tab.goto(&newest_link(&site, "carol@example.test").await).await;
        tab.sees("#account-totp").await;
        tab.goto(&site.at("/oauth2/logout")).await;
        tab.follow("#logout-yes").await;
        let app = &site.test.app;
        let elsewhere = RegistrationRequest {
            email: "dora@example.test",
            password: "seven brass lamps upstream",
            profile: Profile::default(),
            authorization_request_id: None,
            browser_secret: None,
        };
        registration::register(app, elsewhere, &RequestContext::of_command(app)).await.unwrap();
        tab.goto(&newest_link(&site, "dora@example.test").await).await;
        tab.sees("#verify-submit").await;
        tab.look("verify-email").await;
        tab.type_into("#password", "seven brass lamps upstream").await;
        tab.follow("#verify-submit").await;
        tab.sees("#account-totp").await;
        tab.goto(&site.at("/oauth2/logout")).await;
        tab.follow("#logout-yes").await;

        tab.goto(&site.at("/forgot-password")).await;
        tab.look("forgot-password").await;
        tab.type_into("#email", "carol@example.test").await;
        tab.follow("#forgot-submit").await;
        tab.sees("#sent-sign-in").await;
        let link = newest_link(&site, "carol@example.test").await;
        tab.goto(&link).await;
        tab.sees("#reset-submit").await;
        tab.look("reset-password").await;
        tab.type_into("#password", "a violet tram in wet gravel").await;
        tab.reads("#password-strength", "Very good.").await;
        tab.follow("#reset-submit").await;
        tab.sees("#account-totp").await;
        tab.goto(&link).await;
        tab.look("link-over").await;
        tab.goto(&site.at("/oauth2/logout")).await;
        tab.follow("#logout-yes").await;

        tab.goto(&site.at("/login?to=account")).await;
        tab.type_into("#identifier", "carol@example.test").await;
        tab.follow("#login-password").await;
        tab.sees("#password").await;
        tab.look("password").await;
        tab.type_into("#password", "a violet tram in wet gravel").await;
        tab.follow("#login-submit").await;
        tab.sees("#account-totp").await;
        let carol = Email::parse("carol@example.test").unwrap();
        let carol = users::find_by_email(site.test.app.db.reader(), &carol).await.unwrap().unwrap();
        site.test.browser().sign_in(&carol).await;
        tab.goto(&site.at("/account/sessions")).await;
        tab.sees("#end-others").await;
        tab.look("sessions").await;
        tab.goto(&site.at("/account/applications")).await;
        tab.look("applications").await;
        tab.goto(&site.at("/account/password")).await;
        tab.sees("#password-submit").await;
        tab.type_into("#password", "carol example test").await;
        tab.until("document.querySelector('#password-strength').textContent.includes('your address')", true)
            .await;
        tab.evaluate("document.querySelector('#password').select(); document.execCommand('delete')").await;
        tab.until("document.querySelector('#password-strength').textContent", "").await;
        tab.until("document.querySelector('.life').hasAttribute('hidden')", true).await;
        tab.type_into("#password", "seven brass lamps").await;
        tab.sees(".life").await;
        tab.look("account-password").await;
    });
}

#[test]
fn the_pages_of_ones_own_data_look_right_and_lead_to_the_end_and_back() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.at("/account/activity")).await;
        site.sign_in(tab, "alice@example.test").await;
        tab.sees("#activity").await;
        tab.look("activity").await;
        tab.goto(&site.at("/account/data")).await;
        tab.look("account-data").await;
        tab.follow("#data-delete").await;
        tab.sees("#delete-submit").await;
        tab.look("account-delete").await;
        tab.follow("#delete-submit").await;
        tab.sees("#done-sign-in").await;
        tab.look("account-closed").await;
        tab.goto(&site.at("/dev/mail")).await;
        tab.look("mail-previews").await;
        tab.goto(&site.at("/login?to=restore")).await;
        site.sign_in(tab, "alice@example.test").await;
        tab.sees("#restore-yes").await;
        tab.look("account-restore").await;
        tab.follow("#restore-yes").await;
        tab.sees(".note").await;
        tab.look("account-kept").await;
    });
}

#[test]
fn the_pages_of_profile_address_and_invitation_look_right_and_lead_on() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.at("/account/profile")).await;
        site.sign_in(tab, "alice@example.test").await;
        tab.sees("#profile-submit").await;
        tab.type_into("#nickname", "Al").await;
        tab.type_into("#birthdate", "yesterday").await;
        tab.follow("#profile-submit").await;
        tab.sees("#birthdate-error").await;
        tab.look("profile-error").await;
        tab.type_into("#birthdate", "1990-04-01").await;
        tab.follow("#profile-submit").await;
        tab.reads(".note", "Saved.").await;
        tab.look("profile").await;
        tab.goto(&site.at("/account")).await;
        tab.follow("#account-email").await;
        tab.look("account-email").await;
        tab.type_into("#email", "alice@new.example.test").await;
        tab.follow("#email-submit").await;
        tab.sees(".note").await;
        tab.look("account-email-sent").await;
        site.test.run_jobs().await;
        let messages = site.test.inbox.newest_first();
        let link = messages.into_iter().find(|message| message.to == "alice@new.example.test");
        tab.goto(&link.unwrap().link.unwrap()).await;
        tab.sees("#confirm-submit").await;
        tab.look("confirm-email").await;
        tab.follow("#confirm-submit").await;
        tab.reads("h1", "Your address is changed").await;
        tab.look("email-changed").await;

        let invited = invitations::invite(
            &site.test.app,
            "erin@example.test",
            &RequestContext::of_command(&site.test.app),
        )
        .await;
        assert!(invited.unwrap().link.is_none());
        tab.goto(&newest_link(&site, "erin@example.test").await).await;
        tab.sees("#register-submit").await;
        tab.look("invitation").await;

        tab.goto(&site.at("/oauth2/logout")).await;
        tab.follow("#logout-yes").await;
        tab.goto(&site.asks("notes", &[])).await;
        tab.follow("#login-register").await;
        tab.look("register-for-app").await;
        tab.type_into("#email", "carol@example.test").await;
        tab.type_into("#password", "seven brass lamps upstream").await;
        tab.follow("#register-submit").await;
        tab.sees("#sent-again").await;
        tab.follow("#sent-again").await;
        tab.sees(".note").await;
        tab.look("letter-sent-again").await;
        tab.goto(&newest_link(&site, "carol@example.test").await).await;
        // The browser that registered goes on to the app at once.
        tab.sees("#consent-allow").await;
    });
}

/// The newest link that was mailed to somebody.
async fn newest_link(site: &Site, email: &str) -> String {
    site.test.run_jobs().await;
    let mut mails = site.test.inbox.newest_first().into_iter().filter(|mail| mail.to == email);
    mails.find_map(|mail| mail.link).unwrap()
}

#[test]
fn nothing_moves_when_the_clock_starts() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.asks("notes", &[])).await;
        tab.type_into("#identifier", "alice@example.test").await;
        tab.follow("#login-submit").await;
        tab.sees("#code").await;
        tab.until("document.querySelector('[data-seconds-left]').innerText.includes(':')", true).await;
        let shift = "new Promise(done => { const moved = []; new PerformanceObserver(list => {\
            for (const entry of list.getEntries()) for (const source of entry.sources)\
                moved.push([source.node?.outerHTML ?? source.node?.textContent, source.previousRect, source.currentRect]);\
            }).observe({type: 'layout-shift', buffered: true});\
            setTimeout(() => done(JSON.stringify(moved)), 300) })";
        assert_eq!(tab.evaluate(shift).await, "[]");
    });
}
