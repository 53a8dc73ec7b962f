//! Names [`Scope`], a set of scope values (RFC 6749 section 3.3), a column type of `entities`. Leaves to
//! `tokens::scope` what a request may have.

pub use postern_entities::values::{OPENID, ParseScopeError, Scope, scope_character};
