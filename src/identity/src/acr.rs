//! Names [`Acr`], the levels of authentication, a column type of `entities`.
//! [`login::policy`](crate::login::policy) says what each level demands.

pub use postern_entities::values::{Acr, ParseAcrError};
