//! Prints the table, and decides whether a must was missed.

use std::time::Duration;

use crate::{drive::Round, limits::Limits};

/// What one path may cost, in microseconds, made from the limits of the same run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// The formula, as the table shows it.
    pub(crate) words: &'static str,
    /// Its value.
    pub(crate) of: fn(&Limits) -> f64,
}

/// One path of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was driven.
    pub(crate) path: &'static str,
    /// What it must not exceed.
    pub(crate) must: Bound,
    /// What it should not exceed.
    pub(crate) aim: Bound,
    /// One result a round.
    pub(crate) rounds: Vec<Round>,
}

impl Row {
    /// Prints it; false when the must was missed.
    pub(crate) fn print(&self, limits: &Limits) -> bool {
        let cpu = median(self.rounds.iter().map(Round::micros_per_operation));
        let rate = median(self.rounds.iter().map(Round::rate));
        let millis =
            |per_mille| median(self.rounds.iter().map(|r| r.quantile(per_mille).as_secs_f64() * 1e3));
        let (must, aim) = ((self.must.of)(limits), (self.aim.of)(limits));
        println!(
            "| {} | {cpu:.1} | {rate:.0} | {:.2} | {:.2} | {:.2} × ({}) {} | {:.2} × ({}) {} |",
            self.path,
            millis(500),
            millis(990),
            cpu / must,
            self.must.words,
            mark(cpu <= must),
            cpu / aim,
            self.aim.words,
            mark(cpu <= aim),
        );
        cpu <= must
    }
}

/// The head of the table.
pub(crate) fn head() {
    println!("| path | CPU µs/op | ops/s | p50 ms | p99 ms | CPU / must | CPU / aim |");
    println!("|---|---|---|---|---|---|---|");
}

/// One figure that is compared with fixed bounds; false when the must was missed.
pub(crate) fn figure(what: &str, value: f64, unit: &str, must: f64, aim: f64) -> bool {
    println!(
        "| {what} | {value:.1} {unit} | must {must} {unit} {} | aim {aim} {unit} {} |",
        mark(value <= must),
        mark(value <= aim)
    );
    value <= must
}

fn mark(met: bool) -> &'static str {
    if met { "✓" } else { "✗" }
}

/// The middle of an odd number of values; zero for none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
