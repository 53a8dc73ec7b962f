//! Defines `TestApp`: the real router on a fresh database, with a manual clock and seeded randomness.

mod browser;
mod store;

use std::{net::SocketAddr, sync::Arc};

use poem::{
    Addr, Endpoint, Request, Response,
    endpoint::BoxEndpoint,
    http::{Method, header, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use postern_entities::audit_events;
use postern_identity::{
    App,
    administration::{clients, metadata::ClientMetadataChange, users},
    claims::Profile,
    composition::Builder,
    config::Config,
    core::RequestContext,
    http, jobs,
    login::credential_change::CredentialChange,
    mail::Inbox,
    sessions::{self, AuthenticationContext, NewSession, OpenedSession, SessionKind, SignedInUser},
    tokens::{self, issue::GrantClaims},
    users::User,
};
use postern_migrations::identity::Migrator;
use postern_service::{
    clock::{Clock, Timestamp},
    database::{Database, DatabaseError, migrate},
    random::Random,
    testing::TestDatabase,
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::browser::{Answer, Browser};
use self::store::Store;
use crate::{
    fixtures::{ALICE, BOB, Fixtures},
    prepared_database,
};

/// Where every test's clock begins: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// The issuer of every test.
pub const ISSUER: &str = "http://localhost:7117";

/// One provider of its own.
pub struct TestApp {
    pub app: App,
    pub clock: Clock,
    /// What was sent, once the jobs have run; empty when the settings name a mail server.
    pub inbox: Inbox,
    /// The people, resources and clients that the test began with.
    pub fixtures: Arc<Fixtures>,
    endpoint: BoxEndpoint<'static, Response>,
    env: Vec<(String, String)>,
    // The last field, because the database goes after everything that uses it.
    store: Arc<Store>,
}

impl TestApp {
    /// A provider with the default settings.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A provider with some settings changed, written as environment variables.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::built(settings, |builder| builder).await
    }

    /// A provider with some settings changed and more built into it.
    pub async fn built(settings: &[(&str, &str)], add: impl FnOnce(Builder) -> Builder) -> Self {
        if settings.iter().any(|(name, _)| name.starts_with("POSTERN_KEYS__")) {
            let database = prepared_database::migrated().await;
            let mut test = Self::first_node(database, Fixtures::default(), settings, add).await;
            test.fixtures = Arc::new(Fixtures::store(&test.app).await);
            return test;
        }
        let (database, fixtures) = prepared_database::with_fixtures().await;
        Self::first_node(database, fixtures, settings, add).await
    }

    /// A provider that has no users, resources and clients yet.
    pub async fn empty() -> Self {
        let database = prepared_database::with_keys().await;
        Self::first_node(database, Fixtures::default(), &[], |builder| builder).await
    }

    async fn first_node(
        database: TestDatabase,
        fixtures: impl Into<Arc<Fixtures>>,
        settings: &[(&str, &str)],
        add: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let mut env = prepared_database::environment(&database);
        env.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let clock = Clock::manual(START);
        let store = Arc::new(Store::new(database, env.clone(), clock.clone()));
        Self::node(store, fixtures.into(), env, 1, add).await
    }

    /// Another node on the same database, with the same settings and the same clock.
    pub async fn another_node(&self) -> Self {
        let (store, fixtures) = (Arc::clone(&self.store), Arc::clone(&self.fixtures));
        Self::node(store, fixtures, self.env.clone(), 2, |builder| builder).await
    }

    /// Another node on the same database whose settings differ.
    pub async fn another_node_with(&self, settings: &[(&str, &str)]) -> Self {
        let mut env = self.env.clone();
        env.retain(|(known, _)| settings.iter().all(|(key, _)| key != known));
        env.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let (store, fixtures) = (Arc::clone(&self.store), Arc::clone(&self.fixtures));
        Self::node(store, fixtures, env, 3, |builder| builder).await
    }

    async fn node(
        store: Arc<Store>,
        fixtures: Arc<Fixtures>,
        env: Vec<(String, String)>,
        seed: u64,
        add: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let variables = env.iter().map(|(key, value)| (key.into(), value.into()));
        let config = Config::load(None, variables).unwrap().settings;
        let mail_server = config.mail.smtp_host.is_some();
        let db = Database::open(&config.database).await.unwrap();
        migrate::up::<Migrator>(&db).await.unwrap();
        let (clock, inbox) = (store.clock(), Inbox::default());
        let builder = add(App::builder(config, db, clock.clone(), Random::seeded(seed)));
        let builder = if mail_server { builder } else { builder.inbox(inbox.clone()) };
        let app = builder.build().await.unwrap();
        let endpoint = http::serve::endpoint(&app, CancellationToken::new()).unwrap();
        Self { app, clock, inbox, fixtures, endpoint, env, store }
    }

    /// The binary on the same database, as an operator runs it beside the server.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_postern"));
        command.args(arguments).envs(self.env.iter().map(|(key, value)| (key, value)));
        command
    }

    /// All of it, to be put behind a listener.
    pub fn endpoint(&self) -> BoxEndpoint<'static, Response> {
        http::serve::endpoint(&self.app, CancellationToken::new()).unwrap()
    }

    /// Runs every job that is due, none of which may fail. Answers how many runs there were.
    pub async fn run_jobs(&self) -> usize {
        let runs = jobs::runner::run_due(&self.app).await.unwrap();
        let failed = self.store.failed_jobs(&self.app.db).await;
        assert!(failed.is_empty(), "jobs failed: {failed:#?}");
        runs
    }

    /// Runs every job that is due, of which some may fail. Answers how many runs there were.
    pub async fn run_failing_jobs(&self) -> usize {
        let runs = jobs::runner::run_due(&self.app).await.unwrap();
        self.store.expect_failed_jobs(&self.app.db).await;
        runs
    }

    /// The newest code that was sent to this address.
    pub async fn code_for(&self, email: &str) -> String {
        self.run_jobs().await;
        let messages = self.inbox.newest_first();
        let message = messages.iter().find(|message| message.to == email && message.code.is_some());
        message
            .and_then(|message| message.code.clone())
            .unwrap_or_else(|| panic!("no code for {email} in {messages:?}"))
    }

    pub fn alice(&self) -> &User {
        self.fixtures.user(ALICE)
    }

    pub fn bob(&self) -> &User {
        self.fixtures.user(BOB)
    }

    /// A new user with this email.
    pub async fn user(&self, email: &str) -> User {
        let context = RequestContext::of_command(&self.app);
        users::add_without_password(&self.app, email, true, Profile::default(), &context).await.unwrap()
    }

    /// A session of a browser, at this level.
    pub async fn open_session(&self, user: &User, acr: &str) -> OpenedSession {
        let app = &self.app;
        let now = app.clock.now();
        let new = NewSession {
            user_id: user.id,
            kind: SessionKind::Browser,
            client_id: None,
            authentication: AuthenticationContext {
                auth_time: now,
                acr: acr.parse().unwrap(),
                amr: vec!["otp".to_owned()].into(),
            },
            remembered: true,
        };
        let context = RequestContext::of_command(app);
        let opened = app.write(&context, async |write| Ok::<_, DatabaseError>(sessions::open(write, new)));
        opened.await.unwrap()
    }

    /// The user, signed in in a session of their own.
    pub async fn signed_in(&self, user: &User) -> SignedInUser {
        SignedInUser { session: self.open_session(user, "aal1").await.session, user: user.clone() }
    }

    /// A new client; answers its secret, or nothing for a public one.
    pub async fn client(&self, client_id: &str, metadata: ClientMetadataChange) -> String {
        let secret = clients::add(&self.app, client_id, metadata, &RequestContext::of_command(&self.app))
            .await
            .unwrap();
        secret.map_or_else(String::new, |secret| secret.client_secret.expose_secret().to_owned())
    }

    /// An ID token as a client of this user's session has it.
    pub async fn id_token(&self, client_id: &str, user: &User, sid: Uuid) -> String {
        let client = Arc::clone(self.app.clients().find(client_id).unwrap());
        let target = tokens::TokenTarget {
            scope: postern_identity::scope::Scope::from_stored("openid"),
            audiences: vec![self.app.config.issuer.clone()],
            id_token: true,
        };
        let what = tokens::IssueRequest {
            client: &client,
            grant: GrantClaims { sid: Some(sid), ..GrantClaims::default() },
            user: Some(user),
            target: &target,
            nonce: None,
            refresh_token: None,
        };
        tokens::issue(&self.app, what).await.unwrap().id_token.unwrap()
    }

    /// What was recorded of one kind, oldest first.
    pub async fn events(&self, kind: &str) -> Vec<audit_events::Model> {
        audit_events::Entity::find()
            .filter(audit_events::Column::Kind.eq(kind))
            .order_by_asc(audit_events::Column::Id)
            .all(self.app.db.reader())
            .await
            .unwrap()
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    /// Sends one request through the router, without cookies.
    pub async fn send(&self, request: Request) -> Answer {
        let response = self.endpoint.get_response(request).await;
        Answer::read(response).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::builder().uri(path.parse().unwrap()).finish()).await
    }

    /// Details of every recorded act of a kind, the oldest first.
    pub async fn audited(&self, kind: &str) -> Vec<serde_json::Value> {
        use postern_entities::audit_events::{Column, Entity};
        let events = Entity::find().filter(Column::Kind.eq(kind)).order_by_asc(Column::At);
        let events = events.all(self.app.db.reader()).await.unwrap();
        events.into_iter().map(|event| event.details).collect()
    }

    /// Every row that tokens leave behind, printed.
    pub async fn everything_stored(&self) -> String {
        use postern_entities::{
            audit_events, authorization_codes, client_secrets, clients, grants, refresh_tokens,
        };
        let db = self.app.db.reader();
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            audit_events::Entity::find().all(db).await.unwrap(),
            authorization_codes::Entity::find().all(db).await.unwrap(),
            clients::Entity::find().all(db).await.unwrap(),
            client_secrets::Entity::find().all(db).await.unwrap(),
            grants::Entity::find().all(db).await.unwrap(),
            refresh_tokens::Entity::find().all(db).await.unwrap(),
        )
    }

    /// GET with an access token.
    pub async fn get_as(&self, access_token: &str, path: &str) -> Answer {
        let mut request = Request::builder().uri(path.parse().unwrap()).finish();
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, format!("Bearer {access_token}").parse().unwrap());
        self.send(request).await
    }

    /// POST of a form, without cookies.
    pub async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(form_request(path, form)).await
    }

    /// POST of JSON, without cookies.
    pub async fn post_json(&self, path: &str, body: &serde_json::Value) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path.parse().unwrap())
            .content_type("application/json")
            .body(body.to_string());
        self.send(request).await
    }
}

