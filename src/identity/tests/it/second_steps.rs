//! What the owner of an account is told when somebody has the password and fails at the second step.

use std::time::Duration;

use serde_json::Value;

use crate::{
    accounts::{PASSWORD, login, with_password},
    sign_in::{ALICE, SignIn},
};

const SUBJECT: &str = "Your password was used, and the second step failed";

/// A right password, and so many wrong second steps.
async fn fail(sign_in: &SignIn, times: usize) {
    let told: Value = login(&sign_in.app, ALICE, PASSWORD).await.json();
    let attempt = told["attempt"].as_str().unwrap();
    for _ in 0..times {
        sign_in.verify("totp", attempt, "000000").await;
    }
}

async fn told(sign_in: &SignIn) -> usize {
    sign_in.app.run_jobs().await;
    let mails = sign_in.app.inbox.newest_first();
    mails.iter().filter(|mail| mail.to == ALICE && mail.subject == SUBJECT).count()
}

#[tokio::test]
async fn a_right_password_with_wrong_second_steps_is_told_to_the_owner_once_a_day() {
    let sign_in = with_password().await;
    sign_in.enrol().await;
    fail(&sign_in, 2).await;
    assert_eq!(told(&sign_in).await, 0, "a slip of the finger");
    fail(&sign_in, 3).await;
    assert_eq!(told(&sign_in).await, 1);
    let link = sign_in.app.inbox.newest_first()[0].link.clone().unwrap();
    assert_eq!(link, "http://localhost:7117/account/password");
    sign_in.app.clock.advance(Duration::from_hours(2));
    fail(&sign_in, 5).await;
    assert_eq!(told(&sign_in).await, 1, "once a day");
    sign_in.app.clock.advance(Duration::from_hours(24));
    fail(&sign_in, 5).await;
    assert_eq!(told(&sign_in).await, 2);
}

#[tokio::test]
async fn a_wrong_second_step_after_a_mailed_code_says_nothing_of_the_password() {
    let sign_in = with_password().await;
    sign_in.enrol().await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    assert_eq!(sign_in.verify("email-otp", &attempt, &code).await.status, 403);
    for _ in 0..5 {
        sign_in.verify("totp", &attempt, "000000").await;
    }
    assert_eq!(told(&sign_in).await, 0);
}
