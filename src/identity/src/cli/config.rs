//! Defines `postern config`: checks the settings and shows where each comes from. Needs no database.

use serde_json::json;

use super::{
    context::Context,
    error::CommandError,
    output::{Report, table},
};

/// What to do with the settings.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check the settings as `serve` does, and list all mistakes. Needs no database.
    Check,
    /// List every setting with its value and where it was set, without secrets.
    Show,
}

pub(super) fn run(context: &Context, command: &Command) -> Result<Report, CommandError> {
    match command {
        Command::Check => {
            let warnings = context.settings_to_serve()?.settings.warnings();
            let lines = warnings.iter().map(|warning| format!("Warning: {warning}"));
            let messages: Vec<_> = ["The settings are good.".to_owned()].into_iter().chain(lines).collect();
            Ok(Report::new(messages.join("\n"), json!({ "good": true, "warnings": warnings })))
        }
        Command::Show => {
            let loaded = context.settings()?;
            let rows: Vec<_> = loaded
                .explain()
                .iter()
                .map(|setting| {
                    let value = setting.value.clone().unwrap_or_else(|| "(not set)".to_owned());
                    [setting.key.clone(), value, setting.origin.to_string()]
                })
                .collect();
            Ok(Report::new(table(["SETTING", "VALUE", "FROM"], &rows), loaded.explain()))
        }
    }
}
