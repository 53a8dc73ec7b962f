//! Answers authorization requests: with a code (RFC 6749 section 4.1.2) or an error (section 4.1.2.1).
//!
//! Every response names the issuer (RFC 9207) and repeats `state`. A code has 256 random bits and is stored
//! as a hash. The code, its grant and the end of the pending request are one write. Leaves the single use of
//! a code to `tokens::authorization_code`.

use std::borrow::Cow;

use postern_service::{clock::Timestamp, database::StatementResult};
use sea_orm::StatementBuilder;
use uuid::Uuid;

use super::{
    AuthorizationPageError,
    error::AuthorizationError,
    parameters::append_query,
    pending::{self, RequestNotPending},
    request::AuthorizationRequest,
};
use crate::{
    App,
    audit::Event,
    core::{Actor, RequestContext},
    grants::{self, NewGrant},
    sessions::{self, RowLocks, SignedInUser},
    tokens::authorization_code::{self, NewAuthorizationCode},
};

/// Creates the grant and a code. Returns the redirect URI with the code; none, with nothing written, when the
/// session has ended since it was read.
pub(super) async fn respond_with_code(
    app: &App,
    request: &AuthorizationRequest,
    signed_in: &SignedInUser,
    pending_id: Option<Uuid>,
    context: &RequestContext,
) -> Result<Option<String>, AuthorizationPageError> {
    let now = context.now;
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
        .actor(Actor::User(signed_in.user.id))
        .user(signed_in.user.id)
        .client(&request.client_id)
        .session(signed_in.session.sid)
        .grant(grant.id)
        .details(serde_json::json!({ "scope": grant.scope }));
    let new_code = NewAuthorizationCode {
        grant: &grant,
        redirect_uri: &request.redirect_uri,
        code_challenge: Some(&request.code_challenge),
        nonce: request.nonce.as_deref(),
    };
    let (code, code_row) = authorization_code::new(app, &new_code, now);
    let (grant_row, event_row) = (grants::insert_statement(&grant), event.insert_statement(app, context));
    let touch_session = sessions::touch_session_statement(&signed_in.session, now);
    let locks = if touch_session.is_some() { RowLocks::SharedUser } else { RowLocks::Shared };
    let lock_authority = signed_in.principal().lock_authority_statement(locks);
    let finish_request = pending_id.map(|id| pending::finish_request_statement(id, now));
    let mut statements: Vec<&dyn StatementBuilder> = vec![&lock_authority];
    statements.extend(finish_request.as_ref().map(|finish_request| finish_request as &dyn StatementBuilder));
    statements.extend([&grant_row as &dyn StatementBuilder, &code_row, &event_row]);
    statements.extend(touch_session.as_ref().map(|touch_session| touch_session as &dyn StatementBuilder));
    let was_pending = pending_id.is_some();
    let done = app
        .db
        .write_batch(&statements, move |done| matches!(preconditions_met(done, was_pending), Ok(true)))
        .await?;
    if !preconditions_met(&done, was_pending)? {
        return Ok(None);
    }
    Ok(Some(response_uri(app, &request.redirect_uri, request.state.as_deref(), [("code", Cow::from(code))])))
}

/// Whether the conditions of the write held: the session had not ended, and a pending request was not
/// finished by another request.
fn preconditions_met(done: &[StatementResult], was_pending: bool) -> Result<bool, RequestNotPending> {
    match done {
        [authority, ..] if !authority.found_a_row() => Ok(false),
        [_, finishing, ..] if was_pending && !finishing.changed_a_row() => Err(RequestNotPending::Finished),
        _ => Ok(true),
    }
}

/// Finishes a pending request with an error. Returns the redirect URI with the error.
pub(super) async fn respond_with_error(
    app: &App,
    request: &AuthorizationRequest,
    refusal: AuthorizationError,
    pending_id: Option<Uuid>,
    context: &RequestContext,
) -> Result<String, AuthorizationPageError> {
    if let Some(id) = pending_id {
        let finish_request = pending::finish_request_statement(id, context.now);
        let done = app.db.write_batch(&[&finish_request], StatementResult::first_changed_a_row).await?;
        if !StatementResult::first_changed_a_row(&done) {
            return Err(RequestNotPending::Finished.into());
        }
    }
    tracing::info!(client_id = request.client_id, error = refusal.error.word(), %refusal, "authorization refused");
    Ok(error_response(app, &request.redirect_uri, request.state.as_deref(), refusal, context))
}

/// The redirect URI with an error response.
pub(super) fn error_response(
    app: &App,
    redirect_uri: &str,
    state: Option<&str>,
    refusal: AuthorizationError,
    context: &RequestContext,
) -> String {
    // The user can quote this reference; the log has it too.
    let reference = context.request_id.as_ref().map(|id| ("error_uri", Cow::from(app.config.error_page(id))));
    let error = [("error", Cow::from(refusal.error.word())), ("error_description", refusal.description)];
    response_uri(app, redirect_uri, state, error.into_iter().chain(reference))
}

fn response_uri<'a>(
    app: &'a App,
    redirect_uri: &str,
    state: Option<&'a str>,
    answer: impl IntoIterator<Item = (&'a str, Cow<'a, str>)>,
) -> String {
    let state = state.map(|state| ("state", Cow::from(state)));
    let issuer = ("iss", Cow::from(app.config.issuer.as_str()));
    append_query(redirect_uri, answer.into_iter().chain(state).chain([issuer]))
}
