//! Tells why requests are refused: the log always, and a page where the issuer runs on a loopback address.
//!
//! The page needs what a request before it was refused for, so the last explanations are kept in memory, by the
//! reference of their request. Elsewhere nothing is kept: an explanation names what is registered for a client.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use postern_service::telemetry::{CurrentRequest, RequestId};

use super::App;
use crate::explanation::Explanation;

/// More than a developer causes between a refusal and a look at it.
const KEPT: usize = 100;

/// The explanations of the last refusals, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct RecentExplanations(Mutex<VecDeque<(RequestId, Explanation)>>);

impl RecentExplanations {
    /// A panic elsewhere leaves the list whole: each change is one call.
    fn lock(&self) -> MutexGuard<'_, VecDeque<(RequestId, Explanation)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Logs why the current request of a client is refused, in one line, and keeps it for the page about its reference.
    pub fn explain(&self, client_id: &str, explanation: Explanation) {
        let explanation = self.with_settings_file(explanation);
        let Explanation { check, came, expected, remedy } = &explanation;
        let client_id: String = client_id.chars().take(128).collect();
        tracing::info!(check, client_id, came, expected, remedy, "request refused");
        self.keep_explanation(explanation);
    }

    /// `postern dev` has its settings in a file of its own, and a command without it would meet another database.
    pub fn with_settings_file(&self, explanation: Explanation) -> Explanation {
        let Some(development) = self.development.get() else { return explanation };
        let own = format!("{} --config {} ", development.program, development.settings_file);
        let remedy = explanation.remedy.as_ref().map(|remedy| remedy.replacen("postern ", &own, 1));
        explanation.with_remedy(remedy)
    }

    /// Keeps what the caller has logged.
    pub fn keep_explanation(&self, explanation: Explanation) {
        let Some(CurrentRequest { id, .. }) = CurrentRequest::current() else { return };
        if !self.config.issuer_is_loopback() {
            return;
        }
        let mut recent = self.explanations.lock();
        if recent.len() == KEPT {
            recent.pop_front();
        }
        recent.push_back((id, explanation));
    }

    /// Why the request with this reference was refused, if the issuer runs on a loopback address.
    pub fn find_explanation(&self, reference: RequestId) -> Option<Explanation> {
        let recent = self.explanations.lock();
        recent.iter().rev().find(|(id, _)| *id == reference).map(|(_, explanation)| explanation.clone())
    }
}
