//! Records the device of a completed sign-in, and notifies the account's owner of a new device or of failures
//! at the second factor after a right password.
//!
//! Leaves to [`devices`] the rows and the rule of what a new device is.

use postern_service::{clock::Timestamp, database::DatabaseError};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::{
    super::{LoginError, devices},
    VerifyParameters,
};
use crate::{
    app::App,
    core::{RequestContext, Write},
    crypto::{self, CryptoError},
    links::owner_notice::{self, NoticeDetails, OwnerNotice},
    rate_limit::{self, Limit, TakeOutcome},
    sessions::SessionKind,
    users::User,
};

/// The device of a sign-in, by its secret alone.
pub(super) struct SignInDevice<'a> {
    /// The secret that the request carried, or a new one for a browser; none for an app that sent no secret.
    secret: Option<SecretString>,
    context: &'a RequestContext,
}

/// The device of a sign-in in relation to one account, read before the write.
pub(super) struct AccountDevice<'a> {
    secret: SecretString,
    pub(super) known: bool,
    /// The request from whose network and user agent the secret was derived; none when the device has a random secret.
    derived_from: Option<&'a RequestContext>,
}

/// A device that the account remembers.
pub(super) struct RememberedDevice {
    /// The secret by which the account recognises the device from now on.
    pub(super) secret: SecretString,
    /// Whether mail about the device was enqueued.
    pub(super) notified: bool,
}

impl<'a> SignInDevice<'a> {
    /// The device that sent a response.
    pub(super) fn from_request(app: &App, verify: &VerifyParameters<'a>) -> Self {
        let browser = verify.session_kind == SessionKind::Browser;
        let new = || browser.then(|| app.random.token());
        Self { secret: verify.device_secret.map(SecretString::from).or_else(new), context: verify.context }
    }

    /// Looks up the device for an account. Without an account the same statements run.
    pub(super) async fn look_up(
        &self,
        app: &App,
        user_id: Uuid,
        now: Timestamp,
    ) -> Result<AccountDevice<'a>, DatabaseError> {
        let db = app.db.reader();
        let (secret, silent) = if let Some(secret) = &self.secret {
            (secret.clone(), None)
        } else {
            let since = devices::remembered_since(db, user_id, now).await?;
            (devices::derived_app_secret(app, user_id, since, self.context), Some(self.context))
        };
        let known =
            devices::find_known(db, Some(user_id), Some(secret.expose_secret()), now).await?.is_some();
        Ok(AccountDevice { secret, known, derived_from: silent })
    }
}

impl AccountDevice<'_> {
    /// Must be called when the account has forgotten every device: the device counts as unknown, and a
    /// derived secret is derived anew.
    pub(super) fn forget(&mut self, app: &App, user_id: Uuid, now: Timestamp) {
        self.known = false;
        if let Some(context) = self.derived_from {
            self.secret = devices::derived_app_secret(app, user_id, now, context);
        }
    }

    /// Remembers the device, in the write that completes the sign-in and before that write opens a session. A
    /// new device enqueues `notice`, within the limit on mail that strangers can cause.
    pub(super) async fn remember(
        self,
        write: &Write<'_>,
        user: &User,
        notice: Option<OwnerNotice>,
    ) -> Result<RememberedDevice, DatabaseError> {
        let secret = self.secret;
        let hash = crypto::token_hash(secret.expose_secret());
        let mut notified = false;
        if let Some(notice) = notice
            && devices::new_to_account(write, user.id, hash).await?
        {
            let limit =
                Limit { name: "new_device_mails", rate: write.core.config.limits.mails_per_recipient };
            let taken = rate_limit::take(write, limit, &user.id.to_string()).await?;
            if let TakeOutcome::Within(_) = taken {
                notice.enqueue(write).await?;
                notified = true;
            }
        }
        devices::remember(write, user.id, hash);
        Ok(RememberedDevice { secret, notified })
    }
}

/// Mail about a device that the account may not know; none when the browser is already signed in as this
/// user.
pub(super) fn new_device_notice(
    app: &App,
    verify: &VerifyParameters<'_>,
    user: &User,
) -> Result<Option<OwnerNotice>, LoginError> {
    let browser = verify.session_kind == SessionKind::Browser;
    if verify.current_session.is_some_and(|current| browser && current.user.id == user.id) {
        return Ok(None);
    }
    let notice = owner_notice::prepare(app, &app.templates, user, notice_details("new-device", verify))?;
    Ok(Some(notice))
}

/// Mail about a right password that was followed by wrong second factors.
pub(super) fn second_factor_notice(
    app: &App,
    verify: &VerifyParameters<'_>,
    user: &User,
) -> Result<OwnerNotice, CryptoError> {
    // Somebody knows the password, and may be signed in nowhere: the password comes first.
    let details =
        NoticeDetails { path: Some("/account/password"), ..notice_details("second-step-failed", verify) };
    owner_notice::prepare(app, &app.templates, user, details)
}

/// A step of a sign-in. An app that signs its users in is known by its name.
fn notice_details<'a>(template: &'a str, verify: &VerifyParameters<'a>) -> NoticeDetails<'a> {
    let api = verify.session_kind == SessionKind::Api;
    let client = verify.client.filter(|_| api).map(|client| client.row.name.as_str());
    NoticeDetails { device: client, ..NoticeDetails::new(template, verify.context) }
}
