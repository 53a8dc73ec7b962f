//! Issues and rotates refresh tokens (RFC 6749 section 6, RFC 9700 section 4.14.2).
//!
//! Owns rotation: the conditional update in [`take`] decides which of several requests makes the successor. For
//! `tokens.refresh_token_grace` the row keeps the successor, sealed under a key that only the presented token gives, so
//! whoever lost the answer, or asked at the same time, gets the very same successor. Later reuse revokes the grant. A
//! replay within the grace counts and is recorded like a rotation: a thief may be the one who asks again.
//!
//! A rotation is one joined read of token, grant, user and session, and one write in one step: the update that rotates
//! while the grant is not revoked, the successor, the record, the count.

use std::sync::LazyLock;

use postern_entities::refresh_tokens;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Done, Insertion},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult as _, QueryFilter, QueryResult,
    QueryTrait as _, Statement, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Issue, TokenError, TokenResponse, handle, issue,
    scope::{TokenTarget, Wanted, narrow},
};
use crate::{
    App,
    audit::{Event, Origin},
    clients::{Client, GrantType},
    crypto,
    grants::{self, Grant, Standing},
    rate_limit::{self, Limit, Taken},
};

/// A token request with a refresh token (RFC 6749 section 6).
#[derive(Clone, Copy)]
pub struct Refresh<'a> {
    /// `refresh_token`.
    pub refresh_token: &'a str,
    /// `scope` and `resource`, to narrow the access token.
    pub wanted: Wanted<'a>,
}

/// Scopes that some clients send with every refresh, whatever was granted.
fn sent_always(word: &str) -> bool {
    matches!(word, "openid" | "profile" | "offline_access")
}

/// A refresh token that is to be written.
pub struct First {
    /// The token.
    pub token: String,
    /// What writes it, to go with other insertions.
    pub insertion: Insertion,
}

/// The first refresh token of a grant; none for a client that may not refresh.
pub fn first(app: &App, client: &Client, grant: &Grant, now: Timestamp) -> Option<First> {
    client.may_use(GrantType::RefreshToken).then(|| {
        let token = handle::secret(app, grant.id);
        First { insertion: insertion(app, &token, grant, now), token }
    })
}

/// The row of a token, whoever's it is.
pub(super) async fn stored(
    db: &impl ConnectionTrait,
    token: &str,
) -> Result<Option<refresh_tokens::Model>, DatabaseError> {
    let Some(grant_id) = handle::grant_of_secret(token) else { return Ok(None) };
    Ok(refresh_tokens::Entity::find_by_id((grant_id, crypto::token_hash(token))).one(db).await?)
}

/// Whether a stored token may still be used, as far as its own row says.
pub(super) fn live(row: &refresh_tokens::Model, now: Timestamp) -> bool {
    row.rotated_at.is_none() && row.expires_at > now.micros()
}

/// Rotates a refresh token and issues new tokens.
pub async fn rotate(
    app: &App,
    client: &Client,
    request: Refresh<'_>,
    origin: &Origin,
) -> Result<TokenResponse, TokenError> {
    if !client.may_use(GrantType::RefreshToken) {
        return Err(TokenError::grant_type_not_allowed(client));
    }
    let now = app.clock.now();
    let found = find(app, app.db.reader(), client, request.refresh_token, now).await?;
    let mut usable = usable(app, client, request, found, origin, now).await?;
    if usable.successor.is_none() {
        let successor = handle::secret(app, usable.standing.grant.id);
        usable = if take(app, request.refresh_token, &successor, &usable.standing.grant, origin, now).await? {
            Usable { successor: Some(successor), ..usable }
        } else {
            // Somebody else was first, with the token or with ending its grant. Only a write sees what is not durable yet.
            let look = app.db.write(async |tx| find(app, tx, client, request.refresh_token, now).await);
            let found = look.await?;
            let usable = self::usable(app, client, request, found, origin, now).await?;
            count_replay(app, &usable, origin, now).await?;
            usable
        }
    } else {
        count_replay(app, &usable, origin, now).await?;
    }
    let what = Issue {
        client,
        grant: (&usable.standing.grant).into(),
        user: usable.standing.user.as_ref(),
        target: &usable.target,
        // OpenID Connect Core section 12.2: a refreshed ID token should not have a nonce.
        nonce: None,
        refresh_token: Some(usable.successor.ok_or(TokenError::GrantEnded)?),
    };
    Ok(issue(app, what).await?)
}

