//! Ends tokens on their client's wish (RFC 7009).
//!
//! Every token hangs off a grant, so revoking any of them revokes the grant: the refresh token and all access tokens of
//! it (section 2.1). For a token that a client holds in its own right, that is all of its own tokens; its next one hangs
//! off a new grant. `token_type_hint` is not needed to find a token, and is not looked at.
//!
//! A public client proves nothing, so whoever has seen one of its access tokens could end its grant. A resource server
//! sees those that are for it: such a token ends nothing, which is recorded. The refresh token ends the grant.

use std::num::NonZeroU32;

use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
    settings::{Lifetime, Per, Rate},
};
use postern_token_verifier::{KeySource as _, Refusal, jws::Compact};
use serde_json::json;
use uuid::Uuid;

use super::{access_token::is_for_issuer_alone, handle::grant_of_jti, refresh_token};
use crate::{
    App,
    audit::{Event, Origin},
    clients::{self, Client},
    grants::{self, Grant},
    rate_limit::{self, Limit, Taken},
};

const BECAUSE: &str = "revoked_by_client";

/// Why a token was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// It was issued to another client, and stays as it is (RFC 7009 section 2.1).
    #[error("the token was issued to another client")]
    OtherClient,
    /// Nobody knows just now which key signed it, so it may be alive (section 2.2.1).
    #[error("the keys of the issuer are not available")]
    KeysUnavailable,
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// Revokes what `token` hangs off. A token that is unknown or dead already is revoked already.
pub async fn revoke(app: &App, client: &Client, token: &str, origin: &Origin) -> Result<(), RevocationError> {
    let now = app.clock.now();
    let access_token = read_access_token(app, token).await?;
    let renewed = app
        .db
        .write(async |tx| {
            let own = access_token.as_ref().map(|token| token.grant_id);
            let Some(grant) = grant_in(tx, own, token).await? else { return Ok(false) };
            if grant.client_id != client.client_id() {
                return Err(RevocationError::OtherClient);
            }
            if client.public() && access_token.as_ref().is_some_and(|token| !token.for_issuer_alone) {
                record_unheeded(app, tx, &grant, origin, now).await?;
                return Ok(false);
            }
            if grant.user_id.is_none() {
                grants::renew_own(app, tx, &grant, BECAUSE, origin, now).await?;
                return Ok(true);
            }
            grants::revoke_and_record(app, tx, &grant, BECAUSE, origin, now).await?;
            Ok(false)
        })
        .await?;
    if renewed {
        app.reload(clients::TOPIC).await?;
    }
    Ok(())
}

/// Records that a token which others have too was to end its grant: once in a while for each grant, because whoever has
/// the token may ask again and again.
async fn record_unheeded(
    app: &App,
    tx: &Transaction,
    grant: &Grant,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let once = Rate { count: NonZeroU32::MIN, period: Lifetime::from_secs(15 * 60), per: Per::Grant };
    let limit = Limit { name: "unheeded_revocations", rate: once };
    if let Taken::Limited { .. } = rate_limit::take(tx, limit, &grant.id.to_string(), now).await? {
        return Ok(());
    }
    Event::new("grant.revocation_unheeded")
        .user(grant.user_id)
        .client(&grant.client_id)
        .session(grant.sid)
        .grant(grant.id)
        .details(json!({ "because": "access_token_of_a_resource" }))
        .record(app, tx, origin, now)
        .await
}

/// What an access token of ours says of its grant.
struct OwnAccessToken {
    grant_id: Uuid,
    for_issuer_alone: bool,
}

/// Reads an access token of ours. An expired one counts: its client may mean the grant.
async fn read_access_token(app: &App, token: &str) -> Result<Option<OwnAccessToken>, RevocationError> {
    let read = match app.verifier.verify(token).await {
        Ok(token) => Some((token.jti.clone(), token.aud.clone())),
        Err(Refusal::KeysUnavailable) => return Err(RevocationError::KeysUnavailable),
        Err(_refusal) => expired(app, token),
    };
    Ok(read.and_then(|(jti, audience)| {
        let for_issuer_alone = is_for_issuer_alone(app, &audience);
        Some(OwnAccessToken { grant_id: grant_of_jti(&jti)?, for_issuer_alone })
    }))
}

fn expired(app: &App, token: &str) -> Option<(String, Vec<String>)> {
    let jws = Compact::parse(token).ok()?.verify(&*app.own_keys.current()?).ok()?;
    if !jws.header.is_type("at+jwt") {
        return None;
    }
    let mut claims = jws.claims().ok()?;
    if claims.require_string("iss").ok()? != app.config.issuer {
        return None;
    }
    Some((claims.require_string("jti").ok()?, claims.require_audience().ok()?))
}

async fn grant_in(tx: &Transaction, own: Option<Uuid>, token: &str) -> Result<Option<Grant>, DatabaseError> {
    let grant_id = match own {
        Some(id) => Some(id),
        None => refresh_token::stored(tx, token).await?.map(|row| row.grant_id),
    };
    let Some(id) = grant_id else { return Ok(None) };
    grants::find(tx, id).await
}
