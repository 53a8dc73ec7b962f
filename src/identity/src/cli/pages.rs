//! Defines `postern pages`: the built-in templates, texts and files, for operators who change some of them. Needs no
//! database.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    context::Context,
    error::CommandError,
    output::{Report, table},
};
use crate::templates;

/// What to do with the built-in files.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the built-in files, and which of them the directory `pages.templates` replaces.
    List,
    /// Write built-in files to a directory, to be changed there and named as `pages.templates`. Files that are there
    /// already stay as they are. Delete what you do not change: an exported file hides newer versions of itself.
    Export {
        /// The directory; it is made if it does not exist.
        dir: PathBuf,
        /// Files to write, such as `messages/en.ftl`; all of them if none is named.
        files: Vec<String>,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<Report, CommandError> {
    match command {
        Command::List => Ok(list(context.settings()?.settings.pages.templates.as_deref())),
        Command::Export { dir, files } => export(dir, files),
    }
}

fn list(directory: Option<&Path>) -> Report {
    let mut files: Vec<_> = templates::built_in_files()
        .map(|(name, content)| {
            let replaced_by = directory.map(|own| own.join(&name)).filter(|own| own.is_file());
            (name, content.len(), replaced_by)
        })
        .collect();
    files.sort();
    let shown =
        |file: &Option<PathBuf>| file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    let rows: Vec<_> =
        files.iter().map(|(name, size, own)| [name.clone(), size.to_string(), shown(own)]).collect();
    let values: Vec<_> = files
        .iter()
        .map(|(name, size, own)| json!({ "file": name, "bytes": size, "replaced_by": own }))
        .collect();
    Report::new(table(["FILE", "BYTES", "REPLACED BY"], &rows), values)
}

fn export(directory: &Path, wanted: &[String]) -> Result<Report, CommandError> {
    let files: Vec<_> =
        templates::built_in_files().filter(|(name, _)| wanted.is_empty() || wanted.contains(name)).collect();
    let known: BTreeSet<_> = files.iter().map(|(name, _)| name).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        let message = format!("there is no built-in file {unknown}: see `postern pages list`");
        return Err(CommandError::Usage(message));
    }
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for (name, content) in &files {
        let path = directory.join(name);
        let stored = write_new(&path, content).map_err(|cause| {
            CommandError::Failed(format!("{} cannot be written: {cause}", path.display()))
        })?;
        if stored { written.push(name) } else { kept.push(name) }
    }
    let mut text = format!("{} files were written to {}.", written.len(), directory.display());
    if !kept.is_empty() {
        text += &format!(" {} were there already and stay as they are.", kept.len());
    }
    text += "\nChange what you need, delete the rest, and name the directory as pages.templates.";
    Ok(Report::new(text, json!({ "directory": directory, "written": written, "kept": kept })))
}

/// False if the file exists: an operator's changes are never written over.
fn write_new(path: &Path, content: &[u8]) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(content).map(|()| true),
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(cause) => Err(cause),
    }
}
