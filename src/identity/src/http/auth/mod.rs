//! Defines the first-party JSON API `/api/auth`: sign-in, token refresh and sign-out for the operator's own
//! apps.
//!
//! Only clients that an operator marked as first-party may call it. Every rejected proof gets the same
//! response, so that none tells which part was wrong or whether an account exists. With `"cookies": true` the
//! refresh token is kept in an `HttpOnly` cookie that scripts cannot read. Leaves authentication to
//! `login::attempt` and tokens to `tokens`.

mod bodies;
mod caller;
pub mod cors;
pub mod invitations;
pub mod registration_and_recovery;
mod sign_out_credentials;

use poem::{Request, web::cookie::CookieJar};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};
use postern_service::{
    body::Json,
    problem::{Problem, Problems},
};
use secrecy::ExposeSecret as _;

pub(super) use self::registration_and_recovery::SentMail;
use self::{
    bodies::{
        BeginRequest, Challenge, LoginRequest, LogoutRequest, Methods, RefreshRequest, Resource,
        VerifyRequest,
    },
    caller::{Caller, ClientCookies},
    sign_out_credentials::SignOutCredentials,
};
use super::{
    claims::Claims, no_store_json::NoStoreJson, oidc::client_authentication::HeaderCredentials,
    presented_token::UserinfoToken, problem, request_context, token_response::Tokens,
};
use crate::{
    App,
    clients::Client,
    login::{
        self, ChallengeResponse, LoginError,
        attempt::{self, AttemptBinding, AttemptStart, BeginParameters, LoginOutcome, VerifyParameters},
    },
    sessions::SessionKind,
    tokens::{
        self, RequestedTarget, SignInTargets, TokenError, TokenResponse,
        api_session::{self, PendingTokenResponse},
        refresh_token::{self, RefreshTokenRequest},
    },
};

/// The login method for which `/login` begins and verifies an attempt in one request.
const PASSWORD: &str = "password";

pub struct AuthApi {
    app: App,
}

impl AuthApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

#[expect(clippy::unused_async, reason = "poem-openapi wants every operation to be async")]
#[OpenApi(prefix_path = "/api/auth", tag = "super::Tag::FirstParty")]
impl AuthApi {
    /// Begin a sign-in, or its next step
    ///
    /// Send `identifier` to begin, or `attempt` for its next step or for another code. A passkey needs neither. The answer
    /// is the same whether or not there is an account with this email. An attempt has five tries. Another code brings no
    /// new tries; it can be asked for after 30 seconds, three times.
    #[oai(path = "/:method/request", method = "post", operation_id = "auth_request")]
    async fn request(
        &self,
        request: &Request,
        jar: &CookieJar,
        header: HeaderCredentials,
        /// The login method, as `/api/auth/methods` names it: `email-otp`, `code`, `passkey`, `totp`, `recovery-code`.
        method: Path<String>,
        body: Json<BeginRequest>,
    ) -> Result<NoStoreJson<Challenge>, Problems<400, 401, 403, 404, 429, 503>> {
        let body = body.0;
        let caller = Caller::authenticate(&self.app, request, &header, body.credentials()).await?;
        let cookies = ClientCookies::new(&self.app, jar, &caller);
        let start = match (&body.identifier, &body.attempt) {
            (Some(identifier), None) => AttemptStart::WithIdentifier { identifier, remembered: false },
            (None, Some(attempt)) => AttemptStart::Continue { attempt },
            (None, None) if self.discoverable(&method.0) => AttemptStart::Discoverable { remembered: false },
            _ => return Err(problem::exactly_one_required("identifier", "attempt").into()),
        };
        let in_cookies = body.cookies.unwrap_or_default();
        let binding = if in_cookies {
            caller.require_allowed_origin(request)?;
            Some(cookies.ensure_attempt_binding())
        } else {
            None
        };
        let device = cookies.device_secret(body.device.clone(), in_cookies);
        let opened = attempt::begin(
            &self.app,
            BeginParameters {
                client: Some(&caller.client),
                method: &method.0,
                start,
                binding: AttemptBinding { authorization_request: None, browser_secret: binding.as_deref() },
                requirement: login::client_requirement(&self.app, &caller.client),
                device_secret: device.as_deref(),
                context: &caller.context,
                authorization_request_row: None,
            },
        )
        .await?;
        Ok(NoStoreJson(opened.into()))
    }

