//! Answers what an authorization request asks for, or why it is refused (RFC 6749 section 4.1.1, OpenID
//! Connect Core section 3.1.2.1).
//!
//! Owns the ordered table of checks. [`parse`] first validates the client and its redirect URI, because every
//! later error is sent to that URI. Reads neither the database nor the session: checks of the user are in
//! [`super::interaction`].

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    claims_parameter::{self, ClaimsParameter, RequestedClaims},
    error::{AuthorizationError, ErrorCode, UntrustedRequest},
    error_target, explanations,
    parameters::{CheckedParameters, Parameter, Parameters, RepeatedParameter, space_separated},
    preferences::{acr_values, login_hint, ui_locales},
    redirect_uri,
    request_parameters::{
        CLAIMS, CLIENT_ID, CODE_CHALLENGE, CODE_CHALLENGE_METHOD, ID_TOKEN_HINT, MAX_AGE, NONCE, PARAMETERS,
        PROMPT, REDIRECT_URI, REQUEST, REQUEST_URI, RESOURCE, RESPONSE_MODE, RESPONSE_TYPE, SCOPE, STATE,
    },
    response::ResponseTarget,
    sealed,
};
use crate::{
    App,
    acr::Acr,
    clients::{Client, GrantType, policy::ResponseMode},
    login::{self, policy::AuthenticationRequirement},
    scope::Scope,
    tokens::{self, scope::printable_excerpt},
};

/// In bytes. `state` is stored while the user signs in, and comes back in a URL.
const MAX_STATE_LENGTH: usize = 2048;

/// In bytes. `nonce` is stored with the code, and becomes a claim of the ID token.
const MAX_NONCE_LENGTH: usize = 512;

/// A validated authorization request, stored as JSON in `authorization_requests.parameters`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    pub client_id: String,
    /// Registered for the client.
    pub redirect_uri: String,
    #[serde(default)]
    pub response_mode: ResponseMode,
    /// Returned unchanged in the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// PKCE challenge, method S256 (RFC 7636 section 4.2); none only for a client that may do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The requested scope as far as the client may have it, or the client's default scope.
    pub scope: Scope,
    /// The audiences that follow from the scope and the `resource` parameters (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    pub prompt: Prompt,
    /// The greatest allowed time since `auth_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// The requested acr values that this issuer knows. Any of them suffices (RFC 9470 section 4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<Acr>,
    /// `sub` of `id_token_hint`: the user whom the client expects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_subject: Option<String>,
    /// Fills in the login form, nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// Languages for the pages, in order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<String>,
    /// Claims beside those of the scope.
    #[serde(default, skip_serializing_if = "RequestedClaims::is_empty")]
    pub claims: RequestedClaims,
}

/// `prompt` (OpenID Connect Core section 3.1.2.1).
#[expect(clippy::struct_excessive_bools, reason = "one for each value of the parameter")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// No page may be shown.
    pub none: bool,
    /// Authenticate again. A browser has one session here, so `select_account` means a new sign-in and sets
    /// this too.
    pub login: bool,
    pub consent: bool,
    /// Create an account (Initiating User Registration via OpenID Connect 1.0 section 4). A sign-in to an account that
    /// exists will do too.
    #[serde(default)]
    pub create: bool,
}

impl AuthorizationRequest {
    pub(super) fn response_target(&self) -> ResponseTarget {
        ResponseTarget {
            redirect_uri: self.redirect_uri.clone(),
            mode: self.response_mode,
            state: self.state.clone(),
        }
    }

    /// What the user consents to: the scope, and the scopes that cover the requested claims.
    pub fn consent_scope(&self) -> Scope {
        let of_claims = self.claims.scopes().map(str::to_owned);
        self.scope.iter().map(str::to_owned).chain(of_claims).collect()
    }

    /// What a sign-in for this request must reach: the requirement of the client and the installation, raised
    /// to the lowest of the requested acr values.
    pub fn requirement(&self, app: &App, client: &Client) -> AuthenticationRequirement {
        let registered = login::client_requirement(app, client);
        let asked = self.acr_values.iter().min().copied();
        AuthenticationRequirement {
            min_acr: registered.min_acr.max(asked),
            max_age: self.max_age,
            ..registered
        }
    }
}

