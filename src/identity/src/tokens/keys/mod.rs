//! Owns the life of signing keys.
//!
//! ```text
//!              publish_before passed        rotate            last token is dead
//!   (made) ──► next ───────────────────► active ──────► retiring ──────────────► (gone)
//!               │ published, never signs    │ signs         │ published, never signs
//!               └──────────── retire (a compromised key, at once) ─────────────► (gone)
//! ```
//!
//! All three states are in JWKS. A `next` key is published `keys.publish_before` before it may sign, so every verifier
//! that refreshes its key set within that time knows the key before it meets a token of it: the longest life of the
//! published document ([`jwks_max_age`]) is at most half of it. `rotate` refuses a younger key unless told `now`.
//! Rotating "now" is still safe for verifiers when the key was published for longer than they cache ours; done twice
//! in a row it is not, since the second key was published a moment ago: verifiers then fetch the set once more for the
//! unknown `kid`, as they do after an emergency.
//!
//! Per algorithm at most one key is active and one is next: two partial unique indexes decide which of several nodes
//! made it, and whoever lost takes over what is there. Private keys are sealed, bound to their row. A node that holds
//! an older ring signs with the key that retires meanwhile, which is why that key stays published a while longer than
//! the last token needs.

mod info;
mod own;
mod pair;
mod ring;
mod store;

use std::{collections::HashSet, time::Duration};

use josekit::JoseError;
use postern_entities::signing_keys;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction, changes},
};
use postern_token_verifier::{Algorithm, KeySetError};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use serde_json::{Value, json};

pub(crate) use self::own::OwnKeys;
pub use self::{
    info::KeyInfo,
    ring::{Jwks, KeyRing, KeyRingError, SignError, TokenType, sign},
    store::State,
};
use self::{
    info::info,
    pair::KeyPair,
    store::{algorithm_of, find, insert, load, move_on, place},
};
use crate::{
    App,
    audit::{Event, Origin},
    config::Config,
    crypto::{CryptoError, Vault},
    pool::{Busy, Pool},
};

/// The topic announced when keys change.
pub const TOPIC: &str = "keys";

/// How much longer than its last token a key stays published: clocks that differ, and nodes that sign with it until
/// they hear of the rotation.
const RETIRING_MARGIN: Duration = Duration::from_mins(5);

/// The longest that JWKS may be cached.
const LONGEST_MAX_AGE: Duration = Duration::from_mins(5);

/// What a rotation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rotated {
    /// The key that signs now.
    pub active: String,
    /// The key that stopped.
    pub retiring: String,
    /// The key that is next.
    pub next: String,
}

