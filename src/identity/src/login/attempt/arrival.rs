//! Notes with which device a sign-in was completed, and tells the owner of the account when it is a new one.

use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};

use super::{
    super::{
        LoginError,
        devices::{self, Met},
    },
    Verify,
};
use crate::{
    app::App,
    jobs::SealedJob,
    mail::{self, Letter},
    readable,
    sessions::SessionKind,
    users::User,
};

/// A sign-in that is about to be completed.
pub(super) struct Arrival {
    cookie_secret: Option<String>,
    device_hash: Vec<u8>,
    notice: SealedJob,
    /// The browser is signed in as this user already.
    goes_on: bool,
}

/// A device that was noted.
pub(super) struct Noted {
    /// What the device cookie must hold; none for apps.
    pub(super) cookie_secret: Option<String>,
    /// Whether there is mail about it.
    pub(super) told: bool,
}

impl Arrival {
    /// Makes what the write needs.
    pub(super) fn prepare(
        app: &App,
        verify: &Verify<'_>,
        user: &User,
        now: Timestamp,
    ) -> Result<Self, LoginError> {
        let browser = verify.session_kind == SessionKind::Browser;
        let secret = || verify.device.map_or_else(|| app.random.token(), str::to_owned);
        let cookie_secret = browser.then(secret);
        let device_hash = devices::hash(cookie_secret.as_deref(), verify.origin);
        let goes_on = verify.current.is_some_and(|current| browser && current.user.id == user.id);
        Ok(Self { notice: notice(app, verify, user, now)?, cookie_secret, device_hash, goes_on })
    }

    /// Remembers the device, in the write that completes the sign-in and before that has opened a session.
    pub(super) async fn record(
        self,
        app: &App,
        tx: &Transaction,
        user: &User,
        now: Timestamp,
    ) -> Result<Noted, DatabaseError> {
        let met = devices::meet(app, tx, user.id, &self.device_hash, now).await?;
        let told = met == Met::New && !self.goes_on;
        if told {
            self.notice.enqueue(tx).await?;
        }
        Ok(Noted { cookie_secret: self.cookie_secret, told })
    }
}

fn notice(app: &App, verify: &Verify<'_>, user: &User, now: Timestamp) -> Result<SealedJob, LoginError> {
    let device = match (verify.client, &verify.origin.user_agent) {
        (Some(client), _) if verify.session_kind == SessionKind::Api => client.row.name.clone(),
        (_, Some(user_agent)) => readable::device(user_agent),
        (_, None) => "-".to_owned(),
    };
    let ip = verify.origin.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_canonical().to_string());
    let letter = Letter {
        to: Some(&user.email),
        template: "new-device",
        language: verify.language,
        path: Some("/account/sessions"),
    };
    Ok(mail::letter_with(app, letter, [("at", readable::minute(now)), ("ip", ip), ("device", device)])?)
}
