//! Issues and redeems authorization codes (RFC 6749 section 4.1, PKCE RFC 7636).
//!
//! Owns the single use of a code: the conditional update in [`mark_redeemed`] is the only gate. A replayed code revokes
//! its grant, at any time while the row is kept; a code that is redeemed too late, or with a wrong verifier or redirect
//! URI, stays consumed. Leaves to `issue` what is minted.
//!
//! A redemption is one write in three steps: the update that takes the code, the joined read of grant, user and session,
//! and the insertions of refresh token and record together.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::authorization_codes;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryTrait as _,
    sea_query::{Expr, InsertStatement},
};

use super::{
    Issue, TokenError, TokenResponse, issue, refresh_token,
    scope::{Resolved, narrow},
};
use crate::{
    App,
    audit::{Event, Origin},
    authorization::AuthorizationRequest,
    clients::{Client, GrantType},
    crypto,
    grants::{self, Grant, Standing},
};

/// What writes a code, to go with the insertion of its grant. Only its hash is stored.
///
/// The row is kept as long as the grant, so that a replay is seen whenever it comes.
pub fn insertion(
    code: &str,
    grant: &Grant,
    request: &AuthorizationRequest,
    now: Timestamp,
) -> InsertStatement {
    let row = authorization_codes::Model {
        code_hash: crypto::token_hash(code),
        grant_id: grant.id,
        client_id: grant.client_id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        code_challenge: Some(request.code_challenge.clone()),
        nonce: request.nonce.clone(),
        issued_at: now.micros(),
        expires_at: grant.expires_at,
        redeemed_at: None,
    };
    authorization_codes::Entity::insert(authorization_codes::ActiveModel::from(row).reset_all()).into_query()
}

/// A token request with a code (RFC 6749 section 4.1.3).
#[derive(Clone, Copy)]
pub struct Redemption<'a> {
    /// `code`.
    pub code: &'a str,
    /// `redirect_uri`.
    pub redirect_uri: Option<&'a str>,
    /// `code_verifier` (RFC 7636 section 4.5).
    pub code_verifier: Option<&'a str>,
    /// `resource` (RFC 8707 section 2.2), to narrow the access token.
    pub resources: &'a [String],
}

/// What became of a code. All but `Once` are refusals that must be committed.
enum Redeemed {
    Once(Box<Won>),
    Refused(TokenError),
}

struct Won {
    standing: Standing,
    resolved: Resolved,
    nonce: Option<String>,
    refresh_token: Option<String>,
}

/// Redeems a code.
pub async fn redeem(
    app: &App,
    client: &Client,
    request: Redemption<'_>,
    origin: &Origin,
) -> Result<TokenResponse, TokenError> {
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(TokenError::GrantTypeNotAllowed);
    }
    let code_hash = crypto::token_hash(request.code);
    let challenge = request.code_verifier.and_then(s256);
    let now = app.clock.now();
    let redeemed = app
        .db
        .write(async |tx| {
            let Some(code) = mark_redeemed(tx, client, &code_hash, now).await? else {
                return replayed(app, tx, client, &code_hash, origin, now).await.map(Redeemed::Refused);
            };
            if let Err(refusal) = check(app, &code, &request, challenge.as_deref(), now) {
                return Ok(Redeemed::Refused(refusal));
            }
            let standing =
                grants::standing(app, tx, code.grant_id, now).await?.ok_or(TokenError::GrantEnded)?;
            let resolved = narrow(app, client, &standing.grant, None, request.resources)?;
            let event = Event::new("code.redeemed")
                .user(standing.grant.user_id)
                .client(client.client_id())
                .session(standing.grant.sid)
                .grant(standing.grant.id);
            let mut insertions = vec![event.insertion(app, origin, now)];
            let refresh_token = refresh_token::first(app, client, &standing.grant, now).map(|first| {
                insertions.push(first.insertion);
                first.token
            });
            tx.insert_together(&insertions).await?;
            Ok(Redeemed::Once(Box::new(Won { standing, resolved, nonce: code.nonce, refresh_token })))
        })
        .await?;
    match redeemed {
        Redeemed::Refused(refusal) => Err(refusal),
        Redeemed::Once(won) => {
            let what = Issue {
                client,
                grant: (&won.standing.grant).into(),
                user: won.standing.user.as_ref(),
                resolved: &won.resolved,
                nonce: won.nonce.as_deref(),
                refresh_token: won.refresh_token,
            };
            Ok(issue(app, what).await?)
        }
    }
}

