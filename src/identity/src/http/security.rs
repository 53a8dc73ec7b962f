//! Defines what every answer carries, the cookies, and who may post a form.
//!
//! Owns the headers (ASVS 3.4, RFC 9700 section 4.16), among them what the pages of a sign-in must go without, the cookies
//! that last and the defence against cross-site requests (ASVS 3.5). The *browser* cookie names a browser, signed in or
//! not: requests for authorization, logins in progress and forms are bound to it. The *session* cookie is the sign-in
//! itself and leads to a row of `sessions`. The *device* cookie outlives it: accounts know by it who signed in before.
//!
//! A form is taken when the browser says that it comes from a page of ours (`Sec-Fetch-Site`,
//! `Origin`) and when it carries the token of that browser. Either alone would do in a current
//! browser; together they survive a bug in one of them. A request that says neither where it comes
//! from nor has the token is refused.

use std::time::Duration;

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
use postern_service::random::Random;

use crate::{App, crypto};

/// How long a browser is remembered after its last page; far longer than any flow.
const BROWSER_LIFETIME: Duration = Duration::from_hours(24);

/// Length of a 256-bit secret in base64url.
const SECRET_LENGTH: usize = 43;

/// Holds the address of a registration whose mail is on its way.
const REGISTERING_COOKIE: &str = "postern-registering";

/// Holds the token of a change of address while somebody signs in to confirm it.
const CONFIRMING_COOKIE: &str = "postern-confirming";

/// Longest value of the cookie of a registration: an address in base64url.
const LONGEST_REGISTERING: usize = 512;

/// What anything but a page may do in a browser: nothing.
const CSP_OF_DATA: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// What a page loads: our own files only. It is never in a frame.
const CSP_OF_PAGE: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                           img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

/// Keeps a page and the window that opened it apart (HTML Standard section 7.1.3).
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// Headers of every answer, pages or not. `Cache-Control` is `no-store` unless the handler knows better.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CONTENT_SECURITY_POLICY, CSP_OF_DATA),
];

/// Where an authorization request or a sign-out leads a browser before the app has its answer, with everything below:
/// sign-in, registration and recovery, and the return to a closed account.
///
/// Pages here set no `form-action`: Chromium applies it to every redirect that follows a form, also to those of the app's
/// own callback, and nobody here can list where they lead. Answers here set no opener policy: one answer that has it, a
/// redirect too, takes the popup of a sign-in away from the app that opened it.
const INTERACTION_PATHS: [&str; 10] = [
    "/oauth2/authorize",
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

/// Whether the answer at a path may be a step on a browser's way back to an app.
fn part_of_interaction(path: &str) -> bool {
    INTERACTION_PATHS
        .iter()
        .any(|own| path.strip_prefix(own).is_some_and(|below| below.is_empty() || below.starts_with('/')))
}

/// Wraps the whole route table: adds to every answer the headers it does not have yet.
pub fn headers<E>(app: &App, endpoint: E) -> impl Endpoint<Output = Response> + use<E>
where
    E: Endpoint + 'static,
{
    let mut always = HeaderMap::from_iter(HEADERS);
    if app.config.secure_cookies() {
        // A year and every subdomain (ASVS 3.4.1); over http the header means nothing (RFC 6797 section 7.2).
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        always.insert(STRICT_TRANSPORT_SECURITY, year);
    }
    WithHeaders { endpoint, always }
}

struct WithHeaders<E> {
    endpoint: E,
    always: HeaderMap,
}

impl<E: Endpoint> Endpoint for WithHeaders<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let opener_policy = (!part_of_interaction(request.uri().path())).then_some(SAME_ORIGIN);
        let mut response = self.endpoint.get_response(request).await;
        for (name, value) in &self.always {
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

/// The policy of the page at a path. Its forms lead back here, unless they may lead on to an app.
pub fn page_policy(path: &str) -> HeaderValue {
    let forms = if part_of_interaction(path) { "" } else { "; form-action 'self'" };
    HeaderValue::try_from(format!("{CSP_OF_PAGE}{forms}")).unwrap_or(CSP_OF_DATA)
}

/// The cookies that last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieName {
    /// The secret of a session.
    Session,
    /// The secret of a browser.
    Browser,
    /// The secret by which accounts know a device.
    Device,
}

impl CookieName {
    fn plain(self) -> &'static str {
        match self {
            Self::Session => "postern-session",
            Self::Browser => "postern-browser",
            Self::Device => "postern-device",
        }
    }
}

