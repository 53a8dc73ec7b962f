//! Answers who asks: how a page shows the client and where the person will return to.

use minijinja::{Value, context};
use url::Url;

use crate::{App, clients::Client};

/// Longest picture that is taken from the address itself.
const LONGEST_DATA_LOGO: usize = 8 * 1024;

/// The client as templates see it: `name, initial, logo, place, policy, terms`.
pub fn asker(app: &App, client: &Client, redirect_uri: Option<&str>) -> Value {
    let name = &client.row.name;
    let initial = name.chars().find(|letter| letter.is_alphanumeric());
    context! {
        name,
        initial => initial.map(|letter| letter.to_uppercase().to_string()).unwrap_or_default(),
        logo => client.row.logo_uri.as_deref().filter(|uri| shown(app, uri)),
        place => redirect_uri.and_then(place).unwrap_or_else(|| name.clone()),
        policy => client.row.policy_uri.as_deref().filter(|uri| linked(uri)),
        terms => client.row.tos_uri.as_deref().filter(|uri| linked(uri)),
    }
}

/// Where a redirect URI leads, as a person knows it: the host, or the name of an app's own scheme.
fn place(redirect_uri: &str) -> Option<String> {
    let url = Url::parse(redirect_uri).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty());
    Some(host.map_or_else(|| url.scheme().to_owned(), str::to_owned))
}

/// Pages load nothing from elsewhere: a logo is one of our own files (`/assets/...` in the directory
/// `pages.templates`) or a small picture in the address itself; otherwise the first letter stands for it.
fn shown(app: &App, uri: &str) -> bool {
    let own = uri.strip_prefix(app.config.issuer.as_str()).is_some_and(|path| path.starts_with("/assets/"));
    let data = ["png", "webp", "jpeg"].iter().any(|kind| {
        uri.strip_prefix("data:image/")
            .and_then(|uri| uri.strip_prefix(kind))
            .is_some_and(|uri| uri.starts_with(";base64,"))
    });
    own || (data && uri.len() <= LONGEST_DATA_LOGO)
}

/// Only addresses of the web become links; a `javascript:` that slipped in stays text.
fn linked(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}
