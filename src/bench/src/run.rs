//! Starts the services, drives every path in interleaved rounds, and prints the results.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;

use crate::{
    drive::{Connection, Load, Round, as_float, drive},
    hot_path::{HotPath, drive_one, drive_path},
    limits::{self, Limits, Storage, WriteThroughput},
    passwords,
    process::{self, Server},
    report::{self, Bound, Row, median, millis, print_figure},
    scenarios::{Get, GetWithTokens, Setup},
    services::{AUDIENCE, Services, free_address},
};

/// Connections of every load.
pub(crate) const CONNECTIONS: usize = 32;
/// Access tokens for the protected route without a cache.
const TOKENS: usize = 1_000;

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) binaries: PathBuf,
    pub(crate) rounds: usize,
    pub(crate) duration: Duration,
    pub(crate) memory_requests: u64,
    pub(crate) only_sign_ins: bool,
}

/// The servers of one run: the services, and the servers of the unit costs.
struct Servers {
    services: Services,
    hello: Server,
    cached: Server,
    uncached: Server,
}

/// Runs everything. False when a bound that must hold is exceeded.
pub(crate) async fn run(plan: &Plan) -> Result<bool> {
    let log = process::begin_server_log()?;
    let servers = Servers::start(&plan.binaries)?;
    let services = &servers.services;
    let idle = (services.identity.resident_mib()?, services.tasks.resident_mib()?);
    let setup = Arc::new(services.prepare().await?);
    let mut missed = Vec::new();
    if !plan.only_sign_ins {
        missed.extend(measure_paths(plan, &servers, idle, &setup).await?);
    }
    let database = services.directory.path().join("identity/postern.db");
    let by_password = passwords::Plan { rounds: plan.rounds, duration: plan.duration, idle: idle.0 };
    missed.extend(passwords::measure(by_password, &services.identity, &setup, &database).await?);
    servers.services.stop()?;
    report::print_missed(&missed);
    eprintln!("The log of the servers is in {}.", log.display());
    Ok(missed.is_empty())
}

async fn measure_paths(
    plan: &Plan,
    servers: &Servers,
    idle: (f64, f64),
    setup: &Arc<Setup>,
) -> Result<Vec<String>> {
    let storage = Storage::new().await?;
    let (rows, limits, writes) = measure(plan, servers, setup, &storage).await?;
    let mut missed = print_table(&rows, &limits, &writes);
    println!("\nD through db.reader(): {:.0}", storage.read_through_reader().await?);
    missed.extend(print_sizes(plan, servers, idle, setup).await?);
    Ok(missed)
}

impl Servers {
    fn start(binaries: &Path) -> Result<Self> {
        let services = Services::start(binaries)?;
        let issuer = services.issuer();
        let own = std::env::current_exe()?;
        let hello_at = free_address()?;
        let hello =
            Server::start(&own, &["hello".as_ref(), hello_at.to_string().as_ref()], &[], hello_at, "/")?;
        let protected = |cache: &str| -> Result<Server> {
            let address = free_address()?;
            let listen = address.to_string();
            let arguments: [&OsStr; 5] =
                ["protected".as_ref(), listen.as_ref(), issuer.as_ref(), AUDIENCE.as_ref(), cache.as_ref()];
            Server::start_refusing(&own, &arguments, address, "/")
        };
        let (cached, uncached) = (protected("10000")?, protected("0")?);
        Ok(Self { services, hello, cached, uncached })
    }
}

type Measurements = (Vec<Row>, Limits, WriteThroughput);

