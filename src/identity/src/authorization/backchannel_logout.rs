//! Tells clients that a session ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! ```text
//!   session ended ──► job: all clients at once ──► answered 200 or 204: told
//!                       ▲      │        └────────► answered 400: refused, not tried again
//!                       │      ▼ no answer, or another one
//!                       └── a later job for these clients only, until the fifth try
//! ```
//!
//! One write records the outcomes and enqueues the later job, so no client that was told is told again. A client
//! that has been disabled, removed or lost its address meanwhile is not called. What a client answers beside the
//! status is not read.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::{
    App,
    audit::{self, Event},
    clients::Client,
    core::RequestContext,
    jobs::{JobError, JobKind, JobPriority, error_chain},
    outbound::OutboundError,
    sessions::logout_notice::{self, LogoutNotice},
    tokens::logout_token,
};

/// How long a client may take to answer. Jobs of other people wait meanwhile.
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
}

/// The kinds of job that send notices: for the first time, and again.
pub fn job_kinds() -> [JobKind<App>; 2] {
    [
        JobKind::enqueued(logout_notice::JOB, JobPriority::Normal, |app, payload| {
            Box::pin(async move { run(&app, payload).await })
        }),
        JobKind::enqueued(logout_notice::RETRY_JOB, JobPriority::Low, |app, payload| {
            Box::pin(async move { run(&app, payload).await })
        }),
    ]
}

async fn run(app: &App, payload: Value) -> Result<(), JobError> {
    let notice: LogoutNotice = serde_json::from_value(payload).map_err(JobError::from_payload_error)?;
    let clients = app.clients();
    let mut outcomes = Vec::new();
    for some in notice.client_ids.chunks(MAX_PARALLEL) {
        let calls = some.iter().map(|client_id| {
            let client = clients.find(client_id).map(|client| &**client);
            tell(app, client, &notice)
        });
        let answers = join_all(calls).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        outcomes.extend(some.iter().cloned().zip(answers));
    }
    record(app, notice, outcomes).await
}

/// Sends a logout token (section 2.5).
async fn tell(app: &App, client: Option<&Client>, notice: &LogoutNotice) -> Result<Outcome, JobError> {
    let address = |client: &'_ Client| client.row.backchannel_logout_uri.clone();
    let Some((client, uri)) = client.and_then(|client| Some((client, address(client)?))) else {
        return Ok(Outcome::Unwanted);
    };
    let token = logout_token::sign(app, client, notice.subject, notice.sid).await;
    let token = token.map_err(|cause| JobError::from_source(&cause))?;
    Ok(match call(app, &uri, &token).await {
        Ok(StatusCode::OK | StatusCode::NO_CONTENT) => Outcome::Delivered,
        Ok(StatusCode::BAD_REQUEST) => Outcome::Refused,
        Ok(status) => Outcome::Failed(format!("answered with status {}", status.as_u16())),
        Err(cause) => Outcome::Failed(error_chain(&cause)),
    })
}

async fn call(app: &App, uri: &str, token: &str) -> Result<StatusCode, CallError> {
    // A JWT needs no percent-encoding.
    let form = format!("logout_token={token}");
    Ok(app.outbound.post_form(&Url::parse(uri)?, form, TIMEOUT).await?)
}

/// Records the outcomes, and enqueues the next try for the clients that did not answer as they should.
async fn record(app: &App, notice: LogoutNotice, outcomes: Vec<(String, Outcome)>) -> Result<(), JobError> {
    let tries = notice.tries + 1;
    let next_wait = WAITS.get(notice.tries);
    let (mut events, mut left) = (Vec::new(), Vec::new());
    for (client_id, outcome) in outcomes {
        let event = |kind| Event::new(kind).client(&client_id).session(notice.sid);
        match outcome {
            Outcome::Delivered => {
                tracing::info!(client_id, tries, "a client was told that a session ended");
                events.push(event("logout.delivered").details(json!({ "tries": tries })));
            }
            Outcome::Refused => {
                tracing::warn!(client_id, tries, "a client refuses to be told that a session ended");
                events.push(event("logout.refused").details(json!({ "tries": tries })));
            }
            Outcome::Failed(cause) => {
                let again = next_wait.is_some();
                tracing::warn!(
                    client_id,
                    tries,
                    cause,
                    again,
                    "a client could not be told that a session ended"
                );
                if again {
                    left.push(client_id);
                } else {
                    events
                        .push(event("logout.undelivered").details(json!({ "tries": tries, "cause": cause })));
                }
            }
            Outcome::Unwanted => {}
        }
    }
    let next = next_wait.filter(|_| !left.is_empty());
    let next = next.map(|wait| {
        let notice = LogoutNotice { client_ids: left, tries, ..notice };
        Ok::<_, JobError>(
            notice
                .job(app)
                .map_err(|cause| JobError::from_source(&cause))?
                .not_before(app.clock.now() + *wait),
        )
    });
    let next = next.transpose()?;
    if events.is_empty() && next.is_none() {
        return Ok(());
    }
    app.write(&RequestContext::of_job(app), async |write| {
        audit::record_all(write, events).await?;
        if let Some(job) = next {
            job.enqueue(write).await?;
        }
        Ok::<_, JobError>(())
    })
    .await
}
