//! Defines the security headers of every response, the persistent cookies, and the defence against CSRF.
//!
//! Owns the headers (ASVS 3.4, RFC 9700 section 4.16), including what the pages of a login must omit, and the
//! defence against cross-site requests (ASVS 3.5). The *browser* cookie identifies a browser, signed in or
//! not: authorization requests, login attempts and forms are bound to it. The *session* cookie is the secret
//! of a row of `sessions`. The *device* cookie outlives the session: accounts recognise by it a device that
//! has signed in before.
//!
//! A form is accepted if the browser says that a page of this issuer sent it (`Sec-Fetch-Site`, `Origin`),
//! and if it has the CSRF token of that browser. In a current browser either check is sufficient; together
//! they survive a bug in one of them. A request with neither header is refused, whatever its token.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, ORIGIN, REFERRER_POLICY,
            SET_COOKIE, STRICT_TRANSPORT_SECURITY, X_FRAME_OPTIONS,
        },
    },
};
use postern_service::routing;
use secrecy::SecretString;

use crate::{App, crypto};

/// Lifetime of the browser cookie, renewed by every page. Far longer than any login takes.
const BROWSER_LIFETIME: Duration = Duration::from_hours(24);

/// Length of a 256-bit secret in base64url, in characters.
const SECRET_LENGTH: usize = 43;

/// Holds the secret and the email of a registration whose mail was requested.
const BEGUN_REGISTRATION_COOKIE: &str = "postern-registering";

/// Holds the token of an email change while the user signs in to confirm the change.
const PENDING_CONFIRMATION_COOKIE: &str = "postern-confirming";

/// Holds the language that was chosen in this browser.
const LANGUAGE_COOKIE: &str = "postern-language";

/// Lifetime of [`LANGUAGE_COOKIE`], renewed by every choice.
const LANGUAGE_LIFETIME: Duration = Duration::from_hours(365 * 24);

/// The longest value of [`BEGUN_REGISTRATION_COOKIE`]: a secret and an email in base64url.
const MAX_BEGUN_REGISTRATION_LENGTH: usize = 512;

/// The policy of responses that are not pages: they may do nothing in a browser.
const DEFAULT_CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// The policy of pages: they load the issuer's own files only, and no page can frame them.
const PAGE_CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                           img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

/// Separates a page from the window that opened it (HTML Standard section 7.1.3).
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// Headers of every response. A handler may set its own value, such as another `Cache-Control`.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CONTENT_SECURITY_POLICY, DEFAULT_CSP),
];

/// The paths, with everything below, that a browser may visit between a client's request and the client's
/// response: login, registration and recovery, the choice of a language, the restoration of a closed account, and the
/// logout.
///
/// Pages here have no `form-action`: Chromium applies it to every redirect that follows a form, including
/// those of the client's own callback, and their targets are unknown here. Responses here have no opener
/// policy: a single response with it, even a redirect, cuts a login popup off from the app that opened it.
const INTERACTION_PATHS: [&str; 11] = [
    "/oauth2/authorize",
    "/language",
    "/login",
    "/consent",
    "/register",
    "/verify-email",
    "/forgot-password",
    "/reset-password",
    "/account/restore",
    "/oauth2/logout",
    "/logged-out",
];

/// Whether a response at this path may be a step on a browser's way back to a client.
fn part_of_interaction(path: &str) -> bool {
    INTERACTION_PATHS
        .iter()
        .any(|own| path.strip_prefix(own).is_some_and(|below| below.is_empty() || below.starts_with('/')))
}

/// Adds to every response of the route table the headers that it does not have yet.
pub fn with_security_headers<E>(app: &App, endpoint: E) -> impl Endpoint<Output = Response> + use<E>
where
    E: Endpoint + 'static,
{
    let mut always = HeaderMap::from_iter(HEADERS);
    // The header holds for every port of its host, so it would end plain http for all other services that people
    // run on this machine.
    if app.config.secure_cookies() && !app.config.issuer_is_loopback() {
        // A year and every subdomain (ASVS 3.4.1). Browsers ignore the header over http (RFC 6797 section
        // 7.2).
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        always.insert(STRICT_TRANSPORT_SECURITY, year);
    }
    WithHeaders { endpoint, headers: always }
}

