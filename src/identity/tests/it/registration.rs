//! Registration beyond its first mail: asked for again, by invitation, and on the way to an app.

use std::time::Duration;

use minijinja::context;
use poem::http::header;
use postern_entities::links;
use postern_identity::{accounts::invitations, core::RequestContext, crypto, mail};
use postern_service::database::DatabaseError;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use crate::{
    flow::{Ask, World},
    person::open,
    sign_in::{ALICE, NOBODY, SignIn, problem},
    support::{Answer, Browser, TestApp, from_peer, json_request},
};

const CAROL: &str = "carol@example.test";
const PASSWORD: &str = "seven brass lamps upstream";
const INVITATION: (&str, &str) = ("POSTERN_REGISTRATION__MODE", "invitation");

async fn register(app: &TestApp, email: &str) -> Answer {
    let body = json!({ "client_id": "app", "email": email, "password": PASSWORD });
    app.post_json("/api/auth/register", &body).await
}

async fn resend(app: &TestApp, email: &str) -> Answer {
    app.post_json("/api/auth/email/resend", &json!({ "client_id": "app", "email": email })).await
}

async fn verify(app: &TestApp, token: &str) -> Answer {
    app.post_json("/api/auth/email/verify", &json!({ "client_id": "app", "token": token })).await
}

async fn login(app: &TestApp, email: &str) -> u16 {
    let body = json!({ "client_id": "app", "email": email, "password": PASSWORD });
    app.post_json("/api/auth/login", &body).await.status.as_u16()
}

/// Path and query of every link to this address, the newest first.
async fn mailed(app: &TestApp, email: &str) -> Vec<String> {
    app.run_jobs().await;
    let messages = app.inbox.newest_first();
    let links = messages.into_iter().filter(|message| message.to == email).filter_map(|message| message.link);
    links.map(|link| link.strip_prefix("http://localhost:7117").unwrap().to_owned()).collect()
}

fn token(path: &str) -> &str {
    path.split_once('=').unwrap().1
}

#[tokio::test]
async fn a_registration_is_mailed_again_and_either_link_completes_it_once() {
    let SignIn { app, .. } = SignIn::new().await;
    register(&app, CAROL).await;
    app.run_jobs().await;
    app.clock.advance(Duration::from_mins(50));
    let again = resend(&app, " Carol@example.test").await;
    assert_eq!((again.status.as_u16(), again.json()), (200, json!({ "sent": true })));
    let links = mailed(&app, CAROL).await;
    assert_eq!(links.len(), 2);
    assert_ne!(links[0], links[1]);
    app.clock.advance(Duration::from_mins(20));
    assert_eq!(problem(&verify(&app, token(&links[1])).await), "link_over", "the first one has ended");
    assert_eq!(verify(&app, token(&links[0])).await.status, 200);
    assert_eq!(login(&app, CAROL).await, 200, "by the password that the registration began with");

    register(&app, "dave@example.test").await;
    app.run_jobs().await;
    resend(&app, "dave@example.test").await;
    let links = mailed(&app, "dave@example.test").await;
    assert_eq!(verify(&app, token(&links[1])).await.status, 200, "the first one still works");
    assert_eq!(problem(&verify(&app, token(&links[0])).await), "link_over");
}

#[tokio::test]
async fn asked_again_everybody_gets_the_same_answer() {
    let SignIn { app, .. } = SignIn::new().await;
    register(&app, CAROL).await;
    app.run_jobs().await;
    let answers = [resend(&app, CAROL).await, resend(&app, ALICE).await, resend(&app, NOBODY).await];
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (answers[0].status, &answers[0].body));
    }
    let runs = app.run_jobs().await;
    assert!(runs >= 3, "a job for each, {runs}");
    assert_eq!(mailed(&app, ALICE).await, ["/forgot-password"], "who has an account is told");
    assert_eq!(mailed(&app, NOBODY).await.len(), 0);
    assert_eq!(app.audited("registration.resent").await.len(), 3);
}

