//! Defines `postern client`: the clients that request tokens.

use std::fmt::Write as _;

use clap::{Args, Subcommand, builder::PossibleValuesParser, builder::TypedValueParser as _};
use postern_service::settings::Lifetime;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
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
    clients::{Client, ClientAuthMethod, GrantType},
    core::RequestContext,
    http::serve::DOCS_CLIENT,
};

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a client. A confidential one gets a secret, which is shown once.
    Add {
        /// Its public name: letters, digits and - . _ ~, not a UUID.
        #[arg(required_unless_present = "docs")]
        client_id: Option<String>,
        /// Add the client `docs`, by which people sign in on the provider's own page /docs.
        #[arg(long, conflicts_with = "client_id")]
        docs: bool,
        #[command(flatten)]
        metadata: Box<MetadataFlags>,
    },
    /// List all clients.
    List,
    /// Show one client.
    Show {
        /// The `client_id` of the client.
        client_id: String,
    },
    /// Change what is given and leave the rest.
    Update {
        /// The `client_id` of the client.
        client_id: String,
        #[command(flatten)]
        metadata: Box<MetadataFlags>,
        /// A scope it may ask for, beside those it may ask for already.
        #[arg(long, value_name = "SCOPE", conflicts_with = "scope")]
        add_scope: Vec<String>,
        /// Whether it may ask for tokens at all.
        #[arg(long, value_name = "BOOL")]
        enabled: Option<bool>,
    },
    /// Remove a client with its grants.
    Remove {
        /// The `client_id` of the client.
        client_id: String,
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

/// What a client says of itself. A list is given by repeating the flag and replaces the list before; one
/// empty value empties it.
#[derive(Debug, Args)]
pub(super) struct MetadataFlags {
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// A public client: it has no secret (the same as `--auth-method none`).
    #[arg(long, conflicts_with = "auth_method")]
    public: bool,
    /// How it authenticates at the token endpoint.
    #[arg(long, value_parser = words::<ClientAuthMethod>(&["none", "client_secret_basic", "client_secret_post"]))]
    auth_method: Option<ClientAuthMethod>,
    /// Whether it may use the first-party API and skips consent.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    first_party: Option<bool>,
    /// An exact URI to send people back to.
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<Vec<String>>,
    /// An exact URI to send people to after sign-out.
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Option<Vec<String>>,
    /// A browser origin that may call the APIs.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<Vec<String>>,
    /// What the token endpoint accepts from it.
    #[arg(long, value_parser = words::<GrantType>(&["authorization_code", "refresh_token", "client_credentials"]))]
    grant_type: Option<Vec<GrantType>>,
    /// A scope it may ask for; a new client may ask for openid, profile, email and `offline_access` unless
    /// this says otherwise.
    #[arg(long)]
    scope: Option<Vec<String>>,
    /// A scope it gets when it names none.
    #[arg(long, value_name = "SCOPE")]
    default_scope: Option<Vec<String>>,
    /// A login method by which people may sign in for it; none means all that are switched on. Whoever is
    /// signed in by another one signs in again. Methods of the same `amr` (codes that are sent) count as one.
    /// A second factor that an account has is asked for all the same.
    #[arg(long, value_name = "METHOD")]
    login_method: Option<Vec<String>>,
    /// Least level of every sign-in for it: aal1, aal2 or phr.
    #[arg(long, value_name = "ACR")]
    required_acr: Option<String>,
    /// Logo for the sign-in page.
    #[arg(long, value_name = "URL")]
    logo_uri: Option<String>,
    /// The URL of its privacy policy.
    #[arg(long, value_name = "URL")]
    policy_uri: Option<String>,
    /// The URL of its terms of service.
    #[arg(long, value_name = "URL")]
    tos_uri: Option<String>,
}

/// Parses one of a fixed list of values by the type's own deserializer.
fn words<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    list: &'static [&'static str],
) -> impl clap::builder::TypedValueParser<Value = T> {
    PossibleValuesParser::new(list).try_map(|word| serde_json::from_value(Value::String(word)))
}

impl From<MetadataFlags> for ClientMetadataChange {
    fn from(flags: MetadataFlags) -> Self {
        let values = |list: Option<Vec<String>>| {
            list.map(|values| values.into_iter().filter(|value| !value.is_empty()).collect::<Vec<_>>())
        };
        Self {
            name: flags.name,
            first_party: flags.first_party,
            token_endpoint_auth_method: flags.auth_method.or(flags.public.then_some(ClientAuthMethod::None)),
            redirect_uris: values(flags.redirect_uri),
            post_logout_redirect_uris: values(flags.post_logout_redirect_uri),
            origins: values(flags.origin),
            grant_types: flags.grant_type,
            scopes: flags.scope.as_deref().map(split_scopes),
            add_scopes: Vec::new(),
            default_scopes: flags.default_scope.as_deref().map(split_scopes),
            login_methods: values(flags.login_method),
            required_acr: flags.required_acr,
            logo_uri: flags.logo_uri,
            policy_uri: flags.policy_uri,
            tos_uri: flags.tos_uri,
        }
    }
}

/// Scopes may also come as one space-separated value (RFC 6749 section 3.3).
fn split_scopes(values: &[String]) -> Vec<String> {
    values.iter().flat_map(|value| value.split_whitespace()).map(str::to_owned).collect()
}

pub(super) async fn run(context: &Context, command: Command) -> Result<Report, CommandError> {
    let app = context.app().await?;
    let context = RequestContext::of_command(&app);
    let report = match command {
        Command::Add { client_id: Some(client_id), metadata, .. } => {
            let secret = clients::add(&app, &client_id, (*metadata).into(), &context).await?;
            report_with_secret(&client_id, "added", secret.as_ref())
        }
        // Clap requires `--docs` if there is no `client_id`.
        Command::Add { client_id: None, .. } => {
            clients::add(&app, DOCS_CLIENT, clients::docs_client_metadata(&app), &context).await?;
            report_with_secret(DOCS_CLIENT, "added", None)
        }
        Command::List => list(&app)?,
        Command::Show { client_id } => show(&find_client(&app, &client_id)?)?,
        Command::Update { client_id, metadata, add_scope, enabled } => {
            let change = ClientMetadataChange { add_scopes: split_scopes(&add_scope), ..(*metadata).into() };
            update(&app, &client_id, change, enabled, &context).await?
        }
        Command::Remove { client_id } => {
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
    let mut secret = None;
    if change != ClientMetadataChange::default() {
        secret = clients::update(app, client_id, change, context).await?;
    }
    if let Some(enabled) = enabled {
        clients::set_enabled(app, client_id, enabled, context).await?;
    }
    Ok(report_with_secret(client_id, "changed", secret.as_ref()))
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
        "first_party",
        "token_endpoint_auth_method",
        "grant_types",
        "redirect_uris",
        "post_logout_redirect_uris",
        "origins",
        "scopes",
        "default_scopes",
        "login_methods",
        "required_acr",
        "logo_uri",
        "policy_uri",
        "tos_uri",
        "created_at",
    ];
    Ok(Report::new(fields(&names.map(field)), &value))
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
