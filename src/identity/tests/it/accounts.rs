//! Registration, sign-in by password and recovery, as the first-party API has them.

use postern_identity::{
    accounts::{AccountError, password},
    administration::sign_in as operators,
    core::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    sign_in::{ALICE, NOBODY, SignIn, problem},
    support::{Answer, START, TestApp, credential_change, from_peer, json_request},
};

const CAROL: &str = "carol@example.test";
/// Long, and of words that have nothing to do with each other.
pub const PASSWORD: &str = "seven brass lamps upstream";
pub const ANOTHER: &str = "a violet tram in wet gravel";

async fn register(app: &TestApp, email: &str, password: &str) -> Answer {
    let body = json!({ "client_id": "app", "email": email, "password": password, "name": "Carol Clark" });
    app.post_json("/api/auth/register", &body).await
}

pub async fn login(app: &TestApp, email: &str, password: &str) -> Answer {
    let body = json!({ "client_id": "app", "email": email, "password": password });
    app.post_json("/api/auth/login", &body).await
}

async fn forgot(app: &TestApp, email: &str) -> Answer {
    app.post_json("/api/auth/password/forgot", &json!({ "client_id": "app", "email": email })).await
}

async fn reset(app: &TestApp, token: &str, password: &str) -> Answer {
    let body = json!({ "client_id": "app", "token": token, "password": password });
    app.post_json("/api/auth/password/reset", &body).await
}

async fn verify(app: &TestApp, token: &str) -> Answer {
    app.post_json("/api/auth/email/verify", &json!({ "client_id": "app", "token": token })).await
}

/// The newest link that was mailed to this address.
async fn link_for(app: &TestApp, email: &str) -> String {
    app.run_jobs().await;
    let messages = app.inbox.newest_first();
    let message = messages.iter().find(|message| message.to == email && message.link.is_some());
    message.and_then(|message| message.link.clone()).unwrap_or_else(|| panic!("no link in {messages:?}"))
}

async fn token_for(app: &TestApp, email: &str) -> String {
    link_for(app, email).await.split_once("?token=").unwrap().1.to_owned()
}

/// Passwords that are hashed in no time, and connections that are waited for, however busy the machine is.
pub const QUICK: [(&str, &str); 4] = [
    ("POSTERN_PASSWORD__MEMORY_KIB", "64"),
    ("POSTERN_PASSWORD__ITERATIONS", "1"),
    ("POSTERN_DATABASE__ACQUIRE_TIMEOUT", "20s"),
    ("POSTERN_DATABASE__REQUEST_TIMEOUT", "20s"),
];

/// alice, with a password.
pub async fn with_password() -> SignIn {
    with_password_and(&[]).await
}

pub async fn with_password_and(settings: &[(&str, &str)]) -> SignIn {
    let sign_in = SignIn::with(settings).await;
    assert_eq!(forgot(&sign_in.app, ALICE).await.status, 200);
    let token = token_for(&sign_in.app, ALICE).await;
    assert_eq!(reset(&sign_in.app, &token, PASSWORD).await.status, 200);
    sign_in
}

#[tokio::test]
async fn who_registers_proves_the_address_and_signs_in() {
    let SignIn { app, .. } = SignIn::new().await;
    let answer = register(&app, " Carol@Example.test ", PASSWORD).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "sent": true })), "{}", answer.body);
    assert_eq!(
        login(&app, CAROL, PASSWORD).await.status,
        401,
        "there is no account before its address is proven"
    );
    let link = link_for(&app, CAROL).await;
    assert!(link.starts_with("http://localhost:7117/verify-email?token="), "{link}");
    let token = token_for(&app, CAROL).await;
    let verified = verify(&app, &token).await;
    assert_eq!((verified.status.as_u16(), verified.json()), (200, json!({ "email": CAROL })));
    let again = verify(&app, &token).await;
    assert_eq!((again.status.as_u16(), problem(&again).as_str()), (400, "link_over"));

    let tokens: Value = login(&app, CAROL, PASSWORD).await.json();
    let me: Value = app.get_as(tokens["access_token"].as_str().unwrap(), "/api/auth/me").await.json();
    assert_eq!((&me["email"], &me["email_verified"]), (&json!(CAROL), &json!(true)));
    let started = app.audited("session.started").await;
    assert_eq!(started, [json!({ "kind": "api", "acr": "aal1", "amr": ["pwd"] })]);
    assert_eq!(app.audited("user.registered").await.len(), 1);
}

