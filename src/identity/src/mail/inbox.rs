//! Defines the inbox of `postern dev` and of tests: the latest messages, in memory.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use postern_service::clock::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::Message;

/// Older messages are dropped.
const MAX_MESSAGES: usize = 200;

/// Cheap to clone; clones share the messages.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<VecDeque<InboxMessage>>>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InboxMessage {
    /// The email, or the identifier of the recipient.
    pub to: String,
    pub channel: String,
    pub subject: String,
    /// None if the message has no code.
    pub code: Option<String>,
    /// None if the message has no link.
    pub link: Option<String>,
    /// When the mail was sent, as RFC 3339 text.
    pub sent_at: String,
}

impl Inbox {
    /// The messages, the newest first.
    pub fn newest_first(&self) -> Vec<InboxMessage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn push(&self, message: Message, now: Timestamp) {
        let exposed = |secret: &SecretString| secret.expose_secret().to_owned();
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push_front(InboxMessage {
            to: message.to,
            channel: message.channel.to_owned(),
            subject: message.subject,
            code: message.code.as_ref().map(exposed),
            link: message.link.as_ref().map(exposed),
            sent_at: now.rfc3339(),
        });
        messages.truncate(MAX_MESSAGES);
    }
}
