//! Answers whether a browser signs out, and where it goes then (OpenID Connect RP-Initiated Logout 1.0).
//!
//! A client is believed by a valid `id_token_hint` of ours, and by nothing else. With it the browser may
//! return to a URI registered by that client; when it also names the session of this browser, nobody is
//! asked. In every other case the person decides on a page, so that no other site can sign people out,
//! and stays here afterwards.

use std::{borrow::Cow, sync::Arc};

use postern_service::database::DatabaseError;

use super::parameters::{Parameters, Repeated, append};
use crate::{
    App,
    audit::Origin,
    clients::Client,
    sessions::{self, SignedIn},
    tokens::id_token::{self, HintClaims},
};

/// The parameters that may come once (RP-Initiated Logout section 2).
pub const SINGLE: [&str; 6] =
    ["id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"];

/// What a logout request asks for, as far as it is proven.
#[derive(Clone, Debug)]
pub struct LogoutRequest {
    /// Who asks: only when a valid hint says so.
    pub client: Option<Arc<Client>>,
    /// Where the browser goes afterwards, with `state`: registered by that client.
    pub return_to: Option<String>,
    hint: Option<HintClaims>,
}

/// What comes next.
#[derive(Clone, Debug)]
pub enum LogoutStep {
    /// The person is asked.
    Confirm {
        /// What for.
        request: LogoutRequest,
        /// Who is signed in.
        signed_in: Box<SignedIn>,
    },
    /// Nobody is signed in here, any more or anyway.
    SignedOut {
        /// Where the client wants the browser; none for a page of ours.
        return_to: Option<String>,
    },
}

impl LogoutRequest {
    /// Reads a request. What is not proven is left out; only a repeated parameter is a fault.
    pub fn parse(app: &App, parameters: &Parameters) -> Result<Self, Repeated> {
        SINGLE.iter().try_for_each(|name| parameters.one(name).map(drop))?;
        let named = parameters.one("client_id")?;
        let hint = parameters.one("id_token_hint")?.and_then(|hint| id_token::verify_hint(app, hint));
        // Section 2: a client_id beside the hint must be the one it was issued to.
        let hint = hint.filter(|hint| named.is_none_or(|named| named == hint.client_id));
        let client = hint.as_ref().and_then(|hint| app.clients().find(&hint.client_id).cloned());
        let return_to = match (&client, parameters.one("post_logout_redirect_uri")?) {
            (Some(client), Some(uri)) if registered(client, uri) => {
                let state = parameters.one("state")?.map(|state| ("state", Cow::from(state)));
                Some(append(uri, state))
            }
            _ => None,
        };
        Ok(Self { client, return_to, hint })
    }

    fn names_session_of(&self, signed_in: &SignedIn) -> bool {
        self.hint.as_ref().is_some_and(|hint| hint.sid == Some(signed_in.session.sid))
    }
}

/// Section 3: compared as strings, without an exception.
fn registered(client: &Client, uri: &str) -> bool {
    client.post_logout_redirect_uris.iter().any(|registered| registered == uri)
}

/// Takes a request: ends the session if a client may ask for it without the person.
pub async fn begin(
    app: &App,
    request: LogoutRequest,
    session_secret: Option<&str>,
    origin: &Origin,
) -> Result<LogoutStep, DatabaseError> {
    match find(app, session_secret).await? {
        Some(signed_in) if !request.names_session_of(&signed_in) => {
            return Ok(LogoutStep::Confirm { request, signed_in: Box::new(signed_in) });
        }
        Some(signed_in) => end(app, &signed_in, "client_logout", origin).await?,
        None => {}
    }
    Ok(LogoutStep::SignedOut { return_to: request.return_to })
}

/// Ends the session because the person said so, which the caller made sure of. Answers where the client
/// wants the browser.
pub async fn confirm(
    app: &App,
    request: LogoutRequest,
    session_secret: Option<&str>,
    origin: &Origin,
) -> Result<Option<String>, DatabaseError> {
    if let Some(signed_in) = find(app, session_secret).await? {
        end(app, &signed_in, "logout", origin).await?;
    }
    Ok(request.return_to)
}

async fn find(app: &App, session_secret: Option<&str>) -> Result<Option<SignedIn>, DatabaseError> {
    match session_secret {
        Some(secret) => sessions::find(app, secret).await,
        None => Ok(None),
    }
}

async fn end(
    app: &App,
    signed_in: &SignedIn,
    because: &'static str,
    origin: &Origin,
) -> Result<(), DatabaseError> {
    let now = app.clock.now();
    let sid = signed_in.session.sid;
    app.db.write(async |tx| sessions::end(app, tx, sid, because, origin, now).await).await?;
    Ok(())
}