async fn measure(
    plan: &Plan,
    servers: &Servers,
    setup: &Arc<Setup>,
    storage: &Storage,
) -> Result<Measurements> {
    let mut connection = Connection::open(servers.services.identity.address).await?;
    let mut tokens = Vec::with_capacity(TOKENS);
    for _ in 0..TOKENS {
        tokens.push(setup.access_token(&mut connection).await?);
    }
    let mut rows = rows();
    let mut limits = Vec::new();
    let (mut alone, mut grouped) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        let load = Load { connections: CONNECTIONS, warm_up: plan.duration / 6, duration: plan.duration };
        let (insertion, rate) = storage.insertion().await?;
        grouped.push(rate);
        alone.push(storage.insertion_one_by_one().await?);
        let hello = drive_one(Get::open("/"), &servers.hello, load).await?;
        limits.push(Limits {
            sign: limits::sign()?,
            verify: limits::verify()?,
            read: storage.read().await?,
            write: storage.write().await?,
            insertion,
            hello: hello.micros_per_operation(),
        });
        for (row, result) in rows.iter_mut().zip(drive_all(servers, setup, &tokens, load).await?) {
            row.rounds.push(result);
        }
    }
    let middle = |of: fn(&Limits) -> f64| median(limits.iter().map(of));
    let limits = Limits {
        sign: middle(|l| l.sign),
        hello: middle(|l| l.hello),
        verify: middle(|l| l.verify),
        read: middle(|l| l.read),
        write: middle(|l| l.write),
        insertion: middle(|l| l.insertion),
    };
    let writes =
        WriteThroughput { one_by_one: median(alone.into_iter()), grouped: median(grouped.into_iter()) };
    Ok((rows, limits, writes))
}

/// One round of every path, in the order of [`rows`].
async fn drive_all(
    servers: &Servers,
    setup: &Arc<Setup>,
    tokens: &[String],
    load: Load,
) -> Result<Vec<Round>> {
    let Servers { services, cached, uncached, .. } = servers;
    let many = GetWithTokens { path: "/".to_owned(), tokens: tokens.to_vec() };
    let mut rounds = Vec::new();
    for path in HotPath::ALL {
        // The table lists the bare protected route before the API that is built on it.
        if path == HotPath::Tasks {
            rounds.push(drive_one(Get::with_token("/", &tokens[0]), cached, load).await?);
            rounds.push(drive_one(many.clone(), uncached, load).await?);
        }
        rounds.push(drive_path(path, services, setup, &tokens[0], load).await?);
    }
    Ok(rounds)
}

macro_rules! bound {
    ($words:literal, |$l:ident| $of:expr) => {
        Bound { words: $words, of: |$l| $of }
    };
}

fn rows() -> Vec<Row> {
    let row = |path, must, aim| Row { path, must, aim, rounds: Vec::new() };
    let fast = || (bound!("3 H", |l| 3.0 * l.hello), bound!("1.7 H", |l| 1.7 * l.hello));
    let looked_up =
        || (bound!("V + 2 D", |l| l.verify + 2.0 * l.read), bound!("V + D", |l| l.verify + l.read));
    vec![
        row(HotPath::Discovery.label(), fast().0, fast().1),
        row(HotPath::Jwks.label(), fast().0, fast().1),
        row(
            HotPath::ClientCredentials.label(),
            bound!("1.5 S", |l| 1.5 * l.sign),
            bound!("1.2 S", |l| 1.2 * l.sign),
        ),
        row(
            HotPath::ClientAssertion.label(),
            bound!("1.5 S + 2 V + W", |l| 1.5 * l.sign + 2.0 * l.verify + l.write),
            bound!("1.2 S + V + W", |l| 1.2 * l.sign + l.verify + l.write),
        ),
        row(
            HotPath::AuthorizeAndToken.label(),
            bound!("2 S + 4 D + 2 W", |l| 2.0 * l.sign + 4.0 * l.read + 2.0 * l.write),
            bound!("2 S + 2 D + W", |l| 2.0 * l.sign + 2.0 * l.read + l.write),
        ),
        row(
            HotPath::Refresh.label(),
            bound!("2 S + 2 D + 2 W", |l| 2.0 * l.sign + 2.0 * l.read + 2.0 * l.write),
            bound!("2 S + D + W", |l| 2.0 * l.sign + l.read + l.write),
        ),
        row(HotPath::Userinfo.label(), looked_up().0, looked_up().1),
        row(HotPath::Introspection.label(), looked_up().0, looked_up().1),
        row(
            "protected route, repeated token",
            bound!("3 H", |l| 3.0 * l.hello),
            bound!("1.5 H", |l| 1.5 * l.hello),
        ),
        row(
            "protected route, 1,000 tokens, cache off",
            bound!("2.2 V", |l| 2.2 * l.verify),
            bound!("1.7 V", |l| 1.7 * l.verify),
        ),
        row(
            HotPath::Tasks.label(),
            bound!("3 H + 2 D", |l| 3.0 * l.hello + 2.0 * l.read),
            bound!("2 H + D", |l| 2.0 * l.hello + l.read),
        ),
    ]
}

