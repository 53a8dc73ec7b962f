//! Enqueues the notices by which clients learn that a session ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! [`super::end`] calls this in the write that ends the sessions, so there is a notice exactly if that write was
//! committed. The clients of a session are those that have a grant of it: they have its `sid` from an ID token.
//! Leaves the sending to `authorization::backchannel_logout`.

use std::time::Duration;

use postern_entities::{clients, grants, users};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ConnectionTrait as _, DbErr, FromQueryResult,
    sea_query::{Expr, ExprTrait as _, Order, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    core::{Core, Write},
    crypto::CryptoError,
    jobs::{self, NewJob, SealedJob},
};

/// The kind of the job that sends a notice.
pub const JOB: &str = "backchannel_logout";

/// The provider itself may have stood still: a late notice is better than none, until apps have ended their
/// sessions by themselves.
const GIVE_UP_AFTER: Duration = Duration::from_hours(1);

/// Clients of one job, so that its run ends in time however many clients a session has.
const MAX_CLIENTS: usize = 48;

/// A session that ended, and the clients that are still to be told: the payload of the job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogoutNotice {
    pub sid: Uuid,
    pub subject: Uuid,
    pub client_ids: Vec<String>,
    pub ended_at: Timestamp,
    /// How often these clients were tried before.
    pub tries: usize,
}

impl LogoutNotice {
    /// The job that sends the notice.
    pub fn job(&self, core: &Core) -> Result<SealedJob, CryptoError> {
        let job = NewJob { kind: JOB, payload: json!(self), give_up_at: self.ended_at + GIVE_UP_AFTER };
        job.seal(core)
    }
}

#[derive(FromQueryResult)]
struct Recipient {
    sid: Uuid,
    subject: Uuid,
    client_id: String,
}

/// Enqueues a job for each of the sessions that has a client to be told.
pub(super) async fn enqueue(write: &Write<'_>, sids: &[Uuid]) -> Result<(), DatabaseError> {
    let recipients = recipients(write, sids).await?;
    let mut jobs = Vec::new();
    for of_session in recipients.chunk_by(|one, next| one.sid == next.sid) {
        for some in of_session.chunks(MAX_CLIENTS) {
            let notice = LogoutNotice {
                sid: some[0].sid,
                subject: some[0].subject,
                client_ids: some.iter().map(|recipient| recipient.client_id.clone()).collect(),
                ended_at: write.now(),
                tries: 0,
            };
            jobs.push(notice.job(write.core).map_err(|cause| DbErr::Custom(cause.to_string()))?);
        }
    }
    jobs::enqueue_all(write, jobs).await
}

/// The enabled clients of the sessions that have a back-channel address, in one statement, by session.
async fn recipients(write: &Write<'_>, sids: &[Uuid]) -> Result<Vec<Recipient>, DatabaseError> {
    use clients::Column as Client;
    use grants::Column as Grant;
    use users::Column as User;
    let statement = Query::select()
        .distinct()
        .column((grants::Entity, Grant::Sid))
        .column((users::Entity, User::Subject))
        .column((grants::Entity, Grant::ClientId))
        .from(grants::Entity)
        .inner_join(
            clients::Entity,
            Expr::col((clients::Entity, Client::ClientId)).equals((grants::Entity, Grant::ClientId)),
        )
        .inner_join(
            users::Entity,
            Expr::col((users::Entity, User::Id)).equals((grants::Entity, Grant::UserId)),
        )
        .and_where(Expr::col((grants::Entity, Grant::Sid)).is_in(sids.iter().copied()))
        .and_where(Expr::col((clients::Entity, Client::BackchannelLogoutUri)).is_not_null())
        .and_where(Expr::col((clients::Entity, Client::DisabledAt)).is_null())
        .order_by((grants::Entity, Grant::Sid), Order::Asc)
        .order_by((grants::Entity, Grant::ClientId), Order::Asc)
        .to_owned();
    let rows = write.query_all(&statement).await?;
    Ok(rows.iter().map(|row| Recipient::from_query_result(row, "")).collect::<Result<_, _>>()?)
}