    /// Answer a login challenge
    ///
    /// The answer is tokens, or 403 `mfa_required` with the `methods` that may follow and the same attempt. Whatever was
    /// wrong, the answer is 401 `login_failed`. The owner of a closed account gets 403 `account_closed`, with `deletion_at`
    /// and the `restore_uri` where the account can be kept.
    #[oai(path = "/:method/verify", method = "post", operation_id = "auth_verify")]
    async fn verify(
        &self,
        request: &Request,
        jar: &CookieJar,
        header: HeaderCredentials,
        /// The login method, as `/api/auth/methods` names it: `email-otp`, `code`, `passkey`, `totp`, `recovery-code`.
        method: Path<String>,
        body: Json<VerifyRequest>,
    ) -> Result<NoStoreJson<Tokens>, Problems<400, 401, 403, 404, 429, 503>> {
        let body = body.0;
        let caller = Caller::authenticate(&self.app, request, &header, body.credentials()).await?;
        let cookies = ClientCookies::new(&self.app, jar, &caller);
        let in_cookies = body.cookies.unwrap_or_default();
        if in_cookies {
            caller.require_allowed_origin(request)?;
        }
        // Before the proof is consumed: a wrong scope must not cost it.
        let scope = self.resolve_targets(&caller, body.scope.as_deref(), body.resource.clone())?;
        let attempt = body.attempt.clone();
        let binding = if in_cookies { cookies.attempt_binding() } else { None };
        let device = cookies.device_secret(body.device.clone(), in_cookies);
        let verify = VerifyParameters {
            client: Some(&caller.client),
            method: &method.0,
            attempt_secret: &attempt,
            response: body.challenge_response(),
            binding: AttemptBinding { authorization_request: None, browser_secret: binding.as_deref() },
            session_kind: SessionKind::Api,
            current_session: None,
            device_secret: device.as_deref(),
            context: &caller.context,
        };
        let verified = attempt::verify(&self.app, verify, &caller.new_api_session(&scope)).await;
        Ok(self.login_response(&caller, &cookies, verified?, attempt, in_cookies).await?)
    }

    /// Sign in with a password
    ///
    /// Begins and answers the method `password` in one call. A wrong password and an email without an account look alike:
    /// 401 `login_failed`. An account with a second factor gets 403 `mfa_required`, and an attempt to go on with.
    #[oai(path = "/login", method = "post", operation_id = "auth_login")]
    async fn login(
        &self,
        request: &Request,
        jar: &CookieJar,
        header: HeaderCredentials,
        body: Json<LoginRequest>,
    ) -> Result<NoStoreJson<Tokens>, Problems<400, 401, 403, 404, 429, 503>> {
        let body = body.0;
        let caller = Caller::authenticate(&self.app, request, &header, body.credentials()).await?;
        let cookies = ClientCookies::new(&self.app, jar, &caller);
        let in_cookies = body.cookies.unwrap_or_default();
        if in_cookies {
            caller.require_allowed_origin(request)?;
        }
        let scope = self.resolve_targets(&caller, body.scope.as_deref(), body.resource)?;
        let binding = in_cookies.then(|| cookies.ensure_attempt_binding());
        let device = cookies.device_secret(body.device, in_cookies);
        let begin = BeginParameters {
            client: Some(&caller.client),
            method: PASSWORD,
            start: AttemptStart::WithIdentifier { identifier: &body.email, remembered: false },
            binding: AttemptBinding { authorization_request: None, browser_secret: binding.as_deref() },
            requirement: login::client_requirement(&self.app, &caller.client),
            device_secret: device.as_deref(),
            context: &caller.context,
            authorization_request_row: None,
        };
        let answer = ChallengeResponse { payload: body.password.into(), ..ChallengeResponse::default() };
        let completion = caller.new_api_session(&scope);
        let (attempt, verified) =
            attempt::begin_and_verify(&self.app, begin, answer, SessionKind::Api, &completion)
                .await
                .map_err(|cause| match cause {
                    LoginError::MalformedIdentifier => problem::malformed_email(),
                    cause => cause.into(),
                })?;
        let attempt = attempt.expose_secret().to_owned();
        Ok(self.login_response(&caller, &cookies, verified, attempt, in_cookies).await?)
    }

