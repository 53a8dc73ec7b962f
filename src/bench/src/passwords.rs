//! Measures sign-ins by password beside the hash that each of them needs, and the latency of other requests
//! meanwhile.
//!
//! Latencies are wall-clock time here, because a person waits for them. The hash is measured in the same run:
//! alone for one connection, and on all cores at once for many connections.

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use postern_entities::users;
use postern_service::{
    database::{Database, DatabaseError, DatabaseSettings},
    random::Random,
};
use sea_orm::{EntityTrait as _, IntoActiveModel as _};
use serde_json::{Value, json};

use crate::{
    drive::{Connection, Load, Operation, Round, as_float, drive},
    limits,
    process::Server,
    report::{median, millis, print_figure},
    scenarios::{ClientCredentials, Get, Setup, get},
};

/// The user who signs in by password. Other measurements use the session of another user.
const EMAIL: &str = "bob@example.test";
const PASSWORD: &str = "seven brass lamps upstream";
/// The defaults of `[password]`.
const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
/// Consecutive hashes on each core.
const HASHES: usize = 40;
/// Connections that sign in, and connections with other requests meanwhile.
const CROWD: usize = 32;
const OTHERS: usize = 4;
/// Concurrent sign-ins while the memory is measured.
const AT_ONCE: usize = 100;
/// Users in the database while account pages are measured.
const USERS: usize = 100_000;
/// Users that one write inserts.
const BATCH: usize = 2_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) duration: Duration,
    /// Resident memory before any load, in MiB.
    pub(crate) idle: f64,
}

/// Measures and prints. Returns the bounds that must hold and are exceeded. `database` is the SQLite file of the
/// server.
pub(crate) async fn measure(
    plan: Plan,
    server: &Server,
    setup: &Arc<Setup>,
    database: &Path,
) -> Result<Vec<String>> {
    let sign_in = Arc::new(SignIn::prepare(server, setup).await?);
    println!("\n| sign-in by password | value | must | aim |\n|---|---|---|---|");
    let mut missed = measure_alone(plan, server, &sign_in).await?;
    missed.extend(measure_crowd(plan, server, &sign_in, setup).await?);
    missed.extend(measure_memory(plan, server, sign_in).await?);
    missed.extend(measure_account_pages(plan, server, setup, database).await?);
    Ok(missed)
}

/// Hashes per second of all cores together.
fn hashes_of_all_cores() -> Result<f64> {
    let cores = thread::available_parallelism()?.get();
    let begun = Instant::now();
    let threads: Vec<_> = (0..cores)
        .map(|_| {
            thread::spawn(|| -> Result<()> {
                let mut hasher = Hasher::new()?;
                (0..HASHES).try_for_each(|_| hasher.hash().map(drop))
            })
        })
        .collect();
    for thread in threads {
        thread.join().ok().context("a thread that hashes panicked")??;
    }
    Ok(as_float(u64::try_from(cores * HASHES)?) / begun.elapsed().as_secs_f64())
}

/// Hashes as the server does, in memory that is allocated once.
struct Hasher {
    argon2: Argon2<'static>,
    memory: Vec<Block>,
}

impl Hasher {
    fn new() -> Result<Self> {
        let parameters =
            Params::new(MEMORY_KIB, ITERATIONS, 1, Some(32)).ok().context("Argon2 parameters")?;
        let memory = vec![Block::default(); parameters.block_count()];
        Ok(Self { argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters), memory })
    }

    fn hash(&mut self) -> Result<Duration> {
        let (begun, mut output) = (Instant::now(), [0; 32]);
        let hashed = self.argon2.hash_password_into_with_memory(
            PASSWORD.as_bytes(),
            b"0123456789abcdef",
            &mut output,
            &mut self.memory,
        );
        hashed.ok().context("a hash")?;
        Ok(begun.elapsed())
    }
}

fn load(connections: usize, duration: Duration) -> Load {
    Load { connections, warm_up: duration / 6, duration }
}

async fn drive_one<O: Operation>(operation: &Arc<O>, server: &Server, load: Load) -> Result<Round> {
    drive(Arc::clone(operation), server.address, load, || server.cpu()).await
}