#[tokio::test]
async fn asking_again_is_limited_by_recipient_and_source() {
    let SignIn { app, .. } = SignIn::new().await;
    let from = async |email: &str, peer: &str| {
        let body = json!({ "client_id": "app", "email": email });
        app.send(from_peer(json_request("/api/auth/email/resend", &body), peer)).await.status.as_u16()
    };
    for call in 0..5 {
        assert_eq!(from(CAROL, &format!("192.0.2.{call}")).await, 200);
    }
    assert_eq!(from(CAROL, "192.0.2.200").await, 429);
    for call in 0..20 {
        assert_eq!(from(&format!("{call}@example.test"), "198.51.100.1").await, 200);
    }
    assert_eq!(from("last@example.test", "198.51.100.1").await, 429);
    let closed = app.another_node_with(&[("POSTERN_REGISTRATION__MODE", "closed")]).await;
    assert_eq!(problem(&resend(&closed, CAROL).await), "registration_closed");
}

#[tokio::test]
async fn a_person_has_the_mail_sent_again() {
    let app = TestApp::new().await;
    let browser = app.browser();
    let page = open(&browser, "/register").await;
    let sent = page.press("#register-submit", &[("email", CAROL), ("password", PASSWORD)]).await;
    let once = sent.press("#sent-again", &[]).await;
    assert!(once.text(".note").contains("on its way again"));
    assert_eq!(mailed(&app, CAROL).await.len(), 2);
    let elsewhere = app.browser();
    let sent = open(&elsewhere, "/register?sent=yes").await;
    let wrong = sent.press("#sent-again", &[("email", "carol")]).await;
    assert!(wrong.text("#email-error").contains("name@example.com"));
    let again = wrong.press("#sent-again", &[("email", CAROL)]).await;
    assert!(again.text(".note").contains("on its way again"));
    let links = mailed(&app, CAROL).await;
    assert_eq!(open(&browser, &links[0]).await.path, "/account", "signed in at once");
    let sent = open(&browser, "/register?sent=yes").await;
    assert!(!sent.answer.body.contains(CAROL), "the browser forgets the address");
}

#[tokio::test]
async fn who_registers_on_the_way_to_an_app_arrives_there() {
    let world = World::new().await;
    let (app, browser) = (&world.app, world.app.browser());
    let register = open(&browser, &Ask::of("rp").path()).await.click("#login-register").await;
    assert!(register.path.starts_with("/register?request="), "{}", register.path);
    let wrong = register.press("#register-submit", &[("email", CAROL), ("password", "short")]).await;
    let sent = wrong.press("#register-submit", &[("email", CAROL), ("password", PASSWORD)]).await;
    let sent = sent.press("#sent-again", &[("email", CAROL)]).await;
    assert!(sent.attribute("#sent-sign-in", "href").starts_with("/login?request="));
    let link = mailed(app, CAROL).await.remove(0);
    assert!(!link.contains("request"), "{link}");
    let consent = open(&browser, &link).await;
    let back = consent.press("#consent-allow", &[]).await;
    assert!(back.answer.header("location").starts_with("https://rp.test/cb?"), "{:?}", back.answer);
}

/// Asks for a link to set a new password, in this browser, and answers its path.
async fn forgot(browser: &Browser<'_>) -> String {
    // Mails of one moment have no order.
    browser.app.clock.advance(Duration::from_secs(60));
    open(browser, "/forgot-password").await.press("#forgot-submit", &[("email", ALICE)]).await;
    let links = mailed(browser.app, ALICE).await;
    links.into_iter().find(|path| path.starts_with("/reset-password?token=")).unwrap()
}

