//! Defines [`Insertion`], the statement that inserts one row.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use sea_orm::{
    ActiveModelTrait, ActiveValue, DbBackend, EntityTrait, IdenStatic as _, Iterable as _, Statement,
    StatementBuilder, Value,
};

/// The statement that inserts one row, for use in a batch. Its SQL text is the same for every row of a table,
/// so the text is built once for each table and not for each row.
#[derive(Debug)]
pub struct Insertion {
    sql_texts: SqlTexts,
    values: Vec<Value>,
}

/// The SQL text of each database, which differ in the names of the parameters.
#[derive(Debug, Clone, Copy)]
struct SqlTexts {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Insertion {
    /// Inserts a row whose columns are all set. A column that is not set becomes NULL.
    pub fn from_active_model<Row: ActiveModelTrait>(mut row: Row) -> Self
    where
        Row::Entity: 'static,
    {
        let columns = <Row::Entity as EntityTrait>::Column::iter();
        let values = columns.map(|column| match row.take(column) {
            ActiveValue::Set(value) | ActiveValue::Unchanged(value) => value,
            ActiveValue::NotSet => Value::Bytes(None),
        });
        Self { values: values.collect(), sql_texts: sql_texts::<Row::Entity>() }
    }
}

impl StatementBuilder for Insertion {
    fn build(&self, backend: &DbBackend) -> Statement {
        let text = match backend {
            DbBackend::Postgres => self.sql_texts.postgres,
            _ => self.sql_texts.sqlite,
        };
        Statement::from_sql_and_values(*backend, text, self.values.iter().cloned())
    }
}

fn sql_texts<E: EntityTrait + 'static>() -> SqlTexts {
    static CACHE: LazyLock<RwLock<HashMap<TypeId, SqlTexts>>> = LazyLock::new(RwLock::default);
    let known = CACHE.read().unwrap_or_else(PoisonError::into_inner).get(&TypeId::of::<E>()).copied();
    known.unwrap_or_else(|| {
        let texts = build_sql_texts::<E>();
        CACHE.write().unwrap_or_else(PoisonError::into_inner).insert(TypeId::of::<E>(), texts);
        texts
    })
}

fn build_sql_texts<E: EntityTrait>() -> SqlTexts {
    let columns: Vec<_> = E::Column::iter().map(|column| format!("\"{}\"", column.as_str())).collect();
    let head = format!("INSERT INTO \"{}\" ({})", E::default().as_str(), columns.join(", "));
    let numbered: Vec<_> = (1..=columns.len()).map(|number| format!("${number}")).collect();
    let unnumbered = vec!["?"; columns.len()];
    // Leaked on purpose: there is one text for each table.
    SqlTexts {
        sqlite: format!("{head} VALUES ({})", unnumbered.join(", ")).leak(),
        postgres: format!("{head} VALUES ({})", numbered.join(", ")).leak(),
    }
}
