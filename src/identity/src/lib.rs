//! Postern, the OpenID Connect provider: the map of its modules, from the top down.
//!
//! A module uses only modules of the rows below its own, so no circle of imports can arise. `tests/it/architecture.rs`
//! holds this order.
//!
//! | module | answers |
//! |---|---|
//! | [`cli`] | which command runs, and how its result is printed |
//! | [`http`] | which path leads to which use case, and how the result looks on the wire |
//! | [`composition`] | how the app is built from the settings, and which kinds of job exist |
//! | [`administration`] | what an operator may change, and by which rules |
//! | [`accounts`] | how users get an account, change it and recover it |
//! | [`authorization`] | what a browser must do next on its way to a code |
//! | [`login`] | who the user is, and at which level |
//! | [`tokens`] | what each grant type issues, with which scope and audience |
//! | [`app`] | which registries the use cases read: clients, resources, keys, login methods, templates |
//! | [`sessions`] | who is signed in, in which browser or app |
//! | [`grants`] | what was granted to a client, and whether the grant is active |
//! | [`consents`], [`keys`], `links`, [`passwords`] | what a user allowed, which keys sign, which mailed links work, which passwords are acceptable |
//! | [`clients`], [`resources`], [`sealed_credentials`], [`users`] | which clients, APIs and users exist |
//! | [`mail`] | which mails are sent, and how many |
//! | [`audit`], [`jobs`], [`outbound`], [`pool`], [`rate_limit`], [`templates`] | what is recorded, done later, called, computed, limited and rendered |
//! | [`claims`] | which claims about users exist, where they come from, and who gets them |
//! | `explanation`, `field_rules`, [`messages`] | why a request was refused, what a field may hold, which words people read |
//! | [`core`], [`readable`] | what everything below the use cases runs on; how times and devices read |
//! | [`config`] | which settings exist |
//! | [`crypto`] | how secrets are sealed and hashed |
//! | [`acr`], [`colour`], [`pictures`], [`scope`] | value types: of the protocol, and of the brand |

pub mod accounts;
pub mod acr;
pub mod administration;
pub mod app;
pub mod audit;
pub mod authorization;
pub mod claims;
pub mod cli;
pub mod clients;
pub mod colour;
pub mod composition;
pub mod config;
pub mod consents;
pub mod core;
pub mod crypto;
mod explanation;
mod field_rules;
pub mod grants;
pub mod http;
pub mod jobs;
pub mod keys;
mod links;
pub mod login;
pub mod mail;
pub mod messages;
pub mod outbound;
pub mod passwords;
pub mod pictures;
pub mod pool;
pub mod rate_limit;
pub mod readable;
pub mod resources;
pub mod scope;
pub mod sealed_credentials;
pub mod sessions;
pub mod templates;
pub mod tokens;
pub mod users;

pub use app::App;
