//! Prints the table, and names the bounds that must hold and are exceeded.

use std::time::Duration;

use crate::{drive::Round, limits::Limits};

/// The cost that one path may have, in microseconds, computed from the unit costs of the same run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// The formula, as the table shows it.
    pub(crate) words: &'static str,
    pub(crate) of: fn(&Limits) -> f64,
}

/// One path of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) path: &'static str,
    /// The bound that must hold.
    pub(crate) must: Bound,
    /// The bound that should hold.
    pub(crate) aim: Bound,
    /// One result for each round.
    pub(crate) rounds: Vec<Round>,
}

impl Row {
    /// Prints the row. Returns the bound that must hold, if it is exceeded.
    pub(crate) fn print(&self, limits: &Limits) -> Option<String> {
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
        let missed = || format!("{}: {cpu:.1} µs, must be {must:.1} µs ({})", self.path, self.must.words);
        (cpu > must).then(missed)
    }
}

/// Prints the head of the table.
pub(crate) fn print_head() {
    println!("| path | CPU µs/op | ops/s | p50 ms | p99 ms | CPU / must | CPU / aim |");
    println!("|---|---|---|---|---|---|---|");
}

/// Prints one figure beside its fixed bounds. Returns the bound that must hold, if it is exceeded.
pub(crate) fn print_figure(what: &str, value: f64, unit: &str, must: f64, aim: f64) -> Option<String> {
    println!(
        "| {what} | {value:.2} {unit} | must {must:.2} {unit} {} | aim {aim:.2} {unit} {} |",
        mark(value <= must),
        mark(value <= aim)
    );
    (value > must).then(|| format!("{what}: {value:.2} {unit}, must be {must:.2} {unit}"))
}

/// Prints whether every bound that must hold holds, or which do not.
pub(crate) fn print_missed(missed: &[String]) {
    match missed {
        [] => println!("\nEvery must is met."),
        missed => println!("\nMissed:\n- {}", missed.join("\n- ")),
    }
}

fn mark(met: bool) -> &'static str {
    if met { "✓" } else { "✗" }
}

/// The median of an odd number of values. Zero for no values.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_must_that_is_missed_is_named_with_its_value() {
        assert_eq!(print_figure("resident", 30.0, "MiB", 40.0, 25.0), None);
        let missed = print_figure("resident", 41.26, "MiB", 40.0, 25.0);
        assert_eq!(missed.as_deref(), Some("resident: 41.26 MiB, must be 40.00 MiB"));
    }
}
