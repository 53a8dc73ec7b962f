//! Defines [`columns_as`]: the columns of a table in a hand-written `SELECT` over several tables.

use sea_orm::{EntityTrait, IdenStatic as _, Iterable as _};

/// Every column of the table that the statement calls `alias`, as `alias.column AS alias_column`. A row of the
/// statement is read by `Model::from_query_result` with the prefix `alias_`.
pub fn columns_as<E: EntityTrait>(alias: &str) -> String {
    let columns = E::Column::iter().map(|column| {
        let column = column.as_str().to_owned();
        format!("{alias}.{column} AS {alias}_{column}")
    });
    columns.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_named_with_its_alias() {
        assert_eq!(
            columns_as::<crate::scopes::Entity>("s"),
            "s.name AS s_name, s.resource AS s_resource, s.description AS s_description, s.texts AS s_texts"
        );
    }
}
