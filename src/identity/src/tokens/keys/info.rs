//! Defines what operators see of a key.

use postern_entities::signing_keys;
use postern_service::clock::Timestamp;
use serde::Serialize;

use super::{ready_at, retiring_for, store::State};
use crate::App;

/// A key as operators see it. Times are RFC 3339 in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// RFC 7518 name.
    pub algorithm: String,
    /// Where it is in its life.
    pub state: State,
    /// When it was made, and published.
    #[serde(serialize_with = "as_rfc3339")]
    pub created_at: Timestamp,
    /// When it began to sign.
    #[serde(serialize_with = "as_optional_rfc3339")]
    pub activated_at: Option<Timestamp>,
    /// When it stopped.
    #[serde(serialize_with = "as_optional_rfc3339")]
    pub retired_at: Option<Timestamp>,
    /// A next key: when it may begin to sign. A retiring one: when it goes.
    #[serde(serialize_with = "as_optional_rfc3339")]
    pub due_at: Option<Timestamp>,
}

/// What there is to see of a row; nothing of one in a state that this program does not know.
pub(super) fn info(app: &App, row: &signing_keys::Model) -> Option<KeyInfo> {
    let state = State::from_name(&row.state)?;
    let retired_at = row.retired_at.map(Timestamp::from_micros);
    Some(KeyInfo {
        kid: row.kid.clone(),
        algorithm: row.algorithm.clone(),
        state,
        created_at: Timestamp::from_micros(row.created_at),
        activated_at: row.activated_at.map(Timestamp::from_micros),
        retired_at,
        due_at: match state {
            State::Next => Some(ready_at(app, row)),
            State::Active => None,
            State::Retiring => retired_at.map(|at| at + retiring_for(&app.config)),
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
