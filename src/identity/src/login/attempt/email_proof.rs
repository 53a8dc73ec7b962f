//! Answers whether a sign-in by a mailed code verifies the account's email for the first time, and records
//! the consequences.
//!
//! An account with an unverified email may have been made by a stranger, who imported it with a password or
//! had an operator add it. The user who reads the mailbox is the owner from now on. So the password ends, and
//! with it every access that the password may have opened. A second factor stays, because this sign-in has
//! verified it.

use postern_entities::users::{Column, Entity};
use postern_service::database::DatabaseError;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr};
use serde_json::json;

use super::{
    super::{LoginError, devices, policy::VerifiedFactor},
    VerifyParameters, store,
};
use crate::{
    app::App,
    audit::Event,
    core::Write,
    grants::{self, EndCause, GrantSelection},
    jobs::SealedJob,
    links, mail, passwords,
    sessions::{self, SessionSelection},
    users::User,
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
        let notice = mail::prepare_notice(app, &app.templates, user, "password-ended")?;
        Ok(Some(Self { method: by.method.clone(), notice }))
    }

    /// Records the verification, before the sign-in opens a session. The write must hold the user's row
    /// exclusively. True when a password was removed, with all access that it opened: then there is mail
    /// about it.
    pub(super) async fn record(
        self,
        write: &Write<'_>,
        verify: &VerifyParameters<'_>,
        user: &mut User,
    ) -> Result<bool, DatabaseError> {
        Entity::update_many()
            .col_expr(Column::EmailVerified, Expr::value(true))
            .col_expr(Column::UpdatedAt, Expr::value(write.now()))
            .filter(Column::Id.eq(user.id))
            .exec(write)
            .await?;
        user.email_verified = true;
        user.updated_at = write.now();
        let event = Event::new("email.verified").user(user.id).details(json!({ "method": self.method }));
        event.record(write).await?;
        if !passwords::remove(write, user.id).await? {
            return Ok(false);
        }
        // A link to change the email may have been requested by the stranger who knew the password.
        links::end_user_links(write, user.id).await?;
        store::end_of_user(write, user.id).await?;
        devices::forget_all(write, user.id).await?;
        // The session of this browser belongs to the reader of the mailbox, and continues.
        let own = verify.current_session.filter(|current| current.user.id == user.id);
        let own = own.map(|current| current.session.sid);
        sessions::end(
            write,
            SessionSelection::OfUser { user_id: user.id, kept_sid: own },
            EndCause::EmailProven,
        )
        .await?;
        grants::end(
            write,
            GrantSelection::OfUser { user_id: user.id, kept_sid: None },
            EndCause::EmailProven,
        )
        .await?;
        let details = json!({ "method": "password", "by": BECAUSE });
        let event = Event::new("credential.removed").user(user.id).details(details);
        event.record(write).await?;
        self.notice.enqueue(write).await?;
        Ok(true)
    }
}
