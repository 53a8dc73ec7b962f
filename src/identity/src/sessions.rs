//! Answers which sessions a user has, and until when.
//!
//! Owns the rows of `sessions` and the secret of the browser's cookie, which is stored hashed. A session ends
//! by an explicit end, after `session.idle_lifetime` without use, or at its absolute expiry. A disabled user
//! or a closed account has no valid session. A new sign-in and a step-up give the browser a new secret
//! ([`renew`]), after which the old cookie is invalid (OWASP ASVS 7.2.4).
//!
//! ```text
//!   open() ──► live ──► ended: end(), idle or expired
//!              │  ▲
//!              └──┘ renew(): new cookie secret;  touch(): not idle
//! ```
//!
//! Reading a session never writes. [`touch_session_statement`] moves the idle limit inside a write that
//! happens anyway, at most once a minute. A write that a session authorises is made by its [`Principal`].

pub mod logout_notice;
mod principal;

use std::{sync::LazyLock, time::Duration};

use postern_entities::{columns_as, sessions, users as rows, values::StringList};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder as _,
    QuerySelect, QueryTrait as _, Statement,
    sea_query::{Expr, Query, UpdateStatement},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use uuid::Uuid;

pub use postern_entities::values::SessionKind;

pub use self::principal::{Principal, RowLocks, SessionEnded, WriteError};
use crate::{
    acr::Acr,
    audit::{self, Event},
    core::{Actor, Core, RequestContext, Write},
    crypto,
    grants::{self, EndCause, GrantSelection},
    users::{self, User},
};

/// One sign-in of a user; the row that `sid` names.
pub type Session = sessions::Model;

/// Sessions of one user that are listed.
const MAX_LISTED: u64 = 100;

/// `last_seen_at` is written at most once in this time.
const TOUCH_INTERVAL: Duration = Duration::from_mins(1);

/// A live session and its user.
#[derive(Clone, Debug)]
pub struct SignedInUser {
    pub session: Session,
    /// The user, as read together with the session; see [`users::may_get_tokens`].
    pub user: User,
}

impl SignedInUser {
    /// The user as authorised by this session.
    pub fn principal(&self) -> Principal<'_> {
        Principal::from_session(self)
    }
}

/// The initial values of a session.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub user_id: Uuid,
    pub kind: SessionKind,
    /// The client that requested the sign-in; none for the provider's own pages.
    pub client_id: Option<String>,
    pub authentication: AuthenticationContext,
    /// Whether the session outlives the browser ("stay signed in").
    pub remembered: bool,
}

/// How and when the user authenticated.
#[derive(Clone, Debug)]
pub struct AuthenticationContext {
    /// `auth_time` (OpenID Connect Core section 2).
    pub auth_time: Timestamp,
    /// The level that the factors reached, as in `acr`.
    pub acr: Acr,
    /// Authentication methods (RFC 8176).
    pub amr: StringList,
}

/// A session that was opened or renewed.
#[derive(Clone)]
pub struct OpenedSession {
    pub session: Session,
    /// New secret for the browser's session cookie; none for API sign-ins.
    pub cookie_secret: Option<SecretString>,
}

/// The live session of a browser's cookie, read by one statement. Closed and disabled accounts have none.
pub async fn find(core: &Core, cookie_secret: &str) -> Result<Option<SignedInUser>, DatabaseError> {
    let now = core.clock.now();
    Ok(find_by_cookie(core, cookie_secret, now).await?.filter(|found| users::may_get_tokens(&found.user)))
}

/// The live session of a user who has closed the account. It authorises restoring the account or leaving it
/// closed, and nothing else.
pub async fn find_of_closed_account(
    core: &Core,
    cookie_secret: &str,
) -> Result<Option<SignedInUser>, DatabaseError> {
    let now = core.clock.now();
    let closed = |user: &User| user.deletion_at.is_some() && users::may_sign_in(user, now);
    Ok(find_by_cookie(core, cookie_secret, now).await?.filter(|found| closed(&found.user)))
}

