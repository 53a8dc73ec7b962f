//! Tests `database` on SQLite, and on PostgreSQL when `POSTERN_TEST_POSTGRES` names a server.

mod batches;
mod cancellation;
mod changes;
mod groups;
mod migrations;
mod opening;
mod outage;
mod support;
mod writes;
