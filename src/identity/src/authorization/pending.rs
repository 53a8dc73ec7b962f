//! Keeps authorization requests that wait for the user, and the steps recorded for them.
//!
//! ```text
//!   sealed in a URL ──a form is posted──► waiting ──record_*──► waiting ──finish──► finished
//!         └──── 30 minutes ────► expired ◄──── expires_at passed ──┘
//! ```
//!
//! A request is bound to one browser by the hash of that browser's cookie: a URL alone opens nothing. A
//! request that came by POST is sealed for no browser until the GET that follows. Browsers send no
//! `SameSite=Lax` cookie with a POST from another site, and a new cookie would end the requests in the
//! browser's other tabs. Until that GET the sealed request grants no more than the form that it came from.
//!
//! Owns the single use of a request: `finish_request_statement` changes a row once. Leaves the next step to
//! `interaction`.

use std::sync::Arc;

use async_trait::async_trait;
use postern_entities::authorization_requests::{self as rows, Model as Row};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion, Transaction},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait as _,
    sea_query::{Expr, UpdateStatement},
};
use uuid::Uuid;

use super::{
    AuthorizationPageError,
    error::UntrustedRequest,
    interaction::{AuthorizationStep, RecordedStep, RequestProgress},
    redirect_uri,
    request::{AuthorizationRequest, check_response_mode},
    sealed::{self, RequestHandle},
};
use crate::{
    App,
    audit::Event,
    clients::Client,
    consents,
    core::{RequestContext, Write},
    crypto,
    login::{attempt::Completion, policy::AuthenticationRequirement},
    sessions::{Session, SessionEnded, SignedInUser},
    users::User,
};

/// Why a pending request cannot continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestNotPending {
    /// The request is unknown, or another browser began it. The two are indistinguishable to the caller.
    #[error("the request is not one of this browser")]
    Unknown,
    /// Its lifetime has passed.
    #[error("the request has expired")]
    Expired,
    /// The client has received its response.
    #[error("the request was answered already")]
    Finished,
    /// Its client, or the client's redirect URI, is no longer registered.
    #[error("{0}")]
    Untrusted(UntrustedRequest),
}

/// Why a step was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum InteractionError {
    #[error(transparent)]
    RequestNotPending(#[from] RequestNotPending),
    /// Another step comes first. Resuming the request leads to the right page.
    #[error("another step comes first")]
    StepOutOfOrder,
    /// The session in which the user answered has ended. Resuming the request leads to the sign-in.
    #[error(transparent)]
    SessionEnded(#[from] SessionEnded),
    /// A database operation failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// An authorization request that waits for the user.
#[derive(Clone, Debug)]
pub struct PendingRequest {
    /// Names the request in the page's URL.
    pub handle: RequestHandle,
    pub request: AuthorizationRequest,
    pub client: Arc<Client>,
    /// What a sign-in for this request must reach.
    pub requirement: AuthenticationRequirement,
    pub recorded_steps: Vec<RecordedStep>,
    /// When the request was received.
    pub received_at: Timestamp,
}

impl PendingRequest {
    /// The input of the checks.
    pub(super) fn progress(&self) -> RequestProgress<'_> {
        RequestProgress {
            client: &self.client,
            request: &self.request,
            received_at: self.received_at,
            recorded_steps: &self.recorded_steps,
        }
    }

    /// The row of the request. A sealed request gets a new row, which the caller stores in the write of the
    /// posted form.
    pub fn row_for(&self, app: &App, browser_secret: &str) -> Result<RequestRow, DatabaseError> {
        match self.handle {
            RequestHandle::Stored(id) => Ok(RequestRow { id, insertion: None }),
            RequestHandle::Sealed(_) => RequestRow::new(app, self, browser_secret, &[]),
        }
    }
}

/// The row of a request, and the insertion of a new row.
#[derive(Debug)]
pub struct RequestRow {
    pub id: Uuid,
    /// Part of the write of the posted form; none if the row exists.
    pub insertion: Option<Insertion>,
}

impl RequestRow {
    fn new(
        app: &App,
        pending: &PendingRequest,
        browser_secret: &str,
        steps: &[RecordedStep],
    ) -> Result<Self, DatabaseError> {
        let id = app.random.uuid();
        let expires_at = app.clock.now() + app.config.login.request_lifetime.duration();
        let row = rows::ActiveModel {
            id: Set(id),
            browser_hash: Set(crypto::token_hash(browser_secret)),
            client_id: Set(pending.request.client_id.clone()),
            parameters: Set(to_json(&pending.request)?),
            steps: Set(to_json(&steps)?),
            created_at: Set(pending.received_at),
            expires_at: Set(expires_at),
            finished_at: Set(None),
        };
        Ok(Self { id, insertion: Some(Insertion::from_active_model(row)) })
    }

    /// Stores the row in a write of its own, for a form whose effect is already committed.
    pub async fn store(self, app: &App) -> Result<(), DatabaseError> {
        let Some(insertion) = self.insertion else { return Ok(()) };
        app.db
            .write(async |tx| {
                tx.defer(&insertion);
                Ok(())
            })
            .await
    }
}

/// The request with this handle, if it is pending and this browser began it. Pages use it to show the
/// request; [`super::resume`] decides where the browser goes.
pub async fn find_pending(
    app: &App,
    handle: &RequestHandle,
    browser_secret: &str,
) -> Result<Option<PendingRequest>, DatabaseError> {
    match find(app, handle, browser_secret).await {
        Ok(pending) => Ok(Some(pending)),
        Err(InteractionError::Database(cause)) => Err(cause),
        Err(
            InteractionError::RequestNotPending(_)
            | InteractionError::StepOutOfOrder
            | InteractionError::SessionEnded(_),
        ) => Ok(None),
    }
}

async fn find(
    app: &App,
    handle: &RequestHandle,
    browser_secret: &str,
) -> Result<PendingRequest, InteractionError> {
    match handle {
        RequestHandle::Stored(id) => {
            let row = rows::Entity::find_by_id(*id).one(app.db.reader()).await;
            pending_from_row(app, row.map_err(DatabaseError::from)?, browser_secret)
        }
        RequestHandle::Sealed(text) => {
            let (request, received_at) = sealed::open(app, text, Some(browser_secret))?;
            Ok(pending_from_request(app, handle.clone(), request, Vec::new(), received_at)?)
        }
    }
}

/// The pending request with this handle. A request that came by POST becomes bound to this browser.
pub(super) async fn find_or_bind(
    app: &App,
    handle: &RequestHandle,
    browser_secret: &str,
) -> Result<PendingRequest, AuthorizationPageError> {
    let unbound = match handle {
        RequestHandle::Sealed(text) => sealed::open(app, text, None).ok(),
        RequestHandle::Stored(_) => None,
    };
    let Some((request, received_at)) = unbound else { return Ok(find(app, handle, browser_secret).await?) };
    let handle = sealed::seal(app, &request, Some(browser_secret), received_at)?;
    Ok(pending_from_request(app, handle, request, Vec::new(), received_at)?)
}

/// Records, in the write of a sign-in, that the user signed in or stepped up for a request. The sign-in
/// commits even if the request has expired meanwhile; the completion's output reports that.
///
/// For a first-party client whose identity is not proven, the recorded sign-in counts as the user's action
/// that RFC 8252 section 8.6 requires; other such clients need the consent page. So only a form whose page
/// names the client may record the step.
pub struct LoginStepRecorder<'a> {
    /// The row of the request; none for a sign-in to the issuer's own pages, which records nothing.
    pub request_id: Option<Uuid>,
    pub browser_secret: &'a str,
}

