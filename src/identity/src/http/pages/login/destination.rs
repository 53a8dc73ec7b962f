//! Defines where a sign-in without an authorization request may lead: a closed list, so that no
//! parameter can name another place (ASVS 3.7.2).

use crate::login::{policy::AuthenticationRequirement, second_factor};

/// A page of ours that needs somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    Account,
    /// The authenticator app of one's own account.
    Totp,
    Passkeys,
    /// The same page, to change them.
    ChangePasskeys,
    /// The codes that stand in for a device.
    RecoveryCodes,
    /// What it says of its owner.
    Profile,
    Email,
    /// The link that changes its address.
    ConfirmEmail,
    Password,
    /// Where it is signed in.
    Sessions,
    /// What it has let in.
    Applications,
    /// What happened to it.
    Activity,
    /// Everything that is kept about it, to take away.
    Data,
    Delete,
    /// The way back from there.
    Restore,
}

impl Destination {
    /// The one with this word in `to`; anything else leads to the account.
    pub fn parse(word: Option<&str>) -> Self {
        match word {
            Some("totp") => Self::Totp,
            Some("passkeys") => Self::Passkeys,
            Some("change-passkeys") => Self::ChangePasskeys,
            Some("recovery-codes") => Self::RecoveryCodes,
            Some("profile") => Self::Profile,
            Some("email") => Self::Email,
            Some("confirm-email") => Self::ConfirmEmail,
            Some("password") => Self::Password,
            Some("sessions") => Self::Sessions,
            Some("applications") => Self::Applications,
            Some("activity") => Self::Activity,
            Some("data") => Self::Data,
            Some("delete") => Self::Delete,
            Some("restore") => Self::Restore,
            _ => Self::Account,
        }
    }

    /// Its word in `to`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Totp => "totp",
            Self::Passkeys => "passkeys",
            Self::ChangePasskeys => "change-passkeys",
            Self::RecoveryCodes => "recovery-codes",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::ConfirmEmail => "confirm-email",
            Self::Password => "password",
            Self::Sessions => "sessions",
            Self::Applications => "applications",
            Self::Activity => "activity",
            Self::Data => "data",
            Self::Delete => "delete",
            Self::Restore => "restore",
        }
    }

    pub const fn path(self) -> &'static str {
        match self {
            Self::Account => "/account",
            Self::Totp => "/account/totp",
            Self::Passkeys | Self::ChangePasskeys => "/account/passkeys",
            Self::RecoveryCodes => "/account/recovery-codes",
            Self::Profile => "/account/profile",
            Self::Email => "/account/email",
            Self::ConfirmEmail => "/confirm-email",
            Self::Password => "/account/password",
            Self::Sessions => "/account/sessions",
            Self::Applications => "/account/applications",
            Self::Activity => "/account/activity",
            Self::Data => "/account/data",
            Self::Delete => "/account/delete",
            Self::Restore => "/account/restore",
        }
    }

    /// What a session must have shown to be let in. `second` is whether the account has a second factor.
    pub fn requirement(self, second: bool) -> AuthenticationRequirement {
        match self {
            Self::Account
            | Self::Profile
            | Self::Passkeys
            | Self::Sessions
            | Self::Applications
            | Self::Activity => AuthenticationRequirement::default(),
            Self::Email
            | Self::ConfirmEmail
            | Self::Totp
            | Self::ChangePasskeys
            | Self::RecoveryCodes
            | Self::Password
            | Self::Data
            | Self::Delete
            | Self::Restore => second_factor::credential_change_requirement(second),
        }
    }
}