#[tokio::test]
async fn a_taken_address_gets_the_same_answer_and_its_owner_a_mail() {
    let SignIn { app, .. } = SignIn::new().await;
    let (free, taken) = (register(&app, CAROL, PASSWORD).await, register(&app, ALICE, PASSWORD).await);
    assert_eq!((free.status, &free.body), (taken.status, &taken.body));
    assert_eq!(link_for(&app, ALICE).await, "http://localhost:7117/forgot-password");
    assert_eq!(login(&app, ALICE, PASSWORD).await.status, 401, "nobody sets a password for somebody else");
    let stored = app.everything_stored().await;
    assert!(!stored.contains(PASSWORD) && !stored.contains("argon2id"), "{stored}");
}

#[tokio::test]
async fn of_two_links_to_one_address_one_makes_the_account() {
    let SignIn { app, .. } = SignIn::new().await;
    register(&app, CAROL, PASSWORD).await;
    let first = token_for(&app, CAROL).await;
    register(&app, CAROL, ANOTHER).await;
    let second = token_for(&app, CAROL).await;
    let other = app.another_node().await;
    let calls = (0..20).map(|call| {
        let (app, token) =
            (if call % 2 == 0 { &app } else { &other }, if call % 4 < 2 { &first } else { &second });
        verify(app, token)
    });
    let answers = futures_util::future::join_all(calls).await;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(made, 1);
    assert!(answers.iter().all(|answer| answer.status == 200 || problem(answer) == "link_over"));
    let opened = [login(&app, CAROL, PASSWORD).await.status, login(&app, CAROL, ANOTHER).await.status];
    assert_eq!(opened.iter().filter(|status| status.as_u16() == 200).count(), 1, "the password of that link");
}

#[tokio::test]
async fn what_is_wrong_with_a_registration_is_told_by_field_and_rule() {
    let SignIn { app, .. } = SignIn::new().await;
    for (email, password, field, rule) in [
        ("carol", PASSWORD, "email", "is not an email address"),
        (CAROL, "kx9 Vq2 mZp4tw", "password", "at least 15 characters"),
        (CAROL, "carol@example.test!", "password", "the address, the name"),
        (CAROL, "passwordpassword", "password", "easy to guess"),
        (CAROL, "seven brass\u{0}lamps upstream", "password", "control characters"),
        (CAROL, &"lamps ".repeat(50), "password", "at most 256 characters"),
    ] {
        let answer = register(&app, email, password).await;
        let told: Value = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &told["field"]),
            (400, &json!(field)),
            "{password}: {}",
            answer.body
        );
        assert!(told["detail"].as_str().unwrap().contains(rule), "{password}: {told}");
        assert!(!answer.body.contains(password), "a password is in an answer");
    }
    assert_eq!(app.run_jobs().await, 0, "nothing was sent");
}

