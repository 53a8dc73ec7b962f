//! Lets people delete their account, and think better of it for a while.
//!
//! ```text
//!   open ──close──► closed ──registration.deletion_grace──► deleted, in small batches
//!    ▲                │
//!    └────restore─────┘   by who signs in with every factor, or by an operator
//! ```
//!
//! A closed account gets no tokens ([`users::may_get_tokens`]); its sessions and grants have ended. Nobody can tell it from
//! another one without signing in. Once its time is over nothing brings it back: what belonged to it is removed, and the
//! audit record keeps what happened but forgets to whom, from where and with what.

use postern_entities::users::{Column, Entity};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Statement, sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use super::{AccountError, links};
use crate::{
    App,
    audit::{Event, Origin},
    grants,
    login::attempt,
    mail::{self, Letter},
    readable,
    sessions::{self, Principal},
    users::User,
};

/// The name of the job that removes what may go.
pub const JOB: &str = "accounts.delete";

const BECAUSE: &str = "account_closed";

/// Where a closed account is kept after all.
const RESTORE: &str = "/login?to=restore";

/// Accounts of one run; the rest waits for the next.
const ACCOUNTS: u64 = 20;
/// Rows of one statement. One write holds up the others on SQLite.
const BATCH: u32 = 500;
/// Statements of one run.
const BATCHES: u32 = 200;

/// What has many rows for one user `$1`, or outlives the user's row; each statement, once it is given its limit, is a
/// batch. What has few rows goes with the user's. Children come before their parents, and what names the user in the
/// record after everything that may still add to it.
const STEPS: [&str; 6] = [
    "DELETE FROM attempts WHERE attempt_hash IN \
     (SELECT attempt_hash FROM attempts \
     WHERE (user_id = $1 OR identifier = (SELECT email FROM users WHERE id = $1))",
    "DELETE FROM refresh_tokens WHERE (grant_id, token_hash) IN (SELECT t.grant_id, t.token_hash \
     FROM grants g JOIN refresh_tokens t ON t.grant_id = g.id WHERE g.user_id = $1",
    "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE user_id = $1",
    "DELETE FROM sessions WHERE sid IN (SELECT sid FROM sessions WHERE user_id = $1",
    "DELETE FROM links WHERE token_hash IN \
     (SELECT token_hash FROM links WHERE email = (SELECT email FROM users WHERE id = $1)",
    "UPDATE audit_events SET user_id = NULL, sid = NULL, grant_id = NULL, ip = NULL, user_agent = NULL, \
     request_id = NULL WHERE id IN (SELECT id FROM audit_events WHERE user_id = $1",
];

/// Closes an account, for somebody who proved lately who they are
/// ([`requirement_to_change`](crate::login::second_factor::requirement_to_change)). Every session and grant ends; the
/// account is told by mail. When it will be deleted.
pub async fn close(app: &App, principal: Principal<'_>, origin: &Origin) -> Result<Timestamp, AccountError> {
    let (user, now) = (principal.user, app.clock.now());
    let deletion_at = now + app.config.registration.deletion_grace.duration();
    let language = &mail::language_of(app, user);
    let letter = Letter { to: Some(&user.email), template: "account-closed", language, path: Some(RESTORE) };
    let told = mail::letter_with(app, letter, [("date", readable::minute(deletion_at))])?;
    principal
        .write_exclusive(app, async |tx, user| -> Result<(), AccountError> {
            set_deletion(tx, &user, Some(deletion_at), now).await?;
            links::end_of_user(tx, user.id, now).await?;
            attempt::end_of_user(tx, user.id, now).await?;
            sessions::end_all_of_user(app, tx, user.id, BECAUSE, origin, now).await?;
            grants::revoke_of_user(tx, user.id, None, BECAUSE, now).await?;
            let event = Event::new("account.closed").user(user.id);
            let event = event.details(json!({ "deletion_at": deletion_at.rfc3339() }));
            event.record(app, tx, origin, now).await?;
            Ok(told.enqueue(tx).await?)
        })
        .await?;
    app.jobs.wake();
    Ok(deletion_at)
}

/// Opens a closed account again, for somebody who signed in to it lately ([`sessions::find_closed`]); the account is told
/// by mail. False when it was not closed any more, or when its time was over.
pub async fn restore(app: &App, principal: Principal<'_>, origin: &Origin) -> Result<bool, AccountError> {
    let (user, now) = (principal.user, app.clock.now());
    let told = mail::notice(app, user, "account-restored")?;
    let restored = principal
        .write_exclusive(app, async |tx, user| -> Result<bool, AccountError> {
            if !set_deletion(tx, &user, None, now).await? {
                return Ok(false);
            }
            Event::new("account.restored").user(user.id).record(app, tx, origin, now).await?;
            told.enqueue(tx).await?;
            Ok(true)
        })
        .await?;
    app.jobs.wake();
    Ok(restored)
}

/// Sets when the account is deleted, unless that time is over: then nothing comes in the way of [`sweep`]. Whether it did.
async fn set_deletion(
    tx: &Transaction,
    user: &User,
    deletion_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    if user.deletion_at.is_some_and(|end| end <= now.micros()) {
        return Ok(false);
    }
    Entity::update_many()
        .col_expr(Column::DeletionAt, Expr::value(deletion_at.map(Timestamp::micros)))
        .col_expr(Column::UpdatedAt, Expr::value(now.micros()))
        .filter(Column::Id.eq(user.id))
        .exec(tx)
        .await?;
    Ok(true)
}

/// Removes the accounts whose time is over. How many that were.
pub async fn sweep(app: &App) -> Result<u64, DatabaseError> {
    let due: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::DeletionAt.lte(app.clock.now().micros()))
        .order_by_asc(Column::DeletionAt)
        .limit(ACCOUNTS)
        .into_tuple()
        .all(app.db.reader())
        .await?;
    let mut left = BATCHES;
    let mut removed = 0;
    for id in due {
        if !empty(app, id, &mut left).await? {
            break;
        }
        removed += u64::from(remove(app, id).await?);
    }
    Ok(removed)
}

/// Removes an account whose time is over, however much that is.
pub(crate) async fn erase(app: &App, id: Uuid) -> Result<(), DatabaseError> {
    while !empty(app, id, &mut { BATCHES }).await? {}
    remove(app, id).await?;
    Ok(())
}

/// Removes what hangs off a user. False when there was too much for one run.
async fn empty(app: &App, id: Uuid, left: &mut u32) -> Result<bool, DatabaseError> {
    for step in STEPS {
        loop {
            if *left == 0 {
                return Ok(false);
            }
            *left -= 1;
            let step = format!("{step} LIMIT {BATCH})");
            let step = Statement::from_sql_and_values(app.db.backend(), step, [id.into()]);
            let rows = run(app, step).await?;
            if rows < u64::from(BATCH) {
                break;
            }
        }
    }
    Ok(true)
}

async fn run(app: &App, step: Statement) -> Result<u64, DatabaseError> {
    app.db.write(async |tx| Ok(tx.execute_raw(step).await?.rows_affected())).await
}

/// Removes the user's row with what little is left. The record keeps that it happened.
async fn remove(app: &App, id: Uuid) -> Result<bool, DatabaseError> {
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            let over = Column::DeletionAt.lte(now.micros());
            let gone = Entity::delete_by_id(id).filter(over).exec(tx).await?.rows_affected;
            if gone == 1 {
                Event::new("account.deleted").record(app, tx, &Origin::default(), now).await?;
            }
            Ok(gone == 1)
        })
        .await
}
