//! Answers `/assets/HASH/NAME`, the files that pages load, and `/brand.css`. Leaves content, hashes and caching to
//! [`Assets`](postern_service::asset::Assets).

use poem::Request;

use super::{PageErrorKind, PageResult};
use crate::{App, templates};

/// For other sites of the operator that wear the same colours: `/brand.css`, which keeps its path. Pages of this
/// issuer load the same file under a path with its hash.
pub async fn brand(app: App, request: Request) -> PageResult {
    let response = app.templates.assets().respond("", templates::STYLESHEET, request.headers());
    Ok(response.ok_or(PageErrorKind::NotFound)??)
}

pub async fn show(app: App, request: Request) -> PageResult {
    let parameter = |name| request.raw_path_param(name).unwrap_or_default();
    let response = app.templates.assets().respond(parameter("hash"), parameter("name"), request.headers());
    Ok(response.ok_or(PageErrorKind::NotFound)??)
}
