//! Issues and rotates refresh tokens (RFC 6749 section 6, RFC 9700 section 4.14.2).
//!
//! Owns rotation: the conditional update in [`mark_rotated`] decides which of several requests makes the successor. For
//! `tokens.refresh_token_grace` the row keeps the successor, sealed under a key that only the presented token gives, so
//! whoever lost the answer, or asked at the same time, gets the very same successor. Later reuse revokes the grant.
//!
//! A rotation is one write in three steps: the update that rotates, the joined read of grant, user and session, and
//! the insertions of successor, record and count together.

use postern_entities::refresh_tokens;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryTrait as _,
    sea_query::{Expr, InsertStatement},
};

use super::{
    Issue, TokenError, TokenResponse, issue,
    scope::{Resolved, narrow},
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
    /// `scope`, to narrow the access token.
    pub scope: Option<&'a str>,
    /// `resource` (RFC 8707 section 2.2), to narrow the access token.
    pub resources: &'a [String],
}

/// A refresh token that is to be written.
#[derive(Debug)]
pub struct First {
    /// The token.
    pub token: String,
    /// What writes it, to go with other insertions.
    pub insertion: InsertStatement,
}

/// The first refresh token of a grant; none for a client that may not refresh.
pub fn first(app: &App, client: &Client, grant: &Grant, now: Timestamp) -> Option<First> {
    client.may_use(GrantType::RefreshToken).then(|| {
        let token = app.random.token();
        First { insertion: insertion(app, &token, grant, now), token }
    })
}

/// Whether a stored token may still be used, as far as its own row says.
pub(super) fn live(row: &refresh_tokens::Model, now: Timestamp) -> bool {
    row.rotated_at.is_none() && row.expires_at > now.micros()
}

/// What became of a refresh token. A refusal here must be committed.
enum Rotated {
    Once(Box<Won>),
    Refused(TokenError),
}

struct Won {
    standing: Standing,
    resolved: Resolved,
    successor: String,
}

/// Rotates a refresh token and issues new tokens.
pub async fn rotate(
    app: &App,
    client: &Client,
    request: Refresh<'_>,
    origin: &Origin,
) -> Result<TokenResponse, TokenError> {
    if !client.may_use(GrantType::RefreshToken) {
        return Err(TokenError::GrantTypeNotAllowed);
    }
    let presented = request.refresh_token;
    let token_hash = crypto::token_hash(presented);
    let successor = app.random.token();
    let sealed = crypto::seal_for_holder(presented, successor.as_bytes())?;
    let now = app.clock.now();
    let rotated = app
        .db
        .write(async |tx| {
            let row = mark_rotated(tx, &token_hash, &sealed, now).await?;
            let first = row.is_some();
            let row = match row {
                Some(row) => row,
                None => match used_before(app, tx, client, &token_hash, origin, now).await? {
                    Ok(row) => row,
                    Err(refusal) => return Ok(Rotated::Refused(refusal)),
                },
            };
            let standing =
                grants::standing(app, tx, row.grant_id, now).await?.ok_or(TokenError::GrantEnded)?;
            // RFC 6749 section 6: bound to the client. An error undoes the rotation, so the token stays good for its own.
            if standing.grant.client_id != client.client_id() {
                return Err(TokenError::UnknownRefreshToken);
            }
            let resolved = narrow(app, client, &standing.grant, request.scope, request.resources)?;
            if !first {
                let successor = successor_of(&row, presented)?;
                return Ok(Rotated::Once(Box::new(Won { standing, resolved, successor })));
            }
            store(app, tx, &successor, &standing.grant, origin, now).await?;
            Ok(Rotated::Once(Box::new(Won { standing, resolved, successor })))
        })
        .await?;
    match rotated {
        Rotated::Refused(refusal) => Err(refusal),
        Rotated::Once(won) => {
            let what = Issue {
                client,
                grant: (&won.standing.grant).into(),
                user: won.standing.user.as_ref(),
                resolved: &won.resolved,
                // OpenID Connect Core section 12.2: a refreshed ID token should not have a nonce.
                nonce: None,
                refresh_token: Some(won.successor),
            };
            Ok(issue(app, what).await?)
        }
    }
}

