//! Answers authorization requests: with a code (RFC 6749 section 4.1.2) or an error (section 4.1.2.1).
//!
//! Every answer names the issuer (RFC 9207) and repeats `state`. A code is 256 random bits, stored
//! hashed; it, its grant and the end of the waiting request are one write.

use std::borrow::Cow;

use postern_service::{clock::Timestamp, database::Done};
use sea_orm::StatementBuilder;
use uuid::Uuid;

use super::{
    AuthorizeError,
    error::Refusal,
    parameters::append,
    pending::{self, Gone},
    request::AuthorizationRequest,
};
use crate::{
    App,
    audit::{Event, Origin},
    grants::{self, NewGrant},
    sessions::{self, RowLocks, SignedIn},
    tokens::authorization_code::{self, NewCode},
};

/// Grants what is asked for and answers with a code: the URI to go to. None, with nothing written, where the session has
/// ended since it was read.
pub(super) async fn grant(
    app: &App,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
    waiting: Option<Uuid>,
    origin: &Origin,
) -> Result<Option<String>, AuthorizeError> {
    let now = app.clock.now();
    let new = NewGrant {
        user_id: Some(signed_in.user.id),
        client_id: request.client_id.clone(),
        sid: Some(signed_in.session.sid),
        scope: request.scope.to_string(),
        resources: request.audiences.clone(),
        auth_time: Some(Timestamp::from_micros(signed_in.session.auth_time)),
        acr: Some(signed_in.session.acr.clone()),
        amr: serde_json::from_value(signed_in.session.amr.clone()).unwrap_or_default(),
    };
    let grant = grants::new(app, new, now);
    let event = Event::new("authorization.granted")
        .user(signed_in.user.id)
        .client(&request.client_id)
        .session(signed_in.session.sid)
        .grant(grant.id)
        .details(serde_json::json!({ "scope": grant.scope }));
    let new_code = NewCode {
        grant: &grant,
        redirect_uri: &request.redirect_uri,
        code_challenge: Some(&request.code_challenge),
        nonce: request.nonce.as_deref(),
    };
    let (code, code_row) = authorization_code::new(app, &new_code, now);
    let (grant_row, event_row) = (grants::insertion(&grant), event.insertion(app, origin, now));
    let seeing = sessions::seeing(&signed_in.session, now);
    let locks = if seeing.is_some() { RowLocks::SharedUser } else { RowLocks::Shared };
    let standing = signed_in.principal().standing_statement(locks);
    let finishing = waiting.map(|id| pending::finishing(id, now));
    let mut statements: Vec<&dyn StatementBuilder> = vec![&standing];
    statements.extend(finishing.as_ref().map(|finishing| finishing as &dyn StatementBuilder));
    statements.extend([&grant_row as &dyn StatementBuilder, &code_row, &event_row]);
    statements.extend(seeing.as_ref().map(|seeing| seeing as &dyn StatementBuilder));
    let waited = waiting.is_some();
    let done =
        app.db.write_together(&statements, move |done| matches!(granted(done, waited), Ok(true))).await?;
    if !granted(&done, waited)? {
        return Ok(None);
    }
    Ok(Some(respond(app, &request.redirect_uri, request.state.as_deref(), [("code", Cow::from(code))])))
}

/// What became of the conditions of a grant: whether the session stood, and whether the request still waited, if it did.
fn granted(done: &[Done], waited: bool) -> Result<bool, Gone> {
    match done {
        [standing, ..] if !standing.found_a_row() => Ok(false),
        [_, finishing, ..] if waited && !finishing.changed_a_row() => Err(Gone::Finished),
        _ => Ok(true),
    }
}

/// Answers with an error: the URI to go to.
pub(super) async fn refuse(
    app: &App,
    request: &AuthorizationRequest,
    refusal: Refusal,
    waiting: Option<Uuid>,
    origin: &Origin,
) -> Result<String, AuthorizeError> {
    if let Some(id) = waiting {
        let finishing = pending::finishing(id, app.clock.now());
        let done = app.db.write_together(&[&finishing], Done::first_changed_a_row).await?;
        if !Done::first_changed_a_row(&done) {
            return Err(Gone::Finished.into());
        }
    }
    tracing::info!(client_id = request.client_id, error = refusal.error.word(), %refusal, "authorization refused");
    Ok(error(app, &request.redirect_uri, request.state.as_deref(), refusal, origin))
}

/// An error response: the URI to go to.
pub(super) fn error(
    app: &App,
    redirect_uri: &str,
    state: Option<&str>,
    refusal: Refusal,
    origin: &Origin,
) -> String {
    // The reference under which the log knows the request.
    let reference = origin.request_id.as_ref().map(|id| ("error_uri", Cow::from(app.config.error_page(id))));
    let error = [("error", Cow::from(refusal.error.word())), ("error_description", refusal.description)];
    respond(app, redirect_uri, state, error.into_iter().chain(reference))
}

fn respond<'a>(
    app: &'a App,
    redirect_uri: &str,
    state: Option<&'a str>,
    answer: impl IntoIterator<Item = (&'a str, Cow<'a, str>)>,
) -> String {
    let state = state.map(|state| ("state", Cow::from(state)));
    let issuer = ("iss", Cow::from(app.config.issuer.as_str()));
    append(redirect_uri, answer.into_iter().chain(state).chain([issuer]))
}
