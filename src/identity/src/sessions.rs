//! Answers who is signed in where, and until when.
//!
//! Owns the rows of `sessions` and the browser's cookie secret, which is stored hashed. A session ends
//! when it is ended, when it was not seen for `session.idle_lifetime`, or at its absolute end; a
//! disabled user, or who closed the account, has none. Signing in again and stepping up give the browser a new secret
//! ([`renew`]), after which the old cookie is dead (OWASP ASVS 7.2.4).
//!
//! Reading a session never writes. [`seeing`] moves the idle limit inside a write that happens anyway,
//! and only when a minute has passed. What a session allows to write is written by its [`Principal`].

mod standing;

use std::time::Duration;

use postern_entities::{sessions, users as rows};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion, Transaction},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult as _, QueryFilter, QueryOrder as _,
    QuerySelect, QueryTrait as _, Statement,
    sea_query::{Expr, UpdateStatement},
};
use serde_json::json;
use uuid::Uuid;

pub use self::standing::{Principal, RowLocks, SessionEnded, WriteError};
use crate::{
    app::App,
    audit::{Event, Origin},
    crypto, grants,
    users::{self, User},
};

/// One sign-in of a user.
pub type Session = sessions::Model;

/// Of the sessions of one user, so many are shown.
const MOST_SHOWN: u64 = 100;

/// `last_seen_at` is written at most this often.
const SEEN_AT_MOST_EVERY: Duration = Duration::from_mins(1);

/// Through what the user signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A browser with our cookie.
    Browser,
    /// An app through the first-party API; it has no cookie of this kind.
    Api,
}

impl SessionKind {
    /// As stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Api => "api",
        }
    }
}

/// A live session and whose it is.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Its user: see [`users::may_get_tokens`].
    pub user: User,
}

impl SignedIn {
    /// Whom the session allows something.
    pub fn principal(&self) -> Principal<'_> {
        Principal::by_session(self)
    }
}

/// What a new session begins with.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Whose it is.
    pub user_id: Uuid,
    /// Through what.
    pub kind: SessionKind,
    /// The client that asked for the sign-in.
    pub client_id: Option<String>,
    /// What was proven, and when.
    pub proven: Proven,
    /// Whether the person asked the browser to keep it.
    pub remembered: bool,
    /// Where the sign-in came from.
    pub origin: Origin,
}

/// How well somebody proved who they are.
#[derive(Clone, Debug)]
pub struct Proven {
    /// When.
    pub auth_time: Timestamp,
    /// Level reached.
    pub acr: String,
    /// Methods used (RFC 8176).
    pub amr: Vec<String>,
}

/// A session that was just opened.
#[derive(Clone)]
pub struct Opened {
    /// The session.
    pub session: Session,
    /// What the browser's cookie must hold; none for API sign-ins.
    pub cookie_secret: Option<String>,
}

/// The live session of a browser's cookie: one statement.
pub async fn find(app: &App, cookie_secret: &str) -> Result<Option<SignedIn>, DatabaseError> {
    let now = app.clock.now();
    Ok(of_cookie(app, cookie_secret, now).await?.filter(|found| users::may_get_tokens(&found.user)))
}

/// The same for somebody who proved to own an account that they have closed. It lets them keep the account or leave it
/// closed, and nothing else.
pub async fn find_closed(app: &App, cookie_secret: &str) -> Result<Option<SignedIn>, DatabaseError> {
    let now = app.clock.now();
    let closed = |user: &User| user.deletion_at.is_some() && users::may_sign_in(user, now);
    Ok(of_cookie(app, cookie_secret, now).await?.filter(|found| closed(&found.user)))
}

async fn of_cookie(
    app: &App,
    cookie_secret: &str,
    now: Timestamp,
) -> Result<Option<SignedIn>, DatabaseError> {
    let idle_since = now - app.config.session.idle_lifetime.duration();
    let values = [crypto::token_hash(cookie_secret).into(), now.micros().into(), idle_since.micros().into()];
    let live = Statement::from_sql_and_values(app.db.backend(), LIVE, values);
    let Some(row) = app.db.reader().query_one_raw(live).await? else { return Ok(None) };
    let session = Session::from_query_result(&row, "s_")?;
    let user = User::from_query_result(&row, "u_")?;
    Ok(Some(SignedIn { session, user }))
}

