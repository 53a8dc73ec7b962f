//! Defines a tab of a real Chromium, for the page tests of every crate.
//!
//! One Chromium serves all page tests that run at the same time. Each test has a browser context of its own,
//! so no cookie is shared. The last test that ends closes the browser.
//!
//! A navigation takes as long as the machine needs, so no step assumes that a page has loaded:
//!
//! - Each step is one script that runs in the current page, and again if that page was being left. The script
//!   finds the element and reads, clicks or types at once, so nothing can change in between.
//! - Reading waits ([`Tab::reads`], [`Tab::sees`], [`Tab::until`]). A text that the old page had too proves
//!   nothing: a click that leads to another page is [`Tab::follow`], and within one page [`Tab::blank`] comes
//!   first.
//! - [`Tab::evaluate`] does not wait. Use it for values that appeared together with something that was waited
//!   for.
//!
//! These scripts also run in a page whose own scripts are disabled ([`Tab::without_scripts`]).

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, and so does what drives its browser")]

mod authenticator;
mod look;
mod popup;

use std::{
    env,
    fmt::Write as _,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    time::Duration,
};

pub use chromiumoxide::cdp::browser_protocol::web_authn::AuthenticatorId;
use chromiumoxide::{
    Browser, BrowserConfig, Page,
    cdp::{
        browser_protocol::{
            emulation::{SetFocusEmulationEnabledParams, SetScriptExecutionDisabledParams},
            input::{DispatchKeyEventParams, DispatchKeyEventType},
            log::{EventEntryAdded, LogEntryLevel, LogEntrySource},
            target::{CreateBrowserContextParams, CreateTargetParams},
        },
        js_protocol::runtime::{EvaluateParams, EventExceptionThrown},
    },
    error::CdpError,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    time::{sleep, timeout},
};

/// Longest wait of a step; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two runs of a script that waits.
const PAUSE: Duration = Duration::from_millis(30);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SHARED: Mutex<Weak<Chromium>> = Mutex::new(Weak::new());

/// The running browser, and its profile, which is deleted with it.
struct Chromium {
    browser: Option<Browser>,
    _profile: TempDir,
}

impl Chromium {
    fn browser(&self) -> &Browser {
        self.browser.as_ref().unwrap()
    }

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
            .request_timeout(PATIENCE)
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

/// Runs a scenario in a tab of its own. Fails when the console has reported a script error or a violation of
/// the content security policy.
pub fn in_chromium<Scenario: AsyncFnOnce(&Tab)>(scenario: Scenario) {
    let chromium = Chromium::shared();
    RUNTIME.block_on(async {
        let tab = Tab::open(&chromium).await;
        scenario(&tab).await;
        // Chromium sends events in order, so every earlier message of the console has arrived with this
        // result.
        tab.evaluate("0").await;
        let complaints = tab.complaints();
        assert!(complaints.is_empty(), "{complaints:?}");
    });
}

enum Unanswered {
    /// The page was being left, or has not loaded yet.
    Absent(CdpError),
    Threw(String),
}

/// A tab in a fresh browser context.
pub struct Tab {
    chromium: Arc<Chromium>,
    page: Page,
    complaints: Arc<Mutex<Vec<String>>>,
    /// Failed requests. They do not fail the test, but may explain why it does.
    failures: Arc<Mutex<Vec<String>>>,
}

impl Tab {
    async fn open(chromium: &Arc<Chromium>) -> Self {
        let browser = chromium.browser();
        let context = browser.create_browser_context(CreateBrowserContextParams::default()).await.unwrap();
        let mut target = CreateTargetParams::new("about:blank");
        target.browser_context_id = Some(context);
        let page = browser.new_page(target).await.unwrap();
        let chromium = Arc::clone(chromium);
        let tab = Self { chromium, page, complaints: Arc::default(), failures: Arc::default() };
        tab.watch().await;
        tab
    }

    async fn watch(&self) {
        self.page.enable_log().await.unwrap();
        // Each tab behaves as if it had the focus, however many tabs there are.
        self.page.execute(SetFocusEmulationEnabledParams::new(true)).await.unwrap();
        self.keep_complaints().await;
    }

