//! Defines the values of columns whose type in the database is wider: words, lists in JSON, sets of scope
//! values, hashes. A stored value that does not read is an error of the query, never a default.

mod acr;
mod grant_type;
mod hash;
mod json_list;
mod scope;
mod session_kind;

pub use acr::{Acr, ParseAcrError};
pub use grant_type::GrantType;
pub use hash::Hash256;
pub use json_list::{JsonList, StringList};
pub use scope::{OPENID, ParseScopeError, Scope, scope_character};
pub use session_kind::{ParseSessionKindError, SessionKind};
