//! Lets people set the password of their own account while they are signed in.

use serde_json::json;
use uuid::Uuid;

use super::{AccountError, known_words, links};
use crate::{
    App,
    audit::{Event, Origin},
    grants,
    login::{attempt, totp},
    mail::{self, Letter},
    passwords::{self, Password, Weakness},
    sessions,
    users::User,
};

const BECAUSE: &str = "password_changed";

/// Whether the account has one.
pub async fn is_set(app: &App, user: &User) -> Result<bool, AccountError> {
    Ok(passwords::find(app, app.db.reader(), Some(user.id)).await?.is_some())
}

/// Sets a password, for somebody who proved lately who they are ([`totp::requirement_to_change`]). Every other session
/// ends and every grant, because whoever knew the old password may have made them; the account is told by mail.
pub async fn change(
    app: &App,
    user: &User,
    kept: Option<Uuid>,
    password: &str,
    language: &str,
    origin: &Origin,
) -> Result<(), AccountError> {
    let now = app.clock.now();
    let password = checked(app, user, password).await?;
    let password = passwords::seal(app, user.id, &passwords::hash(app, &password).await?, now)?;
    let told = Letter { to: Some(&user.email), template: "password-changed", language, path: None };
    let told = mail::letter(app, told)?;
    app.db
        .write(async |tx| -> Result<(), AccountError> {
            password.store(tx).await?;
            links::end_of_user(tx, user.id, now).await?;
            attempt::end_of_user(tx, user.id, now).await?;
            sessions::end_all_but(app, tx, user.id, kept, BECAUSE, origin, now).await?;
            grants::revoke_of_user(app, tx, user.id, BECAUSE, now).await?;
            let event = Event::new("credential.changed").user(user.id).session(kept);
            let event = event.details(json!({ "method": "password", "by": BECAUSE }));
            event.record(app, tx, origin, now).await?;
            told.enqueue(tx).await?;
            Ok(())
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// A typed password that this account may have.
pub(super) async fn checked(app: &App, user: &User, typed: &str) -> Result<Password, AccountError> {
    let password = Password::typed(typed).ok_or(Weakness::TooLong)?;
    let second_factor = totp::status(app, user).await?.is_some();
    let name = user.profile["name"].as_str();
    passwords::check(app, &password, second_factor, &known_words(app, &user.email, name)).await??;
    Ok(password)
}