#[tokio::test]
async fn who_sets_a_new_password_on_the_way_to_an_app_is_signed_in_and_goes_on() {
    let world = World::new().await;
    let (app, browser) = (&world.app, world.app.browser());
    let address = open(&browser, &Ask::of("rp").path()).await;
    let asked = address.press("#login-password", &[("identifier", ALICE)]).await;
    let forgot = asked.click("#forgot-password").await;
    assert_eq!(forgot.attribute("#email", "value"), ALICE, "typed once");
    forgot.press("#forgot-submit", &[]).await;
    let link = mailed(app, ALICE).await.remove(0);
    let consent = open(&browser, &link).await.press("#reset-submit", &[("password", PASSWORD)]).await;
    assert_eq!(consent.title(), "Allow rp?");
    let started = app.audited("session.started").await;
    assert!(started.contains(&json!({ "kind": "browser", "acr": "aal1", "amr": ["otp"] })), "{started:?}");
    let done = consent.press("#consent-allow", &[]).await;
    assert!(done.answer.header("location").contains("code="), "{:?}", done.answer);
}

#[tokio::test]
async fn a_reset_signs_nobody_in_elsewhere_or_where_mail_is_not_a_whole_sign_in() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let asks_to_sign_in = async |browser: &Browser<'_>, link: &str| {
        let done = open(browser, link).await.press("#reset-submit", &[("password", PASSWORD)]).await;
        assert_eq!(done.text("h1"), "Your password is set");
        assert_eq!(done.attribute("#done-sign-in", "href"), "/login?to=account");
        assert!(browser.cookie("postern-session").is_none());
        assert_eq!(login(app, ALICE).await, 200, "by the new password");
    };
    let asked = forgot(&app.browser()).await;
    asks_to_sign_in(&app.browser(), &asked).await;

    // Whoever was signed in here is signed out all the same.
    let browser = app.browser();
    browser.sign_in(&sign_in.alice).await;
    let asked = forgot(&browser).await;
    let home = open(&browser, &asked).await.press("#reset-submit", &[("password", PASSWORD)]).await;
    assert_eq!(home.path, "/account");
    assert_eq!(login(app, ALICE).await, 200);
    let reached = json!({ "kind": "browser", "acr": "aal1", "amr": ["otp"] });
    assert_eq!(app.audited("session.started").await.iter().filter(|started| **started == reached).count(), 2);

    let only_passwords = app.another_node_with(&[("POSTERN_LOGIN__METHODS", "password,totp")]).await;
    let browser = only_passwords.browser();
    let asked = forgot(&browser).await;
    asks_to_sign_in(&browser, &asked).await;

    sign_in.enrol().await;
    let browser = app.browser();
    let asked = forgot(&browser).await;
    let done = open(&browser, &asked).await.press("#reset-submit", &[("password", PASSWORD)]).await;
    assert_eq!(done.text("h1"), "Your password is set", "the second factor is asked for");
    assert!(!open(&browser, "/account").await.has("#sign-out"));
}

#[tokio::test]
async fn a_reset_link_of_an_earlier_version_still_works() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let browser = app.browser();
    let link = forgot(&browser).await;
    let token = link.split_once('=').unwrap().1;
    let hash = crypto::token_hash(token);
    let named = crypto::encode_hex(&hash);
    let sealed = app.app.vault.seal(&["links", &named], b"null").unwrap();
    let earlier = links::Entity::update_many()
        .col_expr(links::Column::PayloadSealed, sealed.into())
        .filter(links::Column::TokenHash.eq(hash));
    app.app.db.write(async |tx| earlier.exec(tx).await.map_err(DatabaseError::from)).await.unwrap();
    let done = open(&browser, &link).await.press("#reset-submit", &[("password", PASSWORD)]).await;
    assert_eq!(done.text("h1"), "Your password is set");
}

#[tokio::test]
async fn in_another_browser_or_too_late_a_page_says_where_to_go() {
    let world = World::new().await;
    let (app, browser, elsewhere) = (&world.app, world.app.browser(), world.app.browser());
    let register = open(&browser, &Ask::of("rp").path()).await.click("#login-register").await;
    register.press("#register-submit", &[("email", CAROL), ("password", PASSWORD)]).await;
    let link = mailed(app, CAROL).await.remove(0);
    let done = open(&elsewhere, &link).await.press("#verify-submit", &[("password", PASSWORD)]).await;
    assert!(done.text("main").contains("go back to the app that you came from"), "{}", done.answer.body);
    assert_eq!(done.click("#done-sign-in").await.path, "/account", "signed in by the password");

    for id in ["x", "https://evil.example.test", "00000000-0000-4000-8000-000000000000"] {
        let page = open(&browser, &format!("/register?request={id}")).await;
        assert_eq!((page.answer.status.as_u16(), page.has("input[name=request]")), (200, false), "{id}");
        assert!(!page.answer.body.contains("evil"));
    }
}

