//! Defines `TestService`: the whole service behind the pipeline, with a fresh database, an issuer of its own,
//! a manual clock and seeded randomness.

use poem::{
    Endpoint, Request, Response,
    endpoint::BoxEndpoint,
    http::{HeaderMap, Method, StatusCode, header},
};
use postern_migrations::tasks::Migrator;
use postern_resource_server::{App, config::Config, http};
use postern_service::{
    clock::{Clock, Timestamp},
    database::{Database, migrate},
    random::Random,
    testing::TestDatabase,
};
use postern_token_verifier::testing::Issuer;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Start of every test's clock: 2026-01-01T00:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// Audience of the tests' tokens: the default of `tokens.audience`.
pub(crate) const AUDIENCE: &str = "http://localhost:7118";

/// `sub` of the user of every test.
pub(crate) const ALICE: &str = "5d2f7c1e-8a3b-4c6d-9e0f-1a2b3c4d5e6f";

/// `sub` of another user.
pub(crate) const BOB: &str = "c0ffee00-1234-4abc-8def-000000000001";

/// A service of one test.
pub(crate) struct TestService {
    pub(crate) app: App,
    pub(crate) clock: Clock,
    pub(crate) issuer: Issuer,
    endpoint: BoxEndpoint<'static, Response>,
    _database: TestDatabase,
}

impl TestService {
    /// A service with the default settings.
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::fresh().await.unwrap();
        let url = database.url().to_owned();
        Self::on(database, &url).await
    }

    /// A service that reaches this database through another URL.
    pub(crate) async fn on(database: TestDatabase, url: &str) -> Self {
        let config = config(&[("TASKS_DATABASE__URL", url)]);
        let db = Database::open(&config.database).await.unwrap();
        migrate::up::<Migrator>(&db).await.unwrap();
        let clock = Clock::manual(START);
        let issuer = Issuer::new(config.tokens.issuer.as_str());
        let app = App::new(config, db, clock.clone(), Random::seeded(1), issuer.local_keys()).unwrap();
        Self::of(app, clock, issuer, database)
    }

    /// The service of an app. `issuer` signs the tokens.
    pub(crate) fn of(app: App, clock: Clock, issuer: Issuer, database: TestDatabase) -> Self {
        let endpoint = http::endpoint(&app, CancellationToken::new());
        Self { app, clock, issuer, endpoint, _database: database }
    }

    /// A user whose tokens have all scopes.
    pub(crate) fn person(&self, sub: &str) -> Person<'_> {
        self.person_with(sub, "tasks:read tasks:write")
    }

    /// A user whose tokens have this scope.
    pub(crate) fn person_with(&self, sub: &str, scope: &str) -> Person<'_> {
        Person { service: self, token: self.issuer.sign(&self.claims(sub, scope)) }
    }

    /// Claims of a token that is valid by the clock of this service.
    pub(crate) fn claims(&self, sub: &str, scope: &str) -> Value {
        let now = self.clock.now().seconds();
        let mut claims = self.issuer.claims(AUDIENCE);
        for (name, value) in [("sub", json!(sub)), ("scope", json!(scope))] {
            claims[name] = value;
        }
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 900);
        claims
    }

    /// Sends one request through the pipeline.
    pub(crate) async fn send(&self, request: Request) -> Answer {
        Answer::read(self.endpoint.get_response(request).await).await
    }

    /// GET without a token.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::builder().uri(path.parse().unwrap()).finish()).await
    }
}

/// Settings from the defaults and these variables.
pub(crate) fn config(env: &[(&str, &str)]) -> Config {
    Config::load(None, env.iter().map(|(name, value)| (name.into(), value.into()))).unwrap().settings
}

/// A user with a token.
pub(crate) struct Person<'a> {
    pub(crate) service: &'a TestService,
    pub(crate) token: String,
}

impl Person<'_> {
    /// Any request, with the token.
    pub(crate) fn request(&self, method: Method, path: &str) -> poem::RequestBuilder {
        Request::builder()
            .method(method)
            .uri(path.parse().unwrap())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.service.send(self.request(Method::GET, path).finish()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.service.send(self.request(Method::DELETE, path).finish()).await
    }

    /// A body of JSON.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send_text(method, path, body.to_string()).await
    }

    /// A text body with the media type of JSON.
    pub(crate) async fn send_text(&self, method: Method, path: &str, body: impl Into<poem::Body>) -> Answer {
        let request = self.request(method, path).content_type("application/json").body(body);
        self.service.send(request).await
    }

    /// Adds a task, and lets a second pass so that every task has a time of its own.
    pub(crate) async fn add(&self, title: &str) -> Value {
        let answer = self.send(Method::POST, "/api/tasks", &json!({ "title": title })).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        self.service.clock.advance(std::time::Duration::from_secs(1));
        answer.json()
    }

    /// Titles on one page.
    pub(crate) async fn titles(&self, query: &str) -> Vec<String> {
        titles(&self.get(&format!("/api/tasks?{query}")).await.json())
    }
}

/// The titles on a page.
pub(crate) fn titles(page: &Value) -> Vec<String> {
    let tasks = page["items"].as_array().unwrap();
    tasks.iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
}

/// The path of a task.
pub(crate) fn path_of(task: &Value) -> String {
    format!("/api/tasks/{}", task["id"].as_str().unwrap())
}

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.into_string().await.unwrap();
        Self { status: parts.status, headers: parts.headers, body }
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|cause| panic!("{cause} in {self:?}"))
    }

    /// A header as text; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts a problem with this status and this `field` (empty for none).
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, field: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.json()["field"].as_str().unwrap_or_default(), field, "{self:?}");
    }

    /// The body without the members that differ in every response.
    pub(crate) fn without_reference(&self) -> Value {
        let mut body = self.json();
        body.as_object_mut().unwrap().remove("instance");
        body
    }
}
