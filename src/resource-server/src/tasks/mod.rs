//! Answers which tasks a person has, and changes them.
//!
//! The rule that must not be broken: every statement filters by the owner, so a task of another person does
//! not exist for the caller. Leaves the allowed texts to `content` and lists to `list`.

mod content;
mod list;

use postern_service::{
    clock::Timestamp,
    database::{Database, DatabaseError},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

pub use self::{
    content::{FoldedTitle, Notes, TextError, Title},
    list::{Cursor, Order, Query, list},
};
use crate::{App, entity};

pub use entity::Model as Task;

/// The complete content of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub title: Title,
    /// Anything else about it.
    pub notes: Notes,
    /// Whether it is done.
    pub done: bool,
}

/// A partial change of a task. A field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub title: Option<Title>,
    /// Anything else about it.
    pub notes: Option<Notes>,
    /// Whether it is done.
    pub done: Option<bool>,
}

impl From<Content> for Change {
    fn from(content: Content) -> Self {
        Self { title: Some(content.title), notes: Some(content.notes), done: Some(content.done) }
    }
}

/// One task of the owner.
pub async fn find(db: &Database, owner: &str, id: Uuid) -> Result<Option<Task>, DatabaseError> {
    Ok(entity::Entity::find_by_id(id).filter(entity::Column::Owner.eq(owner)).one(db.reader()).await?)
}

pub async fn create(app: &App, owner: &str, content: Content) -> Result<Task, DatabaseError> {
    let now = app.clock.now();
    let task = Task {
        id: app.random.uuid(),
        owner: owner.to_owned(),
        title_folded: content.title.folded().into_text(),
        title: content.title.into_text(),
        notes: content.notes.into_text(),
        done: content.done,
        created_at: now,
        updated_at: now,
    };
    let row: entity::ActiveModel = task.clone().into();
    app.db
        .write(async |tx| -> Result<(), DatabaseError> {
            entity::Entity::insert(row).exec_without_returning(tx).await?;
            Ok(())
        })
        .await?;
    Ok(task)
}

/// Changes a task by one conditional statement. `None` when the owner has no such task.
pub async fn change(app: &App, owner: &str, id: Uuid, change: Change) -> Result<Option<Task>, DatabaseError> {
    if change == Change::default() {
        return find(&app.db, owner, id).await;
    }
    let columns = columns(change, app.clock.now());
    app.db
        .write(async |tx| {
            let updated = entity::Entity::update_many()
                .set(columns)
                .filter(entity::Column::Id.eq(id))
                .filter(entity::Column::Owner.eq(owner))
                .exec_with_returning(tx)
                .await?;
            Ok(updated.into_iter().next())
        })
        .await
}

fn columns(change: Change, now: Timestamp) -> entity::ActiveModel {
    let mut columns = entity::ActiveModel { updated_at: Set(now), ..Default::default() };
    if let Some(title) = change.title {
        columns.title_folded = Set(title.folded().into_text());
        columns.title = Set(title.into_text());
    }
    if let Some(notes) = change.notes {
        columns.notes = Set(notes.into_text());
    }
    if let Some(done) = change.done {
        columns.done = Set(done);
    }
    columns
}

/// Deletes a task. False when the owner has no such task.
pub async fn delete(app: &App, owner: &str, id: Uuid) -> Result<bool, DatabaseError> {
    app.db
        .write(async |tx| {
            let deleted = entity::Entity::delete_many()
                .filter(entity::Column::Id.eq(id))
                .filter(entity::Column::Owner.eq(owner))
                .exec(tx)
                .await?;
            Ok(deleted.rows_affected == 1)
        })
        .await
}