/// Why an authorization request is refused, and where the error goes.
#[derive(Clone, Debug)]
pub enum RequestError {
    /// Shown to the user on a page.
    Untrusted(UntrustedRequest),
    /// Sent to the client's validated redirect URI.
    Redirectable { target: ResponseTarget, error: AuthorizationError },
}

pub fn parse(
    app: &App,
    parameters: &Parameters,
) -> Result<(Arc<Client>, AuthorizationRequest), RequestError> {
    let (client, redirect_uri) = verify_client_and_redirect_uri(app, parameters).map_err(|cause| {
        let client_id = printable_excerpt(parameters.single(CLIENT_ID.name).ok().flatten());
        app.explain(&client_id, explanations::untrusted(app, parameters, cause));
        RequestError::Untrusted(cause)
    })?;
    let request = validate(app, &client, &redirect_uri, parameters);
    let request = request.map_err(|refusal| {
        app.explain(client.client_id(), explanations::of_error(&refusal));
        RequestError::Redirectable {
            target: error_target::of(&client, redirect_uri, parameters),
            error: refusal,
        }
    })?;
    Ok((client, request))
}

/// Validates the client and its redirect URI. These errors are shown on a page and never sent to the client.
fn verify_client_and_redirect_uri(
    app: &App,
    parameters: &Parameters,
) -> Result<(Arc<Client>, String), UntrustedRequest> {
    let client_id = parameters.single(CLIENT_ID.name).ok().flatten().ok_or(UntrustedRequest::ClientId)?;
    let client = app.clients().find(client_id).cloned().ok_or(UntrustedRequest::UnknownClient)?;
    let redirect_uri =
        parameters.single(REDIRECT_URI.name).ok().flatten().ok_or(UntrustedRequest::RedirectUri)?;
    if !redirect_uri::registered(app, &client, redirect_uri) {
        return Err(UntrustedRequest::UnregisteredRedirectUri);
    }
    Ok((client, redirect_uri.to_owned()))
}

/// The table of checks: one line each, in the order in which errors are reported.
fn validate(
    app: &App,
    client: &Client,
    redirect_uri: &str,
    parameters: &Parameters,
) -> Result<AuthorizationRequest, AuthorizationError> {
    let parameters = parameters.checked(PARAMETERS)?;
    reject_request_object(parameters)?;
    require_grant_type(client)?;
    response_type(parameters)?;
    let response_mode = response_mode(client, redirect_uri, parameters)?;
    let state = limited_value(parameters, STATE, MAX_STATE_LENGTH, "the state is too long")?;
    let nonce = limited_value(parameters, NONCE, MAX_NONCE_LENGTH, "the nonce is too long")?;
    let code_challenge = code_challenge(client, parameters)?;
    let prompt = prompt(app, parameters)?;
    let max_age = max_age(parameters)?;
    let expected_subject = id_token_hint(app, client, parameters)?;
    let claims = claims(client, parameters)?;
    let (scope, audiences) = scope(app, client, parameters)?;
    let request = AuthorizationRequest {
        client_id: client.client_id().to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        response_mode,
        state,
        code_challenge,
        nonce,
        scope,
        audiences,
        prompt,
        max_age,
        expected_subject: one_subject(expected_subject, claims.subject)?,
        claims: claims.requested,
        // Optional preferences: values that are not understood are ignored, never an error.
        acr_values: stricter_acrs(acr_values(parameters), claims.acr_values),
        login_hint: login_hint(parameters),
        ui_locales: ui_locales(parameters),
    };
    // Checked even when the session could answer at once, so that the result does not depend on the user.
    if sealed::fits_in_url(&request) { Ok(request) } else { Err(TOO_LONG) }
}

/// See [`sealed::MAX_SEALED_LENGTH`].
const TOO_LONG: AuthorizationError = AuthorizationError::invalid_request(
    "the request is too long: it may have 4096 bytes when it is sealed in a URL",
);

impl From<RepeatedParameter> for AuthorizationError {
    fn from(_: RepeatedParameter) -> Self {
        AuthorizationError::invalid_request("a parameter is repeated")
    }
}