fn print_table(rows: &[Row], limits: &Limits, writes: &WriteThroughput) -> Vec<String> {
    let Limits { sign, hello, verify, read, write, insertion } = limits;
    println!(
        "CPU µs of one: S signature {sign:.0}, H hello {hello:.1}, V verify {verify:.1}, D read {read:.0}, W grouped write {write:.0} \
         (two reads and an insertion; the insertion alone {insertion:.0})"
    );
    println!(
        "SQLite, durable: {:.0} writes/s through db.write with {CONNECTIONS} callers, {:.0} one by one ({:.1} ×)\n",
        writes.grouped,
        writes.one_by_one,
        writes.grouped / writes.one_by_one
    );
    report::print_head();
    rows.iter().filter_map(|row| row.print(limits)).collect()
}

/// Measures and prints start-up time, memory, size of the binaries, and the latency that verification adds.
async fn print_sizes(
    plan: &Plan,
    servers: &Servers,
    idle: (f64, f64),
    setup: &Arc<Setup>,
) -> Result<Vec<String>> {
    let Services { identity, tasks, first_start, .. } = &servers.services;
    println!("\n| figure | value | must | aim |\n|---|---|---|---|");
    let mut missed: Vec<_> =
        print_figure("ready, existing database", millis(identity.ready_after), "ms", 150.0, 60.0)
            .into_iter()
            .collect();
    missed.extend(print_figure("ready, empty database", millis(*first_start), "ms", 1_000.0, 500.0));
    missed.extend(print_figure("resident, idle: identity", idle.0, "MiB", 40.0, 25.0));
    missed.extend(print_figure("resident, idle: postern-tasks", idle.1, "MiB", 20.0, 12.0));
    let token = setup.access_token(&mut Connection::open(identity.address).await?).await?;
    let bearer = |path: &str| Get::with_token(path, &token);
    let alone = Load { connections: 1, warm_up: plan.duration / 6, duration: plan.duration };
    let open = drive_one(Get::open("/"), &servers.hello, alone).await?;
    let protected = drive_one(bearer("/"), &servers.uncached, alone).await?;
    let added = millis(protected.quantile(990)) - millis(open.quantile(990));
    missed.extend(print_figure("p99 that verification adds, one connection", added, "ms", 1.0, 1.0));
    send_planned_requests(plan, bearer("/oauth2/userinfo"), identity).await?;
    missed.extend(print_figure(
        "resident, after the load: identity",
        identity.resident_mib()?,
        "MiB",
        100.0,
        60.0,
    ));
    send_planned_requests(plan, bearer("/api/tasks"), tasks).await?;
    missed.extend(print_figure(
        "resident, after the load: postern-tasks",
        tasks.resident_mib()?,
        "MiB",
        30.0,
        16.0,
    ));
    for binary in ["postern", "postern-tasks"] {
        let bytes = std::fs::metadata(plan.binaries.join(binary))?.len();
        missed.extend(print_figure(&format!("binary: {binary}"), as_float(bytes) / 1e6, "MB", 40.0, 25.0));
    }
    Ok(missed)
}

/// Sends at least the planned number of requests.
async fn send_planned_requests(plan: &Plan, operation: Get, server: &Server) -> Result<()> {
    let operation = Arc::new(operation);
    let load = Load { connections: CONNECTIONS, warm_up: Duration::ZERO, duration: Duration::from_secs(5) };
    let mut sent = 0;
    while sent < plan.memory_requests {
        sent += drive(operation.clone(), server.address, load, || server.cpu()).await?.operations;
        eprintln!("{sent} requests of {}", plan.memory_requests);
    }
    Ok(())
}