/// A live session and its user, by the hash of the cookie.
const LIVE: &str = "SELECT s.sid AS s_sid, s.cookie_hash AS s_cookie_hash, s.user_id AS s_user_id, s.kind AS s_kind, \
    s.client_id AS s_client_id, s.auth_time AS s_auth_time, s.acr AS s_acr, s.amr AS s_amr, \
    s.created_at AS s_created_at, s.last_seen_at AS s_last_seen_at, s.expires_at AS s_expires_at, \
    s.ended_at AS s_ended_at, s.ip AS s_ip, s.user_agent AS s_user_agent, \
    s.remembered AS s_remembered, u.id AS u_id, u.subject AS u_subject, \
    u.email AS u_email, u.email_verified AS u_email_verified, u.profile AS u_profile, \
    u.disabled_at AS u_disabled_at, u.deletion_at AS u_deletion_at, u.language AS u_language, u.created_at AS u_created_at, u.updated_at AS u_updated_at \
    FROM sessions s JOIN users u ON u.id = s.user_id \
    WHERE s.cookie_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.last_seen_at > $3";

/// Opens a session, whose row is written at the end of the caller's write.
pub fn open(app: &App, tx: &Transaction, new: NewSession, now: Timestamp) -> Opened {
    let cookie_secret = (new.kind == SessionKind::Browser).then(|| app.random.token());
    // An app holds no cookie but a refresh token, so its session lasts as long as that can.
    let lifetime = match new.kind {
        SessionKind::Browser if new.remembered => app.config.session.lifetime,
        SessionKind::Browser => app.config.session.unremembered_lifetime,
        SessionKind::Api => app.config.tokens.refresh_token_lifetime,
    };
    let session = Session {
        sid: app.random.uuid(),
        cookie_hash: cookie_secret.as_deref().map(crypto::token_hash),
        user_id: new.user_id,
        kind: new.kind.word().to_owned(),
        client_id: new.client_id,
        auth_time: new.proven.auth_time.micros(),
        acr: new.proven.acr,
        amr: json!(new.proven.amr),
        created_at: now.micros(),
        last_seen_at: now.micros(),
        expires_at: (now + lifetime.duration()).micros(),
        ended_at: None,
        ip: new.origin.ip.map(|ip| ip.to_string()),
        user_agent: new.origin.user_agent.clone(),
        remembered: new.remembered,
    };
    tx.later(&Insertion::of(sessions::ActiveModel::from(session.clone())));
    let event = event("session.started", &session)
        .details(json!({ "kind": session.kind, "acr": session.acr, "amr": session.amr }));
    tx.later(&event.insertion(app, &new.origin, now));
    Opened { session, cookie_secret }
}

/// Records that the user of a browser's session proved themselves again, and gives the browser a new
/// secret: the session, and what hangs off its `sid`, goes on, the old cookie is dead.
///
/// `remembered` is what the person chose this time, none where there was no such choice. `None` when the session ended
/// meanwhile, or when somebody else renewed it first.
pub async fn renew(
    app: &App,
    tx: &Transaction,
    session: &Session,
    proven: Proven,
    remembered: Option<bool>,
    origin: &Origin,
    now: Timestamp,
) -> Result<Option<Opened>, DatabaseError> {
    let cookie_secret = app.random.token();
    let renewed = Session {
        remembered: remembered.unwrap_or(session.remembered),
        expires_at: renewed_end(app, session, remembered, now).micros(),
        cookie_hash: Some(crypto::token_hash(&cookie_secret)),
        auth_time: proven.auth_time.micros(),
        acr: proven.acr,
        amr: json!(proven.amr),
        last_seen_at: now.micros(),
        ..session.clone()
    };
    let changed = sessions::Entity::update_many()
        .set(sessions::ActiveModel {
            cookie_hash: Set(renewed.cookie_hash.clone()),
            auth_time: Set(renewed.auth_time),
            acr: Set(renewed.acr.clone()),
            amr: Set(renewed.amr.clone()),
            last_seen_at: Set(renewed.last_seen_at),
            remembered: Set(renewed.remembered),
            expires_at: Set(renewed.expires_at),
            ..Default::default()
        })
        .filter(sessions::Column::Sid.eq(session.sid))
        .filter(sessions::Column::CookieHash.eq(session.cookie_hash.clone()))
        .filter(sessions::Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(None);
    }
    event("session.renewed", &renewed)
        .details(json!({ "acr": renewed.acr, "amr": renewed.amr }))
        .record(app, tx, origin, now)
        .await?;
    Ok(Some(Opened { session: renewed, cookie_secret: Some(cookie_secret) }))
}

