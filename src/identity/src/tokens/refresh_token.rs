//! Issues and rotates refresh tokens (RFC 6749 section 6, RFC 9700 section 4.14.2).
//!
//! ```text
//!   current ──used──► rotated ──used within the grace period──► the same successor again
//!      │                  └─────used later─────────────────────► grant revoked
//!      └──idle lifetime passed──► expired
//! ```
//!
//! Owns rotation: the conditional update in [`mark_rotated`] decides which of several requests creates the
//! successor. For `tokens.refresh_token_grace` the row keeps the successor, sealed under a key derived from
//! the presented token. So a client that lost the response, or sent two requests at once, gets the same
//! successor. Later reuse revokes the grant. A replay within the grace period is counted and recorded like a
//! rotation, because it may come from a thief.
//!
//! A rotation is one joined read of token, grant, user and session, and one batch of writes: the update that
//! rotates the token while the grant is not revoked, the successor, the audit event, the count.

use std::sync::LazyLock;

use postern_entities::{columns_as, refresh_tokens};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion, StatementResult},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult as _, QueryFilter, QueryResult,
    QueryTrait as _, Statement, sea_query::Expr,
};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::{
    IssueRequest, TokenError, TokenResponse, issue,
    scope::{RequestedTarget, TokenTarget, narrow},
    token_value,
};
use crate::{
    App,
    audit::Event,
    clients::{Client, GrantType},
    core::RequestContext,
    crypto,
    grants::{self, ActiveGrant, EndCause, Grant, GrantSelection},
    rate_limit::{self, Limit, TakeOutcome},
};

/// A token request with a refresh token (RFC 6749 section 6).
#[derive(Clone, Copy)]
pub struct RefreshTokenRequest<'a> {
    pub refresh_token: &'a str,
    /// `scope` and `resource`, which narrow the access token.
    pub target: RequestedTarget<'a>,
}

/// Some clients send these scopes with every refresh, even if they were not granted.
fn tolerated_scope(word: &str) -> bool {
    matches!(word, "openid" | "profile" | "offline_access")
}

/// A new refresh token and its insertion.
pub struct NewRefreshToken {
    pub token: SecretString,
    /// For the batch that inserts the grant.
    pub insertion: Insertion,
}

/// The first refresh token of a new grant; none for a client that may not refresh.
pub fn new_for_grant(app: &App, client: &Client, grant: &Grant, now: Timestamp) -> Option<NewRefreshToken> {
    client.may_use(GrantType::RefreshToken).then(|| {
        let token = token_value::new_secret(app, grant.id);
        NewRefreshToken { insertion: insert_statement(app, token.expose_secret(), grant, now), token }
    })
}

/// The row of a token, of whichever client.
pub(super) async fn find_row(
    db: &impl ConnectionTrait,
    token: &str,
) -> Result<Option<refresh_tokens::Model>, DatabaseError> {
    let Some(grant_id) = token_value::grant_id_from_secret(token) else { return Ok(None) };
    Ok(refresh_tokens::Entity::find_by_id((grant_id, crypto::token_hash(token))).one(db).await?)
}

/// Whether the row alone allows the use of the token: it is neither rotated nor expired.
pub(super) fn row_usable(row: &refresh_tokens::Model, now: Timestamp) -> bool {
    row.rotated_at.is_none() && row.expires_at > now
}

pub async fn rotate(
    app: &App,
    client: &Client,
    request: RefreshTokenRequest<'_>,
    context: &RequestContext,
) -> Result<TokenResponse, TokenError> {
    if !client.may_use(GrantType::RefreshToken) {
        return Err(TokenError::grant_type_not_allowed(client));
    }
    let now = context.now;
    let found = find(app, app.db.reader(), client, request.refresh_token, now).await?;
    let mut usable = check_usable(app, client, request, found, context).await?;
    if usable.successor.is_none() {
        let successor = token_value::new_secret(app, usable.active_grant.grant.id);
        usable = if mark_rotated(app, request.refresh_token, &successor, &usable.active_grant.grant, context)
            .await?
        {
            UsableRefreshToken { successor: Some(successor), ..usable }
        } else {
            // Another request has rotated the token or revoked its grant. The row is read within a write,
            // because only a write sees rows that are not durable yet.
            let reread =
                app.write(context, async |write| find(app, write, client, request.refresh_token, now).await);
            let found = reread.await?;
            let usable = self::check_usable(app, client, request, found, context).await?;
            count_replay(app, &usable, context).await?;
            usable
        }
    } else {
        count_replay(app, &usable, context).await?;
    }
    let issue_request = IssueRequest {
        client,
        grant: (&usable.active_grant.grant).into(),
        user: usable.active_grant.user.as_ref(),
        target: &usable.target,
        // OpenID Connect Core section 12.2: an ID token from a refresh should have no nonce.
        nonce: None,
        refresh_token: Some(usable.successor.ok_or(TokenError::GrantEnded)?),
    };
    Ok(issue(app, issue_request).await?)
}

