//! Renders the page from poem-openapi's copy of Swagger UI, with a content security policy that allows
//! exactly its scripts.

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

/// The page of poem-openapi has changed, so its script and style were not found.
#[derive(Debug, thiserror::Error)]
#[error("the embedded Swagger UI is not where it was")]
pub(super) struct NoSwaggerUi;

pub(super) fn render(options: &DocsOptions) -> Option<Asset> {
    let original = OpenApiService::new((), "", "").swagger_ui_html();
    let style = between(&original, "<style charset=\"UTF-8\">", "</style>")?;
    let bundle = between(&original, "<script charset=\"UTF-8\">", "</script>")?;
    // A `<` could end the script element.
    let settings = json!({ "client_id": options.client_id, "scopes": options.scopes }).to_string();
    let start = START.replace("{settings}", &settings.replace('<', "\\u003c"));
    let page = PAGE
        .replace("{title}", &escape(&options.title))
        .replace("{style}", style)
        .replace("{start}", &start)
        // Replaced last, so that no placeholder is replaced within the bundle.
        .replace("{bundle}", bundle);
    let policy = content_security_policy(&[bundle, &start], style, options);
    Some(Asset::new("text/html; charset=utf-8", page.as_bytes()).content_security_policy(&policy))
}

/// The redirect URI of the page's client. It passes the authorization response to the page and closes.
pub(super) fn redirect_page() -> Asset {
    let page = REDIRECT.replace("{script}", REDIRECT_SCRIPT);
    let policy = format!(
        "default-src 'none'; script-src {}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(REDIRECT_SCRIPT)
    );
    Asset::new("text/html; charset=utf-8", page.as_bytes()).content_security_policy(&policy)
}

/// Allows scripts and the style sheet by their hashes. Images of Swagger UI are `data:` URLs.
fn content_security_policy(scripts: &[&str], style: &str, options: &DocsOptions) -> String {
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

/// The source expression that allows exactly this script (CSP Level 3 section 2.3.1).
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
