//! Defines the servers whose cost is a unit of measurement: one with an empty handler, and one that only
//! verifies a token. Both run on the listener of the two services.

use std::net::SocketAddr;

use anyhow::Result;
use poem::{EndpointExt, Response, Route, endpoint::BoxEndpoint, get, handler};
use postern_service::{
    server::{self, Shutdown},
    settings::{HttpSettings, SettingsSources},
};
use postern_token_verifier::{Audience, Policy, RemoteKeys, Verifier, poem::Bearer};
use serde::Deserialize;

const DEFAULTS: &str = include_str!("../../../config/default.toml");

#[derive(Deserialize)]
struct Settings {
    http: HttpSettings,
}

/// Serves `/` with an empty handler until the process receives SIGTERM.
pub(crate) async fn serve_hello(address: SocketAddr) -> Result<()> {
    serve(address, Route::new().at("/", get(hello)).map_to_response().boxed()).await
}

/// Serves `/`, which answers 200 for a valid token, until the process receives SIGTERM.
pub(crate) async fn serve_protected(
    address: SocketAddr,
    issuer: &str,
    audience: &str,
    cache: u64,
) -> Result<()> {
    let policy =
        Policy { cache_capacity: cache, ..Policy::new(issuer, Audience::Contains(audience.to_owned())) };
    let keys = RemoteKeys::start(format!("{issuer}/.well-known/jwks.json"))?;
    let verifier = Verifier::new(policy, keys)?;
    serve(address, Route::new().at("/", get(protected)).data(verifier).map_to_response().boxed()).await
}

async fn serve(address: SocketAddr, endpoint: BoxEndpoint<'static, Response>) -> Result<()> {
    let sources = SettingsSources {
        defaults: DEFAULTS,
        file: None,
        env_prefix: "BENCH",
        env: Vec::new(),
        secrets: &[],
        open_tables: &[],
        foreign_env: &[],
    };
    // Several servers of a run stand side by side, and all would listen for metrics at one address.
    let settings =
        HttpSettings { listen: address, metrics_listen: None, ..sources.load::<Settings>()?.settings.http };
    let stop = Shutdown::on_signals(settings.shutdown_delay.duration())?;
    server::serve(endpoint, &settings, &stop, drop).await?;
    Ok(())
}

#[handler]
fn hello() -> &'static str {
    "hello"
}

#[handler]
#[expect(clippy::needless_pass_by_value, reason = "extractors are passed by value")]
fn protected(token: Bearer) -> String {
    token.sub.clone()
}
