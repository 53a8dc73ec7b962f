//! Tests the web page in a real Chromium, with a provider whose behaviour each test controls.

mod sign_in;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use poem::{EndpointExt as _, Response, endpoint::BoxEndpoint};
use postern_migrations::tasks::Migrator;
use postern_resource_server::{
    App, http,
    tasks::{self, Content, Notes, Title},
};
use postern_service::{
    clock::Clock,
    database::{Database, migrate},
    listener::Listener,
    random::Random,
    settings::HttpSettings,
    testing::{
        TestDatabase,
        chromium::{Tab, in_chromium},
    },
};
use postern_token_verifier::testing::Issuer;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    provider::{Answers, Provider},
    support::{ALICE, START, config},
};

/// The service and its provider, both listening.
struct Site {
    provider: Arc<Provider>,
    /// The origin of the page.
    url: String,
    app: App,
    /// Stops the service and waits until it has stopped.
    service: (CancellationToken, JoinHandle<()>),
    all: CancellationToken,
    _database: TestDatabase,
}

impl Site {
    async fn new() -> Self {
        let (port, issuer_port) = (free_port(), free_port());
        let url = format!("http://localhost:{port}");
        let issuer = Issuer::new(format!("http://localhost:{issuer_port}"));
        let database = TestDatabase::fresh().await.unwrap();
        let config = config(&[
            ("TASKS_DATABASE__URL", database.url()),
            ("TASKS_TOKENS__ISSUER", issuer.url()),
            ("TASKS_TOKENS__AUDIENCE", &url),
        ]);
        let db = Database::open(&config.database).await.unwrap();
        migrate::up::<Migrator>(&db).await.unwrap();
        let clock = Clock::manual(START);
        let app = App::new(config, db, clock.clone(), Random::seeded(1), issuer.local_keys()).unwrap();
        let provider = Provider::new(issuer, &url, clock);
        let all = CancellationToken::new();
        let stop = all.child_token();
        let settings = &app.config.http;
        let served = listen(port, settings, http::endpoint(&app, CancellationToken::new()), &stop).await;
        let service = (stop, served);
        listen(issuer_port, settings, Answers(Arc::clone(&provider)).boxed(), &all).await;
        Self { provider, url, app, service, all, _database: database }
    }

    /// Opens the page and signs in.
    async fn open_as(&self, tab: &Tab, who: &str) {
        tab.goto(&self.url).await;
        tab.click("#sign-in").await;
        tab.click(who).await;
        tab.reads("#who", "alice@example.test").await;
        tab.until("document.getElementById('wait').hidden", true).await;
    }

    /// Waits until no connection to the service is left.
    async fn stop_service(&mut self) {
        let (stop, served) = &mut self.service;
        stop.cancel();
        served.await.unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.all.cancel();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

async fn listen(
    port: u16,
    settings: &HttpSettings,
    endpoint: BoxEndpoint<'static, Response>,
    stop: &CancellationToken,
) -> JoinHandle<()> {
    let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), settings).await.unwrap();
    tokio::spawn(listener.serve(endpoint, stop.clone()))
}

async fn add(tab: &Tab, title: &str) {
    tab.type_into("#title", title).await;
    tab.press_enter().await;
    tab.reads("#list > li:first-child .title", title).await;
    tab.until("document.getElementById('title').value", "").await;
}

const ROWS: &str = "document.querySelectorAll('#list > li').length";
const FOCUS: &str = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.id";

#[test]
fn a_person_signs_in_works_and_signs_out() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.url).await;
        tab.sees("#sign-in").await;
        tab.look("tasks-signed-out").await;
        site.open_as(tab, "#alice").await;
        tab.sees("#empty").await;
        assert_eq!(tab.evaluate("location.href").await, format!("{}/", site.url), "no code in the address");
        tab.look("tasks-empty").await;
        for title in [
            "Set up TOTP",
            "Invite Bob",
            "<b>Rotate</b> the demo secret & tell everybody who uses it about it",
        ] {
            add(tab, title).await;
        }
        tab.reads("#count", "3 of 3 open").await;
        tab.until(FOCUS, "title").await;

        tab.click("#list > li:last-child input").await;
        tab.reads("#count", "2 of 3 open").await;
        tab.sees("#list > li:last-child.done").await;
        tab.look("tasks-list").await;

        tab.click("#list > li:first-child button").await;
        tab.until(ROWS, 2).await;
        tab.until(FOCUS, "Delete: Invite Bob").await;
        tab.click("#list > li:last-child button").await;
        tab.until(ROWS, 1).await;
        tab.until(FOCUS, "Delete: Invite Bob").await;

        // Tokens are in memory only: a reload requests new ones silently, and finds the session and the task.
        tab.goto(&site.url).await;
        tab.reads("#list .title", "Invite Bob").await;
        let stored = "JSON.stringify({...sessionStorage, ...localStorage, cookie: document.cookie})";
        assert_eq!(tab.evaluate(stored).await, json!({ "cookie": "" }).to_string());

        tab.click("#sign-out").await;
        tab.sees("#sign-in").await;
        tab.goto(&site.url).await;
        tab.sees("#sign-in").await;
        assert_eq!(tab.evaluate(ROWS).await, 0);
        site.open_as(tab, "#bob").await;
        tab.sees("#empty").await;
        assert_eq!(tab.evaluate(ROWS).await, 0, "bob does not see alice's task");
    });
}

