//! Answers how an account is protected, and which one step would help most.
//!
//! Reads what exists in a fixed number of statements, whatever the account has. [`SecurityAdvice::of`] is pure.

use postern_service::clock::Timestamp;

use super::{AccountError, password};
use crate::{
    App,
    login::{
        self, passkey,
        recovery_code::{self, RecoveryCodeStatus},
        second_factor, totp,
    },
    readable,
    sessions::{self, SignedInUser},
};

/// With so many codes left it is time for new ones.
const FEW_CODES: usize = 3;

/// How an account is protected.
pub struct SecuritySummary {
    pub passkeys: usize,
    pub password: bool,
    pub authenticator: bool,
    /// The unused recovery codes; none where they have no use, because the account has no second factor.
    pub recovery_codes: Option<RecoveryCodeStatus>,
    /// Signed in now, this browser included; at most a hundred are counted.
    pub sessions: usize,
    /// The sign-in before the one of this session, as far as it has not ended.
    pub other_sign_in: Option<OtherSignIn>,
    pub next_step: Option<SecurityAdvice>,
}

/// The newest sign-in elsewhere.
pub struct OtherSignIn {
    pub at: Timestamp,
    /// The app by its name, or the browser as people know it.
    pub device: Option<String>,
}

/// What would help an account most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityAdvice {
    /// A lost device would lock its owner out.
    MakeRecoveryCodes,
    AddPasskey,
    /// Where passkeys are not offered.
    SetUpAuthenticator,
    RenewRecoveryCodes,
}

/// What the account has and could have.
#[derive(Clone, Copy, Default)]
struct Protection {
    passkeys: usize,
    passkeys_offered: bool,
    authenticator: bool,
    authenticator_offered: bool,
    /// None where they cannot be made.
    recovery_codes: Option<RecoveryCodeStatus>,
}

impl SecurityAdvice {
    /// The way back in comes first, then the better way in.
    const fn of(has: Protection) -> Option<Self> {
        let Protection { passkeys, passkeys_offered, authenticator, authenticator_offered, recovery_codes } =
            has;
        match recovery_codes {
            Some(RecoveryCodeStatus { unused: 0, .. } | RecoveryCodeStatus { kept: false, .. }) => {
                Some(Self::MakeRecoveryCodes)
            }
            _ if passkeys == 0 && passkeys_offered => Some(Self::AddPasskey),
            _ if passkeys == 0 && !authenticator && authenticator_offered => Some(Self::SetUpAuthenticator),
            Some(set) if set.unused <= FEW_CODES => Some(Self::RenewRecoveryCodes),
            _ => None,
        }
    }
}

/// The summary of the signed-in account.
pub async fn load(app: &App, signed_in: &SignedInUser) -> Result<SecuritySummary, AccountError> {
    let SignedInUser { session, user } = signed_in;
    let passkeys = passkey::enrolment::list(app, user).await?.len();
    let has_device = second_factor::first_device(app, user).await?.is_some();
    let recovery_codes = match has_device && login::method_available(app, "recovery-code") {
        true => Some(recovery_code::status(app, user).await?),
        false => None,
    };
    let live = sessions::live_of_user(app, user.id).await?;
    let newest = live.iter().filter(|other| other.sid != session.sid).max_by_key(|other| other.auth_time);
    let clients = app.clients();
    let other_sign_in = newest.map(|other| {
        let client = other.client_id.as_deref().and_then(|id| clients.find(id)).map(|it| it.row.name.clone());
        let browser = || other.user_agent.as_deref().map(readable::device_name);
        OtherSignIn { at: other.auth_time, device: client.or_else(browser) }
    });
    let authenticator = totp::status(app, user).await?.is_some();
    let protection = Protection {
        passkeys,
        passkeys_offered: login::method_available(app, "passkey"),
        authenticator,
        authenticator_offered: login::method_available(app, "totp"),
        recovery_codes,
    };
    Ok(SecuritySummary {
        passkeys,
        password: password::has_password(app, user).await?,
        authenticator,
        recovery_codes,
        sessions: live.len(),
        other_sign_in,
        next_step: SecurityAdvice::of(protection),
    })
}

#[cfg(test)]
mod tests {
    use super::{Protection, RecoveryCodeStatus, SecurityAdvice};

    #[test]
    fn the_way_back_in_comes_before_the_better_way_in() {
        let all = Protection { passkeys_offered: true, authenticator_offered: true, ..Protection::default() };
        let without_passkeys = Protection { passkeys_offered: false, ..all };
        let codes = |unused| Some(RecoveryCodeStatus { unused, kept: true });
        let lost = Some(RecoveryCodeStatus { unused: 10, kept: false });
        for (has, step) in [
            (Protection { recovery_codes: codes(0), ..all }, Some(SecurityAdvice::MakeRecoveryCodes)),
            (Protection { recovery_codes: lost, ..all }, Some(SecurityAdvice::MakeRecoveryCodes)),
            (
                Protection { recovery_codes: codes(10), authenticator: true, ..all },
                Some(SecurityAdvice::AddPasskey),
            ),
            (all, Some(SecurityAdvice::AddPasskey)),
            (without_passkeys, Some(SecurityAdvice::SetUpAuthenticator)),
            (Protection { authenticator: true, ..without_passkeys }, None),
            (Protection::default(), None),
            (
                Protection { passkeys: 1, recovery_codes: codes(3), ..all },
                Some(SecurityAdvice::RenewRecoveryCodes),
            ),
            (Protection { passkeys: 1, recovery_codes: codes(4), ..all }, None),
        ] {
            assert_eq!(SecurityAdvice::of(has), step);
        }
    }
}
