//! Defines a person at a browser without scripts: reads pages, fills in fields, presses buttons.

use std::collections::BTreeMap;

use poem::http::StatusCode;
use scraper::{ElementRef, Html, Selector};
use totp_rs::{Builder, Secret};

use crate::support::{Answer, Browser, TestApp};

/// A page as it stands before the person, or the redirect that led away from the provider.
pub struct Page<'a> {
    pub browser: &'a Browser<'a>,
    /// Where it was found.
    pub path: String,
    pub answer: Answer,
}

/// What pressing a button sends.
pub struct Filled {
    pub action: String,
    pub fields: BTreeMap<String, String>,
}

/// Opens a path and follows redirects within the provider.
pub async fn open<'a>(browser: &'a Browser<'a>, path: &str) -> Page<'a> {
    let answer = browser.get(path).await;
    follow(browser, path.to_owned(), answer).await
}

async fn follow<'a>(browser: &'a Browser<'a>, mut path: String, mut answer: Answer) -> Page<'a> {
    for _ in 0..8 {
        let location = answer.header("location").to_owned();
        if answer.status != StatusCode::SEE_OTHER || !location.starts_with('/') {
            return Page { browser, path, answer };
        }
        answer = browser.get(&location).await;
        path = location;
    }
    panic!("redirected in circles, last to {path}");
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).unwrap()
}

impl<'a> Page<'a> {
    /// The text of the first element that matches, its white space folded.
    pub fn text(&self, css: &str) -> String {
        let html = Html::parse_document(&self.answer.body);
        let element = html.select(&selector(css)).next();
        let element = element.unwrap_or_else(|| panic!("no {css} in {}", self.answer.body));
        element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub fn has(&self, css: &str) -> bool {
        Html::parse_document(&self.answer.body).select(&selector(css)).next().is_some()
    }

    pub fn attribute(&self, css: &str, name: &str) -> String {
        let html = Html::parse_document(&self.answer.body);
        let element =
            html.select(&selector(css)).next().unwrap_or_else(|| panic!("no {css} in {}", self.answer.body));
        element.attr(name).unwrap_or_default().to_owned()
    }

    pub fn title(&self) -> String {
        self.text("h1")
    }

    /// What pressing `button` would send, with `typed` in its fields.
    pub fn fill(&self, button: &str, typed: &[(&str, &str)]) -> Filled {
        let html = Html::parse_document(&self.answer.body);
        let pressed = html.select(&selector(button)).next();
        let pressed = pressed.unwrap_or_else(|| panic!("no {button} in {}", self.answer.body));
        let form = match pressed.attr("form") {
            Some(id) => html.select(&selector(&format!("form#{id}"))).next().unwrap(),
            None => {
                pressed.ancestors().filter_map(ElementRef::wrap).find(|e| e.value().name() == "form").unwrap()
            }
        };
        let mut fields = BTreeMap::new();
        for input in form.select(&selector("input[name]")) {
            // A box that is not ticked is not sent.
            let ticked = input.attr("type") != Some("checkbox") || input.attr("checked").is_some();
            let name = input.attr("name").unwrap();
            if !ticked && !typed.iter().any(|(typed, _)| *typed == name) {
                continue;
            }
            let value = input.attr("value").unwrap_or_default();
            fields.insert(input.attr("name").unwrap().to_owned(), value.to_owned());
        }
        if let Some(name) = pressed.attr("name") {
            fields.insert(name.to_owned(), pressed.attr("value").unwrap_or_default().to_owned());
        }
        for (name, value) in typed {
            assert!(fields.contains_key(*name), "{button} sends no {name}");
            fields.insert((*name).to_owned(), (*value).to_owned());
        }
        Filled { action: form.attr("action").unwrap().to_owned(), fields }
    }

    /// Fills in, presses, and follows.
    pub async fn press(&self, button: &str, typed: &[(&str, &str)]) -> Page<'a> {
        let filled = self.fill(button, typed);
        let fields: Vec<_> =
            filled.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.browser.post(&filled.action, &fields).await;
        follow(self.browser, filled.action, answer).await
    }

    pub async fn click(&self, link: &str) -> Page<'a> {
        open(self.browser, &self.attribute(link, "href")).await
    }

    /// Signs in by a mailed code from the page that asks for the address.
    pub async fn sign_in(&self, email: &str) -> Page<'a> {
        let code_page = self.press("#login-submit", &[("identifier", email)]).await;
        let code = self.browser.app.code_for(email).await;
        code_page.press("#login-submit", &[("code", &code)]).await
    }
}

/// What an authenticator app shows now for a key as the page prints it.
pub fn totp(app: &TestApp, key: &str) -> String {
    let secret = Secret::try_from_base32(key.replace(' ', "")).unwrap();
    let seconds = u64::try_from(app.clock.now().seconds()).unwrap();
    let generator = Builder::new().with_secret(secret).with_account_name("x".to_owned()).build().unwrap();
    generator.generate(seconds).to_string()
}

/// Sets up an authenticator app for whoever is signed in, and keeps the recovery codes; answers its key.
pub async fn enrol(browser: &Browser<'_>) -> String {
    let page = open(browser, "/account/totp").await.press("#totp-begin", &[]).await;
    let key = page.text("#totp-key");
    let done = page.press("#totp-confirm", &[("code", &totp(browser.app, &key))]).await;
    assert!(done.text(".note").contains("is set up"), "{}", done.answer.body);
    if done.has("#recovery-codes-kept") {
        done.press("#recovery-codes-kept", &[]).await;
    }
    key
}
