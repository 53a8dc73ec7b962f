//! Sign-in by password: what it leaves behind, and how guessing is slowed.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use postern_entities::{attempts, audit_events};
use postern_identity::{
    login::{
        Challenge, ChallengeResponse as Answered, Context, LoginError, LoginMethod, Proof, policy::Factor,
    },
    users::User,
};
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use serde_json::{Value, json};

use crate::{
    accounts::{ANOTHER, PASSWORD, login, with_password, with_password_and},
    person::open,
    sign_in::{ALICE, NOBODY, SignIn, problem},
    smtp::MailServer,
    support::{Answer, TestApp, from_peer, json_request},
};

async fn login_from(app: &TestApp, email: &str, password: &str, peer: &str) -> Answer {
    let body = json!({ "client_id": "app", "email": email, "password": password });
    app.send(from_peer(json_request("/api/auth/login", &body), peer)).await
}

/// Wrong passwords from so many addresses, and none of them twice.
async fn hammer(app: &TestApp, email: &str, addresses: std::ops::Range<usize>) -> Vec<Answer> {
    let guess = |number: usize| async move {
        let peer = format!("10.1.{}.{}", number / 250, number % 250 + 1);
        login_from(app, email, ANOTHER, &peer).await
    };
    join_all(addresses.map(guess)).await
}

fn looked_at(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 401).count()
}

/// Rows of sign-ins and of the record.
async fn rows(app: &TestApp) -> (u64, u64) {
    let db = app.app.db.reader();
    let attempts = attempts::Entity::find().count(db).await.unwrap();
    (attempts, audit_events::Entity::find().count(db).await.unwrap())
}

