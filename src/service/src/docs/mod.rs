//! Serves the OpenAPI document and a page that browses it: `/openapi.json`, `/docs`.
//!
//! Everything comes from our own origin and works offline: the page is poem-openapi's copy of Swagger UI with a start of
//! our own. It allows its own scripts by their hashes and nothing else, and signs in with the authorization code flow and
//! PKCE through a public client. The page is large (1.6 MB), so it is made when it is asked for the first time and kept
//! compressed.

mod described;
mod page;

use std::sync::{Arc, OnceLock};

use poem::{Endpoint, Request, Response, Result, Route};
use serde_json::{Value, json};
use url::Url;

pub use self::described::described;
use crate::{asset::Asset, problem::Problem, routing};

/// What the page is to know.
#[derive(Debug, Clone)]
pub struct DocsOptions {
    /// The title of the page.
    pub title: String,
    /// Where the API is: the `servers` of the document.
    pub server: Url,
    /// The issuer that signs in: relative OAuth URLs of the document become absolute ones of it.
    pub issuer: Url,
    /// The public client that the page signs in as; without one, tokens have to be pasted.
    pub client_id: Option<String>,
    /// The scopes that are ticked when the page asks for a sign-in.
    pub scopes: Vec<String>,
}

/// The document and its page.
pub struct Docs {
    document: Asset,
    page: Arc<Page>,
}

/// The page is made from this when it is asked for.
struct Page {
    options: DocsOptions,
    made: OnceLock<Option<Asset>>,
}

impl Docs {
    /// Prepares `document`, as poem-openapi made it, for this server and issuer.
    pub fn new(mut document: Value, options: DocsOptions) -> Self {
        if let Some(members) = document.as_object_mut() {
            members.insert("servers".to_owned(), json!([{ "url": origin(&options.server) }]));
        }
        let schemes = document.pointer_mut("/components/securitySchemes").and_then(Value::as_object_mut);
        for (_name, scheme) in schemes.into_iter().flatten() {
            point_to(&options.issuer, scheme);
        }
        let document = Asset::new("application/json", document.to_string().as_bytes());
        Self { document, page: Arc::new(Page { options, made: OnceLock::new() }) }
    }

    /// Adds the routes.
    pub fn mount(self, route: Route) -> Route {
        route
            .at("/openapi.json", routing::get(self.document))
            .at("/docs", routing::get(PageEndpoint(self.page)))
            .at("/docs/oauth2-redirect.html", routing::get(page::redirect()))
    }
}

struct PageEndpoint(Arc<Page>);

impl Endpoint for PageEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if self.0.made.get().is_none() {
            // Tens of milliseconds of compression, once.
            let page = Arc::clone(&self.0);
            let make = move || page.made.get_or_init(|| page::make(&page.options)).is_some();
            tokio::task::spawn_blocking(make).await.map_err(|cause| Problem::internal(&cause))?;
        }
        match self.0.made.get() {
            Some(Some(asset)) => asset.call(request).await,
            _ => Err(Problem::internal(&page::NoSwaggerUi).into()),
        }
    }
}

/// Makes the URLs of a security scheme absolute.
fn point_to(issuer: &Url, scheme: &mut Value) {
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

/// The origin as browsers write it.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
