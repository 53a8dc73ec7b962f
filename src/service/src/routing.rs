//! Defines routes that know their methods, and the routes of an OpenAPI document.
//!
//! poem answers 405 without `Allow` (RFC 9110 section 15.5.6). Use [`get`] and [`post`] of this module
//! instead of poem's. Routes of an OpenAPI document do not need them: [`DocumentedRoutes`] reads methods and
//! parameter names from the document, because poem-openapi replaces the names.

use std::collections::HashMap;

use poem::{
    Endpoint, EndpointExt, IntoEndpoint, Request, Response, Result, RouteMethod,
    endpoint::BoxEndpoint,
    error::MethodNotAllowedError,
    http::{HeaderValue, Method, header::ALLOW},
};
use serde_json::Value;

use crate::problem::{METHOD_NOT_ALLOWED, Problem};

/// The methods of one path: `get(show).post(submit)`.
#[derive(Default)]
pub struct Methods(Vec<(Method, BoxEndpoint<'static>)>);

/// Answers GET and HEAD.
pub fn get<E: IntoEndpoint<Endpoint: 'static>>(endpoint: E) -> Methods {
    Methods::default().method(Method::GET, endpoint)
}

pub fn post<E: IntoEndpoint<Endpoint: 'static>>(endpoint: E) -> Methods {
    Methods::default().method(Method::POST, endpoint)
}

impl Methods {
    /// Adds GET and HEAD.
    #[must_use]
    pub fn get<E: IntoEndpoint<Endpoint: 'static>>(self, endpoint: E) -> Self {
        self.method(Method::GET, endpoint)
    }

    #[must_use]
    pub fn post<E: IntoEndpoint<Endpoint: 'static>>(self, endpoint: E) -> Self {
        self.method(Method::POST, endpoint)
    }

    #[must_use]
    pub fn method<E: IntoEndpoint<Endpoint: 'static>>(mut self, method: Method, endpoint: E) -> Self {
        self.0.push((method, endpoint.into_endpoint().map_to_response().boxed()));
        self
    }
}

impl IntoEndpoint for Methods {
    type Endpoint = PathRoute;

    fn into_endpoint(self) -> PathRoute {
        let allow = allow(self.0.iter().map(|(method, _)| method.to_string()));
        let inner = self
            .0
            .into_iter()
            .fold(RouteMethod::new(), |route, (method, endpoint)| route.method(method, endpoint));
        PathRoute { inner, allow }
    }
}

/// Marks a request that came as HEAD: poem hands it to the endpoint of GET, with that method.
#[derive(Clone, Copy)]
struct HeadRequest;

/// Whether the request came as HEAD, which only a program sends.
pub fn is_head(request: &Request) -> bool {
    request.data::<HeadRequest>().is_some()
}

/// The endpoint of one path. Answers a wrong method with 405 and `Allow`.
pub struct PathRoute {
    inner: RouteMethod,
    allow: Option<HeaderValue>,
}

impl Endpoint for PathRoute {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        if request.method() == Method::HEAD {
            request.set_data(HeadRequest);
        }
        self.inner.call(request).await.map_err(|error| match &self.allow {
            Some(allow) if error.is::<MethodNotAllowedError>() => {
                Problem::new(METHOD_NOT_ALLOWED).header(ALLOW, allow.clone()).into()
            }
            _ => error,
        })
    }
}

/// The routes of an OpenAPI document, by the pattern that poem-openapi derives: `/api/tasks/{id}` becomes
/// `/api/tasks/:param0`.
#[derive(Debug, Default, Clone)]
pub struct DocumentedRoutes(HashMap<String, DocumentedRoute>);

#[derive(Debug, Clone)]
struct DocumentedRoute {
    path: String,
    allow: HeaderValue,
}

impl DocumentedRoutes {
    pub fn from_document(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        let entries = paths.filter_map(|(path, operations)| {
            let methods = operations.as_object()?.keys().map(|method| method.to_uppercase());
            Some((route_pattern(path), DocumentedRoute { path: path.clone(), allow: allow(methods)? }))
        });
        Self(entries.collect())
    }

    pub fn allow(&self, pattern: &str) -> Option<&HeaderValue> {
        self.0.get(pattern).map(|documented| &documented.allow)
    }

    /// The path as the document writes it, for problems and metrics.
    pub fn path(&self, pattern: &str) -> Option<&str> {
        self.0.get(pattern).map(|documented| documented.path.as_str())
    }

    /// The name of a path parameter that poem-openapi calls `param0`.
    pub fn parameter(&self, pattern: &str, name: &str) -> Option<&str> {
        let index = name.strip_prefix("param")?.parse().ok()?;
        parameters(&self.0.get(pattern)?.path).nth(index)
    }
}

fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn route_pattern(path: &str) -> String {
    parameters(path).enumerate().fold(path.to_owned(), |pattern, (index, name)| {
        pattern.replacen(&format!("{{{name}}}"), &format!(":param{index}"), 1)
    })
}

/// The value of `Allow`. A path with GET has HEAD too.
fn allow(methods: impl Iterator<Item = String>) -> Option<HeaderValue> {
    let mut methods: Vec<_> = methods.collect();
    if methods.iter().any(|method| method == "GET") && !methods.iter().any(|method| method == "HEAD") {
        methods.push("HEAD".to_owned());
    }
    methods.sort();
    HeaderValue::try_from(methods.join(", ")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_found_by_the_pattern_that_poem_openapi_makes() {
        let document = serde_json::json!({"paths": {"/users/{user}/tasks/{id}": {"get": {}, "delete": {}}}});
        let paths = DocumentedRoutes::from_document(&document);
        let pattern = "/users/:param0/tasks/:param1";
        assert_eq!(paths.path(pattern), Some("/users/{user}/tasks/{id}"));
        assert_eq!(paths.allow(pattern).unwrap(), "DELETE, GET, HEAD");
        assert_eq!(paths.parameter(pattern, "param1"), Some("id"));
        assert_eq!(paths.parameter(pattern, "param2"), None);
        assert_eq!(paths.path("/users"), None);
    }
}
