//! Answers what an authorization request asks for, or why it is refused (RFC 6749 section 4.1.1,
//! OpenID Connect Core section 3.1.2.1).
//!
//! [`parse`] is the table of the checks: they run in the order in which they are written there, first
//! who asks and where the answer goes, then the rest. Nothing here reads the database or looks at the
//! person: that is for [`super::interaction`].

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    error::{ErrorCode, Refusal, Untrusted},
    parameters::{Parameters, Repeated},
    redirect_uri, sealed,
};
use crate::{
    App,
    clients::{Client, GrantType},
    login::{
        self,
        policy::{Acr, Requirement},
    },
    tokens::{self, Scope, scope::shown},
};

/// The parameters that may come once; those that are read here but for `resource`.
pub const SINGLE: [&str; 19] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "acr_values",
    "id_token_hint",
    "login_hint",
    "ui_locales",
    "display",
    "claims",
    "request",
    "request_uri",
];

/// Longest `state`. It is kept while a person signs in, and comes back in a URL.
const STATE_LENGTH: usize = 2048;

/// Longest `nonce`. It is kept with the code, and goes into the ID token.
const NONCE_LENGTH: usize = 512;

/// Longest `login_hint` that is of use: an address (RFC 5321 section 4.5.3.1). Longer ones are ignored.
const LOGIN_HINT_LENGTH: usize = 320;

/// At most so many languages are kept of `ui_locales`, each of a sensible length (BCP 47).
const UI_LOCALES: usize = 8;
const UI_LOCALE_LENGTH: usize = 35;

/// A validated request. Rows of `authorization_requests` hold it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes: registered for the client.
    pub redirect_uri: String,
    /// Comes back unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// PKCE challenge, method S256 (RFC 7636 section 4.2).
    pub code_challenge: String,
    /// For the ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// What is asked for: allowed for the client, and its default where it named nothing.
    #[serde(with = "scope_as_text")]
    pub scope: Scope,
    /// What its tokens may be for, by that scope (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// What the person must see, or must not.
    pub prompt: Prompt,
    /// How old the sign-in may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// Levels asked for, those that exist here. Any of them will do (RFC 9470 section 4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<Acr>,
    /// `sub` of the person the client expects, from `id_token_hint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_subject: Option<String>,
    /// What the person may want to sign in with; only fills in a field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// Languages for the pages, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<String>,
}

/// A scope is kept as the wire writes it.
mod scope_as_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Scope;

    pub(super) fn serialize<S: Serializer>(scope: &Scope, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(scope)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scope, D::Error> {
        Ok(Scope::stored(&String::deserialize(deserializer)?))
    }
}

/// `prompt` (OpenID Connect Core section 3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// No page at all.
    pub none: bool,
    /// Sign in again. A browser is signed in as one person here, so choosing an account
    /// (`select_account`) is signing in, and sets this too.
    pub login: bool,
    /// Ask for consent again.
    pub consent: bool,
}

impl AuthorizationRequest {
    /// What a sign-in for this request must reach: what the client's registration and the installation demand, and the
    /// least demanding level among those asked for.
    pub fn requirement(&self, app: &App, client: &Client) -> Requirement {
        let registered = login::requirement_of(app, client);
        let asked = self.acr_values.iter().min().copied();
        Requirement { acr: registered.acr.max(asked), max_age: self.max_age, ..registered }
    }
}

/// Why a request is refused, and who is told.
#[derive(Clone, Debug)]
pub enum Rejected {
    /// The person, on a page.
    OnPage(Untrusted),
    /// The client, at its proven redirect URI.
    ToClient {
        /// Registered for the client.
        redirect_uri: String,
        /// Comes back unchanged, if there was one.
        state: Option<String>,
        /// What is wrong.
        refusal: Refusal,
    },
}

/// Reads and checks a request.
pub fn parse(app: &App, parameters: &Parameters) -> Result<(Arc<Client>, AuthorizationRequest), Rejected> {
    let (client, redirect_uri) = prove_target(app, parameters).map_err(|cause| {
        let came = |name| shown(parameters.one(name).ok().flatten());
        let (client_id, redirect_uri) = (came("client_id"), came("redirect_uri"));
        tracing::info!(client_id, redirect_uri, %cause, "authorization refused on a page");
        Rejected::OnPage(cause)
    })?;
    let request = check(app, &client, &redirect_uri, parameters);
    let request = request.map_err(|refusal| {
        tracing::info!(client_id = client.client_id(), error = refusal.error.word(), %refusal, "authorization refused");
        // Told as it came, even when it is itself at fault. Of two, none is the client's.
        let state = parameters.one("state").ok().flatten().map(str::to_owned);
        Rejected::ToClient { redirect_uri, state, refusal }
    })?;
    Ok((client, request))
}

