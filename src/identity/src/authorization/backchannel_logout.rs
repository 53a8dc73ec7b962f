//! Tells clients that a session ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! ```text
//!   session ended ──► job: all clients at once ──► answered 200 or 204: told
//!                       ▲      │        └────────► answered 400: refused, not tried again
//!                       │      ▼ no answer, or another one
//!                       └── a later job for these clients only, until the fifth try
//! ```
//!
//! One write records the outcomes and enqueues the later job, so a client that was told is told again only if that
//! write fails. A client that has been disabled, removed or lost its address meanwhile is not called. What a client
//! answers beside the status is not read.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use http::StatusCode;
use postern_service::database::DatabaseError;
use serde_json::{Value, json};
use url::Url;

use crate::{
    App,
    audit::{self, Event},
    clients::Client,
    core::RequestContext,
    jobs::{JobError, JobKind, JobPriority, SealedJob, error_chain},
    outbound::OutboundError,
    sessions::logout_notice::{self, LogoutNotice},
    tokens::{IssueError, logout_token},
};

/// How long a client may take to answer. Other notices wait meanwhile.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Clients that are called at once.
const MAX_PARALLEL: usize = 16;

/// The waits after the tries that failed: five tries in about eight minutes.
const WAITS: [Duration; 4] =
    [Duration::from_secs(20), Duration::from_secs(50), Duration::from_mins(2), Duration::from_mins(5)];

/// What came of telling one client.
enum Outcome {
    Delivered,
    /// The client says that it cannot use the token (section 2.8).
    Refused,
    /// The reason, for the log and the record.
    Failed(String),
    /// The client is disabled or gone, or has no address any more.
    Unwanted,
}

#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("the address is not a URL")]
    Url(#[from] url::ParseError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("no logout token could be signed")]
    Sign(#[from] IssueError),
}

/// The kind of job that sends notices.
pub fn job_kind() -> JobKind<App> {
    JobKind::enqueued(logout_notice::JOB, JobPriority::Notice, |app, payload| {
        Box::pin(async move { run(&app, payload).await })
    })
}

async fn run(app: &App, payload: Value) -> Result<(), JobError> {
    let notice: LogoutNotice = serde_json::from_value(payload).map_err(JobError::from_payload_error)?;
    let clients = app.clients();
    let mut outcomes = Vec::new();
    for some in notice.client_ids.chunks(MAX_PARALLEL) {
        let calls = some.iter().map(|client_id| tell(app, clients.find(client_id), &notice));
        outcomes.extend(some.iter().cloned().zip(join_all(calls).await));
    }
    record(app, notice, outcomes).await
}

async fn tell(app: &App, client: Option<&Arc<Client>>, notice: &LogoutNotice) -> Outcome {
    let Some(client) = client else { return Outcome::Unwanted };
    let Some(uri) = &client.row.backchannel_logout_uri else { return Outcome::Unwanted };
    match call(app, client, uri, notice).await {
        Ok(StatusCode::OK | StatusCode::NO_CONTENT) => Outcome::Delivered,
        Ok(StatusCode::BAD_REQUEST) => Outcome::Refused,
        Ok(status) => Outcome::Failed(format!("answered with status {}", status.as_u16())),
        Err(cause) => Outcome::Failed(error_chain(&cause)),
    }
}

/// Sends a logout token (section 2.5).
async fn call(app: &App, client: &Client, uri: &str, notice: &LogoutNotice) -> Result<StatusCode, CallError> {
    let token = logout_token::sign_for(app, client, notice.subject, notice.sid).await?;
    // A JWT needs no percent-encoding.
    let form = format!("logout_token={token}");
    Ok(app.outbound.post_form(&Url::parse(uri)?, form, TIMEOUT).await?)
}

/// Records the outcomes, and enqueues the next try for the clients that did not answer as they should.
async fn record(app: &App, notice: LogoutNotice, outcomes: Vec<(String, Outcome)>) -> Result<(), JobError> {
    let next_wait = WAITS.get(notice.tries).copied();
    let (mut events, mut left) = (Vec::new(), Vec::new());
    for (client_id, outcome) in outcomes {
        log(&client_id, &outcome, notice.tries + 1);
        if next_wait.is_some() && matches!(outcome, Outcome::Failed(_)) {
            left.push(client_id);
        } else {
            events.extend(event(&client_id, outcome, &notice));
        }
    }
    let next = next_wait.filter(|_| !left.is_empty()).map(|wait| next_job(app, &notice, left, wait));
    let next = next.transpose()?;
    if events.is_empty() && next.is_none() {
        return Ok(());
    }
    app.write(&RequestContext::of_job(app), async |write| {
        audit::record_all(write, events).await?;
        match next {
            Some(job) => job.enqueue(write).await,
            None => Ok(()),
        }
    })
    .await
    .map_err(|cause: DatabaseError| cause.into())
}

fn log(client_id: &str, outcome: &Outcome, tries: usize) {
    match outcome {
        Outcome::Delivered => tracing::info!(client_id, tries, "a client was told that a session ended"),
        Outcome::Refused => {
            tracing::warn!(client_id, tries, "a client refuses to be told that a session ended");
        }
        Outcome::Failed(cause) => {
            tracing::warn!(client_id, tries, cause, "a client could not be told that a session ended");
        }
        Outcome::Unwanted => {}
    }
}

/// The event of an outcome that is final.
fn event(client_id: &str, outcome: Outcome, notice: &LogoutNotice) -> Option<Event> {
    let mut details = json!({ "tries": notice.tries + 1 });
    let kind = match outcome {
        Outcome::Delivered => "logout.delivered",
        Outcome::Refused => "logout.refused",
        Outcome::Failed(cause) => {
            details["cause"] = cause.into();
            "logout.undelivered"
        }
        Outcome::Unwanted => return None,
    };
    // The user is not named: the account may have been erased meanwhile. `session.ended` names user and session.
    Some(Event::new(kind).client(client_id).session(notice.sid).details(details))
}

fn next_job(
    app: &App,
    notice: &LogoutNotice,
    client_ids: Vec<String>,
    wait: Duration,
) -> Result<SealedJob, JobError> {
    let notice = LogoutNotice { client_ids, tries: notice.tries + 1, ..*notice };
    let job = notice.job(app).map_err(|cause| JobError::from_source(&cause))?;
    Ok(job.not_before(app.clock.now() + wait))
}
