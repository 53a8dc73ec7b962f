//! Serves the provider: its routes with health, metrics and documents behind one entrance.

use std::net::SocketAddr;

use poem::{EndpointExt as _, Response, Route, endpoint::BoxEndpoint};
use poem_openapi::OpenApi;
use postern_service::{
    docs::{DocsOptions, document_only_service},
    health::Health,
    listener::ListenError,
    server::{self, Server, Shutdown},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{limits, own_hosts::OwnHosts, security};
use crate::{App, mail::Mailer};

const TITLE: &str = "Postern";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The public client by which people sign in on `/docs`.
pub const DOCS_CLIENT: &str = "docs";

/// Why the provider does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The issuer cannot be shown in the documents.
    #[error("the issuer is not a URL")]
    Issuer(#[from] url::ParseError),
    /// The address is taken or not ours.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// Serves until `stop`. `ready` learns the address once connections are accepted.
pub async fn serve(app: &App, stop: &Shutdown, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let endpoint = endpoint(app, stop.requested.clone())?;
    Ok(server::serve(endpoint, &app.config.http, stop, ready).await?)
}

/// The whole provider behind one entrance. It is not ready any more once `stopping` is cancelled.
pub fn endpoint(
    app: &App,
    stopping: CancellationToken,
) -> Result<BoxEndpoint<'static, Response>, url::ParseError> {
    let issuer = Url::parse(&app.config.issuer)?;
    let db = app.db.clone();
    let mut routes = super::routes(app);
    if matches!(app.mailer, Mailer::Inbox(_)) {
        let own = issuer.host_str().unwrap_or_default().to_owned();
        routes = OwnHosts { inner: routes, own }.boxed();
    }
    let server = Server {
        routes: Route::new().nest_no_strip("/", routes),
        document: document(),
        docs: DocsOptions {
            title: TITLE.to_owned(),
            server: issuer.clone(),
            issuer,
            client_id: Some(DOCS_CLIENT.to_owned()),
            scopes: vec!["openid".to_owned()],
        },
        health: Health::new(stopping).check("database", move || {
            let db = db.clone();
            async move { Ok(db.ping().await?) }
        }),
    };
    // Outermost, so that errors have the headers too.
    let endpoint = limits::told(server.endpoint(&app.config.http, app.random.clone()));
    Ok(security::headers(app, endpoint).boxed())
}

/// The OpenAPI document, generated from the types alone.
pub fn document() -> Value {
    fn of<A: OpenApi>(_apis: fn(&App) -> A) -> String {
        document_only_service::<A>(TITLE, VERSION)
            .description("The OpenID Connect provider: metadata, protocol, first-party sign-in and account.")
            .spec()
    }
    // What poem-openapi wrote is JSON.
    serde_json::from_str(&of(super::apis)).unwrap_or_default()
}
