//! Answers `/errors/REFERENCE`: what the reference of a failed request means, and who can look it up.
//!
//! The page is the same for every reference, used or not, and nothing is read or written for it. The cause
//! stays in the log, where an operator finds it by the reference. Where the issuer runs on a loopback address, the page
//! explains one of the last refusals to the developer of the app.

use minijinja::context;
use poem::Request;
use postern_service::telemetry::RequestId;

use super::{Page, PageErrorKind, PageResult};
use crate::{App, config};

pub fn path() -> String {
    format!("{}/:reference", config::ERROR_PAGES)
}

/// `GET /errors/:reference`. What no request ever had as its reference is not shown.
pub async fn show(app: App, request: Request) -> PageResult {
    let named = request.raw_path_param("reference").unwrap_or_default();
    let reference = RequestId::parse(named).ok_or(PageErrorKind::NotFound)?;
    let page = Page::from_ui_locales_query(&app, &request);
    page.show(
        "pages/error-reference.html",
        context! {
            reference => reference.as_str(),
            explanation => page.explanation(reference),
        },
    )
}
