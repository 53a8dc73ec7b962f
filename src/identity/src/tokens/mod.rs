//! Answers what each grant type issues, and whether an issued token is still valid.
//!
//! There is one file for each grant type. They share [`scope`], which decides scope and audience, and
//! [`issue`](issue::issue), which signs. A grant type first commits its write; the tokens are handed out
//! afterwards.
//!
//! ```text
//!   authorization_code ─┐
//!   refresh_token ──────┼──► scope ──► issue ──► keys
//!   client_credentials ─┘
//!   userinfo ───────────────────────► keys
//!   access_token, introspection, revocation, id_token: verification and revocation afterwards
//! ```

pub mod access_token;
pub mod api_session;
pub mod authorization_code;
pub mod client_credentials;
mod error;
mod explanations;
pub mod id_token;
mod id_token_size;
pub mod introspection;
pub mod issue;
pub mod logout_token;
pub mod refresh_token;
pub mod revocation;
pub mod scope;
mod signing;
mod token_value;
mod userinfo;

pub use self::{
    error::TokenError,
    issue::{ID_TOKEN_CLAIMS, IssueError, IssueRequest, TokenResponse, issue},
    scope::{
        GrantTarget, RequestedTarget, ScopeError, SignInTargets, TokenTarget, narrow, resolve_grant_target,
    },
    userinfo::{Userinfo, userinfo},
};
