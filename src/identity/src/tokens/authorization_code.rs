//! Issues and redeems authorization codes (RFC 6749 section 4.1, PKCE RFC 7636).
//!
//! ```text
//!   issued ──redeemed in time, verifier and redirect URI match──► redeemed ────────────┬─presented──► grant
//!      └─────expired, or wrong verifier or redirect URI─────────► redeemed, no tokens ─┘   again     revoked
//! ```
//!
//! Owns the single use of a code: the conditional update in [`mark_redeemed_statement`] is the only gate. A
//! replayed code revokes its grant, at any time while the row exists. A code that is redeemed too late, or
//! with a wrong verifier or redirect URI, stays redeemed. Leaves the signing of tokens to `issue`.
//!
//! A redemption is one joined read of code, grant, user and session, and one batch of writes: the update that
//! redeems the code while the grant is not revoked, the refresh token, the audit event.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::{authorization_codes, columns_as};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion, StatementResult},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult as _, QueryFilter, QueryTrait as _, Statement,
    StatementBuilder, UpdateMany, sea_query::Expr,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    IssueRequest, TokenError, TokenResponse, issue,
    refresh_token::{self, NewRefreshToken},
    scope::{RequestedTarget, narrow},
    token_value,
};
use crate::{
    App,
    audit::Event,
    clients::{Client, GrantType},
    core::RequestContext,
    crypto,
    grants::{self, ActiveGrant, EndCause, Grant, GrantSelection},
    scope::OPENID,
};

/// What is stored with a new code.
#[derive(Clone, Debug)]
pub struct NewAuthorizationCode<'a> {
    /// The grant under which the code is redeemed.
    pub grant: &'a Grant,
    pub redirect_uri: &'a str,
    /// Method S256 (RFC 7636 section 4.2).
    pub code_challenge: Option<&'a str>,
    pub nonce: Option<&'a str>,
}

/// A new code and its insertion, for the batch that inserts the grant. Only the hash of the code is stored.
///
/// The row lives as long as its grant, so that a replay is detected at any time.
pub fn new(app: &App, new: &NewAuthorizationCode<'_>, now: Timestamp) -> (SecretString, Insertion) {
    let code = token_value::new_secret(app, new.grant.id);
    let row = authorization_codes::Model {
        grant_id: new.grant.id,
        code_hash: crypto::token_hash(code.expose_secret()),
        redirect_uri: new.redirect_uri.to_owned(),
        code_challenge: new.code_challenge.map(str::to_owned),
        nonce: new.nonce.map(str::to_owned),
        issued_at: now,
        redeemed_at: None,
    };
    (code, Insertion::from_active_model(authorization_codes::ActiveModel::from(row)))
}

/// A token request with a code (RFC 6749 section 4.1.3).
#[derive(Clone, Copy)]
pub struct RedemptionRequest<'a> {
    pub code: &'a str,
    pub redirect_uri: Option<&'a str>,
    pub code_verifier: Option<&'a str>,
    /// `scope` and `resource`, which narrow the access token.
    pub target: RequestedTarget<'a>,
}

pub async fn redeem(
    app: &App,
    client: &Client,
    request: RedemptionRequest<'_>,
    context: &RequestContext,
) -> Result<TokenResponse, TokenError> {
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(TokenError::grant_type_not_allowed(client));
    }
    let now = context.now;
    let found = find(app, app.db.reader(), client, request.code, now).await?;
    let (code, active_grant) = found.ok_or(TokenError::UnknownCode)?;
    if code.redeemed_at.is_some() {
        return Err(revoke_replayed(app, &code, context).await?);
    }
    if let Err(refusal) = check_redemption(app, &code, &request, now) {
        return Err(consume(app, &code, context).await?.unwrap_or(refusal));
    }
    let active_grant = active_grant.ok_or(TokenError::GrantEnded)?;
    // Some libraries repeat the scope of the authorization request, with the values that were not granted.
    // These are tolerated.
    let mut target = narrow(app, client, &active_grant.grant, request.target, |_left_out| true)?;
    // OpenID Connect Core section 3.1.3.3: the ID token answers the authorization request, even if this
    // request narrows the scope.
    target.id_token |= active_grant.grant.scope.contains(OPENID);
    let first = refresh_token::new_for_grant(app, client, &active_grant.grant, now);
    if !mark_redeemed(app, &code, &active_grant.grant, first.as_ref(), context).await? {
        return Err(lost_race_cause(app, client, request.code, context).await?);
    }
    let issue_request = IssueRequest {
        client,
        grant: (&active_grant.grant).into(),
        user: active_grant.user.as_ref(),
        target: &target,
        nonce: code.nonce.as_deref(),
        refresh_token: first.map(|first| first.token),
    };
    Ok(issue(app, issue_request).await?)
}

type AuthorizationCode = authorization_codes::Model;

