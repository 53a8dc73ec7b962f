//! Defines the inbox of `postern dev` and of tests: the last messages, in memory.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use postern_service::clock::Timestamp;
use serde::Serialize;

use super::Message;

/// Messages that are kept.
const KEPT: usize = 200;

/// The last messages. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<VecDeque<Received>>>);

/// A message as the inbox shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Received {
    /// To whom.
    pub to: String,
    /// `email` or `code`.
    pub channel: String,
    /// Its subject.
    pub subject: String,
    /// The code in it.
    pub code: Option<String>,
    /// The link in it.
    pub link: Option<String>,
    /// When it came (RFC 3339).
    pub sent_at: String,
}

impl Inbox {
    /// Newest first.
    pub fn newest_first(&self) -> Vec<Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn keep(&self, message: Message, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(Received {
            to: message.to,
            channel: message.channel.to_owned(),
            subject: message.subject,
            code: message.code,
            link: message.link,
            sent_at: now.rfc3339(),
        });
        kept.truncate(KEPT);
    }
}
