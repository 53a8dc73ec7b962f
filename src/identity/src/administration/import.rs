//! Adds many users at once, such as those of a system that Postern takes the place of.
//!
//! Each user is stored whole or not at all; one who breaks a rule or whose address is taken holds up nobody else.

use std::collections::HashSet;

use postern_entities::users::{self as rows, Column};
use sea_orm::{
    ConnectionTrait as _, EntityTrait as _, QueryTrait as _,
    sea_query::{OnConflict, Query},
};
use uuid::Uuid;

use super::{
    ChangeError,
    users::{CheckedUser, NewUser},
};
use crate::{
    App,
    audit::{self, Origin},
    passwords,
};

/// So many fit into one write on both databases.
pub const BATCH: usize = 500;

/// What became of one user.
pub type Outcome = Result<(), ChangeError>;

/// Adds at most [`BATCH`] users in one write; answers for each, in their order.
pub async fn add_all(app: &App, new: Vec<NewUser>, origin: &Origin) -> Result<Vec<Outcome>, ChangeError> {
    let now = app.clock.now();
    let checked: Vec<_> = new.into_iter().map(|user| user.checked(app, now)).collect();
    let added = app
        .db
        .write(async |tx| {
            let users: Vec<_> = checked.iter().flatten().map(|user| user.row.clone()).collect();
            let added = insert(tx, users).await?;
            let stored = || checked.iter().flatten().filter(|user| added.contains(&user.row.id));
            passwords::store_first(tx, stored().filter_map(|user| user.password.clone()).collect()).await?;
            let events = stored().map(|user| user.event.clone()).collect();
            audit::record_all(app, tx, events, origin, now).await?;
            Ok::<_, ChangeError>(added)
        })
        .await?;
    Ok(checked.into_iter().map(|user| outcome(user, &added)).collect())
}

fn outcome(user: Result<CheckedUser, ChangeError>, added: &HashSet<Uuid>) -> Outcome {
    let CheckedUser { row, .. } = user?;
    if added.contains(&row.id) { Ok(()) } else { Err(ChangeError::Taken { kind: "user", name: row.email }) }
}

/// Those whose address was free, earlier ones of the same batch included.
async fn insert(
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
