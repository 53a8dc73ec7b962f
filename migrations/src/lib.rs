//! Defines the schema of both services as ordered steps, one migrator each.
//!
//! A step never changes once it was released and never imports the entities: it is frozen, the
//! tables go on. Hashes are binary keys, times are microseconds since the epoch, so both sort and
//! compare alike on SQLite and PostgreSQL. Both services may share one database: each migrator
//! keeps its own table of applied steps.

pub mod identity;
mod table;
pub mod tasks;
