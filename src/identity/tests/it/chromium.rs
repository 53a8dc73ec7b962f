//! Defines a tab of a real Chromium, and the provider behind a real listener for it.
//!
//! One Chromium serves all page tests that run at the same time; each test has a context of its own,
//! so no cookie is shared. The last test that ends closes it.

use std::{
    collections::BTreeMap,
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, Weak},
    time::Duration,
};

use chromiumoxide::{
    Browser, BrowserConfig, Page,
    cdp::browser_protocol::{
        dom::{GetOuterHtmlParams, ScrollIntoViewIfNeededParams},
        emulation::{MediaFeature, SetDeviceMetricsOverrideParams, SetScriptExecutionDisabledParams},
        log::{EventEntryAdded, LogEntryLevel, LogEntrySource},
        target::{CreateBrowserContextParams, CreateTargetParams},
    },
    element::Element,
    layout::Point,
    page::ScreenshotParams,
};
use futures_util::StreamExt as _;
use poem::{EndpointExt as _, endpoint::make_sync, web};
use postern_identity::{
    administration::metadata::MetadataChange,
    clients::{ClientAuthMethod, GrantType},
};
use postern_service::listener::Listener;
use scraper::Html;
use tempfile::TempDir;
use tokio::{runtime::Runtime, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    flow::{Ask, list},
    support::TestApp,
};

/// Longest wait for a page or an element; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(20);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SHARED: Mutex<Weak<Chromium>> = Mutex::new(Weak::new());

/// The running browser and its profile, which goes with it.
struct Chromium {
    browser: Option<Browser>,
    _profile: TempDir,
}

impl Chromium {
    fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(RUNTIME.block_on(Self::start()));
        *shared = Arc::downgrade(&started);
        started
    }

    async fn start() -> Self {
        let executable =
            env::var_os("POSTERN_CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
        assert!(executable.exists(), "page tests need Chromium: install it, or name it in POSTERN_CHROMIUM");
        let profile = tempfile::tempdir().unwrap();
        let config = BrowserConfig::builder()
            .chrome_executable(executable)
            .user_data_dir(profile.path())
            .no_sandbox()
            .new_headless_mode()
            .launch_timeout(Duration::from_secs(60))
            .viewport(None)
            .args(["disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"])
            .args(["disable-component-update", "disable-sync"])
            .build()
            .unwrap();
        let (browser, mut handler) = Browser::launch(config).await.unwrap();
        tokio::spawn(async move { while handler.next().await.is_some() {} });
        Self { browser: Some(browser), _profile: profile }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let Some(mut browser) = self.browser.take() else { return };
        RUNTIME.block_on(async move {
            let _ = browser.close().await;
            let _ = timeout(PATIENCE, browser.wait()).await;
        });
    }
}

/// Runs a scenario with a tab of its own.
pub fn in_chromium<Scenario: AsyncFnOnce(Tab)>(scenario: Scenario) {
    let chromium = Chromium::shared();
    RUNTIME.block_on(async {
        let tab = Tab::open(chromium.browser.as_ref().unwrap()).await;
        scenario(tab).await;
    });
}

/// A provider that listens, with a client app that listens too.
pub struct Site {
    pub test: TestApp,
    pub origin: String,
    client_origin: String,
    stop: CancellationToken,
}

impl Site {
    pub async fn new() -> Self {
        let (port, client_port) = (free_port(), free_port());
        let origin = format!("http://localhost:{port}");
        let client_origin = format!("http://localhost:{client_port}");
        let test = TestApp::with(&[("POSTERN_ISSUER", &origin)]).await;
        let stop = CancellationToken::new();
        serve(&test, port, test.endpoint(), &stop).await;
        let callback = make_sync(|_| {
            web::Html("<link rel=icon href=data:,><title>Client</title><h1 id=client>Back</h1>")
        });
        serve(&test, client_port, callback.map_to_response().boxed(), &stop).await;
        let site = Self { test, origin, client_origin, stop };
        site.test.user("alice@example.test").await;
        let metadata = || MetadataChange {
            redirect_uris: Some(vec![site.callback()]),
            token_endpoint_auth_method: Some(ClientAuthMethod::None),
            grant_types: Some(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]),
            scopes: list(&["openid", "profile", "email", "offline_access"]),
            default_scopes: list(&["openid"]),
            ..MetadataChange::default()
        };
        let notes = MetadataChange { name: Some("Acme Notes".to_owned()), ..metadata() };
        site.test.client("notes", notes).await;
        let own = MetadataChange { first_party: Some(true), ..metadata() };
        site.test.client("own", own).await;
        site
    }

    fn callback(&self) -> String {
        format!("{}/cb", self.client_origin)
    }

    /// Where a client sends the browser to sign in.
    pub fn asks(&self, client_id: &str, more: &[(&str, &str)]) -> String {
        let ask = Ask::of(client_id).with("redirect_uri", &self.callback());
        let ask = more.iter().fold(ask, |ask, (name, value)| ask.with(name, value));
        self.at(&ask.path())
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

async fn serve(
    test: &TestApp,
    port: u16,
    endpoint: poem::endpoint::BoxEndpoint<'static, poem::Response>,
    stop: &CancellationToken,
) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = Listener::bind(address, &test.app.config.http).await.unwrap();
    tokio::spawn(listener.serve(endpoint, stop.clone()));
}

