//! Defines `postern keys`: the keys that sign tokens, and the key that encrypts them at rest.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use postern_service::{clock::Timestamp, random::Random};
use postern_token_verifier::Algorithm;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{
    context::Context,
    error::CommandError,
    output::{Report, table},
};
use crate::{
    core::RequestContext,
    keys::{self, KeyError, KeyInfo},
};

/// What to do with keys.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the signing keys.
    List,
    /// Let the next key sign, and publish another next one.
    Rotate {
        /// Even if verifiers may not know the next key yet: some will refuse tokens for a while.
        #[arg(long)]
        now: bool,
        /// The algorithm whose keys change; without it that of `keys.algorithm`.
        #[arg(long, value_name = "ALG", value_parser = algorithms())]
        algorithm: Option<Algorithm>,
    },
    /// Take a compromised key out of the published set at once: its tokens are refused from then on.
    Retire {
        /// The `kid` of the key.
        kid: String,
    },
    /// Make a random encryption key for `secrets.encryption_key`. Writes nothing.
    NewSecret,
}

fn algorithms() -> impl clap::builder::TypedValueParser<Value = Algorithm> {
    let names = PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name));
    names.try_map(|name| serde_json::from_value(json!(name)))
}

pub(super) async fn run(context: &Context, command: Command) -> Result<Report, CommandError> {
    if matches!(command, Command::NewSecret) {
        return Ok(new_secret());
    }
    let app = context.app().await?;
    let context = RequestContext::of_command(&app);
    let report = match command {
        Command::List => list(&keys::list(&app).await?),
        Command::Rotate { now, algorithm } => {
            let algorithm = algorithm.unwrap_or(app.config.keys.algorithm);
            let rotated = app.signing_keys.rotate_algorithm(&app, algorithm, now, &context).await;
            let rotated = rotated.map_err(with_advice)?;
            let text = format!(
                "{} signs now; {} follows; {} retires.",
                rotated.active, rotated.next, rotated.retiring
            );
            Report::new(text, rotated)
        }
        Command::Retire { kid } => {
            let key = app.signing_keys.retire(&app, &kid, &context).await.map_err(with_advice)?;
            Report::new(format!("{kid} is not published any more."), key)
        }
        Command::NewSecret => new_secret(),
    };
    app.db.close().await;
    Ok(report)
}

fn with_advice(cause: KeyError) -> CommandError {
    match cause {
        KeyError::NextKeyNotReady { .. } => CommandError::Failed(format!(
            "{cause}, because verifiers may not know it: wait until then, or use --now if the key is compromised"
        )),
        cause => cause.into(),
    }
}

/// 256 random bits in the form of `secrets.encryption_key`. Only the secret goes to stdout, so that `$(...)`
/// captures it.
fn new_secret() -> Report {
    let secret = Random::system().token().expose_secret().to_owned();
    Report::new(secret.clone(), json!({ "encryption_key": secret })).note(
        "Set it as `secrets.encryption_key`, best in a file that POSTERN_SECRETS__ENCRYPTION_KEY_FILE names. Keep a \
         copy apart from the database: without it the signing keys, authenticators and passkeys cannot be read.",
    )
}

fn list(keys: &[KeyInfo]) -> Report {
    let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            let state = format!("{:?}", key.state).to_lowercase();
            [key.kid.clone(), key.algorithm.clone(), state, time(Some(key.created_at)), time(key.due_at)]
        })
        .collect();
    Report::new(table(["KID", "ALGORITHM", "STATE", "PUBLISHED AT", "DUE AT"], &rows), keys)
}
