//! Notes with which device a sign-in was completed, and tells the owner of the account what they should know: that it is a
//! new one, or that somebody has the password and fails at the second step.

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
    audit::Origin,
    crypto::{self, CryptoError},
    jobs::SealedJob,
    mail::{self, Letter},
    rate_limit::{self, Limit, Taken},
    readable,
    sessions::SessionKind,
    users::User,
};

/// The device of a sign-in.
pub(super) struct Arrival<'a> {
    /// What it showed, or what it gets now; none for an app that shows none.
    secret: Option<String>,
    origin: &'a Origin,
}

/// What is known of the device of a sign-in before its write.
pub(super) struct Device<'a> {
    secret: String,
    /// Whether the account knows it.
    pub(super) known: bool,
    /// Where an app comes from that shows no secret.
    silent: Option<&'a Origin>,
}

/// A device that was noted.
pub(super) struct Noted {
    /// By what the account knows it from now on.
    pub(super) secret: String,
    /// Whether there is mail about it.
    pub(super) told: bool,
}

impl<'a> Arrival<'a> {
    /// By which device an answer came.
    pub(super) fn of(app: &App, verify: &Verify<'a>) -> Self {
        let browser = verify.session_kind == SessionKind::Browser;
        let new = || browser.then(|| app.random.token());
        Self { secret: verify.device.map(str::to_owned).or_else(new), origin: verify.origin }
    }

    /// What is known of it. The same statements run for nobody.
    pub(super) async fn look_up(
        &self,
        app: &App,
        user_id: Uuid,
        now: Timestamp,
    ) -> Result<Device<'a>, DatabaseError> {
        let db = app.db.reader();
        let (secret, silent) = if let Some(secret) = &self.secret {
            (secret.clone(), None)
        } else {
            let since = devices::remembered_since(db, user_id, now).await?;
            (devices::secret_of_app(app, user_id, since, self.origin), Some(self.origin))
        };
        let known = devices::recognised(db, Some(user_id), Some(&secret), now).await?.is_some();
        Ok(Device { secret, known, silent })
    }
}

impl Device<'_> {
    /// The account has just forgotten every device.
    pub(super) fn is_forgotten(&mut self, app: &App, user_id: Uuid, now: Timestamp) {
        self.known = false;
        if let Some(origin) = self.silent {
            self.secret = devices::secret_of_app(app, user_id, now, origin);
        }
    }

    /// Remembers it, in the write that completes the sign-in and before that has opened a session. `notice` goes to the
    /// owner if it is a new one, though not more often than strangers may write to them.
    pub(super) async fn record(
        self,
        app: &App,
        tx: &Transaction,
        user: &User,
        notice: Option<SealedJob>,
        now: Timestamp,
    ) -> Result<Noted, DatabaseError> {
        let secret = self.secret;
        let hash = crypto::token_hash(&secret);
        let mut told = false;
        if let Some(notice) = notice
            && devices::is_new(tx, user.id, &hash, now).await?
        {
            let limit = Limit { name: "new_device_mails", rate: app.config.limits.mails_per_recipient };
            let taken = rate_limit::take(tx, limit, &user.id.to_string(), now).await?;
            if let Taken::Within(_) = taken {
                notice.enqueue(tx).await?;
                told = true;
            }
        }
        devices::remember(app, tx, user.id, &hash, now);
        Ok(Noted { secret, told })
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
    let letter = Letter {
        to: Some(&user.email),
        template: "new-device",
        language: &mail::language_of(app, user),
        path: Some("/account/sessions"),
    };
    Ok(Some(mail::letter_with(app, letter, facts(verify, now))?))
}

/// Mail about a right password that was followed by wrong second steps.
pub(super) fn second_step_notice(
    app: &App,
    verify: &Verify<'_>,
    user: &User,
    now: Timestamp,
) -> Result<SealedJob, CryptoError> {
    let letter = Letter {
        to: Some(&user.email),
        template: "second-step-failed",
        language: &mail::language_of(app, user),
        path: Some("/account/password"),
    };
    mail::letter_with(app, letter, facts(verify, now))
}

/// When, with what and from where.
fn facts(verify: &Verify<'_>, now: Timestamp) -> [(&'static str, String); 3] {
    let device = match (verify.client, &verify.origin.user_agent) {
        (Some(client), _) if verify.session_kind == SessionKind::Api => client.row.name.clone(),
        (_, Some(user_agent)) => readable::device(user_agent),
        (_, None) => "-".to_owned(),
    };
    let ip = verify.origin.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_canonical().to_string());
    [("at", readable::minute(now)), ("ip", ip), ("device", device)]
}