#[tokio::test]
async fn who_is_invited_makes_an_account_and_nobody_else_does() {
    let SignIn { app, .. } = SignIn::with(&[INVITATION]).await;
    let refused = register(&app, CAROL).await;
    assert_eq!((refused.status.as_u16(), problem(&refused).as_str()), (403, "registration_closed"));
    let browser = app.browser();
    let closed = open(&browser, "/register").await;
    assert_eq!((closed.answer.status.as_u16(), closed.text("h1").as_str()), (403, "You need an invitation"));
    assert!(!open(&browser, "/login?to=account").await.has("#login-register"));

    let invited = invitations::invite(&app.app, CAROL, &RequestContext::of_command(&app.app)).await.unwrap();
    assert_eq!(invited.link, None, "it was mailed");
    let link = mailed(&app, CAROL).await.remove(0);
    app.clock.advance(Duration::from_hours(24 * 6));
    let page = open(&browser, &link).await;
    assert_eq!(page.attribute("#email", "value"), CAROL);
    let weak = page.press("#register-submit", &[("password", "short"), ("name", "Carol")]).await;
    assert!(weak.has("#password-error") && weak.attribute("#name", "value") == "Carol");
    let done = weak.press("#register-submit", &[("password", PASSWORD)]).await;
    assert_eq!(done.path, "/account", "{}", done.answer.body);
    assert!(done.text("main").contains(CAROL), "signed in at once");
    let started = app.audited("session.started").await;
    assert_eq!(started, [json!({ "kind": "browser", "acr": "aal1", "amr": ["pwd"] })]);
    assert_eq!(login(&app, CAROL).await, 200);
    let over = open(&browser, &link).await;
    assert_eq!(
        (over.answer.status.as_u16(), over.text("h1").as_str()),
        (400, "This link does not work any more")
    );
    assert_eq!(app.audited("user.registered").await, [json!({ "by": "invitation" })]);
}

#[tokio::test]
async fn an_invitation_is_for_its_address_and_for_one_account() {
    let SignIn { app, .. } = SignIn::with(&[INVITATION]).await;
    invitations::invite(&app.app, CAROL, &RequestContext::of_command(&app.app)).await.unwrap();
    let link = mailed(&app, CAROL).await.remove(0);
    let other = app.another_node().await;
    let (here, there) = (app.browser(), other.browser());
    let (first, second) = (open(&here, &link).await, open(&there, &link).await);
    let mut filled = first.fill("#register-submit", &[("password", PASSWORD)]);
    filled.fields.insert("email".to_owned(), "mallory@example.test".to_owned());
    let fields: Vec<_> = filled.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (one, two) = tokio::join!(
        here.post("/register", &fields),
        second.press("#register-submit", &[("password", PASSWORD)])
    );
    let statuses = [one.status.as_u16(), two.answer.status.as_u16()];
    assert!(statuses == [303, 400] || statuses == [400, 200], "{statuses:?}");
    assert_eq!(login(&app, CAROL).await, 200);
    assert_eq!(login(&app, "mallory@example.test").await, 401);
}

