//! Answers who somebody is and how well it was proven.
//!
//! Defines [`LoginMethod`], the pluggable part, and lists the built-in ones once, in [`methods`]. A
//! method makes a challenge and judges an answer; it writes nothing, never opens a session and never
//! knows what comes next: that is [`attempt`], by the rules of [`policy`]. Methods never import each
//! other; what `code` and `email-otp` share is [`sent_code`]. Enrolment is plain functions in the
//! method's file.

pub mod attempt;
pub mod code;
pub mod credential_change;
pub mod devices;
pub mod email_otp;
pub mod guesses;
pub mod passkey;
pub mod password;
pub mod policy;
pub mod recovery_code;
pub mod second_factor;
pub mod sent_code;
pub mod totp;

use std::{iter::zip, sync::Arc, time::Duration};

use async_trait::async_trait;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ConnectionTrait as _, DbErr, QueryResult,
    sea_query::{Expr, Query, SelectStatement, UpdateStatement},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    app::App,
    audit::Origin,
    clients::Client,
    config::Config,
    crypto::CryptoError,
    jobs::{NewJob, SealedJob},
    login::policy::{Acr, Decision, Factor, Offer, Requirement, Shown},
    mail::Message,
    sessions::SessionEnded,
    users::User,
};

/// The built-in methods.
pub fn methods() -> Vec<Arc<dyn LoginMethod>> {
    vec![
        Arc::new(email_otp::EmailOtp),
        Arc::new(code::Code),
        Arc::new(password::ByPassword),
        Arc::new(passkey::ByPasskey),
        Arc::new(totp::Totp),
        Arc::new(recovery_code::RecoveryCode),
    ]
}

/// A way to show who one is.
#[async_trait]
pub trait LoginMethod: Send + Sync {
    /// Its name in paths, settings and the audit record.
    fn name(&self) -> &'static str;

    /// What it adds to `amr` (RFC 8176).
    fn amr(&self) -> &'static [&'static str];

    /// What it shows.
    fn kind(&self) -> Factor;

    /// Whether the settings let it work; otherwise it is never offered.
    fn ready(&self, _app: &App) -> bool {
        true
    }

    /// Whether an answer makes sense only to a challenge. Without one, `verify` may come first.
    fn challenges(&self) -> bool {
        true
    }

    /// Whether an answer says whose it is, so that a sign-in may begin without an address.
    fn names_its_user(&self) -> bool {
        false
    }

    /// Whether it proves that the person reads the mail of the account's address.
    fn proves_email(&self) -> bool {
        false
    }

    /// What finds something where the account is set up for it; none where every account is.
    fn enrolment(&self, _user_id: Uuid) -> Option<SelectStatement> {
        None
    }

    /// Makes a challenge. Without a user it does the same work, for nobody.
    async fn begin(&self, cx: &Context<'_>, user: Option<&User>) -> Result<Challenge, LoginError>;

    /// Judges an answer; [`LoginError::Refused`] when it is wrong. Writes nothing: the try was counted
    /// before, and how to consume what was shown is said by the proof.
    async fn verify(
        &self,
        cx: &Context<'_>,
        challenge: &Challenge,
        answer: &Answer,
    ) -> Result<Proof, LoginError>;
}

/// What a method works with.
pub struct Context<'a> {
    /// The application.
    pub app: &'a App,
    /// Hash of the attempt's secret.
    pub attempt_hash: &'a [u8],
    /// When the attempt ends.
    pub attempt_ends_at: Timestamp,
    /// The address somebody typed, normalised; empty when nobody did.
    pub identifier: &'a str,
    /// Whom it names, unless that account is disabled.
    pub user: Option<&'a User>,
    /// Whether a factor was shown already, so that the answer may tell what the account has.
    pub proven: bool,
    /// The client that asks; none for our own pages.
    pub client: Option<&'a Client>,
    /// Language of the person, for what is sent.
    pub language: &'a str,
    /// Where the request came from.
    pub origin: &'a Origin,
    /// This moment.
    pub now: Timestamp,
}

/// What a method asks for and what it must remember about it.
#[derive(Default)]
pub struct Challenge {
    /// Kept with the attempt for `verify`.
    pub memory: Option<Value>,
    /// Members shown to the caller beside the attempt.
    pub shown: serde_json::Map<String, Value>,
    /// The code that answers it, if one is sent.
    pub code: Option<CodeMac>,
    /// Enqueued in the write that keeps the challenge.
    pub job: Option<NewJob>,
    /// Written to the terminal, or to the inbox of `dev`, after that write.
    pub message: Option<Message>,
}

