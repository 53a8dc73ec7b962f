//! Defines `postern config`: checks the settings and shows where each comes from. Needs no database.

use serde_json::json;

use super::{
    context::Context,
    error::CommandError,
    output::{Report, table},
};
use crate::{composition::StartError, config::Config, crypto::Vault, login::code};

/// What to do with the settings.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Say whether `serve` would take the settings.
    Check,
    /// List every setting with its value and where it was set. Secrets are not shown.
    Show,
}

pub(super) fn run(context: &Context, command: &Command) -> Result<Report, CommandError> {
    let loaded = context.settings()?;
    match command {
        Command::Check => {
            let key = loaded.settings.secrets.encryption_key.as_ref().ok_or(StartError::NoEncryptionKey)?;
            Vault::from_key(key).map_err(StartError::from)?;
            Config::check_certificates(&loaded)?;
            code::check_webhook(&loaded.settings).map_err(StartError::CodeWebhook)?;
            let warnings = loaded.settings.warnings();
            let lines = warnings.iter().map(|warning| format!("Warning: {warning}"));
            let messages: Vec<_> = ["The settings are good.".to_owned()].into_iter().chain(lines).collect();
            Ok(Report::new(messages.join("\n"), json!({ "good": true, "warnings": warnings })))
        }
        Command::Show => {
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