/// The absolute end of a session whose person chose again: counted from its beginning when the browser is to keep it, and
/// no later than one that begins now when it is not.
fn renewed_end(app: &App, session: &Session, remembered: Option<bool>, now: Timestamp) -> Timestamp {
    let settings = &app.config.session;
    let end = Timestamp::from_micros(session.expires_at);
    match remembered {
        Some(true) => end.max(Timestamp::from_micros(session.created_at) + settings.lifetime.duration()),
        Some(false) => end.min(now + settings.unremembered_lifetime.duration()),
        None => end,
    }
}

/// What moves the idle limit, to go with what is written anyway; nothing within a minute of the last time.
pub fn seeing(session: &Session, now: Timestamp) -> Option<UpdateStatement> {
    let due = now - Timestamp::from_micros(session.last_seen_at) >= SEEN_AT_MOST_EVERY;
    due.then(|| {
        sessions::Entity::update_many()
            .col_expr(sessions::Column::LastSeenAt, Expr::value(now.micros()))
            .filter(sessions::Column::Sid.eq(session.sid))
            .filter(sessions::Column::LastSeenAt.lt(now.micros()))
            .into_query()
    })
}

/// [`seeing`] for a page that writes nothing else: at most one write a minute and session.
pub async fn touch(app: &App, session: &Session) -> Result<(), DatabaseError> {
    match seeing(session, app.clock.now()) {
        Some(seeing) => app.db.write_lightly(&[&seeing], |_| true).await.map(drop),
        None => Ok(()),
    }
}

/// Ends a session and its grants, except those with `offline_access`. Whether it was live.
pub async fn end(
    app: &App,
    tx: &Transaction,
    sid: Uuid,
    because: &'static str,
    origin: &Origin,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let whose = sessions::Entity::find_by_id(sid).select_only().column(sessions::Column::UserId);
    let user = rows::Entity::find().filter(rows::Column::Id.in_subquery(whose.into_query()));
    user.lock_exclusive().one(tx).await?;
    end_of_locked(app, tx, sid, because, origin, now).await
}

/// [`end`], where the write holds the user exclusively already.
async fn end_of_locked(
    app: &App,
    tx: &Transaction,
    sid: Uuid,
    because: &'static str,
    origin: &Origin,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let ended = sessions::Entity::update_many()
        .col_expr(sessions::Column::EndedAt, Expr::value(now.micros()))
        .filter(sessions::Column::Sid.eq(sid))
        .filter(sessions::Column::EndedAt.is_null())
        .exec_with_returning(tx)
        .await?;
    let Some(session) = ended.first() else { return Ok(false) };
    grants::revoke_of_session(app, tx, sid, because, now).await?;
    event("session.ended", session)
        .details(json!({ "because": because }))
        .record(app, tx, origin, now)
        .await?;
    Ok(true)
}

