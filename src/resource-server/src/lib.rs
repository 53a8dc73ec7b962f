//! Defines the tasks API: a resource server that trusts the provider's access tokens and nothing else.
//!
//! | module | answers |
//! |---|---|
//! | [`cli`] | which command to run |
//! | [`http`] | which path leads to which use case |
//! | [`tasks`] | which tasks a person has |
//! | [`app`], [`config`] | shared state and settings |

pub mod app;
pub mod cli;
pub mod config;
mod entity;
pub mod http;
pub mod tasks;

pub use app::App;
