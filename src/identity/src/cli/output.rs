//! Defines how a command prints its report: text for people, JSON for programs. Results go to stdout,
//! everything else to stderr.

use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
};

use serde::Serialize;
use serde_json::{Value, json};

/// The result of a command.
#[derive(Debug)]
pub(super) struct Report {
    text: String,
    json: Value,
    note: Option<String>,
    failed: bool,
}

impl Report {
    /// One result in two forms: text for people, JSON for programs.
    pub(super) fn new(text: impl Into<String>, value: impl Serialize) -> Self {
        Self { text: text.into(), json: json!(value), note: None, failed: false }
    }

    /// Adds a member to the JSON, and its text below that of the report.
    pub(super) fn section(mut self, name: &str, text: &str, value: Value) -> Self {
        if !text.is_empty() {
            self.text = format!("{}\n\n{text}", self.text.trim_end());
        }
        self.json[name] = value;
        self
    }

    /// Adds advice for people. It goes to stderr.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Marks the result as partly failed: it is printed as usual, and the exit code is 1.
    pub(super) fn failure(mut self) -> Self {
        self.failed = true;
        self
    }

    pub(super) fn silent() -> Self {
        Self { text: String::new(), json: Value::Null, note: None, failed: false }
    }
}

/// Prints to stdout. A closed pipe (`| head`) is no failure.
pub(super) fn print(report: &Report, as_json: bool) -> ExitCode {
    let text = match &report.json {
        Value::Null => String::new(),
        json if as_json => format!("{json:#}"),
        _ => report.text.clone(),
    };
    let written = match text.trim_end() {
        "" => Ok(()),
        text => writeln!(io::stdout(), "{text}"),
    };
    if let Some(note) = report.note.as_ref().filter(|_| !as_json) {
        // A failure to print advice does not fail the command.
        let _ = writeln!(io::stderr(), "{note}");
    }
    match written {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ if report.failed => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

/// Reports the progress of a long command on stderr.
pub(super) fn progress(text: &str) {
    // If stderr is closed, there is no other place to report to.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints an error with its causes to stderr.
pub(super) fn print_error(error: &dyn Error, as_json: bool) {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !message.ends_with(&cause_text) {
            message = format!("{message}: {cause_text}");
        }
        source = cause.source();
    }
    // If stderr is closed, there is no other place to report to.
    let _ = if as_json {
        writeln!(io::stderr(), "{}", json!({ "error": message }))
    } else {
        writeln!(io::stderr(), "postern: {message}")
    };
}

/// Aligns rows under a heading.
pub(super) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let lines = rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    std::iter::once(line(heading)).chain(lines).collect::<Vec<_>>().join("\n")
}

/// One field on each line; fields without a value are omitted.
pub(super) fn fields(pairs: &[(&str, String)]) -> String {
    let pairs: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = pairs.iter().map(|(name, value)| format!("{name:width$}  {value}"));
    lines.collect::<Vec<_>>().join("\n")
}
