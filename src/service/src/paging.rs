//! Defines the pages of a list: their JSON form, and the cursor that names the place after which the next one begins.
//!
//! A page ends at the sort key of its last row, not at a number of rows, so that the cost of a page does not grow with
//! the number of pages before it, and rows that are added meanwhile move nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use poem_openapi::{
    Object,
    types::{Example, ParseFromJSON, ToJSON, Type},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::problem::{MALFORMED, Problem};

/// Rows of one page, and the position of the last row if more rows follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<Row, Position> {
    pub rows: Vec<Row>,
    /// The position after which the next page begins; none on the last page.
    pub next: Option<Position>,
}

impl<Row, Position> Page<Row, Position> {
    /// A page of at most `limit` rows. `rows` has one more where more follow: select [`rows_to_select`].
    pub fn from_rows(mut rows: Vec<Row>, limit: u64, position: impl Fn(&Row) -> Position) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(position);
        Self { rows, next }
    }

    pub fn map<Other>(self, convert: impl FnMut(Row) -> Other) -> Page<Other, Position> {
        Page { rows: self.rows.into_iter().map(convert).collect(), next: self.next }
    }
}

/// How many rows to select for a page of `limit`: the one more shows whether another page follows.
pub fn rows_to_select(limit: u64) -> u64 {
    limit.saturating_add(1)
}

/// A cursor that this service did not make, or made for another list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the `next_cursor` of this list; leave it out to begin again")]
pub struct CursorError;

impl From<CursorError> for Problem {
    fn from(cause: CursorError) -> Self {
        Self::new(MALFORMED).field("cursor").detail(format!("`cursor` {cause}"))
    }
}

/// The cursor of a position. It is not secret: a position consists of values that the caller has seen.
pub fn encode_cursor<Position: Serialize>(position: &Position) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).unwrap_or_default())
}

/// Reads what [`encode_cursor`] wrote. The position can be that of a row that the caller may not see: the statement
/// that uses it must restrict the rows by itself.
pub fn decode_cursor<Position: DeserializeOwned>(cursor: &str) -> Result<Position, CursorError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| CursorError)?;
    serde_json::from_slice(&bytes).map_err(|_| CursorError)
}

/// One page of a list.
#[derive(Clone, Debug, Object)]
#[oai(example, rename = "Page")]
pub struct PageResponse<Item: Type + ParseFromJSON + ToJSON + Example> {
    /// The items, in the order of the list.
    pub items: Vec<Item>,
    /// What to send as `cursor` for the next page; null on the last page.
    pub next_cursor: Option<String>,
}

impl<Item: Type + ParseFromJSON + ToJSON + Example> Example for PageResponse<Item> {
    fn example() -> Self {
        Self { items: vec![Item::example()], next_cursor: None }
    }
}

impl<Item, Position> From<Page<Item, Position>> for PageResponse<Item>
where
    Item: Type + ParseFromJSON + ToJSON + Example,
    Position: Serialize,
{
    fn from(page: Page<Item, Position>) -> Self {
        Self { items: page.rows, next_cursor: page.next.as_ref().map(encode_cursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_that_is_followed_by_another_has_a_next_position() {
        let page = |rows: &[u8]| Page::from_rows(rows.to_vec(), 2, |row| *row);
        assert_eq!(page(&[]), Page { rows: vec![], next: None });
        assert_eq!(page(&[1, 2]), Page { rows: vec![1, 2], next: None });
        assert_eq!(page(&[1, 2, 3]), Page { rows: vec![1, 2], next: Some(2) });
    }

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is() {
        let cursor = encode_cursor(&(7, "x"));
        assert_eq!(decode_cursor(&cursor), Ok((7, "x".to_owned())));
        for other in ["", "!", "e30", &cursor[1..], &format!("{cursor}=")] {
            assert_eq!(decode_cursor::<(u8, String)>(other), Err(CursorError), "{other}");
        }
    }
}
