//! How many mails strangers can cause: to one recipient, from one source, and at the whole installation.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use poem::http::HeaderValue;
use postern_identity::jobs::runner;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    accounts::PASSWORD,
    person::open,
    sign_in::{ALICE, NOBODY, SignIn, attempt, problem},
    smtp::MailServer,
    support::{Answer, TestApp, from_peer, json_request},
};

/// A browser that alice signed in with and out of.
async fn known_browser(app: &TestApp) -> crate::support::Browser<'_> {
    let browser = app.browser();
    assert_eq!(open(&browser, "/login?to=account").await.sign_in(ALICE).await.path, "/account");
    browser.clear_cookie("postern-session");
    browser
}

async fn mails_to(app: &TestApp, email: &str) -> usize {
    app.run_jobs().await;
    app.inbox.newest_first().iter().filter(|message| message.to == email).count()
}

#[tokio::test]
async fn what_strangers_ask_for_keeps_nobody_out_on_a_device_that_the_account_knows() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let own = known_browser(app).await;
    app.clock.advance(Duration::from_mins(15));
    for _ in 0..5 {
        assert_eq!(sign_in.request("email-otp", ALICE).await.status, 200);
    }
    assert_eq!(sign_in.request("email-otp", ALICE).await.status, 429);
    app.run_jobs().await;
    assert_eq!(open(&own, "/login?to=account").await.sign_in(ALICE).await.path, "/account");
    let before = mails_to(app, ALICE).await;
    let forgot = open(&own, "/forgot-password").await.press("#forgot-submit", &[("email", ALICE)]).await;
    assert_eq!((forgot.answer.status.as_u16(), mails_to(app, ALICE).await), (200, before + 1));

    // Its own requests are counted, too.
    own.clear_cookie("postern-session");
    let address = open(&own, "/login?to=account&start=over").await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let page = address.press("#login-submit", &[("identifier", ALICE)]).await;
        statuses.push(page.answer.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    let stranger = app.browser();
    stranger.set_cookie("postern-device", &"A".repeat(43));
    let page =
        open(&stranger, "/login?to=account").await.press("#login-submit", &[("identifier", ALICE)]).await;
    assert_eq!(page.answer.status, 429, "a secret that the account does not know");
}

#[tokio::test]
async fn a_source_that_begins_anew_is_sent_nothing_more_and_sees_no_difference() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let begin =
        async |identifier: &str, peer: &str| sign_in.request_from("app", "email-otp", identifier, peer).await;
    let mut seen = Vec::new();
    for (identifier, peer) in [(ALICE, "198.51.100.7"), (NOBODY, "198.51.100.8")] {
        let mut answers = Vec::new();
        let mut last = String::new();
        for _ in 0..8 {
            let answer = begin(identifier, peer).await;
            let expires_in = answer.json::<Value>()["expires_in"].clone();
            answers.push((answer.status.as_u16(), expires_in, answer.header("ratelimit").to_owned()));
            last = attempt(&answer);
        }
        let runs = app.run_jobs().await;
        // Its own resends: not at once, three times, and no more.
        let mut resends = Vec::new();
        for seconds in [29, 1, 29, 1, 30, 30] {
            app.clock.advance(Duration::from_secs(seconds));
            let answer = sign_in.again_at_once("email-otp", &last).await;
            resends.push((answer.status.as_u16(), answer.header("retry-after").to_owned()));
            app.run_jobs().await;
        }
        seen.push((answers, runs, resends));
        // From elsewhere it is another's sign-in.
        assert_eq!(begin(identifier, "203.0.113.9").await.status, 200);
        assert_eq!(begin(identifier, "203.0.113.10").await.status, 429, "five to one recipient");
        app.run_jobs().await;
    }
    assert_eq!(seen[0], seen[1]);
    let (answers, runs, resends) = &seen[0];
    assert!(answers.iter().all(|(status, ..)| *status == 200), "{answers:?}");
    assert_eq!(*runs, 1, "one mail");
    let resends: Vec<_> = resends.iter().map(|(status, wait)| (*status, wait.as_str())).collect();
    assert_eq!(resends, [(429, "1"), (200, ""), (429, "1"), (200, ""), (200, ""), (429, "780")]);
    assert_eq!(mails_to(app, ALICE).await, 5);
}

#[tokio::test]
async fn when_its_attempt_is_over_a_source_may_begin_again() {
    let sign_in = SignIn::new().await;
    let begin = async || attempt(&sign_in.request_from("app", "email-otp", ALICE, "198.51.100.7").await);
    let first = begin().await;
    let code = sign_in.app.code_for(ALICE).await;
    assert_eq!(sign_in.verify("email-otp", &first, &code).await.status, 200);
    let second = begin().await;
    assert_ne!(sign_in.app.code_for(ALICE).await, code, "a sign-in that is done");
    for _ in 0..5 {
        sign_in.verify("email-otp", &second, "00000000").await;
    }
    begin().await;
    assert_eq!(mails_to(&sign_in.app, ALICE).await, 3, "tries that are used up");
}

#[tokio::test]
async fn of_many_requests_at_once_from_one_source_one_is_mailed() {
    let sign_in = SignIn::new().await;
    let calls = (0..10).map(|_| sign_in.request_from("app", "email-otp", ALICE, "198.51.100.7"));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(mails_to(&sign_in.app, ALICE).await, 1);
    let attempt = attempt(&answers[0]);
    sign_in.app.clock.advance(Duration::from_secs(30));
    let calls = (0..10).map(|_| sign_in.again_at_once("email-otp", &attempt));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| [200, 429].contains(&answer.status.as_u16())), "{answers:?}");
    assert_eq!(mails_to(&sign_in.app, ALICE).await, 2);
}