#[test]
fn an_expired_access_token_is_refreshed_without_a_word() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        site.provider.lifetime.store(-60, Relaxed);
        tab.goto(&site.url).await;
        tab.click("#sign-in").await;
        tab.click("#alice").await;
        // Both the first token and the next one are expired at once. After one try the session counts as
        // ended.
        tab.reads("#sign-in-error", "Your session has ended. Sign in again.").await;
        assert_eq!(site.provider.refreshed.load(Relaxed), 1);
        tab.look("tasks-session-ended").await;

        // The provider has a session of alice by now, so it redirects back at once.
        tab.follow("#sign-in").await;
        tab.reads("#sign-in-error", "Your session has ended. Sign in again.").await;
        let before = site.provider.refreshed.load(Relaxed);
        site.provider.lifetime.store(900, Relaxed);
        tab.click("#sign-in").await;
        tab.sees("#empty").await;
        assert_eq!(site.provider.refreshed.load(Relaxed), before, "a good token is not refreshed");
    });
}

#[test]
fn tokens_that_end_while_the_page_is_open_are_renewed_until_they_are_revoked() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        site.open_as(tab, "#alice").await;
        site.app.clock.advance(Duration::from_mins(16));
        add(tab, "After the token's end").await;
        assert_eq!(site.provider.refreshed.load(Relaxed), 1);

        site.provider.revoked.store(true, Relaxed);
        site.app.clock.advance(Duration::from_mins(16));
        tab.click("#list input").await;
        tab.reads("#sign-in-error", "Your session has ended. Sign in again.").await;
        tab.until(FOCUS, "sign-in").await;
    });
}

#[test]
fn a_provider_that_is_down_is_told_and_waited_for() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let away = "The sign-in service does not answer just now. Try again in a moment.";
        site.provider.down.store(true, Relaxed);
        tab.goto(&site.url).await;
        tab.reads("#sign-in-error", away).await;
        tab.look("tasks-provider-down").await;
        tab.blank("#sign-in-error").await;
        tab.click("#sign-in").await;
        tab.reads("#sign-in-error", away).await;
        site.provider.down.store(false, Relaxed);
        site.open_as(tab, "#alice").await;
    });
}

#[test]
fn a_service_that_is_down_is_told_where_the_person_looks_and_nothing_moves() {
    in_chromium(async |tab| {
        let mut site = Site::new().await;
        site.open_as(tab, "#alice").await;
        add(tab, "Still here").await;
        let place = "JSON.stringify(document.querySelector('#list > li').getBoundingClientRect())";
        let before = tab.evaluate(place).await;
        site.stop_service().await;
        tab.click("#list input").await;
        tab.reads("#error", "The tasks service does not answer just now. Try again in a moment.").await;
        tab.until("document.querySelector('#list input').checked", false).await;
        assert_eq!(tab.evaluate(place).await, before);
        tab.look("tasks-service-down").await;
    });
}

#[test]
fn a_list_that_does_not_load_can_be_tried_again() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        site.open_as(tab, "#alice").await;
        add(tab, "Kept").await;
        site.app.db.close().await;
        tab.goto(&site.url).await;
        tab.reads("#error", "The tasks service does not answer just now. Try again in a moment.").await;
        tab.sees("#retry").await;
        tab.blank("#error").await;
        tab.click("#retry").await;
        tab.reads("#error", "The tasks service does not answer just now. Try again in a moment.").await;
        tab.sees("#retry").await;
        assert_eq!(
            tab.evaluate("document.getElementById('empty').hidden").await,
            true,
            "not known to be empty"
        );
        tab.look("tasks-list-down").await;
    });
}