/// A change of how somebody signs in, as they ask for it.
pub fn credential_change<'a>(
    signed_in: &'a SignedInUser,
    context: &'a RequestContext,
    ends_others: bool,
) -> CredentialChange<'a> {
    CredentialChange { principal: signed_in.principal(), ends_others, context }
}

/// The same request, as if it came over a connection from this peer.
pub fn from_peer(request: Request, peer: &str) -> Request {
    let (parts, body) = request.into_parts();
    let mut head = poem::http::Request::builder().method(parts.method).uri(parts.uri).body(()).unwrap();
    *head.headers_mut() = parts.headers;
    let peer: SocketAddr = format!("{peer}:4711").parse().unwrap();
    let (local, remote) = (LocalAddr(Addr::SocketAddr(peer)), RemoteAddr(Addr::SocketAddr(peer)));
    Request::from_parts((head.into_parts().0, local, remote, Scheme::HTTP).into(), body)
}

/// A POST of JSON, to be sent or changed further.
pub fn json_request(path: &str, body: &serde_json::Value) -> Request {
    Request::builder()
        .method(Method::POST)
        .uri(path.parse().unwrap())
        .content_type("application/json")
        .body(body.to_string())
}

/// A POST of a form, to be sent or changed further.
pub fn form_request(path: &str, form: &[(&str, &str)]) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    Request::builder()
        .method(Method::POST)
        .uri(path.parse().unwrap())
        .content_type("application/x-www-form-urlencoded")
        .body(body)
}
