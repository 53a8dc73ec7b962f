//! Postern, the OpenID Connect provider: the map of its modules.
//!
//! Calls go down this list, never up; `tests/it/architecture.rs` holds it to that.
//!
//! | module | answers |
//! |---|---|
//! | [`cli`] | which command was asked, and how its outcome reads |
//! | [`http`] | which path leads to which use case, and what the answer looks like on the wire |
//! | [`administration`] | what an operator may change, and by which rules |
//! | [`authorization`] | what a browser must do next on its way to a code |
//! | [`accounts`] | how people come by an account, and back into it |
//! | [`login`] | who is this, and how well was it proven |
//! | [`tokens`] | what is issued for which grant type, signed by which key |
//! | [`sessions`] | who is signed in where |
//! | [`grants`] | what was allowed, and does it still stand |
//! | [`clients`], [`users`], [`resources`], [`consents`] | who may ask, who may allow, for what |
//! | [`passwords`], [`sealed_credentials`] | whether a password is somebody's, and which ones may be; how such secrets are sealed |
//! | [`audit`], [`rate_limit`], [`mail`], [`jobs`], [`outbound`] | what happened, how often it may, what is sent later, whom we call |
//! | [`templates`], [`messages`], [`assets`], [`readable`] | what people read, and how it looks |
//! | [`app`], [`config`], [`crypto`], [`pool`] | what all of it runs on |

pub mod accounts;
pub mod administration;
pub mod app;
pub mod assets;
pub mod audit;
pub mod authorization;
pub mod cli;
pub mod clients;
pub mod config;
pub mod consents;
pub mod crypto;
pub mod grants;
pub mod http;
pub mod jobs;
pub mod login;
pub mod mail;
pub mod messages;
pub mod outbound;
pub mod passwords;
pub mod pool;
pub mod rate_limit;
pub mod readable;
pub mod resources;
pub mod sealed_credentials;
pub mod sessions;
pub mod templates;
pub mod tokens;
pub mod users;

pub use app::App;
