//! Passkeys in a real Chromium: the offer after a sign-in without one, and what the browser is told about those it keeps.

use postern_identity::{
    administration::sign_in,
    core::RequestContext,
    users::{self, Email},
};
use postern_service::testing::chromium::{AuthenticatorId, Tab, in_chromium};

use super::site::{Site, answered};
use crate::{
    fixtures::{ALICE, BOB},
    person::totp,
};

const OFFER: &str = "Sign in faster next time";

async fn sign_out(site: &Site, tab: &Tab) {
    tab.goto(&site.at("/account")).await;
    tab.follow("#sign-out").await;
    tab.sees("#sign-in-again").await;
}

/// Signs in for `own`, up to what follows.
async fn sign_in_at_app(site: &Site, tab: &Tab, email: &str) {
    tab.goto(&site.asks("own", &[])).await;
    // The script has found out what the browser can do.
    site.sign_in_slowly(tab, email).await;
}

/// Signs Alice in and adds a passkey of a device that is touched whenever it asks. Ends at the recovery codes.
async fn add_passkey(site: &Site, tab: &Tab) -> AuthenticatorId {
    tab.goto(&site.at("/account/passkeys")).await;
    site.sign_in(tab, ALICE).await;
    let device = tab.plug_in_authenticator().await;
    tab.goto(&site.at("/account/passkeys")).await;
    tab.touches(&device, true).await;
    tab.follow("#passkey-add").await;
    device
}

#[test]
fn a_passkey_is_offered_once_for_each_account_and_browser() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let device = tab.plug_in_authenticator().await;
        sign_in_at_app(&site, tab, ALICE).await;
        tab.reads("h1", OFFER).await;
        tab.look("identity-passkey-offer").await;
        tab.follow("#passkey-later").await;
        assert!(answered(tab).await.contains_key("code"), "one press, and on to the app");
        tab.goto(&site.asks("own", &[("prompt", "none")])).await;
        assert!(answered(tab).await.contains_key("code"));
        sign_out(&site, tab).await;
        sign_in_at_app(&site, tab, ALICE).await;
        assert!(answered(tab).await.contains_key("code"), "not again");
        sign_out(&site, tab).await;

        sign_in_at_app(&site, tab, BOB).await;
        tab.reads("h1", OFFER).await;
        tab.touches(&device, true).await;
        tab.follow("#passkey-add").await;
        tab.sees("#recovery-codes").await;
        tab.look("identity-passkey-offer-codes").await;
        tab.follow("#recovery-codes-kept").await;
        assert!(answered(tab).await.contains_key("code"), "on to the app with passkey and codes");
        tab.keeps(&device, &[(BOB, BOB)]).await;
        sign_out(&site, tab).await;
        tab.goto(&site.asks("own", &[])).await;
        assert!(answered(tab).await.contains_key("code"), "by autofill, without a press");
    });
}

#[test]
fn a_browser_that_keeps_no_passkeys_goes_straight_on() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        sign_in_at_app(&site, tab, ALICE).await;
        assert!(answered(tab).await.contains_key("code"), "scripts run, but no device keeps a passkey");
        sign_out(&site, tab).await;
        tab.plug_in_authenticator().await;
        tab.without_scripts().await;
        tab.goto(&site.asks("own", &[])).await;
        site.sign_in(tab, ALICE).await;
        assert!(answered(tab).await.contains_key("code"), "without scripts");
    });
}

#[test]
fn an_offer_in_a_popup_leads_back_to_the_app_that_opened_it() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let ask = site.asks("own", &[("redirect_uri", &site.at_client("/popup"))]);
        let ask: String = url::form_urlencoded::byte_serialize(ask.as_bytes()).collect();
        tab.goto(&site.at_client(&format!("/opener?ask={ask}"))).await;
        tab.click("#sign-in").await;
        let popup = tab.popup().await;
        let device = popup.plug_in_authenticator().await;
        popup.goto(&popup.url().await).await;
        site.sign_in_slowly(&popup, ALICE).await;
        popup.reads("h1", OFFER).await;
        popup.touches(&device, true).await;
        popup.follow("#passkey-add").await;
        popup.follow("#recovery-codes-kept").await;
        tab.until("heard.textContent.includes('code=')", true).await;
    });
}

