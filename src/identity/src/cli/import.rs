//! Defines `postern user import`: adds many users from JSON lines. A refused line does not stop the others.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    error::CommandError,
    output::{Report, progress},
};
use crate::{
    App,
    administration::{
        import::{MAX_BATCH, add_all},
        users::NewUser,
    },
    core::RequestContext,
};

/// In bytes; a longer line is refused.
const MAX_LINE_LENGTH: u64 = 64 * 1024;
/// Refused lines beyond this number are only counted.
const MAX_REPORTED: usize = 1000;
/// Progress is reported each time this many lines are read.
const PROGRESS_INTERVAL: usize = 10_000;

/// One line. Every other member is a standard claim.
#[derive(Deserialize)]
struct ImportRow {
    email: String,
    #[serde(default)]
    email_verified: bool,
    password_hash: Option<String>,
    #[serde(flatten)]
    claims: Map<String, Value>,
}

#[derive(Default)]
struct ImportSummary {
    lines: usize,
    added: usize,
    refused: Vec<(usize, String)>,
    refused_total: usize,
}

/// Imports a file, or standard input for `-`.
pub(super) async fn run(app: &App, file: &str, context: &RequestContext) -> Result<Report, CommandError> {
    let input: Box<dyn BufRead> = match file {
        "-" => Box::new(BufReader::new(io::stdin())),
        path => Box::new(BufReader::new(
            File::open(path)
                .map_err(|cause| CommandError::Failed(format!("{path} cannot be read: {cause}")))?,
        )),
    };
    Ok(import(app, input, context).await?.report())
}

async fn import(
    app: &App,
    mut input: Box<dyn BufRead>,
    context: &RequestContext,
) -> Result<ImportSummary, CommandError> {
    let mut summary = ImportSummary::default();
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while let Some(line) = next_line(&mut input)? {
        summary.lines += 1;
        match line.and_then(|line| parse_row(&line)) {
            Ok(None) => {}
            Ok(Some(user)) => batch.push((summary.lines, user)),
            Err(cause) => summary.record_refusal(summary.lines, cause),
        }
        if batch.len() == MAX_BATCH {
            store_batch(app, &mut batch, &mut summary, context).await?;
        }
        if summary.lines % PROGRESS_INTERVAL == 0 {
            progress(&format!("{} lines read, {} users added", summary.lines, summary.added));
        }
    }
    store_batch(app, &mut batch, &mut summary, context).await?;
    Ok(summary)
}

async fn store_batch(
    app: &App,
    batch: &mut Vec<(usize, NewUser)>,
    summary: &mut ImportSummary,
    context: &RequestContext,
) -> Result<(), CommandError> {
    let (lines, users): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
    for (line, outcome) in lines.into_iter().zip(add_all(app, users, context).await?) {
        match outcome {
            Ok(()) => summary.added += 1,
            Err(cause) => summary.record_refusal(line, cause.to_string()),
        }
    }
    Ok(())
}

/// The next line. A line that is too long is skipped and yields an error.
fn next_line(input: &mut dyn BufRead) -> io::Result<Option<Result<Vec<u8>, String>>> {
    let mut line = Vec::new();
    if (&mut *input).take(MAX_LINE_LENGTH).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && line.len() as u64 == MAX_LINE_LENGTH {
        input.skip_until(b'\n')?;
        return Ok(Some(Err(format!("must be at most {MAX_LINE_LENGTH} bytes"))));
    }
    Ok(Some(Ok(line)))
}

/// Parses a user; none for an empty line.
fn parse_row(line: &[u8]) -> Result<Option<NewUser>, String> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    // Syntax errors report the column and not the text, which may contain a password hash.
    let line: ImportRow = serde_json::from_slice(line).map_err(|cause| match cause.classify() {
        serde_json::error::Category::Data => cause.to_string(),
        _ => format!("is not a JSON object on one line (column {})", cause.column()),
    })?;
    let profile = serde_json::from_value(Value::Object(line.claims)).map_err(|cause| cause.to_string())?;
    let ImportRow { email, email_verified, password_hash, .. } = line;
    Ok(Some(NewUser { email, email_verified, profile, password_hash }))
}

impl ImportSummary {
    fn record_refusal(&mut self, line: usize, cause: String) {
        self.refused_total += 1;
        if self.refused.len() < MAX_REPORTED {
            self.refused.push((line, cause));
        }
    }

    fn report(self) -> Report {
        let counts = [(self.added, "added"), (self.refused_total, "refused")];
        let [added, refused] = counts.map(|(count, word)| format!("{word} {count}"));
        let reasons = self.refused.iter().map(|(line, cause)| format!("line {line}: {cause}"));
        let text: Vec<_> =
            std::iter::once(format!("Of {} lines: {added}, {refused}.", self.lines)).chain(reasons).collect();
        let refused: Vec<_> =
            self.refused.iter().map(|(line, cause)| json!({ "line": line, "error": cause })).collect();
        let value = json!({
            "lines": self.lines,
            "added": self.added,
            "refused": self.refused_total,
            "errors": refused,
        });
        let report = Report::new(text.join("\n"), value);
        if self.refused_total > 0 { report.failure() } else { report }
    }
}
