//! Defines `postern openapi`: prints the document of `/openapi.json`. Needs neither settings nor database.

use super::output::Report;
use crate::http;

pub(super) fn run() -> Report {
    let document = http::serve::document();
    Report::new(format!("{document:#}"), document)
}
