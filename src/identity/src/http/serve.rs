//! Serves the provider: its routes, health, metrics and documents in one middleware pipeline. Leaves the
//! pipeline to `postern_service::server`.

use std::{net::SocketAddr, sync::Arc};

use poem::{EndpointExt as _, Response, Route, endpoint::BoxEndpoint};
use poem_openapi::OpenApi;
use postern_service::{
    docs::{ClientState, DocsClient, DocsOptions, add_examples, document_only_service},
    health::Health,
    listener::ListenError,
    server::{self, Server, Shutdown},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{GROUPS, allowed_hosts::AllowedHosts, error_examples, rate_limit_headers, security};
use crate::{
    App,
    mail::Mailer,
    resources::{ACCOUNT, OPENID},
    templates::STYLESHEET,
};

const TITLE: &str = "Postern";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The public client with which developers sign in on `/docs`.
pub const DOCS_CLIENT: &str = "docs";

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the issuer is not a URL")]
    Issuer(#[from] url::ParseError),
    /// The socket address is in use or not available.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// Serves until `stop`. Calls `ready` with the socket address once connections are accepted.
pub async fn serve(app: &App, stop: &Shutdown, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let endpoint = endpoint(app, stop.requested.clone())?;
    Ok(server::serve(endpoint, &app.config.http, stop, ready).await?)
}

/// Builds the endpoint of the whole provider. Readiness fails once `stopping` is cancelled.
pub fn endpoint(
    app: &App,
    stopping: CancellationToken,
) -> Result<BoxEndpoint<'static, Response>, url::ParseError> {
    let issuer = Url::parse(&app.config.issuer)?;
    let db = app.db.clone();
    let name = app.config.pages.name.trim();
    let mut routes = super::routes(app);
    if matches!(app.mailer, Mailer::Inbox(_)) {
        let own = issuer.host_str().unwrap_or_default().to_owned();
        routes = AllowedHosts { inner: routes, issuer_host: own }.boxed();
    }
    let server = Server {
        routes: Route::new().nest_no_strip("/", routes),
        document: document_titled(name),
        docs: DocsOptions {
            title: name.to_owned(),
            server: issuer.clone(),
            issuer,
            client: docs_client(app),
            stylesheet: app.templates.assets().path(STYLESHEET),
        },
        health: Health::new(stopping).check("database", move || {
            let db = db.clone();
            async move { Ok(db.ping().await?) }
        }),
    };
    // Outermost, so that errors have the headers too.
    let endpoint =
        rate_limit_headers::with_rate_limit_headers(server.endpoint(&app.config.http, app.random.clone()));
    Ok(security::with_security_headers(app, endpoint).boxed())
}

/// The client by which people sign in at `/docs`, as it is when the page is asked for.
fn docs_client(app: &App) -> DocsClient {
    let app = app.clone();
    DocsClient {
        client_id: DOCS_CLIENT.to_owned(),
        scopes: [OPENID, ACCOUNT].map(|scope| scope.name.to_owned()).to_vec(),
        command: "postern client add --docs".to_owned(),
        state: Arc::new(move || match app.clients().find(DOCS_CLIENT) {
            Some(client) => ClientState::Ready(client.row.scopes.iter().cloned().collect()),
            None => ClientState::Missing,
        }),
    }
}

/// The document under the operator's name for this service.
fn document_titled(name: &str) -> Value {
    let mut document = document();
    document["info"]["title"] = name.into();
    document
}

/// Generates the OpenAPI document from the types, without an `App`.
pub fn document() -> Value {
    fn of<A: OpenApi>(_apis: fn(&App) -> A) -> String {
        document_only_service::<A>(TITLE, VERSION)
            .description("Sign people in, look after their accounts, and protect other APIs: OpenID Connect, and JSON for apps of your own.")
            .spec()
    }
    // poem-openapi writes valid JSON, so parsing cannot fail.
    let mut document = serde_json::from_str(&of(super::apis)).unwrap_or_default();
    add_examples(&mut document, error_examples::find);
    if let Some(groups) = document["tags"].as_array_mut() {
        groups.sort_by_key(|group| GROUPS.iter().position(|name| group["name"] == *name));
    }
    document
}
