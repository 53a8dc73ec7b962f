//! Defines `postern user`: the people who sign in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use postern_service::clock::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::{
    confirmation::Confirmation,
    context::Context,
    error::CommandError,
    import, invitation,
    output::{Report, fields, table},
};
use crate::{
    App,
    administration::{
        sign_in::{self, SignInState},
        users::{self, NewUser},
    },
    claims::Profile,
    core::RequestContext,
    login::code::create_operator_code,
    users::{User, list, may_get_tokens},
};

/// What to do with users. A user is named by address or by `sub`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a user.
    Add {
        /// The address the person signs in with.
        email: String,
        /// The person's full name.
        #[arg(long)]
        name: Option<String>,
        /// The address is known to be the person's.
        #[arg(long)]
        email_verified: bool,
        /// A standard claim, such as `given_name=Ada` or `address.country=DE`. Repeat the flag for each.
        #[arg(long, value_name = "CLAIM=VALUE")]
        claim: Vec<String>,
        /// A file with the hash of the password that the person has elsewhere: bcrypt, or a PHC string of
        /// argon2id, argon2i, pbkdf2-sha256, pbkdf2-sha512 or scrypt. The first sign-in replaces it.
        #[arg(long, value_name = "FILE")]
        password_hash_file: Option<PathBuf>,
    },
    /// Add many users, one JSON object a line: `email`, and if you like `email_verified`, `password_hash` and
    /// standard claims. A line that breaks a rule is reported with its number, and the others are added.
    Import {
        /// The file; `-` reads standard input.
        file: String,
    },
    /// List users in the order of their email.
    List {
        /// Begin after this email.
        #[arg(long, value_name = "EMAIL")]
        after: Option<String>,
        /// How many to show.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        limit: u64,
    },
    /// Show a user, and how the account signs in.
    Show {
        /// Email or `sub` of the user.
        user: String,
    },
    /// Disable a user: nobody can sign in to the account, and every session and grant ends.
    Disable {
        /// Email or `sub` of the user.
        user: String,
    },
    /// Let a disabled user sign in again, or keep an account that its owner has closed.
    Enable {
        /// Email or `sub` of the user.
        user: String,
    },
    /// Forget the failed sign-ins of an account that is locked.
    Unlock {
        /// Email or `sub` of the user.
        user: String,
    },
    /// Remove the password, authenticator, passkeys and recovery codes of an account. It signs in by a code in a
    /// mail and can set them up again. Every session and grant ends.
    Reset {
        /// Email or `sub` of the user.
        user: String,
    },
    /// Make a sign-in code for a user, to be handed over. It is shown once, and earlier ones stop working.
    Code {
        /// Email or `sub` of the user.
        user: String,
    },
    /// Invite somebody to make an account with this email. Sends a mail, or prints the link where no mail server is
    /// set. An earlier invitation to the same email ends.
    Invite {
        /// The email of the invited person.
        email: String,
        /// The language of the mail.
        #[arg(long, default_value = "en")]
        language: String,
    },
    /// List the invitations that can be used, the oldest first.
    Invitations {
        /// How many at most.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        limit: u64,
    },
    /// Withdraw an invitation.
    Uninvite {
        /// The email of the invited person.
        email: String,
    },
    /// Remove a user: the account, its sign-ins and everything that belongs to it.
    Remove {
        /// Email or `sub` of the user.
        user: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<Report, CommandError> {
    let app = context.app().await?;
    let context = RequestContext::of_command(&app);
    let report = match command {
        Command::Add { email, name, email_verified, claim, password_hash_file } => {
            let password_hash = password_hash_file.as_deref().map(read_hash_file).transpose()?;
            let profile = profile_from_flags(name, &claim)?;
            let new = NewUser { email, email_verified, profile, password_hash };
            let user = users::add(&app, new, &context).await?;
            Report::new(format!("User {} was added with sub {}.", user.email, user.subject), as_json(&user))
        }
        Command::Import { file } => import::run(&app, &file, &context).await?,
        Command::List { after, limit } => list_report(&app, after.as_deref(), limit).await?,
        Command::Show { user } => {
            let user = users::find(&app, &user).await?;
            show(&user, &sign_in::load_state(&app, &user).await?)
        }
        Command::Unlock { user } => {
            let user = users::find(&app, &user).await?;
            sign_in::unlock(&app, &user, &context).await?;
            change_report(&app, &user, "unlocked").await?
        }
        Command::Reset { user } => {
            let user = users::find(&app, &user).await?;
            sign_in::reset_credentials(&app, &user, &context).await?;
            change_report(&app, &user, "reset: the account signs in by a code, mailed or made by `postern user code`, and can set the rest up again")
                .await?
        }
        Command::Disable { user } => {
            let user = users::find(&app, &user).await?;
            users::disable(&app, &user, &context).await?;
            change_report(&app, &user, "disabled: every session and grant has ended").await?
        }
        Command::Enable { user } => {
            let user = users::find(&app, &user).await?;
            users::enable(&app, &user, &context).await?;
            change_report(&app, &user, "enabled").await?
        }
        Command::Code { user } => {
            let user = users::find(&app, &user).await?;
            create_code(&app, &user, &context).await?
        }
        Command::Invite { email, language } => invitation::invite(&app, &email, &language, &context).await?,
        Command::Invitations { limit } => invitation::list(&app, limit).await?,
        Command::Uninvite { email } => invitation::withdraw(&app, &email, &context).await?,
        Command::Remove { user, confirmation } => {
            let user = users::find(&app, &user).await?;
            confirmation
                .require(&format!("the user {} with everything that belongs to the account", user.email))?;
            users::remove(&app, &user, &context).await?;
            Report::new(
                format!("User {} was removed.", user.email),
                json!({ "sub": user.subject, "removed": true }),
            )
        }
    };
    app.db.close().await;
    Ok(report)
}

async fn create_code(app: &App, user: &User, context: &RequestContext) -> Result<Report, CommandError> {
    if user.disabled_at.is_some() {
        let advice = format!("{0} is disabled: run `postern user enable {0}` first", user.email);
        return Err(CommandError::Failed(advice));
    }
    if !app.config.login.methods.iter().any(|method| method == "code") {
        let advice = "the login method `code` is switched off: add it to `login.methods`";
        return Err(CommandError::Failed(advice.to_owned()));
    }
    let made = create_operator_code(app, user, "command", context).await?;
    let text = format!(
        "Code for {}: {}\n\nIt signs this user in once, until {}, and is not shown again.",
        user.email,
        made.code.expose_secret(),
        made.expires_at
    );
    Ok(Report::new(
        text,
        json!({ "email": user.email, "code": made.code.expose_secret(), "expires_at": made.expires_at.rfc3339() }),
    ))
}

/// Reads a file that contains one hash.
fn read_hash_file(file: &Path) -> Result<String, CommandError> {
    let text = fs::read_to_string(file)
        .map_err(|cause| CommandError::Failed(format!("{} cannot be read: {cause}", file.display())))?;
    Ok(text.trim().to_owned())
}

/// Builds the profile from flags; `true` and `false` become booleans.
fn profile_from_flags(name: Option<String>, claims: &[String]) -> Result<Profile, CommandError> {
    let mut profile = Map::new();
    if let Some(name) = name {
        profile.insert("name".to_owned(), json!(name));
    }
    for claim in claims {
        let (path, value) = claim
            .split_once('=')
            .ok_or_else(|| CommandError::Usage(format!("--claim must read CLAIM=VALUE (found {claim:?})")))?;
        let value = match value {
            "true" | "false" => json!(value == "true"),
            text => json!(text),
        };
        match path.split_once('.') {
            Some(("address", member)) => {
                profile.entry("address").or_insert_with(|| json!({}))[member] = value;
            }
            _ => drop(profile.insert(path.to_owned(), value)),
        }
    }
    serde_json::from_value(Value::Object(profile))
        .map_err(|cause| CommandError::Usage(format!("--claim is not a standard claim: {cause}")))
}

async fn change_report(app: &App, user: &User, action: &str) -> Result<Report, CommandError> {
    let user = users::find(app, &user.subject.to_string()).await?;
    Ok(Report::new(format!("User {} was {action}.", user.email), as_json(&user)))
}

async fn list_report(app: &App, after: Option<&str>, limit: u64) -> Result<Report, CommandError> {
    // One more than is shown, to know whether there are more.
    let mut users = list(app.db.reader(), after, limit + 1).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = users.len() > shown;
    users.truncate(shown);
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            let name = user.profile["name"].as_str().unwrap_or_default().to_owned();
            [user.email.clone(), name, user.subject.to_string(), state_name(user).to_owned()]
        })
        .collect();
    let values: Vec<_> = users.iter().map(as_json).collect();
    let report = Report::new(table(["EMAIL", "NAME", "SUB", "STATE"], &rows), values);
    Ok(match users.last().filter(|_| more) {
        Some(last) => {
            let next = format!("postern user list --after {} --limit {limit}", last.email);
            report.note(format!("There are more users. See the next ones with `{next}`."))
        }
        None => report,
    })
}

