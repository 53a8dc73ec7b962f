//! Gives tokens to a sign-in through the first-party API, and takes them back at its sign-out.

use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::StatementBuilder;

use super::{Issue, Resolved, TokenError, TokenResponse, issue, refresh_token, revocation};
use crate::{
    App,
    audit::{Event, Origin},
    clients::Client,
    grants::{self, Grant, NewGrant},
    sessions::{self, Session},
    users::User,
};

const BECAUSE: &str = "signed_out";

/// Makes the grant of a new API session, and tokens under it. First-party clients need no consent.
pub async fn sign_in(
    app: &App,
    client: &Client,
    session: &Session,
    user: &User,
    resolved: &Resolved,
    origin: &Origin,
) -> Result<TokenResponse, TokenError> {
    let now = app.clock.now();
    let new = NewGrant {
        user_id: Some(user.id),
        client_id: client.client_id().to_owned(),
        sid: Some(session.sid),
        scope: resolved.scope.to_string(),
        resources: resolved.audiences.clone(),
        auth_time: Some(Timestamp::from_micros(session.auth_time)),
        acr: Some(session.acr.clone()),
        amr: crate::clients::read(session.amr.clone())?,
    };
    let grant = grants::new(app, new, now);
    let first = refresh_token::first(app, client, &grant, now);
    let event = Event::new("grant.created")
        .user(user.id)
        .client(client.client_id())
        .session(session.sid)
        .grant(grant.id)
        .details(serde_json::json!({ "scope": grant.scope }));
    let (grant_row, event_row) = (grants::insertion(&grant), event.insertion(app, origin, now));
    let mut rows: Vec<&dyn StatementBuilder> = vec![&grant_row, &event_row];
    rows.extend(first.iter().map(|first| &first.insertion as &dyn StatementBuilder));
    app.db.write_together(&rows, |_| true).await?;
    let refresh_token = first.map(|first| first.token);
    let what =
        Issue { client, grant: (&grant).into(), user: Some(user), resolved, nonce: None, refresh_token };
    Ok(issue(app, what).await?)
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
