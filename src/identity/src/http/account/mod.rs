//! The JSON API of one's own account. Bearer access tokens with the issuer as audience.

pub mod totp;
