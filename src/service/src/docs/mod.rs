//! Serves the OpenAPI document (`/openapi.json`) and a page that browses it (`/docs`).
//!
//! Everything comes from the service's own origin and works offline. The page is poem-openapi's copy of
//! Swagger UI with a start script of this crate. Its content security policy allows its own scripts by their
//! hashes and nothing else. The page signs in through a public client with the authorization code flow and
//! PKCE. The page is large (1.6 MB), so it is rendered at the first request and kept compressed.

mod document_only;
mod page;

use std::sync::{Arc, OnceLock};

use poem::{Endpoint, Request, Response, Result, Route};
use serde_json::{Value, json};
use url::Url;

pub use self::document_only::document_only_service;
use crate::{asset::Asset, problem::Problem, routing};

/// Options of the page.
#[derive(Debug, Clone)]
pub struct DocsOptions {
    pub title: String,
    /// URL of the API: `servers` of the document.
    pub server: Url,
    /// The issuer that signs users in. Relative OAuth URLs in the document are resolved against it.
    pub issuer: Url,
    /// The public client of the page. `None`: tokens have to be pasted.
    pub client_id: Option<String>,
    /// The scopes that the sign-in form selects by default.
    pub scopes: Vec<String>,
}

pub struct Docs {
    document: Asset,
    page: Arc<Page>,
}

/// The page, rendered from `options` at the first request.
struct Page {
    options: DocsOptions,
    rendered: OnceLock<Option<Asset>>,
}

impl Docs {
    /// Sets server and issuer in `document`, which poem-openapi generated.
    pub fn new(mut document: Value, options: DocsOptions) -> Self {
        if let Some(members) = document.as_object_mut() {
            members.insert("servers".to_owned(), json!([{ "url": origin(&options.server) }]));
        }
        let schemes = document.pointer_mut("/components/securitySchemes").and_then(Value::as_object_mut);
        for (_name, scheme) in schemes.into_iter().flatten() {
            make_urls_absolute(&options.issuer, scheme);
        }
        let document = Asset::new("application/json", document.to_string().as_bytes());
        Self { document, page: Arc::new(Page { options, rendered: OnceLock::new() }) }
    }

    pub fn mount(self, route: Route) -> Route {
        route
            .at("/openapi.json", routing::get(self.document))
            .at("/docs", routing::get(PageEndpoint(self.page)))
            .at("/docs/oauth2-redirect.html", routing::get(page::redirect_page()))
    }
}

struct PageEndpoint(Arc<Page>);

impl Endpoint for PageEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if self.0.rendered.get().is_none() {
            // Compression takes tens of milliseconds, once, so it must not block the runtime.
            let page = Arc::clone(&self.0);
            let make = move || page.rendered.get_or_init(|| page::render(&page.options)).is_some();
            tokio::task::spawn_blocking(make).await.map_err(|cause| Problem::internal(&cause))?;
        }
        match self.0.rendered.get() {
            Some(Some(asset)) => asset.call(request).await,
            _ => Err(Problem::internal(&page::NoSwaggerUi).into()),
        }
    }
}

/// Resolves the URLs of a security scheme against the issuer.
fn make_urls_absolute(issuer: &Url, scheme: &mut Value) {
    let absolute = |member: &mut Value| {
        if let Some(url) = member.as_str().and_then(|url| issuer.join(url).ok()) {
            *member = url.as_str().into();
        }
    };
    if let Some(url) = scheme.get_mut("openIdConnectUrl") {
        absolute(url);
    }
    let flows = scheme.get_mut("flows").and_then(Value::as_object_mut);
    for (_name, flow) in flows.into_iter().flatten() {
        for name in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
            if let Some(url) = flow.get_mut(name) {
                absolute(url);
            }
        }
    }
}

/// The origin as browsers serialize it.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
