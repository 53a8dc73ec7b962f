//! Devices of apps: the secret that a sign-in answers with, and what it is good for.

use std::time::Duration;

use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::{
    accounts::{ANOTHER, PASSWORD, QUICK, with_password_and},
    sign_in::{ALICE, APP_ORIGIN, SignIn, from_page, problem},
    support::{Answer, TestApp, from_peer, json_request},
};

async fn login(app: &TestApp, password: &str, device: Option<&str>, peer: &str) -> Answer {
    let body = json!({ "client_id": "app", "email": ALICE, "password": password, "device": device });
    app.send(from_peer(json_request("/api/auth/login", &body), peer)).await
}

fn device(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json::<Value>()["device"].as_str().unwrap().to_owned()
}

/// Guesses from everywhere, until those of strangers wait.
async fn hammer(app: &TestApp) {
    for number in 1..=8 {
        login(app, ANOTHER, None, &format!("198.51.100.{number}")).await;
    }
}

#[tokio::test]
async fn a_sign_in_answers_with_a_device_that_strangers_do_not_slow_down() {
    let sign_in = with_password_and(&QUICK).await;
    let app = &sign_in.app;
    let first = device(&login(app, PASSWORD, None, "203.0.113.9").await);
    assert_eq!(first.len(), 43);
    assert_eq!(device(&login(app, PASSWORD, Some(&first), "203.0.113.77").await), first, "it stays");
    hammer(app).await;
    assert_eq!(login(app, PASSWORD, None, "203.0.113.9").await.status, 429);
    for unknown in ["A".repeat(43), "no secret of ours".to_owned()] {
        assert_eq!(login(app, PASSWORD, Some(&unknown), "203.0.113.9").await.status, 429, "{unknown}");
    }
    assert_eq!(login(app, PASSWORD, Some(&first), "203.0.113.9").await.status, 200);
    let long = login(app, PASSWORD, Some(&"A".repeat(65)), "203.0.113.9").await;
    assert_eq!((long.status.as_u16(), &long.json::<Value>()["field"]), (400, &json!("device")));

    // Its own guesses wait, too.
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(login(app, ANOTHER, Some(&first), "203.0.113.9").await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429]);
}

#[tokio::test]
async fn a_device_is_known_to_its_account_for_180_days_and_until_the_password_changes() {
    let sign_in = with_password_and(&QUICK).await;
    let app = &sign_in.app;
    let known = device(&login(app, PASSWORD, None, "203.0.113.9").await);
    let stored = postern_entities::devices::Entity::find().all(app.app.db.reader()).await.unwrap();
    assert!(stored.iter().all(|row| row.device_hash[..] != *known.as_bytes()), "stored hashed");
    app.clock.advance(Duration::from_hours(24 * 180));
    hammer(app).await;
    assert_eq!(login(app, PASSWORD, Some(&known), "203.0.113.9").await.status, 429);
    app.clock.advance(Duration::from_hours(2));
    assert_eq!(login(app, PASSWORD, Some(&known), "203.0.113.9").await.status, 200);
    sign_in.set_password(ANOTHER).await;
    for number in 1..=8 {
        login(app, PASSWORD, None, &format!("198.51.100.{number}")).await;
    }
    assert_eq!(login(app, ANOTHER, Some(&known), "203.0.113.9").await.status, 429, "forgotten");
}