#[async_trait]
impl Completion for LoginStepRecorder<'_> {
    type Output = Result<(), RequestNotPending>;

    async fn complete(
        &self,
        app: &App,
        write: &Write<'_>,
        session: &Session,
        _: &User,
    ) -> Result<Self::Output, DatabaseError> {
        let Some(id) = self.request_id else { return Ok(Ok(())) };
        let step = RecordedStep::Login { sid: session.sid, at: app.clock.now() };
        match append_step(app, write, id, self.browser_secret, step).await {
            Ok(()) => Ok(Ok(())),
            Err(InteractionError::Database(cause)) => Err(cause),
            Err(InteractionError::RequestNotPending(gone)) => Ok(Err(gone)),
            Err(InteractionError::StepOutOfOrder | InteractionError::SessionEnded(_)) => {
                Ok(Err(RequestNotPending::Unknown))
            }
        }
    }
}

/// What a person answers on the consent page.
#[derive(Clone, Copy)]
pub struct ConsentAnswer<'a> {
    pub handle: &'a RequestHandle,
    /// The secret of the browser that the request is bound to.
    pub browser_secret: &'a str,
    pub allow: bool,
}

/// Records whether the user allowed the request, and stores the consent. Returns the handle of the request's
/// row.
///
/// Refused unless consent is the next step: otherwise the answer could belong to a page that was not shown.
pub async fn record_consent(
    app: &App,
    context: &RequestContext,
    signed_in: &SignedInUser,
    answer: ConsentAnswer<'_>,
) -> Result<RequestHandle, InteractionError> {
    let ConsentAnswer { handle, browser_secret, allow } = answer;
    let now = context.now;
    let pending = find(app, handle, browser_secret).await?;
    if super::next_step_of(app, &pending, Some(signed_in)).await? != AuthorizationStep::Consent {
        return Err(InteractionError::StepOutOfOrder);
    }
    let request = &pending.request;
    let (user_id, scope) = (signed_in.user.id, request.consent_scope());
    let (kind, step) = if allow {
        ("consent.allowed", RecordedStep::Allowed { user_id, at: now })
    } else {
        ("consent.denied", RecordedStep::Denied { at: now })
    };
    signed_in
        .principal()
        .write(app, context, async |write, _| {
            let id = append_step_or_insert(app, write, &pending, browser_secret, step).await?;
            if allow {
                consents::remember(write, user_id, &request.client_id, &scope).await?;
            }
            Event::new(kind)
                .user(user_id)
                .client(&request.client_id)
                .session(signed_in.session.sid)
                .details(serde_json::json!({ "scope": scope.to_string() }))
                .record(write)
                .await?;
            Ok(RequestHandle::Stored(id))
        })
        .await
}