    /// Collects errors of the console. A failed request, such as one with the status 401, is not an error of
    /// the page.
    async fn keep_complaints(&self) {
        let mut entries = self.page.event_listener::<EventEntryAdded>().await.unwrap();
        let mut thrown = self.page.event_listener::<EventExceptionThrown>().await.unwrap();
        let (kept, also_kept) = (Arc::clone(&self.complaints), Arc::clone(&self.complaints));
        let failures = Arc::clone(&self.failures);
        tokio::spawn(async move {
            while let Some(event) = entries.next().await {
                let entry = &event.entry;
                let of_page =
                    entry.source != LogEntrySource::Network || entry.text.contains("Content Security");
                if !matches!(entry.level, LogEntryLevel::Error | LogEntryLevel::Warning) {
                    continue;
                }
                if of_page {
                    kept.lock().unwrap().push(entry.text.clone());
                } else {
                    let url = entry.url.as_deref().unwrap_or_default();
                    failures.lock().unwrap().push(format!("{} {url}", entry.text));
                }
            }
        });
        tokio::spawn(async move {
            while let Some(event) = thrown.next().await {
                let details = &event.exception_details;
                let error = details.exception.as_ref().and_then(|error| error.description.as_ref());
                also_kept.lock().unwrap().push(error.unwrap_or(&details.text).clone());
            }
        });
    }

    fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the console has reported this text, and removes it from the complaints.
    pub async fn complains_of(&self, text: &str) {
        let told = timeout(PATIENCE, async {
            loop {
                let before = self.complaints().len();
                self.complaints.lock().unwrap().retain(|complaint| !complaint.contains(text));
                if self.complaints().len() < before {
                    return;
                }
                sleep(PAUSE).await;
            }
        });
        assert!(
            told.await.is_ok(),
            "no complaint of {text}, but {:?}; {}",
            self.complaints(),
            self.scene().await
        );
    }

    /// Disables the scripts of all pages from now on.
    pub async fn without_scripts(&self) {
        self.page.execute(SetScriptExecutionDisabledParams::new(true)).await.unwrap();
    }

    /// Navigates to a URL and returns when that page, or the page that it redirects to at once, has loaded.
    /// chromiumoxide's own navigation is not used: it misses a load during which the page changes its URL.
    pub async fn goto(&self, url: &str) {
        self.evaluate(&format!("window.stale = true; location.assign({}); 0", json!(url))).await;
        self.arrives(&format!("a page after {url}")).await;
    }

    /// Clicks an element that leads to another page and returns when that page has loaded. So everything that
    /// is read afterwards comes from the new page.
    pub async fn follow(&self, css: &str) {
        self.press(css, "window.stale = true").await;
        self.arrives(&format!("the page that {css} leads to")).await;
    }

    /// Waits for a page without the mark that the previous page got.
    async fn arrives(&self, what: &str) {
        let script = "window.stale === undefined && document.readyState === 'complete'";
        self.wait(what, script, |arrived| arrived == true).await;
    }

    /// Waits until the value of a script equals `expected`.
    pub async fn until(&self, script: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        self.wait(&format!("{script} to be {expected}"), script, |value| *value == expected).await;
    }

    /// Waits until an element is visible.
    pub async fn sees(&self, css: &str) {
        let script = format!("!!document.querySelector({})?.{VISIBLE}", json!(css));
        self.wait(&format!("{css} to be seen"), script, |seen| seen == true).await;
    }

    /// Waits until an element has this visible text. White space counts as one space.
    pub async fn reads(&self, css: &str, text: &str) {
        self.wait(&format!("{css} to say {text:?}"), says(css), |said| said == text).await;
    }

    /// The visible text of an element, as soon as it is not empty.
    pub async fn text(&self, css: &str) -> String {
        let something = |said: &Value| said.as_str().is_some_and(|said| !said.is_empty());
        let said = self.wait(&format!("{css} to say something"), says(css), something).await;
        said.as_str().unwrap_or_default().to_owned()
    }

    /// Empties an element, so that any text it has later is new.
    pub async fn blank(&self, css: &str) {
        self.evaluate(&format!("document.querySelector({}).textContent = ''; 0", json!(css))).await;
    }

    /// Clicks an element as soon as its page has loaded and the element is enabled and not covered.
    pub async fn click(&self, css: &str) {
        self.press(css, "").await;
    }

