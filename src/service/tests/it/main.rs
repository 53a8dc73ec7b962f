//! The only integration-test binary of the crate; one file for each module.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![expect(clippy::unused_async, reason = "poem-openapi wants every handler to be async")]

mod database;
mod docs;
mod health;
mod listener;
mod pipeline;
mod problem;
mod settings;
mod support;
mod telemetry;
mod tls;
mod version;
