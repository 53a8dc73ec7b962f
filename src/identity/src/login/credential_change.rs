//! Defines a change of an account's credentials, and what access ends with it.
//!
//! An attacker who had access by the former credentials may hold sessions, grants, attempts, known devices,
//! and a mailed link that would change the account's email. So a change ends all of these, except the session
//! that makes the change, unless the account's owner chooses otherwise (OWASP ASVS 7.4.3). A password reset
//! always ends everything.

use postern_service::database::DatabaseError;
use uuid::Uuid;

use super::{attempt, devices};
use crate::{
    core::{RequestContext, Write},
    grants::{self, EndCause, GrantSelection},
    links,
    sessions::{self, Principal, SessionSelection},
};

/// A change that the account's owner requests after a recent authentication
/// ([`credential_change_requirement`](super::second_factor::credential_change_requirement)).
#[derive(Clone, Copy, Debug)]
pub struct CredentialChange<'a> {
    pub principal: Principal<'a>,
    /// Whether all other access ends: the owner's choice.
    pub ends_others: bool,
    pub context: &'a RequestContext,
}

impl CredentialChange<'_> {
    /// The termination of all other access, for this cause.
    pub fn termination(&self, cause: EndCause) -> AccessTermination {
        let (user_id, kept) = (self.principal.user.id, self.principal.sid());
        AccessTermination { user_id, kept_session: kept, cause }
    }

    /// Ends all other access if the owner chose so. The write must hold the user's row exclusively.
    pub async fn end_others(&self, write: &Write<'_>, cause: EndCause) -> Result<(), DatabaseError> {
        match self.ends_others {
            true => self.termination(cause).apply(write).await,
            false => Ok(()),
        }
    }
}

/// The termination of an account's access: mailed links, attempts, known devices, sessions and grants.
pub struct AccessTermination {
    pub user_id: Uuid,
    /// The session that continues, with its grants; none ends every session.
    pub kept_session: Option<Uuid>,
    pub cause: EndCause,
}

impl AccessTermination {
    /// Ends the access. The order of the tables is the order in which a sign-in locks their rows, so that no
    /// deadlock can arise. The write must hold the user's row exclusively.
    pub async fn apply(&self, write: &Write<'_>) -> Result<(), DatabaseError> {
        links::end_user_links(write, self.user_id).await?;
        self.apply_but_for_links(write).await
    }

    /// Ends the access and leaves mailed links as they are. The write must hold the user's row exclusively.
    pub async fn apply_but_for_links(&self, write: &Write<'_>) -> Result<(), DatabaseError> {
        let Self { user_id, kept_session: kept, cause } = *self;
        attempt::end_attempts_of_user(write, user_id).await?;
        devices::forget_all(write, user_id).await?;
        sessions::end(write, SessionSelection::OfUser { user_id, kept_sid: kept }, cause).await?;
        grants::end(write, GrantSelection::OfUser { user_id, kept_sid: kept }, cause).await?;
        Ok(())
    }
}
