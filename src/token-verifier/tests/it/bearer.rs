//! Tests bearer tokens in poem, and the error responses of RFC 6750.

use std::sync::Arc;

use poem::http::{HeaderValue, StatusCode};
use poem::{Endpoint, EndpointExt, Request, Response, Route, get, handler};
use poem_openapi::payload::PlainText;
use poem_openapi::{OpenApi, OpenApiService};
use postern_token_verifier::poem::{
    Authenticator, Authorized, Bearer, BearerCause, BearerError, Scope, Scoped, point_to_issuer,
};
use postern_token_verifier::testing::Issuer;
use postern_token_verifier::{AccessToken, LocalKeys, PresentedToken, Refusal, Verifier};
use serde_json::{Value, json};

use crate::support::AUDIENCE;

enum TasksRead {}

impl Scope for TasksRead {
    const NAME: &'static str = "tasks:read";
    const DESCRIPTION: &'static str = "See your tasks";
}

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/tasks", method = "get")]
    async fn tasks(&self, token: Authorized<TasksRead>) -> PlainText<String> {
        PlainText(token.sub.clone())
    }

    #[oai(path = "/me", method = "get")]
    async fn me(&self, token: Authorized) -> PlainText<String> {
        PlainText(token.into_token().sub.clone())
    }

    #[oai(path = "/open", method = "get")]
    async fn open(&self) -> PlainText<&'static str> {
        PlainText("open")
    }

    #[oai(path = "/presented", method = "get")]
    async fn presented(&self, token: Authorized<TasksRead, Unrevoked>) -> PlainText<String> {
        PlainText(token.into_token().1)
    }
}

/// Refuses the tokens of a client that was shut out, and shows what was presented.
struct Unrevoked;

struct Accepted(Arc<AccessToken>, String);

impl AsRef<AccessToken> for Accepted {
    fn as_ref(&self) -> &AccessToken {
        &self.0
    }
}

impl Authenticator for Unrevoked {
    type State = Verifier;
    type Accepted = Accepted;
    type Error = BearerError;

    async fn authenticate(
        verifier: &Verifier,
        presented: &PresentedToken<'_>,
    ) -> Result<Accepted, BearerError> {
        let token = Verifier::authenticate(verifier, presented).await?;
        Ok(Accepted(token, format!("{presented:?} {}", presented.uri)))
    }

    async fn require_more(verifier: &Verifier, accepted: &Accepted) -> Result<(), BearerError> {
        if accepted.0.sub != "revoked" {
            return Ok(());
        }
        Err(Self::refuse(verifier, BearerCause::InvalidRequest("revoked")))
    }

    fn refuse(verifier: &Verifier, cause: BearerCause) -> BearerError {
        Verifier::refuse(verifier, cause)
    }

    fn refuse_scope(verifier: &Verifier, accepted: &Accepted, scope: &'static str) -> BearerError {
        Verifier::refuse_scope(verifier, &accepted.0, scope)
    }
}

#[handler]
async fn plain(token: Bearer) -> poem::Result<String> {
    token.require_scope("tasks:write")?;
    Ok(token.sub.clone())
}

fn document() -> Value {
    serde_json::from_str(&OpenApiService::new(Scoped(Api), "Tasks", "1").spec()).unwrap()
}

struct Service {
    issuer: Issuer,
    routes: poem::endpoint::BoxEndpoint<'static>,
}

impl Service {
    fn new() -> Self {
        let issuer = Issuer::new("https://login.example.com");
        let verifier = Verifier::new(issuer.policy(AUDIENCE), issuer.local_keys()).unwrap();
        Self { issuer, routes: Self::routes().data(verifier).boxed() }
    }

    fn routes() -> Route {
        Route::new().nest("/api", OpenApiService::new(Scoped(Api), "Tasks", "1")).at("/plain", get(plain))
    }

    async fn get(&self, path: &str, authorization: &[&[u8]]) -> Response {
        let mut request = Request::builder().uri(path.parse().unwrap()).finish();
        for value in authorization {
            request.headers_mut().append("authorization", HeaderValue::from_bytes(value).unwrap());
        }
        self.routes.get_response(request).await
    }

    async fn get_with(&self, path: &str, token: &str) -> Response {
        self.get(path, &[format!("Bearer {token}").as_bytes()]).await
    }
}

