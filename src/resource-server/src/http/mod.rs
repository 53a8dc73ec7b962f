//! Defines the routes of the tasks service and the order of its middlewares.

mod page;
mod tasks;

use poem::{
    EndpointExt, Response, Result, Route,
    endpoint::BoxEndpoint,
    http::{HeaderValue, header::CACHE_CONTROL},
};
use poem_openapi::{OpenApiService, Tags};
use postern_service::{
    docs::{DocsOptions, document_only_service},
    health::Health,
    server::Server,
};
use postern_token_verifier::poem::{Scope, Scoped};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::tasks::TasksApi;
use crate::App;

const TITLE: &str = "Postern tasks";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The public client of the page at `/docs`. The provider's own page has another client with more scopes.
const DOCS_CLIENT: &str = "tasks-docs";

/// Groups of operations in the document.
#[derive(Tags)]
enum Tag {
    /// What people have to do. Everybody sees and changes their own tasks only.
    Tasks,
}

enum TasksRead {}

impl Scope for TasksRead {
    const NAME: &'static str = "tasks:read";
    const DESCRIPTION: &'static str = "See your tasks";
}

enum TasksWrite {}

impl Scope for TasksWrite {
    const NAME: &'static str = "tasks:write";
    const DESCRIPTION: &'static str = "Add, change and delete your tasks";
}

/// The whole service behind the pipeline. It stops being ready when `stopping` is cancelled.
pub fn endpoint(app: &App, stopping: CancellationToken) -> BoxEndpoint<'static, Response> {
    let tokens = &app.config.tokens;
    let db = app.db.clone();
    let server = Server {
        routes: routes(app),
        document: document(),
        docs: DocsOptions {
            title: TITLE.to_owned(),
            server: tokens.audience.url().clone(),
            issuer: tokens.issuer.url().clone(),
            client_id: Some(DOCS_CLIENT.to_owned()),
            scopes: vec![TasksRead::NAME.to_owned(), TasksWrite::NAME.to_owned()],
        },
        health: Health::new(stopping).check("database", move || {
            let db = db.clone();
            async move { Ok(db.ping().await?) }
        }),
    };
    server.endpoint(&app.config.http, app.random.clone())
}

fn routes(app: &App) -> Route {
    let api = OpenApiService::new(TasksApi { app: app.clone() }, TITLE, VERSION);
    let api =
        api.data(app.verifier.clone()).after(async |answer: Result<Response>| answer.map(forbid_caching));
    page::routes(&app.config).nest_no_strip("/api", api)
}

/// Data of one person must not be cached (RFC 9111 section 5.2.2.5).
fn forbid_caching(mut answer: Response) -> Response {
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The OpenAPI document, generated from the types.
pub fn document() -> Value {
    let service = document_only_service::<Scoped<TasksApi>>(TITLE, VERSION)
        .description("Tasks of the signed-in person, protected by access tokens of the provider.");
    // poem-openapi writes valid JSON, so parsing cannot fail.
    serde_json::from_str(&service.spec()).unwrap_or_default()
}