/// Who asks, and whether they registered to be answered there. No fault of these leaves this house.
fn prove_target(app: &App, parameters: &Parameters) -> Result<(Arc<Client>, String), Untrusted> {
    let client_id = parameters.one("client_id").ok().flatten().ok_or(Untrusted::ClientId)?;
    let client = app.clients().find(client_id).cloned().ok_or(Untrusted::UnknownClient)?;
    let redirect_uri = parameters.one("redirect_uri").ok().flatten().ok_or(Untrusted::RedirectUri)?;
    if !redirect_uri::registered(app, &client, redirect_uri) {
        return Err(Untrusted::UnregisteredRedirectUri);
    }
    Ok((client, redirect_uri.to_owned()))
}

/// The table: one line a check, in the order in which faults are reported.
fn check(
    app: &App,
    client: &Client,
    redirect_uri: &str,
    parameters: &Parameters,
) -> Result<AuthorizationRequest, Refusal> {
    once_each(parameters)?;
    no_request_object(parameters)?;
    allowed_grant_type(client)?;
    response_type(parameters)?;
    response_mode(parameters)?;
    let state = limited(parameters, "state", STATE_LENGTH, "the state is too long")?;
    let nonce = limited(parameters, "nonce", NONCE_LENGTH, "the nonce is too long")?;
    let code_challenge = code_challenge(parameters)?;
    let prompt = prompt(parameters)?;
    let max_age = max_age(parameters)?;
    let expected_subject = id_token_hint(app, client, parameters)?;
    let (scope, audiences) = scope(app, client, parameters)?;
    let request = AuthorizationRequest {
        client_id: client.client_id().to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        state,
        code_challenge,
        nonce,
        scope,
        audiences,
        prompt,
        max_age,
        expected_subject,
        // These are wishes: what is not understood is left out, never an error.
        acr_values: acr_values(parameters),
        login_hint: login_hint(parameters),
        ui_locales: ui_locales(parameters),
    };
    // Whether or not somebody is signed in, so that it does not depend on who tries it.
    if sealed::fits(&request) { Ok(request) } else { Err(TOO_LONG) }
}

/// See [`sealed::LONGEST`].
const TOO_LONG: Refusal =
    invalid("the request is too long: it may have 4096 bytes when it is sealed in a URL");

const fn invalid(description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, description)
}

impl From<Repeated> for Refusal {
    fn from(_: Repeated) -> Self {
        invalid("a parameter is repeated")
    }
}

/// RFC 6749 section 3.1: no parameter twice. Unknown ones are ignored, however often they come.
fn once_each(parameters: &Parameters) -> Result<(), Refusal> {
    SINGLE.iter().try_for_each(|name| parameters.one(name).map(drop)).map_err(Refusal::from)
}

/// OpenID Connect Core section 6: request objects must not be ignored, or a client would be answered to
/// another request than the one it signed.
fn no_request_object(parameters: &Parameters) -> Result<(), Refusal> {
    if parameters.one("request")?.is_some() {
        return Err(Refusal::new(ErrorCode::RequestNotSupported, "request objects are not supported"));
    }
    if parameters.one("request_uri")?.is_some() {
        return Err(Refusal::new(ErrorCode::RequestUriNotSupported, "request_uri is not supported"));
    }
    Ok(())
}

/// RFC 6749 section 4.1.2.1.
fn allowed_grant_type(client: &Client) -> Result<(), Refusal> {
    if client.may_use(GrantType::AuthorizationCode) {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::UnauthorizedClient,
        "the client may not use the grant type authorization_code",
    ))
}

/// RFC 9700 section 2.1.2: codes only; no token ever comes through the browser.
fn response_type(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.one("response_type")? {
        Some("code") => Ok(()),
        None => Err(invalid("response_type is missing")),
        Some(_) => Err(Refusal::new(ErrorCode::UnsupportedResponseType, "response_type must be code")),
    }
}

