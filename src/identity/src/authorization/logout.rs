//! Answers whether a browser signs out, and where it goes then (OpenID Connect RP-Initiated Logout 1.0).
//!
//! A client is proven by a valid `id_token_hint` of ours. If the hint names the session of this browser and nothing in the
//! request is doubtful, nobody is asked. In every other case the person decides on a page, so that no other site can sign
//! people out. The browser returns to a URI only if it is registered for the client of the hint or, where there is no hint,
//! for the client that the request names: then the person has said yes before, or nobody is signed in.

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

/// Most characters of a return address in the log.
const LONGEST_LOGGED: usize = 200;

/// What a logout request asks for.
#[derive(Clone, Debug)]
pub struct LogoutRequest {
    /// Who asks: the client of a valid hint or, without a hint, the one that is named.
    pub client: Option<Arc<Client>>,
    /// What becomes of the return address.
    return_address: ReturnAddress,
    hint: Option<HintClaims>,
}

/// Where a request wants the browser to go afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ReturnAddress {
    /// It does not say.
    Absent,
    /// To this URI, with `state`: registered for the client.
    Registered(String),
    /// To a URI that is not registered for the client, or nobody knows for which client.
    NotRegistered,
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
        let given = parameters.one("id_token_hint")?;
        let hint = given.and_then(|hint| id_token::verify_hint(app, hint));
        // Section 2: a client_id beside the hint must be the one it was issued to.
        let hint = hint.filter(|hint| named.is_none_or(|named| named == hint.client_id));
        let client_id = match (&hint, given) {
            (Some(hint), _) => Some(hint.client_id.as_str()),
            (None, None) => named,
            // A hint that does not hold makes the whole request doubtful.
            (None, Some(_)) => None,
        };
        let client = client_id.and_then(|client_id| app.clients().find(client_id).cloned());
        let return_address = return_address(client.as_deref(), parameters)?;
        Ok(Self { client, return_address, hint })
    }

    /// Where the browser goes afterwards; none for a page of ours.
    fn return_to(self) -> Option<String> {
        match self.return_address {
            ReturnAddress::Registered(uri) => Some(uri),
            ReturnAddress::Absent | ReturnAddress::NotRegistered => None,
        }
    }

    /// Whether the browser stays here although the request wants it to go on.
    pub fn stays_here(&self) -> bool {
        self.return_address == ReturnAddress::NotRegistered
    }

    /// Whether the client may sign this session out without the person's word: not disabled, proven to have it, in a
    /// request without fault (section 3).
    fn may_end(&self, signed_in: &SignedIn) -> bool {
        let named = self.hint.as_ref().is_some_and(|hint| hint.sid == Some(signed_in.session.sid));
        named && self.client.is_some() && !self.stays_here()
    }
}

fn return_address(client: Option<&Client>, parameters: &Parameters) -> Result<ReturnAddress, Repeated> {
    let Some(uri) = parameters.one("post_logout_redirect_uri")? else { return Ok(ReturnAddress::Absent) };
    if !client.is_some_and(|client| registered(client, uri)) {
        // A stranger writes the address: no more of it than tells which one is meant.
        let shown: String =
            uri.chars().take_while(|c| !matches!(c, '?' | '#')).take(LONGEST_LOGGED).collect();
        tracing::info!(
            client_id = client.map(Client::client_id),
            post_logout_redirect_uri = shown,
            "the return address of a sign-out is not registered for the client"
        );
        return Ok(ReturnAddress::NotRegistered);
    }
    let state = parameters.one("state")?.map(|state| ("state", Cow::from(state)));
    Ok(ReturnAddress::Registered(append(uri, state)))
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
        Some(signed_in) if !request.may_end(&signed_in) => {
            return Ok(LogoutStep::Confirm { request, signed_in: Box::new(signed_in) });
        }
        Some(signed_in) => end(app, &signed_in, "client_logout", origin).await?,
        None => {}
    }
    Ok(LogoutStep::SignedOut { return_to: request.return_to() })
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
    Ok(request.return_to())
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
