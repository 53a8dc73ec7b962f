//! Takes note that a sign-in by a mailed code proves the address of its account.
//!
//! Until somebody proved the address, its account may be a stranger's, who brought it and its password along with an import
//! or had an operator add it. Whoever reads the mailbox is its owner from now on: the password ends, and with it everything
//! that it may have opened. A second factor stays: it was shown in this sign-in.

use postern_entities::users::{Column, Entity};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr};
use serde_json::json;

use super::{
    super::{LoginError, devices, policy::Shown},
    Verify, store,
};
use crate::{
    accounts, app::App, audit::Event, grants, jobs::SealedJob, mail, passwords, sessions, users::User,
};

const BECAUSE: &str = "address_proven";

/// An address that is proven for the first time.
pub(super) struct AddressProof {
    method: String,
    notice: SealedJob,
}

impl AddressProof {
    /// What these factors prove of the user's address; nothing where it was proven before.
    pub(super) fn of(app: &App, user: &User, shown: &[Shown]) -> Result<Option<Self>, LoginError> {
        let proves = |shown: &&Shown| {
            let method = app.login_methods.find(app, &shown.method);
            method.is_ok_and(|method| method.proves_email())
        };
        let Some(by) = shown.iter().find(proves).filter(|_| !user.email_verified) else { return Ok(None) };
        let notice = mail::notice(app, user, "password-ended")?;
        Ok(Some(Self { method: by.method.clone(), notice }))
    }

    /// Records it for the user, whose row the write holds, before the sign-in opens a session. Whether a password ended,
    /// with everything that it opened: then there is mail about it.
    pub(super) async fn record(
        self,
        app: &App,
        tx: &Transaction,
        verify: &Verify<'_>,
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
        // One for another address may have been asked for by whoever had the password.
        accounts::end_links(tx, user.id, now).await?;
        store::end_of_user(tx, user.id, now).await?;
        devices::forget(tx, user.id).await?;
        // The session of this browser is its reader's, and goes on.
        let own = verify.current.filter(|current| current.user.id == user.id);
        let own = own.map(|current| current.session.sid);
        sessions::end_all_but(app, tx, user.id, own, BECAUSE, verify.origin, now).await?;
        grants::revoke_of_user(tx, user.id, None, BECAUSE, now).await?;
        let details = json!({ "method": "password", "by": BECAUSE });
        let event = Event::new("credential.removed").user(user.id).details(details);
        event.record(app, tx, verify.origin, now).await?;
        self.notice.enqueue(tx).await?;
        Ok(true)
    }
}
