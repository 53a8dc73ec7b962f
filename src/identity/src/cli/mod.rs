//! Defines the command line: parses the arguments, runs one command and prints its report. Each command has
//! one file.
//!
//! Every command takes `--config FILE`, prints text unless `--json` is given, and exits with 0, 1 (it failed)
//! or 2 (wrong use: an unknown flag, or a value that breaks a rule). A command opens the settings and the
//! database only if it needs them. Commands work while a server runs: they announce their changes in the same
//! write.

mod client;
mod config;
mod confirmation;
mod context;
mod dev;
mod error;
mod import;
mod invitation;
mod keys;
mod migrate;
mod openapi;
mod output;
mod pages;
mod passwords;
mod resource;
mod serve;
mod user;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use self::{context::Context, error::CommandError, output::Report};

/// Postern, the OpenID Connect provider.
#[derive(Debug, Parser)]
#[command(name = "postern", version, max_term_width = 100)]
struct Arguments {
    /// Settings that go over the built-in defaults; the environment goes over both.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the provider until SIGTERM or SIGINT. Brings the database's schema up to date first.
    Serve,
    /// Run the provider on this machine with seeded users and clients, and an inbox instead of mail.
    Dev(dev::Arguments),
    /// Apply, revert or list the steps of the database's schema.
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Manage the apps that ask for tokens.
    #[command(subcommand)]
    Client(client::Command),
    /// Manage the APIs that tokens are for.
    #[command(subcommand)]
    Resource(resource::Command),
    /// Manage the people who sign in.
    #[command(subcommand)]
    User(user::Command),
    /// Make the file of breached passwords that new ones are compared with.
    #[command(subcommand)]
    Passwords(passwords::Command),
    /// Manage the keys that sign tokens, and make the key that seals them.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Print the OpenAPI document.
    Openapi,
    /// List or export the built-in templates and texts, to change some of them.
    #[command(subcommand)]
    Pages(pages::Command),
    /// Check or show the settings.
    #[command(subcommand)]
    Config(config::Command),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context::new(arguments.config);
    // The TLS library accepts its provider once for each process; a second call would only report that it is
    // set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = context::runtime()
        .map_err(CommandError::from)
        .and_then(|runtime| runtime.block_on(run(&context, arguments.command, arguments.json)));
    match outcome {
        Ok(report) => output::print(&report, arguments.json),
        Err(error) => {
            output::print_error(&error, arguments.json);
            error.exit_code()
        }
    }
}

async fn run(context: &Context, command: Command, as_json: bool) -> Result<Report, CommandError> {
    match command {
        // Those that hold all settings are boxed, because they are large.
        Command::Serve => Box::pin(serve::run(context)).await,
        Command::Dev(arguments) => Box::pin(dev::run(context, arguments, as_json)).await,
        Command::Keys(command) => keys::run(context, command).await,
        Command::Openapi => Ok(openapi::run()),
        Command::Migrate(command) => migrate::run(context, command).await,
        Command::Client(command) => client::run(context, command).await,
        Command::Resource(command) => resource::run(context, command).await,
        Command::User(command) => Box::pin(user::run(context, command)).await,
        Command::Passwords(command) => passwords::run(&command),
        Command::Pages(command) => pages::run(context, &command),
        Command::Config(command) => config::run(context, &command),
    }
}
