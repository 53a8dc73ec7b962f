//! Postern, the OpenID Connect provider: the map of its modules.
//!
//! Modules with the same number form a layer. A module may use its own layer and the layers below (higher
//! numbers), never those above. Every layer may use the foundation. `tests/it/architecture.rs` checks this
//! order.
//!
//! | layer | module | answers |
//! |---|---|---|
//! | 1 | [`cli`] | which command runs, and how its result is printed |
//! | 2 | [`http`] | which path leads to which use case, and how the result looks on the wire |
//! | 3 | [`authorization`] | what a browser must do next on its way to a code |
//! | 3 | [`login`] | who the user is, and at which acr |
//! | 3 | [`tokens`] | what each grant type issues, signed with which key |
//! | 3 | [`consents`] | which scopes a user allowed to a client |
//! | 3 | [`accounts`] | how users get an account, change it and recover it |
//! | 3 | [`administration`] | what an operator may change, and by which rules |
//! | 4 | [`sessions`] | who is signed in, in which browser or app |
//! | 5 | [`grants`] | what was granted to a client, and whether the grant is active |
//! | 6 | [`clients`], [`users`], [`resources`] | which clients, users and APIs exist |
//! | 6 | [`passwords`] | which passwords are acceptable, and whether one is correct |
//! | 6 | [`sealed_credentials`] | how login secrets are sealed in the database |
//! | 7 | [`audit`], [`rate_limit`] | what is recorded, and how often a use is permitted |
//! | 7 | [`mail`], [`jobs`] | which mails are sent, and which work runs later |
//! | 7 | [`outbound`], [`pool`] | which servers are called, and where slow work runs |
//! | 7 | [`templates`], [`messages`], [`assets`], [`readable`] | how pages and mails are rendered |
//! | foundation | [`app`], [`config`], [`crypto`] | shared state, settings, sealing and hashing |

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
