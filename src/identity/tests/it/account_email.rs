//! Change of address: asked for by who signed in lately, made by who reads the new mailbox.

use std::time::Duration;

use postern_identity::{
    administration::{sign_in as operators, users},
    core::RequestContext,
    mail::samples,
};
use serde_json::{Value, json};

use crate::{
    person::open,
    sign_in::{ALICE, BOB, SignIn, problem},
    support::{Answer, Browser, ISSUER, TestApp, from_peer, json_request},
};

const NEW: &str = "alice@new.example.test";

async fn ask(app: &TestApp, token: &Value, email: &str) -> Answer {
    ask_from(app, token, email, "192.0.2.1").await
}

async fn ask_from(app: &TestApp, token: &Value, email: &str, peer: &str) -> Answer {
    let mut request = json_request("/api/account/email", &json!({ "email": email }));
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    app.send(from_peer(request, peer)).await
}

/// Confirms a change in the name of whoever has this access token.
async fn confirm(app: &TestApp, token: &Value, mailed: &str) -> Answer {
    let mut request = json_request("/api/account/email/confirm", &json!({ "token": mailed }));
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    app.send(request).await
}

/// Uses a link without being signed in, as those of a registration are used.
async fn verify(app: &TestApp, token: &str) -> Answer {
    app.post_json("/api/auth/email/verify", &json!({ "client_id": "app", "token": token })).await
}

async fn me(app: &TestApp, token: &Value) -> Value {
    app.get_as(token["access_token"].as_str().unwrap(), "/api/auth/me").await.json()
}

/// The newest link to this address.
async fn link(app: &TestApp, email: &str) -> String {
    app.run_jobs().await;
    let messages = app.inbox.newest_first();
    let message = messages.iter().find(|message| message.to == email && message.link.is_some()).unwrap();
    message.link.clone().unwrap()
}

async fn token_in_link(app: &TestApp, email: &str) -> String {
    link(app, email).await.split_once("?token=").unwrap().1.to_owned()
}

async fn subjects(app: &TestApp, email: &str) -> Vec<String> {
    app.run_jobs().await;
    let messages = app.inbox.newest_first();
    messages.into_iter().filter(|message| message.to == email).map(|message| message.subject).collect()
}

#[tokio::test]
async fn the_address_changes_when_the_link_is_used_and_not_before() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    let asked = ask(&sign_in.app, &token, " Alice@New.Example.test").await;
    assert_eq!((asked.status.as_u16(), asked.json()), (200, json!({ "sent": true })), "{}", asked.body);
    assert_eq!(me(&sign_in.app, &token).await["email"], ALICE);
    assert_eq!(subjects(&sign_in.app, ALICE).await[0], "Another address was given for your account");
    assert!(link(&sign_in.app, NEW).await.starts_with("http://localhost:7117/confirm-email?token="));
    let mailed = token_in_link(&sign_in.app, NEW).await;
    // A code that is on its way to the old address must not open the account any more.
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;

    let verified = confirm(&sign_in.app, &token, &mailed).await;
    assert_eq!((verified.status.as_u16(), verified.json()), (200, json!({ "email": NEW })));
    let now = me(&sign_in.app, &token).await;
    assert_eq!((&now["email"], &now["email_verified"]), (&json!(NEW), &json!(true)), "sessions stay");
    assert_eq!(now["sub"], json!(sign_in.alice.subject));
    assert_eq!(sign_in.verify("email-otp", &attempt, &code).await.status, 401);
    assert_eq!(subjects(&sign_in.app, ALICE).await[0], "The email address of your account was changed");
    let again = confirm(&sign_in.app, &token, &mailed).await;
    assert_eq!((again.status.as_u16(), problem(&again).as_str()), (400, "link_over"));
    let attempt = sign_in.attempt("email-otp", NEW).await;
    let code = sign_in.app.code_for(NEW).await;
    assert_eq!(sign_in.verify("email-otp", &attempt, &code).await.status, 200);
    assert_eq!(sign_in.app.audited("email.change_asked").await.len(), 1);
    assert_eq!(sign_in.app.audited("email.changed").await.len(), 1);
}

