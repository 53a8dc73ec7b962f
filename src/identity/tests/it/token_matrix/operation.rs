//! Defines the operations that take a bearer token, as the OpenAPI document has them.

use poem::{Request, http::Method};
use postern_identity::http::serve;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Token;
use crate::support::{Answer, TestApp, json_request};

/// An operation that takes a bearer token, as the document has it.
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
    pub scopes: Vec<String>,
}

/// What an operation asks of a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Needs {
    OpenId,
    Account,
    Issuer,
}

impl Operation {
    /// Every operation whose document names the scheme of access tokens.
    pub fn all() -> Vec<Self> {
        let document = serve::document();
        let mut all = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let mut security = operation["security"].as_array().into_iter().flatten();
                let Some(scopes) = security.find_map(|one| one["oauth2"].as_array()) else {
                    continue;
                };
                let scopes = scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect();
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
                let body = schema.as_str().map(|name| {
                    let example = document.pointer(&format!("{}/example", &name[1..]));
                    example.unwrap_or_else(|| panic!("{name} has no example")).clone()
                });
                let path = path.replace("{id}", &Uuid::nil().to_string());
                let path = path.replace("{sid}", &Uuid::nil().to_string()).replace("{client_id}", "nobody");
                all.push(Self { method: method.to_uppercase().parse().unwrap(), path, body, scopes });
            }
        }
        all
    }

    /// The class of each operation. A new one must be put into one of them.
    pub fn needs(&self) -> Needs {
        let (needs, scope) = match self.path.as_str() {
            "/oauth2/userinfo" | "/api/auth/me" => (Needs::OpenId, Some("openid")),
            "/api/auth/logout" => (Needs::Issuer, None),
            path if path == "/api/account" || path.starts_with("/api/account/") => {
                (Needs::Account, Some("account"))
            }
            path => panic!("{} {path} takes a bearer token: say in the table what it needs", self.method),
        };
        assert_eq!(self.scopes.first().map(String::as_str), scope, "{} {}", self.method, self.path);
        needs
    }

    pub async fn call(&self, app: &TestApp, token: &Token) -> Answer {
        let mut request = match &self.body {
            Some(body) => json_request(&self.path, body),
            None => Request::builder().uri(self.path.parse().unwrap()).finish(),
        };
        if self.path == "/api/auth/logout" {
            request = json_request(&self.path, &json!({ "client_id": token.client_id }));
        }
        request.set_method(self.method.clone());
        request.headers_mut().insert("authorization", format!("Bearer {}", token.text).parse().unwrap());
        app.send(request).await
    }
}

/// The status of a refusal because of the token; 200 for whatever else happened.
pub fn judged(answer: &Answer) -> u16 {
    let refusals = [
        "invalid_token",
        "insufficient_scope",
        "not_first_party",
        "unauthenticated",
        "insufficient_user_authentication",
    ];
    let of_token = refusals.iter().any(|kind| answer.body.contains(kind));
    if of_token { answer.status.as_u16() } else { 200 }
}