/// OpenID Connect Core section 6: a request object must not be ignored. Otherwise the response could belong
/// to another request than the one that the client signed.
fn reject_request_object(parameters: CheckedParameters<'_>) -> Result<(), AuthorizationError> {
    if parameters.value(REQUEST).is_some() {
        return Err(AuthorizationError::new(
            ErrorCode::RequestNotSupported,
            "request objects are not supported",
        ));
    }
    if parameters.value(REQUEST_URI).is_some() {
        return Err(AuthorizationError::new(
            ErrorCode::RequestUriNotSupported,
            "request_uri is not supported",
        ));
    }
    Ok(())
}

/// RFC 6749 section 4.1.2.1.
fn require_grant_type(client: &Client) -> Result<(), AuthorizationError> {
    if client.may_use(GrantType::AuthorizationCode) {
        return Ok(());
    }
    Err(AuthorizationError::new(
        ErrorCode::UnauthorizedClient,
        "the client may not use the grant type authorization_code",
    )
    .explained(explanations::grant_type(client)))
}

/// RFC 9700 section 2.1.2: code flow only; no token is issued in the authorization response.
fn response_type(parameters: CheckedParameters<'_>) -> Result<(), AuthorizationError> {
    match parameters.value(RESPONSE_TYPE) {
        Some("code") => Ok(()),
        came => {
            let error = match came {
                None => AuthorizationError::invalid_request("response_type is missing"),
                Some(_) => {
                    AuthorizationError::new(ErrorCode::UnsupportedResponseType, "response_type must be code")
                }
            };
            Err(error.explained(explanations::response_type(came)))
        }
    }
}

/// OAuth 2.0 Multiple Response Type Encoding Practices section 2.1, OAuth 2.0 Form Post Response Mode section 2.
fn response_mode(
    client: &Client,
    redirect_uri: &str,
    parameters: CheckedParameters<'_>,
) -> Result<ResponseMode, AuthorizationError> {
    let mode = parameters.value(RESPONSE_MODE).map_or(Some(ResponseMode::default()), ResponseMode::from_word);
    let mode = mode.ok_or_else(|| {
        let came = parameters.value(RESPONSE_MODE).unwrap_or_default();
        AuthorizationError::invalid_request("response_mode must be query, fragment or form_post")
            .explained(explanations::response_mode(client, came))
    })?;
    check_response_mode(client, redirect_uri, mode)?;
    Ok(mode)
}

pub(super) fn check_response_mode(
    client: &Client,
    redirect_uri: &str,
    mode: ResponseMode,
) -> Result<(), AuthorizationError> {
    if !client.policy.response_modes.contains(&mode) {
        return Err(AuthorizationError::invalid_request(
            "the client may not have its responses in this response_mode",
        )
        .explained(explanations::response_mode(client, mode.as_str())));
    }
    if mode == ResponseMode::FormPost && !takes_a_form(redirect_uri) {
        return Err(AuthorizationError::invalid_request(
            "response_mode=form_post needs an http or https redirect_uri",
        ));
    }
    Ok(())
}

/// A browser cannot post a form to an app's own URI scheme.
fn takes_a_form(redirect_uri: &str) -> bool {
    redirect_uri.starts_with("https://") || redirect_uri.starts_with("http://")
}

fn limited_value(
    parameters: CheckedParameters<'_>,
    parameter: Parameter,
    longest: usize,
    too_long: &'static str,
) -> Result<Option<String>, AuthorizationError> {
    match parameters.value(parameter) {
        Some(value) if value.len() > longest => Err(AuthorizationError::invalid_request(too_long)),
        value => Ok(value.map(str::to_owned)),
    }
}

/// RFC 7636 section 4.3, RFC 9700 section 2.1.1: the method is S256, also where PKCE is not required.
fn code_challenge(
    client: &Client,
    parameters: CheckedParameters<'_>,
) -> Result<Option<String>, AuthorizationError> {
    let Some(challenge) = parameters.value(CODE_CHALLENGE) else {
        // A method without a challenge is a client that means to use PKCE.
        if client.pkce_required() || parameters.value(CODE_CHALLENGE_METHOD).is_some() {
            return Err(AuthorizationError::invalid_request("code_challenge is missing: use PKCE")
                .explained(explanations::pkce_missing(client)));
        }
        return Ok(None);
    };
    // Without `code_challenge_method` the method would be `plain` (section 4.3), which does not protect
    // against an attacker who sees the request.
    if parameters.value(CODE_CHALLENGE_METHOD) != Some("S256") {
        return Err(AuthorizationError::invalid_request("code_challenge_method must be S256")
            .explained(explanations::pkce_method(parameters)));
    }
    // Section 4.2: the unpadded base64url of a SHA-256.
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if challenge.len() != 43 || !challenge.bytes().all(base64url) {
        return Err(AuthorizationError::invalid_request("code_challenge must be 43 characters of base64url"));
    }
    Ok(Some(challenge.to_owned()))
}

