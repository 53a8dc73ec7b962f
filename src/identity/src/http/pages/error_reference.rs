//! `/errors/REFERENCE`: what the reference of a refused request means, and who can look it up.
//!
//! The page is the same for every reference, used or not, and nothing is read or written for it: what a refusal was about
//! stays in the log, where an operator finds it by the reference.

use minijinja::context;
use poem::Request;
use postern_service::telemetry::RequestId;

use super::{Answer, Page, Refusal};
use crate::{App, config};

pub fn path() -> String {
    format!("{}/:reference", config::ERROR_PAGES)
}

/// `GET /errors/:reference`. What no request ever had as its reference is not shown.
pub async fn show(app: App, request: Request) -> Answer {
    let named = request.raw_path_param("reference").unwrap_or_default();
    let reference = RequestId::parse(named).ok_or(Refusal::NotFound)?;
    let page = Page::asked_for(&app, &request);
    page.show("pages/error-reference.html", context! { reference => reference.as_str() })
}
