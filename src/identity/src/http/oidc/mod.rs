//! The protocol's endpoints: parse, call one use case, map.

pub mod authorize;
pub mod browser_document;
pub mod client_authentication;
pub mod discovery;
pub mod end_session;
pub mod introspection;
pub mod jwks;
mod ready;
pub mod revocation;
pub mod token;
pub mod userinfo;

use super::request_context;
