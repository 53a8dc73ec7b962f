//! The tasks API: a resource server that trusts the provider's access tokens and nothing else.
//!
//! | module | answers |
//! |---|---|
//! | [`cli`] | which command was asked |
//! | [`http`] | which path leads to which use case |
//! | [`tasks`] | what a person has to do |
//! | [`app`], [`config`] | what all of it runs on |

pub mod app;
pub mod cli;
pub mod config;
mod entity;
pub mod http;
pub mod tasks;

pub use app::App;
