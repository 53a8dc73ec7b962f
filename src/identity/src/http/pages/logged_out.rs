//! `/logged-out`: the end of a sign-out that leads nowhere else.

use minijinja::context;
use poem::Request;

use super::{Answer, Page};
use crate::App;

pub async fn show(app: App, request: Request) -> Answer {
    Page::asked_for(&app, &request).show("pages/logged-out.html", context! {})
}