#[tokio::test]
async fn strangers_send_twenty_mails_a_day_to_one_recipient_however_it_is_spelled() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let own = known_browser(app).await;
    let before = mails_to(app, ALICE).await;
    let node = app.another_node().await;
    let mut sent = 0;
    let mut last = None;
    for quarter in 0..20 {
        app.clock.advance(Duration::from_mins(15));
        for (call, spelled) in ["Alice@example.test", " ALICE@EXAMPLE.TEST"].into_iter().enumerate() {
            let answer = if call == 0 {
                sign_in.request("email-otp", spelled).await
            } else {
                let body = json!({ "client_id": "app", "email": spelled });
                let peer = format!("203.0.113.{quarter}");
                node.send(from_peer(json_request("/api/auth/password/forgot", &body), &peer)).await
            };
            sent += usize::from(answer.status == 200);
            last = Some(answer);
        }
        app.run_jobs().await;
        node.run_jobs().await;
    }
    // One of them was that of her own first sign-in, on a device that was not known yet.
    assert_eq!(sent, 19);
    let last = last.unwrap();
    let wait: u64 = last.header("retry-after").parse().unwrap();
    assert!(last.status == 429 && wait > 3600 && wait <= 86_400, "{wait}");
    let to_alice = |app: &TestApp| app.inbox.newest_first().iter().filter(|mail| mail.to == ALICE).count();
    assert_eq!(to_alice(app) + to_alice(&node), before + 19);
    assert_eq!(open(&own, "/login?to=account").await.sign_in(ALICE).await.path, "/account", "her own device");
    app.clock.advance(Duration::from_hours(24));
    assert_eq!(sign_in.request("email-otp", ALICE).await.status, 200);
}

async fn register(app: &TestApp, email: &str, client: usize) -> Answer {
    let body = json!({ "client_id": "app", "email": email, "password": PASSWORD });
    let mut request = from_peer(json_request("/api/auth/register", &body), "10.0.0.1");
    let forwarded = format!("198.51.{}.{}", client / 250, client % 250 + 1);
    request.headers_mut().insert("x-forwarded-for", HeaderValue::try_from(forwarded).unwrap());
    app.send(request).await
}

#[tokio::test]
async fn an_installation_that_sent_its_mails_refuses_registrations_and_nothing_else() {
    let sign_in = SignIn::with(&[
        ("POSTERN_LIMITS__MAILS_PER_INSTALLATION", "10 per 1d per installation"),
        ("POSTERN_DATABASE__ACQUIRE_TIMEOUT", "20s"),
        ("POSTERN_DATABASE__REQUEST_TIMEOUT", "20s"),
        ("POSTERN_HTTP__TRUSTED_PROXIES", "10.0.0.0/8"),
    ])
    .await;
    let app = &sign_in.app;
    let node = app.another_node().await;
    let calls = (0..40).map(|number| {
        let node = if number % 2 == 0 { app } else { &node };
        async move { register(node, &format!("user{number}@example.test"), number).await }
    });
    // No more at once than the password hasher takes on a busy machine.
    let answers: Vec<_> = stream::iter(calls).buffer_unordered(8).collect().await;
    let (good, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((good.len(), refused.len()), (10, 30));
    for answer in refused.iter().chain([&register(app, ALICE, 100).await]) {
        assert_eq!((answer.status.as_u16(), problem(answer).as_str()), (503, "mails_exhausted"));
        assert_eq!(answer.header("retry-after"), "86400");
    }
    app.run_jobs().await;
    node.run_jobs().await;
    assert_eq!(app.inbox.newest_first().len() + node.inbox.newest_first().len(), 10);
    let browser = app.browser();
    let page = open(&browser, "/register").await;
    let fields = [("email", "carol@example.test"), ("password", PASSWORD)];
    let page = page.press("#register-submit", &fields).await;
    assert_eq!(page.answer.status, 503);
    assert_eq!(page.title(), "No email can be sent for new accounts just now");

    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = app.code_for(ALICE).await;
    assert_eq!(sign_in.verify("email-otp", &attempt, &code).await.status, 200, "who has an account");
    let limits = app.audited("login.limited").await;
    assert_eq!(limits, [json!({ "limit": "mails_per_installation" })], "once");
    app.clock.advance(Duration::from_hours(24));
    assert_eq!(register(app, "carol@example.test", 101).await.status, 200);
}

#[tokio::test]
async fn a_sign_in_code_does_not_wait_behind_the_mails_of_registrations() {
    let server = MailServer::start().await;
    let port = server.port.to_string();
    let sign_in = SignIn::with(&[
        ("POSTERN_MAIL__SMTP_HOST", "127.0.0.1"),
        ("POSTERN_MAIL__SMTP_PORT", &port),
        ("POSTERN_MAIL__SMTP_TLS", "none"),
        ("POSTERN_HTTP__TRUSTED_PROXIES", "10.0.0.0/8"),
    ])
    .await;
    for number in 0..20 {
        let email = format!("user{number}@example.test");
        assert_eq!(register(&sign_in.app, &email, number).await.status, 200);
    }
    // None of their mails is done before the code is.
    server.take_only(ALICE);
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner::run(sign_in.app.app.clone(), stop.clone()));
    sign_in.attempt("email-otp", ALICE).await;
    let arrived = async {
        while server.mails().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), arrived).await.unwrap();
    stop.cancel();
    running.abort();
}
