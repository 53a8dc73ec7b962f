//! The examples of the OpenAPI document are true: each `curl` line runs against `postern dev`, and the errors are those
//! that the operations answer.

use std::process::Command;

use poem::{
    Request,
    http::{Method, header},
};
use postern_identity::http::serve;
use serde_json::{Value, json};

use crate::{
    dev::{Server, free_port, postern},
    document::operations,
    sign_in::{ALICE, SignIn},
    support::json_request,
};

const ID: &str = "0192f3a1-6c2d-7b10-9c0e-2f415d6a7b8c";

/// An access token of alice, of the client of the reference.
async fn account_token(server: &Server) -> String {
    let request = json!({ "client_id": "docs", "identifier": "alice@example.test" });
    let begun = server.post("/api/auth/code/request", request).await;
    let inbox = server.get("/dev/inbox.json").await;
    let verify = json!({
        "client_id": "docs", "attempt": begun["attempt"], "code": inbox[0]["code"], "scope": "openid account",
    });
    let tokens = server.post("/api/auth/code/verify", verify).await;
    tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned()
}

#[tokio::test]
async fn every_curl_line_of_the_reference_runs_in_dev_and_gets_a_documented_answer() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let server = Server::start(&mut postern(&["dev"], folder.path(), port), port).await;
    let document = server.get("/openapi.json").await;
    let token = account_token(&server).await;
    let secrets: toml::Table =
        std::fs::read_to_string(folder.path().join("data/dev-secrets.toml")).unwrap().parse().unwrap();
    let mut all = operations(&document);
    // What ends the token comes last.
    all.sort_by_key(|(name, _)| name == "delete /api/account");
    let mut succeeded = 0;
    for (name, operation) in all {
        let line = operation["x-codeSamples"][0]["source"].as_str().unwrap();
        let script = format!("{line} -s -o body -w '%{{http_code}}'");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(folder.path()).env("TOKEN", &token);
        shell.env("CLIENT_ID", "demo-service");
        shell.env("CLIENT_SECRET", secrets["demo_service_client_secret"].as_str().unwrap());
        let ended = shell.output().unwrap();
        let status = String::from_utf8(ended.stdout).unwrap();
        let body = std::fs::read_to_string(folder.path().join("body")).unwrap_or_default();
        assert!(
            operation["responses"][&status].is_object(),
            "{name}: {status} is not documented\n{line}\n{body}"
        );
        let malformed = ["malformed_request", "invalid_request", "We did not understand"];
        assert!(!malformed.iter().any(|kind| body.contains(kind)), "{name}: {body}\n{line}");
        succeeded += usize::from(status.starts_with('2') || status == "303");
    }
    assert!(succeeded > 30, "{succeeded}");
}

fn example<'a>(operation: &'a Value, status: &str) -> &'a Value {
    &operation["responses"][status]["content"]["application/problem+json"]["example"]
}

/// The request of an operation, with this body.
fn request(name: &str, body: &Value, token: Option<&str>) -> Request {
    let (method, path) = name.split_once(' ').unwrap();
    let path = path.replace("{method}", "email-otp").replace("{client_id}", "nobody");
    let path = path.replace("{id}", ID);
    let mut request = json_request(&path.replace("{sid}", ID), body);
    request.set_method(method.to_uppercase().parse::<Method>().unwrap());
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    request
}

#[tokio::test]
async fn the_errors_of_the_account_api_are_those_that_it_answers() {
    let sign_in = SignIn::new().await;
    let all = sign_in.tokens().await["access_token"].as_str().unwrap().to_owned();
    let (attempt, code) = (sign_in.attempt("email-otp", ALICE).await, sign_in.app.code_for(ALICE).await);
    let verify = json!({ "client_id": "app", "attempt": attempt, "code": code, "scope": "openid" });
    let only_openid: Value = sign_in.app.post_json("/api/auth/email-otp/verify", &verify).await.json();
    let only_openid = only_openid["access_token"].as_str().unwrap().to_owned();
    let document = serve::document();
    let mut compared = 0;
    for (name, operation) in operations(&document) {
        if operation["tags"][0] != "Account" {
            continue;
        }
        let answer = async |token| {
            sign_in.app.send(request(&name, &json!({ "unknown": 1 }), token)).await.json::<Value>()
        };
        let mut compare = |status: &str, answered: &Value| {
            let documented = example(operation, status);
            if documented["type"] == answered["type"] {
                assert_eq!(
                    (&documented["title"], &documented["status"]),
                    (&answered["title"], &answered["status"])
                );
                compared += 1;
            }
        };
        let unauthenticated = answer(None).await;
        assert_eq!(unauthenticated["type"], "urn:postern:problem:unauthenticated", "{name}");
        compare("401", &unauthenticated);
        let forbidden = answer(Some(&only_openid)).await;
        assert_eq!(forbidden["type"], "urn:postern:problem:insufficient_scope", "{name}");
        compare("403", &forbidden);
        if operation["requestBody"]["required"] == true {
            let malformed = answer(Some(&all)).await;
            assert!(
                !operation["responses"][malformed["status"].to_string()].is_null(),
                "{name}: {malformed}"
            );
            compare("400", &malformed);
        }
    }
    assert!(compared > 30, "{compared}");
}
