//! Defines the statements on the table `attempts`.
//!
//! The rule that must not be broken: every statement that changes a row carries the precondition in its own
//! `WHERE`, so that the database decides races.

use postern_entities::attempts::{self, Column};
use postern_entities::values::Hash256;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion, Transaction},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryTrait as _,
    sea_query::{Expr, ExprTrait as _, SimpleExpr, UpdateStatement},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    AttemptBinding,
    sending::{CodeSendRecord, RESEND_DELAY},
};
use crate::{
    app::App,
    clients::Client,
    core::Write,
    crypto,
    login::{Challenge, CodeMac, LoginError, policy::VerifiedFactor},
    users::{self, User},
};

/// Selects an attempt by its secret and everything that it is bound to.
pub(super) struct AttemptSelector {
    attempt_hash: Hash256,
    client_id: Option<String>,
    authorization_request: Option<Uuid>,
    browser_hash: Option<Hash256>,
}

impl AttemptSelector {
    pub(super) fn new(client: Option<&Client>, binding: &AttemptBinding<'_>, attempt: &str) -> Self {
        Self {
            attempt_hash: crypto::token_hash(attempt),
            client_id: client.map(|client| client.client_id().to_owned()),
            authorization_request: binding.authorization_request,
            browser_hash: binding.browser_secret.map(crypto::token_hash),
        }
    }

    /// The condition for a live attempt of this client, authorization request and browser.
    fn live_condition(&self, now: Timestamp) -> Condition {
        Condition::all()
            .add(Column::AttemptHash.eq(self.attempt_hash))
            .add(equals_option(Column::ClientId, self.client_id.clone()))
            .add(equals_option(Column::AuthorizationRequestId, self.authorization_request))
            .add(self.browser_condition())
            .add(Column::CompletedAt.is_null())
            .add(Column::ExpiresAt.gt(now))
    }
}

impl AttemptSelector {
    /// An attempt that an app began without a browser's cookie may continue in a browser.
    fn browser_condition(&self) -> Condition {
        let unbound = Condition::any().add(Column::BrowserHash.is_null());
        match &self.browser_hash {
            Some(hash) => unbound.add(Column::BrowserHash.eq(*hash)),
            None => unbound,
        }
    }
}

fn equals_option<V: Into<sea_orm::Value>>(column: Column, value: Option<V>) -> SimpleExpr {
    match value {
        Some(value) => column.eq(value),
        None => column.is_null(),
    }
}

pub(super) async fn find(
    app: &App,
    bound: &AttemptSelector,
    now: Timestamp,
) -> Result<Option<attempts::Model>, DatabaseError> {
    Ok(attempts::Entity::find().filter(bound.live_condition(now)).one(app.db.reader()).await?)
}

/// The user of an attempt, if the account may sign in. Without a user the same statement runs.
pub(super) async fn user_of(app: &App, row: &attempts::Model) -> Result<Option<User>, DatabaseError> {
    let user = users::find(app.db.reader(), row.user_id.unwrap_or_default()).await?;
    Ok(user.filter(|user| users::may_sign_in(user, app.clock.now())))
}

/// Reserves one of the remaining tries, and returns the attempt as it is then; none when no try remains or
/// the attempt is not live.
pub(super) async fn reserve_try(
    write: &Write<'_>,
    bound: &AttemptSelector,
) -> Result<Option<attempts::Model>, DatabaseError> {
    let reserved = attempts::Entity::update_many()
        .col_expr(Column::TriesLeft, Expr::col(Column::TriesLeft).sub(1))
        .filter(bound.live_condition(write.now()))
        .filter(Column::TriesLeft.gt(0))
        .exec_with_returning(write)
        .await?;
    Ok(reserved.into_iter().next())
}

/// Refunds a try that was not judged.
pub(super) async fn refund_try(tx: &Transaction, row: &attempts::Model) -> Result<(), DatabaseError> {
    attempts::Entity::update_many()
        .col_expr(Column::TriesLeft, Expr::col(Column::TriesLeft).add(1))
        .filter(Column::AttemptHash.eq(row.attempt_hash))
        .exec(tx)
        .await?;
    Ok(())
}

/// Stores a new attempt at the end of the write.
pub(super) fn insert(tx: &Transaction, row: attempts::Model) {
    tx.defer(&insert_statement(row));
}

/// Stores a new attempt, as one statement of a batch.
pub(super) fn insert_statement(row: attempts::Model) -> Insertion {
    Insertion::from_active_model(attempts::ActiveModel::from(row))
}

/// Removes an attempt whose only try was not judged.
pub(super) async fn remove(tx: &Transaction, row: &attempts::Model) -> Result<(), DatabaseError> {
    attempts::Entity::delete_by_id(row.attempt_hash).exec(tx).await?;
    Ok(())
}

