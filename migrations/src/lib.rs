//! Defines the schema of both services as ordered steps, one migrator for each service.
//!
//! A step never changes once it was released, and never imports the entities: the step describes the tables
//! of its time, while the entities describe the current ones. Hashes are binary keys and times are
//! microseconds since the epoch, so both sort and compare alike on SQLite and PostgreSQL. Both services may
//! share one database: each migrator keeps its own table of applied steps.

pub mod identity;
mod table;
pub mod tasks;
