//! Defines `TestApp`: the real router on a fresh database, with a manual clock and seeded randomness.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use poem::{
    Addr, Endpoint, Request, Response,
    endpoint::BoxEndpoint,
    http::{HeaderMap, Method, StatusCode, header, uri::Scheme},
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
    sessions::{self, AuthenticationContext, NewSession, OpenedSession, Session, SessionKind, SignedInUser},
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
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::prepared_database;

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
    endpoint: BoxEndpoint<'static, Response>,
    env: Vec<(String, String)>,
    database: Arc<TestDatabase>,
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
    pub async fn built(settings: &[(&str, &str)], add: impl Fn(Builder) -> Builder) -> Self {
        let own_keys = settings.iter().any(|(name, _)| name.starts_with("POSTERN_KEYS__"));
        let database =
            if own_keys { prepared_database::migrated().await } else { prepared_database::with_keys().await };
        let database = Arc::new(database);
        let mut env = prepared_database::environment(&database);
        env.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Self::node(database, env, Clock::manual(START), 1, add).await
    }

    /// Another node on the same database, with the same settings and the same clock.
    pub async fn another_node(&self) -> Self {
        let (database, env) = (Arc::clone(&self.database), self.env.clone());
        Self::node(database, env, self.clock.clone(), 2, |builder| builder).await
    }

    /// Another node on the same database whose settings differ.
    pub async fn another_node_with(&self, settings: &[(&str, &str)]) -> Self {
        let mut env = self.env.clone();
        env.retain(|(known, _)| settings.iter().all(|(key, _)| key != known));
        env.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Self::node(Arc::clone(&self.database), env, self.clock.clone(), 3, |builder| builder).await
    }

    async fn node(
        database: Arc<TestDatabase>,
        env: Vec<(String, String)>,
        clock: Clock,
        seed: u64,
        add: impl Fn(Builder) -> Builder,
    ) -> Self {
        let variables = env.iter().map(|(key, value)| (key.into(), value.into()));
        let config = Config::load(None, variables).unwrap().settings;
        let mail_server = config.mail.smtp_host.is_some();
        let db = Database::open(&config.database).await.unwrap();
        migrate::up::<Migrator>(&db).await.unwrap();
        let inbox = Inbox::default();
        let builder = add(App::builder(config, db, clock.clone(), Random::seeded(seed)));
        let builder = if mail_server { builder } else { builder.inbox(inbox.clone()) };
        let app = builder.build().await.unwrap();
        let endpoint = http::serve::endpoint(&app, CancellationToken::new()).unwrap();
        Self { app, clock, inbox, endpoint, env, database }
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

    /// Runs every job that is due. How many runs there were.
    pub async fn run_jobs(&self) -> usize {
        jobs::runner::run_due(&self.app).await.unwrap()
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

    /// A user with this address.
    pub async fn user(&self, email: &str) -> User {
        users::add_without_password(
            &self.app,
            email,
            true,
            Profile::default(),
            &RequestContext::of_command(&self.app),
        )
        .await
        .unwrap()
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

    /// A client; answers its secret, or nothing for a public one.
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
        Browser { app: self, cookies: Mutex::default(), languages: Mutex::default() }
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

/// A browser: it keeps cookies, and follows redirects only when told to.
pub struct Browser<'a> {
    pub app: &'a TestApp,
    cookies: Mutex<BTreeMap<String, String>>,
    languages: Mutex<Option<String>>,
}

impl Browser<'_> {
    /// Signs the user in without the pages: a session of one factor, as old as this moment.
    pub async fn sign_in(&self, user: &User) -> Session {
        self.sign_in_at(user, "aal1").await
    }

    /// Signs the user in without the pages, at this level.
    pub async fn sign_in_at(&self, user: &User, acr: &str) -> Session {
        let opened = self.app.open_session(user, acr).await;
        self.set_cookie("postern-session", opened.cookie_secret.unwrap().expose_secret());
        opened.session
    }

    /// Puts a cookie into the browser.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(self.full_name(name), value.to_owned());
    }

    /// Takes a cookie out of the browser.
    pub fn clear_cookie(&self, name: &str) {
        self.cookies.lock().unwrap().remove(&self.full_name(name));
    }

    /// An https issuer's cookies are pinned to its host.
    fn full_name(&self, name: &str) -> String {
        http::security::cookie_name(&self.app.app, name)
    }

    /// Another tab's view of the same browser, on another node.
    pub fn on<'b>(&self, node: &'b TestApp) -> Browser<'b> {
        Browser {
            app: node,
            cookies: Mutex::new(self.cookies.lock().unwrap().clone()),
            languages: Mutex::default(),
        }
    }

    /// Asks for these languages from now on, as `Accept-Language` has them.
    pub fn speaks(&self, languages: &str) {
        *self.languages.lock().unwrap() = Some(languages.to_owned());
    }

    /// GET with the cookies so far.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::builder().uri(path.parse().unwrap()).finish()).await
    }

    /// POST of a form with the cookies so far, as a page of ours would send it.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut request = form_request(path, form);
        let issuer = self.app.app.config.issuer.parse().unwrap();
        request.headers_mut().insert(header::ORIGIN, issuer);
        request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
        self.send(request).await
    }

    /// Sends with the cookies so far and keeps those that come back.
    pub async fn send(&self, mut request: Request) -> Answer {
        let cookies = self.cookie_header();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookies.parse().unwrap());
        }
        if let Some(languages) = &*self.languages.lock().unwrap() {
            request.headers_mut().insert(header::ACCEPT_LANGUAGE, languages.parse().unwrap());
        }
        let answer = self.app.send(request).await;
        self.keep(&answer.headers);
        answer
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(&self.full_name(name)).cloned()
    }

    fn cookie_header(&self) -> String {
        let cookies = self.cookies.lock().unwrap();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&self, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().unwrap();
        for line in headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() || line.to_ascii_lowercase().contains("max-age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// What came back, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.into_string().await.unwrap();
        Self { status: parts.status, headers: parts.headers, body }
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.body).unwrap_or_else(|cause| panic!("{cause} in {:?}", self.body))
    }

    /// A header as text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
