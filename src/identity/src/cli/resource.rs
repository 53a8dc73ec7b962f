//! Defines `postern resource`: the APIs that accept the tokens.

use std::collections::BTreeMap;

use postern_service::{clock::Clock, random::Random};
use serde_json::{Value, json};

use super::{
    context::Context,
    error::CommandError,
    output::{Report, fields, table},
};
use crate::{
    administration::{
        ChangeError,
        resources::{self, ResourceChange},
        scope_rename,
    },
    core::RequestContext,
    resources::{Resource, ScopeTexts},
};

/// What to do with resources.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add an API: its identifier, its name, and the scopes that apps may ask for.
    Add {
        /// Its identifier, an absolute URI: the audience of its tokens.
        identifier: String,
        #[command(flatten)]
        change: ResourceFlags,
    },
    /// List all APIs.
    List,
    /// Show an API with its scopes.
    Show {
        /// The identifier of the API.
        identifier: String,
    },
    /// Change an API. What no flag names stays as it is.
    Update {
        /// The identifier of the API.
        identifier: String,
        #[command(flatten)]
        change: ResourceFlags,
    },
    /// Give a scope another name: in its API, in the lists of clients, in grants and consents. Works before
    /// the last steps of the schema are applied.
    RenameScope {
        /// The present name of the scope.
        scope: String,
        /// The new name of the scope.
        name: String,
    },
    /// Remove an API and its scopes.
    Remove {
        /// The identifier of the API.
        identifier: String,
    },
}

/// What a resource is.
#[derive(Debug, clap::Args)]
pub(super) struct ResourceFlags {
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// Algorithm of its access tokens: RS256, PS256, ES256 or `EdDSA`. Its resource server must accept it first.
    #[arg(long, value_name = "ALG")]
    signing_algorithm: Option<String>,
    /// Whether it joins the data of a person from all apps by `sub`, as tasks do. Apps with pairwise subjects cannot
    /// have its scopes then.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    joins_users: Option<bool>,
    /// A scope and what the consent page says of it. Repeat the flag for each; all of them replace those
    /// before.
    #[arg(long, value_name = "SCOPE=DESCRIPTION", value_parser = scope)]
    scope: Option<Vec<(String, String)>>,
    /// What the consent page says of a scope to readers of another language, such as `--scope-text de
    /// tasks:read=Aufgaben ansehen`. Repeat the flag for each; the other texts stay. `SCOPE=` removes one.
    #[arg(long, num_args = 2, value_names = ["LANGUAGE", "SCOPE=TEXT"])]
    scope_text: Vec<String>,
}

fn scope(text: &str) -> Result<(String, String), String> {
    let (scope, description) =
        text.split_once('=').ok_or("must read SCOPE=DESCRIPTION, such as `tasks:read=Read tasks`")?;
    Ok((scope.to_owned(), description.to_owned()))
}

/// The texts by scope and language, from the pairs that one flag after the other gave.
fn scope_texts(flags: &[String]) -> Result<BTreeMap<String, ScopeTexts>, CommandError> {
    let mut texts: BTreeMap<String, ScopeTexts> = BTreeMap::new();
    for flag in flags.chunks_exact(2) {
        let [language, pair] = flag else { continue };
        let (scope, text) =
            scope(pair).map_err(|rule| CommandError::Usage(format!("--scope-text {rule}")))?;
        if texts.entry(scope).or_default().insert(language.clone(), text).is_some() {
            return Err(CommandError::Usage("a text is given twice".to_owned()));
        }
    }
    Ok(texts)
}

impl TryFrom<ResourceFlags> for ResourceChange {
    type Error = CommandError;

