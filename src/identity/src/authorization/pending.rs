//! Keeps authorization requests that wait for a person, and the steps they passed.
//!
//! ```text
//!   sealed in a URL ──a form is posted──► waiting ──record_*──► waiting ──finish──► finished
//!         └──── 30 minutes ────► expired ◄──── expires_at passed ──┘
//! ```
//!
//! A request is bound to one browser by the hash of its cookie: what is in URLs opens nothing by itself. One that came by
//! POST is sealed for no browser until the GET that follows: browsers send no `SameSite=Lax` cookie with a POST from
//! another site, and giving the browser a new cookie then would end its other tabs. Until then it is worth no more than
//! the form it came from.

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
    AuthorizeError,
    error::Untrusted,
    interaction::{Asked, PassedStep, Step},
    redirect_uri,
    request::AuthorizationRequest,
    sealed::{self, RequestHandle},
};
use crate::{
    App,
    audit::{Event, Origin},
    clients::Client,
    consents, crypto,
    login::{attempt::Completion, policy::Requirement},
    sessions::{Session, SessionEnded, SignedIn},
    users::User,
};

/// Why a request that waited cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// There is no such request, or another browser began it: the two look alike.
    #[error("the request is not one of this browser")]
    Unknown,
    /// It waited too long.
    #[error("the request has expired")]
    Expired,
    /// Its client got an answer already.
    #[error("the request was answered already")]
    Finished,
    /// Its client, or the client's redirect URI, is not registered any more.
    #[error("{0}")]
    Untrusted(Untrusted),
}

/// Why a step is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum InteractionError {
    /// The request cannot go on.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The step is not the one that is asked for now. Resume the request: that leads to the right page.
    #[error("another step comes first")]
    NotAsked,
    /// What the person said was said in a session that has ended since. Resume the request: that leads to the sign-in.
    #[error(transparent)]
    SessionEnded(#[from] SessionEnded),
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A request that waits for a person.
#[derive(Clone, Debug)]
pub struct Pending {
    /// In the page's URL.
    pub handle: RequestHandle,
    /// What is asked for.
    pub request: AuthorizationRequest,
    /// Who asks.
    pub client: Arc<Client>,
    /// What a sign-in for it must reach.
    pub requirement: Requirement,
    /// What happened so far.
    pub steps: Vec<PassedStep>,
    /// When it came.
    pub asked_at: Timestamp,
}

impl Pending {
    /// It, without its row.
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked { client: &self.client, request: &self.request, at: self.asked_at, passed: &self.steps }
    }

    /// The row that it waits in, or the one in which it is about to: for what is written because a form was posted.
    pub fn row_for(&self, app: &App, browser_secret: &str) -> Result<RequestRow, DatabaseError> {
        match self.handle {
            RequestHandle::Stored(id) => Ok(RequestRow { id, insertion: None }),
            RequestHandle::Sealed(_) => RequestRow::new(app, self, browser_secret, &[]),
        }
    }
}

/// The row of a request, and what stores it where it is new.
#[derive(Debug)]
pub struct RequestRow {
    /// Its key.
    pub id: Uuid,
    /// Goes into the write of what was posted; none for a row that is there already.
    pub insertion: Option<Insertion>,
}

impl RequestRow {
    fn new(
        app: &App,
        pending: &Pending,
        browser_secret: &str,
        steps: &[PassedStep],
    ) -> Result<Self, DatabaseError> {
        let id = app.random.uuid();
        let expires_at = app.clock.now() + app.config.login.request_lifetime.duration();
        let row = rows::ActiveModel {
            id: Set(id),
            browser_hash: Set(crypto::token_hash(browser_secret)),
            client_id: Set(pending.request.client_id.clone()),
            parameters: Set(to_json(&pending.request)?),
            steps: Set(to_json(&steps)?),
            created_at: Set(pending.asked_at.micros()),
            expires_at: Set(expires_at.micros()),
            finished_at: Set(None),
        };
        Ok(Self { id, insertion: Some(Insertion::of(row)) })
    }

    /// Stores it in a write of its own, after what was posted was done.
    pub async fn store(self, app: &App) -> Result<(), DatabaseError> {
        let Some(insertion) = self.insertion else { return Ok(()) };
        app.db
            .write(async |tx| {
                tx.later(&insertion);
                Ok(())
            })
            .await
    }
}

