//! Owns the people, resources and clients of every test, as one table.
//!
//! `prepared_database` stores the table once for each process, through the use cases of operators, and every
//! test gets a copy. A test adds a row of its own only where that row is what the test is about. The views
//! `SignIn`, `World`, `Seeds` and `Site` give the rows short names and add no rows.

use std::collections::BTreeMap;

use postern_identity::{
    App,
    administration::{
        clients,
        metadata::ClientMetadataChange,
        resources::{self, ResourceChange},
        users,
    },
    claims::Profile,
    clients::{ClientAuthMethod, GrantType},
    core::RequestContext,
    users::User,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// Has an empty profile, as `BOB` has.
pub const ALICE: &str = "alice@example.test";
pub const BOB: &str = "bob@example.test";
/// Has every claim of a profile.
pub const ADA: &str = "ada@example.test";

/// A resource with the scopes `tasks:read` and `tasks:write`, and the client of its resource server.
pub const TASKS: &str = "http://localhost:7118";
/// A resource with the scope `notes:read`.
pub const NOTES: &str = "https://notes.example.test";

/// The redirect URI of `app`, of `trusted` and of the clients that ask for scopes of resources.
pub const REDIRECT_URI: &str = "https://app.example.test/callback";
/// The redirect URI of `rp`, `own` and `machine`.
pub const CALLBACK: &str = "https://rp.test/cb";
/// The redirect URI of `native`, which may have any port.
pub const LOOPBACK: &str = "http://127.0.0.1/cb";
/// The page of `rp`, `own` and `trusted` after a sign-out.
pub const SIGNED_OUT: &str = "https://rp.test/bye";

/// Every scope that `web` and `mobile` may ask for.
pub const FULL_SCOPE: &str = "openid profile email address phone tasks:read tasks:write";
/// Every scope that `trusted` may ask for.
pub const TRUSTED_SCOPE: &str =
    "openid profile email account offline_access tasks:read tasks:write notes:read";

const BROWSER_GRANTS: [GrantType; 2] = [GrantType::AuthorizationCode, GrantType::RefreshToken];

/// The stored table, with what the rows do not tell.
#[derive(Default)]
pub struct Fixtures {
    users: BTreeMap<&'static str, User>,
    secrets: BTreeMap<&'static str, String>,
}

impl Fixtures {
    /// Stores the table.
    pub async fn store(app: &App) -> Self {
        let context = RequestContext::of_command(app);
        let mut fixtures = Self::default();
        for (email, profile) in people() {
            let user = users::add_without_password(app, email, true, profile, &context).await.unwrap();
            fixtures.users.insert(email, user);
        }
        for (identifier, scopes) in [(TASKS, &["tasks:read", "tasks:write"][..]), (NOTES, &["notes:read"])] {
            let scopes = scopes.iter().map(|name| ((*name).to_owned(), (*name).to_owned())).collect();
            let change = ResourceChange { scopes: Some(scopes), ..ResourceChange::default() };
            resources::add(app, identifier, change, &context).await.unwrap();
        }
        for (client_id, metadata) in clients() {
            if let Some(added) = clients::add(app, client_id, metadata, &context).await.unwrap() {
                fixtures.secrets.insert(client_id, added.client_secret.expose_secret().to_owned());
            }
        }
        fixtures
    }

    /// The user of the table with this email.
    pub fn user(&self, email: &str) -> &User {
        self.users.get(email).unwrap_or_else(|| panic!("{email} is not among the fixtures"))
    }

    /// The secret of a confidential client of the table.
    pub fn secret(&self, client_id: &str) -> &str {
        self.secrets.get(client_id).unwrap_or_else(|| panic!("the fixtures have no secret of {client_id}"))
    }
}

fn people() -> [(&'static str, Profile); 3] {
    [(ALICE, Profile::default()), (BOB, Profile::default()), (ADA, full_profile())]
}

fn clients() -> Vec<(&'static str, ClientMetadataChange)> {
    let public = |metadata| ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        ..metadata
    };
    let first_party = |metadata| ClientMetadataChange { first_party: Some(true), ..metadata };
    let scoped = |metadata, scopes: &str| ClientMetadataChange { scopes: words(scopes), ..metadata };
    let by_post = |metadata| ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::ClientSecretPost),
        ..metadata
    };
    let full = format!("{FULL_SCOPE} notes:read offline_access");
    vec![
        // The first-party API.
        ("app", of_first_party_api("app", true)),
        ("other", of_first_party_api("other", true)),
        (
            "strong",
            ClientMetadataChange {
                required_acr: Some("aal2".to_owned()),
                ..of_first_party_api("strong", true)
            },
        ),
        ("stranger", of_first_party_api("stranger", false)),
        // Pages.
        ("rp", relying_party(&[CALLBACK, "https://rp.test/cb2?x=%7e"])),
        ("spa", public(relying_party(&["https://spa.test/cb"]))),
        ("native", public(relying_party(&[LOOPBACK]))),
        ("own", first_party(public(relying_party(&[CALLBACK, "https://rp.test/cb2?x=%7e", REDIRECT_URI])))),
        (
            "machine",
            ClientMetadataChange {
                grant_types: Some(vec![GrantType::ClientCredentials]),
                ..scoped(relying_party(&[CALLBACK]), "openid")
            },
        ),
        (
            "notes",
            ClientMetadataChange {
                name: Some("Acme Notes".to_owned()),
                post_logout_redirect_uris: list(&["https://notes.test/bye"]),
                ..public(relying_party(&["https://notes.test/cb"]))
            },
        ),
        // Tokens for resources.
        ("web", of_resources("web", &full)),
        ("post", by_post(of_resources("post", &full))),
        ("mobile", public(of_resources("mobile", &full))),
        (
            "no-refresh",
            ClientMetadataChange {
                grant_types: Some(vec![GrantType::AuthorizationCode]),
                ..public(of_resources("no-refresh", "openid"))
            },
        ),
        (
            "trusted",
            ClientMetadataChange {
                default_scopes: words("openid account tasks:read"),
                post_logout_redirect_uris: list(&[SIGNED_OUT]),
                ..first_party(public(of_resources("trusted", TRUSTED_SCOPE)))
            },
        ),
        ("office", by_post(first_party(in_its_own_right("openid")))),
        ("outsider", by_post(in_its_own_right("openid"))),
        ("service", in_its_own_right("openid tasks:read notes:read")),
        (TASKS, in_its_own_right("tasks:read")),
    ]
}