/// A tab without any earlier life.
pub struct Tab {
    page: Page,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Tab {
    async fn open(browser: &Browser) -> Self {
        let context = browser.create_browser_context(CreateBrowserContextParams::default()).await.unwrap();
        let mut target = CreateTargetParams::new("about:blank");
        target.browser_context_id = Some(context);
        let page = browser.new_page(target).await.unwrap();
        page.enable_log().await.unwrap();
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let mut entries = page.event_listener::<EventEntryAdded>().await.unwrap();
        let kept = Arc::clone(&complaints);
        tokio::spawn(async move {
            while let Some(event) = entries.next().await {
                let entry = &event.entry;
                // That an answer had the status 400 is no fault of the page.
                let of_page =
                    entry.source != LogEntrySource::Network || entry.text.contains("Content Security");
                if of_page && matches!(entry.level, LogEntryLevel::Error | LogEntryLevel::Warning) {
                    kept.lock().unwrap().push(entry.text.clone());
                }
            }
        });
        Self { page, complaints }
    }

    pub async fn without_scripts(&self) {
        self.page.execute(SetScriptExecutionDisabledParams::new(true)).await.unwrap();
    }

    pub async fn goto(&self, url: &str) {
        timeout(PATIENCE, self.page.goto(url)).await.unwrap().unwrap();
    }

    /// The element, once it is there.
    pub async fn find(&self, css: &str) -> Element {
        let found = timeout(PATIENCE, async {
            loop {
                if let Ok(element) = self.page.find_element(css).await {
                    return element;
                }
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        });
        let Ok(element) = found.await else {
            panic!("no {css} at {:?}: {}", self.url().await, self.page.content().await.unwrap_or_default())
        };
        element
    }

    /// What an element says. Asked of the document, not of a script: it works without.
    pub async fn text(&self, css: &str) -> String {
        let node_id = Some(self.find(css).await.node_id);
        let get = GetOuterHtmlParams { node_id, ..GetOuterHtmlParams::default() };
        let html = self.page.execute(get).await.unwrap().result.outer_html;
        let text: String = Html::parse_fragment(&html).root_element().text().collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub async fn type_into(&self, css: &str, text: &str) {
        self.click(css).await;
        self.find(css).await.type_str(text).await.unwrap();
    }

    /// Presses where the element is, once it has stopped moving.
    pub async fn click(&self, css: &str) {
        let pressed = timeout(PATIENCE, async {
            let mut before = None;
            loop {
                let now = self.point_of(css).await;
                if let Some(now) = now.filter(|now| before == Some((now.x, now.y))) {
                    return self.page.click(now).await.unwrap();
                }
                before = now.map(|point| (point.x, point.y));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(pressed.await.is_ok(), "{css} cannot be pressed at {}", self.url().await);
    }

    async fn point_of(&self, css: &str) -> Option<Point> {
        let element = self.find(css).await;
        let node_id = Some(element.node_id);
        let scroll = ScrollIntoViewIfNeededParams { node_id, ..ScrollIntoViewIfNeededParams::default() };
        self.page.execute(scroll).await.ok()?;
        element.clickable_point().await.ok()
    }

    pub async fn url(&self) -> String {
        self.page.url().await.unwrap().unwrap_or_default()
    }

    /// What the address the browser came to says, once `css` is there.
    pub async fn parameters_at(&self, css: &str) -> BTreeMap<String, String> {
        self.find(css).await;
        let url = url::Url::parse(&self.url().await).unwrap();
        url.query_pairs().into_owned().collect()
    }

    pub async fn evaluate(&self, script: &str) -> serde_json::Value {
        self.page.evaluate(script).await.unwrap().into_value().unwrap()
    }

    /// Signs in by a mailed code from the page that asks for the address.
    pub async fn sign_in(&self, site: &Site, email: &str) {
        self.type_into("#identifier", email).await;
        self.click("#login-submit").await;
        self.find("#code").await;
        let code = site.test.code_for(email).await;
        self.type_into("#code", &code).await;
        self.click("#login-submit").await;
    }

    /// Nothing in the console: no script error, no violation of the policy.
    pub fn assert_quiet(&self) {
        let complaints = self.complaints.lock().unwrap();
        assert!(complaints.is_empty(), "{complaints:?}");
    }

    /// Runs axe-core, where there is one (`POSTERN_AXE`); it is never part of the product.
    pub async fn assert_accessible(&self) {
        let Some(path) = env::var_os("POSTERN_AXE") else {
            eprintln!("accessibility was not checked: POSTERN_AXE names no axe.min.js");
            return;
        };
        let axe = fs::read_to_string(&path)
            .unwrap_or_else(|cause| panic!("POSTERN_AXE {}: {cause}", path.display()));
        self.page.evaluate(format!("{axe}; 0")).await.unwrap();
        let script = "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
            .then(found => found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))";
        let found = self.evaluate(script).await;
        assert_eq!(found, serde_json::json!([]), "at {}", self.url().await);
    }

    /// Looks at the page in every size and colour: accessible, nothing beside the screen, and a picture
    /// in the folder `POSTERN_SCREENSHOTS` if that is set.
    pub async fn look(&self, name: &str) {
        for (device, width, height) in [("phone", 390, 844), ("desktop", 1280, 800)] {
            let metrics = SetDeviceMetricsOverrideParams::new(width, height, 1.0, device == "phone");
            self.page.execute(metrics).await.unwrap();
            for scheme in ["light", "dark"] {
                let colours = MediaFeature::new("prefers-color-scheme", scheme);
                // Otherwise a colour may be caught on its way to another.
                let motion = MediaFeature::new("prefers-reduced-motion", "reduce");
                self.page.emulate_media_features(vec![colours, motion]).await.unwrap();
                self.assert_accessible().await;
                let overflows = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
                assert_eq!(self.evaluate(overflows).await, false, "{name} is wider than a {device}");
                if let Some(folder) = env::var_os("POSTERN_SCREENSHOTS") {
                    let file = PathBuf::from(folder).join(format!("{name}-{device}-{scheme}.png"));
                    self.page.save_screenshot(ScreenshotParams::default(), file).await.unwrap();
                }
            }
        }
    }
}
