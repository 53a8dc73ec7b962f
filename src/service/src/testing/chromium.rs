//! Defines a tab of a real Chromium, for the page tests of every crate.
//!
//! One Chromium serves all page tests that run at the same time; each has a context of its own, so no cookie is shared.
//! The last test that ends closes it.
//!
//! A page is left and another comes whenever the machine has the time for it, so no step believes that a page is there:
//!
//! - Whatever looks or acts is one script, run in the page of that moment and again where that was being left. It finds
//!   the element and reads, presses or types in one go: nothing can move or change in between.
//! - Reading is waiting ([`Tab::reads`], [`Tab::sees`], [`Tab::until`]). What the page said before as well proves
//!   nothing: a press that leads to another page is [`Tab::follow`], and within one page [`Tab::blank`] comes first.
//! - [`Tab::evaluate`] does not wait. It is for what came together with something that was waited for.
//!
//! Such a script runs also in a page whose own scripts may not ([`Tab::without_scripts`]).

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, and so does what drives its browser")]

mod popup;

use std::{
    env,
    fmt::Write as _,
    fs,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    time::Duration,
};

use chromiumoxide::{
    Browser, BrowserConfig, Page,
    cdp::{
        browser_protocol::{
            emulation::{
                MediaFeature, SetDeviceMetricsOverrideParams, SetFocusEmulationEnabledParams,
                SetScriptExecutionDisabledParams,
            },
            input::{DispatchKeyEventParams, DispatchKeyEventType},
            log::{EventEntryAdded, LogEntryLevel, LogEntrySource},
            target::{CreateBrowserContextParams, CreateTargetParams},
            web_authn::{
                AddVirtualAuthenticatorParams, AuthenticatorId, AuthenticatorProtocol,
                AuthenticatorTransport, EnableParams, SetAutomaticPresenceSimulationParams,
                VirtualAuthenticatorOptions,
            },
        },
        js_protocol::runtime::{EvaluateParams, EventExceptionThrown},
    },
    error::CdpError,
    page::ScreenshotParams,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    time::{sleep, timeout},
};

/// Longest wait for anything; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(30);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SHARED: Mutex<Weak<Chromium>> = Mutex::new(Weak::new());

/// The running browser and its profile, which goes with it.
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

/// Runs a scenario with a tab of its own. The console must have stayed quiet at its end: no script error, no violation
/// of the policy.
pub fn in_chromium<Scenario: AsyncFnOnce(&Tab)>(scenario: Scenario) {
    let chromium = Chromium::shared();
    RUNTIME.block_on(async {
        let tab = Tab::open(&chromium).await;
        scenario(&tab).await;
        // Chromium tells in order: with this answer, every complaint has been told.
        tab.evaluate("0").await;
        let complaints = tab.complaints();
        assert!(complaints.is_empty(), "{complaints:?}");
    });
}

/// Why a script has no value.
enum Unanswered {
    /// The page was being left, or is not there yet.
    Absent(CdpError),
    Threw(String),
}