async fn find_by_cookie(
    core: &Core,
    cookie_secret: &str,
    now: Timestamp,
) -> Result<Option<SignedInUser>, DatabaseError> {
    let idle_since = now - core.config.session.idle_lifetime.duration();
    let values = [crypto::token_hash(cookie_secret).into(), now.into(), idle_since.into()];
    let live = Statement::from_sql_and_values(core.db.backend(), &*LIVE_SESSION_SQL, values);
    let Some(row) = core.db.reader().query_one_raw(live).await? else { return Ok(None) };
    let session = Session::from_query_result(&row, "s_")?;
    let user = User::from_query_result(&row, "u_")?;
    Ok(Some(SignedInUser { session, user }))
}

/// A live session and its user, by the hash of the cookie's secret.
static LIVE_SESSION_SQL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {}, {} FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.cookie_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.last_seen_at > $3",
        columns_as::<sessions::Entity>("s"),
        columns_as::<rows::Entity>("u")
    )
});

/// Opens a session. The row is inserted at the end of the caller's write.
pub fn open(write: &Write<'_>, new: NewSession) -> OpenedSession {
    let cookie_secret = (new.kind == SessionKind::Browser).then(|| write.core.random.token());
    // An app has a refresh token instead of a cookie, so its session lasts as long as that token can.
    let lifetime = match new.kind {
        SessionKind::Browser if new.remembered => write.core.config.session.lifetime,
        SessionKind::Browser => write.core.config.session.unremembered_lifetime,
        SessionKind::Api => write.core.config.tokens.refresh_token_lifetime,
    };
    let session = Session {
        sid: write.core.random.uuid(),
        cookie_hash: cookie_secret.as_ref().map(|secret| crypto::token_hash(secret.expose_secret())),
        user_id: new.user_id,
        kind: new.kind,
        client_id: new.client_id,
        auth_time: new.authentication.auth_time,
        acr: new.authentication.acr,
        amr: new.authentication.amr,
        created_at: write.now(),
        last_seen_at: write.now(),
        expires_at: write.now() + lifetime.duration(),
        ended_at: None,
        ip: write.context.ip.map(|ip| ip.to_string()),
        user_agent: write.context.user_agent.clone(),
        remembered: new.remembered,
    };
    write.defer(&Insertion::from_active_model(sessions::ActiveModel::from(session.clone())));
    let event = event("session.started", session.user_id, session.sid, session.client_id.as_deref())
        .details(json!({ "kind": session.kind, "acr": session.acr, "amr": session.amr }));
    write.defer(&event.insert_statement(write.core, write.context));
    OpenedSession { session, cookie_secret }
}

/// Records that the user of a browser's session authenticated again, and gives the browser a new secret. The
/// session with its `sid` and its grants continues; the old cookie is invalid.
///
/// `remembered` is the user's new choice, none where there was no such choice. `None` when the session has
/// ended meanwhile, or when a concurrent request renewed it first.
pub async fn renew(
    write: &Write<'_>,
    session: &Session,
    authentication: AuthenticationContext,
    remembered: Option<bool>,
) -> Result<Option<OpenedSession>, DatabaseError> {
    let cookie_secret = write.core.random.token();
    let renewed = Session {
        remembered: remembered.unwrap_or(session.remembered),
        expires_at: renewed_expires_at(write.core, session, remembered, write.now()),
        cookie_hash: Some(crypto::token_hash(cookie_secret.expose_secret())),
        auth_time: authentication.auth_time,
        acr: authentication.acr,
        amr: authentication.amr,
        last_seen_at: write.now(),
        ..session.clone()
    };
    let changed = sessions::Entity::update_many()
        .set(sessions::ActiveModel {
            cookie_hash: Set(renewed.cookie_hash),
            auth_time: Set(renewed.auth_time),
            acr: Set(renewed.acr),
            amr: Set(renewed.amr.clone()),
            last_seen_at: Set(renewed.last_seen_at),
            remembered: Set(renewed.remembered),
            expires_at: Set(renewed.expires_at),
            ..Default::default()
        })
        .filter(sessions::Column::Sid.eq(session.sid))
        .filter(sessions::Column::CookieHash.eq(session.cookie_hash))
        .filter(sessions::Column::EndedAt.is_null())
        .exec(write)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(None);
    }
    event("session.renewed", renewed.user_id, renewed.sid, renewed.client_id.as_deref())
        .details(json!({ "acr": renewed.acr, "amr": renewed.amr }))
        .record(write)
        .await?;
    Ok(Some(OpenedSession { session: renewed, cookie_secret: Some(cookie_secret) }))
}

