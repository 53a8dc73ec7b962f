//! Defines where a login without an authorization request may lead. The list is closed, so that no parameter
//! can name another target (ASVS 3.7.2).

use crate::login::{policy::AuthenticationRequirement, second_factor};

/// A page that requires a signed-in user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    Account,
    Totp,
    Passkeys,
    /// The page [`Self::Passkeys`], for adding and removing passkeys.
    ChangePasskeys,
    RecoveryCodes,
    Profile,
    Email,
    /// The page of the mailed link that changes the account's email.
    ConfirmEmail,
    Password,
    Sessions,
    /// The clients to which the user gave a grant.
    Applications,
    Activity,
    /// The export of the account's data.
    Data,
    Delete,
    /// Restores an account that was closed by [`Self::Delete`].
    Restore,
}

impl Destination {
    /// The one with this word in `to`; anything else leads to the account.
    pub fn from_query_value(value: Option<&str>) -> Self {
        match value {
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
    pub const fn query_value(self) -> &'static str {
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

    /// The path of the sign-in that leads here.
    pub fn login_path(self) -> String {
        format!("/login?to={}", self.query_value())
    }

    /// What a session must have shown to be let in. `second` is whether the account has a second factor.
    pub fn requirement(self, second_factor: bool) -> AuthenticationRequirement {
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
            | Self::Restore => second_factor::credential_change_requirement(second_factor),
        }
    }
}
