//! Defines which pages of other origins may call `/api/auth` with cookies (CORS protocol of the Fetch
//! standard).
//!
//! The allowed origins are those of all first-party clients. A request from another origin is answered
//! without CORS headers, so that the page cannot read the response. Leaves to the handlers whether cookies
//! count: they check the origin against the calling client's own origins.

use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
            ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
        },
    },
};

use postern_service::problem::Problem;

use crate::App;

const PREFIX: &str = "/api/auth/";

/// Lets registered origins call `inner` below `/api/auth/`.
pub struct FirstPartyCors<E> {
    app: App,
    inner: E,
}

impl<E> FirstPartyCors<E> {
    pub fn new(app: &App, inner: E) -> Self {
        Self { app: app.clone(), inner }
    }

    fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        self.app.clients().has_first_party_origin(origin.to_str().ok()?).then(|| origin.clone())
    }
}

impl<E: Endpoint> Endpoint for FirstPartyCors<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if !request.uri().path().starts_with(PREFIX) {
            return Ok(self.inner.call(request).await?.into_response());
        }
        let allowed = self.allowed_origin(request.headers());
        let preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(ORIGIN)
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if preflight {
            let mut response = StatusCode::NO_CONTENT.into_response();
            if allowed.is_some() {
                add_preflight_headers(response.headers_mut());
            }
            return Ok(add_cors_headers(response, allowed));
        }
        match self.inner.call(request).await {
            Ok(response) => Ok(add_cors_headers(response.into_response(), allowed)),
            // The page must be able to read why it was refused.
            Err(error) if error.is_from_response() || error.is::<Problem>() => {
                Ok(add_cors_headers(error.into_response(), allowed))
            }
            Err(error) => Err(error),
        }
    }
}

fn add_preflight_headers(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}

/// Caches must keep the answers for different origins apart, so `Vary` is there in any case.
fn add_cors_headers(mut response: Response, origin: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(
                "RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id",
            ),
        );
    }
    response
}
