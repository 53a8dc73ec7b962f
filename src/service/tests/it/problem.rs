//! Tests that every refusal of a service is a problem that names what is wrong.

use poem::{
    Endpoint, EndpointExt, Request, Response, Route, handler,
    http::{Method, StatusCode},
};
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi, OpenApiService,
    param::{Path, Query},
};
use postern_service::{
    body::Json,
    database::DatabaseError,
    problem::{self, CONFLICT, NOT_FOUND, Problem, Problems},
    routing::{self, DocumentedRoutes},
};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Debug, Enum)]
#[oai(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

#[derive(Debug, Object)]
struct Address {
    /// Two letters.
    country: String,
    number: Option<u16>,
}

#[derive(Debug, Object)]
struct Task {
    #[oai(validator(max_length = 10, min_length = 1))]
    title: String,
    done: Option<bool>,
    colour: Option<Colour>,
    /// Where.
    address: Option<Address>,
    #[oai(default)]
    tags: Vec<String>,
    parent: Option<Uuid>,
}

#[derive(Debug, thiserror::Error)]
#[error("no such task")]
struct NoSuchTask;

impl From<NoSuchTask> for Problem {
    fn from(_: NoSuchTask) -> Self {
        NOT_FOUND.into()
    }
}

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/tasks", method = "post")]
    async fn create(&self, task: Json<Task>) -> Result<Json<String>, Problem> {
        match task.0.title.as_str() {
            "taken" => Err(Problem::new(CONFLICT).with("holder", "bob").with("tries", json!([1, 2]))),
            _ => Ok(Json(format!("{:?}", task.0))),
        }
    }

    #[oai(path = "/tasks/:id", method = "get")]
    async fn read(&self, id: Path<Uuid>, limit: Query<Option<u8>>) -> Result<Json<String>, Problems<404>> {
        let _ = (id, limit);
        Err(NoSuchTask)?;
        Ok(Json(String::new()))
    }

    #[oai(path = "/tasks/:id", method = "delete")]
    async fn delete(&self, id: Path<Uuid>) -> Result<Json<String>, poem::Error> {
        let _ = id;
        Err(poem::error::InternalServerError(std::io::Error::other("hunter2")))
    }
}

#[handler]
fn page() -> &'static str {
    "page"
}

fn service() -> impl Endpoint<Output = Response> {
    let api = OpenApiService::new(Api, "Test", "1");
    let document = serde_json::from_str(&api.spec()).unwrap();
    let paths = DocumentedRoutes::from_document(&document);
    Route::new().at("/page", routing::get(page).post(page)).nest("/", api).catch_all_error(move |error| {
        let response = problem::respond(error, &paths);
        async move { response }
    })
}

async fn send(method: Method, path: &'static str, content_type: &str, body: &str) -> (Response, Value) {
    let mut request = Request::builder().method(method).uri_str(path);
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    let mut response = service().get_response(request.body(body.to_owned())).await;
    let body = response.take_body().into_bytes().await.unwrap();
    (response, serde_json::from_slice(&body).unwrap_or_default())
}

async fn create(body: &str) -> Value {
    send(Method::POST, "/tasks", "application/json", body).await.1
}