#[test]
fn what_does_not_work_yet_is_not_to_be_seen() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.url).await;
        tab.sees("#sign-in").await;
        // While the stylesheet of the page is loading, before any script has run.
        tab.evaluate("document.querySelector('[href=\"/tasks.css\"]').remove(); 0").await;
        let seen = "['loading', 'signed-out', 'signed-in'].filter(id => document.getElementById(id).checkVisibility())";
        assert_eq!(tab.evaluate(seen).await, json!(["signed-out"]));
    });
}

#[test]
fn two_presses_sign_in_as_one_does() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.url).await;
        tab.sees("#sign-in").await;
        // The second click has no effect before the first one leaves the page.
        let script = "const digest = crypto.subtle.digest.bind(crypto.subtle); let digests = 0;
            crypto.subtle.digest = (...what) => digests++ ? new Promise(() => {}) : digest(...what);
            for (let press = 0; press < 2; press++) document.getElementById('sign-in').click();
            0";
        tab.evaluate(script).await;
        tab.click("#alice").await;
        tab.reads("#who", "alice@example.test").await;
    });
}

#[test]
fn going_back_neither_shows_an_ended_session_nor_keeps_from_signing_in() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.url).await;
        tab.click("#sign-in").await;
        tab.sees("#alice").await;
        tab.evaluate("history.back(); 0").await;
        tab.click("#sign-in").await;
        tab.click("#alice").await;
        tab.reads("#who", "alice@example.test").await;
        add(tab, "Private").await;
        tab.click("#sign-out").await;
        tab.sees("#sign-in").await;
        tab.evaluate("window.stale = true; history.back(); 0").await;
        tab.until("window.stale", Value::Null).await;
        tab.sees("#sign-in").await;
        assert_eq!(tab.evaluate(ROWS).await, 0);
    });
}

#[test]
fn answers_that_nobody_asked_for_are_not_believed() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&format!("{}/?state=forged&code=code-0&iss={}", site.url, site.provider.issuer.url())).await;
        tab.sees("#sign-in").await;
        tab.goto(&format!("{}/?state=forged&error=x&error_description=Call+0800", site.url)).await;
        tab.sees("#sign-in").await;
        assert_eq!(tab.evaluate("document.getElementById('sign-in-error').hidden").await, true);
        tab.click("#sign-in").await;
        tab.click("#deny").await;
        tab.reads("#sign-in-error", "You did not allow this page to see your tasks.").await;
    });
}

#[test]
fn long_lists_come_in_pages_and_blank_titles_not_at_all() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        site.open_as(tab, "#alice").await;
        for number in 0..52 {
            let title = Title::parse(&format!("Task {number}")).unwrap();
            let content = Content { title, notes: Notes::default(), done: number % 2 == 0 };
            tasks::create(&site.app, ALICE, content).await.unwrap();
            site.app.clock.advance(Duration::from_secs(1));
        }
        tab.goto(&site.url).await;
        tab.reads("#count", "25 of 50 or more open").await;
        tab.click("#more-button").await;
        tab.reads("#count", "26 of 52 open").await;
        assert_eq!(tab.evaluate("document.getElementById('more').hidden").await, true);
        tab.type_into("#title", "   ").await;
        tab.press_enter().await;
        tab.until("document.getElementById('title').value", "").await;
        assert_eq!(tab.evaluate(ROWS).await, 52);
    });
}

#[test]
fn the_reference_is_searched_and_names_the_command_that_adds_its_client_to_the_provider() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&format!("{}/docs", site.url)).await;
        tab.type_into("#q", "change parts").await;
        tab.reads("#found", "1 operation found").await;
        tab.press_enter().await;
        let curl = tab.text("#change_task-curl").await;
        assert!(curl.starts_with(&format!("curl -X PATCH {}/api/tasks/", site.url)), "{curl}");
        tab.click("details:has(#command) > summary").await;
        let command = tab.text("#command").await;
        let redirect_uri = format!("--redirect-uri {}/docs/oauth2-redirect.html", site.url);
        assert!(
            command.starts_with("postern client add tasks-docs") && command.contains(&redirect_uri),
            "{command}"
        );
        tab.click("#change_task .try button").await;
        tab.until(
            "document.querySelector('#change_task .try pre code').textContent.includes('unauthenticated')",
            true,
        )
        .await;
        tab.type_into("#q", "task").await;
        tab.reads("#found", "7 operations found").await;
        tab.look("tasks-reference").await;
    });
}