/// OAuth 2.0 Multiple Response Type Encoding Practices section 2.1.
fn response_mode(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.one("response_mode")? {
        None | Some("query") => Ok(()),
        Some(_) => Err(invalid("response_mode must be query")),
    }
}

fn limited(
    parameters: &Parameters,
    name: &str,
    longest: usize,
    too_long: &'static str,
) -> Result<Option<String>, Refusal> {
    match parameters.one(name)? {
        Some(value) if value.len() > longest => Err(invalid(too_long)),
        value => Ok(value.map(str::to_owned)),
    }
}

/// RFC 7636 section 4.3, RFC 9700 section 2.1.1: S256, by every client.
fn code_challenge(parameters: &Parameters) -> Result<String, Refusal> {
    let challenge =
        parameters.one("code_challenge")?.ok_or(invalid("code_challenge is missing: use PKCE"))?;
    // Without a method it would be `plain` (section 4.3), which protects from nobody who sees the request.
    if parameters.one("code_challenge_method")? != Some("S256") {
        return Err(invalid("code_challenge_method must be S256"));
    }
    // Section 4.2: the unpadded base64url of a SHA-256.
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if challenge.len() != 43 || !challenge.bytes().all(base64url) {
        return Err(invalid("code_challenge must be 43 characters of base64url"));
    }
    Ok(challenge.to_owned())
}

/// OpenID Connect Core section 3.1.2.1; unknown values are refused as Prompt Create 1.0 section 4 asks.
fn prompt(parameters: &Parameters) -> Result<Prompt, Refusal> {
    let mut prompt = Prompt::default();
    let values = parameters.one("prompt")?.unwrap_or_default();
    for value in words(values) {
        match value {
            "none" => prompt.none = true,
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            _ => return Err(invalid("prompt has an unknown value")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent) {
        return Err(invalid("prompt=none cannot be combined"));
    }
    Ok(prompt)
}

/// OpenID Connect Core section 3.1.2.1: whole seconds.
fn max_age(parameters: &Parameters) -> Result<Option<Duration>, Refusal> {
    let Some(seconds) = parameters.one("max_age")? else { return Ok(None) };
    // `parse` alone would take a sign.
    let digits = seconds.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = seconds.parse::<u64>().ok().filter(|_| digits);
    Ok(Some(Duration::from_secs(seconds.ok_or(invalid("max_age must be a number of seconds"))?)))
}

/// OpenID Connect Core section 3.1.2.1: an ID token of ours for this client, expired or not.
fn id_token_hint(app: &App, client: &Client, parameters: &Parameters) -> Result<Option<String>, Refusal> {
    let Some(hint) = parameters.one("id_token_hint")? else { return Ok(None) };
    let claims = tokens::id_token::verify_hint(app, hint)
        .filter(|claims| claims.client_id == client.client_id())
        .ok_or(invalid("id_token_hint is not an ID token that this client was given"))?;
    Ok(Some(claims.sub))
}

/// RFC 6749 section 3.3, RFC 8707 section 2: what the client may have, where it may be used.
fn scope(app: &App, client: &Client, parameters: &Parameters) -> Result<(Scope, Vec<String>), Refusal> {
    let resources: Vec<String> = parameters.all("resource").map(str::to_owned).collect();
    let resolved = tokens::resolve(app, client, parameters.one("scope")?, &resources)?;
    Ok((resolved.scope, resolved.audiences))
}

fn acr_values(parameters: &Parameters) -> Vec<Acr> {
    words(wish(parameters, "acr_values")).filter_map(|word| word.parse().ok()).take(Acr::ALL.len()).collect()
}

fn login_hint(parameters: &Parameters) -> Option<String> {
    let hint = wish(parameters, "login_hint");
    (!hint.is_empty() && hint.len() <= LOGIN_HINT_LENGTH).then(|| hint.to_owned())
}

fn ui_locales(parameters: &Parameters) -> Vec<String> {
    let tag = |word: &&str| {
        word.len() <= UI_LOCALE_LENGTH
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    words(wish(parameters, "ui_locales")).filter(tag).take(UI_LOCALES).map(str::to_owned).collect()
}

/// The value of a parameter that is known not to be repeated.
fn wish<'p>(parameters: &'p Parameters, name: &str) -> &'p str {
    parameters.one(name).ok().flatten().unwrap_or_default()
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(' ').filter(|word| !word.is_empty())
}
