//! Defines the endpoints of OAuth 2.0 and OpenID Connect. Each handler parses the request, calls one use case
//! and maps the outcome.

pub mod authorize;
pub mod browser_document;
mod cached_document;
pub mod client_authentication;
pub mod discovery;
pub mod end_session;
pub mod introspection;
pub mod jwks;
pub mod revocation;
pub mod token;
pub mod userinfo;
mod userinfo_response;

use super::request_context;