#[tokio::test]
async fn a_sign_in_in_one_step_leaves_its_attempt_its_proof_its_session_and_its_grant() {
    let sign_in = with_password().await;
    let app = &sign_in.app;
    let before = rows(app).await;
    assert_eq!(login(app, ALICE, PASSWORD).await.status, 200);
    assert_eq!(rows(app).await, (before.0 + 1, before.1 + 3));
    for kind in ["login.proof_accepted", "session.started", "grant.created"] {
        assert_eq!(app.audited(kind).await.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_flood_of_guesses_leaves_as_many_rows_as_were_looked_at() {
    let sign_in = with_password().await;
    let before = rows(&sign_in.app).await;
    for call in 0..20 {
        let email = if call % 2 == 0 { ALICE } else { NOBODY };
        login(&sign_in.app, email, ANOTHER).await;
    }
    let after = rows(&sign_in.app).await;
    assert_eq!(
        (after.0 - before.0, after.1 - before.1),
        (5, 6),
        "five attempts; five failures and one refusal"
    );
}

#[tokio::test]
async fn a_flood_of_begun_sign_ins_is_limited_by_source_known_or_not() {
    let sign_in = SignIn::with(&[("POSTERN_LIMITS__ATTEMPTS_PER_SOURCE", "3 per 15m per ip")]).await;
    let before = rows(&sign_in.app).await;
    for (call, identifier) in [ALICE, NOBODY, ALICE, NOBODY, ALICE].into_iter().enumerate() {
        let answer = sign_in.request_from("app", "password", identifier, "198.51.100.6").await;
        assert_eq!(answer.status, if call < 3 { 200 } else { 429 }, "{}", answer.body);
    }
    let after = rows(&sign_in.app).await;
    assert_eq!((after.0 - before.0, after.1 - before.1), (3, 1));
    let body = json!({ "client_id": "app", "identifier": ALICE });
    let elsewhere = from_peer(json_request("/api/auth/password/request", &body), "198.51.100.7");
    assert_eq!(sign_in.app.send(elsewhere).await.status, 200);
}

#[tokio::test]
async fn a_sign_in_in_one_step_goes_on_with_its_second_factor() {
    let sign_in = with_password().await;
    let authenticator = sign_in.enrol().await;
    let told: Value = login(&sign_in.app, ALICE, PASSWORD).await.json();
    let attempt = told["attempt"].as_str().unwrap();
    assert_eq!(sign_in.verify("password", attempt, "x").await.status, 404, "not what comes next");
    let answer = sign_in.verify("totp", attempt, &authenticator.code(&sign_in.app, 1)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn of_fifty_guesses_at_once_from_one_address_five_are_looked_at() {
    let sign_in = with_password().await;
    let calls = (0..50).map(|_| login(&sign_in.app, ALICE, ANOTHER));
    let answers = join_all(calls).await;
    assert_eq!(looked_at(&answers), 5);
    assert!(answers.iter().all(|answer| [401, 429].contains(&answer.status.as_u16())));
}

#[tokio::test]
async fn guesses_from_everywhere_share_one_wait_that_grows_known_or_not() {
    let sign_in = with_password().await;
    let node = sign_in.app.another_node_with(&[]).await;
    for (email, spelled) in [(ALICE, "ALICE@Example.test"), (NOBODY, "Nobody@example.TEST")] {
        let (one, other) = tokio::join!(hammer(&sign_in.app, email, 0..25), hammer(&node, spelled, 25..50));
        assert_eq!(looked_at(&one) + looked_at(&other), 6, "at once, from fifty addresses, on two nodes");
        let refused = one.iter().chain(&other).find(|answer| answer.status == 429).unwrap();
        assert_eq!((problem(refused).as_str(), refused.header("retry-after")), ("too_many_requests", "30"));
        let mut later = 0;
        let mut waits = Vec::new();
        for step in 0..90 {
            sign_in.app.clock.advance(Duration::from_secs(10));
            let answer = &hammer(&sign_in.app, email, 50 + step..51 + step).await[0];
            if answer.status == 401 {
                later += 1;
                let next = hammer(&node, spelled, 200..201).await;
                waits.push(next[0].header("retry-after").to_owned());
            }
        }
        assert_eq!(later, 4, "ten in a quarter of an hour");
        assert_eq!(waits, ["60", "120", "240", "480"]);
    }
    let recorded = sign_in.app.audited("login.limited").await;
    let waits = recorded.iter().filter(|details| details["limit"] == "failures_per_account").count();
    assert_eq!(waits, 10, "once for every wait of two accounts");
}

#[tokio::test]
async fn the_wait_ends_and_what_failed_is_forgotten_after_an_hour() {
    let sign_in = with_password().await;
    let app = &sign_in.app;
    assert_eq!(looked_at(&hammer(app, ALICE, 0..10).await), 6);
    assert_eq!(login_from(app, ALICE, PASSWORD, "203.0.113.9").await.status, 429);
    app.clock.advance(Duration::from_secs(29));
    assert_eq!(login_from(app, ALICE, PASSWORD, "203.0.113.9").await.header("retry-after"), "1");
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(login_from(app, ALICE, PASSWORD, "203.0.113.9").await.status, 200);
    // It was taken back: the next one does not wait for it.
    assert_eq!(looked_at(&hammer(app, ALICE, 20..30).await), 1);
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(looked_at(&hammer(app, ALICE, 30..40).await), 6);
}

#[tokio::test]
async fn a_browser_that_signed_in_before_gets_in_while_strangers_guess() {
    let sign_in = with_password().await;
    let app = &sign_in.app;
    let own = app.browser();
    let by_password = async |password: &str| {
        let address = open(&own, "/login?to=account&start=over").await;
        let asked = address.press("#login-password", &[("identifier", ALICE)]).await;
        asked.press("#login-submit", &[("password", password)]).await
    };
    assert!(own.cookie("postern-device").is_none());
    assert_eq!(by_password(PASSWORD).await.path, "/account");
    let device = own.cookie("postern-device").unwrap();
    own.clear_cookie("postern-session");
    assert_eq!(looked_at(&hammer(app, ALICE, 0..20).await), 6);
    assert_eq!(by_password(PASSWORD).await.path, "/account");
    assert_eq!(own.cookie("postern-device").unwrap(), device, "it is known and stays what it is");

    // Its own guesses count apart, and are slowed as well.
    own.clear_cookie("postern-session");
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(by_password(ANOTHER).await.answer.status.as_u16());
    }
    assert_eq!(statuses, [400, 400, 400, 400, 400, 400, 429]);
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(by_password(PASSWORD).await.path, "/account");
    own.clear_cookie("postern-session");
    assert_eq!(by_password(ANOTHER).await.answer.status, 400, "a sign-in resets them");

    let stranger = app.browser();
    stranger.set_cookie("postern-device", &"A".repeat(43));
    let address = open(&stranger, "/login?to=account").await;
    let asked = address.press("#login-password", &[("identifier", ALICE)]).await;
    app.clock.advance(Duration::from_secs(31));
    assert_eq!(looked_at(&hammer(app, ALICE, 30..40).await), 1);
    assert_eq!(asked.press("#login-submit", &[("password", PASSWORD)]).await.answer.status, 429);
}

#[tokio::test]
async fn an_app_has_no_secret_and_waits_like_everybody_at_its_address() {
    let sign_in = with_password().await;
    let app = &sign_in.app;
    assert_eq!(login_from(app, ALICE, PASSWORD, "203.0.113.9").await.status, 200);
    assert_eq!(looked_at(&hammer(app, ALICE, 0..20).await), 6);
    assert_eq!(login_from(app, ALICE, PASSWORD, "203.0.113.9").await.status, 429);
}

#[tokio::test]
async fn right_passwords_from_everywhere_are_no_guesses() {
    let sign_in = with_password_and(&[("POSTERN_LIMITS__FAILURES_BEFORE_DELAY", "1")]).await;
    for number in 1..10 {
        let answer = login_from(&sign_in.app, ALICE, PASSWORD, &format!("203.0.113.{number}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[tokio::test]
async fn guesses_that_overtake_each_other_do_not_wait_for_it() {
    let sign_in = with_password().await;
    let (app, now) = (&sign_in.app, sign_in.app.clock.now());
    for (seconds, peer) in [(2, "203.0.113.1"), (1, "203.0.113.2"), (0, "203.0.113.3")] {
        app.clock.set(now + Duration::from_secs(seconds));
        assert_eq!(login_from(app, ALICE, ANOTHER, peer).await.status, 401);
        assert_eq!(login_from(app, ALICE, PASSWORD, peer).await.status, 200);
    }
}

/// Something that signs for our origin, and never rightly.
struct Key;

#[async_trait]
impl LoginMethod for Key {
    fn name(&self) -> &'static str {
        "key"
    }

    fn amr(&self) -> &'static [&'static str] {
        &["hwk"]
    }

    fn factor(&self) -> Factor {
        Factor::Possession { phishing_resistant: true }
    }

    async fn begin(&self, _: &Context<'_>, _: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(Challenge::default())
    }

    async fn verify(&self, _: &Context<'_>, _: &Challenge, _: &Answered) -> Result<Proof, LoginError> {
        Err(LoginError::ResponseRejected)
    }
}

#[tokio::test]
async fn what_cannot_be_guessed_never_waits() {
    let sign_in = SignIn::on(TestApp::built(&[], |builder| builder.login_method(Key)).await);
    for number in 1..20 {
        let attempt = sign_in.attempt("key", ALICE).await;
        let body = json!({ "client_id": "app", "attempt": attempt, "answer": {} });
        let request = from_peer(json_request("/api/auth/key/verify", &body), &format!("203.0.113.{number}"));
        assert_eq!(sign_in.app.send(request).await.status, 401);
    }
}

/// Subjects of the mails to alice since the last look, but for codes.
async fn told(app: &TestApp, seen: &mut usize) -> Vec<String> {
    app.run_jobs().await;
    let mut messages = app.inbox.newest_first();
    messages.truncate(messages.len() - *seen);
    *seen += messages.len();
    messages.into_iter().filter(|it| it.code.is_none()).map(|it| it.subject).collect()
}

#[tokio::test]
async fn a_sign_in_from_a_new_device_is_told_by_mail_but_for_the_first_one() {
    let sign_in = with_password().await;
    let (app, mut seen) = (&sign_in.app, 0);
    told(app, &mut seen).await;
    assert_eq!(login_from(app, ALICE, PASSWORD, "203.0.113.9").await.status, 200);
    assert_eq!(login_from(app, ALICE, PASSWORD, "203.0.113.9").await.status, 200);
    assert!(told(app, &mut seen).await.is_empty(), "the first device of the account, twice");
    login_from(app, ALICE, ANOTHER, "198.51.100.7").await;
    assert!(told(app, &mut seen).await.is_empty(), "nobody signed in");
    assert_eq!(login_from(app, ALICE, PASSWORD, "198.51.100.7").await.status, 200);
    assert_eq!(told(app, &mut seen).await, ["New sign-in to your account"]);

    let browser = app.browser();
    browser.speaks("de");
    assert_eq!(open(&browser, "/login?to=account").await.sign_in(ALICE).await.path, "/account");
    let in_the_owners_language = ["New sign-in to your account"];
    assert_eq!(told(app, &mut seen).await, in_the_owners_language);
    browser.clear_cookie("postern-session");
    open(&browser, "/login?to=account").await.sign_in(ALICE).await;
    assert!(told(app, &mut seen).await.is_empty(), "it is known");
}

#[tokio::test]
async fn the_first_sign_in_after_a_registration_is_no_news() {
    let SignIn { app, .. } = SignIn::new().await;
    let (browser, mut seen) = (app.browser(), 0);
    assert_eq!(open(&browser, "/login?to=account").await.sign_in(ALICE).await.path, "/account");
    assert!(told(&app, &mut seen).await.is_empty());
}

#[tokio::test]
async fn the_mail_about_a_new_device_says_when_where_and_with_what() {
    let server = MailServer::start().await;
    let port = server.port.to_string();
    let sign_in = SignIn::with(&[
        ("POSTERN_MAIL__SMTP_HOST", "127.0.0.1"),
        ("POSTERN_MAIL__SMTP_PORT", &port),
        ("POSTERN_MAIL__SMTP_TLS", "none"),
    ])
    .await;
    let app = &sign_in.app;
    sign_in.set_password(PASSWORD).await;
    for peer in ["203.0.113.9", "198.51.100.7"] {
        assert_eq!(login_from(app, ALICE, PASSWORD, peer).await.status, 200);
        app.run_jobs().await;
    }
    let mails = server.mails();
    let mail = mails.last().unwrap();
    for fact in [
        "Subject: New sign-in to your account",
        "When: 2026-01-01 00:00 UTC",
        "Device: app",
        "IP address: 198.51.100.7",
        "http://localhost:7117/sign-out-everywhere?token",
    ] {
        assert!(mail.contains(fact), "{fact} in {mail}");
    }
}