/// A tab without any earlier life.
pub struct Tab {
    chromium: Arc<Chromium>,
    page: Page,
    complaints: Arc<Mutex<Vec<String>>>,
    /// Requests that failed. They are no complaints, but may be why something is waited for in vain.
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
        // Each tab believes to be in front, however many there are.
        self.page.execute(SetFocusEmulationEnabledParams::new(true)).await.unwrap();
        self.keep_complaints().await;
    }

    /// That an answer had the status 401 is no fault of the page.
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

    /// Waits until the console has told of this, which is right then and does not count as a complaint.
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

    /// Puts a device that holds passkeys and knows its owner into this tab's machine. It waits for a touch.
    pub async fn plug_in_authenticator(&self) -> AuthenticatorId {
        self.page.execute(EnableParams::default()).await.unwrap();
        let mut options =
            VirtualAuthenticatorOptions::new(AuthenticatorProtocol::Ctap2, AuthenticatorTransport::Internal);
        options.has_resident_key = Some(true);
        options.has_user_verification = Some(true);
        options.is_user_verified = Some(true);
        options.automatic_presence_simulation = Some(false);
        let added = self.page.execute(AddVirtualAuthenticatorParams::new(options)).await.unwrap();
        added.result.authenticator_id.clone()
    }

    /// From now on, its owner touches that device whenever it asks, or lets it wait.
    pub async fn touches(&self, authenticator: &AuthenticatorId, touches: bool) {
        let touches = SetAutomaticPresenceSimulationParams::new(authenticator.clone(), touches);
        self.page.execute(touches).await.unwrap();
    }

    /// From now on, no page runs scripts of its own.
    pub async fn without_scripts(&self) {
        self.page.execute(SetScriptExecutionDisabledParams::new(true)).await.unwrap();
    }

    /// Goes to an address; returns when that page, or one that it leads to at once, has loaded. Not chromiumoxide's own
    /// way: it is never told of a load during which the page changes its address.
    pub async fn goto(&self, url: &str) {
        self.evaluate(&format!("window.stale = true; location.assign({}); 0", json!(url))).await;
        self.arrives(&format!("a page after {url}")).await;
    }

    /// Presses what leads to another page; returns when that has loaded. So nothing that is read from here on is what
    /// the old page said.
    pub async fn follow(&self, css: &str) {
        self.press(css, "window.stale = true").await;
        self.arrives(&format!("the page that {css} leads to")).await;
    }

    /// Only a page that was marked is stale, and only a page that was there at that time.
    async fn arrives(&self, what: &str) {
        let script = "window.stale === undefined && document.readyState === 'complete'";
        self.wait(what, script, |arrived| arrived == true).await;
    }

    /// Waits until a script's value is this.
    pub async fn until(&self, script: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        self.wait(&format!("{script} to be {expected}"), script, |value| *value == expected).await;
    }

    /// Waits until an element is to be seen.
    pub async fn sees(&self, css: &str) {
        let script = format!("!!document.querySelector({})?.{VISIBLE}", json!(css));
        self.wait(&format!("{css} to be seen"), script, |seen| seen == true).await;
    }

    /// Waits until an element says this. What is hidden says nothing; white space is one space.
    pub async fn reads(&self, css: &str, text: &str) {
        self.wait(&format!("{css} to say {text:?}"), says(css), |said| said == text).await;
    }

    /// What an element says, as soon as it says anything.
    pub async fn text(&self, css: &str) -> String {
        let something = |said: &Value| said.as_str().is_some_and(|said| !said.is_empty());
        let said = self.wait(&format!("{css} to say something"), says(css), something).await;
        said.as_str().unwrap_or_default().to_owned()
    }

    /// Takes an element's words away, so that whatever it says next was said after this.
    pub async fn blank(&self, css: &str) {
        self.evaluate(&format!("document.querySelector({}).textContent = ''; 0", json!(css))).await;
    }

    /// Presses an element, once its page has loaded, it is enabled, and a finger would reach it.
    pub async fn click(&self, css: &str) {
        self.press(css, "").await;
    }

    /// `first` is run immediately before.
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

    /// Types into a field, in place of what it says.
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

    /// Presses the Enter key.
    pub async fn press_enter(&self) {
        for kind in [DispatchKeyEventType::KeyDown, DispatchKeyEventType::KeyUp] {
            let mut event = DispatchKeyEventParams::new(kind);
            event.key = Some("Enter".to_owned());
            event.text = Some("\r".to_owned());
            event.windows_virtual_key_code = Some(13);
            self.page.execute(event).await.unwrap();
        }
    }

    /// Where the tab is.
    pub async fn url(&self) -> String {
        self.evaluate("location.href").await.as_str().unwrap_or_default().to_owned()
    }

    /// A script's value, of now.
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

    /// Waits until a script's value is wanted. A page in which it throws is not the one that is waited for.
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

    /// Runs a script in the page of this moment. The command names no execution context: Chromium takes the one that is
    /// current when it gets it, where chromiumoxide's `evaluate` names one that may be gone by then.
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

    /// Where the tab is and what is to be read there, for whoever looks for the cause of a failure.
    async fn scene(&self) -> String {
        let script = "location.href + ' says: ' + document.body?.innerText";
        let mut scene = format!("failed requests: {:?}; the tab, at ", self.failures.lock().unwrap());
        let _ = match timeout(Duration::from_secs(5), self.run(script.into())).await {
            Ok(Ok(said)) => scene.write_str(said.as_str().unwrap_or_default()),
            _ => write!(scene, "{:?}, does not answer", self.page.url().await),
        };
        scene
    }

    /// Runs axe-core, where there is one (`POSTERN_AXE`); it is never part of the product.
    async fn assert_accessible(&self, name: &str) {
        let Some(path) = env::var_os("POSTERN_AXE") else {
            eprintln!("accessibility was not checked: POSTERN_AXE names no axe.min.js");
            return;
        };
        let axe = fs::read_to_string(&path)
            .unwrap_or_else(|cause| panic!("POSTERN_AXE {}: {cause}", path.display()));
        let script = "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
            .then(found => found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))";
        let found = self.evaluate(&format!("{axe};\n{script}")).await;
        assert_eq!(found, json!([]), "{name}");
    }

    /// Looks at the page in every size and colour: accessible, nothing beside the screen, and a picture in the folder
    /// `POSTERN_SCREENSHOTS` if that is set. All suites put theirs there, so `name` begins with what tells them apart.
    pub async fn look(&self, name: &str) {
        for (device, width, height) in [("phone", 390, 844), ("desktop", 1280, 800)] {
            let metrics = SetDeviceMetricsOverrideParams::new(width, height, 1.0, device == "phone");
            self.page.execute(metrics).await.unwrap();
            for scheme in ["light", "dark"] {
                let colours = MediaFeature::new("prefers-color-scheme", scheme);
                // Otherwise a colour may be caught on its way to another.
                let motion = MediaFeature::new("prefers-reduced-motion", "reduce");
                self.page.emulate_media_features(vec![colours, motion]).await.unwrap();
                self.assert_accessible(name).await;
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

const VISIBLE: &str = "checkVisibility({visibilityProperty: true})";

/// The begin of a script that does something with an element: `element`, and the `reason` why that must wait.
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