/// A refresh token that can be used now.
struct UsableRefreshToken {
    active_grant: ActiveGrant,
    target: TokenTarget,
    /// Set when the token was rotated within the grace period.
    successor: Option<SecretString>,
}

/// Reuse after the grace period revokes the grant (RFC 9700 section 4.14.2).
pub(super) async fn reject_reused(
    app: &App,
    row: &refresh_tokens::Model,
    context: &RequestContext,
) -> Result<(), TokenError> {
    let grace = app.config.tokens.refresh_token_grace.duration();
    if row.rotated_at.is_none_or(|rotated_at| context.now - rotated_at <= grace) {
        return Ok(());
    }
    end_grant(app, row.grant_id, context).await?;
    Err(TokenError::RefreshTokenReused)
}

async fn check_usable(
    app: &App,
    client: &Client,
    request: RefreshTokenRequest<'_>,
    found: Option<StoredRefreshToken>,
    context: &RequestContext,
) -> Result<UsableRefreshToken, TokenError> {
    let (row, active_grant) = found.ok_or(TokenError::UnknownRefreshToken)?;
    reject_reused(app, &row, context).await?;
    if row.rotated_at.is_none() && row.expires_at <= context.now {
        return Err(TokenError::RefreshTokenExpired);
    }
    let active_grant = active_grant.ok_or(TokenError::GrantEnded)?;
    let target = narrow(app, client, &active_grant.grant, request.target, tolerated_scope)?;
    let successor = row.rotated_at.map(|_| successor_of(&row, request.refresh_token)).transpose()?;
    Ok(UsableRefreshToken { active_grant, target, successor })
}

/// The row of a refresh token, and its grant if that is active.
type StoredRefreshToken = (refresh_tokens::Model, Option<ActiveGrant>);

/// A refresh token of this client: tokens are bound to the client (RFC 6749 section 6).
async fn find(
    app: &App,
    db: &impl ConnectionTrait,
    client: &Client,
    token: &str,
    now: Timestamp,
) -> Result<Option<StoredRefreshToken>, DatabaseError> {
    static BY_KEY: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT {}, {} FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id {} \
             WHERE r.grant_id = $1 AND r.token_hash = $2 AND g.client_id = $3",
            columns_as::<refresh_tokens::Entity>("r"),
            ActiveGrant::columns(),
            ActiveGrant::JOINS
        )
    });
    let Some(grant_id) = token_value::grant_id_from_secret(token) else { return Ok(None) };
    let values = [grant_id.into(), crypto::token_hash(token).into(), client.client_id().into()];
    let by_key = Statement::from_sql_and_values(app.db.backend(), &*BY_KEY, values);
    let Some(row) = db.query_one_raw(by_key).await? else { return Ok(None) };
    let active_grant = ActiveGrant::from_row(&app.clients(), &row, now)?;
    Ok(Some((refresh_tokens::Model::from_query_result(&row, "r_")?, active_grant)))
}

async fn end_grant(app: &App, grant_id: Uuid, context: &RequestContext) -> Result<(), DatabaseError> {
    app.write(context, async |write| {
        grants::end(write, GrantSelection::One(grant_id), EndCause::RefreshTokenReused).await.map(drop)
    })
    .await
}

