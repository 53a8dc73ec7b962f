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
        let signing_in = Person::new(&site, tab);
        tab.touches(&device, true).await;
        signing_in.press("#login-passkey").await;
        assert!(answered(tab).await.contains_key("code"));
        signing_in.took(1);
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
