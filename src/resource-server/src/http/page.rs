//! Serves the web page at `/`: static files from memory, and `/config.json`, which tells the page where to
//! sign in.

use poem::{
    Route,
    http::{HeaderName, HeaderValue, header::REFERRER_POLICY},
};
use postern_service::{asset::Asset, routing};
use serde_json::json;

use crate::config::Config;

/// Path, media type and content of each file.
const FILES: [(&str, &str, &str); 8] = [
    ("/", "text/html; charset=utf-8", include_str!("../../web/index.html")),
    ("/tasks.js", "text/javascript; charset=utf-8", include_str!("../../web/tasks.js")),
    ("/oauth.js", "text/javascript; charset=utf-8", include_str!("../../web/oauth.js")),
    ("/words.js", "text/javascript; charset=utf-8", include_str!("../../web/words.js")),
    ("/tasks.css", "text/css; charset=utf-8", include_str!("../../web/tasks.css")),
    ("/postern.css", "text/css; charset=utf-8", include_str!("../../../../templates/assets/postern.css")),
    ("/icons.svg", "image/svg+xml", include_str!("../../../../templates/assets/icons.svg")),
    ("/mark.svg", "image/svg+xml", include_str!("../../../../templates/assets/mark.svg")),
];

pub(super) fn routes(config: &Config) -> Route {
    let policy = content_security_policy(config);
    let settings = settings_of_page(config);
    let file = |path, content_type, content: &str| (path, asset(content_type, content, &policy));
    let page = FILES.map(|(path, content_type, content)| file(path, content_type, content));
    let settings = file("/config.json", "application/json", &settings);
    page.into_iter()
        .chain([settings])
        .fold(Route::new(), |route, (path, asset)| route.at(path, routing::get(asset)))
}

fn asset(content_type: &'static str, content: &str, policy: &str) -> Asset {
    Asset::new(content_type, content.as_bytes())
        .content_security_policy(policy)
        .header(REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
        .header(
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        )
}

fn settings_of_page(config: &Config) -> String {
    json!({
        "issuer": config.tokens.issuer.as_str(),
        "client_id": config.page.client_id,
        "resource": config.tokens.audience.as_str(),
        "scopes": config.page.scope,
    })
    .to_string()
}

/// Allows only scripts of this service, and connections only to this service and the provider.
fn content_security_policy(config: &Config) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {}; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        config.tokens.issuer.url().origin().ascii_serialization()
    )
}
