//! Defines `postern client`: the clients that request tokens.

mod flags;
mod policy;
pub(super) mod preset;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use postern_service::settings::Lifetime;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use self::{
    flags::{MetadataFlags, split_scopes},
    preset::PresetFlags,
};
use super::{
    confirmation::Confirmation,
    context::Context,
    error::CommandError,
    output::{Report, fields, table},
};
use crate::{
    App,
    administration::{
        ChangeError,
        clients::{self, NewSecret},
        metadata::{ClientMetadata, ClientMetadataChange},
    },
    clients::Client,
    core::RequestContext,
    http::{pages, serve::DOCS_CLIENT},
};

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a client. A confidential one gets a secret, which is shown once.
    Add {
        /// Its public name: letters, digits and - . _ ~, not a UUID.
        #[arg(required_unless_present_any = ["docs", "preset"])]
        client_id: Option<String>,
        /// Add the client `docs`, by which people sign in on the provider's own page /docs.
        #[arg(long, conflicts_with_all = ["client_id", "preset"])]
        docs: bool,
        #[command(flatten)]
        preset: PresetFlags,
        /// A file with the secret that it already has elsewhere: at least 32 characters.
        #[arg(long, value_name = "FILE", conflicts_with = "docs")]
        secret_file: Option<PathBuf>,
        #[command(flatten)]
        metadata: Box<MetadataFlags>,
    },
    /// List all clients.
    List,
    /// Show a client, with its rules and what they mean.
    Show {
        /// The `client_id` of the client.
        client_id: String,
    },
    /// Change a client. What no flag names stays as it is.
    Update {
        /// The `client_id` of the client.
        client_id: String,
        #[command(flatten)]
        metadata: Box<MetadataFlags>,
        /// A scope it may ask for, beside those it may ask for already.
        #[arg(long, value_name = "SCOPE", conflicts_with = "scope")]
        add_scope: Vec<String>,
        /// A URI to send people back to, beside those that it has.
        #[arg(long, value_name = "URI", conflicts_with = "redirect_uri")]
        add_redirect_uri: Vec<String>,
        /// A URI to send people to after sign-out, beside those that it has.
        #[arg(long, value_name = "URI", conflicts_with = "post_logout_redirect_uri")]
        add_post_logout_redirect_uri: Vec<String>,
        /// A browser origin that may call the APIs, beside those that it has.
        #[arg(long, value_name = "ORIGIN", conflicts_with = "origin")]
        add_origin: Vec<String>,
        /// Whether it may ask for tokens at all.
        #[arg(long, value_name = "BOOL")]
        enabled: Option<bool>,
    },
    /// Remove a client. Its grants end, and with them its refresh tokens.
    Remove {
        /// The `client_id` of the client.
        client_id: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Give a client another secret, which is shown once.
    RotateSecret {
        /// The `client_id` of the client.
        client_id: String,
        /// How long the secret before it goes on working; 0s ends it now.
        #[arg(long, default_value = "24h")]
        overlap: Lifetime,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<Report, CommandError> {
    if let Command::Add { client_id, preset, .. } = &command {
        if let Some(list) = preset.list() {
            return Ok(list);
        }
        if client_id.is_none() && preset.given() {
            return Err(CommandError::Usage(
                "name the client: `postern client add CLIENT_ID --preset ...`".into(),
            ));
        }
    }
    let app = context.app().await?;
    let context = RequestContext::of_command(&app);
    let report = match command {
        Command::Add { client_id: Some(client_id), metadata, secret_file, preset, .. } => {
            let brought = secret_file.as_deref().map(read_secret).transpose()?;
            let mut change = metadata.into_change()?;
            let preset = preset.fill_in(&mut change)?;
            let secret = clients::add_with_secret(&app, &client_id, change, brought, &context).await?;
            let report =
                report_with_secret(&client_id, "added", secret.as_ref()).with_policy(&app, &client_id);
            match preset {
                Some(preset) => {
                    let snippet = preset.snippet(&app, &find_client(&app, &client_id)?)?;
                    report.section("snippet", &snippet, json!(snippet))
                }
                None => report,
            }
        }
        // Clap requires `--docs` if there is no `client_id`.
        Command::Add { client_id: None, .. } => {
            clients::add(&app, DOCS_CLIENT, clients::docs_client_metadata(&app), &context).await?;
            report_with_secret(DOCS_CLIENT, "added", None).with_policy(&app, DOCS_CLIENT)
        }
        Command::List => list(&app)?,
        Command::Show { client_id } => show(&find_client(&app, &client_id)?)?,
        Command::Update {
            client_id,
            metadata,
            add_scope,
            add_redirect_uri,
            add_post_logout_redirect_uri,
            add_origin,
            enabled,
        } => {
            let change = ClientMetadataChange {
                add_scopes: split_scopes(&add_scope),
                add_redirect_uris: add_redirect_uri,
                add_post_logout_redirect_uris: add_post_logout_redirect_uri,
                add_origins: add_origin,
                ..metadata.into_change()?
            };
            update(&app, &client_id, change, enabled, &context).await?
        }
        Command::Remove { client_id, confirmation } => {
            find_client(&app, &client_id)?;
            confirmation.require(&format!("the client {client_id} with its grants"))?;
            clients::remove(&app, &client_id, &context).await?;
            Report::new(
                format!("Client {client_id} was removed."),
                json!({ "client_id": client_id, "removed": true }),
            )
        }
        Command::RotateSecret { client_id, overlap } => {
            let secret = clients::rotate_secret(&app, &client_id, overlap.duration(), &context).await?;
            report_with_secret(&client_id, "given another secret", Some(&secret))
        }
    };
    app.db.close().await;
    Ok(report)
}

/// Nothing ends by this: the app still holds tokens and sessions of the people whom it knew by the `sub` before.
const NEW_SUBJECTS: &str = "Warning: the app sees another sub for each person from now on, and takes them for \
new people unless it is told. Tokens that it has keep the sub before until they expire.";

async fn update(
    app: &App,
    client_id: &str,
    change: ClientMetadataChange,
    enabled: Option<bool>,
    context: &RequestContext,
) -> Result<Report, CommandError> {
    if change == ClientMetadataChange::default() && enabled.is_none() {
        return Err(CommandError::Usage("nothing to change: see `postern client update --help`".to_owned()));
    }
    let sector_before = find_client(app, client_id).ok().map(|client| client.pairwise_sector);
    let mut secret = None;
    if change != ClientMetadataChange::default() {
        secret = clients::update(app, client_id, change, context).await?;
    }
    if let Some(enabled) = enabled {
        clients::set_enabled(app, client_id, enabled, context).await?;
    }
    let report = report_with_secret(client_id, "changed", secret.as_ref());
    let sector_after = find_client(app, client_id).ok().map(|client| client.pairwise_sector);
    let report = if sector_before.is_some() && sector_before != sector_after {
        report.section("warning", NEW_SUBJECTS, json!(NEW_SUBJECTS))
    } else {
        report
    };
    Ok(report.with_policy(app, client_id))
}

impl Report {
    /// Adds the rules that hold for the client now.
    fn with_policy(self, app: &App, client_id: &str) -> Self {
        match find_client(app, client_id) {
            Ok(client) => self.section("policy", &policy::text(&client), policy::value(&client)),
            Err(_) => self,
        }
    }
}

/// The secret in a file, without the newline at its end.
fn read_secret(file: &Path) -> Result<SecretString, CommandError> {
    let text = fs::read_to_string(file);
    let text =
        text.map_err(|cause| CommandError::Usage(format!("{} cannot be read: {cause}", file.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

/// Reports what was done, and the secret, which is shown only now.
fn report_with_secret(client_id: &str, done: &str, secret: Option<&NewSecret>) -> Report {
    let mut text = format!("Client {client_id} was {done}.");
    let mut value = json!({ "client_id": client_id });
    if let Some(secret) = secret {
        let shown = secret.client_secret.expose_secret();
        // Writing to a `String` cannot fail.
        let _ = write!(
            text,
            "\n\n    client_secret  {shown}\n\nKeep it now: it is stored hashed and is not shown again."
        );
        value["client_secret"] = json!(shown);
        if let Some(end) = secret.previous_expires_at {
            let _ = write!(text, "\nThe secret before it works until {end}.");
            value["previous_secret_expires_at"] = json!(end.rfc3339());
        }
    }
    Report::new(text, value)
}

fn find_client(app: &App, client_id: &str) -> Result<Client, CommandError> {
    let clients = app.clients();
    let found = clients.all().find(|client| client.client_id() == client_id);
    let missing = || match clients.unreadable_cause(client_id) {
        Some(cause) => ChangeError::Refused(format!("the stored client {client_id} cannot be read: {cause}")),
        None => ChangeError::Unknown { kind: "client", name: client_id.to_owned() },
    };
    Ok(found.ok_or_else(missing)?.as_ref().clone())
}

fn list(app: &App) -> Result<Report, CommandError> {
    let clients = app.clients();
    let mut clients: Vec<_> = clients.all().collect();
    clients.sort_by_key(|client| client.client_id());
    let rows: Vec<_> = clients
        .iter()
        .map(|client| {
            let kind = if client.public() { "public" } else { "confidential" };
            let party = if client.row.first_party { "first party" } else { "" };
            let state = if client.row.disabled_at.is_some() { "disabled" } else { "enabled" };
            [client.client_id().to_owned(), client.row.name.clone(), kind.into(), party.into(), state.into()]
        })
        .collect();
    let values = clients.iter().map(|client| as_json(client)).collect::<Result<Vec<_>, _>>()?;
    Ok(Report::new(table(["CLIENT_ID", "NAME", "TYPE", "", "STATE"], &rows), values))
}

fn as_json(client: &Client) -> Result<Value, CommandError> {
    let mut value = json!(ClientMetadata::from_row(&client.row)?);
    value["client_id"] = json!(client.client_id());
    value["enabled"] = json!(client.row.disabled_at.is_none());
    value["logo"] = json!(client.logo.as_ref().map(pages::assets::client_logo_path));
    value["created_at"] = json!(client.row.created_at.rfc3339());
    Ok(value)
}

fn show(client: &Client) -> Result<Report, CommandError> {
    let value = as_json(client)?;
    let field = |name: &'static str| (name, display_text(&value[name]));
    let names = [
        "client_id",
        "name",
        "enabled",
        "profile",
        "require_pkce",
        "subject_type",
        "sector",
        "first_party",
        "token_endpoint_auth_method",
        "jwks",
        "jwks_uri",
        "id_token_signed_response_alg",
        "userinfo_signed_response_alg",
        "scope_claims_in_id_token",
        "grant_types",
        "redirect_uris",
        "post_logout_redirect_uris",
        "backchannel_logout_uri",
        "backchannel_logout_session_required",
        "frontchannel_logout_uri",
        "frontchannel_logout_session_required",
        "origins",
        "private_schemes",
        "scopes",
        "default_scopes",
        "login_methods",
        "required_acr",
        "logo",
        "logo_uri",
        "client_uri",
        "policy_uri",
        "tos_uri",
        "initiate_login_uri",
        "created_at",
    ];
    Ok(Report::new(fields(&names.map(field)), &value).section(
        "policy",
        &policy::text(client),
        policy::value(client),
    ))
}

/// A JSON value as text for people.
fn display_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(display_text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
