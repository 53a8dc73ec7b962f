//! Compares two builds by the CPU cost of each hot path.
//!
//! Three pairs of services run side by side: the older build twice, and the newer build. Each path is driven
//! against one pair after the other, in a rotating order, so that other load on the machine affects all of
//! them alike. The two pairs of the older build show how much the same code varies. A path counts as dearer
//! only when it costs more than [`TOLERANCE`] times the older build and also more than that variation.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;

use crate::{
    drive::{Connection, Load, Round},
    hot_path::{HotPath, drive_one, drive_path},
    passwords::SignIn,
    report::median,
    run::CONNECTIONS,
    scenarios::Setup,
    services::Services,
};

/// Largest ratio of the costs that still passes.
const TOLERANCE: f64 = 1.05;

/// Concurrent sign-ins: two hash on each of two cores, and none waits for long.
const SIGN_INS: usize = 4;

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) binaries: PathBuf,
    pub(crate) against: PathBuf,
    pub(crate) rounds: usize,
    pub(crate) duration: Duration,
}

/// The services of one build, with the state that a round needs.
struct Build {
    services: Services,
    setup: Arc<Setup>,
    access_token: String,
    sign_in: SignIn,
}

/// CPU microseconds of one operation, one value for each round: of the older build, of the older build again,
/// of the newer build.
type Costs = [Vec<f64>; 3];

/// Runs the comparison and prints it. False when a path became dearer.
pub(crate) async fn compare(plan: &Plan) -> Result<bool> {
    let builds = [
        Build::start(&plan.against).await?,
        Build::start(&plan.against).await?,
        Build::start(&plan.binaries).await?,
    ];
    let mut paths: [Costs; HotPath::ALL.len()] = Default::default();
    let mut sign_ins = Costs::default();
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        for turn in 0..builds.len() {
            let which = (round + turn) % builds.len();
            sign_ins[which].push(builds[which].sign_in(plan).await?.micros_per_operation());
        }
        for (path, costs) in HotPath::ALL.into_iter().zip(&mut paths) {
            if !builds.iter().all(|build| build.knows(path)) {
                continue;
            }
            for turn in 0..builds.len() {
                let which = (round + turn) % builds.len();
                costs[which].push(builds[which].drive(path, plan).await?.micros_per_operation());
            }
        }
    }
    println!("| path | older, CPU µs/op | newer | newer / older | older again / older | |");
    println!("|---|---|---|---|---|---|");
    let mut met = true;
    for (path, costs) in HotPath::ALL.into_iter().zip(&paths) {
        if costs[0].is_empty() {
            println!("| {} | a build does not know it | | | | |", path.label());
        } else {
            met &= print(path.label(), costs);
        }
    }
    met &= print("sign-in by password, with its hash", &sign_ins);
    for build in builds {
        build.services.stop()?;
    }
    println!("\n{}", if met { "No path is dearer." } else { "A path is dearer." });
    Ok(met)
}

impl Build {
    async fn start(binaries: &std::path::Path) -> Result<Self> {
        let services = Services::start(binaries)?;
        let setup = Arc::new(services.prepare().await?);
        let mut connection = Connection::open(services.identity.address).await?;
        let access_token = setup.access_token(&mut connection).await?;
        let sign_in = SignIn::prepare(&services.identity, &setup).await?;
        Ok(Self { services, setup, access_token, sign_in })
    }

    fn knows(&self, path: HotPath) -> bool {
        path != HotPath::ClientAssertion || self.services.signer.is_some()
    }

    async fn drive(&self, path: HotPath, plan: &Plan) -> Result<Round> {
        drive_path(path, &self.services, &self.setup, &self.access_token, load(CONNECTIONS, plan)).await
    }

    async fn sign_in(&self, plan: &Plan) -> Result<Round> {
        drive_one(self.sign_in.clone(), &self.services.identity, load(SIGN_INS, plan)).await
    }
}

fn load(connections: usize, plan: &Plan) -> Load {
    Load { connections, warm_up: plan.duration / 6, duration: plan.duration }
}

/// Prints one path. False when it became dearer.
fn print(words: &str, [older, again, newer]: &Costs) -> bool {
    let middle = |of: &[f64]| median(of.iter().copied());
    let ratios =
        |of: &[f64]| -> Vec<f64> { of.iter().zip(older).map(|(other, older)| other / older).collect() };
    let (ratio, same) = (middle(&ratios(newer)), ratios(again));
    let least = same.iter().copied().fold(f64::INFINITY, f64::min);
    let most = same.iter().copied().fold(0.0, f64::max);
    let spread = most.max(1.0 / least);
    let met = ratio <= TOLERANCE || ratio <= spread;
    println!(
        "| {words} | {:.1} | {:.1} | {ratio:.3} | {least:.3} to {most:.3} | {} |",
        middle(older),
        middle(newer),
        if met { "✓" } else { "✗" },
    );
    met
}
