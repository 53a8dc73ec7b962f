//! `postern user import`: many users at once, from JSON lines.

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
        import::{BATCH, add_all},
        users::NewUser,
    },
    audit::Origin,
};

/// Longest line, in bytes.
const LONGEST: u64 = 64 * 1024;
/// Of more refused lines than this only the number is told.
const MOST_TOLD: usize = 1000;
/// Lines between two words of progress.
const TELL_EVERY: usize = 10_000;

/// One line. What it has beside these members is a standard claim.
#[derive(Deserialize)]
struct Line {
    email: String,
    #[serde(default)]
    email_verified: bool,
    password_hash: Option<String>,
    #[serde(flatten)]
    claims: Map<String, Value>,
}

#[derive(Default)]
struct Summary {
    lines: usize,
    added: usize,
    refused: Vec<(usize, String)>,
    refused_in_all: usize,
}

/// Reads a file, or standard input for `-`.
pub(super) async fn run(app: &App, file: &str, origin: &Origin) -> Result<Report, CommandError> {
    let input: Box<dyn BufRead> = match file {
        "-" => Box::new(BufReader::new(io::stdin())),
        path => Box::new(BufReader::new(
            File::open(path)
                .map_err(|cause| CommandError::Failed(format!("{path} cannot be read: {cause}")))?,
        )),
    };
    Ok(import(app, input, origin).await?.report())
}

async fn import(app: &App, mut input: Box<dyn BufRead>, origin: &Origin) -> Result<Summary, CommandError> {
    let mut summary = Summary::default();
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(line) = next(&mut input)? {
        summary.lines += 1;
        match line.and_then(|line| read(&line)) {
            Ok(None) => {}
            Ok(Some(user)) => batch.push((summary.lines, user)),
            Err(cause) => summary.refuse(summary.lines, cause),
        }
        if batch.len() == BATCH {
            store(app, &mut batch, &mut summary, origin).await?;
        }
        if summary.lines % TELL_EVERY == 0 {
            progress(&format!("{} lines read, {} users added", summary.lines, summary.added));
        }
    }
    store(app, &mut batch, &mut summary, origin).await?;
    Ok(summary)
}

async fn store(
    app: &App,
    batch: &mut Vec<(usize, NewUser)>,
    summary: &mut Summary,
    origin: &Origin,
) -> Result<(), CommandError> {
    let (lines, users): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
    for (line, outcome) in lines.into_iter().zip(add_all(app, users, origin).await?) {
        match outcome {
            Ok(()) => summary.added += 1,
            Err(cause) => summary.refuse(line, cause.to_string()),
        }
    }
    Ok(())
}

/// The next line; a refusal for one that is too long, which is skipped.
fn next(input: &mut dyn BufRead) -> io::Result<Option<Result<Vec<u8>, String>>> {
    let mut line = Vec::new();
    if (&mut *input).take(LONGEST).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && line.len() as u64 == LONGEST {
        input.skip_until(b'\n')?;
        return Ok(Some(Err(format!("must be at most {LONGEST} bytes"))));
    }
    Ok(Some(Ok(line)))
}

/// One user; none of an empty line.
fn read(line: &[u8]) -> Result<Option<NewUser>, String> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    // Of a text that is no such object the place is told, and not the text: it may be a hash.
    let line: Line = serde_json::from_slice(line).map_err(|cause| match cause.classify() {
        serde_json::error::Category::Data => cause.to_string(),
        _ => format!("is not a JSON object on one line (column {})", cause.column()),
    })?;
    let profile = serde_json::from_value(Value::Object(line.claims)).map_err(|cause| cause.to_string())?;
    let Line { email, email_verified, password_hash, .. } = line;
    Ok(Some(NewUser { email, email_verified, profile, password_hash }))
}

impl Summary {
    fn refuse(&mut self, line: usize, cause: String) {
        self.refused_in_all += 1;
        if self.refused.len() < MOST_TOLD {
            self.refused.push((line, cause));
        }
    }

    fn report(self) -> Report {
        let counts = [(self.added, "added"), (self.refused_in_all, "refused")];
        let [added, refused] = counts.map(|(count, word)| format!("{word} {count}"));
        let told = self.refused.iter().map(|(line, cause)| format!("line {line}: {cause}"));
        let text: Vec<_> =
            std::iter::once(format!("Of {} lines: {added}, {refused}.", self.lines)).chain(told).collect();
        let refused: Vec<_> =
            self.refused.iter().map(|(line, cause)| json!({ "line": line, "error": cause })).collect();
        let value = json!({
            "lines": self.lines,
            "added": self.added,
            "refused": self.refused_in_all,
            "errors": refused,
        });
        let report = Report::new(text.join("\n"), value);
        if self.refused_in_all > 0 { report.failure() } else { report }
    }
}