#[tokio::test]
async fn both_forms_of_a_letter_are_one_password_and_every_character_counts() {
    let sign_in = SignIn::new().await;
    forgot(&sign_in.app, ALICE).await;
    let token = token_for(&sign_in.app, ALICE).await;
    assert_eq!(reset(&sign_in.app, &token, "caf\u{e9} brass lamps upstream").await.status, 200);
    assert_eq!(login(&sign_in.app, ALICE, "cafe\u{301} brass lamps upstream").await.status, 200);
    for wrong in
        ["caf\u{e9} brass lamps upstrea", "caf\u{e9} brass lamps Upstream", "caf\u{e9} brass lamps upstream "]
    {
        assert_eq!(login(&sign_in.app, ALICE, wrong).await.status, 401, "{wrong}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_alike() {
    let sign_in = with_password().await;
    let plain = |answer: &Answer| {
        let mut told: Value = answer.json();
        told["instance"].take();
        (answer.status, told)
    };
    let wrong = login(&sign_in.app, ALICE, ANOTHER).await;
    let unknown = login(&sign_in.app, NOBODY, ANOTHER).await;
    let without = login(&sign_in.app, "bob@example.test", ANOTHER).await;
    assert_eq!((wrong.status.as_u16(), problem(&wrong).as_str()), (401, "login_failed"));
    assert_eq!(plain(&wrong), plain(&unknown));
    assert_eq!(plain(&wrong), plain(&without));
    let asked = (forgot(&sign_in.app, ALICE).await, forgot(&sign_in.app, NOBODY).await);
    assert_eq!((asked.0.status, asked.0.body), (asked.1.status, asked.1.body));
}

#[tokio::test]
async fn a_reset_ends_what_was_open_and_works_once() {
    let sign_in = with_password().await;
    let app = &sign_in.app;
    let before: Value = login(app, ALICE, PASSWORD).await.json();
    forgot(app, ALICE).await;
    let spare = token_for(app, ALICE).await;
    forgot(app, ALICE).await;
    let token = token_for(app, ALICE).await;
    assert_eq!(reset(app, &token, "too short").await.status, 400, "and costs the link nothing");
    assert_eq!(reset(app, &token, ANOTHER).await.status, 200);
    for over in [&token, &spare] {
        assert_eq!(problem(&reset(app, over, PASSWORD).await), "link_over");
    }
    let refresh = json!({ "client_id": "app", "refresh_token": before["refresh_token"] });
    assert_eq!(app.post_json("/api/auth/refresh", &refresh).await.status, 401);
    assert_eq!(app.get_as(before["access_token"].as_str().unwrap(), "/api/auth/me").await.status, 401);
    assert_eq!(login(app, ALICE, PASSWORD).await.status, 401);
    assert_eq!(login(app, ALICE, ANOTHER).await.status, 200);
    app.run_jobs().await;
    let told = app.inbox.newest_first();
    assert!(told.iter().any(|message| message.subject == "Your password was changed"), "{told:?}");
}

#[tokio::test]
async fn a_link_ends_after_its_time() {
    let SignIn { app, .. } = SignIn::new().await;
    register(&app, CAROL, PASSWORD).await;
    forgot(&app, ALICE).await;
    let (of_carol, of_alice) = (token_for(&app, CAROL).await, token_for(&app, ALICE).await);
    app.clock.advance(std::time::Duration::from_hours(1));
    assert_eq!(problem(&verify(&app, &of_carol).await), "link_over");
    assert_eq!(problem(&reset(&app, &of_alice, PASSWORD).await), "link_over");
    assert_eq!(problem(&reset(&app, "x", PASSWORD).await), "link_over");
}

#[tokio::test]
async fn a_reset_stands_in_for_no_second_factor() {
    let sign_in = SignIn::new().await;
    let authenticator = sign_in.enrol().await;
    let app = &sign_in.app;
    forgot(app, ALICE).await;
    let token = token_for(app, ALICE).await;
    // Beside a second factor a shorter one is enough.
    assert_eq!(reset(app, &token, "kx9 Vq2 mZp").await.status, 200);
    let first = login(app, ALICE, "kx9 Vq2 mZp").await;
    let told: Value = first.json();
    assert_eq!((first.status.as_u16(), &told["methods"]), (403, &json!(["totp"])), "{}", first.body);
    let attempt = told["attempt"].as_str().unwrap();
    let done = sign_in.verify("totp", attempt, &authenticator.code(app, 1)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let started = app.audited("session.started").await;
    assert_eq!(started.last().unwrap()["amr"], json!(["pwd", "otp", "mfa"]));
}

#[tokio::test]
async fn registrations_from_one_address_are_limited() {
    let SignIn { app, .. } = SignIn::new().await;
    for number in 0..3 {
        assert_eq!(register(&app, &format!("p{number}@example.test"), PASSWORD).await.status, 200);
    }
    let limited = register(&app, CAROL, PASSWORD).await;
    assert_eq!(limited.status, 429);
    assert!(!limited.header("retry-after").is_empty());
    let body = json!({ "client_id": "app", "email": CAROL, "password": PASSWORD });
    let elsewhere = from_peer(json_request("/api/auth/register", &body), "198.51.100.7");
    assert_eq!(app.send(elsewhere).await.status, 200);
}

#[tokio::test]
async fn nobody_registers_where_it_is_closed() {
    let sign_in = SignIn::with(&[("POSTERN_REGISTRATION__MODE", "closed")]).await;
    let answer = register(&sign_in.app, CAROL, PASSWORD).await;
    assert_eq!((answer.status.as_u16(), problem(&answer).as_str()), (403, "registration_closed"));
    let page = sign_in.app.get("/register").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("Nobody can register here"));
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_renewed_by_the_sign_in_that_proves_it() {
    use postern_entities::credentials::Entity;
    use sea_orm::EntityTrait as _;
    let sign_in = with_password().await;
    let sealed = async |app: &TestApp| {
        let rows = Entity::find().all(app.app.db.reader()).await.unwrap();
        rows.into_iter().map(|row| row.secret_sealed).collect::<Vec<_>>()
    };
    let before = sealed(&sign_in.app).await;
    assert_eq!(login(&sign_in.app, ALICE, PASSWORD).await.status, 200);
    assert_eq!(sealed(&sign_in.app).await, before, "nothing to renew");
    let stronger = sign_in.app.another_node_with(&[("POSTERN_PASSWORD__ITERATIONS", "3")]).await;
    assert_eq!(login(&stronger, ALICE, ANOTHER).await.status, 401);
    assert_eq!(sealed(&stronger).await, before, "a wrong one renews nothing");
    assert_eq!(login(&stronger, ALICE, PASSWORD).await.status, 200);
    let after = sealed(&stronger).await;
    assert_ne!(after, before);
    assert_eq!(login(&stronger, ALICE, PASSWORD).await.status, 200);
    assert_eq!(sealed(&stronger).await, after);
}

#[tokio::test]
async fn after_five_failures_the_right_password_works_from_another_address_only() {
    let sign_in = with_password().await;
    let other_node = sign_in.app.another_node().await;
    let from = async |app: &TestApp, email: &str, password: &str, peer: &str| {
        let body = json!({ "client_id": "app", "email": email, "password": password });
        app.send(from_peer(json_request("/api/auth/login", &body), peer)).await
    };
    for (app, email) in [
        (&sign_in.app, ALICE),
        (&other_node, "Alice@Example.TEST"),
        (&sign_in.app, NOBODY),
        (&other_node, ALICE),
        (&sign_in.app, ALICE),
    ] {
        assert_eq!(from(app, email, ANOTHER, "198.51.100.7").await.status, 401);
    }
    for app in [&sign_in.app, &other_node] {
        let limited = from(app, ALICE, PASSWORD, "198.51.100.7").await;
        assert_eq!(limited.status, 429);
        assert!(!limited.header("retry-after").is_empty());
    }
    assert_eq!(from(&sign_in.app, ALICE, PASSWORD, "203.0.113.9").await.status, 200);
}

#[tokio::test]
async fn guesses_at_a_password_are_limited_before_they_are_hashed() {
    let sign_in = with_password().await;
    let calls = (0..50).map(|call| {
        let body = json!({ "client_id": "app", "email": ALICE, "password": format!("wrong {call}") });
        let request = from_peer(json_request("/api/auth/login", &body), &format!("198.51.100.{call}"));
        sign_in.app.send(request)
    });
    let answers = futures_util::future::join_all(calls).await;
    let hashed = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(hashed, 6, "failures_before_delay");
    assert!(answers.iter().filter(|answer| answer.status != 401).all(|answer| answer.status == 429));
}

#[tokio::test]
async fn operators_see_how_an_account_signs_in_and_open_or_reset_it() {
    let sign_in = with_password().await;
    let app = &sign_in.app;
    let state = async || operators::load_state(&app.app, &sign_in.alice).await.unwrap();
    assert_eq!((state().await.password, state().await.totp, state().await.last_sign_in), (true, false, None));
    let tokens: Value = login(app, ALICE, PASSWORD).await.json();
    for call in 0..12 {
        let body = json!({ "client_id": "app", "email": ALICE, "password": ANOTHER });
        app.send(from_peer(json_request("/api/auth/login", &body), &format!("198.51.100.{call}"))).await;
    }
    let locked = state().await;
    assert_eq!((locked.failed_attempts, locked.sessions), (6, 1));
    assert_eq!(locked.last_sign_in, Some(START));
    assert_eq!(locked.locked_until, Some(START + std::time::Duration::from_secs(30)));
    let body = json!({ "client_id": "app", "email": ALICE, "password": PASSWORD });
    let from_elsewhere = || from_peer(json_request("/api/auth/login", &body), "203.0.113.9");
    assert_eq!(app.send(from_elsewhere()).await.status, 429);
    operators::unlock(&app.app, &sign_in.alice, &RequestContext::of_command(&app.app)).await.unwrap();
    assert_eq!((state().await.locked_until, state().await.failed_attempts), (None, 0));
    assert_eq!(app.send(from_elsewhere()).await.status, 200);

    operators::reset_credentials(&app.app, &sign_in.alice, &RequestContext::of_command(&app.app))
        .await
        .unwrap();
    let reset = state().await;
    assert_eq!((reset.password, reset.totp, reset.recovery_codes, reset.sessions), (false, false, 0, 0));
    assert_eq!(login(app, ALICE, PASSWORD).await.status, 401);
    assert_eq!(app.get_as(tokens["access_token"].as_str().unwrap(), "/api/auth/me").await.status, 401);
    sign_in.tokens().await;
}

#[tokio::test]
async fn a_sign_in_that_waits_for_its_second_step_ends_with_the_password_that_began_it() {
    let sign_in = with_password().await;
    let authenticator = sign_in.enrol().await;
    let app = &sign_in.app;
    let told: Value = login(app, ALICE, PASSWORD).await.json();
    let attempt = told["attempt"].as_str().unwrap();
    forgot(app, ALICE).await;
    assert_eq!(reset(app, &token_for(app, ALICE).await, ANOTHER).await.status, 200);
    let late = sign_in.verify("totp", attempt, &authenticator.code(app, 1)).await;
    assert_eq!(late.status, 401, "{}", late.body);
}

#[tokio::test]
async fn guesses_at_the_password_bar_nobody_from_the_mailed_code() {
    let sign_in = with_password().await;
    for call in 0..12 {
        let body = json!({ "client_id": "app", "email": ALICE, "password": ANOTHER });
        sign_in
            .app
            .send(from_peer(json_request("/api/auth/login", &body), &format!("198.51.100.{call}")))
            .await;
    }
    assert_eq!(login(&sign_in.app, ALICE, PASSWORD).await.status, 429);
    sign_in.tokens().await;
}

#[tokio::test]
async fn a_sign_in_that_waits_for_its_second_step_ends_with_a_reset_by_an_operator() {
    let sign_in = with_password().await;
    sign_in.enrol().await;
    let told: Value = login(&sign_in.app, ALICE, PASSWORD).await.json();
    operators::reset_credentials(
        &sign_in.app.app,
        &sign_in.alice,
        &RequestContext::of_command(&sign_in.app.app),
    )
    .await
    .unwrap();
    let authenticator = sign_in.enrol().await;
    let code = authenticator.code(&sign_in.app, 1);
    let late = sign_in.verify("totp", told["attempt"].as_str().unwrap(), &code).await;
    assert_eq!(late.status, 401, "{}", late.body);
}

#[tokio::test]
async fn of_changes_resets_and_sign_ins_at_once_none_is_torn_and_one_password_stays() {
    let sign_in = with_password().await;
    let (app, other) = (&sign_in.app, sign_in.app.another_node().await);
    forgot(app, ALICE).await;
    let token = token_for(app, ALICE).await;
    let signed_in = app.signed_in(&sign_in.alice).await;
    let (app, other, signed_in) = (app, &other, &signed_in);
    let changes = (0..6).map(|call| async move {
        let (node, new) = if call % 2 == 0 { (app, ANOTHER) } else { (other, "one brown kettle overhead") };
        let changed = password::change(
            &node.app,
            credential_change(signed_in, &RequestContext::of_command(&node.app), true),
            new,
        )
        .await;
        // After the reset the session does not stand.
        assert!(matches!(changed, Ok(()) | Err(AccountError::SessionEnded(_))), "{changed:?}");
    });
    let sign_ins = (0..4).map(|call| async move {
        let answer = login(if call % 2 == 0 { app } else { other }, ALICE, PASSWORD).await;
        assert!([200, 401].contains(&answer.status.as_u16()), "{}", answer.body);
    });
    let by_link = async {
        let answer = reset(other, &token, "nine pale doors inland").await;
        assert!([200, 400].contains(&answer.status.as_u16()), "{}", answer.body);
    };
    let (changes, sign_ins) =
        (futures_util::future::join_all(changes), futures_util::future::join_all(sign_ins));
    tokio::join!(changes, sign_ins, by_link);
    // Whatever failed is forgotten then.
    app.clock.advance(std::time::Duration::from_hours(2));
    let mut open = Vec::new();
    let passwords = [PASSWORD, ANOTHER, "one brown kettle overhead", "nine pale doors inland"];
    for (call, password) in passwords.into_iter().enumerate() {
        let body = json!({ "client_id": "app", "email": ALICE, "password": password });
        let request = from_peer(json_request("/api/auth/login", &body), &format!("198.51.100.{call}"));
        open.push(app.send(request).await.status.as_u16());
    }
    assert_eq!(open[0], 401, "the old one");
    assert_eq!(open.iter().filter(|status| **status == 200).count(), 1, "{open:?}");
}
