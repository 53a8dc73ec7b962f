//! Defines [`JsonList`], a list in a JSON column.

use std::ops::Deref;

use sea_orm::{
    Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A list that is stored as a JSON array. An array that does not read, and a value that is no array, are an
/// error of the query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonList<T>(Vec<T>);

pub type StringList = JsonList<String>;

impl<T> JsonList<T> {
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T> Default for JsonList<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for JsonList<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> From<Vec<T>> for JsonList<T> {
    fn from(list: Vec<T>) -> Self {
        Self(list)
    }
}

impl<T: DeserializeOwned> sea_orm::TryGetableFromJson for JsonList<T> {}

impl<T: Into<serde_json::Value>> From<JsonList<T>> for Value {
    fn from(list: JsonList<T>) -> Self {
        Self::Json(Some(Box::new(list.0.into())))
    }
}

impl<T: DeserializeOwned> ValueType for JsonList<T> {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        match value {
            Value::Json(Some(json)) => serde_json::from_value(*json).map_err(|_| ValueTypeErr),
            _ => Err(ValueTypeErr),
        }
    }

    fn type_name() -> String {
        "JsonList".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::Json
    }

    fn column_type() -> ColumnType {
        ColumnType::JsonBinary
    }
}

impl<T> Nullable for JsonList<T> {
    fn null() -> Value {
        Value::Json(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_stored_as_an_array_and_read_back() {
        let list = StringList::from(vec!["pwd".to_owned(), "otp".to_owned()]);
        let stored = Value::from(list.clone());
        assert_eq!(stored, Value::Json(Some(Box::new(serde_json::json!(["pwd", "otp"])))));
        assert_eq!(<StringList as ValueType>::try_from(stored).unwrap(), list);
        for unreadable in [serde_json::json!("pwd"), serde_json::json!([1]), serde_json::json!({})] {
            assert!(<StringList as ValueType>::try_from(Value::Json(Some(Box::new(unreadable)))).is_err());
        }
    }
}