/// The full name of a cookie: `__Host-` pins it to this host and https (RFC 6265bis section 4.1.3.2);
/// a loopback issuer over http cannot have it.
pub fn cookie_name(app: &App, plain: &str) -> String {
    if app.config.secure_cookies() { format!("__Host-{plain}") } else { plain.to_owned() }
}

/// The value of a cookie.
fn value_of<'r>(app: &App, request: &'r Request, plain: &str) -> Option<&'r str> {
    let name = cookie_name(app, plain);
    let lines = request.headers().get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    Some(pairs.find(|(key, _)| *key == name)?.1)
}

/// The value of a cookie, if it is a 256-bit secret as we make them; anything else was not set here.
pub fn secret_in_cookie<'r>(app: &App, request: &'r Request, plain: &str) -> Option<&'r str> {
    value_of(app, request, plain).filter(|value| well_formed(value))
}

/// Whether this is a 256-bit secret as we make them.
pub fn well_formed(secret: &str) -> bool {
    secret.len() == SECRET_LENGTH
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Plain names of the cookies of ours that begin like this.
pub fn cookies_beginning_with(app: &App, request: &Request, plain: &str) -> Vec<String> {
    let prefix = cookie_name(app, "");
    let lines = request.headers().get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let names = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    names
        .filter_map(|(name, _)| name.strip_prefix(&prefix))
        .filter(|name| name.starts_with(plain))
        .map(str::to_owned)
        .collect()
}

/// A `Set-Cookie` that lasts for `lifetime`.
pub fn set_cookie(app: &App, plain: &str, value: &str, lifetime: Duration) -> HeaderValue {
    cookie(app, plain, value, Some(lifetime))
}

/// A `Set-Cookie` that lasts for a time, or until the browser is closed (RFC 6265 section 4.1.2.2).
fn cookie(app: &App, plain: &str, value: &str, lifetime: Option<Duration>) -> HeaderValue {
    let secure = if app.config.secure_cookies() { "; Secure" } else { "" };
    let name = cookie_name(app, plain);
    let age = lifetime.map(|age| format!("; Max-Age={}", age.as_secs())).unwrap_or_default();
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}");
    // A value of ours is base64url, so this cannot fail; an empty header would set nothing.
    HeaderValue::try_from(line).unwrap_or(HeaderValue::from_static(""))
}

/// A `Set-Cookie` that takes a cookie away.
pub fn clear_cookie(app: &App, plain: &str) -> HeaderValue {
    set_cookie(app, plain, "", Duration::ZERO)
}

/// The secret of the session cookie, for `sessions::find`.
pub fn session_secret<'r>(app: &App, request: &'r Request) -> Option<&'r str> {
    secret_in_cookie(app, request, CookieName::Session.plain())
}

/// Hands a new session to the browser, which keeps it when it is closed only if the person asked for that.
pub fn set_session(app: &App, response: &mut Response, secret: &str, remembered: bool) {
    let lifetime = remembered.then(|| app.config.session.lifetime.duration());
    let cookie = cookie(app, CookieName::Session.plain(), secret, lifetime);
    response.headers_mut().append(SET_COOKIE, cookie);
}

/// Takes the session from the browser.
pub fn clear_session(app: &App, response: &mut Response) {
    response.headers_mut().append(SET_COOKIE, clear_cookie(app, CookieName::Session.plain()));
}

/// The secret that names this browser.
pub fn browser_secret<'r>(app: &App, request: &'r Request) -> Option<&'r str> {
    secret_in_cookie(app, request, CookieName::Browser.plain())
}

/// The secret that names this browser, made now if it has none. Set it on the answer with
/// [`set_browser`], also when it is not new: that keeps it alive.
pub fn ensure_browser(app: &App, request: &Request) -> String {
    browser_secret(app, request).map_or_else(|| new_secret(&app.random), str::to_owned)
}

fn new_secret(random: &Random) -> String {
    random.token()
}

/// Lets the browser keep its name for another day.
pub fn set_browser(app: &App, response: &mut Response, secret: &str) {
    let cookie = set_cookie(app, CookieName::Browser.plain(), secret, BROWSER_LIFETIME);
    response.headers_mut().append(SET_COOKIE, cookie);
}

/// The secret by which accounts know this device.
pub fn device_secret<'r>(app: &App, request: &'r Request) -> Option<&'r str> {
    secret_in_cookie(app, request, CookieName::Device.plain())
}

