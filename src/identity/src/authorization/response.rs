//! Answers authorization requests: with a code (RFC 6749 section 4.1.2) or an error (section 4.1.2.1).
//!
//! Every response names the issuer (RFC 9207) and repeats `state`. [`AuthorizationResponse::render`] is the
//! only place that knows how a response mode carries them. A code has 256 random bits and is stored as a hash.
//! The code, its grant and the end of the pending request are one write. Leaves the single use of a code to
//! `tokens::authorization_code`.

use std::{borrow::Cow, fmt};

use postern_service::database::StatementResult;
use sea_orm::StatementBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded;
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
    clients::policy::ResponseMode,
    core::{Actor, RequestContext},
    grants::{self, NewGrant},
    sessions::{self, RowLocks, SignedInUser},
    tokens::authorization_code::{self, NewAuthorizationCode},
};

/// Where a response goes. Exists only once the redirect URI is validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseTarget {
    /// Registered for the client.
    pub redirect_uri: String,
    pub mode: ResponseMode,
    /// Returned unchanged; none if the request had none.
    pub state: Option<String>,
}

/// A response to the client: with a code, or with an error.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationResponse {
    redirect_uri: String,
    mode: ResponseMode,
    /// In the order in which they are sent.
    parameters: Vec<(&'static str, Cow<'static, str>)>,
}

impl AuthorizationResponse {
    /// RFC 6749 section 4.1.2.
    fn with_code(app: &App, target: ResponseTarget, code: &SecretString) -> Self {
        Self::new(app, target, vec![("code", code.expose_secret().to_owned().into())])
    }

    /// RFC 6749 section 4.1.2.1.
    pub(super) fn with_error(
        app: &App,
        target: ResponseTarget,
        refusal: AuthorizationError,
        context: &RequestContext,
    ) -> Self {
        let mut parameters =
            vec![("error", refusal.error.word().into()), ("error_description", refusal.description)];
        // The user can quote this reference; the log has it too.
        parameters
            .extend(context.request_id.as_ref().map(|id| ("error_uri", app.config.error_page(id).into())));
        Self::new(app, target, parameters)
    }

    fn new(
        app: &App,
        target: ResponseTarget,
        mut parameters: Vec<(&'static str, Cow<'static, str>)>,
    ) -> Self {
        parameters.extend(target.state.map(|state| ("state", state.into())));
        // RFC 9207 section 2.
        parameters.push(("iss", app.config.issuer.clone().into()));
        Self { redirect_uri: target.redirect_uri, mode: target.mode, parameters }
    }

    /// What the browser gets.
    pub fn render(&self) -> RenderedResponse<'_> {
        let parameters = self.parameters.iter().map(|(name, value)| (*name, Cow::from(value.as_ref())));
        match self.mode {
            ResponseMode::Query => RenderedResponse::Redirect(append_query(&self.redirect_uri, parameters)),
            ResponseMode::Fragment => {
                let fragment =
                    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
                RenderedResponse::Redirect(format!("{}#{fragment}", self.redirect_uri))
            }
            ResponseMode::FormPost => {
                RenderedResponse::Form { action: &self.redirect_uri, fields: &self.parameters }
            }
        }
    }
}

/// A response in the form of its mode.
pub enum RenderedResponse<'a> {
    /// A redirect to this URI.
    Redirect(String),
    /// A page with a form that the browser posts to `action`.
    Form { action: &'a str, fields: &'a [(&'static str, Cow<'static, str>)] },
}

/// Without the values, because a code is a secret.
impl fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| *name).collect();
        f.debug_struct("AuthorizationResponse")
            .field("redirect_uri", &self.redirect_uri)
            .field("mode", &self.mode)
            .field("parameters", &names)
            .finish()
    }
}

/// Creates the grant and a code. Returns the response with the code; none, with nothing written, when the
/// session has ended since it was read.
pub(super) async fn respond_with_code(
    app: &App,
    request: &AuthorizationRequest,
    signed_in: &SignedInUser,
    pending_id: Option<Uuid>,
    context: &RequestContext,
) -> Result<Option<AuthorizationResponse>, AuthorizationPageError> {
    let now = context.now;
    let new = NewGrant {
        user_id: Some(signed_in.user.id),
        client_id: request.client_id.clone(),
        sid: Some(signed_in.session.sid),
        scope: request.scope.clone(),
        userinfo_claims: request.claims.userinfo.clone(),
        id_token_claims: request.claims.id_token.clone(),
        resources: request.audiences.clone(),
        auth_time: Some(signed_in.session.auth_time),
        acr: Some(signed_in.session.acr),
        amr: signed_in.session.amr.clone(),
    };
    let grant = grants::new(app, new, now);
    let event = Event::new("authorization.granted")
        .actor(Actor::User(signed_in.user.id))
        .user(signed_in.user.id)
        .client(&request.client_id)
        .session(signed_in.session.sid)
        .grant(grant.id)
        .details(granted_details(request));
    let new_code = NewAuthorizationCode {
        grant: &grant,
        redirect_uri: &request.redirect_uri,
        code_challenge: request.code_challenge.as_deref(),
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
    Ok(Some(AuthorizationResponse::with_code(app, request.response_target(), &code)))
}

/// What the client was granted, for the audit record.
fn granted_details(request: &AuthorizationRequest) -> serde_json::Value {
    if request.claims.is_empty() {
        return serde_json::json!({ "scope": request.scope });
    }
    serde_json::json!({ "scope": request.scope, "claims": request.claims })
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

/// Finishes a pending request with an error. Returns the response with the error.
pub(super) async fn respond_with_error(
    app: &App,
    request: &AuthorizationRequest,
    refusal: AuthorizationError,
    pending_id: Option<Uuid>,
    context: &RequestContext,
) -> Result<AuthorizationResponse, AuthorizationPageError> {
    if let Some(id) = pending_id {
        let finish_request = pending::finish_request_statement(id, context.now);
        let done = app.db.write_batch(&[&finish_request], StatementResult::first_changed_a_row).await?;
        if !StatementResult::first_changed_a_row(&done) {
            return Err(RequestNotPending::Finished.into());
        }
    }
    tracing::info!(client_id = request.client_id, error = refusal.error.word(), %refusal, "authorization refused");
    Ok(AuthorizationResponse::with_error(app, request.response_target(), refusal, context))
}