fn show(user: &User, sign_in: &SignInState) -> Report {
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), Timestamp::rfc3339);
    let mut pairs = vec![
        ("email", user.email.clone()),
        ("email_verified", user.email_verified.to_string()),
        ("sub", user.subject.to_string()),
        ("state", state_name(user).to_owned()),
        ("deletion_at", time(user.deletion_at)),
        ("created_at", user.created_at.rfc3339()),
        ("password", sign_in.password.to_string()),
        ("totp", sign_in.totp.to_string()),
        ("passkeys", sign_in.passkeys.to_string()),
        ("recovery_codes", sign_in.recovery_codes.to_string()),
        ("failed_attempts", sign_in.failed_attempts.to_string()),
        ("locked_until", time(sign_in.locked_until)),
        ("last_sign_in", time(sign_in.last_sign_in)),
        ("sessions", sign_in.sessions.to_string()),
    ];
    for (claim, value) in user.profile.as_object().into_iter().flatten() {
        pairs.push((claim, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    let mut value = as_json(user);
    value["sign_in"] = json!({
        "password": sign_in.password,
        "totp": sign_in.totp,
        "passkeys": sign_in.passkeys,
        "recovery_codes": sign_in.recovery_codes,
        "failed_attempts": sign_in.failed_attempts,
        "locked_until": sign_in.locked_until.map(Timestamp::rfc3339),
        "last_sign_in": sign_in.last_sign_in.map(Timestamp::rfc3339),
        "sessions": sign_in.sessions,
    });
    Report::new(fields(&pairs), value)
}

fn state_name(user: &User) -> &'static str {
    match (user.disabled_at, user.deletion_at) {
        (Some(_), _) => "disabled",
        (None, Some(_)) => "closed",
        (None, None) => "enabled",
    }
}

fn as_json(user: &User) -> Value {
    json!({
        "sub": user.subject,
        "email": user.email,
        "email_verified": user.email_verified,
        "enabled": may_get_tokens(user),
        "state": state_name(user),
        "deletion_at": user.deletion_at.map(Timestamp::rfc3339),
        "profile": user.profile,
        "created_at": user.created_at.rfc3339(),
    })
}
