//! Changes the standard claims of a person's own account (OpenID Connect Core section 5.1).
//!
//! Claims that the provider vouches for (`email`, `email_verified`, `phone_number_verified`) cannot be
//! changed here: a new phone number is unverified, and the email changes in
//! [`email_change`](super::email_change). Leaves to [`Profile::validate`] which values are allowed.

use postern_entities::users as rows;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set};
use serde_json::json;

use super::AccountError;
use crate::{
    App,
    audit::Event,
    claims::{InvalidClaim, Profile, ProfileChange},
    core::RequestContext,
    sessions::Principal,
    users::User,
};

/// Every claim that would be invalid after the change, for a form that shows all mistakes at once.
pub fn mistakes(user: &User, change: &ProfileChange) -> Result<Vec<InvalidClaim>, AccountError> {
    Ok(Profile::from_column(user.profile.clone())?.with_changes(change).mistakes())
}

/// Changes claims of the account. The user row is locked, so that concurrent changes do not overwrite each
/// other.
pub async fn change(
    app: &App,
    principal: Principal<'_>,
    change: ProfileChange,
    context: &RequestContext,
) -> Result<User, AccountError> {
    let now = context.now;
    principal
        .write_exclusive(app, context, async |write, mut row| {
            let before = Profile::from_column(row.profile.clone())?;
            let after = before.with_changes(&change).validate()?;
            if after == before {
                return Ok(row);
            }
            let details = json!({ "claims": before.differing_claims(&after) });
            row.profile = json!(after);
            row.updated_at = now;
            let stored = rows::ActiveModel {
                id: Set(row.id),
                profile: Set(row.profile.clone()),
                updated_at: Set(row.updated_at),
                ..Default::default()
            };
            stored.update(write).await?;
            let event = Event::new("profile.changed").user(row.id).details(details);
            event.record(write).await?;
            Ok(row)
        })
        .await
}
