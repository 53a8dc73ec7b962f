//! Answers `/assets/HASH/NAME`: the files that pages load. Leaves content and hashes to [`crate::assets`].

use poem::{
    Request, Response,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
};

use super::{PageErrorKind, PageResult};
use crate::App;

/// For an address that holds the hash of what it answers.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For an address of another version.
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, no-cache");

pub async fn show(app: App, request: Request) -> PageResult {
    let asset = app.templates.assets().find(request.raw_path_param("name").unwrap_or_default());
    let asset = asset.ok_or(PageErrorKind::NotFound)?;
    let named = request.raw_path_param("hash") == Some(asset.hash.as_str());
    let etag = format!("\"{}\"", asset.hash);
    let answer = Response::builder()
        .header(CACHE_CONTROL, if named { IMMUTABLE } else { REVALIDATE })
        .header(ETAG, &etag)
        .header(CONTENT_TYPE, asset.media_type);
    if request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok(answer.status(StatusCode::NOT_MODIFIED).finish());
    }
    Ok(answer.body(asset.content.clone()))
}
