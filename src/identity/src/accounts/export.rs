//! Exports the personal data of an account as one document. The document holds no secret: of each credential
//! it states only that the credential exists.

use postern_entities::consents;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::{Value, json};

use super::{
    AccountError,
    activity::{self, ActivityEvent},
    applications, password,
};
use crate::{
    App,
    audit::Event,
    core::RequestContext,
    login::{passkey::enrolment, recovery_code, totp},
    sessions::{self, Principal, Session},
    users::User,
};

/// The export holds at most this many of the newest events.
pub const MAX_EVENTS: u64 = 10_000;

/// Builds the export. The caller has checked recent authentication
/// ([`credential_change_requirement`](crate::login::second_factor::credential_change_requirement)). The
/// export itself is recorded as an audit event.
pub async fn document(
    app: &App,
    principal: Principal<'_>,
    context: &RequestContext,
) -> Result<Value, AccountError> {
    let (user, now) = (principal.user, context.now);
    let sessions = sessions::live_of_user(app, user.id).await?;
    let applications = applications::list(app, user).await?;
    let activity = activity::list(app, user, None, MAX_EVENTS).await?;
    let document = json!({
        "issuer": app.config.issuer,
        "exported_at": now.rfc3339(),
        "account": account_json(user),
        "sign_in": sign_in_json(app, user).await?,
        "sessions": sessions.iter().map(session_json).collect::<Vec<_>>(),
        "applications": applications.iter().map(|one| json!({
            "client_id": one.client_id,
            "name": one.name,
            "scope": one.scope.to_string(),
            "since": one.first_granted_at.rfc3339(),
            "last": one.last_granted_at.rfc3339(),
        })).collect::<Vec<_>>(),
        "consents": consents_json(app, user).await?,
        "activity": {
            "most": MAX_EVENTS,
            "complete": activity.next.is_none(),
            "events": activity.rows.iter().map(event_json).collect::<Vec<_>>(),
        },
    });
    let event = Event::new("account.exported").user(user.id);
    principal
        .write(app, context, async |write, _| -> Result<(), AccountError> { Ok(event.record(write).await?) })
        .await?;
    Ok(document)
}

fn account_json(user: &User) -> Value {
    json!({
        "sub": user.subject,
        "email": user.email,
        "email_verified": user.email_verified,
        "profile": user.profile,
        "created_at": user.created_at.rfc3339(),
        "updated_at": user.updated_at.rfc3339(),
    })
}

async fn sign_in_json(app: &App, user: &User) -> Result<Value, AccountError> {
    let codes = recovery_code::remaining(app, user).await?;
    let passkeys = enrolment::list(app, user).await?;
    let passkeys = passkeys.iter().map(|passkey| {
        json!({
            "name": passkey.name,
            "created_at": passkey.created_at.rfc3339(),
            "last_used_at": passkey.last_used_at.map(Timestamp::rfc3339),
        })
    });
    Ok(json!({
        "passkeys": passkeys.collect::<Vec<_>>(),
        "password": password::has_password(app, user).await?,
        "authenticator_since": totp::status(app, user).await?.map(Timestamp::rfc3339),
        "recovery_codes_left": codes,
    }))
}

fn session_json(session: &Session) -> Value {
    json!({
        "sid": session.sid,
        "kind": session.kind,
        "client_id": session.client_id,
        "created_at": session.created_at.rfc3339(),
        "last_seen_at": session.last_seen_at.rfc3339(),
        "expires_at": session.expires_at.rfc3339(),
        "auth_time": session.auth_time.rfc3339(),
        "acr": session.acr,
        "amr": session.amr,
        "ip": session.ip,
        "user_agent": session.user_agent,
    })
}

async fn consents_json(app: &App, user: &User) -> Result<Vec<Value>, DatabaseError> {
    let rows = consents::Entity::find()
        .filter(consents::Column::UserId.eq(user.id))
        .order_by_asc(consents::Column::ClientId)
        .all(app.db.reader())
        .await?;
    let entries = rows.iter().map(|consent| {
        json!({
            "client_id": consent.client_id,
            "scope": consent.scope,
            "granted_at": consent.granted_at.rfc3339(),
        })
    });
    Ok(entries.collect())
}

fn event_json(event: &ActivityEvent) -> Value {
    json!({
        "at": event.occurred_at.rfc3339(),
        "kind": event.kind,
        "method": event.method,
        "client_id": event.client_id,
        "by_operator": event.by_operator,
        "ip": event.ip,
        "user_agent": event.user_agent,
    })
}