/// A refresh token that may be used now.
struct Usable {
    standing: Standing,
    target: TokenTarget,
    /// When it was used some seconds ago: what it got then.
    successor: Option<String>,
}

/// Judges a refresh token. One that was used before ends its grant (RFC 9700 section 4.14.2), unless it was a moment ago.
async fn usable(
    app: &App,
    client: &Client,
    request: Refresh<'_>,
    found: Option<Found>,
    origin: &Origin,
    now: Timestamp,
) -> Result<Usable, TokenError> {
    let (row, standing) = found.ok_or(TokenError::UnknownRefreshToken)?;
    let grace = app.config.tokens.refresh_token_grace.duration();
    match row.rotated_at.map(Timestamp::from_micros) {
        Some(rotated_at) if now - rotated_at > grace => {
            end_grant(app, row.grant_id, origin, now).await?;
            return Err(TokenError::RefreshTokenReused);
        }
        None if row.expires_at <= now.micros() => return Err(TokenError::RefreshTokenExpired),
        _ => {}
    }
    let standing = standing.ok_or(TokenError::GrantEnded)?;
    let target = narrow(app, client, &standing.grant, request.wanted, sent_always)?;
    let successor = row.rotated_at.map(|_| successor_of(&row, request.refresh_token)).transpose()?;
    Ok(Usable { standing, target, successor })
}

/// A stored refresh token and what it stands for, if that stands.
type Found = (refresh_tokens::Model, Option<Standing>);

/// The refresh token of a client: it is bound to it (RFC 6749 section 6).
async fn find(
    app: &App,
    db: &impl ConnectionTrait,
    client: &Client,
    token: &str,
    now: Timestamp,
) -> Result<Option<Found>, DatabaseError> {
    static BY_KEY: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT r.grant_id AS r_grant_id, r.token_hash AS r_token_hash, r.issued_at AS r_issued_at, \
             r.expires_at AS r_expires_at, r.rotated_at AS r_rotated_at, \
             r.successor_sealed AS r_successor_sealed, {} \
             FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id {} \
             WHERE r.grant_id = $1 AND r.token_hash = $2 AND g.client_id = $3",
            Standing::COLUMNS,
            Standing::JOINS
        )
    });
    let Some(grant_id) = handle::grant_of_secret(token) else { return Ok(None) };
    let values = [grant_id.into(), crypto::token_hash(token).into(), client.client_id().into()];
    let by_key = Statement::from_sql_and_values(app.db.backend(), &*BY_KEY, values);
    let Some(row) = db.query_one_raw(by_key).await? else { return Ok(None) };
    let standing = Standing::read(app, &row, now)?;
    Ok(Some((refresh_tokens::Model::from_query_result(&row, "r_")?, standing)))
}

async fn end_grant(app: &App, grant_id: Uuid, origin: &Origin, now: Timestamp) -> Result<(), DatabaseError> {
    app.db
        .write(async |tx| {
            if let Some(grant) = grants::find(tx, grant_id).await? {
                grants::revoke_and_record(app, tx, &grant, "refresh_token_reused", origin, now).await?;
            }
            Ok(())
        })
        .await
}