struct WithHeaders<E> {
    endpoint: E,
    headers: HeaderMap,
}

impl<E: Endpoint> Endpoint for WithHeaders<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let opener_policy = (!part_of_interaction(request.uri().path())).then_some(SAME_ORIGIN);
        let mut response = self.endpoint.get_response(request).await;
        for (name, value) in &self.headers {
            if !response.headers().contains_key(name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        if let Some(policy) = opener_policy {
            response.headers_mut().insert(OPENER_POLICY, policy);
        }
        Ok(response)
    }
}

/// The policy of the page at a path. Forms may be sent to this issuer only, except where a form may lead back
/// to a client.
pub fn page_content_security_policy(path: &str) -> HeaderValue {
    let forms = if part_of_interaction(path) { "" } else { "; form-action 'self'" };
    HeaderValue::try_from(format!("{PAGE_CSP}{forms}")).unwrap_or(DEFAULT_CSP)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieName {
    Session,
    Browser,
    Device,
}

impl CookieName {
    fn base_name(self) -> &'static str {
        match self {
            Self::Session => "postern-session",
            Self::Browser => "postern-browser",
            Self::Device => "postern-device",
        }
    }
}

/// The full name of a cookie. `__Host-` binds it to this host and https (RFC 6265bis section 4.1.3.2). A
/// loopback issuer over http cannot use this prefix.
pub fn cookie_name(app: &App, plain: &str) -> String {
    if app.config.secure_cookies() { format!("__Host-{plain}") } else { plain.to_owned() }
}

fn cookie_value<'r>(app: &App, request: &'r Request, plain: &str) -> Option<&'r str> {
    let name = cookie_name(app, plain);
    let lines = request.headers().get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    Some(pairs.find(|(key, _)| *key == name)?.1)
}

/// The value of a cookie, if it has the form of a 256-bit secret. The issuer set no other value.
pub fn secret_in_cookie<'r>(app: &App, request: &'r Request, plain: &str) -> Option<&'r str> {
    cookie_value(app, request, plain).filter(|value| well_formed_secret(value))
}

/// Whether the text has the form of a 256-bit secret in base64url.
pub fn well_formed_secret(secret: &str) -> bool {
    secret.len() == SECRET_LENGTH
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Returns the names, without prefix, of the cookies whose names start with `plain`.
pub fn cookie_names_with_prefix(app: &App, request: &Request, plain: &str) -> Vec<String> {
    let prefix = cookie_name(app, "");
    let lines = request.headers().get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let names = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    names
        .filter_map(|(name, _)| name.strip_prefix(&prefix))
        .filter(|name| name.starts_with(plain))
        .map(str::to_owned)
        .collect()
}

/// Returns a `Set-Cookie` with a lifetime.
pub fn set_cookie(app: &App, plain: &str, value: &str, lifetime: Duration) -> HeaderValue {
    cookie(app, plain, value, Some(lifetime))
}

/// Returns a `Set-Cookie` with a lifetime, or for a cookie that ends with the browser (RFC 6265 section
/// 4.1.2.2).
fn cookie(app: &App, plain: &str, value: &str, lifetime: Option<Duration>) -> HeaderValue {
    let secure = if app.config.secure_cookies() { "; Secure" } else { "" };
    let name = cookie_name(app, plain);
    let age = lifetime.map(|age| format!("; Max-Age={}", age.as_secs())).unwrap_or_default();
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}");
    // The value is base64url, so the conversion cannot fail. An empty header would set nothing.
    HeaderValue::try_from(line).unwrap_or(HeaderValue::from_static(""))
}

/// Returns a `Set-Cookie` that removes a cookie.
pub fn clear_cookie(app: &App, plain: &str) -> HeaderValue {
    set_cookie(app, plain, "", Duration::ZERO)
}

/// The secret of the session cookie, for `sessions::find`.
pub fn session_secret<'r>(app: &App, request: &'r Request) -> Option<&'r str> {
    secret_in_cookie(app, request, CookieName::Session.base_name())
}

