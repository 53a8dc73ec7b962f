//! Adds many users at once, for example when Postern replaces another system.
//!
//! A user is stored completely or not at all. A user that breaks a rule or whose email is taken does not stop
//! the others.

use std::collections::HashSet;

use postern_entities::users::{self as rows, Column};
use sea_orm::{
    ConnectionTrait as _, EntityTrait as _, QueryTrait as _,
    sea_query::{OnConflict, Query},
};
use uuid::Uuid;

use super::{
    ChangeError,
    users::{NewUser, ValidatedUser},
};
use crate::{App, audit, core::RequestContext, passwords};

/// The number of users whose parameters fit into one statement on both databases.
pub const MAX_BATCH: usize = 500;

pub type ImportOutcome = Result<(), ChangeError>;

/// Adds at most [`MAX_BATCH`] users in one write. Returns one outcome for each, in the order given.
pub async fn add_all(
    app: &App,
    new: Vec<NewUser>,
    context: &RequestContext,
) -> Result<Vec<ImportOutcome>, ChangeError> {
    let now = context.now;
    let checked: Vec<_> = new.into_iter().map(|user| user.validate(app, now)).collect();
    let added = app
        .write(context, async |write| {
            let users: Vec<_> = checked.iter().flatten().map(|user| user.row.clone()).collect();
            let added = insert_users(write, users).await?;
            let stored = || checked.iter().flatten().filter(|user| added.contains(&user.row.id));
            passwords::store_first(write, stored().filter_map(|user| user.password.clone()).collect())
                .await?;
            let events = stored().map(|user| user.event.clone()).collect();
            audit::record_all(write, events).await?;
            Ok::<_, ChangeError>(added)
        })
        .await?;
    Ok(checked.into_iter().map(|user| import_outcome(user, &added)).collect())
}

fn import_outcome(user: Result<ValidatedUser, ChangeError>, added: &HashSet<Uuid>) -> ImportOutcome {
    let ValidatedUser { row, .. } = user?;
    if added.contains(&row.id) { Ok(()) } else { Err(ChangeError::Taken { kind: "user", name: row.email }) }
}

/// Inserts the users whose email is free. Of two users of one batch with the same email, the first is
/// inserted. Returns the inserted ids.
async fn insert_users(
    tx: &postern_service::database::Transaction,
    users: Vec<rows::Model>,
) -> Result<HashSet<Uuid>, ChangeError> {
    if users.is_empty() {
        return Ok(HashSet::new());
    }
    let mut insertion =
        rows::Entity::insert_many(users.into_iter().map(rows::ActiveModel::from)).into_query();
    insertion
        .on_conflict(OnConflict::column(Column::Email).do_nothing().to_owned())
        .returning(Query::returning().column(Column::Id));
    let added = tx.query_all(&insertion).await?;
    Ok(added.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
}