/// What is kept of a code that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeMac {
    /// Its MAC over the attempt.
    pub mac: Vec<u8>,
    /// Its end.
    pub expires_at: Timestamp,
}

/// What somebody answers.
#[derive(Clone, Default)]
pub struct Answer {
    /// A code, as typed.
    pub code: Option<String>,
    /// The method's own form of answer.
    pub own: Value,
}

impl Answer {
    /// A code, as typed.
    pub fn code(code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), own: Value::Null }
    }
}

/// An answer that was right, and what must be consumed so that it is right only once.
#[derive(Default)]
pub struct Proof {
    /// What consumes it, in the write that accepts the proof: it changes exactly one row, or somebody was faster. The
    /// attempt's own code is consumed with it.
    pub consumes: Option<UpdateStatement>,
    /// Mail about it.
    pub notice: Option<SealedJob>,
    /// Whether the device verified its user (WebAuthn level 3 section 6.1).
    pub user_verified: bool,
    /// What it adds to `amr` beside what the method always adds.
    pub amr: Vec<&'static str>,
    /// Whose it is, where the answer says so itself ([`LoginMethod::names_its_user`]).
    pub user: Option<User>,
}

/// Why a sign-in does not go on.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The answer is wrong, was used, or comes too late; another one may be right.
    #[error("the answer was not accepted")]
    Refused,
    /// There is no such attempt for this client and browser, or it is over.
    #[error("there is no such attempt, or it is over")]
    Ended,
    /// The method is unknown, switched off, or not what comes next.
    #[error("the method is not offered here")]
    NotOffered,
    /// Nobody can sign in by this name.
    #[error("the identifier is not an email address")]
    MalformedIdentifier,
    /// Too often.
    #[error("too many tries")]
    Limited {
        /// When it may be tried again.
        retry_after: Duration,
    },
    /// Too many passwords are being hashed.
    #[error("too many passwords are being hashed")]
    Busy,
    /// The session that allowed it has ended.
    #[error(transparent)]
    SessionEnded(#[from] SessionEnded),
    /// The database did not do it.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// A secret could not be sealed or opened.
    #[error("a secret could not be sealed or opened")]
    Crypto(#[from] CryptoError),
    /// The method failed by itself.
    #[error("the login method failed")]
    Method(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<sea_orm::DbErr> for LoginError {
    fn from(cause: sea_orm::DbErr) -> Self {
        Self::Database(cause.into())
    }
}

/// The methods of a provider.
#[derive(Clone)]
pub struct LoginMethods(Vec<Arc<dyn LoginMethod>>);

impl LoginMethods {
    /// Those that `login.methods` switches on, in its order, and the `added` ones, which need no switch.
    pub fn new(config: &Config, added: Vec<Arc<dyn LoginMethod>>) -> Self {
        let built_in = methods();
        let named = |name: &String| built_in.iter().find(|method| method.name() == name).cloned();
        Self(config.login.methods.iter().filter_map(named).chain(added).collect())
    }

    /// Those that can work.
    fn ready<'a>(&'a self, app: &'a App) -> impl Iterator<Item = &'a Arc<dyn LoginMethod>> {
        self.0.iter().filter(move |method| method.ready(app))
    }

    /// The method with this name, if it can work.
    pub(crate) fn find<'a>(
        &'a self,
        app: &'a App,
        name: &str,
    ) -> Result<&'a Arc<dyn LoginMethod>, LoginError> {
        self.ready(app).find(|method| method.name() == name).ok_or(LoginError::NotOffered)
    }
}

/// Names of the methods by which a sign-in may begin, in the order in which they are offered.
pub fn beginning(app: &App, requirement: &Requirement) -> Vec<String> {
    match decide_for_nobody(app, requirement, &[]) {
        Decision::More(names) => names,
        Decision::Done(_) | Decision::Short(_) => Vec::new(),
    }
}

/// Levels that somebody can reach here, lowest first: `acr_values_supported`.
pub fn levels(app: &App) -> Vec<Acr> {
    let factors: Vec<_> = app.login_methods.ready(app).map(|method| method.kind()).collect();
    let second = factors.iter().any(|factor| matches!(factor, Factor::Has { .. }));
    let resists = factors.iter().any(|factor| matches!(factor, Factor::Has { phishing_resistant: true }));
    let levels = [Some(Acr::Aal1), second.then_some(Acr::Aal2), resists.then_some(Acr::Phr)];
    levels.into_iter().flatten().collect()
}

/// What every sign-in for a client must reach: the higher of what the client asks for and of what the installation does.
pub fn requirement_of(app: &App, client: &Client) -> Requirement {
    // A level that does not read was not written by this program, and nothing below the highest one is surely enough.
    let level = |word: &str| word.parse().unwrap_or(Acr::Phr);
    let of_client = client.row.required_acr.as_deref().map(level);
    Requirement {
        acr: app.config.login.required_acr.max(of_client),
        max_age: None,
        methods: client.login_methods.clone(),
    }
}

/// Whether a session with this `amr` was begun by a method that the client allows, or has shown an allowed device since.
/// Methods that `amr` does not tell apart, such as the two kinds of sent code, count as one.
pub fn begun_as_allowed(app: &App, client: &Client, amr: &Value) -> bool {
    if client.login_methods.is_empty() {
        return true;
    }
    let amr: Vec<&str> = amr.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    beginning(app, &requirement_of(app, client)).iter().any(|name| {
        app.login_methods.find(app, name).is_ok_and(|method| {
            let device = matches!(method.kind(), Factor::Has { .. });
            amr.starts_with(method.amr()) || (device && method.amr().iter().all(|word| amr.contains(word)))
        })
    })
}

fn offer(method: &Arc<dyn LoginMethod>, enrolled: bool) -> Offer<'_> {
    Offer { name: method.name(), factor: method.kind(), enrolled }
}

