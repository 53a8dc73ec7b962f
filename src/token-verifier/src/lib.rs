#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! [`Verifier`] answers by a [`Policy`] with the keys of a [`KeySource`] and gives an [`AccessToken`] or a
//! [`Refusal`]. [`jws`] is the layer below, for other kinds of signed tokens.

#![warn(missing_docs)]

mod access_token;
mod cache;
mod claims;
pub mod jws;
mod key;
mod keys;
#[cfg(feature = "poem")]
pub mod poem;
mod policy;
mod presented;
mod refusal;
mod rsa;
pub mod strict_json;
#[cfg(feature = "testing")]
pub mod testing;
mod verifier;

pub use self::access_token::AccessToken;
pub use self::claims::{ClaimError, Claims};
pub use self::key::{Algorithm, Key, KeySet, KeySetError};
pub use self::keys::{KeySource, LocalKeys, RemoteKeys, RemoteKeysError, RemoteKeysSettings, Statistics};
pub use self::policy::{Audience, MAX_LEEWAY, Now, Policy, PolicyError};
pub use self::presented::{PresentedToken, TokenScheme};
pub use self::refusal::Refusal;
pub use self::verifier::Verifier;
