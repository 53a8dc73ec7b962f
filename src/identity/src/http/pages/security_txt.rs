//! Answers `/.well-known/security.txt`: the contact for security problems of this installation (RFC 9116).
//! The route exists only if the operator has configured a contact.

use std::time::Duration;

use poem::{
    Request, Response,
    http::{HeaderValue, header::CACHE_CONTROL},
};

use super::{PageErrorKind, PageResult, PageRoutes};
use crate::{App, readable};

const PATH: &str = "/.well-known/security.txt";

/// Section 2.5.5 recommends less than a year. The end is computed anew each day, so the file never goes stale by itself.
const VALIDITY: Duration = Duration::from_hours(24 * 180);

/// Far shorter than the file is valid.
const FILE_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// Adds the route if a contact is configured.
pub fn mount(app: &App, routes: PageRoutes) -> PageRoutes {
    match app.config.pages.security_contact {
        Some(_) => routes.page(PATH, show),
        None => routes,
    }
}

async fn show(app: App, _: Request) -> PageResult {
    let contact = app.config.pages.security_contact.as_ref().ok_or(PageErrorKind::NotFound)?;
    let text = format!(
        "Contact: {contact}\nExpires: {}T00:00:00Z\nPreferred-Languages: {}\nCanonical: {}{PATH}\n",
        readable::format_day(app.clock.now() + VALIDITY),
        app.templates.languages().join(", "),
        app.config.issuer,
    );
    Ok(Response::builder()
        .content_type("text/plain; charset=utf-8")
        .header(CACHE_CONTROL, FILE_CACHE_CONTROL)
        .body(text))
}