#[tokio::test]
async fn an_address_of_somebody_else_gets_the_same_answer_and_its_owner_a_letter() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    let (free, taken) = (ask(&sign_in.app, &token, NEW).await, ask(&sign_in.app, &token, BOB).await);
    assert_eq!((free.status, &free.body), (taken.status, &taken.body));
    assert_eq!(subjects(&sign_in.app, BOB).await, ["This address has an account already"]);
    assert_eq!(link(&sign_in.app, BOB).await, "http://localhost:7117/account");
    assert_eq!(subjects(&sign_in.app, ALICE).await.len(), 3, "a code, and a notice for each wish");
}

#[tokio::test]
async fn an_address_that_is_taken_meanwhile_stays_with_who_was_first() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    ask(&sign_in.app, &token, NEW).await;
    let mailed = token_in_link(&sign_in.app, NEW).await;
    sign_in.app.user(NEW).await;
    let late = confirm(&sign_in.app, &token, &mailed).await;
    assert_eq!((late.status.as_u16(), problem(&late).as_str()), (400, "link_over"));
    assert_eq!(me(&sign_in.app, &token).await["email"], ALICE);
    assert_eq!(sign_in.app.audited("email.changed").await.len(), 0);
}

#[tokio::test]
async fn the_newest_wish_counts_and_other_links_of_the_account_end() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    ask(&sign_in.app, &token, "first@example.test").await;
    let first = token_in_link(&sign_in.app, "first@example.test").await;
    ask(&sign_in.app, &token, NEW).await;
    assert_eq!(problem(&confirm(&sign_in.app, &token, &first).await), "link_over");
    let body = json!({ "client_id": "app", "email": ALICE });
    sign_in.app.post_json("/api/auth/password/forgot", &body).await;
    let reset = token_in_link(&sign_in.app, ALICE).await;
    let mailed = token_in_link(&sign_in.app, NEW).await;
    let other = sign_in.app.another_node().await;
    let calls =
        (0..10).map(|call| confirm(if call % 2 == 0 { &sign_in.app } else { &other }, &token, &mailed));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let body = json!({ "client_id": "app", "token": reset, "password": "seven brass lamps upstream" });
    let reset = sign_in.app.post_json("/api/auth/password/reset", &body).await;
    assert_eq!(problem(&reset), "link_over", "it went to the old address");
}

#[tokio::test]
async fn it_works_where_nobody_can_register() {
    for mode in ["closed", "invitation"] {
        let sign_in = SignIn::with(&[("POSTERN_REGISTRATION__MODE", mode)]).await;
        let token = sign_in.tokens().await;
        ask(&sign_in.app, &token, NEW).await;
        let mailed = token_in_link(&sign_in.app, NEW).await;
        assert_eq!(problem(&verify(&sign_in.app, "unknown").await), "registration_closed");
        assert_eq!(confirm(&sign_in.app, &token, &mailed).await.json::<Value>(), json!({ "email": NEW }));
    }
}

#[tokio::test]
async fn it_needs_a_recent_sign_in_and_the_second_factor() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    assert_eq!(sign_in.app.post_json("/api/account/email", &json!({ "email": NEW })).await.status, 401);
    sign_in.enrol().await;
    let refused = ask(&sign_in.app, &token, NEW).await;
    assert_eq!(
        (refused.status.as_u16(), problem(&refused).as_str()),
        (401, "insufficient_user_authentication")
    );
    assert!(refused.header("www-authenticate").contains("acr_values=\"aal2\""));

    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    sign_in.app.clock.advance(Duration::from_secs(14 * 60));
    assert_eq!(ask(&sign_in.app, &token, NEW).await.status, 200);
    let browser = sign_in.app.browser();
    browser.sign_in(&sign_in.alice).await;
    assert_eq!(open(&browser, "/account/email").await.path, "/account/email");
    sign_in.app.clock.advance(Duration::from_mins(16));
    assert_eq!(open(&browser, "/account/email").await.path, "/login?to=email");
}