/// Measures sign-ins one after the other, with a hash of this process between two of them, so that other load
/// on the machine affects both alike.
async fn measure_alone(plan: Plan, server: &Server, sign_in: &Arc<SignIn>) -> Result<Vec<String>> {
    let mut connection = Connection::open(server.address).await?;
    let mut hasher = Hasher::new()?;
    let (mut hashes, mut sign_ins) = (Vec::new(), Vec::new());
    let end = Instant::now() + plan.duration * u32::try_from(plan.rounds)?;
    while Instant::now() < end {
        let (own, taken) = tokio::task::spawn_blocking(move || {
            let taken = hasher.hash();
            (hasher, taken)
        })
        .await?;
        hasher = own;
        hashes.push(millis(taken?));
        let begun = Instant::now();
        sign_in.run(&mut connection, &mut ()).await?;
        sign_ins.push(millis(begun.elapsed()));
    }
    let late = quantile(&mut sign_ins.clone(), 0.99);
    let [hash, middle] = [hashes, sign_ins].map(|values| median(values.into_iter()));
    println!("| one hash (Argon2id, {MEMORY_KIB} KiB, {ITERATIONS} passes), alone: p50 | {hash:.1} ms | | |");
    println!("| one connection, in turns with it: p50, p99 | {middle:.1} ms, {late:.1} ms | | |");
    let middle = print_figure("one connection: p50 beyond one hash", middle - hash, "ms", 3.0, 2.0);
    let late = print_figure("one connection: p99 / (one hash + 3 ms)", late / (hash + 3.0), "×", 2.0, 1.5);
    Ok([middle, late].into_iter().flatten().collect())
}

/// The quantile `part` of the values.
fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = (values.len() as f64 * part) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Measures many concurrent sign-ins: how much of the cores' hashing capacity they use, and the latency of
/// other requests meanwhile.
async fn measure_crowd(
    plan: Plan,
    server: &Server,
    sign_in: &Arc<SignIn>,
    setup: &Arc<Setup>,
) -> Result<Vec<String>> {
    let (mut limit, mut rate) = (Vec::new(), Vec::new());
    let keys = Arc::new(Get { path: "/.well-known/jwks.json".to_owned(), headers: Vec::new() });
    let tokens = Arc::new(ClientCredentials(setup.clone()));
    let (mut of_keys, mut of_tokens) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        limit.push(tokio::task::spawn_blocking(hashes_of_all_cores).await??);
        let round = drive_one(sign_in, server, load(CROWD, plan.duration)).await?;
        rate.push(round.rate());
        of_keys.push(p99_alone_and_under_load(plan, server, sign_in, &keys).await?);
        of_tokens.push(p99_alone_and_under_load(plan, server, sign_in, &tokens).await?);
    }
    let [limit, rate] = [limit, rate].map(|values| median(values.into_iter()));
    println!("| {CROWD} connections: sign-ins, hashes of all cores | {rate:.0}/s, {limit:.0}/s | | |");
    let mut missed: Vec<_> =
        print_figure("hashes of all cores / sign-ins", limit / rate, "×", 1.11, 1.05).into_iter().collect();
    for (what, felt) in [("JWKS", of_keys), ("token, client_credentials", of_tokens)] {
        let alone = median(felt.iter().map(|(alone, _)| *alone));
        let meanwhile = median(felt.iter().map(|(_, meanwhile)| *meanwhile));
        println!(
            "| {what}, {OTHERS} connections: p99 alone, meanwhile | {alone:.2} ms, {meanwhile:.2} ms | | |"
        );
        missed.extend(print_figure(
            &format!("{what}: p99 meanwhile / alone"),
            meanwhile / alone,
            "×",
            3.0,
            2.0,
        ));
    }
    Ok(missed)
}

/// The p99 latency of an operation in milliseconds: alone, and while many users sign in.
async fn p99_alone_and_under_load<O: Operation>(
    plan: Plan,
    server: &Server,
    sign_in: &Arc<SignIn>,
    operation: &Arc<O>,
) -> Result<(f64, f64)> {
    let load = |connections| load(connections, plan.duration);
    let alone = drive_one(operation, server, load(OTHERS)).await?;
    let (crowd, others) =
        tokio::join!(drive_one(sign_in, server, load(CROWD)), drive_one(operation, server, load(OTHERS)));
    crowd?;
    Ok((millis(alone.quantile(990)), millis(others?.quantile(990))))
}

