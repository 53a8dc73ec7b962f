//! Defines the view of a signing key that the `keys` commands print. Never contains the private key.

use postern_entities::signing_keys;
use postern_service::clock::Timestamp;
use serde::Serialize;

use super::{ready_at, retiring_lifetime, store::KeyState};
use crate::core::Core;

/// Times are RFC 3339 in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    pub kid: String,
    pub algorithm: String,
    /// See the state machine of the parent module.
    pub state: KeyState,
    /// When the key was created and published.
    #[serde(serialize_with = "as_rfc3339")]
    pub created_at: Timestamp,
    #[serde(serialize_with = "as_optional_rfc3339")]
    pub activated_at: Option<Timestamp>,
    #[serde(serialize_with = "as_optional_rfc3339")]
    pub retired_at: Option<Timestamp>,
    /// For a `next` key: when it may begin to sign. For a retiring key: when it is deleted.
    #[serde(serialize_with = "as_optional_rfc3339")]
    pub due_at: Option<Timestamp>,
}

/// The view of a row; none if this version does not know the row's state.
pub(super) fn info(core: &Core, row: &signing_keys::Model) -> Option<KeyInfo> {
    let state = KeyState::from_name(&row.state)?;
    let retired_at = row.retired_at;
    Some(KeyInfo {
        kid: row.kid.clone(),
        algorithm: row.algorithm.clone(),
        state,
        created_at: row.created_at,
        activated_at: row.activated_at,
        retired_at,
        due_at: match state {
            KeyState::Next => Some(ready_at(core, row)),
            KeyState::Active => None,
            KeyState::Retiring => retired_at.map(|at| at + retiring_lifetime(&core.config)),
        },
    })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn as_rfc3339<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.rfc3339())
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference")]
fn as_optional_rfc3339<S: serde::Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}
