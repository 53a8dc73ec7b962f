//! Defines `postern passwords`: builds the file of breached passwords. Needs neither settings nor database.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::PathBuf,
};

use serde_json::json;

use super::{
    error::CommandError,
    output::{Report, progress},
};
use crate::passwords::breached::build::{BuildSummary, DumpFormat, build};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make the file for `password.breached_file` from a public dump of breached passwords. Takes the place
    /// of an earlier one when it is whole; a running server goes on with the earlier one until it is started
    /// again.
    Build {
        /// Lines of SHA-1 hashes as `HASH:COUNT`, like those of Have I Been Pwned; `-` reads standard input.
        dump: PathBuf,
        /// The file to make.
        out: PathBuf,
        /// The lines are passwords.
        #[arg(long)]
        plain: bool,
    },
}

pub(super) fn run(command: &Command) -> Result<Report, CommandError> {
    let Command::Build { dump, out, plain } = command;
    let input: Box<dyn BufRead> = if dump.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(dump)
            .map_err(|cause| CommandError::Failed(format!("{} cannot be read: {cause}", dump.display())))?;
        Box::new(BufReader::with_capacity(1 << 20, file))
    };
    let lines = if *plain { DumpFormat::Plain } else { DumpFormat::Sha1 };
    let BuildSummary { lines, entries } =
        build(input, lines, out, |lines| progress(&format!("{lines} lines read")))?;
    let text = format!("{} has {entries} passwords, of {lines} lines.", out.display());
    Ok(Report::new(text, json!({ "file": out, "lines": lines, "entries": entries })))
}
