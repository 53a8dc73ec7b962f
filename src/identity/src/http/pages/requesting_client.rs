//! Answers how pages show the requesting client, and where the user will return to.

use minijinja::{Value, context};
use url::Url;

use crate::{App, clients::Client};

/// Longest picture that is taken from the address itself.
const MAX_DATA_LOGO_LENGTH: usize = 8 * 1024;

/// The client as templates see it: `name, initial, logo, place, policy, terms`.
pub fn requesting_client(app: &App, client: &Client, redirect_uri: Option<&str>) -> Value {
    let name = &client.row.name;
    let initial = name.chars().find(|letter| letter.is_alphanumeric());
    context! {
        name,
        initial => initial.map(|letter| letter.to_uppercase().to_string()).unwrap_or_default(),
        logo => client.row.logo_uri.as_deref().filter(|uri| logo_allowed(app, uri)),
        place => redirect_uri.and_then(redirect_target_name).unwrap_or_else(|| name.clone()),
        policy => client.row.policy_uri.as_deref().filter(|uri| web_url(uri)),
        terms => client.row.tos_uri.as_deref().filter(|uri| web_url(uri)),
    }
}

/// Where a redirect URI leads, as a person knows it: the host, or the name of an app's own scheme.
fn redirect_target_name(redirect_uri: &str) -> Option<String> {
    let url = Url::parse(redirect_uri).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty());
    Some(host.map_or_else(|| url.scheme().to_owned(), str::to_owned))
}

/// Pages load nothing from elsewhere: a logo is one of our own files (`/assets/...` in the directory
/// `pages.templates`) or a small picture in the address itself; otherwise the first letter stands for it.
fn logo_allowed(app: &App, uri: &str) -> bool {
    let own = uri.strip_prefix(app.config.issuer.as_str()).is_some_and(|path| path.starts_with("/assets/"));
    let data = ["png", "webp", "jpeg"].iter().any(|kind| {
        uri.strip_prefix("data:image/")
            .and_then(|uri| uri.strip_prefix(kind))
            .is_some_and(|uri| uri.starts_with(";base64,"))
    });
    own || (data && uri.len() <= MAX_DATA_LOGO_LENGTH)
}

/// Only addresses of the web become links; a `javascript:` that slipped in stays text.
fn web_url(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}