/// Rotates a live token, once. Nothing when it is unknown, expired or rotated.
async fn mark_rotated(
    tx: &Transaction,
    token_hash: &[u8],
    successor_sealed: &[u8],
    now: Timestamp,
) -> Result<Option<refresh_tokens::Model>, DatabaseError> {
    let rotated = refresh_tokens::Entity::update_many()
        .col_expr(refresh_tokens::Column::RotatedAt, Expr::value(now.micros()))
        .col_expr(refresh_tokens::Column::SuccessorSealed, Expr::value(successor_sealed))
        .filter(refresh_tokens::Column::TokenHash.eq(token_hash))
        .filter(refresh_tokens::Column::RotatedAt.is_null())
        .filter(refresh_tokens::Column::ExpiresAt.gt(now.micros()))
        .exec_with_returning(tx)
        .await?;
    Ok(rotated.into_iter().next())
}

/// A token that could not be rotated: `Ok` with its row while its successor may still be handed out, otherwise the
/// refusal, after the grant was revoked where the token was used before (RFC 9700 section 4.14.2).
async fn used_before(
    app: &App,
    tx: &Transaction,
    client: &Client,
    token_hash: &[u8],
    origin: &Origin,
    now: Timestamp,
) -> Result<Result<refresh_tokens::Model, TokenError>, DatabaseError> {
    let row = refresh_tokens::Entity::find_by_id(token_hash.to_vec()).one(tx).await?;
    let Some(row) = row else { return Ok(Err(TokenError::UnknownRefreshToken)) };
    let Some(rotated_at) = row.rotated_at else { return Ok(Err(TokenError::RefreshTokenExpired)) };
    if now - Timestamp::from_micros(rotated_at) <= app.config.tokens.refresh_token_grace.duration() {
        return Ok(Ok(row));
    }
    let grant = grants::find(tx, row.grant_id).await?;
    // Another client that holds the token may not end the grant with it.
    if let Some(grant) = grant.filter(|grant| grant.client_id == client.client_id()) {
        grants::revoke_and_record(app, tx, &grant, "refresh_token_reused", origin, now).await?;
        return Ok(Err(TokenError::RefreshTokenReused));
    }
    Ok(Err(TokenError::UnknownRefreshToken))
}

fn successor_of(row: &refresh_tokens::Model, presented: &str) -> Result<String, TokenError> {
    let sealed = row.successor_sealed.as_deref().unwrap_or_default();
    let successor = crypto::open_as_holder(presented, sealed)?;
    String::from_utf8(successor).map_err(|_| crypto::CryptoError::Altered.into())
}

/// Stores the successor, records the rotation and counts it. One too many is an error and undoes all of it, the count
/// as well, which stays where the next rotation is too many again.
async fn store(
    app: &App,
    tx: &Transaction,
    successor: &str,
    grant: &Grant,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), TokenError> {
    let limit = Limit { name: "refreshes_per_grant", rate: app.config.limits.refreshes_per_grant };
    let subject = grant.id.to_string();
    let event = Event::new("refresh_token.rotated")
        .user(grant.user_id)
        .client(&grant.client_id)
        .session(grant.sid)
        .grant(grant.id);
    let insertions = [
        insertion(app, successor, grant, now),
        event.insertion(app, origin, now),
        rate_limit::insertion(limit, &subject, now),
    ];
    let counted = tx.insert_together(&insertions).await?;
    match rate_limit::judge(limit, &subject, counted, now)? {
        Taken::Within(_) => Ok(()),
        Taken::Limited { retry_after, .. } => Err(TokenError::TooManyRequests { retry_after }),
    }
}

/// What writes a token. It ends after `tokens.refresh_token_idle_lifetime` without use, and with its grant at the latest.
fn insertion(app: &App, token: &str, grant: &Grant, now: Timestamp) -> InsertStatement {
    let idle_end = now + app.config.tokens.refresh_token_idle_lifetime.duration();
    let row = refresh_tokens::Model {
        token_hash: crypto::token_hash(token),
        grant_id: grant.id,
        issued_at: now.micros(),
        expires_at: idle_end.micros().min(grant.expires_at),
        rotated_at: None,
        successor_sealed: None,
    };
    refresh_tokens::Entity::insert(refresh_tokens::ActiveModel::from(row).reset_all()).into_query()
}
