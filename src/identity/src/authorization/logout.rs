//! Answers whether a browser is signed out, and where it goes then (OpenID Connect RP-Initiated Logout 1.0).
//!
//! A valid `id_token_hint` of this issuer identifies the client. If the hint names the session of this
//! browser and no other parameter is invalid, the session ends without a question. In every other case the
//! user confirms on a page, so that no other site can sign users out. The browser is redirected only to a
//! `post_logout_redirect_uri` that is registered for the client of the hint. Without a hint, the client named
//! by `client_id` counts: then the user has confirmed, or nobody was signed in.
//!
//! Leaves the ending of sessions to `sessions` and the page to `http::pages`.

use std::{borrow::Cow, sync::Arc};

use postern_service::database::DatabaseError;

use super::{
    explanations,
    parameters::{
        CheckedParameters, Parameter, Parameters, RepeatedParameter, append_query, parameter_table,
    },
    signed_out_apps::SignedOutApps,
};
use crate::{
    App,
    clients::Client,
    core::RequestContext,
    explanation::Explanation,
    grants::EndCause,
    sessions::{self, SignedInUser},
    tokens::{
        id_token::{self, HintClaims},
        scope::printable_excerpt,
    },
};

// RP-Initiated Logout section 2.
parameter_table! {
    ID_TOKEN_HINT = Parameter::optional(
        "id_token_hint",
        "An ID token of the client, expired or not. Without it the person is asked.",
    ),
    POST_LOGOUT_REDIRECT_URI = Parameter::optional(
        "post_logout_redirect_uri",
        "Where the browser goes then: registered for the client, byte by byte. Otherwise the person is asked and the browser stays.",
    ),
    STATE = Parameter::optional("state", "Comes back unchanged with the redirect."),
    CLIENT_ID = Parameter::optional(
        "client_id",
        "The client of the hint. Without a hint, the client whose `post_logout_redirect_uri` is meant.",
    ),
    LOGOUT_HINT = Parameter::optional("logout_hint", "Ignored: the session is the browser's."),
    UI_LOCALES = Parameter::optional(
        "ui_locales",
        "Languages for the page, best first, separated by spaces (BCP 47).",
    ),
}

/// A validated logout request.
#[derive(Clone, Debug)]
pub struct LogoutRequest {
    /// As the request says it, known or not; for the log.
    client_id: String,
    /// The client of a valid hint or, without a hint, the client that `client_id` names.
    pub client: Option<Arc<Client>>,
    redirect: PostLogoutRedirect,
    hint: Option<HintClaims>,
    fault: Option<LogoutFault>,
    /// Of the fault, for the developer of the app.
    explanation: Option<Explanation>,
}

/// Why the browser stays on the issuer's page after the sign-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutFault {
    /// `id_token_hint` is no ID token of this issuer, or is another client's than `client_id` says.
    InvalidHint,
    /// A return address without anything that says whose it is.
    MissingHint,
    /// A return address that is not registered for the client.
    UnregisteredRedirectUri,
}

/// `post_logout_redirect_uri` as it was validated.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PostLogoutRedirect {
    /// The request has none.
    Absent,
    /// Registered for the client. The URI already has `state` appended.
    Registered(String),
    /// Not registered for the client, or the client is unknown.
    Unregistered,
}

#[derive(Clone, Debug)]
pub enum LogoutStep {
    /// The user must confirm.
    Confirm { request: LogoutRequest, signed_in: Box<SignedInUser> },
    /// No session is left in this browser, or there was none.
    SignedOut(SignedOut),
}

/// A browser without a session.
#[derive(Clone, Debug)]
pub struct SignedOut {
    /// The client's registered URI; none for the issuer's own page.
    pub redirect_uri: Option<String>,
    /// The apps of the session that ended now.
    pub apps: SignedOutApps,
}