/// The absolute expiry of a renewed session: counted from the session's beginning when the session is to
/// outlive the browser, and no later than that of a session opened now when it is not.
fn renewed_expires_at(core: &Core, session: &Session, remembered: Option<bool>, now: Timestamp) -> Timestamp {
    let settings = &core.config.session;
    let end = session.expires_at;
    match remembered {
        Some(true) => end.max(session.created_at + settings.lifetime.duration()),
        Some(false) => end.min(now + settings.unremembered_lifetime.duration()),
        None => end,
    }
}

/// Moves the idle limit, as one statement of a write that happens anyway; none within [`TOUCH_INTERVAL`] of
/// the last time.
pub fn touch_session_statement(session: &Session, now: Timestamp) -> Option<UpdateStatement> {
    let due = now - session.last_seen_at >= TOUCH_INTERVAL;
    due.then(|| {
        sessions::Entity::update_many()
            .col_expr(sessions::Column::LastSeenAt, Expr::value(now))
            .filter(sessions::Column::Sid.eq(session.sid))
            .filter(sessions::Column::LastSeenAt.lt(now))
            .into_query()
    })
}

/// Moves the idle limit for a page that writes nothing else: at most one write a minute and session.
pub async fn touch(core: &Core, session: &Session) -> Result<(), DatabaseError> {
    match touch_session_statement(session, core.clock.now()) {
        Some(touch) => core.db.write_relaxed(&[&touch], |_| true).await.map(drop),
        None => Ok(()),
    }
}

#[derive(Clone, Copy, Debug)]
pub enum SessionSelection {
    One(Uuid),
    /// Those of a user, except the kept one.
    OfUser {
        user_id: Uuid,
        kept_sid: Option<Uuid>,
    },
}

/// A session that [`end`] has ended.
#[derive(Clone, Debug, FromQueryResult)]
pub struct EndedSession {
    pub sid: Uuid,
    pub user_id: Uuid,
    /// The client of an API sign-in.
    pub client_id: Option<String>,
}

/// Ends sessions and their grants, except grants with `offline_access`; records an audit event for each, and
/// enqueues the notices for the clients that want to know. This is the only code that ends a session. The write must hold the user's row exclusively ([`users::lock`]). Sessions that ended before
/// are not among the result.
pub async fn end(
    write: &Write<'_>,
    selection: SessionSelection,
    cause: EndCause,
) -> Result<Vec<EndedSession>, DatabaseError> {
    use sessions::Column::{ClientId, EndedAt, Sid, UserId};
    let which = match selection {
        SessionSelection::One(sid) => Condition::all().add(Sid.eq(sid)),
        SessionSelection::OfUser { user_id, kept_sid } => {
            Condition::all().add(UserId.eq(user_id)).add_option(kept_sid.map(|kept| Sid.ne(kept)))
        }
    };
    let mut update = sessions::Entity::update_many()
        .col_expr(EndedAt, Expr::value(write.now()))
        .filter(which)
        .filter(EndedAt.is_null())
        .into_query();
    // Only these columns: a session ends even if another column of its row cannot be read.
    update.returning(Query::returning().columns([Sid, UserId, ClientId]));
    let rows = write.query_all(&update).await?;
    let ended: Vec<_> =
        rows.iter().map(|row| EndedSession::from_query_result(row, "")).collect::<Result<_, _>>()?;
    if ended.is_empty() {
        return Ok(ended);
    }
    let sids: Vec<_> = ended.iter().map(|session| session.sid).collect();
    grants::end(write, GrantSelection::OfSessions(&sids), cause).await?;
    let because = json!({ "because": cause.word() });
    let events = ended.iter().map(|session| {
        let event = event("session.ended", session.user_id, session.sid, session.client_id.as_deref());
        event.details(because.clone())
    });
    audit::record_all(write, events.collect()).await?;
    logout_notice::enqueue(write, &sids).await?;
    Ok(ended)
}

