//! How many tries a person has left, said beside a wrong code.

use std::time::Duration;

use crate::{
    fixtures::ALICE,
    flow::World,
    person::{Page, enrol, open},
};

/// Gives one wrong code after another and reads what is said, until the sign-in is over.
async fn told<'a>(mut page: Page<'a>, wrong: &str) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        page = page.press("#login-submit", &[("code", wrong)]).await;
        if !page.has("#code-error") {
            assert!(page.title().contains("too long") || page.answer.status == 400, "{}", page.answer.body);
            return told;
        }
        let (_, tries) = page
            .text("#code-error")
            .rsplit_once("You have ")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        told.push(tries);
    }
}

#[tokio::test]
async fn a_wrong_mailed_code_says_the_same_whether_or_not_there_is_an_account() {
    let world = World::new().await;
    for email in [ALICE, "nobody@example.test"] {
        let browser = world.app.browser();
        let page =
            open(&browser, "/login?to=account").await.press("#login-submit", &[("identifier", email)]).await;
        let expected = ["4 tries left.", "3 tries left.", "2 tries left.", "1 try left."];
        assert_eq!(told(page, "00000000").await, expected, "{email}");
    }
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
    assert!(
        page.press("#login-submit", &[("code", "000000")])
            .await
            .text("#code-error")
            .ends_with("4 tries left.")
    );
    assert!(
        tab.press("#login-submit", &[("code", "000001")])
            .await
            .text("#code-error")
            .ends_with("3 tries left.")
    );
    let untried = page.press("#login-submit", &[("code", " ")]).await;
    assert_eq!(untried.text("#code-error"), "Enter the code.", "nothing was tried");
    assert_eq!(told(page, "000000").await, ["2 tries left.", "1 try left."]);
}
