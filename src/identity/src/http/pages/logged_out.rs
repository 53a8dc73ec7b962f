//! Answers `/logged-out`: the page after a sign-out without a redirect to a client.

use minijinja::context;
use poem::Request;

use super::{Page, PageResult};
use crate::App;

pub async fn show(app: App, request: Request) -> PageResult {
    Page::from_ui_locales_query(&app, &request).show("pages/logged-out.html", context! {})
}
