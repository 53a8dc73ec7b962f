//! Limits the number of warnings and errors in the log: an outage makes every request fail, and must not fill
//! the disk too.
//!
//! Each call site may write [`LINES_PER_SECOND`]. Further lines are counted, and the next line of the same
//! call site contains their number.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tracing::{Metadata, callsite::Identifier};

use crate::clock::Timestamp;

/// Lines of one call site a second.
const LINES_PER_SECOND: u32 = 10;

#[derive(Default)]
pub(super) struct RepeatLimiter(Mutex<HashMap<Identifier, Count>>);

#[derive(Default)]
struct Count {
    second: i64,
    written: u32,
    left_out: u64,
}

impl RepeatLimiter {
    /// The number of lines that were left out before this one; `None` when this one is left out too.
    pub(super) fn left_out_before(&self, callsite: &Metadata<'_>, now: Timestamp) -> Option<u64> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = places.entry(callsite.callsite()).or_default();
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
