//! Closes an account at its owner's request, restores it within a grace period, and deletes it afterwards.
//!
//! ```text
//!   open ──close──► closed ──registration.deletion_grace──► deleted, in small batches
//!    ▲                │
//!    └────restore─────┘   by the owner, signed in with every factor, or by an operator
//! ```
//!
//! A closed account gets no tokens ([`users::may_get_tokens`](crate::users::may_get_tokens)); its sessions
//! and grants have ended. Without signing in, no one can tell a closed account from an open one. After the
//! grace period nothing restores the account: its rows are deleted, and the audit record keeps the events
//! without the user, the IP address and the user agent.

use postern_entities::users::{Column, Entity};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Statement, sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use super::AccountError;
use crate::{
    App,
    audit::Event,
    core::{RequestContext, Write},
    grants::{self, EndCause, GrantSelection},
    jobs::{JobError, JobKind, housekeeping},
    links,
    login::attempt,
    mail::{self, MailTemplate},
    readable,
    sessions::{self, Principal, SessionSelection},
    users::User,
};

pub const JOB: &str = "accounts.delete";

/// The page on which the owner restores a closed account.
const RESTORE_PATH: &str = "/login?to=restore";

/// Accounts that one run deletes at most.
const MAX_ACCOUNTS: u64 = 20;
/// Rows that one statement deletes: on SQLite one write delays all others.
const BATCH_SIZE: u32 = 500;
/// Statements that one run executes at most.
const MAX_BATCHES: u32 = 200;

/// Deletes the tables that may hold many rows of the user `$1`, or rows that no foreign key to the user
/// removes. Each statement becomes a batch when a limit is appended. Small tables are deleted by the foreign
/// key of the user row. Children come before parents; the audit record comes last, because the earlier steps
/// may still add to it.
const DEPENDENT_ROWS_SQL: [&str; 6] = [
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
     request_id = NULL, actor_id = CASE WHEN actor_id = $2 THEN NULL ELSE actor_id END \
     WHERE id IN (SELECT id FROM audit_events WHERE user_id = $1",
];

/// Closes an account. The caller has checked recent authentication
/// ([`credential_change_requirement`](crate::login::second_factor::credential_change_requirement)). Every
/// session and grant ends; the owner gets a mail. Returns the time of the deletion.
pub async fn close(
    app: &App,
    principal: Principal<'_>,
    context: &RequestContext,
) -> Result<Timestamp, AccountError> {
    let (user, now) = (principal.user, context.now);
    let deletion_at = now + app.config.registration.deletion_grace.duration();
    let language = &mail::account_language(&app.templates, user);
    let mail_template = MailTemplate {
        to: Some(&user.email),
        template: "account-closed",
        language,
        path: Some(RESTORE_PATH),
    };
    let closing_notice =
        mail::prepare_with_facts(app, mail_template, [("date", readable::format_minute(deletion_at))])?;
    principal
        .write_exclusive(app, context, async |write, user| -> Result<(), AccountError> {
            set_deletion_at(write, &user, Some(deletion_at)).await?;
            links::end_user_links(write, user.id).await?;
            attempt::end_attempts_of_user(write, user.id).await?;
            sessions::end(
                write,
                SessionSelection::OfUser { user_id: user.id, kept_sid: None },
                EndCause::AccountClosed,
            )
            .await?;
            grants::end(
                write,
                GrantSelection::OfUser { user_id: user.id, kept_sid: None },
                EndCause::AccountClosed,
            )
            .await?;
            let event = Event::new("account.closed").user(user.id);
            let event = event.details(json!({ "deletion_at": deletion_at.rfc3339() }));
            event.record(write).await?;
            Ok(closing_notice.enqueue(write).await?)
        })
        .await?;
    Ok(deletion_at)
}

/// Restores a closed account for its owner, who signed in to it
/// ([`find_of_closed_account`](crate::sessions::find_of_closed_account)); the owner gets a mail. False if the
/// account was not closed, or if the grace period is over.
pub async fn restore(
    app: &App,
    principal: Principal<'_>,
    context: &RequestContext,
) -> Result<bool, AccountError> {
    let user = principal.user;
    let restoration_notice = mail::prepare_notice(app, &app.templates, user, "account-restored")?;
    let restored = principal
        .write_exclusive(app, context, async |write, user| -> Result<bool, AccountError> {
            if !set_deletion_at(write, &user, None).await? {
                return Ok(false);
            }
            Event::new("account.restored").user(user.id).record(write).await?;
            restoration_notice.enqueue(write).await?;
            Ok(true)
        })
        .await?;
    Ok(restored)
}

/// Sets or clears the time of the deletion. False if that time has passed: then nothing may stop
/// [`delete_due`].
async fn set_deletion_at(
    write: &Write<'_>,
    user: &User,
    deletion_at: Option<Timestamp>,
) -> Result<bool, DatabaseError> {
    if user.deletion_at.is_some_and(|end| end <= write.now()) {
        return Ok(false);
    }
    Entity::update_many()
        .col_expr(Column::DeletionAt, Expr::value(deletion_at.map(Timestamp::micros)))
        .col_expr(Column::UpdatedAt, Expr::value(write.now()))
        .filter(Column::Id.eq(user.id))
        .exec(write)
        .await?;
    Ok(true)
}

/// The recurring job that runs [`delete_due`].
pub(crate) fn job_kind() -> JobKind<App> {
    JobKind::recurring(JOB, housekeeping::INTERVAL, |app, _| {
        Box::pin(async move { delete_due(&app).await.map(drop).map_err(JobError::from) })
    })
}

/// Deletes the accounts whose grace period is over. Returns their number.
pub async fn delete_due(app: &App) -> Result<u64, DatabaseError> {
    let due: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::DeletionAt.lte(app.clock.now()))
        .order_by_asc(Column::DeletionAt)
        .limit(MAX_ACCOUNTS)
        .into_tuple()
        .all(app.db.reader())
        .await?;
    let mut remaining_batches = MAX_BATCHES;
    let mut removed = 0;
    for id in due {
        if !delete_dependent_rows(app, id, &mut remaining_batches).await? {
            break;
        }
        removed += u64::from(delete_user_row(app, id).await?);
    }
    Ok(removed)
}