    /// Runs the script `first` immediately before the click.
    async fn press(&self, css: &str, first: &str) {
        let script = format!(
            "{FIND} if (reason) return reason;
             element.scrollIntoView({{block: 'nearest', behavior: 'instant'}});
             const box = element.getClientRects()[0];
             const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
             if (!element.contains(hit) && hit?.closest('label')?.control !== element)
                 return 'covered by ' + (hit?.outerHTML ?? 'nothing');
             {first}; element.focus({{preventScroll: true}}); element.click(); return 'pressed' }})({})",
            json!(css)
        );
        let mut script = EvaluateParams::new(script);
        script.user_gesture = Some(true);
        self.wait(&format!("{css} to be pressed"), script, |done| done == "pressed").await;
    }

    /// Replaces the text of a field by typing.
    pub async fn type_into(&self, css: &str, text: &str) {
        let script = format!(
            "{FIND} if (reason) return reason; const text = {};
             element.focus(); element.select(); document.execCommand('insertText', false, text);
             return element.value === text ? 'typed' : 'filled with ' + element.value }})({})",
            json!(text),
            json!(css)
        );
        self.wait(&format!("{text:?} to be typed into {css}"), script, |done| done == "typed").await;
    }

    /// Types the last text that a form needs and returns when the next page has loaded. The form may send itself;
    /// otherwise `button` is pressed.
    pub async fn type_and_follow(&self, css: &str, text: &str, button: &str) {
        let script = format!(
            "{FIND} if (reason) return reason; let sent = false;
             element.form.addEventListener('submit', () => sent = true); window.stale = true;
             element.focus(); element.select(); document.execCommand('insertText', false, {});
             if (!sent) document.querySelector({}).click(); return 'typed' }})({})",
            json!(text),
            json!(button),
            json!(css)
        );
        self.wait(&format!("{text:?} to be typed into {css}"), script, |done| done == "typed").await;
        self.arrives(&format!("the page that {css} leads to")).await;
    }

    pub async fn press_enter(&self) {
        for kind in [DispatchKeyEventType::KeyDown, DispatchKeyEventType::KeyUp] {
            let mut event = DispatchKeyEventParams::new(kind);
            event.key = Some("Enter".to_owned());
            event.text = Some("\r".to_owned());
            event.windows_virtual_key_code = Some(13);
            self.page.execute(event).await.unwrap();
        }
    }

    pub async fn url(&self) -> String {
        self.evaluate("location.href").await.as_str().unwrap_or_default().to_owned()
    }

    /// The value of a script now.
    pub async fn evaluate(&self, script: &str) -> Value {
        let mut last = String::new();
        let answered = timeout(PATIENCE, async {
            loop {
                match self.run(script.into()).await {
                    Ok(value) => return value,
                    Err(Unanswered::Absent(cause)) => last = cause.to_string(),
                    Err(Unanswered::Threw(error)) => panic!("{script} threw {error}; {}", self.scene().await),
                }
                sleep(PAUSE).await;
            }
        });
        let Ok(value) = answered.await else { panic!("no page answered {script}; last: {last}") };
        value
    }

    /// Waits until `wanted` accepts the value of a script. An exception counts as a value that is not
    /// accepted: the expected page has not loaded yet.
    async fn wait(
        &self,
        what: &str,
        script: impl Into<EvaluateParams>,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let script = script.into();
        let mut last = String::new();
        let reached = timeout(PATIENCE, async {
            loop {
                match self.run(script.clone()).await {
                    Ok(value) if wanted(&value) => return value,
                    Ok(value) => last = value.to_string(),
                    Err(Unanswered::Absent(cause)) => last = cause.to_string(),
                    Err(Unanswered::Threw(error)) => last = error,
                }
                sleep(PAUSE).await;
            }
        });
        let Ok(value) = reached.await else {
            panic!("waited in vain for {what}; last: {last}; {}", self.scene().await)
        };
        value
    }

    /// Runs a script in the current page. The command names no execution context, so Chromium uses the one
    /// that is current when the command arrives; chromiumoxide's `evaluate` names one that may be gone by
    /// then.
    async fn run(&self, mut script: EvaluateParams) -> Result<Value, Unanswered> {
        script.await_promise = Some(true);
        script.return_by_value = Some(true);
        let answer = self.page.execute(script).await.map_err(Unanswered::Absent)?.result;
        match answer.exception_details {
            Some(thrown) => {
                let error = thrown.exception.and_then(|error| error.description);
                Err(Unanswered::Threw(error.unwrap_or(thrown.text)))
            }
            None => Ok(answer.result.value.unwrap_or_default()),
        }
    }

    /// The URL and the visible text of the tab, for the message of a failure.
    async fn scene(&self) -> String {
        let script = "location.href + ' says: ' + document.body?.innerText";
        let mut scene = format!("failed requests: {:?}; the tab, at ", self.failures.lock().unwrap());
        let _ = match timeout(Duration::from_secs(5), self.run(script.into())).await {
            Ok(Ok(said)) => scene.write_str(said.as_str().unwrap_or_default()),
            _ => write!(scene, "{:?}, does not answer", self.page.url().await),
        };
        scene
    }
}

const VISIBLE: &str = "checkVisibility({visibilityProperty: true})";

/// The beginning of a script that acts on an element: defines `element`, and `reason` if the action must
/// wait.
const FIND: &str = "(css => { const element = document.querySelector(css);
    const reason = document.readyState !== 'complete' ? 'still loading' : !element ? 'not there' : !element.checkVisibility({visibilityProperty: true}) ? 'hidden' :
        element.matches(':disabled') ? 'disabled' : '';";

fn says(css: &str) -> String {
    format!(
        "(element => element && (element.{VISIBLE} ? element.innerText.replace(/\\s+/g, ' ').trim() : ''))\
         (document.querySelector({}))",
        json!(css)
    )
}
