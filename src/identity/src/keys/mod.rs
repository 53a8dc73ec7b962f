//! Defines the life cycle of signing keys.
//!
//! ```text
//!              publish_before passed        rotate           last token has expired
//!   (made) ──► next ───────────────────► active ──────► retiring ──────────────────► (deleted)
//!               │ published, never signs    │ signs         │ published, never signs
//!               └─────── retire (a compromised key, at once) ──────────────────────► (deleted)
//! ```
//!
//! Owns `signing_keys` and every transition. Leaves signing to `ring` and the format of tokens to
//! `tokens::issue`.
//!
//! JWKS contains keys of all three states. A `next` key is published for `keys.publish_before` before it may
//! sign. A verifier that refreshes its key set within that time knows the key before it meets a token signed
//! with it: [`jwks_max_age`], the longest caching time of the document, is at most half of that time.
//! `rotate` refuses a younger key unless `force` is set. A forced rotation is still safe if the key was
//! published for longer than verifiers cache the document. A second forced rotation at once is not: verifiers
//! then fetch the set again for the unknown `kid`, as they do after an emergency.
//!
//! For each algorithm at most one key is active and one is next. Two partial unique indexes decide which of
//! several nodes creates the key; the other nodes use that key. Private keys are sealed, bound to their row.
//! A node with an outdated ring keeps signing with the retiring key, so that key stays published for longer
//! than its last token needs.

mod info;
mod issuer_key_source;
mod pair;
mod ring;
mod store;
mod usage;

use std::{collections::HashSet, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use josekit::JoseError;
use postern_entities::signing_keys;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, changes},
};
use postern_token_verifier::{Algorithm, KeySetError, LocalKeys};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use serde_json::{Value, json};

use self::issuer_key_source::IssuerKeySource;
pub use self::{
    info::KeyInfo,
    ring::{Jwks, KeyRing, KeyRingError, SignError, TokenType},
    store::KeyState,
};
use self::{
    info::info,
    pair::KeyPair,
    store::{algorithm_of, associated_data, find, insert, load, transition},
    usage::algorithms_in_use,
};
use crate::{
    audit::Event,
    config::Config,
    core::{Core, RequestContext, Write},
    crypto::{CryptoError, Vault},
    pool::{Busy, ComputePool},
};

/// The recurring job that runs [`SigningKeys::maintain`].
pub const JOB: &str = "keys.maintain";

/// The topic of the change announcement for signing keys.
pub const TOPIC: &str = "keys";

/// How long a retired key stays published after its last token has expired. Covers clock skew, and nodes that
/// sign with the key until they learn of the rotation.
const RETIRING_MARGIN: Duration = Duration::from_mins(5);

const MAX_JWKS_MAX_AGE: Duration = Duration::from_mins(5);