/// Sets the cookie of a new session. The cookie outlives the browser's restart only if the user asked for
/// that.
pub fn set_session_cookie(app: &App, response: &mut Response, secret: &str, remembered: bool) {
    let lifetime = remembered.then(|| app.config.session.lifetime.duration());
    let cookie = cookie(app, CookieName::Session.base_name(), secret, lifetime);
    response.headers_mut().append(SET_COOKIE, cookie);
    clear_begun_registration(app, response);
}

/// Removes the cookie only; the session itself is ended by `sessions`.
pub fn clear_session_cookie(app: &App, response: &mut Response) {
    response.headers_mut().append(SET_COOKIE, clear_cookie(app, CookieName::Session.base_name()));
    clear_begun_registration(app, response);
}

pub fn browser_secret<'r>(app: &App, request: &'r Request) -> Option<&'r str> {
    secret_in_cookie(app, request, CookieName::Browser.base_name())
}

/// Returns the secret of the browser cookie, or a new secret if there is no cookie. Pass the secret to
/// [`set_browser_cookie`] even if it is not new, because that renews the cookie.
pub fn ensure_browser_secret(app: &App, request: &Request) -> SecretString {
    browser_secret(app, request).map_or_else(|| app.random.token(), SecretString::from)
}

/// Sets the browser cookie, or renews it.
pub fn set_browser_cookie(app: &App, response: &mut Response, secret: &str) {
    let cookie = set_cookie(app, CookieName::Browser.base_name(), secret, BROWSER_LIFETIME);
    response.headers_mut().append(SET_COOKIE, cookie);
}

/// The secret of the device cookie.
pub fn device_secret<'r>(app: &App, request: &'r Request) -> Option<&'r str> {
    secret_in_cookie(app, request, CookieName::Device.base_name())
}

/// Sets the device cookie, which stays after a sign-out.
pub fn set_device_cookie(app: &App, response: &mut Response, secret: &str) {
    let lifetime = app.config.login.device_lifetime.duration();
    let cookie = set_cookie(app, CookieName::Device.base_name(), secret, lifetime);
    response.headers_mut().append(SET_COOKIE, cookie);
}

/// What a browser keeps of the registration that it began.
pub struct BegunRegistration<'a> {
    /// Shows that the mailed link was opened in the browser in which the password was chosen.
    pub secret: &'a str,
    pub email: String,
}

/// Keeps the registration in the browser, as long as its link is valid and nobody signs in or out: after that, somebody
/// else may sit there.
pub fn set_begun_registration(app: &App, response: &mut Response, begun: &BegunRegistration<'_>) {
    let lifetime = app.config.registration.link_lifetime.duration();
    let value = format!("{}.{}", begun.secret, URL_SAFE_NO_PAD.encode(&begun.email));
    let cookie = set_cookie(app, BEGUN_REGISTRATION_COOKIE, &value, lifetime);
    response.headers_mut().append(SET_COOKIE, cookie);
}

/// The registration that was begun in this browser.
pub fn begun_registration<'r>(app: &App, request: &'r Request) -> Option<BegunRegistration<'r>> {
    let value = cookie_value(app, request, BEGUN_REGISTRATION_COOKIE)
        .filter(|value| value.len() <= MAX_BEGUN_REGISTRATION_LENGTH)?;
    let (secret, email) = value.split_once('.').filter(|(secret, _)| well_formed_secret(secret))?;
    Some(BegunRegistration { secret, email: String::from_utf8(URL_SAFE_NO_PAD.decode(email).ok()?).ok()? })
}

fn clear_begun_registration(app: &App, response: &mut Response) {
    response.headers_mut().append(SET_COOKIE, clear_cookie(app, BEGUN_REGISTRATION_COOKIE));
}

/// Whether a person opens the page now, in a tab of its own. Programs that look at links, and browsers that fetch pages
/// before anybody wants them, say something else in one of these headers, or nothing at all.
pub fn opened_by_person(request: &Request) -> bool {
    let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    let early = ["sec-purpose", "purpose", "x-purpose", "x-moz"];
    !routing::is_head(request)
        && early.iter().all(|name| header(name).is_none())
        && header("sec-fetch-mode").is_none_or(|mode| mode == b"navigate")
        && header("sec-fetch-dest").is_none_or(|destination| destination == b"document")
}

