//! Defines [`Hash256`], a stored SHA-256.

use std::{array::TryFromSliceError, fmt, ops::Deref, sync::Arc};

use sea_orm::{
    ColIdx, DbErr, IntoActiveValue, QueryResult, TryFromU64, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};
use serde::{Deserialize, Serialize};

/// A SHA-256, stored as its 32 bytes. Bytes of another length are an error of the query.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash256([u8; 32]);

impl Deref for Hash256 {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Hash256 {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; 32]> for Hash256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Hash256 {
    type Error = TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, TryFromSliceError> {
        bytes.try_into().map(Self)
    }
}

/// The first bytes only: enough to tell rows apart.
impl fmt::Debug for Hash256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, ..] = self.0;
        write!(f, "Hash256({first:02x}{second:02x}..)")
    }
}

impl From<Hash256> for Value {
    fn from(hash: Hash256) -> Self {
        hash.0.to_vec().into()
    }
}

impl TryGetable for Hash256 {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let bytes = Vec::<u8>::try_get_by(row, index)?;
        bytes.as_slice().try_into().map_err(|cause: TryFromSliceError| {
            let (from, into) = ("Vec<u8>", "Hash256");
            TryGetError::DbErr(DbErr::TryIntoErr { from, into, source: Arc::new(cause) })
        })
    }
}

impl ValueType for Hash256 {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        let bytes = <Vec<u8> as ValueType>::try_from(value)?;
        bytes.as_slice().try_into().map_err(|_| ValueTypeErr)
    }

    fn type_name() -> String {
        "Hash256".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::Bytes
    }

    fn column_type() -> ColumnType {
        <Vec<u8> as ValueType>::column_type()
    }
}

impl Nullable for Hash256 {
    fn null() -> Value {
        Value::Bytes(None)
    }
}

impl IntoActiveValue<Self> for Hash256 {
    fn into_active_value(self) -> sea_orm::ActiveValue<Self> {
        sea_orm::ActiveValue::Set(self)
    }
}

/// A hash is no key that the database numbers.
impl TryFromU64 for Hash256 {
    fn try_from_u64(_: u64) -> Result<Self, DbErr> {
        Err(DbErr::ConvertFromU64("Hash256"))
    }
}
