//! Defines which pages of other origins may read the responses of the protocol endpoints (CORS protocol of
//! the Fetch standard).
//!
//! Metadata and keys are public, so every origin may read them. The endpoints for tokens, userinfo and
//! revocation are for the origins that public clients have registered. No endpoint here allows credentials of
//! the browser. The authorization endpoint must never be among the paths (RFC 9700 section 2.6). A request
//! from another origin is answered without CORS headers, so that the page cannot read the response.

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

use crate::{
    App,
    explanation::{Explanation, shell_word},
    field_rules::{self, AllowedSchemes},
};

/// The origins whose pages may read the responses at a path.
#[derive(Clone, Copy)]
enum AllowedOrigins {
    Any,
    PublicClients,
}

/// Where pages of other origins may call.
const CORS_PATHS: [(&str, AllowedOrigins); 6] = [
    ("/.well-known/openid-configuration", AllowedOrigins::Any),
    ("/.well-known/oauth-authorization-server", AllowedOrigins::Any),
    ("/.well-known/jwks.json", AllowedOrigins::Any),
    ("/oauth2/token", AllowedOrigins::PublicClients),
    ("/oauth2/userinfo", AllowedOrigins::PublicClients),
    ("/oauth2/revoke", AllowedOrigins::PublicClients),
];

const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");

/// How long a browser may cache the response to a preflight, in seconds.
const PREFLIGHT_MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Headers of answers that scripts may read, beside those that every script may.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "DPoP-Nonce, ETag, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id",
);

/// Lets pages of other origins read the answers of `inner` at these paths.
pub struct ProtocolCors<E> {
    app: App,
    inner: E,
}

impl<E> ProtocolCors<E> {
    pub fn new(app: &App, inner: E) -> Self {
        Self { app: app.clone(), inner }
    }

    /// The origin whose pages may read the answer, as the answer names it.
    fn allowed_origin(&self, readers: AllowedOrigins, headers: &HeaderMap) -> Option<HeaderValue> {
        match readers {
            AllowedOrigins::Any => Some(ANY_ORIGIN),
            AllowedOrigins::PublicClients => {
                let origin = headers.get(ORIGIN)?;
                let origin_text = origin.to_str().ok()?;
                self.app.clients().has_public_origin(origin_text).then(|| origin.clone())
            }
        }
    }

    /// The browser sends nothing after a preflight like this one. A request without preflight gets its answer, and
    /// programs that are no browsers send an origin too.
    fn explain_refusal(&self, headers: &HeaderMap) {
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        // The issuer's own pages need no header.
        if let Some(origin) = origin.filter(|origin| *origin != self.app.config.issuer) {
            self.app.explain("", explanation(origin));
        }
    }
}

impl<E: Endpoint> Endpoint for ProtocolCors<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let path = request.uri().path();
        let Some((_, readers)) = CORS_PATHS.iter().find(|(own, _)| *own == path) else {
            return Ok(self.inner.call(request).await?.into_response());
        };
        let allowed = self.allowed_origin(*readers, request.headers());
        let response = if preflight(&request) {
            if allowed.is_none() {
                self.explain_refusal(request.headers());
            }
            preflight_response(*readers, allowed.is_some())
        } else {
            match self.inner.call(request).await {
                Ok(response) => response.into_response(),
                // An `OAuthError` is a finished response. Outer middlewares format the other errors.
                Err(error) if error.is_from_response() => error.into_response(),
                Err(error) => return Err(error),
            }
        };
        Ok(add_cors_headers(response, *readers, allowed))
    }
}

/// The browser hides the answer from the page, so only the log and the page about the reference say why.
fn explanation(origin: &str) -> Explanation {
    let expected = "an origin of a public client: a registered one, or that of a redirect URI";
    let remedy = field_rules::origin(origin, AllowedSchemes::Web).ok().and_then(|()| shell_word(origin));
    let remedy = remedy.map(|origin| format!("postern client update CLIENT_ID --add-origin {origin}"));
    Explanation::new("cors_origin", origin, expected).with_remedy(remedy)
}

fn preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight_response(readers: AllowedOrigins, allowed: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if allowed {
        let (methods, request_headers) = match readers {
            AllowedOrigins::Any => ("GET", "*"),
            AllowedOrigins::PublicClients => ("GET, POST", "authorization, content-type, dpop"),
        };
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(request_headers));
        headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE);
    }
    response
}

fn add_cors_headers(
    mut response: Response,
    readers: AllowedOrigins,
    origin: Option<HeaderValue>,
) -> Response {
    let headers = response.headers_mut();
    // Caches must keep answers apart that name an origin, also those that do not because it is a stranger's.
    if matches!(readers, AllowedOrigins::PublicClients) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
    response
}
