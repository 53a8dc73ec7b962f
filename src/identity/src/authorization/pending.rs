//! Keeps authorization requests that wait for a person, and the steps they passed.
//!
//! ```text
//!   posted ──bind──► waiting ──record_*──► waiting ──finish──► finished
//!      └───────────────┴───── expires_at passed ─────► expired
//! ```
//!
//! A row is bound to one browser by the hash of its cookie; the id alone, which is in URLs, opens
//! nothing. A request that came by POST waits unbound for the GET that follows: browsers send no
//! `SameSite=Lax` cookie with a POST from another site, and giving the browser a new cookie then would
//! end its other tabs. Until it is bound it is worth no more than the form it came from.

use std::sync::Arc;

use async_trait::async_trait;
use postern_entities::authorization_requests::{self as rows, Model as Row};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait as _,
    sea_query::{Expr, UpdateStatement},
};
use uuid::Uuid;

use super::{
    error::Untrusted,
    interaction::{Asked, PassedStep, Step},
    redirect_uri,
    request::AuthorizationRequest,
};
use crate::{
    App,
    audit::{Event, Origin},
    clients::Client,
    consents, crypto,
    login::{attempt::Completion, policy::Requirement},
    sessions::{Session, SignedIn},
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
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A request that waits for a person.
#[derive(Clone, Debug)]
pub struct Pending {
    /// In the page's URL.
    pub id: Uuid,
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
}

/// The request with this id, if it waits and this browser began it. For pages, which show what it is
/// about; where the browser goes is decided by [`super::resume`].
pub async fn pending(app: &App, id: Uuid, browser_secret: &str) -> Result<Option<Pending>, DatabaseError> {
    let row = rows::Entity::find_by_id(id).one(app.db.reader()).await?;
    match waiting(app, row, browser_secret) {
        Ok(pending) => Ok(Some(pending)),
        Err(InteractionError::Database(cause)) => Err(cause),
        Err(InteractionError::Gone(_) | InteractionError::NotAsked) => Ok(None),
    }
}

/// Keeps a request, for one browser or, without one, for the GET that follows.
pub(super) async fn keep(
    app: &App,
    request: &AuthorizationRequest,
    browser_secret: Option<&str>,
    now: Timestamp,
) -> Result<Uuid, DatabaseError> {
    // Random and not in order of creation: while it is unbound, the id is all that leads to it.
    let id = app.random.uuid();
    let row = rows::ActiveModel {
        id: Set(id),
        browser_hash: Set(browser_secret.map(crypto::token_hash).unwrap_or_default()),
        client_id: Set(request.client_id.clone()),
        parameters: Set(to_json(request)?),
        steps: Set(serde_json::json!([])),
        created_at: Set(now.micros()),
        expires_at: Set((now + app.config.login.request_lifetime.duration()).micros()),
        finished_at: Set(None),
    };
    app.db
        .write(async |tx| {
            rows::Entity::insert(row).exec_without_returning(tx).await.map_err(DatabaseError::from)
        })
        .await?;
    Ok(id)
}

/// The request with this id for this browser; an unbound one becomes this browser's.
pub(super) async fn find_or_bind(
    app: &App,
    id: Uuid,
    browser_secret: &str,
) -> Result<Pending, InteractionError> {
    let row = rows::Entity::find_by_id(id).one(app.db.reader()).await.map_err(DatabaseError::from)?;
    let row = match row {
        Some(row) if row.browser_hash.is_empty() => bind(app, row, browser_secret).await?,
        row => row,
    };
    waiting(app, row, browser_secret)
}

/// Of several browsers that come at once, one gets it.
async fn bind(app: &App, row: Row, browser_secret: &str) -> Result<Option<Row>, DatabaseError> {
    let browser_hash = crypto::token_hash(browser_secret);
    app.db
        .write(async |tx| {
            rows::Entity::update_many()
                .col_expr(rows::Column::BrowserHash, Expr::value(browser_hash))
                .filter(rows::Column::Id.eq(row.id))
                .filter(rows::Column::BrowserHash.eq(Vec::<u8>::new()))
                .exec(tx)
                .await?;
            Ok(rows::Entity::find_by_id(row.id).one(tx).await?)
        })
        .await
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
            Err(InteractionError::NotAsked) => Ok(Err(Gone::Unknown)),
        }
    }
}

/// Records what the user said to what the request asks for, and remembers a yes.
///
/// Only when consent is what comes next: an earlier yes could be one to a page that was not shown.
pub async fn record_consent(
    app: &App,
    id: Uuid,
    browser_secret: &str,
    signed_in: &SignedIn,
    allow: bool,
    origin: &Origin,
) -> Result<(), InteractionError> {
    let now = app.clock.now();
    let pending = pending(app, id, browser_secret).await?.ok_or(Gone::Unknown)?;
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
    app.db
        .write(async |tx| {
            pass(app, tx, id, browser_secret, step).await?;
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
            Ok(())
        })
        .await
}

/// Records that the person cannot reach the level asked for, so that the client is told.
pub async fn record_unreachable(app: &App, id: Uuid, browser_secret: &str) -> Result<(), InteractionError> {
    let at = app.clock.now();
    app.db.write(async |tx| pass(app, tx, id, browser_secret, PassedStep::Unreachable { at }).await).await
}

/// What marks the request as answered: the one gate to a code. It changes a row once.
pub(super) fn finishing(id: Uuid, now: Timestamp) -> UpdateStatement {
    rows::Entity::update_many()
        .col_expr(rows::Column::FinishedAt, Expr::value(now.micros()))
        .filter(rows::Column::Id.eq(id))
        .filter(rows::Column::FinishedAt.is_null())
        .into_query()
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
    let request: AuthorizationRequest = from_json(row.parameters)?;
    let client = app.clients().find(&request.client_id).cloned();
    let client = client.ok_or(Gone::Untrusted(Untrusted::UnknownClient))?;
    if !redirect_uri::registered(&client, &request.redirect_uri) {
        return Err(Gone::Untrusted(Untrusted::UnregisteredRedirectUri).into());
    }
    Ok(Pending {
        id: row.id,
        requirement: request.requirement(app, &client),
        request,
        client,
        steps: from_json(row.steps)?,
        asked_at: Timestamp::from_micros(row.created_at),
    })
}

fn to_json(value: &impl serde::Serialize) -> Result<serde_json::Value, DatabaseError> {
    serde_json::to_value(value).map_err(|cause| DbErr::Json(cause.to_string()).into())
}

fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, DatabaseError> {
    serde_json::from_value(value).map_err(|cause| DbErr::Json(cause.to_string()).into())
}
