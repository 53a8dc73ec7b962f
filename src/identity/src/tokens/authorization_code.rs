//! Issues and redeems authorization codes (RFC 6749 section 4.1, PKCE RFC 7636).
//!
//! Owns the single use of a code: the conditional update in [`taking`] is the only gate. A replayed code revokes its
//! grant, at any time while the row is kept; a code that is redeemed too late, or with a wrong verifier or redirect URI,
//! stays consumed. Leaves to `issue` what is minted.
//!
//! A redemption is one joined read of code, grant, user and session, and one write in one step: the update that takes
//! the code while the grant is not revoked, the refresh token, the record.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::authorization_codes;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Done, Insertion},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult as _, QueryFilter, QueryTrait as _, Statement,
    StatementBuilder, UpdateMany, sea_query::Expr,
};

use super::{
    Issue, TokenError, TokenResponse, handle, issue,
    refresh_token::{self, First},
    scope::{OPENID, Scope, Wanted, narrow},
};
use crate::{
    App,
    audit::{Event, Origin},
    clients::{Client, GrantType},
    crypto,
    grants::{self, Grant, Standing},
};

/// What a code stands for.
#[derive(Clone, Debug)]
pub struct NewCode<'a> {
    /// The grant.
    pub grant: &'a Grant,
    /// `redirect_uri` of the authorization request.
    pub redirect_uri: &'a str,
    /// `code_challenge`, method S256.
    pub code_challenge: Option<&'a str>,
    /// `nonce`, for the ID token.
    pub nonce: Option<&'a str>,
}

/// A code, and what writes it, to go with the insertion of its grant. Only its hash is stored.
///
/// The row goes with its grant, so that a replay is seen whenever it comes.
pub fn new(app: &App, new: &NewCode<'_>, now: Timestamp) -> (String, Insertion) {
    let code = handle::secret(app, new.grant.id);
    let row = authorization_codes::Model {
        grant_id: new.grant.id,
        code_hash: crypto::token_hash(&code),
        redirect_uri: new.redirect_uri.to_owned(),
        code_challenge: new.code_challenge.map(str::to_owned),
        nonce: new.nonce.map(str::to_owned),
        issued_at: now.micros(),
        redeemed_at: None,
    };
    (code, Insertion::of(authorization_codes::ActiveModel::from(row)))
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
    /// `scope` and `resource`, to narrow the access token.
    pub wanted: Wanted<'a>,
}

/// Redeems a code.
pub async fn redeem(
    app: &App,
    client: &Client,
    request: Redemption<'_>,
    origin: &Origin,
) -> Result<TokenResponse, TokenError> {
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(TokenError::grant_type_not_allowed(client));
    }
    let now = app.clock.now();
    let found = find(app, app.db.reader(), client, request.code, now).await?;
    let (code, standing) = found.ok_or(TokenError::UnknownCode)?;
    if code.redeemed_at.is_some() {
        return Err(replayed(app, &code, origin, now).await?);
    }
    if let Err(refusal) = check(app, &code, &request, now) {
        return Err(consume(app, &code, origin, now).await?.unwrap_or(refusal));
    }
    let standing = standing.ok_or(TokenError::GrantEnded)?;
    // Libraries repeat the scope of the authorization request, with the words that were left out there.
    let mut target = narrow(app, client, &standing.grant, request.wanted, |_left_out| true)?;
    // OpenID Connect Core section 3.1.3.3: the ID token answers the authorization request, however narrow this one is.
    target.id_token |= Scope::stored(&standing.grant.scope).contains(OPENID);
    let first = refresh_token::first(app, client, &standing.grant, now);
    if !take(app, &code, &standing.grant, first.as_ref(), origin, now).await? {
        return Err(lost(app, client, request.code, origin, now).await?);
    }
    let what = Issue {
        client,
        grant: (&standing.grant).into(),
        user: standing.user.as_ref(),
        target: &target,
        nonce: code.nonce.as_deref(),
        refresh_token: first.map(|first| first.token),
    };
    Ok(issue(app, what).await?)
}

type Code = authorization_codes::Model;

