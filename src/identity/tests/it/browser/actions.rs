//! How many actions a person needs to reach a goal, counted in a real Chromium. One press, one field filled and one switch
//! to the mailbox are one action each. What the browser or the authenticator asks in a window of its own is not counted.

use std::{cell::RefCell, time::Duration};

use postern_service::testing::chromium::{Tab, in_chromium};

use super::site::{Site, answered};
use crate::{
    fixtures::{ALICE, BOB},
    person::totp,
};

/// A person at a browser, whose actions are counted.
pub struct Person<'a> {
    site: &'a Site,
    tab: &'a Tab,
    taken: RefCell<Vec<String>>,
}

impl<'a> Person<'a> {
    pub fn new(site: &'a Site, tab: &'a Tab) -> Self {
        Self { site, tab, taken: RefCell::default() }
    }

    fn take(&self, action: String) {
        self.taken.borrow_mut().push(action);
    }

    /// Presses what leads to another page.
    pub async fn press(&self, css: &str) {
        self.take(format!("press {css}"));
        self.tab.follow(css).await;
    }

    pub async fn fill(&self, css: &str, text: &str) {
        self.take(format!("fill {css}"));
        self.tab.type_into(css, text).await;
    }

    /// Fills a field whose form sends itself, and waits for the page that follows.
    pub async fn fill_last(&self, css: &str, text: &str) {
        self.tab.evaluate("window.stale = true; 0").await;
        self.fill(css, text).await;
        self.tab.until("window.stale === undefined && document.readyState === 'complete'", true).await;
    }

    /// Presses a link that hands over to another program, such as that for mail. Stays on the page.
    pub async fn press_way_out(&self, css: &str, href: &str) {
        self.take(format!("press {css}"));
        self.tab.sees(css).await;
        assert_eq!(self.tab.evaluate(&format!("document.querySelector('{css}').href")).await, href);
    }

    /// Switches to the mailbox, and reads the newest code there.
    pub async fn read_code(&self, email: &str) -> String {
        self.take("switch to the mailbox".to_owned());
        self.site.test.code_for(email).await
    }

    /// Switches to the mailbox, and presses the newest link there.
    pub async fn press_mailed_link(&self, email: &str) {
        self.take("switch to the mailbox".to_owned());
        let link = super::newest_link(self.site, email).await;
        self.take("press the mailed link".to_owned());
        self.tab.goto(&link).await;
    }

    /// The goal is reached: by so many actions.
    pub fn took(&self, actions: usize) {
        let taken = self.taken.borrow();
        assert_eq!(taken.len(), actions, "{taken:?}");
    }
}

/// Signs in by a mailed code, so that what follows comes after a recent sign-in, at the account's home.
async fn signed_in(site: &Site, tab: &Tab, email: &str) {
    tab.goto(&site.at("/login?to=account")).await;
    site.sign_in(tab, email).await;
    tab.sees("#account-passkeys").await;
}

/// Waits until the browser offers passkeys beside the email field. A touch from now on answers a button that is pressed.
async fn autofill_waits(tab: &Tab) {
    let asked =
        "performance.getEntriesByType('resource').some(entry => entry.name.endsWith('/login/challenge'))";
    tab.until(asked, true).await;
    tab.evaluate("new Promise(done => setTimeout(done, 500))").await;
}

#[test]
fn a_passkey_is_added_by_one_press_and_signs_in_by_one() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        signed_in(&site, tab, ALICE).await;
        let device = tab.plug_in_authenticator().await;
        tab.goto(&site.at("/account/passkeys")).await;
        tab.touches(&device, true).await;
        let adding = Person::new(&site, tab);
        adding.press("#passkey-add").await;
        tab.sees("#recovery-codes").await;
        adding.took(1);
        tab.touches(&device, false).await;
        tab.follow("#recovery-codes-kept").await;
        tab.follow("#sign-out").await;

        tab.goto(&site.asks("own", &[])).await;
        autofill_waits(tab).await;
        let signing_in = Person::new(&site, tab);
        tab.touches(&device, true).await;
        signing_in.press("#login-passkey").await;
        assert!(answered(tab).await.contains_key("code"));
        signing_in.took(1);

        // The choice in the browser's list beside the email field is no press on the page.
        tab.goto(&site.at("/account")).await;
        tab.follow("#sign-out").await;
        tab.goto(&site.asks("own", &[])).await;
        assert!(answered(tab).await.contains_key("code"));
    });
}

#[test]
fn an_authenticator_with_its_recovery_codes_kept_takes_five() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        signed_in(&site, tab, BOB).await;
        site.test.clock.advance(Duration::from_secs(60));
        let person = Person::new(&site, tab);
        person.press("#account-totp").await;
        person.press("#totp-begin").await;
        let key = tab.text("#totp-key").await;
        person.fill("#code", &totp(&site.test, &key)).await;
        person.press("#totp-confirm").await;
        tab.sees("#recovery-codes").await;
        person.press("#recovery-codes-kept").await;
        tab.sees("#account-recovery-codes").await;
        person.took(5);
    });
}

#[test]
fn a_registration_up_to_the_app_takes_six_where_a_passkey_could_be_offered() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.plug_in_authenticator().await;
        tab.goto(&site.asks("own", &[])).await;
        let person = Person::new(&site, tab);
        person.press("#login-register").await;
        person.fill("#email", "carol@example.test").await;
        person.fill("#password", "seven brass lamps upstream").await;
        person.press("#register-submit").await;
        person.press_mailed_link("carol@example.test").await;
        assert!(answered(tab).await.contains_key("code"));
        person.took(6);
    });
}

const SUPPORT: (&str, &str) = ("POSTERN_PAGES__SUPPORT", "help@fennwick.example");

#[test]
fn who_lost_everything_is_with_the_operators_support_after_four() {
    in_chromium(async |tab| {
        let site = Site::with(&[SUPPORT]).await;
        tab.goto(&site.asks("own", &[])).await;
        let person = Person::new(&site, tab);
        person.fill("#identifier", ALICE).await;
        person.press("#login-password").await;
        person.press("#login-other").await;
        tab.look("identity-another-way-support").await;
        person.press_way_out("#login-support", "mailto:help@fennwick.example").await;
        person.took(4);
    });
}

#[test]
fn a_lost_phone_leads_from_the_second_step_to_the_operators_support_by_two() {
    in_chromium(async |tab| {
        let site = Site::with(&[SUPPORT]).await;
        signed_in(&site, tab, BOB).await;
        tab.follow("#account-totp").await;
        tab.follow("#totp-begin").await;
        let key = tab.text("#totp-key").await;
        tab.type_into("#code", &totp(&site.test, &key)).await;
        tab.follow("#totp-confirm").await;
        tab.follow("#recovery-codes-kept").await;
        tab.follow("#sign-out").await;
        site.test.clock.advance(Duration::from_mins(20));

        tab.goto(&site.asks("own", &[])).await;
        let person = Person::new(&site, tab);
        person.fill("#identifier", BOB).await;
        person.press("#login-submit").await;
        let code = person.read_code(BOB).await;
        person.fill_last("#code", &code).await;
        person.took(4);
        tab.look("identity-second-step").await;
        person.press("#login-lost").await;
        tab.reads("h1", "If you cannot do this").await;
        tab.sees("#login-recovery-code").await;
        tab.look("identity-lost").await;
        person.press_way_out("#login-support", "mailto:help@fennwick.example").await;
        person.took(6);
    });
}