/// Records that the user cannot reach the requested acr, so that the client receives the error. Returns the
/// handle of the request's row.
pub async fn record_unreachable_acr(
    app: &App,
    handle: &RequestHandle,
    browser_secret: &str,
) -> Result<RequestHandle, InteractionError> {
    let step = RecordedStep::Unreachable { at: app.clock.now() };
    let pending = find(app, handle, browser_secret).await?;
    let id =
        app.db.write(async |tx| append_step_or_insert(app, tx, &pending, browser_secret, step).await).await?;
    Ok(RequestHandle::Stored(id))
}

/// Marks the request as finished. This statement is the only gate to a code: it changes a row once.
pub(super) fn finish_request_statement(id: Uuid, now: Timestamp) -> UpdateStatement {
    rows::Entity::update_many()
        .col_expr(rows::Column::FinishedAt, Expr::value(now))
        .filter(rows::Column::Id.eq(id))
        .filter(rows::Column::FinishedAt.is_null())
        .into_query()
}

/// Appends a step to a stored request, or stores a sealed request with its first step.
async fn append_step_or_insert(
    app: &App,
    tx: &Transaction,
    pending: &PendingRequest,
    browser_secret: &str,
    step: RecordedStep,
) -> Result<Uuid, InteractionError> {
    if let RequestHandle::Stored(id) = pending.handle {
        append_step(app, tx, id, browser_secret, step).await?;
        return Ok(id);
    }
    let row = RequestRow::new(app, pending, browser_secret, &[step])?;
    if let Some(insertion) = &row.insertion {
        tx.defer(insertion);
    }
    Ok(row.id)
}

async fn append_step(
    app: &App,
    tx: &Transaction,
    id: Uuid,
    browser_secret: &str,
    step: RecordedStep,
) -> Result<(), InteractionError> {
    // The row is locked, because the list of steps is read, extended and written back.
    let row = rows::Entity::find_by_id(id).lock_exclusive().one(tx).await.map_err(DatabaseError::from)?;
    let mut steps = pending_from_row(app, row, browser_secret)?.recorded_steps;
    steps.push(step);
    rows::Entity::update_many()
        .col_expr(rows::Column::Steps, Expr::value(to_json(&steps)?))
        .filter(rows::Column::Id.eq(id))
        .exec(tx)
        .await
        .map_err(DatabaseError::from)?;
    Ok(())
}

/// The pending request of a row, if this browser may continue it.
fn pending_from_row(
    app: &App,
    row: Option<Row>,
    browser_secret: &str,
) -> Result<PendingRequest, InteractionError> {
    let row = row.ok_or(RequestNotPending::Unknown)?;
    if !crypto::constant_time_equal(&row.browser_hash, &crypto::token_hash(browser_secret)) {
        return Err(RequestNotPending::Unknown.into());
    }
    if row.finished_at.is_some() {
        return Err(RequestNotPending::Finished.into());
    }
    if row.expires_at <= app.clock.now() {
        return Err(RequestNotPending::Expired.into());
    }
    let handle = RequestHandle::Stored(row.id);
    let (request, steps) = (from_json(row.parameters)?, from_json(row.steps)?);
    Ok(pending_from_request(app, handle, request, steps, row.created_at)?)
}

/// A pending request with its current client, if the client and its redirect URI are still registered.
fn pending_from_request(
    app: &App,
    handle: RequestHandle,
    request: AuthorizationRequest,
    recorded_steps: Vec<RecordedStep>,
    received_at: Timestamp,
) -> Result<PendingRequest, RequestNotPending> {
    let client = app.clients().find(&request.client_id).cloned();
    let client = client.ok_or(RequestNotPending::Untrusted(UntrustedRequest::UnknownClient))?;
    if !redirect_uri::registered(app, &client, &request.redirect_uri) {
        return Err(RequestNotPending::Untrusted(UntrustedRequest::UnregisteredRedirectUri));
    }
    // The client's policy may have become stricter meanwhile. An answer in this mode could expose the code.
    if check_response_mode(&client, &request.redirect_uri, request.response_mode).is_err() {
        return Err(RequestNotPending::Unknown);
    }
    let requirement = request.requirement(app, &client);
    Ok(PendingRequest { handle, request, client, requirement, recorded_steps, received_at })
}

fn to_json(value: &impl serde::Serialize) -> Result<serde_json::Value, DatabaseError> {
    serde_json::to_value(value).map_err(|cause| DbErr::Json(cause.to_string()).into())
}

fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, DatabaseError> {
    serde_json::from_value(value).map_err(|cause| DbErr::Json(cause.to_string()).into())
}