/// The methods that can work, and what asks which of them an account is set up for: one query, for nobody as well.
struct Enrolments<'a> {
    methods: Vec<&'a Arc<dyn LoginMethod>>,
    query: SelectStatement,
}

impl<'a> Enrolments<'a> {
    fn of(app: &'a App, user_id: Uuid) -> Self {
        let methods: Vec<_> = app.login_methods.ready(app).collect();
        // With a column for no method, since there may be none.
        let mut query = Query::select().expr(Expr::value(true)).to_owned();
        for method in &methods {
            query.expr(match method.enrolment(user_id) {
                Some(found) => Expr::exists(found),
                None => Expr::value(true),
            });
        }
        Self { methods, query }
    }

    /// For each method whether the account is set up for it.
    async fn ask(&self, app: &App) -> Result<Vec<bool>, DatabaseError> {
        let row = app.db.reader().query_one(&self.query).await?;
        self.read(&row.ok_or_else(|| DbErr::RecordNotFound("what an account is set up for".to_owned()))?)
    }

    fn read(&self, row: &QueryResult) -> Result<Vec<bool>, DatabaseError> {
        Ok((1..=self.methods.len()).map(|at| row.try_get_by_index(at)).collect::<Result<_, _>>()?)
    }

    /// Decides what comes next for an account that is set up for so many of them.
    fn decide(&self, enrolled: &[bool], requirement: &Requirement, shown: &[Shown]) -> Decision {
        let offers = zip(&self.methods, enrolled).map(|(method, &enrolled)| offer(method, enrolled));
        policy::decide(requirement, &offers.collect::<Vec<_>>(), shown)
    }
}

/// Decides what comes next for this account.
async fn decide(
    app: &App,
    requirement: &Requirement,
    user: Option<&User>,
    shown: &[Shown],
) -> Result<Decision, LoginError> {
    // Who has shown nothing yet learns nothing of the account.
    let Some(user) = user.filter(|_| !shown.is_empty()) else {
        return Ok(decide_for_nobody(app, requirement, shown));
    };
    let enrolments = Enrolments::of(app, user.id);
    let enrolled = enrolments.ask(app).await?;
    Ok(enrolments.decide(&enrolled, requirement, shown))
}

/// Decides what comes next where nothing is set up.
fn decide_for_nobody(app: &App, requirement: &Requirement, shown: &[Shown]) -> Decision {
    let offers: Vec<_> = app.login_methods.ready(app).map(|method| offer(method, false)).collect();
    policy::decide(requirement, &offers, shown)
}
