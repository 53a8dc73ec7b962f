//! Answers which first-party client sent a request, with which request context, and what its cookies hold.

use std::{sync::Arc, time::Duration};

use poem::{
    Request,
    http::header::ORIGIN,
    web::cookie::{Cookie, CookieJar, SameSite},
};
use postern_service::problem::Problem;
use secrecy::ExposeSecret as _;

use super::{
    super::{
        oidc::client_authentication::{
            AuthenticatedClient, FormCredentials, HeaderCredentials, authenticate,
        },
        problem,
        security::well_formed_secret,
    },
    request_context, require_first_party,
};
use crate::{
    App,
    clients::Client,
    core::{Actor, RequestContext},
    crypto,
    grants::Grant,
    tokens::{SignInTargets, access_token::UserToken, api_session::NewApiSession},
};

pub(super) struct Caller {
    pub(super) client: Arc<Client>,
    pub(super) context: RequestContext,
}

impl Caller {
    /// A first-party client that proved who it is.
    pub(super) async fn authenticate(
        app: &App,
        request: &Request,
        header: &HeaderCredentials,
        credentials: FormCredentials<'_>,
    ) -> Result<Self, Problem> {
        let context = request_context(app, request);
        let AuthenticatedClient { client, context } =
            authenticate(app, header, credentials, request.original_uri().path(), context).await?;
        require_first_party(&client)?;
        Ok(Self { client, context })
    }

    /// A first-party client that only says its name: where the name opens nothing.
    pub(super) fn from_client_id(app: &App, request: &Request, client_id: &str) -> Result<Self, Problem> {
        let client = app.clients().find(client_id).cloned().ok_or_else(problem::invalid_client)?;
        require_first_party(&client)?;
        Ok(Self { client, context: request_context(app, request) })
    }

    /// The first-party client of an access token, on behalf of its user; and the token's grant.
    pub(super) fn of_token(
        app: &App,
        request: &Request,
        client_id: &str,
        token: UserToken,
    ) -> Result<(Self, Grant), Problem> {
        let Self { client, context } = Self::from_client_id(app, request, client_id)?;
        if token.grant.client_id != client.client_id() {
            return Err(problem::invalid_client());
        }
        Ok((Self { client, context: context.by(Actor::User(token.user.id)) }, token.grant))
    }

    /// What a sign-in of this client brings about.
    pub(super) fn new_api_session<'a>(&'a self, scope: &'a SignInTargets) -> NewApiSession<'a> {
        NewApiSession { client: &self.client, targets: scope }
    }

    /// Cookies are taken and set for pages of the client's own origins only: a browser sends the header
    /// with every cross-site call, and with every call that is not a read.
    pub(super) fn require_allowed_origin(&self, request: &Request) -> Result<(), Problem> {
        let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
        match origin {
            Some(origin) if self.client.has_cookie_origin(origin) => Ok(()),
            _ => Err(problem::origin_not_allowed()),
        }
    }
}

/// The cookies of one client: of several apps in one browser each has its own.
pub(super) struct ClientCookies<'a> {
    app: &'a App,
    jar: &'a CookieJar,
    client: String,
}

impl<'a> ClientCookies<'a> {
    pub(super) fn new(app: &'a App, jar: &'a CookieJar, caller: &Caller) -> Self {
        let hash = crypto::token_hash(caller.client.client_id());
        Self { app, jar, client: crypto::encode_hex(&hash[..8]) }
    }

    pub(super) fn refresh_token(&self) -> Option<String> {
        self.get("refresh")
    }

    pub(super) fn set_refresh_token(&self, token: &str) {
        self.set("refresh", token, self.app.config.tokens.refresh_token_idle_lifetime.duration());
    }

    pub(super) fn clear_refresh_token(&self) {
        self.set("refresh", "", Duration::ZERO);
    }

    /// What binds attempts to this browser.
    pub(super) fn attempt_binding(&self) -> Option<String> {
        self.get("attempt")
    }

    pub(super) fn ensure_attempt_binding(&self) -> String {
        let secret =
            self.attempt_binding().unwrap_or_else(|| self.app.random.token().expose_secret().to_owned());
        self.set("attempt", &secret, self.app.config.login.attempt_lifetime.duration());
        secret
    }

    /// The secret by which accounts know this device: of the cookie where cookies count, else of the body. What was not
    /// made here is known to nobody.
    pub(super) fn device_secret(&self, in_body: Option<String>, in_cookies: bool) -> Option<String> {
        let in_cookie = if in_cookies { self.get("device") } else { None };
        in_cookie.or(in_body).filter(|secret| well_formed_secret(secret))
    }

    pub(super) fn set_device_secret(&self, secret: &str) {
        self.set("device", secret, self.app.config.login.device_lifetime.duration());
    }

    /// `__Host-` requires `Path=/` (RFC 6265bis section 4.1.3.2), but these cookies are for `/api/auth` only.
    fn name(&self, kind: &str) -> String {
        let prefix = if self.app.config.secure_cookies() { "__Secure-" } else { "" };
        format!("{prefix}postern-{kind}-{}", self.client)
    }

    fn get(&self, kind: &str) -> Option<String> {
        let value = self.jar.get(&self.name(kind))?.value_str().to_owned();
        (!value.is_empty()).then_some(value)
    }

    fn set(&self, kind: &str, value: &str, lifetime: Duration) {
        let mut cookie = Cookie::new_with_str(self.name(kind), value);
        cookie.set_http_only(true);
        cookie.set_same_site(SameSite::Strict);
        cookie.set_path("/api/auth");
        cookie.set_secure(self.app.config.secure_cookies());
        cookie.set_max_age(lifetime);
        self.jar.add(cookie);
    }
}
