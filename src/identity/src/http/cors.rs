//! Defines which pages of other origins may read the protocol's answers (the Fetch standard's CORS protocol).
//!
//! Metadata and keys are public: every page may read them. Tokens, userinfo and revocation are for the origins of public
//! clients. Nowhere do credentials of the browser count, and the authorization endpoint is never among the paths (RFC 9700
//! section 2.6). A stranger's request is answered as any other, without the headers that would let a page read it.

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

/// Whose pages may read the answers at a path.
#[derive(Clone, Copy)]
enum Readers {
    Everybody,
    PublicClients,
}

/// Where pages of other origins may call.
const PATHS: [(&str, Readers); 6] = [
    ("/.well-known/openid-configuration", Readers::Everybody),
    ("/.well-known/oauth-authorization-server", Readers::Everybody),
    ("/.well-known/jwks.json", Readers::Everybody),
    ("/oauth2/token", Readers::PublicClients),
    ("/oauth2/userinfo", Readers::PublicClients),
    ("/oauth2/revoke", Readers::PublicClients),
];

const ANY: HeaderValue = HeaderValue::from_static("*");

/// How long a browser may keep the answer to a preflight, in seconds.
const PREFLIGHT_MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Headers of answers that scripts may read, beside those that every script may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "DPoP-Nonce, ETag, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id",
);

/// Lets pages of other origins read the answers of `inner` at these paths.
pub struct CrossOrigin<E> {
    app: App,
    inner: E,
}

impl<E> CrossOrigin<E> {
    pub fn new(app: &App, inner: E) -> Self {
        Self { app: app.clone(), inner }
    }

    /// The origin whose pages may read the answer, as the answer names it.
    fn allowed_origin(&self, readers: Readers, headers: &HeaderMap) -> Option<HeaderValue> {
        match readers {
            Readers::Everybody => Some(ANY),
            Readers::PublicClients => {
                let origin = headers.get(ORIGIN)?;
                self.app.clients().has_public_origin(origin.to_str().ok()?).then(|| origin.clone())
            }
        }
    }
}

impl<E: Endpoint> Endpoint for CrossOrigin<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let path = request.uri().path();
        let Some((_, readers)) = PATHS.iter().find(|(own, _)| *own == path) else {
            return Ok(self.inner.call(request).await?.into_response());
        };
        let allowed = self.allowed_origin(*readers, request.headers());
        let response = if preflight(&request) {
            preflight_answer(*readers, allowed.is_some())
        } else {
            match self.inner.call(request).await {
                Ok(response) => response.into_response(),
                // An error of the protocol is an answer; the others get their form further out.
                Err(error) if error.is_from_response() => error.into_response(),
                Err(error) => return Err(error),
            }
        };
        Ok(permit(response, *readers, allowed))
    }
}

fn preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight_answer(readers: Readers, allowed: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if allowed {
        let (methods, request_headers) = match readers {
            Readers::Everybody => ("GET", "*"),
            Readers::PublicClients => ("GET, POST", "authorization, content-type, dpop"),
        };
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(request_headers));
        headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE);
    }
    response
}

fn permit(mut response: Response, readers: Readers, origin: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    // Caches must keep answers apart that name an origin, also those that do not because it is a stranger's.
    if matches!(readers, Readers::PublicClients) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}