/// Rotates a token once: the conditional update is the only gate. The successor, the audit event and the
/// count are written with it. False, with nothing written, if the token was rotated, has expired, or its
/// grant was revoked meanwhile.
///
/// A rotation above the limit is an error and rolls all of this back. The stored count then stays at the
/// limit, so the next rotation exceeds it too.
async fn mark_rotated(
    app: &App,
    presented: &str,
    successor: &SecretString,
    grant: &Grant,
    context: &RequestContext,
) -> Result<bool, TokenError> {
    let sealed = crypto::seal_under_secret(presented, successor.expose_secret().as_bytes())?;
    let mark_rotated = refresh_tokens::Entity::update_many()
        .col_expr(refresh_tokens::Column::RotatedAt, Expr::value(context.now))
        .col_expr(refresh_tokens::Column::SuccessorSealed, Expr::value(sealed))
        .filter(refresh_tokens::Column::GrantId.eq(grant.id))
        .filter(refresh_tokens::Column::TokenHash.eq(crypto::token_hash(presented)))
        .filter(refresh_tokens::Column::RotatedAt.is_null())
        .filter(refresh_tokens::Column::ExpiresAt.gt(context.now))
        .filter(grants::not_revoked_condition(grant.id))
        .into_query();
    let stored = insert_statement(app, successor.expose_secret(), grant, context.now);
    let event = event("refresh_token.rotated", app, grant, context);
    let limit = limit(app);
    let count = rate_limit::take_statement(limit, &grant.id.to_string(), context.now);
    let keep = move |done: &[StatementResult]| {
        limit_row(done).is_some_and(|counted| rate_limit::row_within_limit(limit, counted))
    };
    let done = app.db.write_batch(&[&mark_rotated, &stored, &event, &count], keep).await?;
    let Some(counted) = limit_row(&done) else { return Ok(false) };
    check_limit(limit, counted, context.now).map(|()| true)
}

/// Counts and records a replay within the grace period. A replay above the limit is an error and writes
/// nothing.
async fn count_replay(
    app: &App,
    usable: &UsableRefreshToken,
    context: &RequestContext,
) -> Result<(), TokenError> {
    let grant = &usable.active_grant.grant;
    let event = event("refresh_token.replayed", app, grant, context);
    let limit = limit(app);
    let count = rate_limit::take_statement(limit, &grant.id.to_string(), context.now);
    let keep = move |done: &[StatementResult]| {
        limit_row(done).is_some_and(|counted| rate_limit::row_within_limit(limit, counted))
    };
    let done = app.db.write_batch(&[&event, &count], keep).await?;
    limit_row(&done).map_or(Ok(()), |counted| check_limit(limit, counted, context.now))
}

fn event(kind: &'static str, app: &App, grant: &Grant, context: &RequestContext) -> Insertion {
    Event::new(kind)
        .user(grant.user_id)
        .client(&grant.client_id)
        .session(grant.sid)
        .grant(grant.id)
        .insert_statement(app, context)
}

fn limit(app: &App) -> Limit {
    Limit { name: "refreshes_per_grant", rate: app.config.limits.refreshes_per_grant }
}

fn check_limit(limit: Limit, counted: &QueryResult, now: Timestamp) -> Result<(), TokenError> {
    match rate_limit::outcome_from_row(limit, counted, now)? {
        TakeOutcome::Within(_) => Ok(()),
        TakeOutcome::Limited { retry_after, .. } => Err(TokenError::TooManyRequests { retry_after }),
    }
}

/// The row of the rate limit, which the last statement returns. None if the first statement wrote no row: the
/// token was not rotated, or the replay not recorded.
fn limit_row(done: &[StatementResult]) -> Option<&QueryResult> {
    match done {
        [StatementResult { rows_affected: 1, .. }, .., count] => count.row.as_ref(),
        _ => None,
    }
}

fn successor_of(row: &refresh_tokens::Model, presented: &str) -> Result<SecretString, TokenError> {
    let sealed = row.successor_sealed.as_deref().unwrap_or_default();
    let successor = crypto::open_under_secret(presented, sealed)?;
    String::from_utf8(successor).map(SecretString::from).map_err(|_| crypto::CryptoError::Altered.into())
}

/// Inserts a refresh token. It expires after `tokens.refresh_token_idle_lifetime` without use, and with its
/// grant at the latest.
fn insert_statement(app: &App, token: &str, grant: &Grant, now: Timestamp) -> Insertion {
    let idle_end = now + app.config.tokens.refresh_token_idle_lifetime.duration();
    let row = refresh_tokens::Model {
        grant_id: grant.id,
        token_hash: crypto::token_hash(token),
        issued_at: now,
        expires_at: idle_end.min(grant.expires_at),
        rotated_at: None,
        successor_sealed: None,
    };
    Insertion::from_active_model(refresh_tokens::ActiveModel::from(row))
}
