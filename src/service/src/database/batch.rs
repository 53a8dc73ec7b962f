//! Defines a write that is known as a whole beforehand: several statements, none of which needs another one's answer.

use futures_util::{Stream, TryStreamExt as _};
use sea_orm::{DbBackend, ExecResult, QueryResult, Statement, StatementBuilder};
use sqlx::postgres::PgConnection;
use sqlx::{Either, Executor as _, Postgres};

use super::transaction::bind;

/// What one of the statements did.
pub struct Done {
    /// How many rows it changed.
    pub rows_affected: u64,
    /// The first row that it returned.
    pub row: Option<QueryResult>,
}

impl Done {
    /// Whether it was a query that found something. A query leaves `rows_affected` as it was on SQLite.
    pub fn found_a_row(&self) -> bool {
        self.row.is_some()
    }

    /// Whether it changed one row.
    pub fn changed_a_row(&self) -> bool {
        self.rows_affected == 1
    }

    /// Whether the first statement changed a row: what to keep a write by whose first statement is its gate.
    pub fn first_changed_a_row(done: &[Self]) -> bool {
        done.first().is_some_and(Self::changed_a_row)
    }
}

/// Decides, by what the statements did, whether it stays.
pub(super) type Keep = Box<dyn FnOnce(&[Done]) -> bool + Send>;

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// It does.
    Full,
    /// It does not: the next one that does makes it durable, too.
    Light,
}

/// The statements as one text for SQLite. Their parameters have no numbers there, so their values follow each other too.
pub(super) fn join(statements: &[&dyn StatementBuilder]) -> Statement {
    joined(statements.iter().map(|statement| statement.build(&DbBackend::Sqlite)))
}

/// The same for statements that were built already.
pub(super) fn joined(statements: impl IntoIterator<Item = Statement>) -> Statement {
    let (mut sql, mut values) = (String::new(), Vec::new());
    for built in statements {
        sql.push_str(&built.sql);
        sql.push_str("; ");
        values.extend(built.values.into_iter().flat_map(|values| values.0));
    }
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}

/// Runs them on PostgreSQL, one after the other.
pub(super) async fn each(
    connection: &mut PgConnection,
    statements: &[&dyn StatementBuilder],
    done: &mut Vec<Done>,
) -> Result<(), sqlx::Error> {
    for statement in statements {
        let query = bind::<Postgres>(statement.build(&DbBackend::Postgres));
        read(connection.fetch_many(query), done).await?;
    }
    Ok(())
}

/// Reads what statements did, also those before one that fails: of each its rows, and then how many it changed.
pub(super) async fn read<R, Q>(
    mut answers: impl Stream<Item = Result<Either<Q, R>, sqlx::Error>> + Unpin,
    done: &mut Vec<Done>,
) -> Result<(), sqlx::Error>
where
    QueryResult: From<R>,
    ExecResult: From<Q>,
{
    let mut row = None;
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Right(next) => row = row.or_else(|| Some(QueryResult::from(next))),
            Either::Left(end) => {
                let rows_affected = ExecResult::from(end).rows_affected();
                done.push(Done { rows_affected, row: row.take() });
            }
        }
    }
    Ok(())
}
