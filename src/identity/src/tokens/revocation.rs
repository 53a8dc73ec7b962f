//! Revokes tokens at their client's request (RFC 7009).
//!
//! Every token belongs to a grant, and the revocation of any token revokes the grant with all its tokens
//! (section 2.1). For client credentials that ends all tokens of the client's own grant; the next token
//! belongs to a new grant. A token is found without `token_type_hint`, which is ignored.
//!
//! A public client does not authenticate, so any party that has seen one of its access tokens could revoke
//! the grant. A resource server sees the access tokens for its audience. So for a public client such an
//! access token revokes nothing, and the attempt is recorded. Its refresh token does revoke the grant.

use std::num::NonZeroU32;

use postern_service::{
    database::{DatabaseError, Transaction},
    settings::{Lifetime, Rate, RateKey},
};
use postern_token_verifier::{KeySource as _, Refusal, jws::Compact};
use serde_json::json;
use uuid::Uuid;

use super::{access_token::audience_is_issuer_only, refresh_token, token_value::grant_id_from_jti};
use crate::{
    App,
    audit::Event,
    clients::{self, Client},
    core::{RequestContext, Write},
    grants::{self, EndCause, Grant, GrantSelection},
    rate_limit::{self, Limit, TakeOutcome},
};

/// Why a token was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// The token was issued to another client and is not revoked (RFC 7009 section 2.1).
    #[error("the token was issued to another client")]
    OtherClient,
    /// The signing key cannot be looked up now, so the token may be valid (section 2.2.1).
    #[error("the keys of the issuer are not available")]
    KeysUnavailable,
    /// A database operation failed.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// Revokes the grant of `token`. An unknown or expired token counts as revoked already.
pub async fn revoke(
    app: &App,
    client: &Client,
    token: &str,
    context: &RequestContext,
) -> Result<(), RevocationError> {
    let access_token = read_access_token(app, token).await?;
    let renewed = app
        .write(context, async |write| {
            let own = access_token.as_ref().map(|token| token.grant_id);
            let Some(grant) = find_grant(write, own, token).await? else { return Ok(false) };
            if grant.client_id != client.client_id() {
                return Err(RevocationError::OtherClient);
            }
            if client.public() && access_token.as_ref().is_some_and(|token| !token.issuer_only) {
                record_ignored_revocation(write, &grant).await?;
                return Ok(false);
            }
            if grant.user_id.is_none() {
                grants::renew_own_grant(write, &grant, EndCause::RevokedByClient).await?;
                return Ok(true);
            }
            grants::end(write, GrantSelection::One(grant.id), EndCause::RevokedByClient).await?;
            Ok(false)
        })
        .await?;
    if renewed {
        app.reload(clients::TOPIC).await?;
    }
    Ok(())
}

/// Records a revocation that was ignored because resource servers hold the token as well. At most one event
/// for each grant and period: the holder of the token may repeat the request.
async fn record_ignored_revocation(write: &Write<'_>, grant: &Grant) -> Result<(), DatabaseError> {
    let once = Rate { count: NonZeroU32::MIN, period: Lifetime::from_secs(15 * 60), key: RateKey::Grant };
    let limit = Limit { name: "unheeded_revocations", rate: once };
    if let TakeOutcome::Limited { .. } = rate_limit::take(write, limit, &grant.id.to_string()).await? {
        return Ok(());
    }
    Event::new("grant.revocation_unheeded")
        .user(grant.user_id)
        .client(&grant.client_id)
        .session(grant.sid)
        .grant(grant.id)
        .details(json!({ "because": "access_token_of_a_resource" }))
        .record(write)
        .await
}

/// Facts from an access token of this issuer.
struct OwnAccessToken {
    grant_id: Uuid,
    issuer_only: bool,
}

/// Verifies an access token of this issuer. An expired token is accepted: its client may want to revoke the
/// grant.
async fn read_access_token(app: &App, token: &str) -> Result<Option<OwnAccessToken>, RevocationError> {
    let read = match app.verifier.verify(token).await {
        Ok(token) => Some((token.jti.clone(), token.aud.clone())),
        Err(Refusal::KeysUnavailable) => return Err(RevocationError::KeysUnavailable),
        Err(_refusal) => verify_ignoring_expiry(app, token),
    };
    Ok(read.and_then(|(jti, audience)| {
        let issuer_only = audience_is_issuer_only(app, &audience);
        Some(OwnAccessToken { grant_id: grant_id_from_jti(&jti)?, issuer_only })
    }))
}

fn verify_ignoring_expiry(app: &App, token: &str) -> Option<(String, Vec<String>)> {
    let jws = Compact::parse(token).ok()?.verify(&*app.signing_keys.public().current()?).ok()?;
    if !jws.header.is_type("at+jwt") {
        return None;
    }
    let mut claims = jws.claims().ok()?;
    if claims.require_string("iss").ok()? != app.config.issuer {
        return None;
    }
    Some((claims.require_string("jti").ok()?, claims.require_audience().ok()?))
}

async fn find_grant(
    tx: &Transaction,
    own: Option<Uuid>,
    token: &str,
) -> Result<Option<Grant>, DatabaseError> {
    let grant_id = match own {
        Some(id) => Some(id),
        None => refresh_token::find_row(tx, token).await?.map(|row| row.grant_id),
    };
    let Some(id) = grant_id else { return Ok(None) };
    grants::find(tx, id).await
}
