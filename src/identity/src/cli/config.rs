//! Defines `postern config`: checks the settings and shows where each comes from. Needs no database.

use std::path::Path;

use postern_service::settings::{LoadedSettings, Origin};
use serde_json::{Value, json};

use super::{
    context::Context,
    error::CommandError,
    output::{Report, table},
};
use crate::{
    config::Config,
    templates::{self, Contrast},
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
            let loaded = context.settings_to_serve()?;
            let settings = loaded.settings.warnings().into_iter().map(str::to_owned);
            let pages = loaded.settings.pages.templates.as_deref().map(templates::override_warnings);
            let contrasts = templates::contrasts(&loaded.settings.pages);
            let ground = ground_warning(&loaded, contrasts);
            let warnings: Vec<_> = settings.chain(pages.into_iter().flatten()).chain(ground).collect();
            let lines = warnings.iter().map(|warning| format!("Warning: {warning}"));
            let messages: Vec<_> = [good(context.file())].into_iter().chain(lines).collect();
            let report = Report::new(messages.join("\n"), json!({ "good": true, "warnings": warnings }));
            // Whoever chose no colour has none to judge.
            let chosen = loaded.explain().iter().any(|setting| {
                ["pages.accent", "pages.ground"].contains(&setting.key.as_str())
                    && setting.origin != Origin::Default
            });
            let text = if chosen { contrast_text(contrasts) } else { String::new() };
            Ok(report.section("contrast", &text, contrast_value(contrasts)))
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

/// What was found good: without a file it may not be what the reader means.
fn good(file: Option<&Path>) -> String {
    match file {
        Some(file) => format!("The settings are good: {}.", file.display()),
        None => {
            "The settings are good: the defaults and the environment, for --config names no file.".to_owned()
        }
    }
}

/// WCAG 2.2, 1.4.3: of text in the usual size.
const LEAST_CONTRAST: f64 = 4.5;

/// Which setting to change where a text is hard to read on the ground.
fn ground_warning(loaded: &LoadedSettings<Config>, contrasts: [Contrast; 2]) -> Option<String> {
    loaded.settings.pages.ground()?;
    let setting = loaded.explain().iter().find(|setting| setting.key == "pages.ground")?;
    let value = setting.value.as_deref()?;
    let ratios = contrasts.map(Contrast::least_text_on_ground);
    let (time, ratio) =
        ["by day", "by night"].into_iter().zip(ratios).find(|(_, ratio)| *ratio < LEAST_CONTRAST)?;
    Some(format!(
        "pages.ground is {value}, from {}: text on it has a contrast of {:.2}:1 {time}, and people with weak eyes need \
         4.5:1. Choose a lighter colour in this line, or remove it",
        setting.origin,
        rounded(ratio)
    ))
}

fn contrast_text(contrasts: [Contrast; 2]) -> String {
    let rows = ["by day", "by night"].into_iter().zip(contrasts).map(|(time, contrast)| {
        let figure = |ratio: f64| {
            let low = if ratio < LEAST_CONTRAST { " (too low)" } else { "" };
            format!("{:.2}:1{low}", rounded(ratio))
        };
        [
            time.to_owned(),
            figure(contrast.text_on_accent),
            figure(contrast.accent_on_ground),
            figure(contrast.text_on_ground),
            figure(contrast.soft_text_on_ground),
        ]
    });
    let titles = ["CONTRAST", "TEXT ON ACCENT", "LINK ON GROUND", "TEXT ON GROUND", "SOFT TEXT ON GROUND"];
    let rows = table(titles, &rows.collect::<Vec<_>>());
    format!("{}\nPeople with weak eyes need 4.5:1 (WCAG 2.2).", rows.trim_end())
}

fn contrast_value([day, night]: [Contrast; 2]) -> Value {
    let value = |contrast: Contrast| {
        json!({
            "text_on_accent": rounded(contrast.text_on_accent),
            "accent_on_ground": rounded(contrast.accent_on_ground),
            "text_on_ground": rounded(contrast.text_on_ground),
            "soft_text_on_ground": rounded(contrast.soft_text_on_ground),
        })
    };
    json!({ "day": value(day), "night": value(night) })
}

/// Down, so that 4.499 does not read as enough.
fn rounded(ratio: f64) -> f64 {
    (ratio * 100.0).floor() / 100.0
}
