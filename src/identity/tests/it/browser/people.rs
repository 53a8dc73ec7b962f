//! The language switch, the account's home and the link of a notice, in a real browser.

use postern_service::testing::chromium::in_chromium;

use super::site::Site;
use crate::{fixtures::ALICE, person::open};

#[test]
fn the_language_changes_by_two_presses_without_scripts_and_a_sign_in_goes_on() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.without_scripts().await;
        tab.goto(&site.asks("notes", &[])).await;
        tab.type_into("#identifier", ALICE).await;
        tab.follow("#login-submit").await;
        tab.sees("#code").await;
        tab.click("#language").await;
        tab.sees("#language-de").await;
        tab.follow("#language-de").await;
        tab.reads("#language", "Deutsch").await;
        tab.type_into("#code", &site.test.code_for(ALICE).await).await;
        tab.follow("#login-submit").await;
        tab.sees("#consent-allow").await;
        tab.reads("#language", "Deutsch").await;
    });
}

#[test]
fn the_home_and_the_link_of_a_notice_look_right() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        // The first device of an account is no news; the second one is.
        open(&site.test.browser(), "/login?to=account").await.sign_in(ALICE).await;
        tab.goto(&site.at("/login?to=account")).await;
        site.sign_in(tab, ALICE).await;
        tab.sees("#security").await;
        tab.look("account-security").await;
        tab.click("#language").await;
        tab.sees("#language-de").await;
        tab.look("account-language-menu").await;
        tab.follow("#language-de").await;
        tab.look("account-security-de").await;

        site.test.run_jobs().await;
        let messages = site.test.inbox.newest_first();
        let links = messages.iter().filter_map(|message| message.link.clone());
        let link = links.into_iter().find(|link| link.contains("/sign-out-everywhere?token=")).unwrap();
        tab.goto(&link).await;
        tab.sees("#sign-out-everywhere").await;
        tab.look("sign-out-everywhere").await;
        tab.follow("#sign-out-everywhere").await;
        tab.sees("#done-sign-in").await;
        tab.look("signed-out-everywhere").await;
        tab.goto(&site.at("/account")).await;
        tab.sees("#identifier").await;
    });
}
