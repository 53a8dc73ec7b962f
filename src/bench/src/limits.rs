//! Measures, in the same run, the unit costs that every figure is compared with: a raw RSA-2048 signature,
//! josekit's verification, a keyed read, a grouped write.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use josekit::jws::{JwsHeader, RS256};
use openssl::{hash::MessageDigest, pkey::PKey, pkey_ctx::PkeyCtx, rsa::Padding, rsa::Rsa};
use postern_entities::{
    grants, refresh_tokens, users,
    values::{Scope, StringList},
};
use postern_migrations::identity::Migrator;
use postern_service::{
    clock::Timestamp,
    database::{Database, DatabaseError, DatabaseSettings, migrate},
    random::Random,
};
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, DatabaseConnection, EntityTrait as _, IntoActiveModel as _,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{drive::as_float, process::own_cpu};

/// CPU microseconds of each unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// One raw RSA-2048 signature.
    pub(crate) sign: f64,
    /// One request to an empty poem handler on the listener of the services.
    pub(crate) hello: f64,
    /// josekit verification and parsing of an access token.
    pub(crate) verify: f64,
    /// One read by the primary key.
    pub(crate) read: f64,
    /// One grouped write: two reads by the primary key, and an insertion that shares its commit.
    pub(crate) write: f64,
    pub(crate) insertion: f64,
}

/// Writes per second: each with its own commit, and grouped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteThroughput {
    pub(crate) one_by_one: f64,
    pub(crate) grouped: f64,
}

/// CPU microseconds of one raw signature over a SHA-256 digest with a kept key.
pub(crate) fn sign() -> Result<f64> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let mut context = PkeyCtx::new(&key)?;
    context.sign_init()?;
    context.set_rsa_padding(Padding::PKCS1)?;
    context.set_signature_md(openssl::md::Md::sha256())?;
    let digest = openssl::hash::hash(MessageDigest::sha256(), b"postern")?;
    let mut signature = Vec::new();
    repeat(3_000, || {
        signature.clear();
        context.sign_to_vec(&digest, &mut signature)?;
        Ok(())
    })
}

/// CPU microseconds to verify and parse an access token of usual size with a kept verifier.
pub(crate) fn verify() -> Result<f64> {
    let key = Rsa::generate(2048)?;
    let signer = RS256.signer_from_pem(key.private_key_to_pem()?)?;
    let verifier = RS256.verifier_from_pem(key.public_key_to_pem()?)?;
    let mut header = JwsHeader::new();
    header.set_token_type("at+jwt");
    header.set_key_id("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let claims = serde_json::json!({
        "iss": "http://localhost:7117", "aud": "http://localhost:7118", "client_id": "tasks-web",
        "sub": "5f0c7d39-6d0b-4e57-9b7c-3f6f7f2a4a11", "sid": "0d5f3d0e-8b36-4c45-a5ae-04fd8f7a76de",
        "jti": "k9cZbFqv5oQh8bYzk2VqTg0m6Jd1s4Qb8Wc2aVhY3nE", "scope": "openid profile tasks:read tasks:write",
        "iat": 1_767_225_600, "exp": 4_102_444_800_u64, "auth_time": 1_767_225_600, "acr": "aal1", "amr": ["otp"],
    });
    let token = josekit::jws::serialize_compact(&serde_json::to_vec(&claims)?, &header, &signer)?;
    repeat(20_000, || {
        let (payload, _) = josekit::jws::deserialize_compact(&token, &verifier)?;
        let claims: serde_json::Value = serde_json::from_slice(&payload)?;
        anyhow::ensure!(claims["exp"].is_u64());
        Ok(())
    })
}

fn repeat(times: u64, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    let before = own_cpu()?;
    for _ in 0..times {
        step()?;
    }
    Ok(own_cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / as_float(times))
}

/// A provider's database with as many users as a small provider has.
pub(crate) struct Storage {
    db: Database,
    /// sea-orm on sqlx's own pool: the cost of a read without the pool and the reader of this project.
    stock: DatabaseConnection,
    random: Random,
    users: Arc<[Uuid]>,
    grant_id: Uuid,
    _directory: tempfile::TempDir,
}

const USERS: usize = 1_000;
/// Connections of the stock pool.
const READERS: u32 = 8;

impl Storage {
    pub(crate) async fn new() -> Result<Self> {
        let random = Random::system();
        let directory = tempfile::tempdir_in(".")?;
        let url = format!("sqlite://{}/limits.db", directory.path().display());
        let db = Database::open(&DatabaseSettings::from_url(&url)).await?;
        migrate::up::<Migrator>(&db).await?;
        let rows: Vec<_> = (0..USERS).map(|number| user(&random, number)).collect();
        let users = rows.iter().map(|user| user.id).collect();
        let grant = grant(&random, &rows[0]);
        let grant_id = grant.id;
        db.write(async |tx| -> Result<(), DatabaseError> {
            for row in rows {
                users::Entity::insert(row.into_active_model()).exec_without_returning(tx).await?;
            }
            tx.execute_unprepared(CLIENT).await?;
            grants::Entity::insert(grant.into_active_model()).exec_without_returning(tx).await?;
            Ok(())
        })
        .await?;
        let mut options = ConnectOptions::new(url);
        options.max_connections(READERS).sqlx_logging(false);
        let stock = sea_orm::Database::connect(options).await?;
        Ok(Self { db, stock, random, users, grant_id, _directory: directory })
    }

