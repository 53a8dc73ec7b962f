//! Defines a batch: statements that are all known before the write begins, because none needs the result of
//! another.

use futures_util::{Stream, TryStreamExt as _};
use sea_orm::{DbBackend, ExecResult, QueryResult, Statement, StatementBuilder};
use sqlx::postgres::PgConnection;
use sqlx::{Either, Executor as _, Postgres};

use super::transaction::bind;

/// The result of one statement of a batch.
pub struct StatementResult {
    /// Rows that the statement changed.
    pub rows_affected: u64,
    /// The first row that the statement returned.
    pub row: Option<QueryResult>,
}

impl StatementResult {
    /// Whether the statement returned a row. For a query use this, not `rows_affected`: SQLite leaves that
    /// count unchanged by a query.
    pub fn found_a_row(&self) -> bool {
        self.row.is_some()
    }

    /// Whether the statement changed exactly one row.
    pub fn changed_a_row(&self) -> bool {
        self.rows_affected == 1
    }

    /// Whether the first statement changed a row. This is the commit condition of a batch whose first
    /// statement is a conditional update that gates the others.
    pub fn first_changed_a_row(results: &[Self]) -> bool {
        results.first().is_some_and(Self::changed_a_row)
    }
}

/// Decides from the results of the statements whether the batch commits.
pub(super) type CommitCondition = Box<dyn FnOnce(&[StatementResult]) -> bool + Send>;

/// Whether a commit waits until its data is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// The commit waits for the disk.
    Full,
    /// The commit does not wait. The next commit that waits makes this one durable too.
    Relaxed,
}

/// Joins the statements into one text for SQLite. SQLite's parameters have no numbers, so the values of the
/// statements are joined in the same order.
pub(super) fn combined_statement(statements: &[&dyn StatementBuilder]) -> Statement {
    combined_built_statement(statements.iter().map(|statement| statement.build(&DbBackend::Sqlite)))
}

/// Joins statements that were built already, as [`combined_statement`] does.
pub(super) fn combined_built_statement(statements: impl IntoIterator<Item = Statement>) -> Statement {
    let (mut sql, mut values) = (String::new(), Vec::new());
    for built in statements {
        sql.push_str(&built.sql);
        sql.push_str("; ");
        values.extend(built.values.into_iter().flat_map(|values| values.0));
    }
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}

/// Runs the statements on PostgreSQL, one after the other.
pub(super) async fn run_each(
    connection: &mut PgConnection,
    statements: &[&dyn StatementBuilder],
    done: &mut Vec<StatementResult>,
) -> Result<(), sqlx::Error> {
    for statement in statements {
        let query = bind::<Postgres>(statement.build(&DbBackend::Postgres));
        read_results(connection.fetch_many(query), done).await?;
    }
    Ok(())
}

/// Reads the results of a batch into `done`. When a statement fails, `done` holds the results of the
/// statements before it. The driver sends the rows of each statement first, and then the number of rows it
/// changed.
pub(super) async fn read_results<R, Q>(
    mut answers: impl Stream<Item = Result<Either<Q, R>, sqlx::Error>> + Unpin,
    done: &mut Vec<StatementResult>,
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
                done.push(StatementResult { rows_affected, row: row.take() });
            }
        }
    }
    Ok(())
}
