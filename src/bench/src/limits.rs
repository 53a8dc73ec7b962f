//! Measures the limits that every figure is compared with, in the same run:
//! a raw RSA-2048 signature, josekit's verification, a keyed read, a grouped write.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use josekit::jws::{JwsHeader, RS256};
use openssl::{hash::MessageDigest, pkey::PKey, pkey_ctx::PkeyCtx, rsa::Padding, rsa::Rsa};
use postern_service::database::{Database, DatabaseError, DatabaseSettings};
use sea_orm::{ConnectionTrait, Statement};
use tokio::task::JoinSet;

use crate::{drive::as_float, process::own_cpu};

/// CPU microseconds of each unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// One raw RSA-2048 signature.
    pub(crate) sign: f64,
    /// An empty poem handler behind our accept loop, per request.
    pub(crate) hello: f64,
    /// josekit verification and parsing of an access token.
    pub(crate) verify: f64,
    /// One keyed read.
    pub(crate) read: f64,
    /// One grouped write.
    pub(crate) write: f64,
}

/// Writes a second, alone and grouped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writes {
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

/// A database of its own with as many rows as a small provider has.
pub(crate) struct Storage {
    db: Database,
    _directory: tempfile::TempDir,
}

const ROWS: i64 = 1_000;

impl Storage {
    /// Makes it.
    pub(crate) async fn new() -> Result<Self> {
        let directory = tempfile::tempdir_in(".")?;
        let url = format!("sqlite://{}/limits.db", directory.path().display());
        let db = Database::open(&DatabaseSettings::at(url)).await?;
        db.write(async |tx| -> Result<(), DatabaseError> {
            tx.execute_unprepared(
                "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL, at BIGINT NOT NULL)",
            )
            .await?;
            for id in 0..ROWS {
                insert(tx, id).await?;
            }
            Ok(())
        })
        .await?;
        Ok(Self { db, _directory: directory })
    }

    /// CPU microseconds of one keyed read, 32 readers at once.
    pub(crate) async fn read(&self) -> Result<f64> {
        let (cpu, _) = many(32, 600, self.db.clone(), |db, step| async move {
            let sql = "SELECT id, name, at FROM things WHERE id = $1";
            let statement = Statement::from_sql_and_values(db.backend(), sql, [((step * 7) % ROWS).into()]);
            let row = db.reader().query_one_raw(statement).await?.context("the row is gone")?;
            let _name: String = row.try_get("", "name")?;
            Ok(())
        })
        .await?;
        Ok(cpu)
    }

    /// CPU microseconds of one grouped write, and how many a second, 32 writers at once.
    pub(crate) async fn write(&self) -> Result<(f64, f64)> {
        self.writes(32, 150).await
    }

    /// Writes a second, each waiting for its own commit.
    pub(crate) async fn write_one_by_one(&self) -> Result<f64> {
        Ok(self.writes(1, 400).await?.1)
    }

    async fn writes(&self, workers: i64, each: i64) -> Result<(f64, f64)> {
        let sql = "SELECT COALESCE(MAX(id), 0) AS last FROM things";
        let statement = Statement::from_string(self.db.backend(), sql);
        let row = self.db.reader().query_one_raw(statement).await?.context("no row")?;
        let first = row.try_get::<i64>("", "last")? + 1;
        many(workers, each, self.db.clone(), move |db, step| async move {
            Ok(db.write(async |tx| insert(tx, first + step).await).await?)
        })
        .await
    }
}

async fn insert(tx: &impl ConnectionTrait, id: i64) -> Result<(), DatabaseError> {
    let values = [id.into(), "a row of usual size, as a refresh token or a grant would be".into(), id.into()];
    let sql = "INSERT INTO things (id, name, at) VALUES ($1, $2, $3)";
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}

/// Runs `step` from many workers at once: CPU microseconds of one, and how many a second.
async fn many<F, S>(workers: i64, each: i64, db: Database, step: F) -> Result<(f64, f64)>
where
    F: Fn(Database, i64) -> S + Copy + Send + 'static,
    S: Future<Output = Result<()>> + Send,
{
    let (before, begun) = (own_cpu()?, Instant::now());
    let mut set = JoinSet::new();
    for worker in 0..workers {
        let db = db.clone();
        set.spawn(async move {
            for index in 0..each {
                step(db.clone(), worker * each + index).await?;
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