/// Measures the most resident memory during many concurrent sign-ins. One hash needs 19 MiB, and each core
/// computes one at a time.
async fn measure_memory(plan: Plan, server: &Server, sign_in: Arc<SignIn>) -> Result<Option<String>> {
    let hashing = plan.idle + as_float(u64::try_from(thread::available_parallelism()?.get())?) * 19.0;
    let crowd = drive_one(&sign_in, server, load(AT_ONCE, plan.duration));
    tokio::pin!(crowd);
    let mut most: f64 = 0.0;
    loop {
        most = most.max(server.resident_mib()?);
        tokio::select! {
            done = &mut crowd => break drop(done?),
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    }
    let what = format!("resident, {AT_ONCE} sign-ins at once: identity");
    Ok(print_figure(&what, most, "MiB", hashing + 40.0, hashing + 20.0))
}

/// Measures the account pages in a database with many users.
async fn measure_account_pages(
    plan: Plan,
    server: &Server,
    setup: &Setup,
    database: &Path,
) -> Result<Vec<String>> {
    insert_users(database).await?;
    let mut missed = Vec::new();
    for path in ["/account", "/account/sessions"] {
        let page = Arc::new(Get { path: path.to_owned(), headers: vec![("Cookie", setup.cookie.clone())] });
        let mut middle = Vec::new();
        for _ in 0..plan.rounds {
            middle.push(millis(drive_one(&page, server, load(1, plan.duration)).await?.quantile(500)));
        }
        let what = format!("GET {path} beside {USERS} users: p50");
        missed.extend(print_figure(&what, median(middle.into_iter()), "ms", 10.0, 3.0));
    }
    Ok(missed)
}

/// Inserts users beside the running server, as a command would.
async fn insert_users(database: &Path) -> Result<()> {
    let random = Random::system();
    let db = Database::open(&DatabaseSettings::from_url(format!("sqlite://{}", database.display()))).await?;
    for batch in 0..USERS / BATCH {
        let rows = (0..BATCH).map(|number| limits::user(&random, batch * BATCH + number).into_active_model());
        let rows: Vec<_> = rows.collect();
        db.write(async |tx| -> Result<(), DatabaseError> {
            for row in rows {
                users::Entity::insert(row).exec_without_returning(tx).await?;
            }
            Ok(())
        })
        .await?;
    }
    db.close().await;
    Ok(())
}

/// A sign-in through the first-party API.
#[derive(Clone)]
pub(crate) struct SignIn {
    client_id: String,
}

impl SignIn {
    /// Sets the password of the user who signs in.
    pub(crate) async fn prepare(server: &Server, setup: &Setup) -> Result<Self> {
        set_password(&mut Connection::open(server.address).await?, &setup.client_id).await?;
        Ok(Self { client_id: setup.client_id.clone() })
    }
}

impl Operation for SignIn {
    type Worker = ();

    async fn prepare(&self, _: &mut Connection) -> Result<()> {
        Ok(())
    }

    async fn run(&self, connection: &mut Connection, (): &mut ()) -> Result<()> {
        let body = json!({ "client_id": self.client_id, "email": EMAIL, "password": PASSWORD });
        loop {
            let answer = connection.send(post_json("/api/auth/login", &body)?).await?;
            // The queue was full and the server answered 503. The client waits, and the wait counts.
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                ensure!(answer.json()?["access_token"].is_string(), "no token came");
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn post_json(path: &str, body: &Value) -> Result<Request<Full<Bytes>>> {
    let mut request = get(path, &[("Content-Type", "application/json")])?;
    *request.method_mut() = Method::POST;
    *request.body_mut() = Full::new(body.to_string().into());
    Ok(request)
}

/// Sets the user's password through the link that arrives in the inbox of `postern dev`.
async fn set_password(connection: &mut Connection, client_id: &str) -> Result<()> {
    let body = json!({ "client_id": client_id, "email": EMAIL });
    connection.send(post_json("/api/auth/password/forgot", &body)?).await?.json()?;
    for _ in 0..100 {
        let inbox = connection.send(get("/dev/inbox.json", &[])?).await?.json()?;
        let mut mails = inbox.as_array().into_iter().flatten().filter(|mail| mail["to"] == EMAIL);
        let token = mails.find_map(|mail| mail["link"].as_str()?.split_once("?token="));
        if let Some((_, token)) = token {
            let body = json!({ "client_id": client_id, "token": token, "password": PASSWORD });
            connection.send(post_json("/api/auth/password/reset", &body)?).await?.json()?;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("no link arrived for {EMAIL}")
}
