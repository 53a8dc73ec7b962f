//! Defines the routes of the tasks service and the order of its middlewares.

mod page;
mod tasks;

use std::sync::Arc;

use poem::{
    EndpointExt, Response, Result, Route,
    endpoint::BoxEndpoint,
    http::{HeaderValue, header::CACHE_CONTROL},
};
use poem_openapi::{OpenApiService, Tags};
use postern_service::{
    docs::{ClientState, DocsClient, DocsOptions, REDIRECT_PATH, add_examples, document_only_service},
    health::Health,
    server::Server,
};
use postern_token_verifier::poem::{Scope, Scoped};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::tasks::TasksApi;
use crate::App;

const TITLE: &str = "Postern tasks";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The public client of the page at `/docs`. The provider's own page has another client with more scopes.
const DOCS_CLIENT: &str = "tasks-docs";

/// Groups of operations in the document.
#[derive(Tags)]
enum Tag {
    /// Everybody sees and changes their own tasks only.
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
            client: docs_client(tokens.audience.url()),
            stylesheet: None,
        },
        health: Health::new(stopping).check("database", move || {
            let db = db.clone();
            async move { Ok(db.ping().await?) }
        }),
    };
    server.endpoint(&app.config.http, app.random.clone())
}

/// The client by which people sign in at `/docs`. Only the provider knows whether it exists.
fn docs_client(server: &Url) -> DocsClient {
    let scopes = vec![TasksRead::NAME.to_owned(), TasksWrite::NAME.to_owned()];
    let origin = server.origin().ascii_serialization();
    DocsClient {
        client_id: DOCS_CLIENT.to_owned(),
        command: format!(
            "postern client add {DOCS_CLIENT} --public --redirect-uri {origin}{REDIRECT_PATH} --origin {origin} \
             --scope \"{}\"",
            scopes.join(" "),
        ),
        state: {
            let scopes = scopes.clone();
            Arc::new(move || ClientState::Unknown(scopes.clone()))
        },
        scopes,
    }
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

/// The error responses of which the status does not say enough, among them those of the token check.
fn error_example(operation: &str, status: u16) -> Option<Value> {
    let refusal = |kind: &str, title: &str, detail: &str| {
        Some(json!({
            "type": format!("urn:postern:problem:{kind}"), "title": title, "status": status, "detail": detail,
        }))
    };
    match (operation, status) {
        (_, 401) => refusal(
            "unauthenticated",
            "Unauthorized",
            "This needs an access token in the Authorization header",
        ),
        ("list_user_tasks", 403) => Some(tasks::not_own_tasks().to_example()),
        (_, 403) => refusal(
            "insufficient_scope",
            "Forbidden",
            "The access token does not grant the scope that this needs",
        ),
        (_, 404) => Some(tasks::no_such_task().to_example()),
        _ => None,
    }
}

/// The OpenAPI document, generated from the types.
pub fn document() -> Value {
    let service = document_only_service::<Scoped<TasksApi>>(TITLE, VERSION).description(
        "What people have to do. An example of an API that access tokens of the provider protect.",
    );
    // poem-openapi writes valid JSON, so parsing cannot fail.
    let mut document = serde_json::from_str(&service.spec()).unwrap_or_default();
    add_examples(&mut document, error_example);
    document
}
