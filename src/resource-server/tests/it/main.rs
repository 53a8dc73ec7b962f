//! Tests the tasks service through its HTTP interface; one file for each surface.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod browser;
mod commands;
mod document;
mod lists;
mod outage;
mod page;
mod provider;
mod refusals;
mod support;
mod tasks_api;
