//! Answers `/assets/HASH/NAME`, the files that pages load, `/assets/logos/NAME`, the logos of clients, and `/brand.css`.
//! Leaves content, hashes and caching of the files to [`Assets`](postern_service::asset::Assets), and which clients
//! have a logo to `clients`.

use poem::{
    Request, Response,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
    },
};
use postern_service::asset::{IMMUTABLE, PICTURE_POLICY};

use super::{PageErrorKind, PageResult};
use crate::{
    App,
    clients::{self, ClientLogo},
    templates,
};

/// The path of a client's logo.
pub fn client_logo_path(logo: &ClientLogo) -> String {
    format!("/assets/logos/{}", logo.file_name())
}

/// The name has the hash of the picture, so the answer never changes.
pub async fn client_logo(app: App, request: Request) -> PageResult {
    let name = request.raw_path_param("name").unwrap_or_default();
    let logo = ClientLogo::from_file_name(name).ok_or(PageErrorKind::NotFound)?;
    let content = clients::find_logo(app.db.reader(), &logo).await?.ok_or(PageErrorKind::NotFound)?;
    Ok(Response::builder()
        .content_type(logo.kind.media_type())
        .header(CACHE_CONTROL, IMMUTABLE)
        .header(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PICTURE_POLICY))
        .body(content))
}

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