    /// Refresh the tokens of a first-party app
    ///
    /// A refresh token works once; the answer has the next. Without one in the body the cookie counts, and then the
    /// request must come from an origin that the client has registered.
    #[oai(path = "/refresh", method = "post", operation_id = "auth_refresh")]
    async fn refresh(
        &self,
        request: &Request,
        jar: &CookieJar,
        header: HeaderCredentials,
        body: Json<RefreshRequest>,
    ) -> Result<NoStoreJson<Tokens>, Problems<400, 401, 403, 429, 503>> {
        let body = body.0;
        let caller = Caller::authenticate(&self.app, request, &header, body.credentials()).await?;
        let cookies = ClientCookies::new(&self.app, jar, &caller);
        let (token, in_cookies) = find_refresh_token(&caller, request, &cookies, body.refresh_token)?;
        let token = token.ok_or_else(problem::invalid_grant)?;
        let resources = body.resource.map(Resource::into_vec).unwrap_or_default();
        let target = RequestedTarget { scope: body.scope.as_deref(), resources: &resources };
        let refresh = RefreshTokenRequest { refresh_token: &token, target };
        let issued = refresh_token::rotate(&self.app, &caller.client, refresh, &caller.context).await;
        if in_cookies && issued.as_ref().is_err_and(TokenError::ends_refresh_token) {
            cookies.clear_refresh_token();
        }
        let refused = |cause| problem::token_problem(caller.client.client_id(), cause);
        Ok(tokens_response(&cookies, issued.map_err(refused)?, in_cookies))
    }

    /// Sign out of an app
    ///
    /// Ends the session and the grant, with its refresh tokens: those of an access token for this provider alone, or else of
    /// the refresh token in the body or in the cookie. The cookie counts for requests from an origin that the client has
    /// registered.
    #[oai(path = "/logout", method = "post", operation_id = "auth_logout")]
    async fn logout(
        &self,
        request: &Request,
        jar: &CookieJar,
        credentials: SignOutCredentials,
        body: Json<LogoutRequest>,
    ) -> Result<NoStoreJson<bodies::SignOut>, Problems<400, 401, 403, 429, 503>> {
        let body = body.0;
        let (caller, grant) = match credentials {
            SignOutCredentials::AccessToken(token) => {
                let (caller, grant) = Caller::of_token(&self.app, request, &body.client_id, *token)?;
                (caller, Some(grant))
            }
            SignOutCredentials::Client(header) => {
                (Caller::authenticate(&self.app, request, &header, body.credentials()).await?, None)
            }
        };
        let Caller { client, context } = &caller;
        let cookies = ClientCookies::new(&self.app, jar, &caller);
        let (token, in_cookies) = find_refresh_token(&caller, request, &cookies, body.refresh_token)?;
        match (grant, token) {
            (Some(grant), token) => {
                api_session::sign_out(&self.app, client, &grant, token.as_deref(), context).await?;
            }
            (None, Some(token)) => {
                let ended = api_session::sign_out_by_refresh_token(&self.app, client, &token, context).await;
                if in_cookies && ended.as_ref().is_err_and(TokenError::ends_refresh_token) {
                    cookies.clear_refresh_token();
                }
                ended.map_err(|cause| problem::token_problem(client.client_id(), cause))?;
            }
            (None, None) => return Err(sign_out_credentials::none_presented().into()),
        }
        if in_cookies {
            cookies.clear_refresh_token();
        }
        Ok(NoStoreJson(bodies::SignOut { signed_out: true }))
    }

