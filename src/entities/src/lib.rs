//! Defines the provider's tables as sea-orm types, and the types of their columns.
//!
//! Times are a [`Timestamp`](postern_service::clock::Timestamp). Columns that end in
//! `_hash` are SHA-256, in `_mac` HMAC-SHA-256 under a server key, in `_sealed` AES-256-GCM bound to the row.
//!
//! No relation is declared: the query that reads several tables names its joins itself.

pub mod attempts;
pub mod audit_events;
pub mod authorization_codes;
pub mod authorization_requests;
pub mod change_versions;
pub mod client_assertions;
pub mod client_logos;
pub mod client_secrets;
pub mod clients;
mod columns;
pub mod consents;
pub mod credentials;
pub mod devices;
pub mod former_emails;
pub mod grants;
pub mod guesses;
pub mod jobs;
pub mod links;
pub mod operator_codes;
pub mod passkeys;
pub mod rate_limits;
pub mod recovery_codes;
pub mod refresh_tokens;
pub mod resources;
pub mod scopes;
pub mod sessions;
pub mod signing_keys;
pub mod users;
pub mod values;

pub use columns::columns_as;
