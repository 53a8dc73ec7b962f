//! Answers whether a sign-in by a mailed code verifies the account's email for the first time, and records
//! the consequences.
//!
//! An account with an unverified email may have been made by a stranger, who imported it with a password or
//! had an operator add it. The user who reads the mailbox is the owner from now on. So the password ends, and
//! with it every access that the password may have opened. A second factor stays, because this sign-in has
//! verified it.

use postern_entities::users::{Column, Entity};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr};
use serde_json::json;

use super::{
    super::{LoginError, devices, policy::VerifiedFactor},
    VerifyParameters, store,
};
use crate::{
    accounts, app::App, audit::Event, grants, jobs::SealedJob, mail, passwords, sessions, users::User,
};

const BECAUSE: &str = "address_proven";

/// An email that is verified for the first time.
pub(super) struct EmailProof {
    method: String,
    notice: SealedJob,
}

impl EmailProof {
    /// The first verification of the user's email by one of these factors; none when the email was verified
    /// before.
    pub(super) fn from_factors(
        app: &App,
        user: &User,
        shown: &[VerifiedFactor],
    ) -> Result<Option<Self>, LoginError> {
        let proves = |shown: &&VerifiedFactor| {
            let method = app.login_methods.find(app, &shown.method);
            method.is_ok_and(|method| method.proves_email())
        };
        let Some(by) = shown.iter().find(proves).filter(|_| !user.email_verified) else { return Ok(None) };
        let notice = mail::prepare_notice(app, user, "password-ended")?;
        Ok(Some(Self { method: by.method.clone(), notice }))
    }

    /// Records the verification, before the sign-in opens a session. The write must hold the user's row
    /// exclusively. True when a password was removed, with all access that it opened: then there is mail
    /// about it.
    pub(super) async fn record(
        self,
        app: &App,
        tx: &Transaction,
        verify: &VerifyParameters<'_>,
        user: &mut User,
        now: Timestamp,
    ) -> Result<bool, DatabaseError> {
        Entity::update_many()
            .col_expr(Column::EmailVerified, Expr::value(true))
            .col_expr(Column::UpdatedAt, Expr::value(now.micros()))
            .filter(Column::Id.eq(user.id))
            .exec(tx)
            .await?;
        user.email_verified = true;
        user.updated_at = now.micros();
        let event = Event::new("email.verified").user(user.id).details(json!({ "method": self.method }));
        event.record(app, tx, verify.origin, now).await?;
        if !passwords::remove(tx, user.id).await? {
            return Ok(false);
        }
        // A link to change the email may have been requested by the stranger who knew the password.
        accounts::end_links(tx, user.id, now).await?;
        store::end_of_user(tx, user.id, now).await?;
        devices::forget_all(tx, user.id).await?;
        // The session of this browser belongs to the reader of the mailbox, and continues.
        let own = verify.current_session.filter(|current| current.user.id == user.id);
        let own = own.map(|current| current.session.sid);
        sessions::end_all_except(app, tx, user.id, own, BECAUSE, verify.origin, now).await?;
        grants::revoke_user_grants(tx, user.id, None, BECAUSE, now).await?;
        let details = json!({ "method": "password", "by": BECAUSE });
        let event = Event::new("credential.removed").user(user.id).details(details);
        event.record(app, tx, verify.origin, now).await?;
        self.notice.enqueue(tx).await?;
        Ok(true)
    }
}