/// The `kid` of each key that took part in a rotation. Written as the details of the audit event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rotation {
    pub active: String,
    pub retiring: String,
    pub next: String,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The next key was published for less than `keys.publish_before`.
    #[error("the next key may not sign before {}", .ready_at.rfc3339())]
    NextKeyNotReady { ready_at: Timestamp },
    /// Another node or command changed the keys meanwhile.
    #[error("the keys were changed by somebody else at the same time")]
    ConcurrentChange,
    #[error("there is no key {0}")]
    Unknown(String),
    #[error("no key of {0} is active: no client, resource or setting uses it")]
    NotInUse(Algorithm),
    #[error("a key pair could not be made")]
    Generate(#[from] JoseError),
    /// The queue of slow operations is full.
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error("a private key could not be sealed")]
    Seal(#[from] CryptoError),
    /// A stored private key cannot be used.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
    /// The stored public keys are not a valid key set.
    #[error("the public keys cannot be read")]
    Public(#[from] KeySetError),
    /// A database operation failed.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// The `max-age` of JWKS: at most half of the time for which a key is published before it signs.
pub fn jwks_max_age(config: &Config) -> Duration {
    (config.keys.publish_before.duration() / 2).min(MAX_JWKS_MAX_AGE)
}

/// The issuer's signing keys: those in memory, and their life cycle in the database.
pub struct SigningKeys {
    ring: ArcSwap<KeyRing>,
    /// The public keys, for the issuer's own verifier.
    public: LocalKeys,
    /// Runs slow signatures and the generation of keys.
    pool: ComputePool,
}

impl SigningKeys {
    /// Loads the keys at start, and creates the missing active keys. On the first start they may sign at once, because
    /// no verifier has fetched the key set yet; see [`SigningKeys::ensure`] for later ones.
    pub(crate) async fn load_or_create(core: &Core) -> Result<Self, KeyError> {
        let pool = ComputePool::default();
        let stored = load(core.db.reader()).await?;
        for algorithm in algorithms_in_use(core).await? {
            if find(&stored, algorithm, KeyState::Active).is_none() {
                create(core, &pool, algorithm, KeyState::Active).await?;
            }
        }
        let ring = KeyRing::from_rows(&core.vault, &load(core.db.reader()).await?)?;
        Ok(Self { public: LocalKeys::new(ring.key_set()?), ring: ArcSwap::from_pointee(ring), pool })
    }

    /// Creates the missing active keys of algorithms that come into use.
    ///
    /// Such a key signs as soon as it is published, because nothing was signed by its algorithm before. A verifier
    /// with a cached key set fetches the set again for the unknown `kid`, as it does after an emergency.
    pub async fn ensure(
        &self,
        core: &Core,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Result<(), KeyError> {
        for algorithm in algorithms {
            self.ensure_key(core, algorithm, KeyState::Active).await?;
        }
        Ok(())
    }

    /// The keys in memory.
    pub fn ring(&self) -> Arc<KeyRing> {
        self.ring.load_full()
    }

    /// The public keys in memory.
    pub fn public(&self) -> &LocalKeys {
        &self.public
    }

    /// The key source of the issuer's own verifier.
    pub(crate) fn verifier_source(&self, core: &Core) -> IssuerKeySource {
        IssuerKeySource { keys: self.public.clone(), db: core.db.clone() }
    }

    /// Signs claims as a compact JWS with the active key of `algorithm`.
    pub async fn sign(
        &self,
        algorithm: Algorithm,
        token_type: TokenType,
        claims: &impl Serialize,
    ) -> Result<String, SignError> {
        self.ring().sign(&self.pool, algorithm, token_type, claims).await
    }

    /// Reloads the keys and uses them from now on.
    pub(crate) async fn reload(&self, core: &Core) -> Result<(), KeyError> {
        let rows = load(core.db.reader()).await?;
        let ring = KeyRing::from_rows(&core.vault, &rows)?;
        self.public.set(ring.key_set()?);
        self.ring.store(Arc::new(ring));
        Ok(())
    }

    /// Makes the next key of `keys.algorithm` active and creates another next key. Refuses a next key that was
    /// published for less than `keys.publish_before`, unless `force` is set.
    pub async fn rotate(
        &self,
        core: &Core,
        force: bool,
        context: &RequestContext,
    ) -> Result<Rotation, KeyError> {
        self.rotate_algorithm(core, core.config.keys.algorithm, force, context).await
    }

    /// [`SigningKeys::rotate`] for the keys of one algorithm.
    pub async fn rotate_algorithm(
        &self,
        core: &Core,
        algorithm: Algorithm,
        force: bool,
        context: &RequestContext,
    ) -> Result<Rotation, KeyError> {
        if find(&load(core.db.reader()).await?, algorithm, KeyState::Active).is_none() {
            return Err(KeyError::NotInUse(algorithm));
        }
        self.ensure_key(core, algorithm, KeyState::Next).await?;
        let now = context.now;
        let rows = load(core.db.reader()).await?;
        let (Some(active), Some(next)) =
            (find(&rows, algorithm, KeyState::Active), find(&rows, algorithm, KeyState::Next))
        else {
            return Err(KeyError::ConcurrentChange);
        };
        let ready_at = ready_at(core, next);
        if now < ready_at && !force {
            return Err(KeyError::NextKeyNotReady { ready_at });
        }
        let successor = generate(&self.pool, algorithm, core.config.keys.rsa_bits).await?;
        let sealed = seal(&core.vault, &successor)?;
        let rotated =
            Rotation { active: next.kid.clone(), retiring: active.kid.clone(), next: successor.kid.clone() };
        core.write(context, async |write| {
            // The conditional updates decide: of two rotations at once, only one finds the keys in the
            // expected states.
            if !(transition(write, &active.kid, KeyState::Retiring).await?
                && transition(write, &next.kid, KeyState::Active).await?)
            {
                return Err(KeyError::ConcurrentChange);
            }
            insert(write, &successor, sealed, KeyState::Next).await?;
            record_change(write, "key.rotated", json!(rotated)).await
        })
        .await?;
        self.reload(core).await?;
        Ok(rotated)
    }

    /// Deletes a compromised key from JWKS at once. Tokens signed with it are refused as soon as verifiers fetch
    /// the set again. If the key was active, the next key replaces it, however young.
    pub async fn retire(
        &self,
        core: &Core,
        kid: &str,
        context: &RequestContext,
    ) -> Result<KeyInfo, KeyError> {
        let rows = load(core.db.reader()).await?;
        let key = rows.iter().find(|row| row.kid == kid);
        let (key, state, algorithm) = key
            .and_then(|row| Some((info(core, row)?, KeyState::from_name(&row.state)?, algorithm_of(row)?)))
            .ok_or_else(|| KeyError::Unknown(kid.to_owned()))?;
        if state == KeyState::Active {
            self.rotate_algorithm(core, algorithm, true, context).await?;
        }
        core.write(context, async |write| {
            signing_keys::Entity::delete_by_id(kid).exec(write).await.map_err(DatabaseError::from)?;
            record_change(write, "key.retired", json!({ "kid": kid })).await
        })
        .await?;
        self.reload(core).await?;
        if self.ring().can_sign(algorithm) {
            self.ensure_key(core, algorithm, KeyState::Next).await?;
        }
        Ok(key)
    }

    /// The periodic job, which runs on any node: creates missing keys, rotates a key that has signed for
    /// `keys.rotate_every`, and deletes retiring keys whose last token has expired. Keys of an algorithm that nothing
    /// uses any more retire.
    pub async fn maintain(&self, core: &Core) -> Result<(), KeyError> {
        let in_use = algorithms_in_use(core).await?;
        self.retire_unused(core, &in_use).await?;
        for algorithm in in_use {
            self.ensure_key(core, algorithm, KeyState::Active).await?;
            self.ensure_key(core, algorithm, KeyState::Next).await?;
            match self.rotate_if_due(core, algorithm).await {
                // Another node rotated first, or the next key is not ready yet. A later run tries again.
                Ok(()) | Err(KeyError::ConcurrentChange | KeyError::NextKeyNotReady { .. }) => {}
                Err(cause) => return Err(cause),
            }
        }
        self.delete_retired(core).await
    }

    async fn rotate_if_due(&self, core: &Core, algorithm: Algorithm) -> Result<(), KeyError> {
        let rows = load(core.db.reader()).await?;
        let began = find(&rows, algorithm, KeyState::Active).and_then(|active| active.activated_at);
        let end = began.map(|began| began + core.config.keys.rotate_every.duration());
        if end.is_some_and(|end| end <= core.clock.now()) {
            self.rotate_algorithm(core, algorithm, false, &RequestContext::of_job(core)).await?;
        }
        Ok(())
    }

    async fn delete_retired(&self, core: &Core) -> Result<(), KeyError> {
        let stopped_before = core.clock.now() - retiring_lifetime(&core.config);
        let dead = signing_keys::Entity::find()
            .filter(signing_keys::Column::State.eq(KeyState::Retiring.name()))
            .filter(signing_keys::Column::RetiredAt.lte(stopped_before));
        if dead.clone().one(core.db.reader()).await.map_err(DatabaseError::from)?.is_none() {
            return Ok(());
        }
        core.db
            .write(async |tx| {
                signing_keys::Entity::delete_many()
                    .filter(signing_keys::Column::State.eq(KeyState::Retiring.name()))
                    .filter(signing_keys::Column::RetiredAt.lte(stopped_before))
                    .exec(tx)
                    .await?;
                changes::announce(tx, TOPIC).await?;
                Ok::<_, DatabaseError>(())
            })
            .await?;
        self.reload(core).await
    }

    /// The active key stays published until its last token has expired; the next key has signed nothing. If a client
    /// takes up the algorithm at the same moment, the first signature makes a key again.
    async fn retire_unused(&self, core: &Core, in_use: &HashSet<Algorithm>) -> Result<(), KeyError> {
        let rows = load(core.db.reader()).await?;
        let unused = |row: &&signing_keys::Model| {
            row.state != KeyState::Retiring.name()
                && algorithm_of(row).is_some_and(|algorithm| !in_use.contains(&algorithm))
        };
        let unused: Vec<_> = rows.iter().filter(unused).collect();
        if unused.is_empty() {
            return Ok(());
        }
        core.write(&RequestContext::of_job(core), async |write| {
            for row in unused {
                if !transition(write, &row.kid, KeyState::Retiring).await? {
                    store::delete_next(write, &row.kid).await?;
                }
                Event::new("key.retired").details(json!({ "kid": row.kid })).record(write).await?;
            }
            changes::announce(write, TOPIC).await
        })
        .await?;
        self.reload(core).await
    }

    /// Creates the missing key of an algorithm. If another node creates it at the same time, one of the two is
    /// kept.
    async fn ensure_key(&self, core: &Core, algorithm: Algorithm, state: KeyState) -> Result<(), KeyError> {
        if find(&load(core.db.reader()).await?, algorithm, state).is_some() {
            return Ok(());
        }
        create(core, &self.pool, algorithm, state).await?;
        self.reload(core).await
    }
}

/// All keys, the oldest first.
pub async fn list(core: &Core) -> Result<Vec<KeyInfo>, DatabaseError> {
    let rows = load(core.db.reader()).await?;
    Ok(rows.iter().filter_map(|row| info(core, row)).collect())
}

/// Creates a key, unless another node has created one of the same algorithm and state meanwhile.
async fn create(
    core: &Core,
    pool: &ComputePool,
    algorithm: Algorithm,
    state: KeyState,
) -> Result<(), KeyError> {
    let pair = generate(pool, algorithm, core.config.keys.rsa_bits).await?;
    let sealed = seal(&core.vault, &pair)?;
    let context = RequestContext::of_job(core);
    Ok(core.write(&context, async |write| insert(write, &pair, sealed, state).await).await?)
}

async fn generate(pool: &ComputePool, algorithm: Algorithm, rsa_bits: u32) -> Result<KeyPair, KeyError> {
    Ok(pool.run(move || pair::generate(algorithm, rsa_bits)).await??)
}

fn seal(vault: &Vault, pair: &KeyPair) -> Result<Vec<u8>, CryptoError> {
    vault.seal(&associated_data(&pair.kid), &pair.private_der)
}

async fn record_change(write: &Write<'_>, kind: &'static str, details: Value) -> Result<(), KeyError> {
    Event::new(kind).details(details).record(write).await?;
    changes::announce(write, TOPIC).await?;
    Ok(())
}

fn retiring_lifetime(config: &Config) -> Duration {
    let longest =
        config.tokens.access_token_lifetime.duration().max(config.tokens.id_token_lifetime.duration());
    longest + RETIRING_MARGIN
}

fn ready_at(core: &Core, next: &signing_keys::Model) -> Timestamp {
    next.created_at + core.config.keys.publish_before.duration()
}