/// Rotates a token, once; the conditional update is the only gate. Writes its successor, the record and the count with
/// it. False, with nothing written, when it was rotated, expired, or its grant was revoked meanwhile.
///
/// One rotation too many is an error and undoes all of it, the count as well, which stays where the next rotation is too
/// many again.
async fn take(
    app: &App,
    presented: &str,
    successor: &str,
    grant: &Grant,
    origin: &Origin,
    now: Timestamp,
) -> Result<bool, TokenError> {
    let sealed = crypto::seal_for_holder(presented, successor.as_bytes())?;
    let taking = refresh_tokens::Entity::update_many()
        .col_expr(refresh_tokens::Column::RotatedAt, Expr::value(now.micros()))
        .col_expr(refresh_tokens::Column::SuccessorSealed, Expr::value(sealed))
        .filter(refresh_tokens::Column::GrantId.eq(grant.id))
        .filter(refresh_tokens::Column::TokenHash.eq(crypto::token_hash(presented)))
        .filter(refresh_tokens::Column::RotatedAt.is_null())
        .filter(refresh_tokens::Column::ExpiresAt.gt(now.micros()))
        .filter(grants::not_revoked(grant.id))
        .into_query();
    let stored = insertion(app, successor, grant, now);
    let event = event("refresh_token.rotated", app, grant, origin, now);
    let limit = limit(app);
    let count = rate_limit::insertion(limit, &grant.id.to_string(), now);
    let keep = move |done: &[Done]| counted(done).is_some_and(|counted| rate_limit::within(limit, counted));
    let done = app.db.write_together(&[&taking, &stored, &event, &count], keep).await?;
    let Some(counted) = counted(&done) else { return Ok(false) };
    within(limit, counted, now).map(|()| true)
}

/// Counts and records that a token was presented again within the grace. One too many is an error and writes nothing.
async fn count_replay(app: &App, usable: &Usable, origin: &Origin, now: Timestamp) -> Result<(), TokenError> {
    let grant = &usable.standing.grant;
    let event = event("refresh_token.replayed", app, grant, origin, now);
    let limit = limit(app);
    let count = rate_limit::insertion(limit, &grant.id.to_string(), now);
    let keep = move |done: &[Done]| counted(done).is_some_and(|counted| rate_limit::within(limit, counted));
    let done = app.db.write_together(&[&event, &count], keep).await?;
    counted(&done).map_or(Ok(()), |counted| within(limit, counted, now))
}

fn event(kind: &'static str, app: &App, grant: &Grant, origin: &Origin, now: Timestamp) -> Insertion {
    Event::new(kind)
        .user(grant.user_id)
        .client(&grant.client_id)
        .session(grant.sid)
        .grant(grant.id)
        .insertion(app, origin, now)
}

fn limit(app: &App) -> Limit {
    Limit { name: "refreshes_per_grant", rate: app.config.limits.refreshes_per_grant }
}

fn within(limit: Limit, counted: &QueryResult, now: Timestamp) -> Result<(), TokenError> {
    match rate_limit::judge(limit, counted, now)? {
        Taken::Within(_) => Ok(()),
        Taken::Limited { retry_after, .. } => Err(TokenError::TooManyRequests { retry_after }),
    }
}

/// The count, which is the last statement, if the first one wrote its row: the token was rotated, or the replay recorded.
fn counted(done: &[Done]) -> Option<&QueryResult> {
    match done {
        [Done { rows_affected: 1, .. }, .., count] => count.row.as_ref(),
        _ => None,
    }
}

fn successor_of(row: &refresh_tokens::Model, presented: &str) -> Result<String, TokenError> {
    let sealed = row.successor_sealed.as_deref().unwrap_or_default();
    let successor = crypto::open_as_holder(presented, sealed)?;
    String::from_utf8(successor).map_err(|_| crypto::CryptoError::Altered.into())
}

/// What writes a token. It ends after `tokens.refresh_token_idle_lifetime` without use, and with its grant at the latest.
fn insertion(app: &App, token: &str, grant: &Grant, now: Timestamp) -> Insertion {
    let idle_end = now + app.config.tokens.refresh_token_idle_lifetime.duration();
    let row = refresh_tokens::Model {
        grant_id: grant.id,
        token_hash: crypto::token_hash(token),
        issued_at: now.micros(),
        expires_at: idle_end.micros().min(grant.expires_at),
        rotated_at: None,
        successor_sealed: None,
    };
    Insertion::of(refresh_tokens::ActiveModel::from(row))
}
