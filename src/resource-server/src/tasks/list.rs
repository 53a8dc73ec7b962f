//! Lists tasks page by page along an index.
//!
//! A page ends at the sort key and the ID of its last row, and the next page begins after them. A task whose
//! sort key changes between two pages may be missed or listed twice; no other task is.

use postern_service::{
    clock::Timestamp,
    database::{Database, DatabaseError},
    paging::{CursorError, Page, decode_cursor, rows_to_select},
};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LikeExpr, SimpleExpr},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FoldedTitle, Task};
use crate::entity::{Column, Entity};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    Created,
    #[default]
    CreatedDescending,
    Updated,
    UpdatedDescending,
    /// By title, ignoring case.
    Title,
    /// By title, ignoring case, descending.
    TitleDescending,
}

impl Order {
    fn column(self) -> Column {
        match self {
            Self::Created | Self::CreatedDescending => Column::CreatedAt,
            Self::Updated | Self::UpdatedDescending => Column::UpdatedAt,
            Self::Title | Self::TitleDescending => Column::TitleFolded,
        }
    }

    fn direction(self) -> sea_orm::Order {
        match self {
            Self::Created | Self::Updated | Self::Title => sea_orm::Order::Asc,
            Self::CreatedDescending | Self::UpdatedDescending | Self::TitleDescending => sea_orm::Order::Desc,
        }
    }

    /// The value of a task that this order sorts by.
    fn sort_key(self, task: &Task) -> SortKey {
        match self {
            Self::Created | Self::CreatedDescending => SortKey::Time(task.created_at),
            Self::Updated | Self::UpdatedDescending => SortKey::Time(task.updated_at),
            Self::Title | Self::TitleDescending => SortKey::Title(task.title_folded.clone()),
        }
    }

    fn accepts(self, place: &SortKey) -> bool {
        let by_title = matches!(self, Self::Title | Self::TitleDescending);
        match place {
            SortKey::Time(_) => !by_title,
            SortKey::Title(title) => by_title && FoldedTitle::parse(title).is_ok(),
        }
    }
}

/// The page that is requested.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only open or only done tasks; `None` for all.
    pub done: Option<bool>,
    /// Only tasks whose title contains this, ignoring case.
    pub containing: Option<FoldedTitle>,
    pub order: Order,
    /// Most tasks of the page.
    pub limit: u64,
    /// Where the previous page ended; `None` for the first page.
    pub cursor: Option<Cursor>,
}

/// Where a page ended. Valid only for the order in which it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    order: Order,
    after: SortKey,
    id: Uuid,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum SortKey {
    Time(Timestamp),
    /// The title in its folded form.
    Title(String),
}

impl Cursor {
    /// Reads a cursor for a list in `order`.
    pub fn decode(cursor: &str, order: Order) -> Result<Self, CursorError> {
        let cursor: Self = decode_cursor(cursor)?;
        if cursor.order == order && order.accepts(&cursor.after) { Ok(cursor) } else { Err(CursorError) }
    }

    /// The condition that a row follows the cursor in the order.
    fn row_follows(&self) -> SimpleExpr {
        let after: sea_orm::Value = match &self.after {
            SortKey::Time(at) => (*at).into(),
            SortKey::Title(title) => title.clone().into(),
        };
        let row = Expr::tuple([Expr::col(self.order.column()), Expr::col(Column::Id)]);
        let end = Expr::tuple([Expr::val(after), Expr::val(self.id)]);
        match self.order.direction() {
            sea_orm::Order::Desc => row.lt(end),
            _ => row.gt(end),
        }
    }
}

/// One page of the owner's tasks. Runs one statement.
pub async fn list(db: &Database, owner: &str, query: &Query) -> Result<Page<Task, Cursor>, DatabaseError> {
    let Query { done, containing, order, limit, cursor } = query;
    let mut select = Entity::find()
        .filter(Column::Owner.eq(owner))
        .order_by(order.column(), order.direction())
        .order_by(Column::Id, order.direction())
        .limit(rows_to_select(*limit));
    if let Some(done) = done {
        select = select.filter(Column::Done.eq(*done));
    }
    if let Some(part) = containing {
        select = select.filter(Column::TitleFolded.like(pattern(part)));
    }
    if let Some(cursor) = cursor {
        select = select.filter(cursor.row_follows());
    }
    let tasks = select.all(db.reader()).await?;
    Ok(Page::from_rows(tasks, *limit, |last| Cursor {
        order: *order,
        after: order.sort_key(last),
        id: last.id,
    }))
}

/// A `LIKE` pattern that finds the text literally: its wildcards are escaped.
fn pattern(part: &FoldedTitle) -> LikeExpr {
    let escaped = part.as_str().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    LikeExpr::new(format!("%{escaped}%")).escape('\\')
}
