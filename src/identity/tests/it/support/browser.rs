//! Defines `Browser`, which keeps cookies, and `Answer`, a response that was read whole.

use std::{collections::BTreeMap, sync::Mutex};

use poem::{
    Request, Response,
    http::{HeaderMap, StatusCode, header},
};
use postern_identity::{http, sessions::Session, users::User};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;

use super::{TestApp, form_request};

/// A browser: it keeps cookies, and follows redirects only when told to.
pub struct Browser<'a> {
    pub app: &'a TestApp,
    cookies: Mutex<BTreeMap<String, String>>,
    languages: Mutex<Option<String>>,
}

impl<'a> Browser<'a> {
    pub(super) fn new(app: &'a TestApp) -> Self {
        Browser { app, cookies: Mutex::default(), languages: Mutex::default() }
    }

    /// Signs the user in without the pages: a session of one factor, as old as this moment.
    pub async fn sign_in(&self, user: &User) -> Session {
        self.sign_in_at(user, "aal1").await
    }

    /// Signs the user in without the pages, at this level.
    pub async fn sign_in_at(&self, user: &User, acr: &str) -> Session {
        let opened = self.app.open_session(user, acr).await;
        self.set_cookie("postern-session", opened.cookie_secret.unwrap().expose_secret());
        opened.session
    }

    /// Puts a cookie into the browser.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(self.full_name(name), value.to_owned());
    }

    /// Takes a cookie out of the browser.
    pub fn clear_cookie(&self, name: &str) {
        self.cookies.lock().unwrap().remove(&self.full_name(name));
    }

    /// An https issuer's cookies are pinned to its host.
    fn full_name(&self, name: &str) -> String {
        http::security::cookie_name(&self.app.app, name)
    }

    /// Another tab's view of the same browser, on another node.
    pub fn on<'b>(&self, node: &'b TestApp) -> Browser<'b> {
        Browser {
            app: node,
            cookies: Mutex::new(self.cookies.lock().unwrap().clone()),
            languages: Mutex::default(),
        }
    }

    /// Asks for these languages from now on, as `Accept-Language` has them.
    pub fn speaks(&self, languages: &str) {
        *self.languages.lock().unwrap() = Some(languages.to_owned());
    }

    /// GET with the cookies so far.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::builder().uri(path.parse().unwrap()).finish()).await
    }

    /// POST of a form with the cookies so far, as a page of ours would send it.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut request = form_request(path, form);
        let issuer = self.app.app.config.issuer.parse().unwrap();
        request.headers_mut().insert(header::ORIGIN, issuer);
        request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
        self.send(request).await
    }

    /// Sends with the cookies so far and keeps those that come back.
    pub async fn send(&self, mut request: Request) -> Answer {
        let cookies = self.cookie_header();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookies.parse().unwrap());
        }
        if let Some(languages) = &*self.languages.lock().unwrap() {
            request.headers_mut().insert(header::ACCEPT_LANGUAGE, languages.parse().unwrap());
        }
        let answer = self.app.send(request).await;
        self.keep(&answer.headers);
        answer
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(&self.full_name(name)).cloned()
    }

    fn cookie_header(&self) -> String {
        let cookies = self.cookies.lock().unwrap();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&self, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().unwrap();
        for line in headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() || line.to_ascii_lowercase().contains("max-age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// What came back, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub(super) async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.into_string().await.unwrap();
        Self { status: parts.status, headers: parts.headers, body }
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.body).unwrap_or_else(|cause| panic!("{cause} in {:?}", self.body))
    }

    /// A header as text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
