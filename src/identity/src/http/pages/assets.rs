//! Answers `/assets/HASH/NAME`: the files that pages load. Leaves content, hashes and caching to
//! [`Assets`](postern_service::asset::Assets).

use poem::Request;

use super::{PageErrorKind, PageResult};
use crate::App;

pub async fn show(app: App, request: Request) -> PageResult {
    let parameter = |name| request.raw_path_param(name).unwrap_or_default();
    let response = app.templates.assets().respond(parameter("hash"), parameter("name"), request.headers());
    Ok(response.ok_or(PageErrorKind::NotFound)??)
}
