//! Gives tokens to a sign-in through the first-party API, and takes them back at its sign-out.

use std::sync::Arc;

use async_trait::async_trait;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use tokio::{
    runtime::Handle,
    task::{JoinHandle, spawn_blocking},
};

use super::{
    Issue, IssueError, SignInScope, TokenError, TokenResponse,
    issue::{count, sign_all},
    keys::SignError,
    refresh_token, revocation,
};
use crate::{
    App,
    audit::{Event, Origin},
    clients::Client,
    grants::{self, Grant, NewGrant},
    login::attempt::{Completion, SignedInNow},
    pool::Busy,
    sessions::{self, Session},
    users::{self, User},
};

const BECAUSE: &str = "signed_out";

/// Makes the grant of a new API session, and its first refresh token, in the write that opens the session. First-party
/// clients need no consent.
pub struct NewApiSession<'a> {
    /// The client that signs somebody in.
    pub client: &'a Arc<Client>,
    /// What its grant allows, and what its first access token is for.
    pub scope: &'a SignInScope,
    /// Where the sign-in came from.
    pub origin: &'a Origin,
}

/// Tokens of a new API session. They are signed on a thread of their own while its write is committed, since both take
/// long, and handed out by [`first_tokens`] when it is.
pub struct Granted(JoinHandle<Result<TokenResponse, IssueError>>);

#[async_trait]
impl Completion for NewApiSession<'_> {
    type Made = Granted;

    async fn complete(
        &self,
        app: &App,
        tx: &Transaction,
        session: &Session,
        user: &User,
    ) -> Result<Granted, DatabaseError> {
        let Self { client, scope, origin } = self;
        let now = app.clock.now();
        let new = NewGrant {
            user_id: Some(user.id),
            client_id: client.client_id().to_owned(),
            sid: Some(session.sid),
            scope: scope.granted.scope.to_string(),
            resources: scope.granted.audiences.clone(),
            auth_time: Some(Timestamp::from_micros(session.auth_time)),
            acr: Some(session.acr.clone()),
            amr: crate::clients::read(session.amr.clone())?,
        };
        let grant = grants::new(app, new, now);
        tx.later(&grants::insertion(&grant));
        let first = refresh_token::first(app, client, &grant, now);
        if let Some(first) = &first {
            tx.later(&first.insertion);
        }
        let event = Event::new("grant.created")
            .user(user.id)
            .client(client.client_id())
            .session(session.sid)
            .grant(grant.id)
            .details(serde_json::json!({ "scope": grant.scope }));
        tx.later(&event.insertion(app, origin, now));
        let (app, client, user) = (app.clone(), Arc::clone(client), user.clone());
        let (target, refresh_token) = (scope.first.clone(), first.map(|first| first.token));
        let slow = app.keys().slow();
        let signing = async move {
            let (client, user, target) = (&*client, Some(&user), &target);
            let what = Issue { client, grant: (&grant).into(), user, target, nonce: None, refresh_token };
            sign_all(&app, what).await
        };
        // Slow signatures have threads of their own; quick ones would keep this one from the commit.
        let runtime = Handle::current();
        Ok(Granted(if slow {
            runtime.spawn(signing)
        } else {
            spawn_blocking(move || runtime.block_on(signing))
        }))
    }
}

/// The tokens of a sign-in that was completed with a [`NewApiSession`].
pub async fn first_tokens(signed_in: SignedInNow<Granted>) -> Result<TokenResponse, TokenError> {
    let signed = signed_in.made.0.await.map_err(|_panicked| IssueError::Sign(SignError::Busy(Busy)))??;
    count();
    Ok(signed)
}

/// Ends the session of a grant and the grant itself, `offline_access` or not: this is its own client
/// signing out. Another refresh token of the client ends with it.
pub async fn sign_out(
    app: &App,
    client: &Client,
    grant: &Grant,
    refresh_token: Option<&str>,
    origin: &Origin,
) -> Result<(), revocation::RevocationError> {
    let now = app.clock.now();
    app.db
        .write(async |tx| -> Result<(), DatabaseError> {
            if let Some(user_id) = grant.user_id {
                users::lock(tx, user_id).await?;
            }
            grants::revoke_and_record(app, tx, grant, BECAUSE, origin, now).await?;
            if let Some(sid) = grant.sid {
                sessions::end(app, tx, sid, BECAUSE, origin, now).await?;
            }
            Ok(())
        })
        .await?;
    match refresh_token {
        Some(token) => revocation::revoke(app, client, token, origin).await,
        None => Ok(()),
    }
}
