//! Defines `postern migrate`: applies and reverts the steps of the database schema.

use postern_migrations::identity::Migrator;
use postern_service::database::migrate;
use serde_json::json;

use super::{context::Context, error::CommandError, output::Report};

/// What to do with the schema.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Apply every step that the database lacks. Creates an SQLite database that does not exist.
    Up,
    /// Revert the last steps. Tables that they created are dropped with everything in them.
    Down {
        /// How many steps to revert.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// List the steps.
    Status,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<Report, CommandError> {
    let db = match command {
        Command::Up => context.create_database().await?,
        Command::Down { .. } | Command::Status => context.database().await?,
    };
    let report = match command {
        Command::Up => step_report("applied", &migrate::up::<Migrator>(&db).await?),
        Command::Down { steps } => step_report("reverted", &migrate::down::<Migrator>(&db, steps).await?),
        Command::Status => status(&migrate::status::<Migrator>(&db).await?),
    };
    db.close().await;
    Ok(report)
}

fn step_report(action: &str, steps: &[String]) -> Report {
    let text = match steps {
        [] => "Nothing to do.".to_owned(),
        steps => steps.iter().map(|step| format!("{action}: {step}")).collect::<Vec<_>>().join("\n"),
    };
    Report::new(text, json!({ action.replace(' ', "_"): steps }))
}

fn status(steps: &[migrate::Step]) -> Report {
    let word = |step: &migrate::Step| if step.applied { "applied" } else { "pending" };
    let lines: Vec<_> = steps.iter().map(|step| format!("{}  {}", word(step), step.name)).collect();
    let list: Vec<_> =
        steps.iter().map(|step| json!({ "name": step.name, "applied": step.applied })).collect();
    Report::new(lines.join("\n"), list)
}
