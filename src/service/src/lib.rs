//! Defines what both services run on.
//!
//! | module | owns |
//! |---|---|
//! | [`settings`] | the layers of settings, and the values they are written in |
//! | [`telemetry`], [`process`] | log lines, metrics, the limits of the process |
//! | [`clock`], [`random`] | time and randomness, which a test replaces |
//! | [`database`] | SQLite and PostgreSQL behind one interface |
//! | [`server`] | a whole service: its routes, health, metrics and documents, and its shutdown |
//! | [`pipeline`] | what happens to every request before and after its endpoint |
//! | [`listener`] | connections |
//! | [`body`], [`form`] | request bodies and forms |
//! | [`problem`], [`routing`] | error responses, methods of a path |
//! | [`conditional`], [`paging`] | entity tags, pages of a list |
//! | [`health`], [`docs`], [`asset`] | health checks, the documentation page, static files |

pub mod asset;
pub mod body;
pub mod clock;
pub mod conditional;
pub mod database;
pub mod docs;
pub mod form;
pub mod health;
pub mod listener;
pub mod paging;
pub mod pipeline;
pub mod problem;
pub mod process;
pub mod random;
pub mod routing;
pub mod server;
pub mod settings;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
