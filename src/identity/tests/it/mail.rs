//! Mail over SMTP: a real conversation, and what happens when the server does not play along.

use std::time::Duration;

use poem::http::{HeaderName, HeaderValue};
use postern_entities::jobs;
use sea_orm::EntityTrait as _;
use serde_json::json;

use crate::{
    sign_in::{ALICE, NOBODY, SignIn},
    smtp::{MailServer, Mood},
    support::json_request,
};

async fn with_server(tls: &str) -> (MailServer, SignIn) {
    let server = MailServer::start().await;
    let port = server.port.to_string();
    let settings = [
        ("POSTERN_MAIL__SMTP_HOST", "127.0.0.1"),
        ("POSTERN_MAIL__SMTP_PORT", port.as_str()),
        ("POSTERN_MAIL__SMTP_TLS", tls),
        ("POSTERN_MAIL__SMTP_TIMEOUT", "2s"),
        ("POSTERN_MAIL__FROM", "Postern <no-reply@id.example.test>"),
    ];
    let sign_in = SignIn::with(&settings).await;
    (server, sign_in)
}

async fn stored(sign_in: &SignIn) -> Vec<jobs::Model> {
    jobs::Entity::find().all(sign_in.app.app.db.reader()).await.unwrap()
}

/// The run of eight digits in a mail.
fn code_in(mail: &str) -> String {
    let subject = mail.lines().find(|line| line.starts_with("Subject:")).unwrap();
    subject.split_whitespace().nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn a_code_is_mailed_as_text_and_html() {
    let (server, sign_in) = with_server("none").await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    sign_in.app.run_jobs().await;
    let mails = server.mails();
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert!(mail.starts_with("MAIL FROM:<no-reply@id.example.test>"), "{mail}");
    for part in [
        "RCPT TO:<alice@example.test>",
        "From: Postern <no-reply@id.example.test>",
        "To: alice@example.test",
        "Auto-Submitted: auto-generated",
        "Message-ID: <",
        "Content-Type: multipart/alternative",
        "Content-Type: text/plain",
        "Content-Type: text/html",
    ] {
        assert!(mail.contains(part), "{part} in {mail}");
    }
    let answer = sign_in.verify("email-otp", &attempt, &code_in(mail)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let rows = stored(&sign_in).await;
    assert!(rows.iter().all(|row| row.payload_sealed.is_none() && row.finished_at.is_some()), "{rows:?}");
}

#[tokio::test]
async fn nobody_is_mailed_nothing() {
    let (server, sign_in) = with_server("none").await;
    sign_in.attempt("email-otp", NOBODY).await;
    assert_eq!(sign_in.app.run_jobs().await, 1);
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn without_starttls_nothing_is_said() {
    let (server, sign_in) = with_server("starttls").await;
    sign_in.attempt("email-otp", ALICE).await;
    sign_in.app.run_failing_jobs().await;
    assert!(server.mails().is_empty());
    let error = stored(&sign_in).await[0].last_error.clone().unwrap();
    assert!(error.contains("STARTTLS"), "{error}");
}

#[tokio::test]
async fn a_server_that_comes_back_gets_the_mail_once() {
    let (server, sign_in) = with_server("none").await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    for mood in [Mood::Down, Mood::Busy] {
        server.set_mood(mood);
        assert_eq!(sign_in.app.run_failing_jobs().await, 1);
        assert_eq!(sign_in.app.run_failing_jobs().await, 0, "not before its time");
        sign_in.app.clock.advance(Duration::from_secs(60));
    }
    server.set_mood(Mood::Kind);
    sign_in.app.run_jobs().await;
    sign_in.app.clock.advance(Duration::from_secs(60));
    sign_in.app.run_jobs().await;
    assert_eq!(server.mails().len(), 1);
    assert_eq!(sign_in.verify("email-otp", &attempt, &code_in(&server.mails()[0])).await.status, 200);
}

#[tokio::test]
async fn a_server_that_takes_the_mail_without_a_word_gets_it_twice_at_most() {
    let (server, sign_in) = with_server("none").await;
    sign_in.attempt("email-otp", ALICE).await;
    server.set_mood(Mood::Silent);
    for _ in 0..4 {
        sign_in.app.run_failing_jobs().await;
        sign_in.app.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(server.mails().len(), 2);
    assert!(stored(&sign_in).await[0].finished_at.is_some());
}

#[tokio::test]
async fn after_an_outage_nothing_is_mailed_that_is_over() {
    let (server, sign_in) = with_server("none").await;
    server.set_mood(Mood::Down);
    sign_in.attempt("email-otp", ALICE).await;
    let body = json!({ "client_id": "app", "email": ALICE });
    sign_in.app.post_json("/api/auth/password/forgot", &body).await;
    let body = json!({ "client_id": "app", "email": "carol@example.test", "password": "seven brass lamps upstream" });
    sign_in.app.post_json("/api/auth/register", &body).await;
    assert_eq!(sign_in.app.run_failing_jobs().await, 3);
    server.set_mood(Mood::Kind);
    // The code is over, the links are not.
    sign_in.app.clock.advance(Duration::from_mins(10));
    sign_in.app.run_failing_jobs().await;
    let taken = server.mails();
    assert!(taken.len() == 2 && !taken.iter().any(|mail| mail.contains("is your code")), "{taken:?}");

    server.set_mood(Mood::Down);
    let body = json!({ "client_id": "app", "email": ALICE });
    sign_in.app.post_json("/api/auth/password/forgot", &body).await;
    sign_in.app.run_failing_jobs().await;
    server.set_mood(Mood::Kind);
    sign_in.app.clock.advance(Duration::from_hours(1));
    sign_in.app.run_failing_jobs().await;
    assert_eq!(server.mails().len(), 2, "nor a link whose time is over");
    assert!(
        stored(&sign_in).await.iter().all(|row| row.finished_at.is_some() && row.payload_sealed.is_none())
    );
}

#[tokio::test]
async fn a_code_that_another_one_replaced_or_that_is_not_needed_any_more_is_not_mailed() {
    let (server, sign_in) = with_server("none").await;
    server.set_mood(Mood::Down);
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    sign_in.app.run_failing_jobs().await;
    assert_eq!(sign_in.again("email-otp", &attempt).await.status, 200);
    server.set_mood(Mood::Kind);
    sign_in.app.run_jobs().await;
    sign_in.app.clock.advance(Duration::from_secs(60));
    sign_in.app.run_jobs().await;
    let mails = server.mails();
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(sign_in.verify("email-otp", &attempt, &code_in(mail)).await.status, 200);
}

/// Only a server without the development inbox answers to other hosts.
#[tokio::test]
async fn links_begin_with_the_issuer_whatever_the_request_says() {
    let (server, sign_in) = with_server("none").await;
    for (path, body) in [
        ("/api/auth/password/forgot", json!({ "client_id": "app", "email": ALICE })),
        (
            "/api/auth/register",
            json!({ "client_id": "app", "email": NOBODY, "password": "seven brass lamps upstream" }),
        ),
    ] {
        let mut request = json_request(path, &body);
        for (name, value) in [
            ("host", "evil.test"),
            ("x-forwarded-host", "evil.test"),
            ("x-forwarded-proto", "gopher"),
            ("forwarded", "host=evil.test;proto=gopher"),
        ] {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        assert_eq!(sign_in.app.send(request).await.status, 200);
        sign_in.app.run_jobs().await;
        let mails = server.mails();
        let mail = mails.last().unwrap();
        assert!(mail.contains("http://localhost:7117/") && !mail.contains("evil.test"), "{mail}");
    }
    assert_eq!(server.mails().len(), 2);
}
