//! Tests which tokens are accepted; one file for each surface.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
#![expect(clippy::print_stdout, reason = "says which vectors ran")]
#![expect(clippy::unused_async, reason = "poem's handlers and operations are async")]

mod algorithms;
mod bearer;
mod cache;
mod claims;
mod client_tokens;
mod form;
mod policy;
mod remote_keys;
mod support;
mod vectors;
