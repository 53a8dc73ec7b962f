//! Issues tokens for a sign-in through the first-party API, and revokes them at its sign-out.
//!
//! The grant, the session and the first refresh token are one write. Leaves authentication to
//! `login::attempt`, which calls [`NewApiSession`] in the write that opens the session, and signatures to
//! `issue`.

use std::sync::Arc;

use async_trait::async_trait;
use postern_service::database::DatabaseError;
use tokio::{
    runtime::Handle,
    task::{JoinHandle, spawn_blocking},
};

use super::{
    IssueError, IssueRequest, SignInTargets, TokenError, TokenResponse,
    issue::{count_issued, sign_tokens},
    refresh_token,
    revocation::{self, RevocationError},
};
use crate::{
    App,
    app::Completion,
    audit::Event,
    clients::Client,
    core::{Actor, RequestContext, Write},
    grants::{self, EndCause, Grant, GrantSelection, NewGrant},
    keys::SignError,
    pool::Busy,
    sessions::{self, Session},
    users::{self, User},
};

/// Creates the grant of a new API session and its first refresh token, in the write that opens the session.
/// First-party clients need no consent.
pub struct NewApiSession<'a> {
    /// The client through which the user signs in.
    pub client: &'a Arc<Client>,
    /// The target of the grant and that of the first access token.
    pub targets: &'a SignInTargets,
}

/// The tokens of a new API session while they are signed. The signature runs beside the commit, since both
/// take long. [`initial_tokens`] hands the tokens out after the commit.
pub struct PendingTokenResponse(JoinHandle<Result<TokenResponse, IssueError>>);

#[async_trait]
impl Completion for NewApiSession<'_> {
    type Output = PendingTokenResponse;

    async fn complete(
        &self,
        app: &App,
        write: &Write<'_>,
        session: &Session,
        user: &User,
    ) -> Result<PendingTokenResponse, DatabaseError> {
        let Self { client, targets } = self;
        let now = app.clock.now();
        let new = NewGrant {
            user_id: Some(user.id),
            client_id: client.client_id().to_owned(),
            sid: Some(session.sid),
            scope: targets.grant.scope.clone(),
            resources: targets.grant.audiences.clone(),
            auth_time: Some(session.auth_time),
            acr: Some(session.acr),
            amr: session.amr.clone(),
            ..NewGrant::default()
        };
        let grant = grants::new(app, new, now);
        write.defer(&grants::insert_statement(&grant));
        let first = refresh_token::new_for_grant(app, client, &grant, now);
        if let Some(first) = &first {
            write.defer(&first.insertion);
        }
        let event = Event::new("grant.created")
            .user(user.id)
            .client(client.client_id())
            .session(session.sid)
            .grant(grant.id)
            .details(serde_json::json!({ "scope": grant.scope }));
        write.defer(&event.insert_statement(app, write.context));
        let (app, client, user) = (app.clone(), Arc::clone(client), user.clone());
        let (target, refresh_token) = (targets.initial_token.clone(), first.map(|first| first.token));
        let slow = app.signing_keys.ring().signs_slowly();
        let signing = async move {
            let (client, user, target) = (&*client, Some(&user), &target);
            let request =
                IssueRequest { client, grant: (&grant).into(), user, target, nonce: None, refresh_token };
            sign_tokens(&app, request).await
        };
        // Slow signatures run on the signing pool. A quick signature gets a blocking thread, because it would
        // delay the commit on this one.
        let runtime = Handle::current();
        Ok(PendingTokenResponse(if slow {
            runtime.spawn(signing)
        } else {
            spawn_blocking(move || runtime.block_on(signing))
        }))
    }
}

/// The tokens of a sign-in that was completed by a [`NewApiSession`].
pub async fn initial_tokens(pending: PendingTokenResponse) -> Result<TokenResponse, TokenError> {
    let signed = pending.0.await.map_err(|_panicked| IssueError::Sign(SignError::Busy(Busy)))??;
    count_issued();
    Ok(signed)
}

/// Ends a grant and its session, even with `offline_access`: the first-party client itself signs out. Another
/// refresh token of the client is revoked too.
pub async fn sign_out(
    app: &App,
    client: &Client,
    grant: &Grant,
    refresh_token: Option<&str>,
    context: &RequestContext,
) -> Result<(), RevocationError> {
    end_with_session(app, grant, context).await?;
    match refresh_token {
        Some(token) => revocation::revoke(app, client, token, context).await,
        None => Ok(()),
    }
}

/// The same by a refresh token alone, which its client presents. One that nobody knows, or of a grant that has ended, counts
/// as signed out already (RFC 7009 section 2.2). One that was rotated long ago may be a thief's: it signs nobody out.
pub async fn sign_out_by_refresh_token(
    app: &App,
    client: &Client,
    token: &str,
    context: &RequestContext,
) -> Result<(), TokenError> {
    let reader = app.db.reader();
    let Some(row) = refresh_token::find_row(reader, token).await? else { return Ok(()) };
    let Some(grant) = grants::find(reader, row.grant_id).await? else { return Ok(()) };
    if grant.client_id != client.client_id() {
        return Err(TokenError::UnknownRefreshToken);
    }
    if grant.revoked_at.is_some() {
        return Ok(());
    }
    refresh_token::reject_reused(app, &row, context).await?;
    let by_owner = grant.user_id.map(|user_id| context.clone().by(Actor::User(user_id)));
    Ok(end_with_session(app, &grant, by_owner.as_ref().unwrap_or(context)).await?)
}

/// A grant that ended before ends no session: its tokens must not reach what they no longer belong to.
async fn end_with_session(app: &App, grant: &Grant, context: &RequestContext) -> Result<(), DatabaseError> {
    app.write(context, async |write| {
        if let Some(user_id) = grant.user_id {
            users::lock(write, user_id).await?;
        }
        let ended = grants::end(write, GrantSelection::One(grant.id), EndCause::SignedOut).await?;
        if let (false, Some(sid)) = (ended.is_empty(), grant.sid) {
            sessions::lock_user_and_end(write, sid, EndCause::SignedOut).await?;
        }
        Ok(())
    })
    .await
}