/// Lets the browser be known again, also after it has signed out.
pub fn set_device(app: &App, response: &mut Response, secret: &str) {
    let lifetime = app.config.login.device_lifetime.duration();
    let cookie = set_cookie(app, CookieName::Device.plain(), secret, lifetime);
    response.headers_mut().append(SET_COOKIE, cookie);
}

/// Lets the browser remember which address was registered in it, so that one button has the mail sent again.
pub fn set_registering(app: &App, response: &mut Response, email: &str) {
    let lifetime = app.config.registration.link_lifetime.duration();
    let cookie = set_cookie(app, REGISTERING_COOKIE, &URL_SAFE_NO_PAD.encode(email), lifetime);
    response.headers_mut().append(SET_COOKIE, cookie);
}

/// The address that was registered in this browser.
pub fn registering(app: &App, request: &Request) -> Option<String> {
    let value =
        value_of(app, request, REGISTERING_COOKIE).filter(|value| value.len() <= LONGEST_REGISTERING)?;
    String::from_utf8(URL_SAFE_NO_PAD.decode(value).ok()?).ok()
}

/// Lets it forget that.
pub fn clear_registering(app: &App, response: &mut Response) {
    response.headers_mut().append(SET_COOKIE, clear_cookie(app, REGISTERING_COOKIE));
}

/// Keeps the token of a link that needs a sign-in first, while the link works.
pub fn set_confirming(app: &App, response: &mut Response, token: &str) {
    let lifetime = app.config.registration.link_lifetime.duration();
    response.headers_mut().append(SET_COOKIE, set_cookie(app, CONFIRMING_COOKIE, token, lifetime));
}

/// The token that waits for the sign-in.
pub fn confirming<'r>(app: &App, request: &'r Request) -> Option<&'r str> {
    secret_in_cookie(app, request, CONFIRMING_COOKIE)
}

/// Lets the browser forget it.
pub fn clear_confirming(app: &App, response: &mut Response) {
    response.headers_mut().append(SET_COOKIE, clear_cookie(app, CONFIRMING_COOKIE));
}

/// The token that forms of this browser carry. It tells nothing about the cookie it is made from.
pub fn form_token(app: &App, browser_secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(app.vault.mac(&[b"form token", browser_secret.as_bytes()]))
}

/// Why a form is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignForm {
    /// The browser says that the request comes from elsewhere, or does not say it at all.
    #[error("the form does not come from a page of this provider")]
    OtherSite,
    /// No browser cookie came along.
    #[error("the browser cookie is missing")]
    NoCookie,
    /// The token is missing or belongs to another browser.
    #[error("the form token does not belong to this browser")]
    WrongToken,
}

/// Whether a posted form comes from a page of ours in the same browser; its browser secret if so.
pub fn own_form<'r>(app: &App, request: &'r Request, token: Option<&str>) -> Result<&'r str, ForeignForm> {
    own_site(app, request.headers())?;
    let browser = browser_secret(app, request).ok_or(ForeignForm::NoCookie)?;
    let expected = form_token(app, browser);
    let same = token.is_some_and(|token| crypto::constant_time_equal(token.as_bytes(), expected.as_bytes()));
    if same { Ok(browser) } else { Err(ForeignForm::WrongToken) }
}

/// Fetch metadata and `Origin`: what is there must name us, and one of the two must be there.
pub fn own_site(app: &App, headers: &HeaderMap) -> Result<(), ForeignForm> {
    let origin = headers.get(ORIGIN).map(|value| value.as_bytes() == app.config.issuer.as_bytes());
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes() == b"same-origin");
    match (origin, site) {
        (Some(false), _) | (_, Some(false)) | (None, None) => Err(ForeignForm::OtherSite),
        _ => Ok(()),
    }
}

/// An HTML answer with the policy of the page at a path.
pub fn html(text: String, path: &str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, page_policy(path));
    response
}

#[cfg(test)]
mod tests {
    use super::part_of_interaction;

    #[test]
    fn a_path_is_part_of_an_interaction_by_its_whole_segments() {
        for path in ["/login", "/login/verify", "/oauth2/authorize", "/account/restore"] {
            assert!(part_of_interaction(path), "{path}");
        }
        for path in ["/", "/loginx", "/account", "/account/totp", "/oauth2/token", "/docs", "/dev/login"] {
            assert!(!part_of_interaction(path), "{path}");
        }
    }
}