#[tokio::test]
async fn what_cannot_be_the_new_address_is_told_by_field_and_mails_are_limited() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    for email in ["alice", ALICE, " ALICE@example.test"] {
        let answer = ask(&sign_in.app, &token, email).await;
        assert_eq!((answer.status.as_u16(), &answer.json::<Value>()["field"]), (400, &json!("email")));
    }
    for call in 0..5 {
        let peer = format!("192.0.2.{call}");
        assert_eq!(ask_from(&sign_in.app, &token, NEW, &peer).await.status, 200);
    }
    let limited = ask_from(&sign_in.app, &token, NEW, "192.0.2.9").await;
    assert_eq!(limited.status, 429);
    assert!(!limited.header("retry-after").is_empty());
    assert_eq!(subjects(&sign_in.app, NEW).await.len(), 5);
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_the_account() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    ask(&sign_in.app, &token, NEW).await;
    let mailed = token_in_link(&sign_in.app, NEW).await;
    sign_in.app.clock.advance(Duration::from_mins(61));
    let token = sign_in.tokens().await;
    assert_eq!(problem(&confirm(&sign_in.app, &token, &mailed).await), "link_over");

    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    ask(&sign_in.app, &token, NEW).await;
    let mailed = token_in_link(&sign_in.app, NEW).await;
    let app = &sign_in.app.app;
    let context = RequestContext::of_command(app);
    users::disable(app, &sign_in.alice, &context).await.unwrap();
    assert_eq!(problem(&confirm(&sign_in.app, &token, &mailed).await), "invalid_token");
    users::enable(app, &sign_in.alice, &context).await.unwrap();
    let token = sign_in.tokens().await;
    assert_eq!(
        problem(&confirm(&sign_in.app, &token, &mailed).await),
        "link_over",
        "also after it is enabled again"
    );
    let token = sign_in.tokens().await;
    ask(&sign_in.app, &token, NEW).await;
    let mailed = token_in_link(&sign_in.app, NEW).await;
    operators::reset_credentials(app, &sign_in.alice, &context).await.unwrap();
    let token = sign_in.tokens().await;
    assert_eq!(
        problem(&confirm(&sign_in.app, &token, &mailed).await),
        "link_over",
        "whoever asked may not be who it is"
    );
}

#[tokio::test]
async fn a_person_changes_the_address_and_a_program_that_follows_links_does_not() {
    let app = TestApp::new().await;
    let alice = app.alice();
    let browser = app.browser();
    browser.sign_in(alice).await;
    let page = open(&browser, "/account").await.click("#account-email").await;
    let wrong = page.press("#email-submit", &[("email", ALICE)]).await;
    assert_eq!(wrong.text("#email-error"), "This is your address already.");
    let sent = wrong.press("#email-submit", &[("email", NEW)]).await;
    assert!(sent.text(".note").contains("We sent a link"));
    let path = link(&app, NEW).await.strip_prefix("http://localhost:7117").unwrap().to_owned();
    for _ in 0..3 {
        assert_eq!(app.get(&path).await.status, 200);
    }
    assert!(open(&browser, "/account").await.answer.body.contains(ALICE));
    let confirm = open(&browser, &path).await;
    assert!(confirm.answer.body.contains(NEW));
    let done = confirm.press("#confirm-submit", &[]).await;
    assert_eq!(done.text("h1"), "Your address is changed");
    assert!(open(&browser, "/account").await.answer.body.contains(NEW), "still signed in");
    let over = open(&browser, &path).await;
    assert_eq!(
        (over.answer.status.as_u16(), over.text("h1").as_str()),
        (400, "This link does not work any more")
    );
}

#[tokio::test]
async fn a_press_in_the_session_of_another_account_gives_nobody_an_address() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let victim = app.bob();
    // Alice wants the address that Bob reads too.
    ask(app, &sign_in.tokens().await, NEW).await;
    let path = link(app, NEW).await.strip_prefix(ISSUER).unwrap().to_owned();
    let mailed = &path["/confirm-email?token=".len()..];
    let browser = app.browser();
    browser.sign_in(victim).await;
    let page = open(&browser, &path).await;
    assert!(!page.has("#confirm-submit"), "{}", page.answer.body);
    assert_eq!(page.title(), "This link is for another account");
    let text = page.text("main");
    assert!(text.contains(ALICE) && text.contains(NEW) && text.contains(BOB), "{text}");
    // Nor is a form taken that such a page could not have sent.
    let form_token = page.attribute("[name=form_token]", "value");
    let forged = [("form_token", form_token.as_str()), ("token", mailed)];
    let answer = browser.post("/confirm-email", &forged).await;
    assert!(answer.body.contains("This link is for another account"), "{}", answer.body);
    assert_eq!(app.audited("email.changed").await.len(), 0);
    // Once signed out, the page asks for Alice.
    page.press("#confirm-sign-out", &[]).await;
    assert!(open(&browser, &path).await.has("#confirm-sign-in"));
}

