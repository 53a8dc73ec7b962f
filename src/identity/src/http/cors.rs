//! Defines which pages of other origins may read the protocol's answers (the Fetch standard's CORS protocol).
//!
//! The origins registered by public clients, at the paths listed here, without credentials. The authorization endpoint is
//! never among them (RFC 9700 section 2.6). A stranger's request is answered as any other, without the headers that would
//! let a page read it.

use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
            VARY,
        },
    },
};

use crate::App;

/// Where pages of public clients may call.
const PATHS: [&str; 6] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/oauth2/token",
    "/oauth2/userinfo",
    "/oauth2/revoke",
];

/// Lets registered origins read the answers of `inner` at these paths.
pub struct PublicClients<E> {
    app: App,
    inner: E,
}

impl<E> PublicClients<E> {
    /// Around `inner`.
    pub fn new(app: &App, inner: E) -> Self {
        Self { app: app.clone(), inner }
    }
}

impl<E: Endpoint> Endpoint for PublicClients<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if !PATHS.contains(&request.uri().path()) {
            return Ok(self.inner.call(request).await?.into_response());
        }
        let allowed = self.allowed_origin(request.headers());
        if preflight(&request) {
            return Ok(permit(preflight_answer(), allowed));
        }
        let response = match self.inner.call(request).await {
            Ok(response) => response.into_response(),
            // An error of the protocol is an answer; the others get their form further out.
            Err(error) if error.is_from_response() => error.into_response(),
            Err(error) => return Err(error),
        };
        Ok(permit(response, allowed))
    }
}

impl<E> PublicClients<E> {
    fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        self.app.clients().public_origin(origin.to_str().ok()?).then(|| origin.clone())
    }
}

fn preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight_answer() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Caches must keep the answers for different origins apart, so `Vary` is there in any case.
fn permit(mut response: Response, origin: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(
                "ETag, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id",
            ),
        );
    } else {
        headers.remove(ACCESS_CONTROL_ALLOW_METHODS);
        headers.remove(ACCESS_CONTROL_ALLOW_HEADERS);
        headers.remove(ACCESS_CONTROL_MAX_AGE);
    }
    response
}
