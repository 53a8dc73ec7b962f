//! Defines the seed data of `postern dev`: users, the resource of postern-tasks, and clients. Seeding twice
//! changes nothing.

use std::time::Duration;

use secrecy::ExposeSecret as _;

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
    cli::error::CommandError,
    clients::{ClientAuthMethod, GrantType},
    core::RequestContext,
    http::serve::DOCS_CLIENT,
    users::{PostalAddress, Profile},
};

/// The values in which the seeded users differ.
pub(super) struct SeedUser {
    pub(super) email: &'static str,
    given_name: &'static str,
    middle_name: &'static str,
    family_name: &'static str,
    gender: &'static str,
    birthdate: &'static str,
    phone_number: &'static str,
}

pub(super) const USERS: [SeedUser; 3] = [
    SeedUser {
        email: "alice@example.test",
        given_name: "Alice",
        middle_name: "Mary",
        family_name: "Adams",
        gender: "female",
        birthdate: "1990-04-01",
        phone_number: "+49 30 901820 1",
    },
    SeedUser {
        email: "bob@example.test",
        given_name: "Bob",
        middle_name: "James",
        family_name: "Baker",
        gender: "male",
        birthdate: "1985-11-23",
        phone_number: "+49 30 901820 2",
    },
    SeedUser {
        email: "admin@example.test",
        given_name: "Ada",
        middle_name: "Grace",
        family_name: "Admin",
        gender: "female",
        birthdate: "1978-07-15",
        phone_number: "+49 30 901820 3",
    },
];

const USER_SCOPES: [&str; 8] =
    ["openid", "profile", "email", "address", "phone", "offline_access", "tasks:read", "tasks:write"];
/// The usual origin of a web app under development.
const DEMO_WEB_ORIGIN: &str = "http://localhost:3000";

/// Creates the seed data that does not exist yet.
pub(super) async fn seed(app: &App, tasks: &str, secrets: &mut Secrets) -> Result<(), CommandError> {
    for user in USERS {
        ignore_existing(
            users::add_without_password(
                app,
                user.email,
                true,
                user.profile(),
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
    for (client_id, change) in [("demo-web", demo_web()), ("demo-service", demo_service())] {
        seed_confidential_client(app, client_id, change, secrets).await?;
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
    ResourceChange {
        name: Some("Tasks".to_owned()),
        scopes: Some(scopes.into()),
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

impl SeedUser {
    /// Every standard claim (OpenID Connect Core section 5.1) except those that are columns of the user row.
    fn profile(&self) -> Profile {
        let username = self.email.split('@').next().unwrap_or(self.email);
        let page = |path: &str| Some(format!("https://example.test/{username}{path}"));
        let text = |value: &str| Some(value.to_owned());
        Profile {
            name: Some(format!("{} {} {}", self.given_name, self.middle_name, self.family_name)),
            given_name: text(self.given_name),
            middle_name: text(self.middle_name),
            family_name: text(self.family_name),
            nickname: text(self.given_name),
            preferred_username: text(username),
            profile: page(""),
            picture: page("/picture.png"),
            website: page("/blog"),
            gender: text(self.gender),
            birthdate: text(self.birthdate),
            zoneinfo: text("Europe/Berlin"),
            locale: text("en"),
            phone_number: text(&self.phone_number.replace(' ', "")),
            phone_number_verified: Some(true),
            address: Some(PostalAddress {
                formatted: text("1 Example Street\n10115 Berlin\nGermany"),
                street_address: text("1 Example Street"),
                locality: text("Berlin"),
                region: text("Berlin"),
                postal_code: text("10115"),
                country: text("Germany"),
            }),
        }
    }
}
