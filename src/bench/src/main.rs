//! Measures the cost of each hot path of the two services, beside the unit costs of the same machine in the
//! same run.
//!
//! A cost is the CPU time of the server process for one operation, in microseconds (user and system time,
//! read from `/proc`), because other load on the machine hardly changes it. Rounds are interleaved and the
//! median counts. The exit code is 1 when a bound that must hold is exceeded.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod client_assertion;
mod compare;
mod drive;
mod hello;
mod hot_path;
mod limits;
mod passwords;
mod process;
mod report;
mod run;
mod scenarios;
mod services;
mod sign_in;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "postern-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything and print the table.
    Run {
        /// The folder of the release binaries.
        #[arg(long, default_value = "target/release")]
        binaries: PathBuf,
        /// Interleaved rounds; the median counts.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Seconds that each path is measured in each round.
        #[arg(long, default_value_t = 3)]
        seconds: u64,
        /// Requests to each service before its memory is read again.
        #[arg(long, default_value_t = 1_000_000)]
        memory_requests: u64,
        /// Only what is about sign-ins by password.
        #[arg(long)]
        only_sign_ins: bool,
    },
    /// Run an older build and this one in turns, and print what each path costs beside the older build.
    Compare {
        /// The folder of the release binaries.
        #[arg(long, default_value = "target/release")]
        binaries: PathBuf,
        /// The folder of the older ones.
        #[arg(long)]
        against: PathBuf,
        /// Rounds; each drives every path against each build.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds that each path is measured in each round.
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// Serve an empty handler behind our accept loop.
    Hello {
        /// Where to listen.
        address: SocketAddr,
    },
    /// Serve a handler that only verifies a token.
    Protected {
        /// Where to listen.
        address: SocketAddr,
        /// The issuer whose tokens are verified.
        issuer: String,
        /// The audience that tokens must have.
        audience: String,
        /// How many verified tokens are remembered.
        cache: u64,
    },
}

fn main() -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match Arguments::parse().command {
            Command::Hello { address } => hello::serve_hello(address).await?,
            Command::Protected { address, issuer, audience, cache } => {
                hello::serve_protected(address, &issuer, &audience, cache).await?;
            }
            Command::Compare { binaries, against, rounds, seconds } => {
                let duration = Duration::from_secs(seconds);
                let plan = compare::Plan { binaries, against, rounds, duration };
                if !compare::compare(&plan).await? {
                    return Ok(ExitCode::FAILURE);
                }
            }
            Command::Run { binaries, rounds, seconds, memory_requests, only_sign_ins } => {
                let duration = Duration::from_secs(seconds);
                let plan = run::Plan { binaries, rounds, duration, memory_requests, only_sign_ins };
                if !run::run(&plan).await? {
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
