//! A change of email in a real Chromium: made in the right browser only, and taken back from the former mailbox.

use postern_identity::users;
use postern_service::testing::chromium::in_chromium;

use super::site::Site;
use crate::fixtures::{ALICE, BOB};

const NEW: &str = "alice@new.example.test";

/// The newest link to this email that leads to this page.
async fn mailed(site: &Site, email: &str, page: &str) -> String {
    site.test.run_jobs().await;
    let messages = site.test.inbox.newest_first();
    let links =
        messages.iter().filter(|message| message.to == email).filter_map(|message| message.link.clone());
    let beginning = site.at(page);
    links.into_iter().find(|link| link.starts_with(&beginning)).unwrap()
}

#[test]
fn an_address_change_is_confirmed_only_in_the_right_browser_and_undone_from_the_old_mailbox() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.at("/account/email")).await;
        site.sign_in(tab, ALICE).await;
        tab.type_into("#email", NEW).await;
        tab.follow("#email-submit").await;
        let confirm = mailed(&site, NEW, "/confirm-email").await;

        // The browser of somebody else, who reads the new mailbox too.
        tab.goto(&site.at("/account")).await;
        tab.follow("#sign-out").await;
        tab.goto(&site.at("/login?to=account")).await;
        site.sign_in(tab, BOB).await;
        tab.goto(&confirm).await;
        tab.reads("h1", "This link is for another account").await;
        tab.look("confirm-email-elsewhere").await;
        tab.follow("#confirm-sign-out").await;

        // A browser that nobody is signed in in asks for the account first.
        tab.goto(&confirm).await;
        tab.sees("#confirm-sign-in").await;
        tab.look("confirm-email-sign-in").await;
        tab.follow("#confirm-sign-in").await;
        site.sign_in(tab, ALICE).await;
        tab.look("confirm-email").await;
        tab.follow("#confirm-submit").await;
        tab.reads("h1", "Your address is changed").await;

        // The owner finds the notice in the former mailbox. Opening the link changes nothing.
        let undo = mailed(&site, ALICE, "/undo-email-change").await;
        tab.goto(&undo).await;
        tab.reads("h1", "Undo the change of email").await;
        tab.look("undo-email-change").await;
        let find = async |email: &str| {
            let email = users::Email::parse(email).unwrap();
            users::find_by_email(site.test.app.db.reader(), &email).await.unwrap()
        };
        assert!(find(ALICE).await.is_none(), "a link that is only opened changes nothing");
        tab.follow("#undo-submit").await;
        tab.reads("h1", "The change is undone").await;
        tab.look("email-undone").await;
        assert!(find(ALICE).await.is_some() && find(NEW).await.is_none());
        tab.goto(&site.at("/account")).await;
        tab.sees("#identifier").await;
        tab.goto(&mailed(&site, ALICE, "/reset-password").await).await;
        tab.sees("#reset-submit").await;
    });
}
