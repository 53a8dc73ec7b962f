//! Ends grants. This is the only code that does, so whatever follows from the end of a grant hangs here.
//!
//! A grant that ended stays as a row until it would have expired, so that a late token is answered by what happened.

use postern_entities::grants;
use postern_service::database::DatabaseError;
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, EntityTrait as _, FromQueryResult, QueryFilter as _,
    QuerySelect as _, QueryTrait as _,
    sea_query::{Expr, Query},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit::{self, Event},
    core::Write,
};

/// Grants of a client that one statement ends.
const BATCH_SIZE: u64 = 500;

/// Why a session or a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The user signed out, at the provider or at an app.
    SignedOut,
    /// A client signed the user out (OpenID Connect RP-Initiated Logout).
    ClientLogout,
    /// The user ended the session from the list of sessions.
    EndedByUser,
    /// Another user signed in, in the same browser.
    Replaced,
    PasswordChanged,
    PasswordReset,
    /// An authenticator was enrolled or removed.
    CredentialChanged,
    /// The owner used the link of a notice to sign out everywhere.
    EndedByMail,
    /// A change of the account's email was undone from the former mailbox.
    EmailChangeUndone,
    /// Somebody proved that the mailbox is theirs, on an account whose email nobody had proven before.
    EmailProven,
    AccountClosed,
    UserDisabled,
    UserRemoved,
    /// An operator reset the account's credentials.
    ResetByOperator,
    /// The user removed the application.
    RemovedByUser,
    ClientRemoved,
    /// The client may not use client credentials any more.
    GrantTypeRemoved,
    /// RFC 6749 section 4.1.2.
    CodeReplayed,
    /// RFC 9700 section 4.14.2.
    RefreshTokenReused,
    /// The client revoked one of its tokens (RFC 7009).
    RevokedByClient,
}

impl EndCause {
    pub const ALL: [Self; 20] = [
        Self::SignedOut,
        Self::ClientLogout,
        Self::EndedByUser,
        Self::Replaced,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::CredentialChanged,
        Self::EndedByMail,
        Self::EmailChangeUndone,
        Self::EmailProven,
        Self::AccountClosed,
        Self::UserDisabled,
        Self::UserRemoved,
        Self::ResetByOperator,
        Self::RemovedByUser,
        Self::ClientRemoved,
        Self::GrantTypeRemoved,
        Self::CodeReplayed,
        Self::RefreshTokenReused,
        Self::RevokedByClient,
    ];