#[test]
fn the_browser_is_told_which_passkeys_there_are_and_whose() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let device = add_passkey(&site, tab).await;
        tab.follow("#recovery-codes-kept").await;
        tab.keeps(&device, &[(ALICE, ALICE)]).await;

        tab.goto(&site.at("/account/profile")).await;
        tab.type_into("#name", "Alice Adams").await;
        tab.follow("#profile-submit").await;
        tab.goto(&site.at("/account/passkeys")).await;
        tab.keeps(&device, &[(ALICE, "Alice Adams")]).await;
        tab.click("#passkey-rename-1").await;
        tab.type_into("#passkey-name-1", "Work laptop").await;
        tab.follow("#passkey-save-1").await;
        tab.reads(".row strong", "Work laptop").await;

        // Removed on a page of the account.
        step_up(&site, tab).await;
        tab.click("#passkey-rename-1").await;
        tab.follow("#passkey-remove-1").await;
        tab.keeps(&device, &[]).await;

        // Removed by the operator: the browser finds out when the passkey is used.
        tab.follow("#passkey-add").await;
        tab.follow("#recovery-codes-kept").await;
        tab.keeps(&device, &[(ALICE, "Alice Adams")]).await;
        let app = &site.test.app;
        let alice = Email::parse(ALICE).unwrap();
        let alice = users::find_by_email(app.db.reader(), &alice).await.unwrap().unwrap();
        sign_in::reset_credentials(app, &alice, &RequestContext::of_command(app)).await.unwrap();
        tab.goto(&site.asks("own", &[])).await;
        tab.sees("#passkey-error").await;
        tab.keeps(&device, &[]).await;
    });
}

#[test]
fn codes_that_were_left_are_asked_for_after_the_next_sign_in() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        add_passkey(&site, tab).await;
        tab.goto(&site.at("/account")).await;
        tab.reads("#account-recovery-codes .chip", "Not kept").await;
        tab.look("identity-account-codes-not-kept").await;
        sign_out(&site, tab).await;
        tab.goto(&site.asks("own", &[])).await;
        tab.reads("h1", "Keep your recovery codes").await;
        tab.look("identity-recovery-codes-not-kept").await;
        tab.follow("#recovery-codes-later").await;
        assert!(answered(tab).await.contains_key("code"));
    });
}

#[test]
fn who_has_a_passkey_and_an_authenticator_chooses_the_passkey_from_the_list() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let device = add_passkey(&site, tab).await;
        tab.follow("#recovery-codes-kept").await;
        tab.goto(&site.at("/account/totp")).await;
        tab.follow("#login-submit").await;
        tab.follow("#totp-begin").await;
        let key = tab.text("#totp-key").await;
        tab.type_into("#code", &totp(&site.test, &key)).await;
        tab.follow("#totp-confirm").await;
        tab.touches(&device, false).await;
        sign_out(&site, tab).await;

        tab.goto(&site.asks("own", &[])).await;
        site.sign_in(tab, ALICE).await;
        tab.reads("h1", "Confirm that it is you").await;
        tab.follow("button[value=passkey]").await;
        tab.reads("h1", "Use your passkey").await;
        tab.touches(&device, true).await;
        tab.follow("#login-submit").await;
        assert!(answered(tab).await.contains_key("code"));
    });
}

/// Shows the passkey where the page asks for it before a change.
async fn step_up(site: &Site, tab: &Tab) {
    tab.goto(&site.at("/login?to=change-passkeys")).await;
    if tab.evaluate("!!document.querySelector('#login-submit')").await == true {
        tab.follow("#login-submit").await;
    }
    tab.sees("#passkey-rename-1").await;
}