/// Why keys were not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The next key was published too recently.
    #[error("the next key may not sign before {}", .ready_at.rfc3339())]
    TooYoung {
        /// When it may.
        ready_at: Timestamp,
    },
    /// Another node or command changed the keys meanwhile.
    #[error("the keys were changed by somebody else at the same time")]
    Raced,
    /// There is no such key.
    #[error("there is no key {0}")]
    Unknown(String),
    /// A key could not be made.
    #[error("a key pair could not be made")]
    Generate(#[from] JoseError),
    /// No room to make one.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// A private key could not be sealed.
    #[error("a private key could not be sealed")]
    Seal(#[from] CryptoError),
    /// A private key in the database cannot be used.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
    /// The public keys in the database are not a key set.
    #[error("the public keys cannot be read")]
    Public(#[from] KeySetError),
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// How long JWKS may be cached: at most half of the time by which a key is published ahead.
pub fn jwks_max_age(config: &Config) -> Duration {
    (config.keys.publish_before.duration() / 2).min(LONGEST_MAX_AGE)
}

/// The keys of a database at start: makes the first active one where there is none, which may sign at once because
/// nobody has read our key set yet.
pub(crate) async fn open(
    config: &Config,
    db: &postern_service::database::Database,
    vault: &Vault,
    pool: &Pool,
    now: Timestamp,
) -> Result<KeyRing, KeyError> {
    let mut rows = load(db.reader()).await?;
    if find(&rows, config.keys.algorithm, State::Active).is_none() {
        let pair = generate(pool, config.keys.algorithm, config.keys.rsa_bits).await?;
        let sealed = seal(vault, &pair)?;
        db.write(async |tx| insert(tx, &pair, sealed, State::Active, now).await).await?;
        rows = load(db.reader()).await?;
    }
    Ok(KeyRing::from_rows(vault, &rows)?)
}

/// Every key, the oldest first.
pub async fn list(app: &App) -> Result<Vec<KeyInfo>, DatabaseError> {
    let rows = load(app.db.reader()).await?;
    Ok(rows.iter().filter_map(|row| info(app, row)).collect())
}

/// Lets the next key of `keys.algorithm` sign and makes another next one. Refuses a next key that was not published for
/// `keys.publish_before`, unless `now_whatever`.
pub async fn rotate(app: &App, now_whatever: bool, origin: &Origin) -> Result<Rotated, KeyError> {
    rotate_algorithm(app, app.config.keys.algorithm, now_whatever, origin).await
}

async fn rotate_algorithm(
    app: &App,
    algorithm: Algorithm,
    now_whatever: bool,
    origin: &Origin,
) -> Result<Rotated, KeyError> {
    ensure_next(app, algorithm).await?;
    let now = app.clock.now();
    let rows = load(app.db.reader()).await?;
    let (Some(active), Some(next)) =
        (find(&rows, algorithm, State::Active), find(&rows, algorithm, State::Next))
    else {
        return Err(KeyError::Raced);
    };
    let ready_at = ready_at(app, next);
    if now < ready_at && !now_whatever {
        return Err(KeyError::TooYoung { ready_at });
    }
    let successor = generate(&app.signatures, algorithm, app.config.keys.rsa_bits).await?;
    let sealed = seal(&app.vault, &successor)?;
    let rotated =
        Rotated { active: next.kid.clone(), retiring: active.kid.clone(), next: successor.kid.clone() };
    app.db
        .write(async |tx| {
            // Both conditions decide: of two rotations at once, one finds the keys as they were read.
            if !(move_on(tx, &active.kid, State::Retiring, now).await?
                && move_on(tx, &next.kid, State::Active, now).await?)
            {
                return Err(KeyError::Raced);
            }
            insert(tx, &successor, sealed, State::Next, now).await?;
            record(app, tx, "key.rotated", json!(rotated), origin, now).await
        })
        .await?;
    refresh(app).await?;
    Ok(rotated)
}

/// Takes a compromised key out of JWKS at once; tokens signed with it are refused as soon as verifiers read the set
/// again. If it was the active one, the next takes over, however young.
pub async fn retire(app: &App, kid: &str, origin: &Origin) -> Result<KeyInfo, KeyError> {
    let rows = load(app.db.reader()).await?;
    let key = rows.iter().find(|row| row.kid == kid);
    let (key, state, algorithm) = key
        .and_then(|row| Some((info(app, row)?, State::from_name(&row.state)?, algorithm_of(row)?)))
        .ok_or_else(|| KeyError::Unknown(kid.to_owned()))?;
    if state == State::Active {
        rotate_algorithm(app, algorithm, true, origin).await?;
    }
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            signing_keys::Entity::delete_by_id(kid).exec(tx).await.map_err(DatabaseError::from)?;
            record(app, tx, "key.retired", json!({ "kid": kid }), origin, now).await
        })
        .await?;
    refresh(app).await?;
    ensure_next(app, algorithm).await?;
    Ok(key)
}

/// The periodic step, on any node: makes missing keys, rotates a key that has signed for `keys.rotate_every`, drops
/// keys whose last token is dead.
pub async fn maintain(app: &App) -> Result<(), KeyError> {
    for algorithm in algorithms(app) {
        ensure(app, algorithm, State::Active).await?;
        ensure_next(app, algorithm).await?;
        match rotate_if_due(app, algorithm).await {
            // Another node was faster, or the next key is made but not ready: there is a later step.
            Ok(()) | Err(KeyError::Raced | KeyError::TooYoung { .. }) => {}
            Err(cause) => return Err(cause),
        }
    }
    drop_dead(app).await
}

async fn rotate_if_due(app: &App, algorithm: Algorithm) -> Result<(), KeyError> {
    let rows = load(app.db.reader()).await?;
    let began = find(&rows, algorithm, State::Active).and_then(|active| active.activated_at);
    let end = began.map(|began| Timestamp::from_micros(began) + app.config.keys.rotate_every.duration());
    if end.is_some_and(|end| end <= app.clock.now()) {
        rotate_algorithm(app, algorithm, false, &Origin::default()).await?;
    }
    Ok(())
}

async fn drop_dead(app: &App) -> Result<(), KeyError> {
    let stopped_before = app.clock.now() - retiring_for(&app.config);
    let dead = signing_keys::Entity::find()
        .filter(signing_keys::Column::State.eq(State::Retiring.name()))
        .filter(signing_keys::Column::RetiredAt.lte(stopped_before.micros()));
    if dead.clone().one(app.db.reader()).await.map_err(DatabaseError::from)?.is_none() {
        return Ok(());
    }
    app.db
        .write(async |tx| {
            signing_keys::Entity::delete_many()
                .filter(signing_keys::Column::State.eq(State::Retiring.name()))
                .filter(signing_keys::Column::RetiredAt.lte(stopped_before.micros()))
                .exec(tx)
                .await?;
            changes::announce(tx, TOPIC).await?;
            Ok::<_, DatabaseError>(())
        })
        .await?;
    refresh(app).await
}

/// The algorithms that something is signed with: the provider's own, and those of the resources.
fn algorithms(app: &App) -> HashSet<Algorithm> {
    let resources = app.resources();
    resources.all().map(|resource| resource.algorithm).chain([app.config.keys.algorithm]).collect()
}

async fn ensure_next(app: &App, algorithm: Algorithm) -> Result<(), KeyError> {
    ensure(app, algorithm, State::Next).await
}

/// Makes the key that an algorithm lacks. If another node makes it at the same time, one of the two is kept.
async fn ensure(app: &App, algorithm: Algorithm, state: State) -> Result<(), KeyError> {
    if find(&load(app.db.reader()).await?, algorithm, state).is_some() {
        return Ok(());
    }
    let pair = generate(&app.signatures, algorithm, app.config.keys.rsa_bits).await?;
    let sealed = seal(&app.vault, &pair)?;
    let now = app.clock.now();
    app.db.write(async |tx| insert(tx, &pair, sealed, state, now).await).await?;
    refresh(app).await
}

/// Reads the keys anew and uses them from now on.
pub(crate) async fn refresh(app: &App) -> Result<(), KeyError> {
    let rows = load(app.db.reader()).await?;
    app.use_keys(KeyRing::from_rows(&app.vault, &rows)?)
}

async fn generate(pool: &Pool, algorithm: Algorithm, rsa_bits: u32) -> Result<KeyPair, KeyError> {
    Ok(pool.run(move || pair::generate(algorithm, rsa_bits)).await??)
}

fn seal(vault: &Vault, pair: &KeyPair) -> Result<Vec<u8>, CryptoError> {
    vault.seal(&place(&pair.kid), &pair.private_der)
}

async fn record(
    app: &App,
    tx: &Transaction,
    kind: &'static str,
    details: Value,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), KeyError> {
    Event::new(kind).details(details).record(app, tx, origin, now).await?;
    changes::announce(tx, TOPIC).await?;
    Ok(())
}

/// How long a key stays published after it stopped signing.
fn retiring_for(config: &Config) -> Duration {
    let longest =
        config.tokens.access_token_lifetime.duration().max(config.tokens.id_token_lifetime.duration());
    longest + RETIRING_MARGIN
}

fn ready_at(app: &App, next: &signing_keys::Model) -> Timestamp {
    Timestamp::from_micros(next.created_at) + app.config.keys.publish_before.duration()
}
