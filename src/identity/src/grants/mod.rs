//! Answers what was granted to a client, and whether the grant is active.
//!
//! A grant is one completed authorization or API sign-in. Codes, refresh tokens and access tokens refer to a
//! grant, so its revocation revokes all of them at once. [`ActiveGrant::from_row`] is the only function that
//! decides whether tokens may be issued or used now; every grant type, userinfo and introspection call it.
//!
//! A client that acts on its own behalf (client credentials, RFC 6749 section 4.4) has one grant without a
//! user. The grant's id is kept in memory with the client, so that such tokens need no statement.

mod ending;

use std::sync::LazyLock;

use postern_entities::{columns_as, grants, users as rows, values::StringList};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion, changes},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult as _, QueryFilter, QueryOrder as _,
    QueryResult, QuerySelect as _, Statement,
    sea_query::{Expr, OnConflict, Query},
};
use uuid::Uuid;

pub use self::ending::{EndCause, EndedGrant, GrantSelection, end};
use crate::{
    acr::Acr,
    clients::{self, Clients},
    core::{Core, Write},
    scope::Scope,
    users::{self, User},
};

/// One completed authorization or API sign-in, or a client's own grant (client credentials).
pub type Grant = grants::Model;

const OFFLINE_ACCESS: &str = "offline_access";

/// The input of a new grant.
#[derive(Clone, Debug, Default)]
pub struct NewGrant {
    /// None for a client that acts on its own behalf.
    pub user_id: Option<Uuid>,
    pub client_id: String,
    /// The session in which the grant was made.
    pub sid: Option<Uuid>,
    pub scope: Scope,
    /// Audiences that tokens may have: `GrantTarget::audiences`.
    pub resources: Vec<String>,
    /// Claims that userinfo releases beside those of the scope.
    pub userinfo_claims: Vec<String>,
    /// Claims about the user that ID tokens have.
    pub id_token_claims: Vec<String>,
    pub auth_time: Option<Timestamp>,
    pub acr: Option<Acr>,
    /// The authentication methods of the sign-in (RFC 8176).
    pub amr: StringList,
}

/// A new grant, not yet stored. It expires `tokens.refresh_token_lifetime` from now, however often it is
/// used.
pub fn new(core: &Core, new: NewGrant, now: Timestamp) -> Grant {
    Grant {
        id: core.random.row_id(now),
        user_id: new.user_id,
        client_id: new.client_id,
        sid: new.sid,
        scope: new.scope,
        resources: new.resources.into(),
        userinfo_claims: new.userinfo_claims.into(),
        id_token_claims: new.id_token_claims.into(),
        auth_time: new.auth_time,
        acr: new.acr,
        amr: new.amr,
        created_at: now,
        expires_at: now + core.config.tokens.refresh_token_lifetime.duration(),
        revoked_at: None,
        revoked_because: None,
    }
}

pub fn insert_statement(grant: &Grant) -> Insertion {
    Insertion::from_active_model(grants::ActiveModel::from(grant.clone()))
}

/// The grant with this id, active or not.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Grant>, DatabaseError> {
    Ok(grants::Entity::find_by_id(id).one(db).await?)
}

/// The clients that have a grant of the session, ended or not: those that know its `sid`. At most `limit`.
pub async fn clients_of_session(
    db: &impl ConnectionTrait,
    sid: Uuid,
    limit: u64,
) -> Result<Vec<String>, DatabaseError> {
    let client_ids = grants::Entity::find()
        .select_only()
        .column(grants::Column::ClientId)
        .distinct()
        .filter(grants::Column::Sid.eq(sid))
        .order_by_asc(grants::Column::ClientId)
        .limit(limit);
    Ok(client_ids.into_tuple().all(db).await?)
}

/// A grant under which tokens may be issued and used now, with its user.
#[derive(Clone, Debug)]
pub struct ActiveGrant {
    pub grant: Grant,
    /// None for a client that acts on its own behalf.
    pub user: Option<User>,
}

impl ActiveGrant {
    /// The columns for [`ActiveGrant::from_row`], of grants `g` and [`ActiveGrant::JOINS`]. For a statement that is
    /// built once.
    pub(crate) fn columns() -> String {
        let (grant, user) = (columns_as::<grants::Entity>("g"), columns_as::<rows::Entity>("u"));
        format!("{grant}, s.ended_at AS s_ended_at, {user}")
    }

