//! Prepares the start page of `postern dev`: secrets, snippets and commands.

use std::{env, path::Path};

use super::secrets::Secrets;
use crate::{
    App,
    app::development::{Development, DevelopmentClient},
    cli::{client::preset, error::CommandError},
};

/// Provides the values of the start page, which is shown from then on.
pub(super) fn prepare(
    app: &App,
    tasks: &str,
    secrets: &Secrets,
    settings_file: &Path,
) -> Result<(), CommandError> {
    let client = |client_id: &str, secret: &str, stack: &str| {
        let snippet = preset::snippet_of(stack, app, client_id)?;
        Ok::<_, CommandError>(DevelopmentClient {
            client_id: client_id.to_owned(),
            secret: secret.to_owned(),
            snippet,
        })
    };
    let clients = vec![
        client("demo-web", secrets.demo_web(), "web")?,
        client("demo-service", secrets.demo_service(), "service")?,
    ];
    let settings_file = settings_file.display().to_string();
    let program = program();
    let presets = preset::commands(program, &settings_file);
    // A process prepares its page once.
    let _ = app.development.set(Development {
        tasks: tasks.to_owned(),
        program,
        settings_file,
        clients,
        presets,
    });
    Ok(())
}

/// How the developer calls this program: from a clone of the repository by cargo's alias.
pub(super) fn program() -> &'static str {
    let built_here = env::var_os("CARGO").is_some()
        || env::current_exe()
            .is_ok_and(|program| program.ancestors().any(|folder| folder.ends_with("target/debug")));
    if built_here { "cargo postern" } else { "postern" }
}
