//! Answers what is issued for which grant type, and whether what was issued is still good.
//!
//! One file a grant type; they share [`issue`](issue::issue), which signs, and [`scope`], which says for what. The
//! write of a grant type comes first and commits; what is signed goes out after it.
//!
//! ```text
//!   authorization_code ─┐
//!   refresh_token ──────┼──► scope ──► issue ──► keys
//!   client_credentials ─┘
//!   access_token, introspection, revocation, id_token: what becomes of tokens afterwards
//! ```

pub mod access_token;
pub mod api_session;
pub mod authorization_code;
pub mod client_credentials;
mod error;
mod handle;
pub mod id_token;
pub mod introspection;
pub mod issue;
pub mod keys;
pub mod refresh_token;
pub mod revocation;
pub mod scope;
pub mod userinfo;

pub use self::{
    error::TokenError,
    issue::{Issue, IssueError, TokenResponse, issue},
    scope::{Resolved, Scope, ScopeError, SignInScope, TokenTarget, Wanted, narrow, resolve},
};