/// A public client that calls the first-party API, or would like to.
fn of_first_party_api(client_id: &str, first_party: bool) -> ClientMetadataChange {
    let (scopes, default_scopes) = if first_party {
        ("openid email account profile offline_access", "openid email account")
    } else {
        ("openid email profile offline_access", "openid email")
    };
    ClientMetadataChange {
        first_party: Some(first_party),
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        redirect_uris: Some(vec![format!("https://{client_id}.example.test/callback")]),
        origins: Some(vec![format!("https://{client_id}.example.test")]),
        grant_types: Some(BROWSER_GRANTS.to_vec()),
        scopes: words(scopes),
        default_scopes: words(default_scopes),
        ..ClientMetadataChange::default()
    }
}

/// A confidential client that sends browsers to the authorization endpoint.
fn relying_party(redirect_uris: &[&str]) -> ClientMetadataChange {
    ClientMetadataChange {
        redirect_uris: list(redirect_uris),
        post_logout_redirect_uris: list(&[SIGNED_OUT]),
        grant_types: Some(BROWSER_GRANTS.to_vec()),
        scopes: words("openid profile email offline_access"),
        default_scopes: words("openid"),
        ..ClientMetadataChange::default()
    }
}

/// A confidential client that asks for scopes of resources. The first two scopes are its default.
fn of_resources(client_id: &str, scopes: &str) -> ClientMetadataChange {
    ClientMetadataChange {
        redirect_uris: list(&[REDIRECT_URI]),
        origins: Some(vec![format!("https://{client_id}.example.test")]),
        grant_types: Some(BROWSER_GRANTS.to_vec()),
        scopes: words(scopes),
        default_scopes: Some(scopes.split(' ').take(2).map(str::to_owned).collect()),
        ..ClientMetadataChange::default()
    }
}

/// A confidential client without users. The first two scopes are its default.
fn in_its_own_right(scopes: &str) -> ClientMetadataChange {
    ClientMetadataChange {
        grant_types: Some(vec![GrantType::ClientCredentials]),
        scopes: words(scopes),
        default_scopes: Some(scopes.split(' ').take(2).map(str::to_owned).collect()),
        ..ClientMetadataChange::default()
    }
}

pub fn list(texts: &[&str]) -> Option<Vec<String>> {
    Some(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn words(text: &str) -> Option<Vec<String>> {
    Some(text.split(' ').map(str::to_owned).collect())
}

fn full_profile() -> Profile {
    profile_of(&json!({
        "name": "Ada Adams",
        "given_name": "Ada",
        "family_name": "Adams",
        "middle_name": "Alice",
        "nickname": "Ad",
        "preferred_username": "ada",
        "profile": "https://example.test/ada",
        "picture": "https://example.test/ada.png",
        "website": "https://ada.example.test",
        "gender": "female",
        "birthdate": "1990-01-31",
        "zoneinfo": "Europe/Berlin",
        "locale": "en-GB",
        "phone_number": "+491701234567",
        "phone_number_verified": true,
        "address": { "locality": "Berlin", "country": "DE" },
    }))
}

/// The profile with these claims.
pub fn profile_of(claims: &Value) -> Profile {
    serde_json::from_value(claims.clone()).unwrap()
}
