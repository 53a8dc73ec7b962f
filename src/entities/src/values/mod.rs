//! Defines the values of columns whose type in the database is wider: a text that is one of a few words. A
//! stored value that does not read is an error of the query, never a default.

mod acr;
mod session_kind;

pub use acr::{Acr, ParseAcrError};
pub use session_kind::{ParseSessionKindError, SessionKind};
