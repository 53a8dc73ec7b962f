//! Reads an OpenAPI document into what the page shows: groups in the order of the document's tags, each with its
//! operations in the order of the paths.

use serde::Serialize;
use serde_json::Value;

use super::{
    curl::{self, NeededCredentials},
    schema::{self, SchemaField},
};

#[derive(Debug, Serialize)]
pub(super) struct OperationGroup {
    /// The fragment of its heading.
    id: String,
    name: String,
    description: String,
    operations: Vec<Operation>,
}

#[derive(Debug, Serialize)]
struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    description: String,
    credentials: Option<String>,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    curl: String,
    responses: Vec<Response>,
    /// None for an operation that a browser visits by itself.
    request: Option<Request>,
}

#[derive(Debug, Serialize)]
struct Parameter {
    #[serde(flatten)]
    field: SchemaField,
    /// `path` or `query`.
    place: String,
    /// What the page's own form has filled in.
    example: String,
}

#[derive(Debug, Serialize)]
struct RequestBody {
    media_type: String,
    fields: Vec<SchemaField>,
}

/// What the page's own form sends.
#[derive(Debug, Serialize)]
struct Request {
    access_token: bool,
    client: bool,
    /// The media type of the body, if there is one.
    media_type: Option<String>,
    body: String,
}

#[derive(Debug, Serialize)]
struct Response {
    status: String,
    failure: bool,
    description: String,
    media_type: Option<String>,
    fields: Vec<SchemaField>,
    example: Option<String>,
}

/// Every operation, by the first of its tags.
pub(super) fn groups(document: &Value) -> Vec<OperationGroup> {
    let tags = document["tags"].as_array().into_iter().flatten();
    let groups = tags.map(|tag| {
        let name = text(&tag["name"]);
        OperationGroup {
            id: format!("group-{}", name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")),
            description: text(&tag["description"]),
            operations: operations(document, &name),
            name,
        }
    });
    groups.filter(|group| !group.operations.is_empty()).collect()
}

fn operations(document: &Value, tag: &str) -> Vec<Operation> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path, method, operation))
    });
    operations
        .filter(|(_, _, operation)| operation["tags"][0] == tag)
        .map(|(path, method, operation)| read_operation(document, (path, method), operation))
        .collect()
}

fn read_operation(document: &Value, (path, method): (&str, &str), operation: &Value) -> Operation {
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]).trim_end_matches('.').to_owned(),
        description: text(&operation["description"]),
        credentials: credentials_in_words(operation),
        parameters: parameters(document, operation),
        body: body(document, operation),
        curl: text(&operation["x-codeSamples"][0]["source"]),
        responses: responses(document, operation),
        request: request(document, operation),
    }
}

fn credentials_in_words(operation: &Value) -> Option<String> {
    match curl::credentials(operation) {
        NeededCredentials::None => None,
        NeededCredentials::Client => Some(
            "the client: `client_id`, and its secret if it has one, in the header or in the body.".to_owned(),
        ),
        NeededCredentials::AccessToken => {
            let scopes: Vec<_> = curl::scopes(operation).iter().map(|scope| format!("`{scope}`")).collect();
            Some(match scopes.as_slice() {
                [] => "an access token.".to_owned(),
                scopes => format!("an access token with the scope {}.", scopes.join(" and ")),
            })
        }
    }
}

fn parameters(document: &Value, operation: &Value) -> Vec<Parameter> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|parameter| {
        let (name, required) = (text(&parameter["name"]), parameter["required"] == true);
        let mut field = schema::field(document, &name, &parameter["schema"], required);
        if let Some(description) = parameter["description"].as_str() {
            description.clone_into(&mut field.description);
        }
        let example = &parameter["example"];
        let example = if example.is_null() { String::new() } else { text_or_json(example) };
        Parameter { field, place: text(&parameter["in"]), example }
    });
    parameters.collect()
}

fn body(document: &Value, operation: &Value) -> Option<RequestBody> {
    let (media_type, content) = operation["requestBody"]["content"].as_object()?.iter().next()?;
    Some(RequestBody { media_type: media_type.clone(), fields: schema::fields(document, &content["schema"]) })
}

fn request(document: &Value, operation: &Value) -> Option<Request> {
    if !operation["responses"]["303"].is_null() {
        return None;
    }
    let body = curl::body(document, operation);
    let credentials = curl::credentials(operation);
    Some(Request {
        access_token: credentials == NeededCredentials::AccessToken,
        client: credentials == NeededCredentials::Client,
        media_type: body.as_ref().map(|body| body.media_type.clone()),
        body: body.map(|body| body.text).unwrap_or_default(),
    })
}

fn responses(document: &Value, operation: &Value) -> Vec<Response> {
    let responses = operation["responses"].as_object().into_iter().flatten();
    let responses = responses.map(|(status, response)| {
        let content = response["content"].as_object().and_then(|content| content.iter().next());
        let (media_type, content) = content.unzip();
        let failure = status.parse().unwrap_or(500) >= 400;
        let schema = content.map(|content| &content["schema"]);
        let own = content.map(|content| &content["example"]).filter(|example| !example.is_null());
        let example = own.cloned().or_else(|| schema.and_then(|schema| schema::example(document, schema)));
        Response {
            status: if status == "default" { "others".to_owned() } else { status.clone() },
            failure,
            description: text(&response["description"]),
            media_type: media_type.cloned(),
            // The members of an error are the same everywhere.
            fields: schema
                .filter(|_| !failure)
                .map(|schema| schema::fields(document, schema))
                .unwrap_or_default(),
            example: example.map(|example| text_or_json(&example)),
        }
    });
    responses.collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn text_or_json(value: &Value) -> String {
    value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned)
}
