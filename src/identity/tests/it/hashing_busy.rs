//! What people are told while every place for hashing is taken, and that it costs them nothing.

use std::{
    pin::Pin,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use postern_identity::administration::sign_in as operators;
use serde_json::{Value, json};

use crate::{
    person::{Page, open},
    sign_in::{ALICE, SignIn, problem},
    support::{Answer, Browser, TestApp},
};

const PASSWORD: &str = "seven brass lamps upstream";
const ANOTHER: &str = "a violet tram in wet gravel";

type Waiting<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

type Work = Box<dyn FnOnce() + Send>;

/// Holds every thread of some workers and every place in their queue, until it is dropped.
struct Full<'a> {
    release: Vec<Sender<()>>,
    waiting: Vec<Waiting<'a>>,
    run: fn(&'a TestApp, Work) -> Waiting<'a>,
}

fn hashing(app: &TestApp, work: Work) -> Waiting<'_> {
    Box::pin(async { app.app.passwords.hasher.run_assessment(work).await.is_ok() })
}

fn estimating(app: &TestApp, work: Work) -> Waiting<'_> {
    Box::pin(async { app.app.passwords.strength_estimator.run(|()| work()).await.is_ok() })
}

/// Fills what hashes: whoever comes now finds no place.
async fn full(app: &TestApp) -> Full<'_> {
    full_of(app, thread::available_parallelism().unwrap().get(), hashing).await
}

async fn full_of<'a>(
    app: &'a TestApp,
    threads: usize,
    run: fn(&'a TestApp, Work) -> Waiting<'a>,
) -> Full<'a> {
    let mut full = Full { release: Vec::new(), waiting: Vec::new(), run };
    let (started, starts) = channel();
    for _ in 0..threads {
        let (release, released) = channel();
        let started = started.clone();
        full.release.push(release);
        full.wait(app, move || hold(&started, &released)).await.unwrap();
    }
    let starts = tokio::task::spawn_blocking(move || starts.iter().take(threads).count());
    assert_eq!(starts.await.unwrap(), threads, "each thread is held");
    while full.wait(app, || ()).await.is_ok() {}
    full
}

fn hold(started: &Sender<()>, released: &Receiver<()>) {
    started.send(()).unwrap();
    // Ends when the other side is dropped.
    let _ = released.recv();
}

impl<'a> Full<'a> {
    /// Hands in some work; an error when there was no place for it.
    async fn wait(&mut self, app: &'a TestApp, work: impl FnOnce() + Send + 'static) -> Result<(), ()> {
        let mut done = (self.run)(app, Box::new(work));
        if futures_util::poll!(&mut done) == std::task::Poll::Ready(false) {
            return Err(());
        }
        self.waiting.push(done);
        Ok(())
    }

    async fn release(self) {
        drop(self.release);
        for done in self.waiting {
            assert!(done.await);
        }
    }
}

/// alice, with a password.
async fn with_password(settings: &[(&str, &str)]) -> SignIn {
    let sign_in = SignIn::with(settings).await;
    sign_in.set_password(PASSWORD).await;
    sign_in
}

async fn login(app: &TestApp, password: &str) -> Answer {
    let body = json!({ "client_id": "app", "email": ALICE, "password": password });
    app.post_json("/api/auth/login", &body).await
}

/// What the script of a page is told of a password.
async fn judged(browser: &Browser<'_>, page: &Page<'_>) -> (u16, Value) {
    let token = page.attribute("input[name=form_token]", "value");
    let fields = [("form_token", token.as_str()), ("email", "dave@example.test"), ("password", PASSWORD)];
    let answer = browser.post("/password/strength", &fields).await;
    (answer.status.as_u16(), serde_json::from_str(&answer.body).unwrap_or_default())
}