/// The status, the challenge and the problem.
async fn parts(response: Response) -> (StatusCode, Option<String>, Value) {
    let (status, header) = (response.status(), |name: &str| response.header(name).map(str::to_owned));
    assert_eq!(header("content-type").as_deref(), Some("application/problem+json"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    let challenge = header("www-authenticate");
    let problem: Value = response.into_body().into_json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16());
    (status, challenge, problem)
}

#[tokio::test]
async fn a_token_with_the_scope_gets_through() {
    let service = Service::new();
    let token = service.issuer.token(AUDIENCE, "tasks:read tasks:write");
    for path in ["/api/tasks", "/api/me", "/plain"] {
        let response = service.get_with(path, &token).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.into_body().into_string().await.unwrap(), "248289761001");
    }
}

#[tokio::test]
async fn the_scheme_is_compared_without_case() {
    let service = Service::new();
    let token = service.issuer.token(AUDIENCE, "tasks:read");
    for scheme in ["bearer", "BEARER", "bEARER", "Bearer  "] {
        let response = service.get("/api/tasks", &[format!("{scheme} {token}").as_bytes()]).await;
        assert_eq!(response.status(), StatusCode::OK, "{scheme}");
    }
}

#[tokio::test]
async fn without_credentials_there_is_a_challenge_and_no_error() {
    let service = Service::new();
    let token = service.issuer.token(AUDIENCE, "tasks:read");
    let dpop = format!("DPoP {token}");
    for authorization in
        [&[][..], &[b"Basic YTpi".as_slice()], &[dpop.as_bytes()], &[token.as_bytes()], &[b""]]
    {
        let (status, challenge, problem) = parts(service.get("/api/tasks", authorization).await).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(challenge.as_deref(), Some("Bearer realm=\"https://api.example.com\""));
        assert_eq!(problem["type"], "urn:postern:problem:unauthenticated");
    }
    assert_eq!(service.get("/api/open", &[]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_token_in_the_url_is_not_looked_at() {
    let service = Service::new();
    let token = service.issuer.token(AUDIENCE, "tasks:read");
    let response = service.get(&format!("/api/tasks?access_token={token}"), &[]).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_that_is_none_is_an_invalid_token() {
    let service = Service::new();
    let token = service.issuer.token(AUDIENCE, "tasks:read");
    for authorization in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer garbage".to_owned(),
        format!("Bearer {token} x"),
        format!("Bearer {token}="),
        format!("Bearer \t{token}"),
        format!("Bearer {token},"),
        format!("Bearer Bearer {token}"),
    ] {
        let (status, challenge, problem) =
            parts(service.get("/api/tasks", &[authorization.as_bytes()]).await).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{authorization}");
        assert_eq!(
            challenge.as_deref(),
            Some(
                "Bearer realm=\"https://api.example.com\", error=\"invalid_token\", \
                 error_description=\"The access token is malformed\""
            ),
            "{authorization}"
        );
        assert_eq!(problem["type"], "urn:postern:problem:invalid_token");
        assert_eq!(problem["detail"], "The access token is malformed");
    }
    // A tab is no separator (RFC 9110 section 11.4), so this is an unknown scheme.
    let tab = service.get("/api/tasks", &[format!("Bearer\t{token}").as_bytes()]).await;
    assert_eq!(tab.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn each_cause_is_told_in_words() {
    let service = Service::new();
    let mut expired = service.issuer.claims(AUDIENCE);
    expired["exp"] = json!(1);
    let mut bound = service.issuer.claims(AUDIENCE);
    bound["cnf"] = json!({"jkt": "x"});
    for (token, description) in [
        (service.issuer.sign(&expired), "The access token expired"),
        (service.issuer.sign(&bound), "The access token is bound to a key and needs its proof"),
        (
            service.issuer.forge(&service.issuer.claims(AUDIENCE)),
            "The signature of the access token is wrong",
        ),
        (service.issuer.token("https://other.test", ""), "The access token is not meant for this resource"),
    ] {
        let (status, challenge, _) = parts(service.get_with("/api/me", &token).await).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let challenge = challenge.unwrap();
        assert!(
            challenge.ends_with(&format!("error=\"invalid_token\", error_description=\"{description}\""))
        );
    }
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let service = Service::new();
    let token = service.issuer.token(AUDIENCE, "tasks:reader tasks");
    for (path, scope) in [("/api/tasks", "tasks:read"), ("/plain", "tasks:write")] {
        let (status, challenge, problem) = parts(service.get_with(path, &token).await).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(
            challenge.unwrap(),
            format!(
                "Bearer realm=\"https://api.example.com\", error=\"insufficient_scope\", \
                 error_description=\"The access token does not grant the scope that this needs\", scope=\"{scope}\""
            )
        );
        assert_eq!(problem["type"], "urn:postern:problem:insufficient_scope");
    }
    // Without a required scope any valid token is accepted.
    assert_eq!(service.get_with("/api/me", &token).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_with_two_tokens_contradicts_itself() {
    let service = Service::new();
    let token = format!("Bearer {}", service.issuer.token(AUDIENCE, "tasks:read"));
    for authorization in [[token.as_bytes(), token.as_bytes()], [token.as_bytes(), b"Basic YTpi"]] {
        let (status, challenge, problem) = parts(service.get("/api/tasks", &authorization).await).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(challenge.unwrap().contains("error=\"invalid_request\""));
        assert_eq!(problem["type"], "urn:postern:problem:invalid_request");
    }
    let (status, _, _) = parts(service.get("/api/tasks", &[b"Bearer \xff"]).await).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn without_keys_the_client_is_asked_to_come_back() {
    let issuer = Issuer::new("https://login.example.com");
    let verifier = Verifier::new(issuer.policy(AUDIENCE), LocalKeys::default()).unwrap();
    let service = Service { routes: Service::routes().data(verifier).boxed(), issuer };
    let response = service.get_with("/api/tasks", &service.issuer.token(AUDIENCE, "tasks:read")).await;
    assert_eq!(response.header("retry-after"), Some("2"));
    let (status, challenge, _) = parts(response).await;
    assert_eq!((status, challenge), (StatusCode::SERVICE_UNAVAILABLE, None));
}

#[tokio::test]
async fn routes_without_a_verifier_let_nobody_through() {
    let service =
        Service { routes: Service::routes().boxed(), issuer: Issuer::new("https://login.example.com") };
    let response = service.get_with("/api/tasks", &service.issuer.token(AUDIENCE, "tasks:read")).await;
    let (status, challenge, problem) = parts(response).await;
    assert_eq!((status, challenge), (StatusCode::INTERNAL_SERVER_ERROR, None));
    assert_eq!(problem["type"], "urn:postern:problem:internal");
}

#[tokio::test]
async fn a_service_can_ask_more_of_a_token() {
    let service = Service::new();
    let token = service.issuer.token(AUDIENCE, "tasks:read");
    let accepted = service.get_with("/api/presented?q=1", &token).await;
    assert_eq!(accepted.status(), StatusCode::OK);
    let shown = accepted.into_body().into_string().await.unwrap();
    assert!(!shown.contains(&token), "{shown}");
    assert_eq!(
        shown,
        "PresentedToken { scheme: Bearer, method: \"GET\", path: \"/presented\", .. } /presented?q=1"
    );
    let mut revoked = service.issuer.claims(AUDIENCE);
    revoked["sub"] = json!("revoked");
    // The scope is judged first.
    let (status, _, _) =
        parts(service.get_with("/api/presented", &service.issuer.sign(&revoked)).await).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    revoked["scope"] = json!("tasks:read");
    let (status, _, problem) =
        parts(service.get_with("/api/presented", &service.issuer.sign(&revoked)).await).await;
    assert_eq!((status, &problem["detail"]), (StatusCode::BAD_REQUEST, &json!("revoked")));
}

#[tokio::test]
async fn a_service_can_write_its_own_answer() {
    let service = Service::new();
    let routes = service.routes.catch_all_error(|error| async move {
        let refused = error.data::<BearerError>().expect("the refusal comes along");
        assert_eq!(refused.cause(), &BearerCause::NoCredentials);
        poem::IntoResponse::into_response(refused.status())
    });
    let response = routes.get_response(Request::builder().uri("/plain".parse().unwrap()).finish()).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn the_document_names_each_operations_scope() {
    let mut document = document();
    assert_eq!(document["paths"]["/tasks"]["get"]["security"], json!([{"oauth2": ["tasks:read"]}]));
    assert_eq!(document["paths"]["/me"]["get"]["security"], json!([{"oauth2": []}]));
    assert_eq!(document["paths"]["/open"]["get"].get("security"), None);
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["oauth2"]);
    let flow = &schemes["oauth2"]["flows"]["authorizationCode"];
    assert_eq!(flow["scopes"], json!({"tasks:read": "See your tasks"}));
    point_to_issuer(
        &mut document,
        "https://login.example.com/oauth2/authorize",
        "https://login.example.com/oauth2/token",
    );
    let flow = &document["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"];
    assert_eq!(flow["authorizationUrl"], "https://login.example.com/oauth2/authorize");
    assert_eq!(flow["tokenUrl"], "https://login.example.com/oauth2/token");
}

#[test]
fn only_unavailable_keys_are_not_the_tokens_fault() {
    assert_eq!(Refusal::KeysUnavailable.error_code(), None);
    assert_eq!(Refusal::SenderConstrained.error_code(), Some("invalid_token"));
}