#[tokio::test]
async fn a_newer_invitation_a_withdrawal_and_time_end_an_invitation() {
    let SignIn { app, .. } = SignIn::with(&[INVITATION]).await;
    let context = RequestContext::of_command(&app.app);
    let works = async |link: &str| app.get(link).await.status == 200;
    invitations::invite(&app.app, CAROL, &context).await.unwrap();
    app.run_jobs().await;
    invitations::invite(&app.app, CAROL, &context).await.unwrap();
    let links = mailed(&app, CAROL).await;
    assert_eq!([works(&links[0]).await, works(&links[1]).await], [true, false]);
    assert_eq!(invitations::list(&app.app, 10).await.unwrap().len(), 1);
    assert!(invitations::withdraw(&app.app, CAROL, &context).await.unwrap());
    assert!(!invitations::withdraw(&app.app, CAROL, &context).await.unwrap());
    assert!(!works(&links[0]).await);
    invitations::invite(&app.app, CAROL, &context).await.unwrap();
    let link = mailed(&app, CAROL).await.remove(0);
    app.clock.advance(Duration::from_hours(24 * 7));
    assert!(!works(&link).await);
    assert_eq!(invitations::list(&app.app, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_server_of_the_operator_invites_and_learns_nothing_about_accounts() {
    let SignIn { app, .. } = SignIn::with(&[INVITATION]).await;
    let secret = app.fixtures.secret("office");
    let stranger = app.fixtures.secret("outsider");
    let invite = async |client_id: &str, secret: &str, email: &str| {
        let body = json!({ "client_id": client_id, "client_secret": secret, "email": email });
        app.post_json("/api/auth/invitations", &body).await
    };
    let (free, taken) = (invite("office", secret, CAROL).await, invite("office", secret, ALICE).await);
    assert_eq!((free.status.as_u16(), taken.status.as_u16()), (200, 200), "{}", free.body);
    assert_eq!(free.body.replace(CAROL, ""), taken.body.replace(ALICE, ""));
    assert_eq!(mailed(&app, ALICE).await, ["/account"]);
    assert!(mailed(&app, CAROL).await[0].starts_with("/register?invitation="));
    assert_eq!(app.audited("user.invited").await.len(), 2);

    assert_eq!(invite("office", "wrong", CAROL).await.status, 401);
    assert_eq!(problem(&invite("outsider", stranger, CAROL).await), "not_first_party");
    let public = app.post_json("/api/auth/invitations", &json!({ "client_id": "app", "email": CAROL })).await;
    assert_eq!((public.status.as_u16(), problem(&public).as_str()), (403, "public_client"));
    let malformed = invite("office", secret, "carol").await;
    assert_eq!((malformed.status.as_u16(), &malformed.json::<Value>()["field"]), (400, &json!("email")));
    for _ in 0..4 {
        assert_eq!(invite("office", secret, CAROL).await.status, 200);
    }
    let limited = invite("office", secret, CAROL).await;
    assert_eq!(limited.status, 429);
    assert!(!limited.header(header::RETRY_AFTER.as_str()).is_empty());
    let closed = app.another_node_with(&[("POSTERN_REGISTRATION__MODE", "closed")]).await;
    let body = json!({ "client_id": "office", "client_secret": secret, "email": CAROL });
    assert_eq!(problem(&closed.post_json("/api/auth/invitations", &body).await), "registration_closed");
}

#[tokio::test]
async fn one_minute_is_not_minutes() {
    let app = TestApp::with(&[("POSTERN_LOGIN__CODE_LIFETIME", "1m")]).await;
    let browser = app.browser();
    for (language, one, many) in
        [("en", "1 minute.", "5 minutes."), ("de", "eine Minute lang.", "5 Minuten lang.")]
    {
        for (minutes, told) in [(1, one), (5, many)] {
            let values = context! { issuer => "x", link => "y", minutes };
            let letter = mail::compose(&app.app.templates, CAROL, "verify-email", language, values).unwrap();
            assert!(letter.text.contains(told) && letter.html.contains(told), "{}", letter.text);
        }
    }
    let page = open(&browser, "/login?to=account").await;
    let code = page.press("#login-submit", &[("identifier", CAROL)]).await;
    assert!(code.text("main").contains("in this browser, for about 1 minute"), "{}", code.answer.body);
    browser.speaks("de");
    let code = open(&browser, "/login?to=account").await;
    assert!(code.text("main").contains("noch etwa 1 Minute"), "{}", code.answer.body);
}
