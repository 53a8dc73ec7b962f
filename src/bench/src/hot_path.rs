//! Defines the hot paths, and drives one of them against a pair of services.

use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::{
    drive::{Connection, Load, Operation, Round, drive},
    process::Server,
    scenarios::{AuthorizeAndToken, ClientCredentials, Get, Introspect, Refresh, Setup},
    services::Services,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HotPath {
    Discovery,
    Jwks,
    ClientCredentials,
    ClientAssertion,
    AuthorizeAndToken,
    Refresh,
    Userinfo,
    Introspection,
    Tasks,
}

impl HotPath {
    /// All paths, in the order of the tables.
    pub(crate) const ALL: [Self; 9] = [
        Self::Discovery,
        Self::Jwks,
        Self::ClientCredentials,
        Self::ClientAssertion,
        Self::AuthorizeAndToken,
        Self::Refresh,
        Self::Userinfo,
        Self::Introspection,
        Self::Tasks,
    ];

    /// The name in the tables.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "JWKS",
            Self::ClientCredentials => "token, client_credentials",
            Self::ClientAssertion => "token, client_credentials by private_key_jwt",
            Self::AuthorizeAndToken => "authorize with a session + token(code)",
            Self::Refresh => "refresh with rotation",
            Self::Userinfo => "userinfo",
            Self::Introspection => "introspection",
            Self::Tasks => "GET /api/tasks",
        }
    }
}

/// Drives `path` against `services`. `access_token` is an access token of the user for the tasks API.
pub(crate) async fn drive_path(
    path: HotPath,
    services: &Services,
    setup: &Arc<Setup>,
    access_token: &str,
    load: Load,
) -> Result<Round> {
    let Services { identity, tasks, .. } = services;
    match path {
        HotPath::Discovery => drive_one(Get::open("/.well-known/openid-configuration"), identity, load).await,
        HotPath::Jwks => drive_one(Get::open("/.well-known/jwks.json"), identity, load).await,
        HotPath::ClientCredentials => drive_one(ClientCredentials(setup.clone()), identity, load).await,
        HotPath::ClientAssertion => {
            let signer = services.signer.clone().context("this build knows no private_key_jwt")?;
            drive_one(signer, identity, load).await
        }
        HotPath::AuthorizeAndToken => drive_one(AuthorizeAndToken(setup.clone()), identity, load).await,
        HotPath::Refresh => drive_one(Refresh(setup.clone()), identity, load).await,
        HotPath::Userinfo => {
            drive_one(Get::with_token("/oauth2/userinfo", access_token), identity, load).await
        }
        HotPath::Introspection => {
            let token = setup.client_token(&mut Connection::open(identity.address).await?).await?;
            drive_one(Introspect { setup: setup.clone(), token }, identity, load).await
        }
        HotPath::Tasks => drive_one(Get::with_token("/api/tasks", access_token), tasks, load).await,
    }
}

/// Drives one operation and reads the CPU time of its server.
pub(crate) async fn drive_one<O: Operation>(operation: O, server: &Server, load: Load) -> Result<Round> {
    drive(Arc::new(operation), server.address, load, || server.cpu()).await
}
