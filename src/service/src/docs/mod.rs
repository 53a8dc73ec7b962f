//! Serves the OpenAPI document (`/openapi.json`) and a reference of it for people (`/docs`).
//!
//! Everything comes from the service's own origin and works offline. The server renders the reference from the
//! document, so it can be read without JavaScript; a script adds the search, signs in through a public client with
//! the authorization code flow and PKCE, and sends requests. The content security policy allows files of this origin
//! and nothing inline. Script and style have their hash in their path, and browsers keep them for ever.

mod curl;
mod document_only;
mod examples;
mod page;
mod reference;
mod schema;

use std::{
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use poem::{Endpoint, Request, Response, Result, Route};
use serde_json::{Value, json};
use url::Url;

pub use self::{document_only::document_only_service, examples::add_examples};
use crate::{
    asset::{Asset, Assets},
    problem::{NOT_FOUND, Problem},
    routing,
};

/// Where the authorization response of the page's client goes.
pub const REDIRECT_PATH: &str = "/docs/oauth2-redirect.html";

/// Options of the page.
#[derive(Debug, Clone)]
pub struct DocsOptions {
    pub title: String,
    /// URL of the API: `servers` of the document.
    pub server: Url,
    /// The issuer that signs users in. Relative OAuth URLs in the document are resolved against it.
    pub issuer: Url,
    pub client: DocsClient,
    /// The path of a style sheet that is loaded after that of the page: the colours of a brand.
    pub stylesheet: Option<String>,
}

/// The public client by which people sign in on the page.
#[derive(Clone)]
pub struct DocsClient {
    pub client_id: String,
    /// The scopes that are chosen at first.
    pub scopes: Vec<String>,
    /// The command that adds the client.
    pub command: String,
    /// Asked at each request of the page.
    pub state: Arc<dyn Fn() -> ClientState + Send + Sync>,
}

impl fmt::Debug for DocsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client_id, scopes, command, state: _ } = self;
        f.debug_struct("DocsClient")
            .field("client_id", client_id)
            .field("scopes", scopes)
            .field("command", command)
            .finish_non_exhaustive()
    }
}

/// What is known of the page's client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientState {
    /// It may ask for these scopes.
    Ready(Vec<String>),
    /// It does not exist, so the page names the command that adds it.
    Missing,
    /// Another server knows. These scopes are offered.
    Unknown(Vec<String>),
}

pub struct Docs {
    document: Asset,
    page: Arc<Page>,
}

/// The page as it was rendered last.
struct Page {
    options: DocsOptions,
    document: Value,
    rendered: Mutex<Option<(ClientState, Asset)>>,
}

/// The files that the pages load.
static FILES: LazyLock<Assets> = LazyLock::new(page::files);

impl Docs {
    /// Sets server and issuer in `document`, which poem-openapi generated, and adds the examples as `curl` lines.
    pub fn new(mut document: Value, options: DocsOptions) -> Self {
        if let Some(members) = document.as_object_mut() {
            members.insert("servers".to_owned(), json!([{ "url": origin(&options.server) }]));
        }
        let schemes = document.pointer_mut("/components/securitySchemes").and_then(Value::as_object_mut);
        for (_name, scheme) in schemes.into_iter().flatten() {
            make_urls_absolute(&options.issuer, scheme);
        }
        examples::add_code_samples(&mut document, &origin(&options.server));
        let asset = Asset::new("application/json", document.to_string().as_bytes());
        let page = Page { options, document, rendered: Mutex::default() };
        Self { document: asset, page: Arc::new(page) }
    }

    pub fn mount(self, route: Route) -> Route {
        route
            .at("/openapi.json", routing::get(self.document))
            .at("/docs", routing::get(PageEndpoint(self.page)))
            .at("/docs/assets/:hash/:name", routing::get(FilesEndpoint))
            .at(REDIRECT_PATH, routing::get(page::redirect_page()))
    }
}

impl Page {
    /// The page for what is known of the client now. It is rendered again when that has changed.
    fn current(&self) -> Result<Asset, Problem> {
        let state = (self.options.client.state)();
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, asset)) = &*rendered
            && *known == state
        {
            return Ok(asset.clone());
        }
        let asset =
            page::render(&self.document, &self.options, &state).map_err(|cause| Problem::internal(&cause))?;
        *rendered = Some((state, asset.clone()));
        Ok(asset)
    }
}

struct PageEndpoint(Arc<Page>);

impl Endpoint for PageEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let page = Arc::clone(&self.0);
        // To render and compress takes tens of milliseconds, so it must not block the runtime.
        let current = tokio::task::spawn_blocking(move || page.current()).await;
        current.map_err(|cause| Problem::internal(&cause))??.call(request).await
    }
}

struct FilesEndpoint;

impl Endpoint for FilesEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let parameter = |name| request.raw_path_param(name).unwrap_or_default();
        let response = FILES.respond(parameter("hash"), parameter("name"), request.headers());
        Ok(response.ok_or(Problem::new(NOT_FOUND))??)
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