/// OpenID Connect Core section 3.1.2.1; unknown values are refused as Prompt Create 1.0 section 4 asks.
fn prompt(app: &App, parameters: CheckedParameters<'_>) -> Result<Prompt, AuthorizationError> {
    let mut prompt = Prompt::default();
    let values = parameters.value(PROMPT).unwrap_or_default();
    for value in space_separated(values) {
        match value {
            "none" => prompt.none = true,
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            "create" if login::self_registration_allowed(app) => prompt.create = true,
            "create" => {
                return Err(AuthorizationError::invalid_request("prompt=create: nobody can register here"));
            }
            _ => return Err(AuthorizationError::invalid_request("prompt has an unknown value")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent || prompt.create) {
        return Err(AuthorizationError::invalid_request("prompt=none cannot be combined"));
    }
    Ok(prompt)
}

/// OpenID Connect Core section 3.1.2.1: whole seconds.
fn max_age(parameters: CheckedParameters<'_>) -> Result<Option<Duration>, AuthorizationError> {
    let Some(seconds) = parameters.value(MAX_AGE) else { return Ok(None) };
    // `parse` alone would accept a sign.
    let digits = seconds.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = seconds.parse::<u64>().ok().filter(|_| digits);
    Ok(Some(Duration::from_secs(
        seconds.ok_or(AuthorizationError::invalid_request("max_age must be a number of seconds"))?,
    )))
}

/// OpenID Connect Core section 3.1.2.1: an ID token of this issuer for this client, expired or not.
fn id_token_hint(
    app: &App,
    client: &Client,
    parameters: CheckedParameters<'_>,
) -> Result<Option<String>, AuthorizationError> {
    let Some(hint) = parameters.value(ID_TOKEN_HINT) else { return Ok(None) };
    let claims = tokens::id_token::verify_hint(app, hint)
        .filter(|claims| claims.client_id == client.client_id())
        .ok_or(AuthorizationError::invalid_request(
            "id_token_hint is not an ID token that this client was given",
        ))?;
    Ok(Some(claims.sub))
}

fn claims(client: &Client, parameters: CheckedParameters<'_>) -> Result<ClaimsParameter, AuthorizationError> {
    parameters
        .value(CLAIMS)
        .map_or(Ok(ClaimsParameter::default()), |claims| claims_parameter::parse(client, claims))
}

/// The user of `id_token_hint` and of `claims`, who must be the same.
fn one_subject(
    hinted: Option<String>,
    claimed: Option<String>,
) -> Result<Option<String>, AuthorizationError> {
    match (hinted, claimed) {
        (Some(hinted), Some(claimed)) if hinted != claimed => {
            Err(AuthorizationError::invalid_request("id_token_hint and claims name different users"))
        }
        (hinted, claimed) => Ok(hinted.or(claimed)),
    }
}

/// Any level of a list will do. Of the lists of `acr_values` and of `claims` the one whose lowest level is higher
/// counts, so that neither weakens the other.
fn stricter_acrs(one: Vec<Acr>, other: Vec<Acr>) -> Vec<Acr> {
    if one.iter().min() < other.iter().min() { other } else { one }
}

/// RFC 6749 section 3.3, RFC 8707 section 2.
fn scope(
    app: &App,
    client: &Client,
    parameters: CheckedParameters<'_>,
) -> Result<(Scope, Vec<String>), AuthorizationError> {
    let resources: Vec<String> = parameters.values(RESOURCE).map(str::to_owned).collect();
    let resolved = tokens::resolve_grant_target(app, client, parameters.value(SCOPE), &resources);
    let resolved = resolved.map_err(|cause| {
        let explanation = cause.explanation(client, &app.resources());
        AuthorizationError::from(cause).explained(explanation)
    })?;
    Ok((resolved.scope, resolved.audiences))
}