/// Takes the code, once. Nothing when it is unknown, another client's (RFC 6749 section 10.5) or taken.
async fn mark_redeemed(
    tx: &Transaction,
    client: &Client,
    code_hash: &[u8],
    now: Timestamp,
) -> Result<Option<authorization_codes::Model>, DatabaseError> {
    let taken = authorization_codes::Entity::update_many()
        .col_expr(authorization_codes::Column::RedeemedAt, Expr::value(now.micros()))
        .filter(authorization_codes::Column::CodeHash.eq(code_hash))
        .filter(authorization_codes::Column::ClientId.eq(client.client_id()))
        .filter(authorization_codes::Column::RedeemedAt.is_null())
        .exec_with_returning(tx)
        .await?;
    Ok(taken.into_iter().next())
}

/// RFC 6749 section 4.1.2: a code that comes twice has leaked, so what was issued for it ends.
async fn replayed(
    app: &App,
    tx: &Transaction,
    client: &Client,
    code_hash: &[u8],
    origin: &Origin,
    now: Timestamp,
) -> Result<TokenError, TokenError> {
    let code = authorization_codes::Entity::find_by_id(code_hash.to_vec())
        .one(tx)
        .await
        .map_err(DatabaseError::from)?;
    let Some(code) = code.filter(|code| code.client_id == client.client_id()) else {
        return Ok(TokenError::UnknownCode);
    };
    if let Some(grant) = grants::find(tx, code.grant_id).await? {
        grants::revoke_and_record(app, tx, &grant, "code_replayed", origin, now).await?;
    }
    Ok(TokenError::CodeReplayed)
}

fn check(
    app: &App,
    code: &authorization_codes::Model,
    request: &Redemption<'_>,
    challenge: Option<&str>,
    now: Timestamp,
) -> Result<(), TokenError> {
    if now - Timestamp::from_micros(code.issued_at) > app.config.tokens.code_lifetime.duration() {
        return Err(TokenError::CodeExpired);
    }
    // RFC 6749 section 4.1.3: identical to the one of the authorization request.
    if request.redirect_uri != Some(code.redirect_uri.as_str()) {
        return Err(TokenError::RedirectUri);
    }
    match (&code.code_challenge, request.code_verifier, challenge) {
        // RFC 7636 section 4.6.
        (Some(expected), Some(_), Some(shown)) if crypto::equal(expected.as_bytes(), shown.as_bytes()) => {
            Ok(())
        }
        // RFC 9700 section 4.8.2: a verifier without a challenge is a downgrade.
        (None, None, _) => Ok(()),
        _ => Err(TokenError::CodeVerifier),
    }
}

/// The S256 challenge of a well-formed verifier (RFC 7636 sections 4.1 and 4.2).
fn s256(verifier: &str) -> Option<String> {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let well_formed = (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved);
    well_formed.then(|| URL_SAFE_NO_PAD.encode(crypto::token_hash(verifier)))
}

#[cfg(test)]
mod tests {
    use super::s256;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let challenge = s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge.as_deref(), Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
    }

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        for (length, fits) in [(42, false), (43, true), (128, true), (129, false)] {
            assert_eq!(s256(&"a".repeat(length)).is_some(), fits, "{length}");
        }
        assert!(s256(&format!("{}+", "a".repeat(43))).is_none());
        assert!(s256(&format!("{}ä", "a".repeat(43))).is_none());
    }
}