    /// The word in `grants.revoked_because` and in audit events. A stored word is never changed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::ClientLogout => "client_logout",
            Self::EndedByUser => "ended_by_user",
            Self::Replaced => "replaced",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::CredentialChanged => "credential_changed",
            Self::EndedByMail => "ended_by_mail",
            Self::EmailChangeUndone => "email_change_undone",
            Self::EmailProven => "address_proven",
            Self::AccountClosed => "account_closed",
            Self::UserDisabled => "user_disabled",
            Self::UserRemoved => "user_removed",
            Self::ResetByOperator => "reset_by_operator",
            Self::RemovedByUser => "removed_by_user",
            Self::ClientRemoved => "client_removed",
            Self::GrantTypeRemoved => "grant_type_removed",
            Self::CodeReplayed => "code_replayed",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::RevokedByClient => "revoked_by_client",
        }
    }

    /// The kind of the audit event of a grant. An end by a rule of the protocol is an act of its own; every other end
    /// follows from an act that has its own event, and people do not need to read both.
    const fn event_kind(self) -> &'static str {
        match self {
            Self::CodeReplayed | Self::RefreshTokenReused | Self::RevokedByClient => "grant.revoked",
            _ => "grant.ended",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub enum GrantSelection<'a> {
    One(Uuid),
    /// Those of the sessions, except grants with `offline_access`, which is access without the user's presence (OpenID
    /// Connect Core section 11).
    OfSessions(&'a [Uuid]),
    /// Those of a user, except those of the kept session. The write holds the user's row exclusively
    /// ([`users::lock`](crate::users::lock)).
    OfUser {
        user_id: Uuid,
        kept_sid: Option<Uuid>,
    },
    /// Those that a user gave a client.
    OfUserAndClient {
        user_id: Uuid,
        client_id: &'a str,
    },
    /// The client's own grant (client credentials).
    OwnOfClient(&'a str),
    /// All of a client, its own one too.
    OfClient(&'a str),
}

impl GrantSelection<'_> {
    /// Whether the number of grants has no bound, so that they are ended in batches.
    const fn unbounded(self) -> bool {
        matches!(self, Self::OfClient(_))
    }

    fn condition(self) -> Condition {
        use grants::Column::{ClientId, Id, Sid, UserId};
        let all = Condition::all();
        match self {
            Self::One(id) => all.add(Id.eq(id)),
            Self::OfSessions(sids) => {
                let online = Expr::cust(r#"' ' || "scope" || ' ' NOT LIKE '% offline_access %'"#);
                all.add(Sid.is_in(sids.iter().copied())).add(online)
            }
            Self::OfUser { user_id, kept_sid } => {
                let other = |kept| Condition::any().add(Sid.is_null()).add(Sid.ne(kept));
                all.add(UserId.eq(user_id)).add_option(kept_sid.map(other))
            }
            Self::OfUserAndClient { user_id, client_id } => {
                all.add(UserId.eq(user_id)).add(ClientId.eq(client_id))
            }
            Self::OwnOfClient(client_id) => all.add(ClientId.eq(client_id)).add(UserId.is_null()),
            Self::OfClient(client_id) => all.add(ClientId.eq(client_id)),
        }
        .add(grants::Column::RevokedAt.is_null())
    }
}

/// A grant that [`end`] ended.
#[derive(Clone, Debug, FromQueryResult)]
pub struct EndedGrant {
    pub id: Uuid,
    /// None for a client's own grant.
    pub user_id: Option<Uuid>,
    pub client_id: String,
    pub sid: Option<Uuid>,
}

/// Ends grants, and with each all its codes and tokens; records an audit event for each. Grants that ended before are not
/// among the result.
pub async fn end(
    write: &Write<'_>,
    selection: GrantSelection<'_>,
    cause: EndCause,
) -> Result<Vec<EndedGrant>, DatabaseError> {
    let mut ended = Vec::new();
    loop {
        let batch = end_batch(write, selection, cause).await?;
        audit::record_all(write, batch.iter().map(|grant| event(grant, cause)).collect()).await?;
        // A short batch does not mean that none is left: other writes may have ended some of its grants meanwhile.
        let complete = batch.is_empty() || !selection.unbounded();
        ended.extend(batch);
        if complete {
            return Ok(ended);
        }
    }
}

async fn end_batch(
    write: &Write<'_>,
    selection: GrantSelection<'_>,
    cause: EndCause,
) -> Result<Vec<EndedGrant>, DatabaseError> {
    use grants::Column::{ClientId, Id, Sid, UserId};
    let update = grants::Entity::update_many()
        .col_expr(grants::Column::RevokedAt, Expr::value(write.now()))
        .col_expr(grants::Column::RevokedBecause, Expr::value(cause.word()));
    let condition = selection.condition();
    let update = if selection.unbounded() {
        let batch = grants::Entity::find()
            .select_only()
            .column(grants::Column::Id)
            .filter(condition)
            .limit(BATCH_SIZE)
            .into_query();
        // The condition stands again in the update: PostgreSQL evaluates only that one anew after it has waited for a row.
        update.filter(grants::Column::Id.in_subquery(batch)).filter(grants::Column::RevokedAt.is_null())
    } else {
        update.filter(condition)
    };
    let mut update = update.into_query();
    // Only these columns: a grant ends even if another column of its row cannot be read.
    update.returning(Query::returning().columns([Id, UserId, ClientId, Sid]));
    let rows = write.query_all(&update).await?;
    Ok(rows.iter().map(|row| EndedGrant::from_query_result(row, "")).collect::<Result<_, _>>()?)
}

fn event(grant: &EndedGrant, cause: EndCause) -> Event {
    Event::new(cause.event_kind())
        .user(grant.user_id)
        .client(&grant.client_id)
        .session(grant.sid)
        .grant(grant.id)
        .details(json!({ "because": cause.word() }))
}