/// The request with this handle, if it waits and this browser began it. For pages, which show what it is
/// about; where the browser goes is decided by [`super::resume`].
pub async fn pending(
    app: &App,
    handle: &RequestHandle,
    browser_secret: &str,
) -> Result<Option<Pending>, DatabaseError> {
    match find(app, handle, browser_secret).await {
        Ok(pending) => Ok(Some(pending)),
        Err(InteractionError::Database(cause)) => Err(cause),
        Err(InteractionError::Gone(_) | InteractionError::NotAsked | InteractionError::SessionEnded(_)) => {
            Ok(None)
        }
    }
}

async fn find(app: &App, handle: &RequestHandle, browser_secret: &str) -> Result<Pending, InteractionError> {
    match handle {
        RequestHandle::Stored(id) => {
            let row = rows::Entity::find_by_id(*id).one(app.db.reader()).await;
            waiting(app, row.map_err(DatabaseError::from)?, browser_secret)
        }
        RequestHandle::Sealed(text) => {
            let (request, asked_at) = sealed::open(app, text, Some(browser_secret))?;
            Ok(found(app, handle.clone(), request, Vec::new(), asked_at)?)
        }
    }
}

/// The request with this handle for this browser; one that came by POST becomes this browser's.
pub(super) async fn find_or_bind(
    app: &App,
    handle: &RequestHandle,
    browser_secret: &str,
) -> Result<Pending, AuthorizeError> {
    let unbound = match handle {
        RequestHandle::Sealed(text) => sealed::open(app, text, None).ok(),
        RequestHandle::Stored(_) => None,
    };
    let Some((request, asked_at)) = unbound else { return Ok(find(app, handle, browser_secret).await?) };
    let handle = sealed::seal(app, &request, Some(browser_secret), asked_at)?;
    Ok(found(app, handle, request, Vec::new(), asked_at)?)
}

/// Records that this browser's user signed in, or stepped up, in the write of the sign-in. It stays whatever became of
/// the request meanwhile; what is made says that.
///
/// The step counts as the press that an unproven client needs, so only a form whose page names the client may record it.
pub struct SignInFor<'a> {
    /// The request; none for a page of ours, which keeps nothing.
    pub request: Option<Uuid>,
    /// The browser's secret.
    pub browser_secret: &'a str,
}

#[async_trait]
impl Completion for SignInFor<'_> {
    type Made = Result<(), Gone>;

    async fn complete(
        &self,
        app: &App,
        tx: &Transaction,
        session: &Session,
        _: &User,
    ) -> Result<Self::Made, DatabaseError> {
        let Some(id) = self.request else { return Ok(Ok(())) };
        let step = PassedStep::Login { sid: session.sid, at: app.clock.now() };
        match pass(app, tx, id, self.browser_secret, step).await {
            Ok(()) => Ok(Ok(())),
            Err(InteractionError::Database(cause)) => Err(cause),
            Err(InteractionError::Gone(gone)) => Ok(Err(gone)),
            Err(InteractionError::NotAsked | InteractionError::SessionEnded(_)) => Ok(Err(Gone::Unknown)),
        }
    }
}

/// Records what the user said to what the request asks for, and remembers a yes. Answers the row of the request.
///
/// Only when consent is what comes next: an earlier yes could be one to a page that was not shown.
pub async fn record_consent(
    app: &App,
    handle: &RequestHandle,
    browser_secret: &str,
    signed_in: &SignedIn,
    allow: bool,
    origin: &Origin,
) -> Result<RequestHandle, InteractionError> {
    let now = app.clock.now();
    let pending = find(app, handle, browser_secret).await?;
    if super::next_of(app, &pending, Some(signed_in)).await? != Step::Consent {
        return Err(InteractionError::NotAsked);
    }
    let request = &pending.request;
    let user_id = signed_in.user.id;
    let (kind, step) = if allow {
        ("consent.allowed", PassedStep::Allowed { user_id, at: now })
    } else {
        ("consent.denied", PassedStep::Denied { at: now })
    };
    signed_in
        .principal()
        .write(app, async |tx, _| {
            let id = pass_or_store(app, tx, &pending, browser_secret, step).await?;
            if allow {
                consents::remember(tx, user_id, &request.client_id, &request.scope, now).await?;
            }
            Event::new(kind)
                .user(user_id)
                .client(&request.client_id)
                .session(signed_in.session.sid)
                .details(serde_json::json!({ "scope": request.scope.to_string() }))
                .record(app, tx, origin, now)
                .await?;
            Ok(RequestHandle::Stored(id))
        })
        .await
}