/// The code of a client (RFC 6749 section 10.5) and what it stands for, if that stands.
async fn find(
    app: &App,
    db: &impl ConnectionTrait,
    client: &Client,
    code: &str,
    now: Timestamp,
) -> Result<Option<(Code, Option<Standing>)>, DatabaseError> {
    static BY_KEY: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT c.grant_id AS c_grant_id, c.code_hash AS c_code_hash, c.redirect_uri AS c_redirect_uri, \
             c.code_challenge AS c_code_challenge, c.nonce AS c_nonce, c.issued_at AS c_issued_at, \
             c.redeemed_at AS c_redeemed_at, {} \
             FROM authorization_codes c JOIN grants g ON g.id = c.grant_id {} \
             WHERE c.grant_id = $1 AND c.code_hash = $2 AND g.client_id = $3",
            Standing::COLUMNS,
            Standing::JOINS
        )
    });
    let Some(grant_id) = handle::grant_of_secret(code) else { return Ok(None) };
    let values = [grant_id.into(), crypto::token_hash(code).into(), client.client_id().into()];
    let by_key = Statement::from_sql_and_values(app.db.backend(), &*BY_KEY, values);
    let Some(row) = db.query_one_raw(by_key).await? else { return Ok(None) };
    Ok(Some((Code::from_query_result(&row, "c_")?, Standing::read(app, &row, now)?)))
}

/// The update that takes a code, once: the only gate.
fn taking(code: &Code, now: Timestamp) -> UpdateMany<authorization_codes::Entity> {
    authorization_codes::Entity::update_many()
        .col_expr(authorization_codes::Column::RedeemedAt, Expr::value(now.micros()))
        .filter(authorization_codes::Column::GrantId.eq(code.grant_id))
        .filter(authorization_codes::Column::RedeemedAt.is_null())
}

/// Takes a code, and writes what it gives. False, with nothing written, when it was taken or its grant revoked meanwhile.
async fn take(
    app: &App,
    code: &Code,
    grant: &Grant,
    first: Option<&First>,
    origin: &Origin,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let taking = taking(code, now).filter(grants::not_revoked(grant.id)).into_query();
    let event = Event::new("code.redeemed")
        .user(grant.user_id)
        .client(&grant.client_id)
        .session(grant.sid)
        .grant(grant.id)
        .insertion(app, origin, now);
    let mut statements: Vec<&dyn StatementBuilder> = vec![&taking, &event];
    statements.extend(first.map(|first| &first.insertion as &dyn StatementBuilder));
    let done = app.db.write_together(&statements, Done::first_changed_a_row).await?;
    Ok(Done::first_changed_a_row(&done))
}

/// Takes a code that gives nothing. Answers what to say instead when it was taken meanwhile.
async fn consume(
    app: &App,
    code: &Code,
    origin: &Origin,
    now: Timestamp,
) -> Result<Option<TokenError>, DatabaseError> {
    let taken =
        app.db.write(async |tx| -> Result<_, DatabaseError> { Ok(taking(code, now).exec(tx).await?) });
    match taken.await?.rows_affected {
        0 => replayed(app, code, origin, now).await.map(Some),
        _ => Ok(None),
    }
}

/// Somebody else was first, with the code or with ending its grant. Only a write sees what is not durable yet.
async fn lost(
    app: &App,
    client: &Client,
    code: &str,
    origin: &Origin,
    now: Timestamp,
) -> Result<TokenError, DatabaseError> {
    match app.db.write(async |tx| find(app, tx, client, code, now).await).await? {
        Some((code, _)) if code.redeemed_at.is_some() => replayed(app, &code, origin, now).await,
        _ => Ok(TokenError::GrantEnded),
    }
}

/// RFC 6749 section 4.1.2: a code that comes twice has leaked, so what was issued for it ends.
async fn replayed(
    app: &App,
    code: &Code,
    origin: &Origin,
    now: Timestamp,
) -> Result<TokenError, DatabaseError> {
    app.db
        .write(async |tx| {
            if let Some(grant) = grants::find(tx, code.grant_id).await? {
                grants::revoke_and_record(app, tx, &grant, "code_replayed", origin, now).await?;
            }
            Ok(TokenError::CodeReplayed)
        })
        .await
}

fn check(app: &App, code: &Code, request: &Redemption<'_>, now: Timestamp) -> Result<(), TokenError> {
    if now - Timestamp::from_micros(code.issued_at) > app.config.tokens.code_lifetime.duration() {
        return Err(TokenError::CodeExpired);
    }
    // RFC 6749 section 4.1.3: identical to the one of the authorization request.
    if request.redirect_uri != Some(code.redirect_uri.as_str()) {
        return Err(TokenError::redirect_uri(request.redirect_uri, &code.redirect_uri));
    }
    let proven = match (&code.code_challenge, request.code_verifier) {
        // RFC 7636 section 4.6.
        (Some(expected), Some(verifier)) => {
            s256(verifier).is_some_and(|shown| crypto::equal(expected.as_bytes(), shown.as_bytes()))
        }
        // RFC 9700 section 4.8.2: a verifier without a challenge is a downgrade.
        (challenge, verifier) => challenge.is_none() && verifier.is_none(),
    };
    if proven { Ok(()) } else { Err(TokenError::CodeVerifier) }
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
