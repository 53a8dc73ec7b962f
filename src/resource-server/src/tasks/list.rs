//! Answers lists of tasks, page by page along an index: the cost of a page does not grow with the number of pages before.
//!
//! A page ends at a row's place in the order and its id, and the next begins behind them. A task that moves in the
//! order between two pages may be missed or come twice; no other is.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_service::database::{Database, DatabaseError};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LikeExpr, SimpleExpr},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Folded, Task};
use crate::entity::{Column, Entity};

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Oldest first.
    Created,
    /// Newest first.
    #[default]
    CreatedDescending,
    /// Longest unchanged first.
    Updated,
    /// Last changed first.
    UpdatedDescending,
    /// By title, in any case.
    Title,
    /// By title, backwards.
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

    /// Where a task stands in this order.
    fn place(self, task: &Task) -> Place {
        match self {
            Self::Created | Self::CreatedDescending => Place::Time(task.created_at),
            Self::Updated | Self::UpdatedDescending => Place::Time(task.updated_at),
            Self::Title | Self::TitleDescending => Place::Title(task.title_folded.clone()),
        }
    }

    fn has(self, place: &Place) -> bool {
        let by_title = matches!(self, Self::Title | Self::TitleDescending);
        match place {
            Place::Time(_) => !by_title,
            Place::Title(title) => by_title && Folded::parse(title).is_ok(),
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only open or only done tasks.
    pub done: Option<bool>,
    /// Only tasks whose title contains this, in any case.
    pub containing: Option<Folded>,
    /// The order.
    pub order: Order,
    /// At most so many.
    pub limit: u64,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
}

/// Where a page ended. It is bound to the order it was made in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    order: Order,
    after: Place,
    id: Uuid,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    /// Microseconds since the epoch.
    Time(i64),
    /// Folded.
    Title(String),
}

/// A cursor that this service did not make, or made for another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor does not belong to this list; leave it out to begin again")]
pub struct BadCursor;

impl Cursor {
    /// Reads what [`Cursor::encode`] wrote, for a list in `order`.
    pub fn decode(text: &str, order: Order) -> Result<Self, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| BadCursor)?;
        if cursor.order == order && order.has(&cursor.after) { Ok(cursor) } else { Err(BadCursor) }
    }

    /// An opaque text for the caller. It holds nothing the caller has not seen.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether a row comes later in the order.
    fn is_before(&self) -> SimpleExpr {
        let after: sea_orm::Value = match &self.after {
            Place::Time(at) => (*at).into(),
            Place::Title(title) => title.clone().into(),
        };
        let row = Expr::tuple([Expr::col(self.order.column()), Expr::col(Column::Id)]);
        let end = Expr::tuple([Expr::val(after), Expr::val(self.id)]);
        match self.order.direction() {
            sea_orm::Order::Desc => row.lt(end),
            _ => row.gt(end),
        }
    }
}

/// One page of the owner's tasks, and where the next begins: one statement.
pub async fn list(
    db: &Database,
    owner: &str,
    query: &Query,
) -> Result<(Vec<Task>, Option<Cursor>), DatabaseError> {
    let Query { done, containing, order, limit, cursor } = query;
    let mut select = Entity::find()
        .filter(Column::Owner.eq(owner))
        .order_by(order.column(), order.direction())
        .order_by(Column::Id, order.direction())
        // One more than asked for tells whether there is another page.
        .limit(limit + 1);
    if let Some(done) = done {
        select = select.filter(Column::Done.eq(*done));
    }
    if let Some(part) = containing {
        select = select.filter(Column::TitleFolded.like(pattern(part)));
    }
    if let Some(cursor) = cursor {
        select = select.filter(cursor.is_before());
    }
    let mut tasks = select.all(db.reader()).await?;
    let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
    let more = tasks.len() > limit;
    tasks.truncate(limit);
    let last = tasks.last().filter(|_| more);
    let next = last.map(|last| Cursor { order: *order, after: order.place(last), id: last.id });
    Ok((tasks, next))
}

/// Finds the text as it is: its wildcards are none.
fn pattern(part: &Folded) -> LikeExpr {
    let escaped = part.as_str().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    LikeExpr::new(format!("%{escaped}%")).escape('\\')
}