#[tokio::test]
async fn an_app_asks_for_codes_and_links_on_a_known_device_whatever_strangers_ask_for() {
    let sign_in = with_password_and(&QUICK).await;
    let app = &sign_in.app;
    let known = device(&login(app, PASSWORD, None, "203.0.113.9").await);
    app.clock.advance(Duration::from_mins(15));
    for _ in 0..6 {
        sign_in.request("email-otp", ALICE).await;
    }
    app.run_jobs().await;
    let begin = async |device: Option<&str>| {
        let body = json!({ "client_id": "app", "identifier": ALICE, "device": device });
        app.post_json("/api/auth/email-otp/request", &body).await
    };
    assert_eq!(begin(None).await.status, 429);
    let begun = begin(Some(&known)).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    let forgot = json!({ "client_id": "app", "email": ALICE, "device": known });
    assert_eq!(app.post_json("/api/auth/password/forgot", &forgot).await.status, 200);
    let code = app.code_for(ALICE).await;
    let body = json!({ "client_id": "app", "attempt": begun.json::<Value>()["attempt"], "code": code,
        "device": known });
    assert_eq!(device(&app.post_json("/api/auth/email-otp/verify", &body).await), known);
}

#[tokio::test]
async fn an_app_that_keeps_nothing_leaves_one_row_and_is_told_of_once() {
    let sign_in = with_password_and(&QUICK).await;
    let app = &sign_in.app;
    for _ in 0..3 {
        login(app, PASSWORD, None, "203.0.113.9").await;
        login(app, PASSWORD, None, "198.51.100.7").await;
    }
    let rows = postern_entities::devices::Entity::find().all(app.app.db.reader()).await.unwrap();
    assert_eq!(rows.len(), 2);
    app.run_jobs().await;
    let mails = app.inbox.newest_first();
    assert_eq!(mails.iter().filter(|mail| mail.subject == "New sign-in to your account").count(), 1);
}

#[tokio::test]
async fn who_was_at_the_same_network_before_a_change_of_password_knows_no_device_after_it() {
    let sign_in = with_password_and(&QUICK).await;
    let app = &sign_in.app;
    let before = device(&login(app, PASSWORD, None, "203.0.113.9").await);
    sign_in.set_password(ANOTHER).await;
    app.clock.advance(Duration::from_secs(1));
    let after = device(&login(app, ANOTHER, None, "203.0.113.9").await);
    assert_ne!(after, before, "of the same app at the same network");
    assert_eq!(device(&login(app, ANOTHER, None, "203.0.113.9").await), after, "which gets it again");
    for number in 1..=8 {
        login(app, PASSWORD, None, &format!("198.51.100.{number}")).await;
    }
    assert_eq!(login(app, ANOTHER, Some(&before), "203.0.113.77").await.status, 429);
    assert_eq!(login(app, ANOTHER, Some(&after), "203.0.113.77").await.status, 200);
}

#[tokio::test]
async fn with_cookies_the_device_is_no_scripts_business() {
    for (issuer, prefix) in [("http://localhost:7117", ""), ("https://id.example.test", "__Secure-")] {
        let sign_in: SignIn = with_password_and(&[&QUICK[..], &[("POSTERN_ISSUER", issuer)]].concat()).await;
        let browser = sign_in.app.browser();
        let sign = async |password: &str| {
            let body = json!({ "client_id": "app", "email": ALICE, "password": password, "cookies": true });
            browser.send(from_page("/api/auth/login", &body, APP_ORIGIN)).await
        };
        let done = sign(PASSWORD).await;
        assert_eq!(done.status, 200, "{}", done.body);
        assert!(done.json::<Value>().get("device").is_none());
        let lines = done.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        let name = format!("{prefix}postern-device-");
        let cookie = lines.filter(|line| line.starts_with(&name)).collect::<String>();
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/api/auth", "Max-Age=15552000"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert_eq!(cookie.contains("Secure"), !prefix.is_empty(), "{cookie}");
        hammer(&sign_in.app).await;
        assert_eq!(sign(PASSWORD).await.status, 200, "it knows the device");
        let body = json!({ "client_id": "app", "email": ALICE, "password": PASSWORD, "cookies": true });
        let stranger = sign_in.app.send(from_page("/api/auth/login", &body, APP_ORIGIN)).await;
        assert_eq!((stranger.status.as_u16(), problem(&stranger).as_str()), (429, "too_many_requests"));
    }
}