#[tokio::test]
async fn a_malformed_body_is_refused_with_the_member_that_is_wrong() {
    for (body, field, detail) in [
        (r#"{"title":"x","done":"yes"}"#, "done", "`done` must be a boolean"),
        (r#"{"done":true}"#, "title", "`title` is required"),
        (r#"{"title":null}"#, "title", "`title` is required"),
        (r#"{"title":{}}"#, "title", "`title` must be a string"),
        (r#"{"title":5}"#, "title", "`title` must be a string"),
        (r#"{"title":""}"#, "title", "`title` must have at least 1 character"),
        (r#"{"title":"x","tags":null}"#, "tags", "`tags` must be an array"),
        (r#"{"title":"x","dome":true}"#, "dome", "`dome` is not a member of this body"),
        (r#"{"title":"much too long"}"#, "title", "`title` must have at most 10 characters"),
        (r#"{"title":"x","colour":"blue"}"#, "colour", "`colour` must be one of \"red\", \"green\""),
        (
            r#"{"title":"x","address":{"country":[]}}"#,
            "address.country",
            "`address.country` must be a string",
        ),
        (
            r#"{"title":"x","address":{"country":"DE","number":"5"}}"#,
            "address.number",
            "`address.number` must be an integer",
        ),
        (r#"{"title":"x","tags":["a",{}]}"#, "tags[1]", "`tags[1]` must be a string"),
        (r#"{"title":"x","parent":"hunter2"}"#, "parent", "`parent` must be a UUID"),
        (r#"{"title":"x","title":"y"}"#, "title", "`title` is given twice"),
    ] {
        let problem = create(body).await;
        assert_eq!(problem["type"], "urn:postern:problem:malformed_request", "{body}");
        assert_eq!(problem["status"], 400);
        assert_eq!((&problem["field"], &problem["detail"]), (&json!(field), &json!(detail)), "{body}");
        assert!(!problem.to_string().contains("hunter2"));
    }
    let problem = create("{\"title\": }").await;
    assert_eq!(problem["detail"], "the body is not valid JSON at line 1, column 11");
    assert_eq!(create("[]").await["detail"], "the body must be an object");
    assert_eq!(create("").await["status"], 400);
}

#[tokio::test]
async fn a_good_body_passes() {
    let body = r#"{"title":"x","done":false,"colour":"red","address":{"country":"DE"},"tags":["a"]}"#;
    let (response, answer) = send(Method::POST, "/tasks", "application/json; charset=utf-8", body).await;
    assert_eq!(response.status(), StatusCode::OK, "{answer}");
    assert_eq!(response.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn another_media_type_is_refused() {
    for content_type in
        ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
    {
        let (response, problem) = send(Method::POST, "/tasks", content_type, r#"{"title":"x"}"#).await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(problem["type"], "urn:postern:problem:unsupported_media_type");
    }
}

#[tokio::test]
async fn parameters_are_named() {
    let (response, problem) = send(Method::GET, "/tasks/hunter2", "", "").await;
    assert_eq!((response.status(), &problem["field"]), (StatusCode::BAD_REQUEST, &json!("id")));
    assert_eq!(problem["detail"], "`id` must be a valid string_uuid");
    let (_, problem) =
        send(Method::GET, "/tasks/5f0c3a2e-6b1a-4c8e-9d57-0e4b6a1f2c3d?limit=1000", "", "").await;
    assert_eq!(problem["field"], "limit");
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_problems_too() {
    let (response, problem) = send(Method::GET, "/nowhere", "", "").await;
    assert_eq!((response.status(), &problem["status"]), (StatusCode::NOT_FOUND, &json!(404)));
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));

    for (path, allow) in [
        ("/tasks", "POST"),
        ("/tasks/5f0c3a2e-6b1a-4c8e-9d57-0e4b6a1f2c3d", "DELETE, GET, HEAD"),
        ("/page", "GET, HEAD, POST"),
    ] {
        let (response, problem) = send(Method::PATCH, path, "", "").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.header("allow"), Some(allow));
        assert_eq!(problem["type"], "urn:postern:problem:method_not_allowed");
    }
}

#[tokio::test]
async fn a_problem_carries_its_members_and_the_cause_stays_here() {
    let problem = create(r#"{"title":"taken"}"#).await;
    assert_eq!(
        problem,
        json!({
            "type": "urn:postern:problem:conflict", "title": "The request conflicts with what is stored",
            "status": 409, "holder": "bob", "tries": [1, 2],
        })
    );
    let id = "/tasks/5f0c3a2e-6b1a-4c8e-9d57-0e4b6a1f2c3d";
    assert_eq!(send(Method::GET, id, "", "").await.1["type"], "urn:postern:problem:not_found");
    let (response, problem) = send(Method::DELETE, id, "", "").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!problem.to_string().contains("hunter2"));
}

#[test]
fn a_wait_is_told_in_whole_seconds() {
    for (milliseconds, told) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2")] {
        let problem = Problem::new(NOT_FOUND).retry_after(std::time::Duration::from_millis(milliseconds));
        assert_eq!(poem::Error::from(problem).into_response().header("retry-after"), Some(told));
    }
}

#[test]
fn a_database_that_does_not_answer_is_a_matter_of_time() {
    let gone = sea_orm::DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout);
    let response = poem::Error::from(Problem::from(DatabaseError::from(gone))).into_response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("retry-after"), Some("2"));
    let ours = sea_orm::DbErr::Custom("hunter2".to_owned());
    assert_eq!(Problem::from(DatabaseError::from(ours)).kind(), problem::INTERNAL);
}

#[test]
fn the_document_lists_the_refusals() {
    let document: Value = serde_json::from_str(&OpenApiService::new(Api, "Test", "1").spec()).unwrap();
    let read = &document["paths"]["/tasks/{id}"]["get"]["responses"];
    for status in ["404", "default"] {
        let schema = &read[status]["content"]["application/problem+json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/Problem");
    }
    let schema = &document["components"]["schemas"]["Problem"];
    assert_eq!(schema["example"]["type"], "urn:postern:problem:malformed_request");
    assert_eq!(schema["required"], json!(["type", "title", "status"]));
    assert_eq!(<Problem as ApiResponse>::meta().responses.len(), 1);
}
