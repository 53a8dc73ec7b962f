//! Owns the SQL of `signing_keys`. Leaves the meaning of the states to the parent module.

use crate::core::Write;
use postern_entities::signing_keys;
use postern_service::database::{DatabaseError, changes};
use postern_token_verifier::Algorithm;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, OnConflict},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{TOPIC, pair::KeyPair};

/// The state of a signing key. The names are stored in `signing_keys.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published; does not sign yet.
    Next,
    Active,
    /// Published until its last token has expired; signs no more.
    Retiring,
}

impl KeyState {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retiring].into_iter().find(|state| state.name() == name)
    }
}

/// The associated data under which a private key is sealed: its table and row.
pub(super) fn associated_data(kid: &str) -> [&str; 2] {
    ["signing_keys", kid]
}

/// Inserts a key unless another one has the same algorithm and state, and announces the change to other
/// nodes.
pub(super) async fn insert(
    write: &Write<'_>,
    pair: &KeyPair,
    sealed: Vec<u8>,
    state: KeyState,
) -> Result<(), DatabaseError> {
    let row = signing_keys::Model {
        kid: pair.kid.clone(),
        algorithm: pair.algorithm.name().to_owned(),
        state: state.name().to_owned(),
        public_jwk: Value::Object(pair.public_jwk.clone()),
        private_sealed: sealed,
        created_at: write.now(),
        activated_at: (state == KeyState::Active).then_some(write.now()),
        retired_at: None,
    };
    signing_keys::Entity::insert(signing_keys::ActiveModel::from(row).reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(write)
        .await?;
    changes::announce(write, TOPIC).await?;
    Ok(())
}

/// Moves a key to its next state. False if the key was not in the preceding state.
pub(super) async fn transition(write: &Write<'_>, kid: &str, to: KeyState) -> Result<bool, DatabaseError> {
    let (from, stamp) = match to {
        KeyState::Active => (KeyState::Next, signing_keys::Column::ActivatedAt),
        KeyState::Retiring | KeyState::Next => (KeyState::Active, signing_keys::Column::RetiredAt),
    };
    let moved = signing_keys::Entity::update_many()
        .col_expr(signing_keys::Column::State, Expr::value(to.name()))
        .col_expr(stamp, Expr::value(write.now()))
        .filter(signing_keys::Column::Kid.eq(kid))
        .filter(signing_keys::Column::State.eq(from.name()))
        .exec(write)
        .await?;
    Ok(moved.rows_affected == 1)
}

/// Deletes a key that has signed nothing yet.
pub(super) async fn delete_next(write: &Write<'_>, kid: &str) -> Result<(), DatabaseError> {
    signing_keys::Entity::delete_many()
        .filter(signing_keys::Column::Kid.eq(kid))
        .filter(signing_keys::Column::State.eq(KeyState::Next.name()))
        .exec(write)
        .await?;
    Ok(())
}

/// All keys, the oldest first.
pub(super) async fn load(db: &impl ConnectionTrait) -> Result<Vec<signing_keys::Model>, DatabaseError> {
    let oldest_first = signing_keys::Entity::find().order_by_asc(signing_keys::Column::CreatedAt);
    Ok(oldest_first.order_by_asc(signing_keys::Column::Kid).all(db).await?)
}

/// The key of an algorithm in `Next` or `Active`, of which there is at most one.
pub(super) fn find(
    rows: &[signing_keys::Model],
    algorithm: Algorithm,
    state: KeyState,
) -> Option<&signing_keys::Model> {
    rows.iter().find(|row| row.algorithm == algorithm.name() && row.state == state.name())
}

/// The algorithm of a key; none for a name that this version does not know.
pub(super) fn algorithm_of(row: &signing_keys::Model) -> Option<Algorithm> {
    serde_json::from_value(json!(row.algorithm)).ok()
}
