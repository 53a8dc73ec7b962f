//! Tests the main path without stand-ins: the page in Chromium, the real provider, the real service.

use std::net::SocketAddr;

use postern_identity::{
    App as Identity,
    administration::{
        clients,
        metadata::ClientMetadataChange,
        resources::{self, ResourceChange},
        users,
    },
    claims::Profile,
    clients::{ClientAuthMethod, GrantType},
    config::Config as IdentityConfig,
    core::RequestContext,
    jobs::runner,
    mail::Inbox,
};
use postern_migrations::{identity, tasks};
use postern_resource_server::{App, http};
use postern_service::{
    clock::Clock,
    database::{Database, migrate},
    listener::Listener,
    random::Random,
    settings::HttpSettings,
    testing::{
        TestDatabase,
        chromium::{Tab, in_chromium},
    },
};
use postern_token_verifier::RemoteKeys;
use tokio_util::sync::CancellationToken;

use super::free_port;
use crate::support::config;

/// Both services, listening, with the data that `postern dev` creates for the page.
struct Site {
    url: String,
    identity: Identity,
    inbox: Inbox,
    stop: CancellationToken,
    _databases: [TestDatabase; 2],
}

impl Site {
    async fn new() -> Self {
        let (issuer, url) = (Address::free(), Address::free());
        let databases = [TestDatabase::fresh().await.unwrap(), TestDatabase::fresh().await.unwrap()];
        let stop = CancellationToken::new();
        let inbox = Inbox::default();
        let identity = provider(&issuer.origin, databases[0].url(), &inbox).await;
        seed(&identity, &url.origin).await;
        let endpoint = postern_identity::http::serve::endpoint(&identity, stop.clone()).unwrap();
        issuer.serve(&identity.config.http, endpoint, &stop).await;
        let app = service(&issuer.origin, &url.origin, databases[1].url()).await;
        url.serve(&app.config.http, http::endpoint(&app, stop.clone()), &stop).await;
        Self { url: url.origin, identity, inbox, stop, _databases: databases }
    }

    /// Opens the page and signs in with a code from the inbox.
    async fn sign_in(&self, tab: &Tab, email: &str) {
        tab.goto(&self.url).await;
        tab.click("#sign-in").await;
        tab.type_into("#identifier", email).await;
        tab.follow("#login-submit").await;
        runner::run_due(&self.identity).await.unwrap();
        let sent = self.inbox.newest_first().into_iter().find(|message| message.to == email);
        tab.type_and_follow("#code", &sent.unwrap().code.unwrap(), "#login-submit").await;
        tab.reads("#who", email).await;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A free socket address for a service.
struct Address {
    port: u16,
    origin: String,
}

impl Address {
    fn free() -> Self {
        let port = free_port();
        Self { port, origin: format!("http://localhost:{port}") }
    }

    async fn serve(
        &self,
        settings: &HttpSettings,
        endpoint: poem::endpoint::BoxEndpoint<'static, poem::Response>,
        stop: &CancellationToken,
    ) {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let listener = Listener::bind(address, settings).await.unwrap();
        tokio::spawn(listener.serve(endpoint, stop.clone()));
    }
}

async fn provider(issuer: &str, database: &str, inbox: &Inbox) -> Identity {
    let key = "A".repeat(43);
    let env = [
        ("POSTERN_ISSUER", issuer),
        ("POSTERN_DATABASE__URL", database),
        ("POSTERN_SECRETS__ENCRYPTION_KEY", &key),
    ];
    let env = env.map(|(name, value)| (name.into(), value.into()));
    let config = IdentityConfig::load(None, env).unwrap().settings;
    let db = Database::open(&config.database).await.unwrap();
    migrate::up::<identity::Migrator>(&db).await.unwrap();
    let builder = Identity::builder(config, db, Clock::system(), Random::system());
    builder.inbox(inbox.clone()).build().await.unwrap()
}

async fn seed(identity: &Identity, tasks: &str) {
    let context = RequestContext::of_command(identity);
    for email in ["alice@example.test", "bob@example.test"] {
        users::add_without_password(identity, email, true, Profile::default(), &context).await.unwrap();
    }
    let scopes = ["tasks:read", "tasks:write"].map(|scope| (scope.to_owned(), scope.to_owned()));
    let resource =
        ResourceChange { name: Some("Tasks".to_owned()), scopes: Some(scopes.into()), ..Default::default() };
    resources::add(identity, tasks, resource, &context).await.unwrap();
    let page = vec![format!("{tasks}/")];
    let scopes = ["openid", "email", "tasks:read", "tasks:write"].map(str::to_owned).to_vec();
    let client = ClientMetadataChange {
        name: Some("Tasks".to_owned()),
        first_party: Some(true),
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        redirect_uris: Some(page.clone()),
        post_logout_redirect_uris: Some(page),
        origins: Some(vec![tasks.to_owned()]),
        grant_types: Some(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]),
        scopes: Some(scopes.clone()),
        default_scopes: Some(scopes),
        ..Default::default()
    };
    clients::add(identity, "tasks-web", client, &context).await.unwrap();
}

async fn service(issuer: &str, audience: &str, database: &str) -> App {
    let config = config(&[
        ("TASKS_TOKENS__ISSUER", issuer),
        ("TASKS_TOKENS__AUDIENCE", audience),
        ("TASKS_DATABASE__URL", database),
    ]);
    let db = Database::open(&config.database).await.unwrap();
    migrate::up::<tasks::Migrator>(&db).await.unwrap();
    let keys = RemoteKeys::start(config.tokens.jwks_url()).unwrap();
    App::new(config, db, Clock::system(), Random::system(), keys).unwrap()
}

#[test]
fn alice_signs_in_with_a_code_and_keeps_her_tasks_to_herself() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        site.sign_in(tab, "alice@example.test").await;
        tab.sees("#empty").await;
        for title in ["Water the plants", "Call home"] {
            tab.type_into("#title", title).await;
            tab.press_enter().await;
            tab.reads("#list > li:first-child .title", title).await;
        }
        tab.click("#list > li:first-child input").await;
        tab.reads("#count", "1 of 2 open").await;
        tab.click("#list > li:first-child button").await;
        tab.reads("#count", "1 of 1 open").await;
        tab.look("tasks-real").await;

        // A reload keeps the session but not the tokens.
        tab.goto(&site.url).await;
        tab.reads("#list .title", "Water the plants").await;

        tab.click("#sign-out").await;
        tab.sees("#sign-in").await;
        tab.goto(&site.url).await;
        tab.sees("#sign-in").await;

        site.sign_in(tab, "bob@example.test").await;
        tab.sees("#empty").await;
        tab.reads("#count", "").await;
    });
}
