//! How many tries a person has left, said beside a wrong code.

use std::time::Duration;

use crate::{
    fixtures::ALICE,
    flow::World,
    person::{Page, enrol, open},
};

/// Gives one wrong code after another and reads what is said, until the sign-in is over.
async fn told(page: &Page<'_>, wrong: &str) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let next = page.press("#login-submit", &[("code", wrong)]).await;
        if !next.has("#code-error") {
            assert!(next.has("#error-way-on"), "{}", next.answer.body);
            return told;
        }
        told.push(next.text("#code-error").split_once("You have ").unwrap().1.to_owned());
    }
}

#[tokio::test]
async fn a_wrong_mailed_code_says_the_same_whether_or_not_there_is_an_account() {
    let world = World::new().await;
    for email in [ALICE, "nobody@example.test"] {
        let browser = world.app.browser();
        let login = open(&browser, "/login?to=account").await;
        let page = login.press("#login-submit", &[("identifier", email)]).await;
        let expected = ["4 tries left.", "3 tries left.", "2 tries left.", "1 try left."];
        assert_eq!(told(&page, "00000000").await, expected, "{email}");
        world.app.clock.advance(Duration::from_mins(20));
    }
}

#[tokio::test]
async fn no_more_tries_are_promised_than_the_network_has() {
    let world = World::with(&[("POSTERN_LIMITS__FAILURES_PER_SOURCE", "2 per 15m per ip")]).await;
    let browser = world.app.browser();
    let login = open(&browser, "/login?to=account").await;
    let page = login.press("#login-submit", &[("identifier", ALICE)]).await;
    assert_eq!(told(&page, "00000000").await, ["1 try left.", "no tries left for now."]);
}

#[tokio::test]
async fn a_wrong_code_of_an_authenticator_says_it_too_and_a_second_tab_counts() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    enrol(&browser).await;
    open(&browser, "/account").await.press("#sign-out", &[]).await;
    world.app.clock.advance(Duration::from_mins(20));
    let page = open(&browser, "/login?to=account").await.sign_in(ALICE).await;
    let tab = open(&browser, "/login?to=account").await;
    let first = page.press("#login-submit", &[("code", "000000")]).await;
    assert!(first.text("#code-error").ends_with("4 tries left."), "{}", first.text("#code-error"));
    let second = tab.press("#login-submit", &[("code", "000001")]).await;
    assert!(second.text("#code-error").ends_with("3 tries left."), "{}", second.text("#code-error"));
    let untried = page.press("#login-submit", &[("code", " ")]).await;
    assert_eq!(untried.text("#code-error"), "Enter the code.", "nothing was tried");
    assert_eq!(told(&page, "000000").await, ["2 tries left.", "1 try left."]);
}
