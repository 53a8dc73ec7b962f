//! Defines [`Insertion`], the insertion of one row.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use sea_orm::{
    ActiveModelTrait, ActiveValue, DbBackend, EntityTrait, IdenStatic as _, Iterable as _, Statement,
    StatementBuilder, Value,
};

/// The insertion of one row, to go with other statements. Its text is the same for every row of a table, so it is
/// written once for each table, and not built with each row.
#[derive(Debug)]
pub struct Insertion {
    texts: Texts,
    values: Vec<Value>,
}

/// With the parameters as SQLite and as PostgreSQL name them.
#[derive(Debug, Clone, Copy)]
struct Texts {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Insertion {
    /// Of a row whose columns are all set; one that is not becomes NULL.
    pub fn of<Row: ActiveModelTrait>(mut row: Row) -> Self
    where
        Row::Entity: 'static,
    {
        let columns = <Row::Entity as EntityTrait>::Column::iter();
        let values = columns.map(|column| match row.take(column) {
            ActiveValue::Set(value) | ActiveValue::Unchanged(value) => value,
            ActiveValue::NotSet => Value::Bytes(None),
        });
        Self { values: values.collect(), texts: texts::<Row::Entity>() }
    }
}

impl StatementBuilder for Insertion {
    fn build(&self, backend: &DbBackend) -> Statement {
        let text = match backend {
            DbBackend::Postgres => self.texts.postgres,
            _ => self.texts.sqlite,
        };
        Statement::from_sql_and_values(*backend, text, self.values.iter().cloned())
    }
}

fn texts<E: EntityTrait + 'static>() -> Texts {
    static WRITTEN: LazyLock<RwLock<HashMap<TypeId, Texts>>> = LazyLock::new(RwLock::default);
    let known = WRITTEN.read().unwrap_or_else(PoisonError::into_inner).get(&TypeId::of::<E>()).copied();
    known.unwrap_or_else(|| {
        let texts = write::<E>();
        WRITTEN.write().unwrap_or_else(PoisonError::into_inner).insert(TypeId::of::<E>(), texts);
        texts
    })
}

fn write<E: EntityTrait>() -> Texts {
    let columns: Vec<_> = E::Column::iter().map(|column| format!("\"{}\"", column.as_str())).collect();
    let head = format!("INSERT INTO \"{}\" ({})", E::default().as_str(), columns.join(", "));
    let numbered: Vec<_> = (1..=columns.len()).map(|number| format!("${number}")).collect();
    let unnumbered = vec!["?"; columns.len()];
    // Kept for ever: there are as many as tables.
    Texts {
        sqlite: format!("{head} VALUES ({})", unnumbered.join(", ")).leak(),
        postgres: format!("{head} VALUES ({})", numbered.join(", ")).leak(),
    }
}