fn assert_busy(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_try_that_was_not_judged_counts_against_nobody() {
    let sign_in = with_password(&[("POSTERN_LIMITS__FAILURES_PER_ACCOUNT", "2 per 15m per account")]).await;
    let app = &sign_in.app;
    let full = full(app).await;
    // More than account and source may fail.
    for password in [PASSWORD, ANOTHER].repeat(4) {
        let answer = login(app, password).await;
        assert_busy(&answer);
        assert_eq!(problem(&answer), "unavailable");
    }
    let state = operators::load_state(&app.app, &sign_in.alice).await.unwrap();
    assert_eq!((state.failed_attempts, state.locked_until), (0, None));
    assert_eq!(app.audited("login.failed").await, Vec::<Value>::new());
    full.release().await;
    assert_eq!(login(app, ANOTHER).await.status, 401);
    assert_eq!(login(app, PASSWORD).await.status, 200);
    assert_eq!(operators::load_state(&app.app, &sign_in.alice).await.unwrap().failed_attempts, 1);
}

#[tokio::test]
async fn a_password_is_judged_while_it_is_typed_though_no_other_is_hashed() {
    let app = TestApp::new().await;
    let browser = app.browser();
    let page = open(&browser, "/register").await;
    let full = full(&app).await;
    let (status, told) = judged(&browser, &page).await;
    assert_eq!((status, &told["score"]), (200, &json!(4)), "{told}");
    full.release().await;
}

#[tokio::test]
async fn what_finds_no_place_to_be_judged_while_it_is_typed_is_not_told_and_delays_nobody() {
    let sign_in = with_password(&[]).await;
    let app = &sign_in.app;
    let browser = app.browser();
    let page = open(&browser, "/register").await;
    let full = full_of(app, 1, estimating).await;
    assert_eq!(judged(&browser, &page).await, (200, json!({})));
    assert_eq!(login(app, PASSWORD).await.status, 200);
    let register = json!({ "client_id": "app", "email": "carol@example.test", "password": PASSWORD });
    assert_eq!(app.post_json("/api/auth/register", &register).await.status, 200);
    full.release().await;
    assert_eq!(judged(&browser, &page).await.1["score"], 4);
}

#[tokio::test]
async fn a_sign_in_under_way_goes_on_with_as_many_tries_as_it_had() {
    let sign_in = with_password(&[("POSTERN_LOGIN__CODE_TRIES", "2")]).await;
    let app = &sign_in.app;
    let browser = app.browser();
    let page = open(&browser, "/login?to=account").await;
    let asked = page.press("#login-password", &[("identifier", ALICE)]).await;
    let full = full(app).await;
    for _ in 0..5 {
        assert_busy(&asked.press("#login-submit", &[("password", PASSWORD)]).await.answer);
    }
    full.release().await;
    let wrong = asked.press("#login-submit", &[("password", ANOTHER)]).await;
    assert_eq!(wrong.answer.status, 400);
    assert_eq!(wrong.press("#login-submit", &[("password", PASSWORD)]).await.path, "/account");
}

#[tokio::test]
async fn a_password_is_not_set_and_its_link_not_used_while_there_is_no_place() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    app.post_json("/api/auth/password/forgot", &json!({ "client_id": "app", "email": ALICE })).await;
    app.run_jobs().await;
    let link = app.inbox.newest_first()[0].link.clone().unwrap();
    let token = link.split_once("?token=").unwrap().1;
    let reset = json!({ "client_id": "app", "token": token, "password": PASSWORD });
    let register = json!({ "client_id": "app", "email": "carol@example.test", "password": PASSWORD });
    let full = full(app).await;
    assert_busy(&app.post_json("/api/auth/password/reset", &reset).await);
    assert_busy(&app.post_json("/api/auth/register", &register).await);
    assert_eq!(app.run_jobs().await, 0, "nothing is sent");
    full.release().await;
    assert_eq!(app.post_json("/api/auth/password/reset", &reset).await.status, 200);
    assert_eq!(login(app, PASSWORD).await.status, 200);
}
