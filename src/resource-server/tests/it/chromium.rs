//! Defines a tab of a real Chromium.
//!
//! One Chromium serves all page tests that run at the same time; each test has a context of its own, so nothing is
//! shared. The last test that ends closes it.

use std::{
    env, fs,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    time::Duration,
};

use chromiumoxide::{
    Browser, BrowserConfig, Page,
    cdp::{
        browser_protocol::{
            emulation::{MediaFeature, SetDeviceMetricsOverrideParams},
            input::{DispatchKeyEventParams, DispatchKeyEventType, InsertTextParams},
            log::{EventEntryAdded, LogEntryLevel, LogEntrySource},
            target::{CreateBrowserContextParams, CreateTargetParams},
        },
        js_protocol::runtime::EventExceptionThrown,
    },
    layout::Point,
    page::ScreenshotParams,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{runtime::Runtime, time::timeout};

/// Longest wait for a page or an element; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(40);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SHARED: Mutex<Weak<Chromium>> = Mutex::new(Weak::new());

/// The running browser and its profile, which goes with it.
struct Chromium {
    browser: Option<Browser>,
    _profile: TempDir,
}

impl Chromium {
    fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(RUNTIME.block_on(Self::start()));
        *shared = Arc::downgrade(&started);
        started
    }

    async fn start() -> Self {
        let named = env::var_os("POSTERN_CHROMIUM").map(PathBuf::from);
        let executable = named.unwrap_or_else(|| "/usr/bin/chromium".into());
        assert!(executable.exists(), "page tests need Chromium: install it, or name it in POSTERN_CHROMIUM");
        let profile = tempfile::tempdir().unwrap();
        let config = BrowserConfig::builder()
            .chrome_executable(executable)
            .user_data_dir(profile.path())
            .no_sandbox()
            .new_headless_mode()
            .launch_timeout(Duration::from_mins(1))
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

/// Runs a scenario with a tab of its own. The console must have stayed quiet at its end.
pub(crate) fn in_chromium<Scenario: AsyncFnOnce(&Tab)>(scenario: Scenario) {
    let chromium = Chromium::shared();
    RUNTIME.block_on(async {
        let tab = Tab::open(chromium.browser.as_ref().unwrap()).await;
        scenario(&tab).await;
        let complaints = tab.complaints.lock().unwrap();
        assert!(complaints.is_empty(), "{complaints:?}");
    });
}

/// A tab without any earlier life.
pub(crate) struct Tab {
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
        let tab = Self { page, complaints: Arc::default() };
        tab.keep_complaints().await;
        tab
    }

    /// Script errors and violations of the policy. That an answer had the status 401 is no fault of the page.
    async fn keep_complaints(&self) {
        let mut entries = self.page.event_listener::<EventEntryAdded>().await.unwrap();
        let mut thrown = self.page.event_listener::<EventExceptionThrown>().await.unwrap();
        let (kept, also_kept) = (Arc::clone(&self.complaints), Arc::clone(&self.complaints));
        tokio::spawn(async move {
            while let Some(event) = entries.next().await {
                let entry = &event.entry;
                let of_page =
                    entry.source != LogEntrySource::Network || entry.text.contains("Content Security");
                if of_page && matches!(entry.level, LogEntryLevel::Error | LogEntryLevel::Warning) {
                    kept.lock().unwrap().push(entry.text.clone());
                }
            }
        });
        tokio::spawn(async move {
            while let Some(event) = thrown.next().await {
                also_kept.lock().unwrap().push(event.exception_details.text.clone());
            }
        });
    }

    /// Returns when the new page is there, loaded or not. Not chromiumoxide's own way: it waits for a load, and is never
    /// told of one during which the page changes its address.
    pub(crate) async fn goto(&self, url: &str) {
        self.evaluate(&format!("window.stale = true; location.assign({}); 0", json!(url))).await;
        self.until("window.stale === undefined", true).await;
    }

    /// Waits until a script's value is this.
    pub(crate) async fn until(&self, script: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        let mut last = Value::Null;
        let reached = timeout(PATIENCE, async {
            loop {
                // Between two pages there is nothing to ask.
                if let Ok(result) = self.page.evaluate(script).await {
                    last = result.into_value().unwrap_or_default();
                    if last == expected {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        });
        let reached = reached.await.is_ok();
        assert!(reached, "{script} is {last}, not {expected}, at {:?}", self.page.url().await);
    }

    /// Waits until an element is to be seen.
    pub(crate) async fn sees(&self, css: &str) {
        self.until(&format!("!!document.querySelector({})?.checkVisibility()", json!(css)), true).await;
    }

    /// Waits until an element says this.
    pub(crate) async fn reads(&self, css: &str, text: &str) {
        self.until(&format!("document.querySelector({})?.innerText.trim()", json!(css)), text).await;
    }

    /// Presses where an element is, once it is there and has stopped moving.
    pub(crate) async fn click(&self, css: &str) {
        let place = format!(
            "(element => {{ if (!element?.checkVisibility()) return null; \
             element.scrollIntoView({{block: 'nearest'}}); const box = element.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2] }})(document.querySelector({}))",
            json!(css)
        );
        let pressed = timeout(PATIENCE, async {
            let mut before = None;
            loop {
                let now = self.page.evaluate(place.as_str()).await.ok();
                let now = now.and_then(|now| now.into_value::<Option<(f64, f64)>>().ok().flatten());
                if let Some((x, y)) = now.filter(|_| now == before) {
                    return self.page.click(Point::new(x, y)).await.unwrap();
                }
                before = now;
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        });
        assert!(pressed.await.is_ok(), "{css} cannot be pressed at {:?}", self.page.url().await);
    }

    /// Types into a field.
    pub(crate) async fn type_into(&self, css: &str, text: &str) {
        self.click(css).await;
        self.page.execute(InsertTextParams::new(text)).await.unwrap();
    }

    /// Presses the Enter key.
    pub(crate) async fn press_enter(&self) {
        for kind in [DispatchKeyEventType::KeyDown, DispatchKeyEventType::KeyUp] {
            let mut event = DispatchKeyEventParams::new(kind);
            event.key = Some("Enter".to_owned());
            event.text = Some("\r".to_owned());
            event.windows_virtual_key_code = Some(13);
            self.page.execute(event).await.unwrap();
        }
    }

    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.page.evaluate(script).await.unwrap().into_value().unwrap_or_default()
    }

    /// Runs axe-core, where there is one (`POSTERN_AXE`); it is never part of the product.
    async fn assert_accessible(&self) {
        let Some(path) = env::var_os("POSTERN_AXE") else { return };
        let axe = fs::read_to_string(&path).unwrap_or_else(|cause| panic!("POSTERN_AXE: {cause}"));
        self.page.evaluate(format!("{axe}; 0")).await.unwrap();
        let script = "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
            .then(found => found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))";
        assert_eq!(self.evaluate(script).await, json!([]));
    }

    /// Looks at the page in every size and colour: accessible, nothing beside the screen, and a picture in the folder
    /// `POSTERN_SCREENSHOTS` if that is set.
    pub(crate) async fn look(&self, name: &str) {
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
                    let file = PathBuf::from(folder).join(format!("tasks-{name}-{device}-{scheme}.png"));
                    self.page.save_screenshot(ScreenshotParams::default(), file).await.unwrap();
                }
            }
        }
    }
}