/// A code of this client (RFC 6749 section 10.5), with its grant if that is active.
async fn find(
    app: &App,
    db: &impl ConnectionTrait,
    client: &Client,
    code: &str,
    now: Timestamp,
) -> Result<Option<(AuthorizationCode, Option<ActiveGrant>)>, DatabaseError> {
    static BY_KEY: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT {}, {} FROM authorization_codes c JOIN grants g ON g.id = c.grant_id {} \
             WHERE c.grant_id = $1 AND c.code_hash = $2 AND g.client_id = $3",
            columns_as::<authorization_codes::Entity>("c"),
            ActiveGrant::columns(),
            ActiveGrant::JOINS
        )
    });
    let Some(grant_id) = token_value::grant_id_from_secret(code) else { return Ok(None) };
    let values = [grant_id.into(), crypto::token_hash(code).into(), client.client_id().into()];
    let by_key = Statement::from_sql_and_values(app.db.backend(), &*BY_KEY, values);
    let Some(row) = db.query_one_raw(by_key).await? else { return Ok(None) };
    Ok(Some((
        AuthorizationCode::from_query_result(&row, "c_")?,
        ActiveGrant::from_row(&app.clients(), &row, now)?,
    )))
}

/// Marks a code as redeemed. This conditional update is the only gate.
fn mark_redeemed_statement(
    code: &AuthorizationCode,
    now: Timestamp,
) -> UpdateMany<authorization_codes::Entity> {
    authorization_codes::Entity::update_many()
        .col_expr(authorization_codes::Column::RedeemedAt, Expr::value(now))
        .filter(authorization_codes::Column::GrantId.eq(code.grant_id))
        .filter(authorization_codes::Column::RedeemedAt.is_null())
}

/// Marks a code as redeemed and writes what it yields. False, with nothing written, if the code was redeemed
/// or its grant revoked meanwhile.
async fn mark_redeemed(
    app: &App,
    code: &AuthorizationCode,
    grant: &Grant,
    first: Option<&NewRefreshToken>,
    context: &RequestContext,
) -> Result<bool, DatabaseError> {
    let mark_redeemed = mark_redeemed_statement(code, context.now)
        .filter(grants::not_revoked_condition(grant.id))
        .into_query();
    let event = Event::new("code.redeemed")
        .user(grant.user_id)
        .client(&grant.client_id)
        .session(grant.sid)
        .grant(grant.id)
        .insert_statement(app, context);
    let mut statements: Vec<&dyn StatementBuilder> = vec![&mark_redeemed, &event];
    statements.extend(first.map(|first| &first.insertion as &dyn StatementBuilder));
    let done = app.db.write_batch(&statements, StatementResult::first_changed_a_row).await?;
    Ok(StatementResult::first_changed_a_row(&done))
}

/// Marks a code as redeemed that yields no tokens. Returns another cause if the code was redeemed meanwhile.
async fn consume(
    app: &App,
    code: &AuthorizationCode,
    context: &RequestContext,
) -> Result<Option<TokenError>, DatabaseError> {
    let taken = app.write(context, async |write| -> Result<_, DatabaseError> {
        Ok(mark_redeemed_statement(code, context.now).exec(write).await?)
    });
    match taken.await?.rows_affected {
        0 => revoke_replayed(app, code, context).await.map(Some),
        _ => Ok(None),
    }
}

/// The cause of a lost race: another request has redeemed the code or revoked its grant. The row is read
/// within a write, because only a write sees rows that are not durable yet.
async fn lost_race_cause(
    app: &App,
    client: &Client,
    code: &str,
    context: &RequestContext,
) -> Result<TokenError, DatabaseError> {
    match app.write(context, async |write| find(app, write, client, code, write.now()).await).await? {
        Some((code, _)) if code.redeemed_at.is_some() => revoke_replayed(app, &code, context).await,
        _ => Ok(TokenError::GrantEnded),
    }
}

/// RFC 6749 section 4.1.2: a code that is presented twice may have leaked, so the tokens issued for it are
/// revoked.
async fn revoke_replayed(
    app: &App,
    code: &AuthorizationCode,
    context: &RequestContext,
) -> Result<TokenError, DatabaseError> {
    app.write(context, async |write| {
        grants::end(write, GrantSelection::One(code.grant_id), EndCause::CodeReplayed).await?;
        Ok(TokenError::CodeReplayed)
    })
    .await
}

fn check_redemption(
    app: &App,
    code: &AuthorizationCode,
    request: &RedemptionRequest<'_>,
    now: Timestamp,
) -> Result<(), TokenError> {
    if now - code.issued_at > app.config.tokens.code_lifetime.duration() {
        return Err(TokenError::CodeExpired);
    }
    // RFC 6749 section 4.1.3: identical to the value of the authorization request.
    if request.redirect_uri != Some(code.redirect_uri.as_str()) {
        return Err(TokenError::redirect_uri_mismatch(request.redirect_uri, &code.redirect_uri));
    }
    check_code_verifier(code.code_challenge.as_deref(), request.code_verifier)
}

fn check_code_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), TokenError> {
    let found = match (challenge, verifier) {
        // RFC 7636 section 4.6.
        (Some(expected), Some(verifier)) => match s256(verifier) {
            Some(shown) if crypto::constant_time_equal(expected.as_bytes(), shown.as_bytes()) => {
                return Ok(());
            }
            Some(_) => "of another code_challenge",
            None => "not 43 to 128 letters, digits or the characters - . _ ~",
        },
        (None, None) => return Ok(()),
        (Some(_), None) => "missing",
        // RFC 9700 section 4.8.2: a verifier without a challenge indicates a PKCE downgrade attack.
        (None, Some(_)) => "there, and the authorization request had no code_challenge",
    };
    Err(TokenError::CodeVerifier { found })
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
