//! Answers where the language switch of a page, and the error page of a refused form, lead back to.
//!
//! A page that a GET shows leads back to its own address. A page that answers a form has no address that shows it
//! again: if the form is asked for again, its page is the way back, with what names its sign-in or its mailed link; after
//! a form that was accepted there is none.

use std::{borrow::Cow, cell::RefCell};

use poem::{Request, http::Method};
use url::{Url, form_urlencoded};

use super::Form;
use crate::http::oidc::{authorize, end_session};

/// The longest address of a page, in bytes. The sealed request of an app makes up most of it.
const MAX_LENGTH: usize = 8 * 1024;

/// The fields of a form that its page needs to show the same again.
const KEPT_FIELDS: [&str; 4] = ["request", "to", "token", "invitation"];

/// What the addresses of pages of ours have in their queries.
const QUERY_FIELDS: [&str; 11] =
    ["request", "to", "token", "invitation", "sent", "start", "way", "done", "before", "page", "ui_locales"];

tokio::task_local! {
    /// The page of the form that the request under way has sent.
    static FORM_PAGE: RefCell<Option<String>>;
}

/// Runs a handler and what shows its errors, beginning without a form.
pub(super) async fn within_request<T>(work: impl Future<Output = T>) -> T {
    FORM_PAGE.scope(RefCell::default(), work).await
}

/// Notes the page of the form that was sent to `path`, with the fields as far as they are read.
pub(super) fn note_form(path: &str, fields: Option<&Form>) {
    let address = page_of_form(path, fields);
    // Outside of a page nothing leads back.
    let _ = FORM_PAGE.try_with(|page| page.replace(Some(address)));
}

/// The page of the form that the request under way has sent.
pub(super) fn noted_form_page() -> Option<String> {
    FORM_PAGE.try_with(|page| page.borrow().clone()).ok().flatten()
}

/// The page's own address; none for a page that answers a form, nor for the refusal of an app's request. Of the query
/// only what pages of ours have in theirs: nobody's words are repeated.
pub(super) fn of_request(request: &Request) -> Option<String> {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    if request.method() != Method::GET || path == authorize::PATH {
        return None;
    }
    let kept = |(name, value): &(Cow<'_, str>, Cow<'_, str>)| {
        path == end_session::PATH || QUERY_FIELDS.contains(&&**name) && value.bytes().all(unreserved)
    };
    let kept = form_urlencoded::parse(query.as_bytes()).filter(kept);
    Some(with_query(path, kept)).filter(|address| address.len() <= MAX_LENGTH)
}

/// RFC 3986 section 2.3.
const fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn with_query<'a>(page: &str, fields: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let separator = if page.contains('?') { '&' } else { '?' };
    if query.is_empty() { page.to_owned() } else { format!("{page}{separator}{query}") }
}

fn page_of_form(path: &str, fields: Option<&Form>) -> String {
    let page = match path {
        "/account/sign-out" => "/account",
        "/language" | "/password/strength" => "/",
        "/register/resend" => "/register?sent=yes",
        // The other targets without a page of their own are below the page with their form.
        _ => ["/login", "/account/passkeys", "/account/sessions", "/account/applications", "/account/totp"]
            .into_iter()
            .find(|page| path.strip_prefix(page).is_some_and(|below| below.starts_with('/')))
            .unwrap_or(path),
    };
    let kept = KEPT_FIELDS.iter().filter_map(|name| Some(((*name).into(), fields?.get(name)?.into())));
    with_query(page, kept.filter(|(_, value): &(_, Cow<'_, str>)| value.bytes().all(unreserved)))
}

/// The address as a path of the issuer, with its query; the home page for anything that leads elsewhere.
pub(super) fn own_path(issuer: &str, address: &str) -> String {
    let home = || "/".to_owned();
    if address.len() > MAX_LENGTH || !address.starts_with('/') {
        return home();
    }
    let Some((issuer, target)) =
        Url::parse(issuer).ok().and_then(|issuer| Some((issuer.clone(), issuer.join(address).ok()?)))
    else {
        return home();
    };
    // Read as browsers read it (WHATWG URL): backslashes are slashes, dots and line breaks are taken out. What remains
    // must not begin with the two slashes that name a host.
    if target.origin() != issuer.origin() || target.path().starts_with("//") {
        return home();
    }
    target[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
}

#[cfg(test)]
mod tests {
    use super::{own_path, page_of_form};

    const ISSUER: &str = "https://id.example.test";

    #[test]
    fn only_paths_of_the_issuer_are_led_back_to() {
        for own in ["/", "/account", "/login?request=a.b-c_d&x=%2F%2F", "/reset-password?token=abc"] {
            assert_eq!(own_path(ISSUER, own), own);
        }
        assert_eq!(own_path(ISSUER, "/account#top"), "/account");
        for elsewhere in [
            "",
            "account",
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "/.//evil.test",
            "/x/..//evil.test",
            "/%2e//evil.test",
            "/\t/evil.test",
            "/\n/evil.test",
            "https://evil.test/",
            "https:evil.test",
            "javascript:alert(1)",
            "@evil.test",
        ] {
            assert_eq!(own_path(ISSUER, elsewhere), "/", "{elsewhere:?}");
        }
        assert_eq!(own_path(ISSUER, &format!("/{}", "x".repeat(9000))), "/");
    }

    #[test]
    fn the_page_of_a_form_is_the_one_that_shows_it() {
        for (target, page) in [
            ("/login/verify", "/login"),
            ("/reset-password", "/reset-password"),
            ("/register/resend", "/register?sent=yes"),
            ("/account/totp/confirm", "/account/totp"),
            ("/account/sign-out", "/account"),
        ] {
            assert_eq!(page_of_form(target, None), page);
        }
    }
}
