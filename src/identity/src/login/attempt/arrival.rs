//! Notes with which device a sign-in was completed, and tells the owner of the account when it is a new one.

use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use uuid::Uuid;

use super::{
    super::{LoginError, devices},
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

/// The device of a sign-in.
pub(super) struct Arrival {
    cookie_secret: Option<String>,
    device_hash: Vec<u8>,
}

/// A device that was noted.
pub(super) struct Noted {
    /// What the device cookie must hold; none for apps.
    pub(super) cookie_secret: Option<String>,
    /// Whether there is mail about it.
    pub(super) told: bool,
}

impl Arrival {
    /// By which device an answer came.
    pub(super) fn of(app: &App, verify: &Verify<'_>) -> Self {
        let secret = || verify.device.map_or_else(|| app.random.token(), str::to_owned);
        let cookie_secret = (verify.session_kind == SessionKind::Browser).then(secret);
        let device_hash = devices::hash(cookie_secret.as_deref(), verify.origin);
        Self { cookie_secret, device_hash }
    }

    /// Whether the account knows it. The same statement runs for nobody.
    pub(super) async fn known(
        &self,
        app: &App,
        user_id: Uuid,
        now: Timestamp,
    ) -> Result<bool, DatabaseError> {
        devices::known(app.db.reader(), Some(user_id), &self.device_hash, now).await
    }

    /// Remembers it, in the write that completes the sign-in and before that has opened a session. `notice` goes to the
    /// owner if it is a new one.
    pub(super) async fn record(
        self,
        app: &App,
        tx: &Transaction,
        user: &User,
        notice: Option<SealedJob>,
        now: Timestamp,
    ) -> Result<Noted, DatabaseError> {
        let told = match notice {
            Some(notice) if devices::is_new(tx, user.id, &self.device_hash, now).await? => {
                notice.enqueue(tx).await?;
                true
            }
            _ => false,
        };
        devices::remember(app, tx, user.id, &self.device_hash, now);
        Ok(Noted { cookie_secret: self.cookie_secret, told })
    }
}

/// Mail about a device that the account may not know; none where the browser is signed in as this user already.
pub(super) fn notice(
    app: &App,
    verify: &Verify<'_>,
    user: &User,
    now: Timestamp,
) -> Result<Option<SealedJob>, LoginError> {
    let browser = verify.session_kind == SessionKind::Browser;
    if verify.current.is_some_and(|current| browser && current.user.id == user.id) {
        return Ok(None);
    }
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
    let letter =
        mail::letter_with(app, letter, [("at", readable::minute(now)), ("ip", ip), ("device", device)]);
    Ok(Some(letter?))
}