    /// CPU microseconds of one keyed read, with 32 concurrent readers: a user by the primary key, through
    /// sea-orm and sqlx's pool.
    pub(crate) async fn read(&self) -> Result<f64> {
        let (stock, users) = (self.stock.clone(), self.users.clone());
        let (cpu, _) = run_concurrently(32, 600, move |step| {
            let (stock, id) = (stock.clone(), users[step * 7 % USERS]);
            async move { require_user(users::Entity::find_by_id(id).one(&stock).await?) }
        })
        .await?;
        Ok(cpu)
    }

    /// The same read through `db.reader()`.
    pub(crate) async fn read_through_reader(&self) -> Result<f64> {
        let (db, users) = (self.db.clone(), self.users.clone());
        let (cpu, _) = run_concurrently(32, 600, move |step| {
            let (db, id) = (db.clone(), users[step * 7 % USERS]);
            async move { require_user(users::Entity::find_by_id(id).one(db.reader()).await?) }
        })
        .await?;
        Ok(cpu)
    }

    /// CPU microseconds of one grouped write, with 32 concurrent writers: the reads of a sign-in, and then
    /// the insertion of a refresh token.
    pub(crate) async fn write(&self) -> Result<f64> {
        let (stock, users) = (self.stock.clone(), self.users.clone());
        let (db, random, grant_id) = (self.db.clone(), self.random.clone(), self.grant_id);
        let (cpu, _) = run_concurrently(32, 150, move |step| {
            let (stock, users) = (stock.clone(), users.clone());
            let (db, token) = (db.clone(), refresh_token(&random, grant_id));
            async move {
                for read in 0..2 {
                    let id = users[(step * 7 + read) % USERS];
                    require_user(users::Entity::find_by_id(id).one(&stock).await?)?;
                }
                insert(&db, token).await
            }
        })
        .await?;
        Ok(cpu)
    }

    /// CPU microseconds of one insertion, and insertions per second, with 32 concurrent writers.
    pub(crate) async fn insertion(&self) -> Result<(f64, f64)> {
        self.insertions(32, 150).await
    }

    /// Insertions per second when each waits for its own commit.
    pub(crate) async fn insertion_one_by_one(&self) -> Result<f64> {
        Ok(self.insertions(1, 400).await?.1)
    }

    async fn insertions(&self, workers: usize, each: usize) -> Result<(f64, f64)> {
        let (db, random, grant_id) = (self.db.clone(), self.random.clone(), self.grant_id);
        run_concurrently(workers, each, move |_| {
            let (db, token) = (db.clone(), refresh_token(&random, grant_id));
            async move { insert(&db, token).await }
        })
        .await
    }
}

async fn insert(db: &Database, token: refresh_tokens::Model) -> Result<()> {
    let insert = refresh_tokens::Entity::insert(token.into_active_model());
    db.write(async |tx| -> Result<_, DatabaseError> { Ok(insert.exec_without_returning(tx).await?) }).await?;
    Ok(())
}

fn require_user(user: Option<users::Model>) -> Result<()> {
    user.context("the user is gone").map(drop)
}

const CLIENT: &str = "INSERT INTO clients (client_id, name, profile, first_party, token_endpoint_auth_method, \
    redirect_uris, post_logout_redirect_uris, origins, grant_types, scopes, default_scopes, login_methods, \
    created_at, updated_at) \
    VALUES ('bench', 'Bench', 'standard', true, 'none', '[]', '[]', '[]', '[]', '[]', '[]', '[]', 0, 0)";

/// A user with made-up claims.
pub(crate) fn user(random: &Random, number: usize) -> users::Model {
    users::Model {
        id: random.uuid(),
        subject: random.uuid(),
        email: format!("person-{number}@example.test"),
        email_verified: true,
        profile: serde_json::json!({ "name": "Somebody", "given_name": "Some", "locale": "en" }),
        disabled_at: None,
        deletion_at: None,
        language: None,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    }
}

fn grant(random: &Random, user: &users::Model) -> grants::Model {
    grants::Model {
        id: random.uuid(),
        user_id: Some(user.id),
        client_id: "bench".to_owned(),
        sid: None,
        scope: Scope::from_stored("openid"),
        resources: StringList::default(),
        userinfo_claims: StringList::default(),
        id_token_claims: StringList::default(),
        auth_time: None,
        acr: None,
        amr: StringList::default(),
        created_at: Timestamp::EPOCH,
        expires_at: Timestamp::MAX,
        revoked_at: None,
        revoked_because: None,
    }
}

fn refresh_token(random: &Random, grant_id: Uuid) -> refresh_tokens::Model {
    refresh_tokens::Model {
        grant_id,
        token_hash: random.bytes::<32>().into(),
        issued_at: Timestamp::EPOCH,
        expires_at: Timestamp::MAX,
        rotated_at: None,
        successor_sealed: None,
    }
}

/// Runs `step` from several concurrent workers. Returns the CPU microseconds of one step, and the steps per
/// second.
async fn run_concurrently<F, S>(workers: usize, each: usize, step: F) -> Result<(f64, f64)>
where
    F: Fn(usize) -> S + Clone + Send + 'static,
    S: Future<Output = Result<()>> + Send,
{
    let (before, begun) = (own_cpu()?, Instant::now());
    let mut set = JoinSet::new();
    for worker in 0..workers {
        let step = step.clone();
        set.spawn(async move {
            for index in 0..each {
                step(worker * each + index).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = set.join_next().await {
        done??;
    }
    let count = as_float(u64::try_from(workers * each)?);
    let (cpu, elapsed): (Duration, Duration) = (own_cpu()?.saturating_sub(before), begun.elapsed());
    Ok((cpu.as_secs_f64() * 1e6 / count, count / elapsed.as_secs_f64()))
}
