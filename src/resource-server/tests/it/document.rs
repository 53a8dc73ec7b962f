//! Tests that the OpenAPI document in the repository equals the generated one.

use std::{collections::BTreeSet, env, fs, path::Path};

use postern_resource_server::http;
use serde_json::Value;

use crate::support::TestService;

#[test]
fn the_document_in_the_repository_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/tasks.json");
    let document = http::document();
    if env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&path, format!("{document:#}\n")).unwrap();
    }
    let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert!(written == document, "openapi/tasks.json differs from the code: run with UPDATE_OPENAPI=1");
}

#[test]
fn every_operation_names_its_scope_its_refusals_and_an_example() {
    let document = http::document();
    let mut operations = 0;
    let mut summaries = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            let what = format!("{method} {path}");
            assert!(operation["tags"][0] == "Tasks" && operation["operationId"].is_string(), "{what}");
            assert!(summaries.insert(operation["summary"].as_str().unwrap()), "{what}: two have one summary");
            let scope = if method == "get" { "tasks:read" } else { "tasks:write" };
            assert_eq!(operation["security"], serde_json::json!([{ "oauth2": [scope] }]), "{what}");
            for status in ["400", "401", "403", "503"] {
                let content = &operation["responses"][status]["content"];
                assert!(content["application/problem+json"].is_object(), "{status} of {what}");
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                let example = &response["content"]["application/problem+json"]["example"];
                let expected = if status == "default" { 500 } else { status.parse().unwrap() };
                assert!(expected < 400 || example["status"] == expected, "{status} of {what}: {example}");
            }
        }
    }
    assert_eq!(operations, 7);
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["type"] != "object" || schema["example"].is_object(), "{name} has an example");
    }
}

#[tokio::test]
async fn the_document_is_served_with_the_addresses_of_this_service_and_its_issuer() {
    let service = TestService::new().await;
    let document = service.get("/openapi.json").await.json();
    assert_eq!(document["servers"][0]["url"], "http://localhost:7118");
    let flow = &document["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"];
    assert_eq!(flow["authorizationUrl"], "http://localhost:7117/oauth2/authorize");
    assert_eq!(flow["tokenUrl"], "http://localhost:7117/oauth2/token");
    let page = service.get("/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
}