    fn try_from(flags: ResourceFlags) -> Result<Self, CommandError> {
        let scopes = match flags.scope {
            None => None,
            Some(pairs) => {
                let count = pairs.len();
                let scopes: BTreeMap<_, _> = pairs.into_iter().collect();
                if scopes.len() != count {
                    return Err(CommandError::Usage("a scope is given twice".to_owned()));
                }
                Some(scopes)
            }
        };
        Ok(Self {
            name: flags.name,
            signing_algorithm: flags.signing_algorithm,
            joins_users: flags.joins_users,
            scopes,
            scope_texts: scope_texts(&flags.scope_text)?,
        })
    }
}

pub(super) async fn run(context: &Context, command: Command) -> Result<Report, CommandError> {
    if let Command::RenameScope { scope, name } = &command {
        return rename_scope(context, scope, name).await;
    }
    let app = context.app().await?;
    let context = RequestContext::of_command(&app);
    let report = match command {
        Command::Add { identifier, change } => {
            resources::add(&app, &identifier, change.try_into()?, &context).await?;
            change_report(&identifier, "added")
        }
        Command::List => {
            let resources = app.resources();
            let rows: Vec<_> = resources.all().map(table_row).collect();
            let values: Vec<_> = resources.all().map(as_json).collect();
            Report::new(table(["IDENTIFIER", "NAME", "SCOPES"], &rows), values)
        }
        Command::Show { identifier } => {
            let resources = app.resources();
            let unknown = || ChangeError::Unknown { kind: "resource", name: identifier.clone() };
            show(resources.find(&identifier).ok_or_else(unknown)?)
        }
        Command::Update { identifier, change } => {
            let change = ResourceChange::try_from(change)?;
            if change == ResourceChange::default() {
                let advice = "nothing to change: see `postern resource update --help`";
                return Err(CommandError::Usage(advice.to_owned()));
            }
            resources::update(&app, &identifier, change, &context).await?;
            change_report(&identifier, "changed")
        }
        // Handled above, because it needs only the database.
        Command::RenameScope { .. } => Report::silent(),
        Command::Remove { identifier } => {
            resources::remove(&app, &identifier, &context).await?;
            change_report(&identifier, "removed")
        }
    };
    app.db.close().await;
    Ok(report)
}

async fn rename_scope(context: &Context, scope: &str, name: &str) -> Result<Report, CommandError> {
    let db = context.database().await?;
    scope_rename::rename(&db, &Random::system(), Clock::system().now(), (scope, name)).await?;
    db.close().await;
    let text = format!("Scope {scope} is {name} now. Its API and its apps must use the new name.");
    Ok(Report::new(text, json!({ "scope": name })))
}

fn change_report(identifier: &str, action: &str) -> Report {
    Report::new(format!("Resource {identifier} was {action}."), json!({ "identifier": identifier }))
}

fn table_row(resource: &Resource) -> [String; 3] {
    let scopes: Vec<_> = resource.scopes.keys().map(String::as_str).collect();
    [resource.row.identifier.clone(), resource.row.name.clone(), scopes.join(" ")]
}

fn as_json(resource: &Resource) -> Value {
    json!({
        "identifier": resource.row.identifier,
        "name": resource.row.name,
        "signing_algorithm": resource.row.signing_algorithm,
        "joins_users": resource.row.joins_users,
        "scopes": resource.scopes,
        "scope_texts": resource.scope_texts,
    })
}

fn show(resource: &Resource) -> Report {
    let mut pairs = vec![
        ("identifier", resource.row.identifier.clone()),
        ("name", resource.row.name.clone()),
        ("signing_algorithm", resource.row.signing_algorithm.clone()),
        ("joins_users", resource.row.joins_users.to_string()),
    ];
    pairs.extend(
        resource.scopes.iter().map(|(scope, description)| ("scope", format!("{scope}: {description}"))),
    );
    let texts =
        resource.scope_texts.iter().flat_map(|(scope, texts)| texts.iter().map(move |text| (scope, text)));
    pairs
        .extend(texts.map(|(scope, (language, text))| ("scope_text", format!("{language} {scope}: {text}"))));
    Report::new(fields(&pairs), as_json(resource))
}