/// Deletes one account whose grace period is over, in as many batches as that takes.
pub(crate) async fn delete_now(app: &App, id: Uuid) -> Result<(), DatabaseError> {
    while !delete_dependent_rows(app, id, &mut { MAX_BATCHES }).await? {}
    delete_user_row(app, id).await?;
    Ok(())
}

/// Deletes the rows that belong to a user. False if the run has no statements left.
async fn delete_dependent_rows(
    app: &App,
    id: Uuid,
    remaining_batches: &mut u32,
) -> Result<bool, DatabaseError> {
    for step in DEPENDENT_ROWS_SQL {
        loop {
            if *remaining_batches == 0 {
                return Ok(false);
            }
            *remaining_batches -= 1;
            let step = format!("{step} LIMIT {BATCH_SIZE})");
            let mut parameters = vec![id.into()];
            // As [`Actor::id`] writes a user.
            if step.contains("$2") {
                parameters.push(id.to_string().into());
            }
            let step = Statement::from_sql_and_values(app.db.backend(), step, parameters);
            let rows = execute(app, step).await?;
            if rows < u64::from(BATCH_SIZE) {
                break;
            }
        }
    }
    Ok(true)
}

async fn execute(app: &App, step: Statement) -> Result<u64, DatabaseError> {
    app.db.write(async |tx| Ok(tx.execute_raw(step).await?.rows_affected())).await
}

/// Deletes the user row with its dependent rows. The audit event of the deletion names no user.
async fn delete_user_row(app: &App, id: Uuid) -> Result<bool, DatabaseError> {
    let context = RequestContext::of_job(app);
    app.write(&context, async |write| {
        let due = Column::DeletionAt.lte(write.now());
        let removed = Entity::delete_by_id(id).filter(due).exec(write).await?.rows_affected;
        if removed == 1 {
            Event::new("account.deleted").record(write).await?;
        }
        Ok(removed == 1)
    })
    .await
}
