//! Answers what was allowed, and whether it still stands.
//!
//! A grant is one completed authorization or API sign-in. Codes, refresh tokens and access tokens hang off it: revoking
//! it ends all of them, and nothing else has to be found or changed. [`Standing::read`] is the one function that decides
//! whether tokens may be issued or used now; every grant type, userinfo and introspection ask it.
//!
//! A client in its own right (client credentials, RFC 6749 section 4.4) has one grant without a user, kept in memory
//! with the client, so that its tokens cost no statement.

use std::sync::LazyLock;

use postern_entities::grants;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion, Transaction, changes},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult as _, QueryFilter, QueryResult,
    Statement,
    sea_query::{Expr, OnConflict, Query},
};
use uuid::Uuid;

use crate::{
    App,
    audit::{Event, Origin},
    clients,
    users::{self, User},
};

/// One completed authorization or API sign-in, or what a client holds in its own right.
pub type Grant = grants::Model;

const OFFLINE_ACCESS: &str = "offline_access";

/// What is allowed to whom.
#[derive(Clone, Debug, Default)]
pub struct NewGrant {
    /// The user; none for a client in its own right.
    pub user_id: Option<Uuid>,
    /// The client.
    pub client_id: String,
    /// The session it was made in.
    pub sid: Option<Uuid>,
    /// Granted scope, space separated (RFC 6749 section 3.3): `Scope::to_string()`.
    pub scope: String,
    /// Audiences allowed: `Resolved::audiences`.
    pub resources: Vec<String>,
    /// When the user proved who they are.
    pub auth_time: Option<Timestamp>,
    /// Level reached.
    pub acr: Option<String>,
    /// Methods used (RFC 8176).
    pub amr: Vec<String>,
}

/// A grant that is to be written, with its [`insertion`]. It ends `tokens.refresh_token_lifetime` from now, however
/// often it is used.
pub fn new(app: &App, new: NewGrant, now: Timestamp) -> Grant {
    Grant {
        id: app.random.row_id(now),
        user_id: new.user_id,
        client_id: new.client_id,
        sid: new.sid,
        scope: new.scope,
        resources: new.resources.into(),
        auth_time: new.auth_time.map(Timestamp::micros),
        acr: new.acr,
        amr: new.amr.into(),
        created_at: now.micros(),
        expires_at: (now + app.config.tokens.refresh_token_lifetime.duration()).micros(),
        revoked_at: None,
        revoked_because: None,
    }
}

/// What writes a grant, to go with other insertions.
pub fn insertion(grant: &Grant) -> Insertion {
    Insertion::of(grants::ActiveModel::from(grant.clone()))
}

/// The grant with this id, whether it stands or not.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Grant>, DatabaseError> {
    Ok(grants::Entity::find_by_id(id).one(db).await?)
}

/// A grant that stands, with its user.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The grant.
    pub grant: Grant,
    /// Its user; none for a client in its own right.
    pub user: Option<User>,
}

impl Standing {
    /// Selects what [`Standing::read`] needs, of grants `g` and [`Standing::JOINS`].
    pub(crate) const COLUMNS: &str = "g.id AS g_id, g.user_id AS g_user_id, g.client_id AS g_client_id, \
        g.sid AS g_sid, g.scope AS g_scope, g.resources AS g_resources, g.auth_time AS g_auth_time, g.acr AS g_acr, \
        g.amr AS g_amr, g.created_at AS g_created_at, g.expires_at AS g_expires_at, g.revoked_at AS g_revoked_at, \
        g.revoked_because AS g_revoked_because, s.ended_at AS s_ended_at, u.id AS u_id, u.subject AS u_subject, \
        u.email AS u_email, u.email_verified AS u_email_verified, u.profile AS u_profile, \
        u.disabled_at AS u_disabled_at, u.deletion_at AS u_deletion_at, u.language AS u_language, u.created_at AS u_created_at, u.updated_at AS u_updated_at";

    /// The user and the session of a grant `g`.
    pub(crate) const JOINS: &str =
        "LEFT JOIN users u ON u.id = g.user_id LEFT JOIN sessions s ON s.sid = g.sid";

    /// The grant of a row, if tokens may be issued or used under it now: it is neither revoked nor past its end, its
    /// client is there and enabled, its user may get tokens, and its session was not ended, unless it has `offline_access`,
    /// which is access while the user is not there (OpenID Connect Core section 11).
    pub(crate) fn read(app: &App, row: &QueryResult, now: Timestamp) -> Result<Option<Self>, DatabaseError> {
        let grant = Grant::from_query_result(row, "g_")?;
        let user = User::from_query_result_optional(row, "u_")?;
        let session_ended: Option<i64> = row.try_get("s_", "ended_at")?;
        let live = grant.revoked_at.is_none() && grant.expires_at > now.micros();
        let present = session_ended.is_none() || grant.scope.split(' ').any(|scope| scope == OFFLINE_ACCESS);
        let user_may = match (&user, grant.user_id) {
            (Some(user), _) => users::may_get_tokens(user),
            (None, user_id) => user_id.is_none(),
        };
        let client_may = app.clients().find(&grant.client_id).is_some();
        Ok((live && present && user_may && client_may).then_some(Self { grant, user }))
    }
}

/// [`Standing::read`] of one grant: one statement.
pub async fn standing(
    app: &App,
    db: &impl ConnectionTrait,
    grant_id: Uuid,
    now: Timestamp,
) -> Result<Option<Standing>, DatabaseError> {
    static BY_ID: LazyLock<String> = LazyLock::new(|| {
        format!("SELECT {} FROM grants g {} WHERE g.id = $1", Standing::COLUMNS, Standing::JOINS)
    });
    let by_id = Statement::from_sql_and_values(db.get_database_backend(), &*BY_ID, [grant_id.into()]);
    match db.query_one_raw(by_id).await? {
        Some(row) => Standing::read(app, &row, now),
        None => Ok(None),
    }
}