impl LogoutRequest {
    /// Parses a request. Invalid values are ignored, as if absent; only a repeated parameter is an error.
    pub fn parse(app: &App, parameters: &Parameters) -> Result<Self, RepeatedParameter> {
        let parameters = parameters.checked(PARAMETERS)?;
        let named = parameters.value(CLIENT_ID);
        let given = parameters.value(ID_TOKEN_HINT);
        let hint = given.and_then(|hint| id_token::verify_hint(app, hint));
        // Section 2: `client_id` beside a hint must be the client to which the ID token was issued.
        let hint = hint.filter(|hint| named.is_none_or(|named| named == hint.client_id));
        let client_id = match (&hint, given) {
            (Some(hint), _) => Some(hint.client_id.as_str()),
            (None, None) => named,
            // An invalid hint makes the whole request unauthenticated, so `client_id` does not count.
            (None, Some(_)) => None,
        };
        let client = client_id.and_then(|client_id| app.clients().find(client_id).cloned());
        let redirect = post_logout_redirect(client.as_deref(), parameters);
        let fault = match (given, named) {
            (Some(_), _) if hint.is_none() => Some(LogoutFault::InvalidHint),
            _ if redirect != PostLogoutRedirect::Unregistered => None,
            (None, None) => Some(LogoutFault::MissingHint),
            _ => Some(LogoutFault::UnregisteredRedirectUri),
        };
        let client_id = printable_excerpt(client_id);
        let explanation = fault.map(|fault| {
            let uri = parameters.value(POST_LOGOUT_REDIRECT_URI).unwrap_or_default();
            explanations::sign_out(fault, &client_id, client.as_deref(), uri)
        });
        Ok(Self { client_id, client, redirect, hint, fault, explanation })
    }

    /// The registered URI; none for the issuer's own page.
    fn into_redirect_uri(self) -> Option<String> {
        match self.redirect {
            PostLogoutRedirect::Registered(uri) => Some(uri),
            PostLogoutRedirect::Absent | PostLogoutRedirect::Unregistered => None,
        }
    }

    /// Why the browser stays on the issuer's page, if the request is wrong.
    pub fn fault(&self) -> Option<LogoutFault> {
        self.fault
    }

    /// Whether the client may end this session without confirmation: the client is enabled, its hint names
    /// this session, and nothing about the request is wrong (section 3).
    fn client_may_end_session(&self, signed_in: &SignedInUser) -> bool {
        let named = self.hint.as_ref().is_some_and(|hint| hint.sid == Some(signed_in.session.sid));
        named && self.client.is_some() && self.fault.is_none()
    }
}

fn post_logout_redirect(client: Option<&Client>, parameters: CheckedParameters<'_>) -> PostLogoutRedirect {
    let Some(uri) = parameters.value(POST_LOGOUT_REDIRECT_URI) else {
        return PostLogoutRedirect::Absent;
    };
    if !client.is_some_and(|client| registered(client, uri)) {
        return PostLogoutRedirect::Unregistered;
    }
    let state = parameters.value(STATE).map(|state| ("state", Cow::from(state)));
    PostLogoutRedirect::Registered(append_query(uri, state))
}

/// Section 3: simple string comparison.
fn registered(client: &Client, uri: &str) -> bool {
    client.row.post_logout_redirect_uris.iter().any(|registered| registered == uri)
}

/// Handles a request: ends the session if the client may do so without confirmation.
pub async fn begin(
    app: &App,
    request: LogoutRequest,
    session_secret: Option<&str>,
    context: &RequestContext,
) -> Result<LogoutStep, DatabaseError> {
    if let Some(explanation) = &request.explanation {
        app.explain(&request.client_id, explanation.clone());
    }
    let apps = match find_session(app, session_secret).await? {
        Some(signed_in) if !request.client_may_end_session(&signed_in) => {
            return Ok(LogoutStep::Confirm { request, signed_in: Box::new(signed_in) });
        }
        Some(signed_in) => sign_out(app, context, &signed_in, EndCause::ClientLogout).await?,
        None => SignedOutApps::default(),
    };
    Ok(LogoutStep::SignedOut(SignedOut { redirect_uri: request.into_redirect_uri(), apps }))
}

/// Ends the session after the user confirmed. The caller has checked the confirmation.
pub async fn confirm(
    app: &App,
    request: LogoutRequest,
    session_secret: Option<&str>,
    context: &RequestContext,
) -> Result<SignedOut, DatabaseError> {
    let apps = match find_session(app, session_secret).await? {
        Some(signed_in) => sign_out(app, context, &signed_in, EndCause::SignedOut).await?,
        None => SignedOutApps::default(),
    };
    Ok(SignedOut { redirect_uri: request.into_redirect_uri(), apps })
}

/// Signs a browser out. Returns the apps of its session.
pub async fn sign_out(
    app: &App,
    context: &RequestContext,
    signed_in: &SignedInUser,
    cause: EndCause,
) -> Result<SignedOutApps, DatabaseError> {
    // Read first: if the read failed after the end, the person would be told that the sign-out failed.
    let apps = SignedOutApps::of_session(app, signed_in.session.sid).await?;
    sessions::sign_out(app, context, signed_in, cause).await?;
    Ok(apps)
}

async fn find_session(
    app: &App,
    session_secret: Option<&str>,
) -> Result<Option<SignedInUser>, DatabaseError> {
    match session_secret {
        Some(secret) => sessions::find(app, secret).await,
        None => Ok(None),
    }
}