#[tokio::test]
async fn where_nobody_is_signed_in_the_link_asks_for_the_account_and_then_for_a_press() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    ask(app, &sign_in.tokens().await, NEW).await;
    let path = link(app, NEW).await.strip_prefix(ISSUER).unwrap().to_owned();
    let mailed = path["/confirm-email?token=".len()..].to_owned();
    let browser = app.browser();
    let page = open(&browser, &path).await;
    assert!(!page.has("#confirm-submit"));
    assert!(page.text("main").contains("sign in to that account here"), "{}", page.text("main"));
    let forged = [("form_token", &*browser_form_token(&browser).await), ("token", &mailed)];
    browser.post("/confirm-email", &forged).await;
    assert_eq!(app.audited("email.changed").await.len(), 0);
    let confirm = page.click("#confirm-sign-in").await.sign_in(ALICE).await;
    assert_eq!(
        (confirm.path.as_str(), confirm.text("#confirm-submit").as_str()),
        ("/confirm-email", "Use this email")
    );
    assert_eq!(app.audited("email.changed").await.len(), 0, "to sign in is not to confirm");
    assert_eq!(confirm.press("#confirm-submit", &[]).await.title(), "Your address is changed");
    assert_eq!(browser.cookie("postern-confirming"), None);
    assert_eq!(open(&browser, "/confirm-email").await.title(), "This link does not work any more");
}

/// The token that forms of this browser carry, from the page that everybody may see.
async fn browser_form_token(browser: &Browser<'_>) -> String {
    open(browser, "/login?to=account").await.attribute("[name=form_token]", "value")
}

#[tokio::test]
async fn an_old_session_confirms_only_after_another_sign_in() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let browser = app.browser();
    browser.sign_in(&sign_in.alice).await;
    app.clock.advance(Duration::from_mins(16));
    let token = sign_in.tokens().await;
    ask(app, &token, NEW).await;
    let path = link(app, NEW).await.strip_prefix(ISSUER).unwrap().to_owned();
    assert!(open(&browser, &path).await.has("#confirm-sign-in"));
    app.clock.advance(Duration::from_mins(16));
    let token = app
        .post_json(
            "/api/auth/refresh",
            &json!({ "client_id": "app", "refresh_token": token["refresh_token"] }),
        )
        .await
        .json();
    let late = confirm(app, &token, &path["/confirm-email?token=".len()..]).await;
    assert_eq!((late.status.as_u16(), &*problem(&late)), (401, "insufficient_user_authentication"));
}

#[tokio::test]
async fn through_the_api_only_the_account_itself_confirms() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    ask(app, &sign_in.tokens().await, NEW).await;
    let mailed = token_in_link(app, NEW).await;
    let without = verify(app, &mailed).await;
    assert_eq!((without.status.as_u16(), problem(&without).as_str()), (403, "other_account"));
    let attempt = sign_in.attempt("email-otp", BOB).await;
    let bob: Value = sign_in.verify("email-otp", &attempt, &app.code_for(BOB).await).await.json();
    let other = confirm(app, &bob, &mailed).await;
    assert_eq!((other.status.as_u16(), problem(&other).as_str()), (403, "other_account"));
    let nobody = app.post_json("/api/account/email/confirm", &json!({ "token": mailed })).await;
    assert_eq!(nobody.status, 401);
    assert_eq!(app.audited("email.changed").await.len(), 0);
    assert_eq!(confirm(app, &sign_in.tokens().await, &mailed).await.status, 200);
}

#[tokio::test]
async fn the_mail_names_the_account_that_would_get_the_address() {
    let app = TestApp::new().await;
    for template in ["confirm-email", "address-taken"] {
        for language in ["en", "de"] {
            let sample =
                samples::render_if_known(&app.app, &app.app.templates, template, language).unwrap().unwrap();
            assert!(
                sample.text.text.contains(ALICE) && sample.text.html.contains(ALICE),
                "{}",
                sample.text.text
            );
        }
    }
}
