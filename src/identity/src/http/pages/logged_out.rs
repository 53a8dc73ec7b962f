//! Answers `/logged-out`, and defines the page after every sign-out of a browser.
//!
//! The page names the apps of the session that ended, and loads the front-channel pages of those that have one
//! (OpenID Connect Front-Channel Logout 1.0 section 3). With a return address it goes on there: when the frames
//! are loaded by its script, after a few seconds without, and at once by its link.

use std::collections::BTreeSet;

use minijinja::context;
use poem::{Request, Response};

use super::{Page, PageResult, see_other};
use crate::{App, authorization::signed_out_apps::SignedOutApps, http::security};

const TEMPLATE: &str = "pages/logged-out.html";

pub async fn show(app: App, request: Request) -> PageResult {
    show_apps(&Page::from_ui_locales_query(&app, &request), &SignedOutApps::default(), None)
}

/// After a sign-out: the page with the apps of the session, or the page without where the session had none.
pub fn show_after_sign_out(app: &App, request: &Request, apps: &SignedOutApps) -> PageResult {
    if apps.is_empty() {
        return Ok(see_other("/logged-out"));
    }
    show_apps(&Page::from_request(app, request, None), apps, None)
}

/// The page with the apps of the session that ended. `return_to` is registered for the client that asked.
pub fn show_apps(page: &Page, apps: &SignedOutApps, return_to: Option<&str>) -> PageResult {
    let frames: Vec<_> =
        apps.frames.iter().map(|frame| context! { uri => &*frame.uri, name => &*frame.name }).collect();
    let (told, not_told) = (&apps.told, &apps.not_told);
    let mut response: Response = page.show(TEMPLATE, context! { told, not_told, frames, return_to })?;
    let origins: BTreeSet<_> = apps.frames.iter().map(|frame| frame.origin.as_str()).collect();
    security::allow_frames(&mut response, &origins);
    Ok(response)
}