/// A challenge that is to be stored.
pub(super) struct NewChallenge<'a> {
    /// Name of the login method.
    pub(super) method: &'a str,
    pub(super) challenge: Challenge,
    /// The code's sending; none for a challenge without a code.
    pub(super) sent: Option<CodeSendRecord>,
}

/// Stores a challenge in a new attempt or a stored one; the tries stay as they are. False when the attempt is
/// not live any more, or when a concurrent request has sent its next code.
pub(super) async fn open_challenge(
    write: &Write<'_>,
    row: attempts::Model,
    opening: NewChallenge<'_>,
    new: bool,
) -> Result<bool, DatabaseError> {
    let NewChallenge { method, challenge, sent } = opening;
    let (code_mac, code_expires_at) = challenge.code.into_columns();
    let attempt_hash = row.attempt_hash;
    let before = row.sends;
    let row = match sent {
        Some(CodeSendRecord { source_hash, sent_at: at, sends: times }) => {
            attempts::Model { source_hash, sent_at: Some(at), sends: times, ..row }
        }
        None => row,
    };
    let row = attempts::Model {
        method: Some(method.to_owned()),
        challenge: challenge.state,
        code_mac,
        code_expires_at,
        ..row
    };
    if new {
        insert(write, row);
        return Ok(true);
    }
    let opened = attempts::Entity::update_many()
        .set(attempts::ActiveModel {
            method: Set(row.method),
            challenge: Set(row.challenge),
            code_mac: Set(row.code_mac),
            code_expires_at: Set(row.code_expires_at),
            source_hash: Set(row.source_hash),
            sent_at: Set(row.sent_at),
            sends: Set(row.sends),
            ..Default::default()
        })
        .filter(Column::AttemptHash.eq(attempt_hash))
        .filter(Column::Sends.eq(before))
        .filter(Column::CompletedAt.is_null())
        .filter(Column::ExpiresAt.gt(write.now()))
        .filter(Column::TriesLeft.gt(0))
        .exec(write)
        .await?;
    Ok(opened.rows_affected == 1)
}

/// Why a challenge was not stored: the attempt is not live any more, or a concurrent request has sent its
/// next code.
pub(super) async fn open_failure(
    write: &Write<'_>,
    attempt_hash: Hash256,
) -> Result<LoginError, DatabaseError> {
    let row = attempts::Entity::find_by_id(attempt_hash).one(write).await?;
    let goes_on = |row: &attempts::Model| {
        row.completed_at.is_none() && row.expires_at > write.now() && row.tries_left > 0
    };
    Ok(match row.filter(goes_on) {
        Some(_) => LoginError::Limited { retry_after: RESEND_DELAY },
        None => LoginError::AttemptEnded,
    })
}

/// Splits a code's MAC and expiry into the two columns.
trait IntoColumns {
    fn into_columns(self) -> (Option<Vec<u8>>, Option<Timestamp>);
}

impl IntoColumns for Option<CodeMac> {
    fn into_columns(self) -> (Option<Vec<u8>>, Option<Timestamp>) {
        match self {
            Some(code) => (Some(code.mac), Some(code.expires_at)),
            None => (None, None),
        }
    }
}

/// Ends the live attempts of a user: their verified factors do not count any more.
pub(super) async fn end_of_user(write: &Write<'_>, user_id: Uuid) -> Result<(), DatabaseError> {
    attempts::Entity::update_many()
        .col_expr(Column::CompletedAt, Expr::value(write.now()))
        .filter(Column::UserId.eq(user_id))
        .filter(Column::CompletedAt.is_null())
        .exec(write)
        .await?;
    Ok(())
}

/// What an accepted proof changes in the attempt.
pub(super) struct AttemptProgress {
    /// All verified factors, the new one included.
    pub(super) verified_factors: Vec<VerifiedFactor>,
    /// Whether the attempt is complete.
    pub(super) completed: bool,
    pub(super) next_tries: u16,
}

/// Records an accepted proof and consumes the code that it answered. Changes one row, and none if the attempt
/// has continued or ended since `row` was read: a concurrent request was faster.
pub(super) fn advance_attempt_statement(
    row: &attempts::Model,
    progress: &AttemptProgress,
    now: Timestamp,
) -> UpdateStatement {
    attempts::Entity::update_many()
        .set(attempts::ActiveModel {
            identifier: Set(row.identifier.clone()),
            user_id: Set(row.user_id),
            proofs: Set(json!(progress.verified_factors)),
            method: Set(None),
            challenge: Set(None),
            code_mac: Set(None),
            code_expires_at: Set(None),
            tries_left: Set(i32::from(progress.next_tries)),
            completed_at: Set(progress.completed.then_some(now)),
            ..Default::default()
        })
        .filter(Column::AttemptHash.eq(row.attempt_hash))
        .filter(equals_option(Column::Method, row.method.clone()))
        .filter(equals_option(Column::CodeMac, row.code_mac.clone()))
        .filter(Column::CompletedAt.is_null())
        .into_query()
}