/// That a grant was not revoked, as a condition of a write: what was read before the write may have changed. PostgreSQL
/// locks the grant's row, waits for who is ending it, and judges the row as it is then.
pub(crate) fn not_revoked(grant_id: Uuid) -> Expr {
    let not_revoked = Query::select()
        .expr(Expr::value(1))
        .from(grants::Entity)
        .and_where(grants::Column::Id.eq(grant_id))
        .and_where(grants::Column::RevokedAt.is_null())
        .lock_shared()
        .to_owned();
    Expr::exists(not_revoked)
}

/// Ends a grant and with it all its tokens. False when it had ended before.
///
/// `because` names the rule or the person for the record, such as `code_replayed`.
pub async fn revoke(
    _app: &App,
    tx: &Transaction,
    grant_id: Uuid,
    because: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    Ok(revoke_where(tx, Condition::all().add(grants::Column::Id.eq(grant_id)), because, now).await? > 0)
}

/// Ends the grants of a session, except those with `offline_access`. Answers how many.
pub async fn revoke_of_session(
    _app: &App,
    tx: &Transaction,
    sid: Uuid,
    because: &str,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    let online = Expr::cust(r#"' ' || "scope" || ' ' NOT LIKE '% offline_access %'"#);
    revoke_where(tx, Condition::all().add(grants::Column::Sid.eq(sid)).add(online), because, now).await
}

/// Ends every grant of a user, but for those of the session that is kept, if one is. Answers how many. The write holds the
/// user exclusively ([`users::lock`]).
pub async fn revoke_of_user(
    tx: &Transaction,
    user_id: Uuid,
    kept: Option<Uuid>,
    because: &str,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    let of_user = Condition::all().add(grants::Column::UserId.eq(user_id));
    let which = match kept {
        Some(sid) => {
            of_user.add(Condition::any().add(grants::Column::Sid.is_null()).add(grants::Column::Sid.ne(sid)))
        }
        None => of_user,
    };
    revoke_where(tx, which, because, now).await
}

/// Ends every grant that a client has of a user. Answers how many.
pub async fn revoke_of_client(
    _app: &App,
    tx: &Transaction,
    user_id: Uuid,
    client_id: &str,
    because: &str,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    let which =
        Condition::all().add(grants::Column::UserId.eq(user_id)).add(grants::Column::ClientId.eq(client_id));
    revoke_where(tx, which, because, now).await
}

async fn revoke_where(
    tx: &Transaction,
    which: Condition,
    because: &str,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    let revoked = grants::Entity::update_many()
        .col_expr(grants::Column::RevokedAt, Expr::value(now.micros()))
        .col_expr(grants::Column::RevokedBecause, Expr::value(because))
        .filter(which)
        .filter(grants::Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    Ok(revoked.rows_affected)
}

/// The grant that a client's own tokens hang off; made when there is none, and kept in memory with the client.
///
/// A partial unique index lets one such grant live per client, so of several nodes one makes it and all use it.
pub async fn own(app: &App, client: &clients::Client, now: Timestamp) -> Result<Uuid, DatabaseError> {
    if let Some(id) = client.own_grant {
        return Ok(id);
    }
    let id = app.db.write(async |tx| own_in(app, tx, client.client_id(), now).await).await?;
    app.reload(clients::TOPIC).await?;
    Ok(id)
}

/// Ends a client's own grant and with it every token it got by client credentials; the next ones hang off a new grant.
pub async fn renew_own(
    app: &App,
    tx: &Transaction,
    grant: &Grant,
    because: &'static str,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    if revoke_and_record(app, tx, grant, because, origin, now).await? {
        own_in(app, tx, &grant.client_id, now).await?;
    }
    Ok(())
}

pub(crate) async fn own_in(
    app: &App,
    tx: &Transaction,
    client_id: &str,
    now: Timestamp,
) -> Result<Uuid, DatabaseError> {
    let grant = grants::ActiveModel {
        id: Set(app.random.row_id(now)),
        user_id: Set(None),
        client_id: Set(client_id.to_owned()),
        sid: Set(None),
        scope: Set(String::new()),
        resources: Set(serde_json::json!([])),
        auth_time: Set(None),
        acr: Set(None),
        amr: Set(serde_json::json!([])),
        created_at: Set(now.micros()),
        // It lives as long as its client.
        expires_at: Set(i64::MAX),
        revoked_at: Set(None),
        revoked_because: Set(None),
    };
    grants::Entity::insert(grant)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    let own = grants::Entity::find()
        .filter(grants::Column::ClientId.eq(client_id))
        .filter(grants::Column::UserId.is_null())
        .filter(grants::Column::RevokedAt.is_null())
        .one(tx)
        .await?
        .ok_or_else(|| sea_orm::DbErr::RecordNotFound(format!("the own grant of {client_id}")))?;
    changes::announce(tx, clients::TOPIC).await?;
    Ok(own.id)
}

/// [`revoke`], and an event that names the cause. False when the grant had ended before.
pub async fn revoke_and_record(
    app: &App,
    tx: &Transaction,
    grant: &Grant,
    because: &'static str,
    origin: &Origin,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let revoked = revoke(app, tx, grant.id, because, now).await?;
    if revoked {
        Event::new("grant.revoked")
            .user(grant.user_id)
            .client(&grant.client_id)
            .session(grant.sid)
            .grant(grant.id)
            .details(serde_json::json!({ "because": because }))
            .record(app, tx, origin, now)
            .await?;
    }
    Ok(revoked)
}
