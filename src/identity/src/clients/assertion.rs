//! Verifies the JWT by which a client authenticates (RFC 7523 sections 2.2 and 3, OpenID Connect Core section 9).
//!
//! `private_key_jwt` is signed with a key of the client, `client_secret_jwt` with its secret (HS256). The client's
//! registration decides which key and algorithm verify a token, never the token. An assertion works once on all
//! nodes: [`mark_used`] is the only gate, and the last check. A success costs one verification and one write.

use std::sync::Arc;

use postern_entities::client_assertions;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, StatementResult},
};
use postern_token_verifier::{
    ClaimError, Claims, KeySet,
    jws::{Compact, Header, JwsError, VerifiedJws},
};
use sea_orm::sea_query::{OnConflict, Query};

use super::{
    Client, ClientAuthMethod, ClientKeySets, key_sets::KeySetFetchError, policy::AssertionAudienceRule,
    secrets,
};
use crate::{
    core::Core,
    crypto::{self, CryptoError},
    outbound::Outbound,
};

/// How far the clock of a client may differ, in seconds.
const LEEWAY: i64 = 30;

/// What the log shows of a value from an assertion, in characters.
const SHOWN: usize = 100;

/// Why an assertion is refused. `Display` is for the log: it says what came and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum AssertionError {
    #[error("assertion: its client is not known, or not enabled")]
    UnknownClient,
    #[error(
        "assertion: client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    )]
    UnknownType,
    /// The form or the signature is wrong, or the key is unknown.
    #[error("assertion: {0}")]
    Jws(#[from] JwsError),
    #[error("assertion: {0}")]
    Claim(#[from] ClaimError),
    #[error("assertion: {0}")]
    Keys(#[from] KeySetFetchError),
    /// The client may not authenticate by the method of this assertion.
    #[error("assertion: {found}, but the client is registered for {registered}")]
    Method { found: &'static str, registered: &'static str },
    #[error("assertion: typ is {0:?}, must be JWT")]
    Type(String),
    #[error("assertion: {claim} is {found:?}, must be the client_id")]
    NotTheClient { claim: &'static str, found: String },
    #[error("assertion: aud is {found:?}, must be one of {expected:?}")]
    Audience { found: Vec<String>, expected: Vec<String> },
    #[error("assertion: it expired at {exp}, it is {now}")]
    Expired { exp: i64, now: i64 },
    #[error("assertion: {claim} is {at}, it is {now}")]
    NotYetValid { claim: &'static str, at: i64, now: i64 },
    #[error("assertion: it lives until {exp}, which is longer than {longest} seconds")]
    TooLongLived { exp: i64, longest: i64 },
    #[error("assertion: this jti was used before")]
    Replayed,
    #[error("a secret of the client cannot be opened")]
    Crypto(#[from] CryptoError),
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// The client that an assertion says it is from. Nothing is verified yet.
pub fn asserted_client_id(assertion: &str) -> Option<String> {
    let mut claims = Compact::parse(assertion).ok()?.unverified_claims().ok()?;
    claims.take_string("sub").ok().flatten()
}

/// Verifies assertions that are presented at one endpoint.
pub struct AssertionVerifier<'a> {
    pub core: &'a Core,
    pub outbound: &'a Outbound,
    pub key_sets: &'a ClientKeySets,
    /// The path of the endpoint that is called.
    pub endpoint: &'a str,
    /// The path of the token endpoint.
    pub token_endpoint: &'a str,
}

impl AssertionVerifier<'_> {
    /// Verifies that the client made the assertion, for this provider, now, and that nobody used it before.
    pub async fn verify(
        &self,
        client: &Client,
        assertion: &str,
        now: Timestamp,
    ) -> Result<(), AssertionError> {
        let jws = Compact::parse(assertion)?;
        check_type(jws.unverified_header())?;
        let header = jws.unverified_header();
        let verified = if method(client, header)? == ClientAuthMethod::ClientSecretJwt {
            self.verify_hmac(client, assertion, now)?
        } else {
            let keys = self.keys(client, header).await?;
            match keys.only_key().filter(|_| header.kid.is_none()) {
                Some(key) => jws.verify_with(key)?,
                None => jws.verify(&keys)?,
            }
        };
        let (jti, exp) = self.check_claims(client, verified.claims()?, now.seconds())?;
        mark_used(self.core, client.client_id(), &jti, Timestamp::from_seconds(exp + 2 * LEEWAY)).await
    }

    fn verify_hmac(
        &self,
        client: &Client,
        assertion: &str,
        now: Timestamp,
    ) -> Result<VerifiedJws, AssertionError> {
        let mut outcome = Err(AssertionError::Jws(JwsError::Signature));
        for secret in secrets::open_live(&self.core.vault, client.client_id(), &client.secrets, now)? {
            outcome = Compact::parse(assertion)?.verify_hs256(&secret).map_err(AssertionError::from);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    async fn keys(&self, client: &Client, header: &Header) -> Result<Arc<KeySet>, AssertionError> {
        match (&client.keys, &client.row.jwks_uri) {
            (Some(keys), _) => Ok(Arc::clone(keys)),
            (None, Some(uri)) => {
                let of_client = (client.client_id(), uri.as_str());
                let by = (self.outbound, &self.core.clock);
                Ok(self.key_sets.find(by, of_client, header.kid.as_deref()).await?)
            }
            (None, None) => Err(JwsError::UnknownKey(header.kid.clone()).into()),
        }
    }

    /// RFC 7523 section 3. Returns `jti` and `exp`.
    fn check_claims(
        &self,
        client: &Client,
        mut claims: Claims,
        now: i64,
    ) -> Result<(String, i64), AssertionError> {
        for claim in ["iss", "sub"] {
            let found = claims.require_string(claim)?;
            if found != client.client_id() {
                return Err(AssertionError::NotTheClient { claim, found: shown(&found) });
            }
        }
        self.check_audience(client, &mut claims)?;
        let exp = claims.require_seconds("exp")?;
        if now >= exp.saturating_add(LEEWAY) {
            return Err(AssertionError::Expired { exp, now });
        }
        let iat = claims.take_seconds("iat")?;
        for (claim, at) in [("iat", iat), ("nbf", claims.take_seconds("nbf")?)] {
            if let Some(at) = at.filter(|at| *at > now + LEEWAY) {
                return Err(AssertionError::NotYetValid { claim, at, now });
            }
        }
        let longest = i64::try_from(client.policy.assertion_lifetime.seconds()).unwrap_or(i64::MAX);
        // The time of issue is the client's word, so the time that is left is bounded too.
        let too_long = exp - now > longest + LEEWAY || iat.is_some_and(|iat| exp - iat > longest);
        if too_long {
            return Err(AssertionError::TooLongLived { exp, longest });
        }
        Ok((claims.require_string("jti")?, exp))
    }

    /// Every audience must be this provider: an assertion that names another server too could be one that the
    /// other server was given and now presents here.
    fn check_audience(&self, client: &Client, claims: &mut Claims) -> Result<(), AssertionError> {
        let issuer = &self.core.config.issuer;
        let single = !claims.is_array("aud");
        let found = claims.require_audience()?;
        let mut expected = vec![issuer.clone()];
        let allowed = match client.policy.assertion_audience {
            AssertionAudienceRule::Issuer => single,
            AssertionAudienceRule::IssuerOrEndpoint => {
                expected.push(format!("{issuer}{}", self.token_endpoint));
                expected.push(format!("{issuer}{}", self.endpoint));
                expected.dedup();
                true
            }
        };
        if allowed && found.iter().all(|one| expected.contains(one)) {
            return Ok(());
        }
        Err(AssertionError::Audience {
            found: found.iter().map(|one| shown(one)).take(5).collect(),
            expected,
        })
    }
}

/// RFC 8725 section 3.11: a JWT of another kind is no assertion, also where its claims would fit.
fn check_type(header: &Header) -> Result<(), AssertionError> {
    match &header.typ {
        Some(typ) if !header.is_type("JWT") && !header.is_type("client-authentication+jwt") => {
            Err(AssertionError::Type(shown(typ)))
        }
        _ => Ok(()),
    }
}

/// The method by which the client authenticates with this assertion.
fn method(client: &Client, header: &Header) -> Result<ClientAuthMethod, AssertionError> {
    let method = if header.alg.starts_with("HS") {
        ClientAuthMethod::ClientSecretJwt
    } else {
        ClientAuthMethod::PrivateKeyJwt
    };
    if client.may_authenticate_by(method) {
        return Ok(method);
    }
    Err(AssertionError::Method { found: method.word(), registered: client.auth_method.word() })
}

/// Records that an assertion was used. Of several requests with the same `jti`, on whatever node, one succeeds.
async fn mark_used(
    core: &Core,
    client_id: &str,
    jti: &str,
    expires_at: Timestamp,
) -> Result<(), AssertionError> {
    use client_assertions::Column::{AssertionHash, ExpiresAt};
    // The length keeps the two texts apart.
    let hash = crypto::token_hash(&format!("{}:{client_id}{jti}", client_id.len()));
    let insert = Query::insert()
        .into_table(client_assertions::Entity)
        .columns([AssertionHash, ExpiresAt])
        .values_panic([hash.into(), expires_at.into()])
        .on_conflict(OnConflict::column(AssertionHash).do_nothing().to_owned())
        .to_owned();
    let done = core.db.write_batch(&[&insert], StatementResult::first_changed_a_row).await?;
    if StatementResult::first_changed_a_row(&done) { Ok(()) } else { Err(AssertionError::Replayed) }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}