/// Keeps the token of a link that requires a sign-in first, as long as the link is valid.
pub fn set_pending_confirmation(app: &App, response: &mut Response, token: &str) {
    let lifetime = app.config.registration.link_lifetime.duration();
    response.headers_mut().append(SET_COOKIE, set_cookie(app, PENDING_CONFIRMATION_COOKIE, token, lifetime));
}

/// The token of the link that required the sign-in.
pub fn pending_confirmation_token<'r>(app: &App, request: &'r Request) -> Option<&'r str> {
    secret_in_cookie(app, request, PENDING_CONFIRMATION_COOKIE)
}

pub fn clear_pending_confirmation(app: &App, response: &mut Response) {
    response.headers_mut().append(SET_COOKIE, clear_cookie(app, PENDING_CONFIRMATION_COOKIE));
}

/// Keeps the chosen language, which is one that the messages have.
pub fn set_language_cookie(app: &App, response: &mut Response, language: &str) {
    response.headers_mut().append(SET_COOKIE, set_cookie(app, LANGUAGE_COOKIE, language, LANGUAGE_LIFETIME));
}

/// The language that was chosen in this browser, if the messages have it.
pub fn chosen_language<'r>(app: &App, request: &'r Request) -> Option<&'r str> {
    cookie_value(app, request, LANGUAGE_COOKIE).filter(|language| app.templates.has_language(language))
}

/// The CSRF token of this browser's forms: a MAC of the browser cookie, which reveals nothing about the
/// cookie.
pub fn form_token(app: &App, browser_secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(app.vault.mac(&[b"form token", browser_secret.as_bytes()]))
}

/// Why a form is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsrfError {
    /// The headers name another origin, or are missing.
    #[error("the form does not come from a page of this provider")]
    CrossSite,
    #[error("the browser cookie is missing")]
    BrowserCookieMissing,
    /// The token is missing or belongs to another browser.
    #[error("the form token does not belong to this browser")]
    InvalidFormToken,
}

/// Verifies that a page of this issuer, in the same browser, sent the form. Returns the browser's secret.
pub fn verify_own_form<'r>(
    app: &App,
    request: &'r Request,
    token: Option<&str>,
) -> Result<&'r str, CsrfError> {
    require_same_origin(app, request.headers())?;
    let browser = browser_secret(app, request).ok_or(CsrfError::BrowserCookieMissing)?;
    let expected = form_token(app, browser);
    let same = token.is_some_and(|token| crypto::constant_time_equal(token.as_bytes(), expected.as_bytes()));
    if same { Ok(browser) } else { Err(CsrfError::InvalidFormToken) }
}

/// Checks fetch metadata and `Origin`. Each header that is present must name this issuer, and one must be
/// present.
pub fn require_same_origin(app: &App, headers: &HeaderMap) -> Result<(), CsrfError> {
    let origin = headers.get(ORIGIN).map(|value| value.as_bytes() == app.config.issuer.as_bytes());
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes() == b"same-origin");
    match (origin, site) {
        (Some(false), _) | (_, Some(false)) | (None, None) => Err(CsrfError::CrossSite),
        _ => Ok(()),
    }
}

/// Returns an HTML response with the policy of the page at `path`.
pub fn html_response(text: String, path: &str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, page_content_security_policy(path));
    response
}

/// Allows a page to frame pages of these origins, which are those of registered URIs.
pub fn allow_frames(response: &mut Response, origins: &BTreeSet<&str>) {
    let headers = response.headers_mut();
    let policy = headers.get(CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
    if let (Some(policy), false) = (policy, origins.is_empty()) {
        let origins = origins.iter().copied().collect::<Vec<_>>().join(" ");
        if let Ok(policy) = HeaderValue::try_from(format!("{policy}; frame-src {origins}")) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::part_of_interaction;

    #[test]
    fn a_path_is_part_of_an_interaction_by_its_whole_segments() {
        for path in ["/login", "/language", "/login/verify", "/oauth2/authorize", "/account/restore"] {
            assert!(part_of_interaction(path), "{path}");
        }
        for path in ["/", "/loginx", "/account", "/account/totp", "/oauth2/token", "/docs", "/dev/login"] {
            assert!(!part_of_interaction(path), "{path}");
        }
    }
}
