//! Lets people take with them what is kept about them, as one document. Nothing in it is a secret: of what an account
//! signs in with it says only that it is there.

use postern_entities::consents;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::{Value, json};

use super::{
    AccountError,
    activity::{self, Act},
    applications, password,
};
use crate::{
    App,
    audit::{Event, Origin},
    login::{passkey::enrolment, recovery_code, totp},
    sessions::{self, Principal, Session},
    users::User,
};

/// So many of the newest acts are in it.
pub const MOST_ACTS: u64 = 10_000;

/// The document, for somebody who proved lately who they are
/// ([`requirement_to_change`](crate::login::second_factor::requirement_to_change)). That it was asked for
/// is recorded.
pub async fn document(app: &App, principal: Principal<'_>, origin: &Origin) -> Result<Value, AccountError> {
    let (user, now) = (principal.user, app.clock.now());
    let sessions = sessions::live_of_user(app, user.id).await?;
    let applications = applications::list(app, user).await?;
    let activity = activity::list(app, user, None, MOST_ACTS).await?;
    let document = json!({
        "issuer": app.config.issuer,
        "exported_at": now.rfc3339(),
        "account": account(user),
        "sign_in": sign_in(app, user).await?,
        "sessions": sessions.iter().map(session).collect::<Vec<_>>(),
        "applications": applications.iter().map(|one| json!({
            "client_id": one.client_id,
            "name": one.name,
            "scope": one.scope.to_string(),
            "since": one.since.rfc3339(),
            "last": one.last.rfc3339(),
        })).collect::<Vec<_>>(),
        "consents": consents_of(app, user).await?,
        "activity": {
            "most": MOST_ACTS,
            "complete": activity.older.is_none(),
            "events": activity.acts.iter().map(act).collect::<Vec<_>>(),
        },
    });
    let event = Event::new("account.exported").user(user.id);
    principal
        .write(app, async |tx, _| -> Result<(), AccountError> {
            Ok(event.record(app, tx, origin, now).await?)
        })
        .await?;
    Ok(document)
}

fn time(micros: i64) -> String {
    Timestamp::from_micros(micros).rfc3339()
}

fn account(user: &User) -> Value {
    json!({
        "sub": user.subject,
        "email": user.email,
        "email_verified": user.email_verified,
        "profile": user.profile,
        "created_at": time(user.created_at),
        "updated_at": time(user.updated_at),
    })
}

async fn sign_in(app: &App, user: &User) -> Result<Value, AccountError> {
    let codes = recovery_code::left(app, user).await?;
    let passkeys = enrolment::list(app, user).await?;
    let passkeys = passkeys.iter().map(|passkey| {
        json!({
            "name": passkey.name,
            "created_at": time(passkey.created_at),
            "last_used_at": passkey.last_used_at.map(time),
        })
    });
    Ok(json!({
        "passkeys": passkeys.collect::<Vec<_>>(),
        "password": password::is_set(app, user).await?,
        "authenticator_since": totp::status(app, user).await?.map(Timestamp::rfc3339),
        "recovery_codes_left": codes,
    }))
}

fn session(session: &Session) -> Value {
    json!({
        "sid": session.sid,
        "kind": session.kind,
        "client_id": session.client_id,
        "created_at": time(session.created_at),
        "last_seen_at": time(session.last_seen_at),
        "expires_at": time(session.expires_at),
        "auth_time": time(session.auth_time),
        "acr": session.acr,
        "amr": session.amr,
        "ip": session.ip,
        "user_agent": session.user_agent,
    })
}

async fn consents_of(app: &App, user: &User) -> Result<Vec<Value>, DatabaseError> {
    let allowed = consents::Entity::find()
        .filter(consents::Column::UserId.eq(user.id))
        .order_by_asc(consents::Column::ClientId)
        .all(app.db.reader())
        .await?;
    let told = allowed.iter().map(|consent| {
        json!({
            "client_id": consent.client_id,
            "scope": consent.scope,
            "granted_at": time(consent.granted_at),
        })
    });
    Ok(told.collect())
}

fn act(act: &Act) -> Value {
    json!({
        "at": act.at.rfc3339(),
        "kind": act.kind,
        "method": act.method,
        "client_id": act.client_id,
        "by_operator": act.by_operator,
        "ip": act.ip,
        "user_agent": act.user_agent,
    })
}
