//! Defines what both services run on. A plain map of modules; each module's header says what it owns.

pub mod asset;
pub mod body;
pub mod clock;
pub mod database;
pub mod docs;
pub mod entrance;
pub mod health;
pub mod listener;
pub mod problem;
pub mod process;
pub mod random;
pub mod routing;
pub mod settings;
pub mod site;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