/// The live sessions of a user, the one seen last first.
pub async fn live_of_user(app: &App, user_id: Uuid) -> Result<Vec<Session>, DatabaseError> {
    let now = app.clock.now();
    let idle_since = now - app.config.session.idle_lifetime.duration();
    // An app is not seen at its session: it lasts as long as its tokens.
    let seen = Condition::any()
        .add(sessions::Column::LastSeenAt.gt(idle_since.micros()))
        .add(sessions::Column::Kind.eq(SessionKind::Api.word()));
    let live = sessions::Entity::find()
        .filter(sessions::Column::UserId.eq(user_id))
        .filter(sessions::Column::EndedAt.is_null())
        .filter(sessions::Column::ExpiresAt.gt(now.micros()))
        .filter(seen)
        .order_by_desc(sessions::Column::LastSeenAt)
        .limit(MOST_SHOWN)
        .all(app.db.reader())
        .await?;
    Ok(live)
}

/// Whether a session of a user is kept, live or not.
pub async fn any_of_user(db: &impl ConnectionTrait, user_id: Uuid) -> Result<bool, DatabaseError> {
    Ok(sessions::Entity::find().filter(sessions::Column::UserId.eq(user_id)).one(db).await?.is_some())
}

/// When a user proved last who they are, of the sessions that are kept.
pub async fn last_auth_time(app: &App, user_id: Uuid) -> Result<Option<Timestamp>, DatabaseError> {
    let last = sessions::Entity::find()
        .filter(sessions::Column::UserId.eq(user_id))
        .order_by_desc(sessions::Column::AuthTime)
        .one(app.db.reader())
        .await?;
    Ok(last.map(|session| Timestamp::from_micros(session.auth_time)))
}

/// Ends one session of a user, on their own wish. False when it was not theirs, or had ended.
pub async fn end_own(
    app: &App,
    principal: Principal<'_>,
    sid: Uuid,
    origin: &Origin,
) -> Result<bool, WriteError> {
    let now = app.clock.now();
    principal
        .write_exclusive(app, async |tx, user| {
            let theirs = sessions::Entity::find_by_id(sid).filter(sessions::Column::UserId.eq(user.id));
            if theirs.one(tx).await?.is_none() {
                return Ok(false);
            }
            Ok(end_of_locked(app, tx, sid, "ended_by_user", origin, now).await?)
        })
        .await
}

/// Ends every other session of a user, on their own wish. How many there were.
pub async fn end_others(app: &App, principal: Principal<'_>, origin: &Origin) -> Result<usize, WriteError> {
    let now = app.clock.now();
    principal
        .write_exclusive(app, async |tx, user| {
            Ok(end_all_but(app, tx, user.id, principal.sid(), "ended_by_user", origin, now).await?)
        })
        .await
}

/// Ends every session of a user, with the same effect on grants. How many there were. The write holds the user
/// exclusively ([`users::lock`]).
pub async fn end_all_of_user(
    app: &App,
    tx: &Transaction,
    user_id: Uuid,
    because: &'static str,
    origin: &Origin,
    now: Timestamp,
) -> Result<usize, DatabaseError> {
    end_all_but(app, tx, user_id, None, because, origin, now).await
}

/// The same, but for one of them.
pub async fn end_all_but(
    app: &App,
    tx: &Transaction,
    user_id: Uuid,
    kept: Option<Uuid>,
    because: &'static str,
    origin: &Origin,
    now: Timestamp,
) -> Result<usize, DatabaseError> {
    let live: Vec<Uuid> = sessions::Entity::find()
        .select_only()
        .column(sessions::Column::Sid)
        .filter(sessions::Column::UserId.eq(user_id))
        .filter(sessions::Column::EndedAt.is_null())
        .into_tuple()
        .all(tx)
        .await?;
    let mut ended = 0;
    for sid in live.into_iter().filter(|sid| Some(*sid) != kept) {
        ended += usize::from(end_of_locked(app, tx, sid, because, origin, now).await?);
    }
    Ok(ended)
}

fn event(kind: &'static str, session: &Session) -> Event {
    let event = Event::new(kind).user(session.user_id).session(session.sid);
    match &session.client_id {
        Some(client_id) => event.client(client_id),
        None => event,
    }
}
