//! Defines the seed data of `postern dev`: users, the resource of postern-tasks, and clients. Seeding twice
//! changes nothing.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::secrets::Secrets;
use crate::{
    App,
    administration::{
        ChangeError,
        clients::{self, NewSecret},
        metadata::ClientMetadataChange,
        resources::{self, ResourceChange},
        users,
    },
    claims::Profile,
    cli::error::CommandError,
    clients::{ClientAuthMethod, GrantType},
    core::RequestContext,
    http::serve::DOCS_CLIENT,
};

/// The seeded users, each with every claim that a profile can have.
const USERS: &str = include_str!("users.json");

#[derive(Deserialize)]
pub(super) struct SeedUser {
    pub(super) email: String,
    profile: Profile,
}

pub(super) fn users() -> Vec<SeedUser> {
    serde_json::from_str(USERS).unwrap_or_default()
}

const USER_SCOPES: [&str; 8] =
    ["openid", "profile", "email", "address", "phone", "offline_access", "tasks:read", "tasks:write"];
/// The usual origin of a web app under development.
const DEMO_WEB_ORIGIN: &str = "http://localhost:3000";

/// Creates the seed data that does not exist yet.
pub(super) async fn seed(app: &App, tasks: &str, secrets: &mut Secrets) -> Result<(), CommandError> {
    for user in users() {
        ignore_existing(
            users::add_without_password(
                app,
                &user.email,
                true,
                user.profile,
                &RequestContext::of_command(app),
            )
            .await,
        )?;
    }
    let tasks = tasks.trim_end_matches('/');
    ignore_existing(resources::add(app, tasks, tasks_resource(), &RequestContext::of_command(app)).await)?;
    let public = [
        ("tasks-web", tasks_web(tasks)),
        (DOCS_CLIENT, clients::docs_client_metadata(app)),
        ("tasks-docs", tasks_docs(tasks)),
    ];
    for (client_id, change) in public {
        ignore_existing(clients::add(app, client_id, change, &RequestContext::of_command(app)).await)?;
    }
    follow_issuer(app).await?;
    for (client_id, change) in [("demo-web", demo_web()), ("demo-service", demo_service())] {
        seed_confidential_client(app, client_id, change, secrets).await?;
    }
    Ok(())
}

/// Lets the page `/docs` sign in at the present issuer: `--tls` changes the issuer of kept data.
async fn follow_issuer(app: &App) -> Result<(), ChangeError> {
    let redirect_uris = clients::docs_client_metadata(app).redirect_uris;
    let docs = app.clients().all().find(|client| client.client_id() == DOCS_CLIENT).cloned();
    if docs.is_some_and(|docs| docs.row.redirect_uris.iter().ne(redirect_uris.iter().flatten())) {
        let change = ClientMetadataChange { redirect_uris, ..ClientMetadataChange::default() };
        clients::update(app, DOCS_CLIENT, change, &RequestContext::of_command(app)).await?;
    }
    Ok(())
}

/// Ignores that a row exists already.
fn ignore_existing<T>(outcome: Result<T, ChangeError>) -> Result<Option<T>, ChangeError> {
    match outcome {
        Ok(added) => Ok(Some(added)),
        Err(ChangeError::Taken { .. }) => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// Seeds a client whose secret is stored beside the encryption key. A lost secret is replaced.
async fn seed_confidential_client(
    app: &App,
    client_id: &str,
    change: ClientMetadataChange,
    secrets: &mut Secrets,
) -> Result<(), CommandError> {
    let added =
        ignore_existing(clients::add(app, client_id, change, &RequestContext::of_command(app)).await)?
            .flatten();
    let made = match added {
        Some(made) => Some(made),
        None if secret_is_current(app, client_id, secrets) => None,
        None => Some(
            clients::rotate_secret(app, client_id, Duration::ZERO, &RequestContext::of_command(app)).await?,
        ),
    };
    if let Some(NewSecret { client_secret, .. }) = made {
        secrets.store_client_secret(client_id, client_secret.expose_secret())?;
    }
    Ok(())
}

fn secret_is_current(app: &App, client_id: &str, secrets: &Secrets) -> bool {
    let clients = app.clients();
    let client = clients.all().find(|client| client.client_id() == client_id);
    match (client, secrets.client_secret(client_id)) {
        (Some(client), Some(secret)) => client.secret_matches(secret, app.clock.now()),
        _ => false,
    }
}

fn owned_strings<const N: usize>(values: [&str; N]) -> Vec<String> {
    values.map(str::to_owned).to_vec()
}

fn tasks_resource() -> ResourceChange {
    let scopes = [
        ("tasks:read".to_owned(), "See your tasks".to_owned()),
        ("tasks:write".to_owned(), "Add, change and delete your tasks".to_owned()),
    ];
    let german = [
        ("tasks:read", "Ihre Aufgaben ansehen"),
        ("tasks:write", "Ihre Aufgaben anlegen, ändern und löschen"),
    ];
    let german = german.map(|(scope, text)| (scope.to_owned(), [("de".to_owned(), text.to_owned())].into()));
    ResourceChange {
        name: Some("Tasks".to_owned()),
        joins_users: Some(true),
        scopes: Some(scopes.into()),
        scope_texts: german.into(),
        ..ResourceChange::default()
    }
}

fn tasks_web(tasks: &str) -> ClientMetadataChange {
    let page = format!("{tasks}/");
    ClientMetadataChange {
        name: Some("Tasks".to_owned()),
        first_party: Some(true),
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        redirect_uris: Some(owned_strings([&page])),
        post_logout_redirect_uris: Some(owned_strings([&page])),
        origins: Some(owned_strings([tasks])),
        grant_types: Some(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]),
        scopes: Some(owned_strings(USER_SCOPES)),
        default_scopes: Some(owned_strings(["openid", "email", "tasks:read", "tasks:write"])),
        ..ClientMetadataChange::default()
    }
}

/// The client of the page at `/docs` of postern-tasks.
fn tasks_docs(tasks: &str) -> ClientMetadataChange {
    ClientMetadataChange {
        name: Some("Tasks API documentation".to_owned()),
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        redirect_uris: Some(owned_strings([&format!("{tasks}/docs/oauth2-redirect.html")])),
        origins: Some(owned_strings([tasks])),
        grant_types: Some(vec![GrantType::AuthorizationCode]),
        scopes: Some(owned_strings(["tasks:read", "tasks:write"])),
        default_scopes: Some(owned_strings(["tasks:read"])),
        ..ClientMetadataChange::default()
    }
}

fn demo_web() -> ClientMetadataChange {
    ClientMetadataChange {
        name: Some("Demo web app".to_owned()),
        redirect_uris: Some(owned_strings([&format!("{DEMO_WEB_ORIGIN}/callback")])),
        post_logout_redirect_uris: Some(owned_strings([&format!("{DEMO_WEB_ORIGIN}/")])),
        grant_types: Some(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]),
        scopes: Some(owned_strings(USER_SCOPES)),
        default_scopes: Some(owned_strings(["openid"])),
        ..ClientMetadataChange::default()
    }
}

fn demo_service() -> ClientMetadataChange {
    ClientMetadataChange {
        name: Some("Demo service".to_owned()),
        grant_types: Some(vec![GrantType::ClientCredentials]),
        scopes: Some(owned_strings(["tasks:read", "tasks:write"])),
        default_scopes: Some(owned_strings(["tasks:read"])),
        ..ClientMetadataChange::default()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_seeded_users_are_read() {
        assert_eq!(super::users().len(), 3);
    }
}