    /// Get the signed-in user
    ///
    /// The claims that the access token allows, as at userinfo. Any access token with the scope `openid` will do.
    #[oai(path = "/me", method = "get", operation_id = "auth_me")]
    async fn me(
        &self,
        token: UserinfoToken<Problem>,
    ) -> Result<NoStoreJson<Claims>, Problems<401, 403, 503>> {
        Ok(NoStoreJson(Claims(token.released_claims()?)))
    }

    /// List the login methods of an app
    ///
    /// The methods by which a sign-in of this client may begin, in the order in which to offer them.
    #[oai(path = "/methods", method = "get", operation_id = "auth_methods")]
    async fn methods(
        &self,
        request: &Request,
        /// The `client_id` of the app.
        client_id: Query<String>,
    ) -> Result<NoStoreJson<Methods>, Problems<400, 401, 403>> {
        let caller = Caller::from_client_id(&self.app, request, &client_id.0)?;
        let methods =
            login::first_factor_methods(&self.app, &login::client_requirement(&self.app, &caller.client));
        Ok(NoStoreJson(Methods { methods }))
    }
}

impl AuthApi {
    fn discoverable(&self, method: &str) -> bool {
        self.app.login_methods.find(&self.app, method).is_ok_and(|method| method.discoverable())
    }

    fn resolve_targets(
        &self,
        caller: &Caller,
        scope: Option<&str>,
        resource: Option<Resource>,
    ) -> Result<SignInTargets, Problem> {
        let resources = resource.map(Resource::into_vec).unwrap_or_default();
        let target = RequestedTarget { scope, resources: &resources };
        tokens::scope::resolve_sign_in(&self.app, &caller.client, target).map_err(Problem::from)
    }

    /// Tokens for a proof that completed its attempt; otherwise what it may go on with.
    async fn login_response(
        &self,
        caller: &Caller,
        cookies: &ClientCookies<'_>,
        verified: LoginOutcome<PendingTokenResponse>,
        attempt: String,
        in_cookies: bool,
    ) -> Result<NoStoreJson<Tokens>, Problem> {
        match verified {
            LoginOutcome::FactorRequired { methods } => Err(problem::mfa_required(methods, attempt)),
            LoginOutcome::AccountClosed { deletion_at } => {
                Err(problem::account_closed(deletion_at, &self.app.config.issuer))
            }
            LoginOutcome::Complete(now) => {
                let device = now.device_secret.expose_secret().to_owned();
                let issued = api_session::initial_tokens(now.completion_output).await;
                let refused = |cause| problem::token_problem(caller.client.client_id(), cause);
                let NoStoreJson(tokens) = tokens_response(cookies, issued.map_err(refused)?, in_cookies);
                if in_cookies {
                    cookies.set_device_secret(&device);
                    return Ok(NoStoreJson(tokens));
                }
                Ok(NoStoreJson(tokens.with_device(device)))
            }
        }
    }
}

/// The refresh token of the body or, from an allowed origin, of the cookie; and whether it is the cookie's.
fn find_refresh_token(
    caller: &Caller,
    request: &Request,
    cookies: &ClientCookies<'_>,
    in_body: Option<String>,
) -> Result<(Option<String>, bool), Problem> {
    match (in_body, cookies.refresh_token()) {
        (Some(token), _) => Ok((Some(token), false)),
        (None, Some(token)) => {
            caller.require_allowed_origin(request)?;
            Ok((Some(token), true))
        }
        (None, None) => Ok((None, false)),
    }
}

fn tokens_response(
    cookies: &ClientCookies<'_>,
    mut issued: TokenResponse,
    in_cookies: bool,
) -> NoStoreJson<Tokens> {
    if in_cookies && let Some(token) = issued.refresh_token.take() {
        cookies.set_refresh_token(token.expose_secret());
    }
    NoStoreJson(issued.into())
}

/// A first-party client, or a refusal.
fn require_first_party(client: &Client) -> Result<(), Problem> {
    if client.row.first_party { Ok(()) } else { Err(problem::not_first_party()) }
}
