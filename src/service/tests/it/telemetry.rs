//! Tests how log lines look, and what is never logged.

use std::io::{self, Write};

use postern_service::{
    settings::{LogFormat, TelemetrySettings},
    telemetry::{self, LogWriter},
};
use serde_json::Value;

use crate::support::Sink;

/// The log lines of `act`.
fn logged(filter: &str, format: LogFormat, act: impl FnOnce()) -> String {
    let sink = Sink::default();
    let writer = LogWriter::start(Box::new(sink.clone()));
    let settings = TelemetrySettings { log: filter.to_owned(), format };
    tracing::subscriber::with_default(telemetry::subscriber(&settings, &writer, false).unwrap(), act);
    drop(writer);
    sink.text()
}

#[test]
fn whatever_comes_from_outside_stays_on_its_line() {
    let forged = "x\r\n{\"level\":\"ERROR\"}\u{1b}[31m\u{9b}1m\u{7f}\u{2028}\\";
    let act = || {
        tracing::info!(name = forged, debug = ?forged, display = %forged, flag = true, count = 3_u64, "{forged}");
    };
    let text = logged("info", LogFormat::Json, act);
    let line: Value = serde_json::from_str(text.trim_end()).unwrap();
    assert_eq!((line["name"].as_str(), line["display"].as_str()), (Some(forged), Some(forged)), "{text}");
    assert_eq!(line["message"], forged);
    assert_eq!((&line["flag"], &line["count"]), (&true.into(), &3.into()));
    assert_eq!(line["target"], "it::telemetry");

    for format in [LogFormat::Json, LogFormat::Pretty] {
        let text = logged("info", format, act);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.trim_end_matches('\n').chars().all(|c| !c.is_control() && c != '\u{2028}'), "{text:?}");
    }
}

#[test]
fn lines_for_people_are_short() {
    let text = logged("debug", LogFormat::Pretty, || tracing::info!(port = 7117, "listening"));
    let (time, rest) = text.split_once(' ').unwrap();
    assert_eq!(time.len(), "2026-11-20T14:57:16.000250Z".len());
    assert_eq!(rest, "INFO  listening port=7117 target=it::telemetry\n");
}

#[test]
fn libraries_that_tell_secrets_are_capped_whatever_the_filter_says() {
    let text = logged("trace,sqlx=trace,hyper::proto=trace,other=debug", LogFormat::Json, || {
        tracing::info!(target: "sqlx::query", "hunter2");
        tracing::debug!(target: "hyper::proto::h1", "hunter2");
        tracing::debug!(target: "h2::codec", "hunter2");
        tracing::info!(target: "lettre::transport", "hunter2");
        tracing::debug!(target: "other", "hunter2");
        tracing::warn!(target: "sqlx::pool", "slow");
        tracing::info!(target: "other", "fine");
        tracing::trace!(target: "postern_identity::tokens", "ours");
    });
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn the_filter_decides_below_the_cap() {
    let act = || {
        tracing::info!(target: "postern_identity", "no");
        tracing::warn!(target: "postern_identity", "yes");
        tracing::debug!(target: "postern_service", "yes");
    };
    let text = logged("warn,postern_service=debug", LogFormat::Json, act);
    assert_eq!(text.matches("yes").count(), 2, "{text}");
    assert!(!text.contains("\"no\""));
}

#[test]
fn a_flush_waits_for_lines_that_nothing_else_hurries() {
    let sink = Sink::default();
    let writer = LogWriter::start(Box::new(sink.clone()));
    for number in 0..100 {
        writer.write(format!("{number}\n").as_bytes(), false);
        writer.flush();
        assert_eq!(sink.text().lines().count(), number + 1);
    }
}

/// A log sink that blocks for ever.
struct Stuck(std::sync::mpsc::Receiver<()>, Sink);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_are_dropped_and_counted_rather_than_waited_for() {
    let (release, held) = std::sync::mpsc::channel();
    let sink = Sink::default();
    let writer = LogWriter::start(Box::new(Stuck(held, sink.clone())));
    let line = format!("{}\n", "x".repeat(1023));
    for _ in 0..4000 {
        writer.write(line.as_bytes(), true);
    }
    drop(release);
    drop(writer);
    let text = sink.text();
    let kept = text.lines().filter(|line| line.starts_with('x')).count();
    let told: usize = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["lines"].as_u64())
        .map(|lines| usize::try_from(lines).unwrap())
        .sum();
    assert!(told > 0 && kept + told == 4000, "{kept} kept, {told} dropped");
}
