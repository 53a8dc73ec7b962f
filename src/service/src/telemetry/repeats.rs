//! Bounds what warnings and errors add to the log: an outage makes every request fail, and a full disk helps nobody.
//!
//! Each place in the code may say so many lines a second. Further ones are counted, and their number stands in the next
//! line of the same place.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tracing::{Metadata, callsite::Identifier};

use crate::clock::Timestamp;

/// Lines of one place a second.
const LINES_PER_SECOND: u32 = 10;

#[derive(Default)]
pub(super) struct Repeats(Mutex<HashMap<Identifier, Count>>);

#[derive(Default)]
struct Count {
    second: i64,
    written: u32,
    left_out: u64,
}

impl Repeats {
    /// How many lines were left out before this one; `None` when it is to be left out itself.
    pub(super) fn left_out_before(&self, place: &Metadata<'_>, now: Timestamp) -> Option<u64> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = places.entry(place.callsite()).or_default();
        if count.second != now.seconds() {
            *count = Count { second: now.seconds(), written: 0, ..*count };
        }
        if count.written == LINES_PER_SECOND {
            count.left_out += 1;
            return None;
        }
        count.written += 1;
        Some(std::mem::take(&mut count.left_out))
    }
}