    /// Joins the user and the session of a grant `g`.
    pub(crate) const JOINS: &str =
        "LEFT JOIN users u ON u.id = g.user_id LEFT JOIN sessions s ON s.sid = g.sid";

    /// The grant of a row, if tokens may be issued or used under it now. It is neither revoked nor expired.
    /// Its client exists and is enabled. Its user may get tokens. Its session has not ended, unless the grant
    /// has `offline_access`, which is access without the user's presence (OpenID Connect Core section 11).
    pub(crate) fn from_row(
        clients: &Clients,
        row: &QueryResult,
        now: Timestamp,
    ) -> Result<Option<Self>, DatabaseError> {
        let grant = Grant::from_query_result(row, "g_")?;
        let user = User::from_query_result_optional(row, "u_")?;
        let session_ended: Option<Timestamp> = row.try_get("s_", "ended_at")?;
        let live = grant.revoked_at.is_none() && grant.expires_at > now;
        let present = session_ended.is_none() || grant.scope.contains(OFFLINE_ACCESS);
        let user_may = match (&user, grant.user_id) {
            (Some(user), _) => users::may_get_tokens(user),
            (None, user_id) => user_id.is_none(),
        };
        let client_may = clients.find(&grant.client_id).is_some();
        Ok((live && present && user_may && client_may).then_some(Self { grant, user }))
    }
}

/// [`ActiveGrant::from_row`] of one grant, in one statement.
pub async fn find_active(
    clients: &Clients,
    db: &impl ConnectionTrait,
    grant_id: Uuid,
    now: Timestamp,
) -> Result<Option<ActiveGrant>, DatabaseError> {
    static BY_ID: LazyLock<String> = LazyLock::new(|| {
        format!("SELECT {} FROM grants g {} WHERE g.id = $1", ActiveGrant::columns(), ActiveGrant::JOINS)
    });
    let by_id = Statement::from_sql_and_values(db.get_database_backend(), &*BY_ID, [grant_id.into()]);
    match db.query_one_raw(by_id).await? {
        Some(row) => ActiveGrant::from_row(clients, &row, now),
        None => Ok(None),
    }
}

/// A condition for a write: the grant is not revoked. The grant may have been revoked since it was read.
/// PostgreSQL locks the grant's row, waits for a concurrent revocation, and evaluates the row as it is then.
pub(crate) fn not_revoked_condition(grant_id: Uuid) -> Expr {
    let not_revoked = Query::select()
        .expr(Expr::value(1))
        .from(grants::Entity)
        .and_where(grants::Column::Id.eq(grant_id))
        .and_where(grants::Column::RevokedAt.is_null())
        .lock_shared()
        .to_owned();
    Expr::exists(not_revoked)
}

/// Revokes a client's own grant and with it all its tokens from client credentials, and creates a new grant
/// for the next ones.
pub async fn renew_own_grant(write: &Write<'_>, grant: &Grant, cause: EndCause) -> Result<(), DatabaseError> {
    if !end(write, GrantSelection::One(grant.id), cause).await?.is_empty() {
        ensure_own_grant(write, &grant.client_id).await?;
    }
    Ok(())
}

/// The client's own grant, for client credentials. Created if missing.
///
/// A partial unique index allows one such grant for each client, so several nodes agree on one.
pub(crate) async fn ensure_own_grant(write: &Write<'_>, client_id: &str) -> Result<Uuid, DatabaseError> {
    let grant = grants::ActiveModel {
        id: Set(write.core.random.row_id(write.now())),
        user_id: Set(None),
        client_id: Set(client_id.to_owned()),
        sid: Set(None),
        scope: Set(Scope::default()),
        resources: Set(StringList::default()),
        userinfo_claims: Set(StringList::default()),
        id_token_claims: Set(StringList::default()),
        auth_time: Set(None),
        acr: Set(None),
        amr: Set(StringList::default()),
        created_at: Set(write.now()),
        // Never expires: the grant lives as long as its client.
        expires_at: Set(Timestamp::MAX),
        revoked_at: Set(None),
        revoked_because: Set(None),
    };
    grants::Entity::insert(grant)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(write)
        .await?;
    let own = grants::Entity::find()
        .filter(grants::Column::ClientId.eq(client_id))
        .filter(grants::Column::UserId.is_null())
        .filter(grants::Column::RevokedAt.is_null())
        .one(write)
        .await?
        .ok_or_else(|| sea_orm::DbErr::RecordNotFound(format!("the own grant of {client_id}")))?;
    changes::announce(write, clients::TOPIC).await?;
    Ok(own.id)
}
