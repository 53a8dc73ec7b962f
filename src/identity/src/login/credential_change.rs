//! Defines a change of how an account signs in, and what ends with it.
//!
//! Whoever got into the account by the former way may have sessions, access of apps, sign-ins in progress, devices that
//! count as known, and a mailed link that would give the account another address. So a change ends all of that, but for the
//! session that makes it, unless the account's owner says otherwise (OWASP ASVS 7.4.3). A password that is reset leaves
//! nothing, whatever anybody says.

use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use uuid::Uuid;

use super::{attempt, devices};
use crate::{
    App, accounts,
    audit::Origin,
    grants,
    sessions::{self, Principal},
};

/// What a change of a second factor is called in the record of what it ended.
pub(super) const CREDENTIAL_CHANGED: &str = "credential_changed";

/// A change that an account's owner asks for, who proved lately who they are
/// ([`requirement_to_change`](super::second_factor::requirement_to_change)).
#[derive(Clone, Copy, Debug)]
pub struct CredentialChange<'a> {
    /// Who asks for it.
    pub principal: Principal<'a>,
    /// Whether everything else is signed out.
    pub ends_others: bool,
    /// Where the request came from.
    pub origin: &'a Origin,
}

impl<'a> CredentialChange<'a> {
    /// The end of everything else.
    pub fn ending(&self, because: &'static str) -> Ending<'a> {
        let (user_id, kept) = (self.principal.user.id, self.principal.sid());
        Ending { user_id, kept, because, origin: self.origin }
    }

    /// Ends everything else, if it is to end. The write holds the user exclusively.
    pub async fn end_others(
        &self,
        app: &App,
        tx: &Transaction,
        because: &'static str,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        match self.ends_others {
            true => self.ending(because).end(app, tx, now).await,
            false => Ok(()),
        }
    }
}

/// The end of whatever is open of an account.
pub struct Ending<'a> {
    /// The account.
    pub user_id: Uuid,
    /// The session that stays, with its grants.
    pub kept: Option<Uuid>,
    /// Why, for the record.
    pub because: &'static str,
    /// Who did it, from where.
    pub origin: &'a Origin,
}

impl Ending<'_> {
    /// Ends it, in the order in which a sign-in takes the rows, so that neither waits for the other in a circle. The
    /// write holds the user exclusively.
    pub async fn end(&self, app: &App, tx: &Transaction, now: Timestamp) -> Result<(), DatabaseError> {
        let Self { user_id, kept, because, origin } = *self;
        accounts::end_links(tx, user_id, now).await?;
        attempt::end_of_user(tx, user_id, now).await?;
        devices::forget(tx, user_id).await?;
        sessions::end_all_but(app, tx, user_id, kept, because, origin, now).await?;
        grants::revoke_of_user(tx, user_id, kept, because, now).await?;
        Ok(())
    }
}
