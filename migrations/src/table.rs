//! Defines the functions and constants that build the tables of the steps.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// A table that is mostly read by its primary key. On SQLite it is `WITHOUT ROWID`: the rows are stored in
/// the tree of the primary key, which saves a second tree.
pub(crate) fn keyed(manager: &SchemaManager<'_>, name: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    if manager.get_database_backend() == DbBackend::Sqlite {
        table.extra("WITHOUT ROWID");
    }
    table
}

/// A table whose rows SQLite stores in order of insertion.
pub(crate) fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).to_owned()
}

/// A column that is `NOT NULL`.
pub(crate) fn column(name: &'static str, kind: ColumnType) -> ColumnDef {
    ColumnDef::new_with_type(name, kind).not_null().to_owned()
}

/// A column that may be null.
pub(crate) fn optional(name: &'static str, kind: ColumnType) -> ColumnDef {
    ColumnDef::new_with_type(name, kind).null().to_owned()
}

/// A text column that is ordered by code point, whatever the collation of the server is: so both databases
/// sort alike.
pub(crate) fn by_code_point(manager: &SchemaManager<'_>, mut column: ColumnDef) -> ColumnDef {
    if manager.get_database_backend() == DbBackend::Postgres {
        column.extra("COLLATE \"C\"");
    }
    column
}

/// The column that is the whole primary key.
pub(crate) fn key(name: &'static str, kind: ColumnType) -> ColumnDef {
    column(name, kind).primary_key().to_owned()
}

/// Microseconds since the epoch.
pub(crate) const TIME: ColumnType = ColumnType::BigInteger;

/// Bytes of a hash, an authentication code or a sealed secret.
pub(crate) const BYTES: ColumnType = ColumnType::Blob;

/// A list or a record that is read whole.
pub(crate) const JSON: ColumnType = ColumnType::JsonBinary;

/// A random or time-ordered identifier.
pub(crate) const UUID: ColumnType = ColumnType::Uuid;

pub(crate) const TEXT: ColumnType = ColumnType::Text;

pub(crate) const FLAG: ColumnType = ColumnType::Boolean;

pub(crate) const COUNT: ColumnType = ColumnType::Integer;

/// An index named after its table and columns.
pub(crate) fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(format!("{table}_{}_index", columns.join("_"))).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

/// A unique index, whose name an error about a duplicate carries.
pub(crate) fn unique(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(table, columns).name(format!("{table}_{}_unique", columns.join("_"))).unique().to_owned()
}

/// A foreign key with `ON DELETE CASCADE`.
pub(crate) fn belongs_to(
    table: &'static str,
    column: &'static str,
    parent: &'static str,
    parent_key: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fk"))
        .from(table, column)
        .to(parent, parent_key)
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
