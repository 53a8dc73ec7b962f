//! Answers how pages show the requesting client, and where the user will return to.

use std::{cell::OnceCell, sync::Arc};

use minijinja::{Value, context};
use url::Url;

use super::assets::client_logo_path;
use crate::{App, authorization::third_party_login_uri, clients::Client, config::url_is_loopback};

tokio::task_local! {
    /// The client to whose request the page under way belongs, so that an error page leads back to the client wherever
    /// the error comes from.
    static CURRENT: OnceCell<Arc<Client>>;
}

/// Runs a handler and what shows its errors, beginning without a client.
pub(super) async fn within_request<T>(work: impl Future<Output = T>) -> T {
    CURRENT.scope(OnceCell::new(), work).await
}

/// Notes to which client an error page leads back. The first one counts.
pub fn note_client(client: &Arc<Client>) {
    // Outside of a page there is no error page either.
    let _ = CURRENT.try_with(|current| current.set(Arc::clone(client)));
}

/// The client that was noted for the page under way.
pub(super) fn noted_client() -> Option<Arc<Client>> {
    CURRENT.try_with(|current| current.get().cloned()).ok().flatten()
}

/// The client as templates see it: `name, initial, logo, host, client_uri, place, policy, terms`.
pub fn requesting_client(client: &Client, redirect_uri: Option<&str>) -> Value {
    let name = &client.row.name;
    let initial = name.chars().find(|letter| letter.is_alphanumeric());
    context! {
        name,
        initial => initial.map(|letter| letter.to_uppercase().to_string()).unwrap_or_default(),
        logo => client.logo.as_ref().map(client_logo_path).map(Value::from_safe_string),
        host => host(client, redirect_uri),
        client_uri => client.row.client_uri.as_deref().filter(|uri| web_url(uri)),
        place => redirect_uri.and_then(redirect_target_name).unwrap_or_else(|| name.clone()),
        policy => client.row.policy_uri.as_deref().filter(|uri| web_url(uri)),
        terms => client.row.tos_uri.as_deref().filter(|uri| web_url(uri)),
    }
}

/// Where an error page leads back to: the client's own page, or where a sign-in for the client begins.
pub(super) fn way_back(app: &App, client: &Client) -> Option<String> {
    let own_page = client.row.client_uri.clone().filter(|uri| web_url(uri));
    own_page.or_else(|| third_party_login_uri(app, client))
}

/// The host at which people know the client. That of the redirect URI comes first, because the code goes there; a
/// native app returns to this machine or to a private scheme, and has only the host of its own page.
fn host(client: &Client, redirect_uri: Option<&str>) -> Option<String> {
    let first = client.row.redirect_uris.first().map(String::as_str);
    let target = redirect_uri.or(first).and_then(web_host);
    let own_page = || client.row.client_uri.as_deref().and_then(web_host);
    let (host, _) = target.clone().filter(|(_, loopback)| !loopback).or_else(own_page).or(target)?;
    Some(host)
}

/// The host of a web address, and whether it is this machine.
fn web_host(uri: &str) -> Option<(String, bool)> {
    let url = Url::parse(uri).ok().filter(|_| web_url(uri))?;
    Some((url.host_str()?.to_owned(), url_is_loopback(&url)))
}

/// Where a redirect URI leads, as a person knows it: the host, or the name of an app's own scheme. Behind such a scheme
/// an app may write any host, which has no part in where the code goes.
fn redirect_target_name(redirect_uri: &str) -> Option<String> {
    let scheme = || Some(Url::parse(redirect_uri).ok()?.scheme().to_owned());
    web_host(redirect_uri).map(|(host, _)| host).or_else(scheme)
}

/// Only addresses of the web become links; a `javascript:` that slipped in stays text.
fn web_url(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}
