//! Makes the page from poem-openapi's copy of Swagger UI, and the policy that allows exactly its scripts.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use poem_openapi::OpenApiService;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{DocsOptions, origin};
use crate::asset::Asset;

const PAGE: &str = include_str!("page.html");
const START: &str = include_str!("start.js");
const REDIRECT: &str = include_str!("oauth2-redirect.html");
const REDIRECT_SCRIPT: &str = include_str!("oauth2-redirect.js");

/// poem-openapi's page has another shape than the one we take apart.
#[derive(Debug, thiserror::Error)]
#[error("the embedded Swagger UI is not where it was")]
pub(super) struct NoSwaggerUi;

/// The page, compressed.
pub(super) fn make(options: &DocsOptions) -> Option<Asset> {
    let original = OpenApiService::new((), "", "").swagger_ui_html();
    let style = between(&original, "<style charset=\"UTF-8\">", "</style>")?;
    let bundle = between(&original, "<script charset=\"UTF-8\">", "</script>")?;
    // In a script, `<` could end it.
    let settings = json!({ "client_id": options.client_id, "scopes": options.scopes }).to_string();
    let start = START.replace("{settings}", &settings.replace('<', "\\u003c"));
    let page = PAGE
        .replace("{title}", &escape(&options.title))
        .replace("{style}", style)
        .replace("{start}", &start)
        // Last: nothing is to be replaced within it.
        .replace("{bundle}", bundle);
    let policy = policy(&[bundle, &start], style, options);
    Some(Asset::new("text/html; charset=utf-8", page.as_bytes()).policy(&policy))
}

/// The page that an authorization answers to. It hands the answer on and closes.
pub(super) fn redirect() -> Asset {
    let page = REDIRECT.replace("{script}", REDIRECT_SCRIPT);
    let policy = format!(
        "default-src 'none'; script-src {}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(REDIRECT_SCRIPT)
    );
    Asset::new("text/html; charset=utf-8", page.as_bytes()).policy(&policy)
}

/// Scripts and the style sheet by their hashes. Swagger UI's pictures are `data:`.
fn policy(scripts: &[&str], style: &str, options: &DocsOptions) -> String {
    let scripts: Vec<_> = scripts.iter().map(|script| hash(script)).collect();
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src 'self' data:; connect-src 'self' {} {}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        scripts.join(" "),
        hash(style),
        origin(&options.server),
        origin(&options.issuer),
    )
}

/// The source expression that allows this very script (CSP Level 3 section 2.3.1).
fn hash(script: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script)))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