/// Records that the person cannot reach the level asked for, so that the client is told. Answers the row of the request.
pub async fn record_unreachable(
    app: &App,
    handle: &RequestHandle,
    browser_secret: &str,
) -> Result<RequestHandle, InteractionError> {
    let step = PassedStep::Unreachable { at: app.clock.now() };
    let pending = find(app, handle, browser_secret).await?;
    let id = app.db.write(async |tx| pass_or_store(app, tx, &pending, browser_secret, step).await).await?;
    Ok(RequestHandle::Stored(id))
}

/// What marks the request as answered: the one gate to a code. It changes a row once.
pub(super) fn finishing(id: Uuid, now: Timestamp) -> UpdateStatement {
    rows::Entity::update_many()
        .col_expr(rows::Column::FinishedAt, Expr::value(now.micros()))
        .filter(rows::Column::Id.eq(id))
        .filter(rows::Column::FinishedAt.is_null())
        .into_query()
}

/// Adds a step to the row of a request, or stores a request with its first step.
async fn pass_or_store(
    app: &App,
    tx: &Transaction,
    pending: &Pending,
    browser_secret: &str,
    step: PassedStep,
) -> Result<Uuid, InteractionError> {
    if let RequestHandle::Stored(id) = pending.handle {
        pass(app, tx, id, browser_secret, step).await?;
        return Ok(id);
    }
    let row = RequestRow::new(app, pending, browser_secret, &[step])?;
    if let Some(insertion) = &row.insertion {
        tx.later(insertion);
    }
    Ok(row.id)
}

async fn pass(
    app: &App,
    tx: &Transaction,
    id: Uuid,
    browser_secret: &str,
    step: PassedStep,
) -> Result<(), InteractionError> {
    // Locked, because the list is read, extended and written back.
    let row = rows::Entity::find_by_id(id).lock_exclusive().one(tx).await.map_err(DatabaseError::from)?;
    let mut steps = waiting(app, row, browser_secret)?.steps;
    steps.push(step);
    rows::Entity::update_many()
        .col_expr(rows::Column::Steps, Expr::value(to_json(&steps)?))
        .filter(rows::Column::Id.eq(id))
        .exec(tx)
        .await
        .map_err(DatabaseError::from)?;
    Ok(())
}

/// Whether the row may go on in this browser.
fn waiting(app: &App, row: Option<Row>, browser_secret: &str) -> Result<Pending, InteractionError> {
    let row = row.ok_or(Gone::Unknown)?;
    if !crypto::equal(&row.browser_hash, &crypto::token_hash(browser_secret)) {
        return Err(Gone::Unknown.into());
    }
    if row.finished_at.is_some() {
        return Err(Gone::Finished.into());
    }
    if row.expires_at <= app.clock.now().micros() {
        return Err(Gone::Expired.into());
    }
    let handle = RequestHandle::Stored(row.id);
    let (request, steps) = (from_json(row.parameters)?, from_json(row.steps)?);
    Ok(found(app, handle, request, steps, Timestamp::from_micros(row.created_at))?)
}

/// A request as it is now, unless its client or the client's redirect URI went away.
fn found(
    app: &App,
    handle: RequestHandle,
    request: AuthorizationRequest,
    steps: Vec<PassedStep>,
    asked_at: Timestamp,
) -> Result<Pending, Gone> {
    let client = app.clients().find(&request.client_id).cloned();
    let client = client.ok_or(Gone::Untrusted(Untrusted::UnknownClient))?;
    if !redirect_uri::registered(app, &client, &request.redirect_uri) {
        return Err(Gone::Untrusted(Untrusted::UnregisteredRedirectUri));
    }
    let requirement = request.requirement(app, &client);
    Ok(Pending { handle, request, client, requirement, steps, asked_at })
}

fn to_json(value: &impl serde::Serialize) -> Result<serde_json::Value, DatabaseError> {
    serde_json::to_value(value).map_err(|cause| DbErr::Json(cause.to_string()).into())
}

fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, DatabaseError> {
    serde_json::from_value(value).map_err(|cause| DbErr::Json(cause.to_string()).into())
}
