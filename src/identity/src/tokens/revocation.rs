//! Ends tokens on their client's wish (RFC 7009).
//!
//! Every token hangs off a grant, so revoking any of them revokes the grant: the refresh token and all access tokens of
//! it (section 2.1). For a token that a client holds in its own right, that is all of its own tokens; its next one hangs
//! off a new grant. `token_type_hint` is not needed to find a token, and is not looked at.

use postern_service::database::{DatabaseError, Transaction};
use postern_token_verifier::{KeySource as _, jws::Compact};
use uuid::Uuid;

use super::{handle::grant_of_jti, refresh_token};
use crate::{
    App,
    audit::Origin,
    clients::{self, Client},
    grants::{self, Grant},
};

const BECAUSE: &str = "revoked_by_client";

/// Why a token was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// It was issued to another client, and stays as it is (RFC 7009 section 2.1).
    #[error("the token was issued to another client")]
    OtherClient,
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// Revokes what `token` hangs off. A token that is unknown or dead already is revoked already.
pub async fn revoke(app: &App, client: &Client, token: &str, origin: &Origin) -> Result<(), RevocationError> {
    let now = app.clock.now();
    let own_token = access_token_grant(app, token).await;
    let renewed = app
        .db
        .write(async |tx| {
            let Some(grant) = grant_in(tx, own_token, token).await? else { return Ok(false) };
            if grant.client_id != client.client_id() {
                return Err(RevocationError::OtherClient);
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

/// The grant of an access token of ours. An expired one counts: its client may mean the grant.
async fn access_token_grant(app: &App, token: &str) -> Option<Uuid> {
    if let Ok(token) = app.verifier.verify(token).await {
        return grant_of_jti(&token.jti);
    }
    let jws = Compact::parse(token).ok()?.verify(&*app.own_keys.current()?).ok()?;
    if !jws.header.is_type("at+jwt") {
        return None;
    }
    grant_of_jti(&jws.claims().ok()?.require_string("jti").ok()?)
}

async fn grant_in(tx: &Transaction, own: Option<Uuid>, token: &str) -> Result<Option<Grant>, DatabaseError> {
    let grant_id = match own {
        Some(id) => Some(id),
        None => refresh_token::stored(tx, token).await?.map(|row| row.grant_id),
    };
    let Some(id) = grant_id else { return Ok(None) };
    grants::find(tx, id).await
}