/// Signs a user out: ends the session and its grants, except grants with `offline_access`.
pub async fn sign_out(
    core: &Core,
    context: &RequestContext,
    signed_in: &SignedInUser,
    cause: EndCause,
) -> Result<(), DatabaseError> {
    let context = context.clone().by(Actor::User(signed_in.user.id));
    let sid = signed_in.session.sid;
    core.write(&context, async |write| lock_user_and_end(write, sid, cause).await).await.map(drop)
}

/// [`end`] of one session, for a write that does not hold the user's row yet. True when the session was live.
pub async fn lock_user_and_end(write: &Write<'_>, sid: Uuid, cause: EndCause) -> Result<bool, DatabaseError> {
    let whose = sessions::Entity::find_by_id(sid).select_only().column(sessions::Column::UserId);
    let user = rows::Entity::find().filter(rows::Column::Id.in_subquery(whose.into_query()));
    user.lock_exclusive().one(write).await?;
    Ok(!end(write, SessionSelection::One(sid), cause).await?.is_empty())
}

/// The live sessions of a user, the most recently used first.
pub async fn live_of_user(core: &Core, user_id: Uuid) -> Result<Vec<Session>, DatabaseError> {
    let now = core.clock.now();
    let idle_since = now - core.config.session.idle_lifetime.duration();
    // An API session is never touched: it is live as long as its tokens.
    let seen = Condition::any()
        .add(sessions::Column::LastSeenAt.gt(idle_since))
        .add(sessions::Column::Kind.eq(SessionKind::Api));
    let live = sessions::Entity::find()
        .filter(sessions::Column::UserId.eq(user_id))
        .filter(sessions::Column::EndedAt.is_null())
        .filter(sessions::Column::ExpiresAt.gt(now))
        .filter(seen)
        .order_by_desc(sessions::Column::LastSeenAt)
        .limit(MAX_LISTED)
        .all(core.db.reader())
        .await?;
    Ok(live)
}

/// Whether any session of the user is stored, live or not.
pub async fn any_of_user(db: &impl ConnectionTrait, user_id: Uuid) -> Result<bool, DatabaseError> {
    let sids = sessions::Entity::find().select_only().column(sessions::Column::Sid);
    let sid: Option<Uuid> =
        sids.filter(sessions::Column::UserId.eq(user_id)).limit(1).into_tuple().one(db).await?;
    Ok(sid.is_some())
}

/// The latest `auth_time` over the stored sessions of a user.
pub async fn last_auth_time(core: &Core, user_id: Uuid) -> Result<Option<Timestamp>, DatabaseError> {
    let last = sessions::Entity::find()
        .select_only()
        .column(sessions::Column::AuthTime)
        .filter(sessions::Column::UserId.eq(user_id))
        .order_by_desc(sessions::Column::AuthTime)
        .limit(1)
        .into_tuple()
        .one(core.db.reader())
        .await?;
    Ok(last)
}

/// Ends one session at the request of its user. False when the session belongs to another user or had ended.
pub async fn end_own(
    core: &Core,
    principal: Principal<'_>,
    sid: Uuid,
    context: &RequestContext,
) -> Result<bool, WriteError> {
    principal
        .write_exclusive(core, context, async |write, user| {
            let theirs = sessions::Entity::find_by_id(sid).filter(sessions::Column::UserId.eq(user.id));
            if theirs.one(write).await?.is_none() {
                return Ok(false);
            }
            let ended = end(write, SessionSelection::One(sid), EndCause::EndedByUser).await?;
            Ok(!ended.is_empty())
        })
        .await
}

/// Ends every other session at the request of the user, and returns their number.
pub async fn end_others(
    core: &Core,
    principal: Principal<'_>,
    context: &RequestContext,
) -> Result<usize, WriteError> {
    principal
        .write_exclusive(core, context, async |write, user| {
            let others = SessionSelection::OfUser { user_id: user.id, kept_sid: principal.sid() };
            Ok(end(write, others, EndCause::EndedByUser).await?.len())
        })
        .await
}

fn event(kind: &'static str, user_id: Uuid, sid: Uuid, client_id: Option<&str>) -> Event {
    let event = Event::new(kind).user(user_id).session(sid);
    match client_id {
        Some(client_id) => event.client(client_id),
        None => event,
    }
}
