//! Defines [`LoginMethod`], the pluggable way to verify a factor, and lists the built-in methods.
//!
//! A method makes a challenge and verifies the response. A method writes nothing, opens no session and does
//! not know the next step. [`attempt`] owns the sign-in in progress and every write, by the rules of
//! [`policy`]. Login methods never import each other; `code` and `email-otp` share [`sent_code`]. Enrolment
//! is plain functions in the method's own file.

pub mod attempt;
pub mod code;
pub mod credential_change;
pub mod devices;
pub mod email_otp;
pub mod login_throttle;
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
    login::policy::{Acr, AuthenticationRequirement, Candidate, Factor, NextStep, VerifiedFactor},
    mail::Message,
    sessions::SessionEnded,
    users::User,
};

/// The built-in methods, in no particular order: the setting `login.methods` chooses and orders them.
pub fn built_in_methods() -> Vec<Arc<dyn LoginMethod>> {
    vec![
        Arc::new(email_otp::EmailOtpMethod),
        Arc::new(code::CodeMethod),
        Arc::new(password::PasswordMethod),
        Arc::new(passkey::PasskeyMethod),
        Arc::new(totp::TotpMethod),
        Arc::new(recovery_code::RecoveryCodeMethod),
    ]
}

/// A method by which a user can authenticate.
#[async_trait]
pub trait LoginMethod: Send + Sync {
    /// Name of the method in paths, settings and audit events.
    fn name(&self) -> &'static str;

    /// Values that the method always adds to `amr` (RFC 8176).
    fn amr(&self) -> &'static [&'static str];

    /// The kind of factor that the method verifies.
    fn factor(&self) -> Factor;

    /// Whether the settings allow the method to work. A method that is not available is never offered.
    fn available(&self, _app: &App) -> bool {
        true
    }

    /// Whether a response is only possible after a challenge. Otherwise `verify` may come without `begin`.
    fn requires_challenge(&self) -> bool {
        true
    }

    /// Whether the response itself names the user, so that a sign-in may begin without an email (WebAuthn: a
    /// discoverable credential).
    fn discoverable(&self) -> bool {
        false
    }

    /// Whether a right response proves that the user reads the mailbox of the account's email.
    fn proves_email(&self) -> bool {
        false
    }

    /// A query that finds a row if the account has enrolled the method; none for a method that needs no
    /// enrolment.
    fn enrolment_statement(&self, _user_id: Uuid) -> Option<SelectStatement> {
        None
    }

    /// Makes a challenge. Without a user the method does the same work, so that the time does not tell
    /// whether the account exists.
    async fn begin(&self, cx: &Context<'_>, user: Option<&User>) -> Result<Challenge, LoginError>;

    /// Verifies a response; [`LoginError::ResponseRejected`] for a wrong one. The method writes nothing: the
    /// caller has already counted the try, and [`Proof::consume_statement`] says how to make the response
    /// single-use.
    async fn verify(
        &self,
        cx: &Context<'_>,
        challenge: &Challenge,
        answer: &ChallengeResponse,
    ) -> Result<Proof, LoginError>;
}

/// The input of a login method: the attempt and the request.
pub struct Context<'a> {
    pub app: &'a App,
    /// Hash of the attempt's secret, which identifies the attempt.
    pub attempt_hash: &'a [u8],
    /// The expiry of the attempt. A challenge must not outlive the attempt.
    pub attempt_ends_at: Timestamp,
    /// The email that was entered, normalised; empty when none was entered.
    pub identifier: &'a str,
    /// The user with this email; none when there is no such account or the account is disabled.
    pub user: Option<&'a User>,
    /// Whether the attempt has a verified factor. Only then may a challenge reveal which credentials the
    /// account has.
    pub first_factor_verified: bool,
    /// The requesting client; none for the provider's own pages.
    pub client: Option<&'a Client>,
    /// Language of what is sent to the user.
    pub language: &'a str,
    pub origin: &'a Origin,
    /// The time of the request.
    pub now: Timestamp,
}

/// A challenge and what the method must remember about it.
#[derive(Default)]
pub struct Challenge {
    /// State that is stored with the attempt and passed to `verify`.
    pub state: Option<Value>,
    /// Members of the JSON answer that the caller sees beside the attempt.
    pub public_members: serde_json::Map<String, Value>,
    /// The code that is the right response, if a code is sent.
    pub code: Option<CodeMac>,
    /// Job that is enqueued in the write that stores the challenge.
    pub job: Option<NewJob>,
    /// Message that is written to the terminal, or to the inbox of `dev`, after that write.
    pub message: Option<Message>,
}

/// What is stored of a code that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeMac {
    /// MAC over the attempt and the code.
    pub mac: Vec<u8>,
    pub expires_at: Timestamp,
}

/// What a person answers to a challenge.
#[derive(Clone, Default)]
pub struct ChallengeResponse {
    /// The code as entered, with spaces and hyphens.
    pub code: Option<String>,
    /// The response in the method's own JSON form.
    pub payload: Value,
}

impl ChallengeResponse {
    /// The code as entered, with spaces and hyphens.
    pub fn from_code(code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), payload: Value::Null }
    }
}

/// A response that was right, and what must be consumed so that the response is right only once.
#[derive(Default)]
pub struct Proof {
    /// Statement that consumes the credential or code, in the write that accepts the proof. The statement
    /// must change exactly one row; any other count means that a concurrent request was faster. The attempt's
    /// own code is consumed in the same write.
    pub consume_statement: Option<UpdateStatement>,
    /// Mail to the account's owner about the use.
    pub notice: Option<SealedJob>,
    /// Whether the authenticator verified its user (flag UV, WebAuthn level 3 section 6.1).
    pub user_verified: bool,
    /// `amr` values beside those that the method always adds.
    pub amr: Vec<&'static str>,
    /// The user that the response names; set by discoverable methods only ([`LoginMethod::discoverable`]).
    pub user: Option<User>,
}

/// Why a sign-in does not continue.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The response is wrong, was used before, or is too late. Another response may be right.
    #[error("the answer was not accepted")]
    ResponseRejected,
    /// The attempt does not exist for this client and browser, has expired or is complete.
    #[error("there is no such attempt, or it is over")]
    AttemptEnded,
    /// The method is unknown, switched off, or not the next step.
    #[error("the method is not offered here")]
    MethodNotOffered,
    /// The identifier is not an email, so no account can have it.
    #[error("the identifier is not an email address")]
    MalformedIdentifier,
    /// A rate limit or the login throttle refused the request.
    #[error("too many tries")]
    Limited {
        /// Time until the next try is allowed.
        retry_after: Duration,
    },
    #[error("too many passwords are being hashed")]
    HasherBusy,
    /// The session that authorised the change has ended.
    #[error(transparent)]
    SessionEnded(#[from] SessionEnded),
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    #[error("a secret could not be sealed or opened")]
    Crypto(#[from] CryptoError),
    /// The login method failed for a reason of its own, such as a library error.
    #[error("the login method failed")]
    MethodFailed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<sea_orm::DbErr> for LoginError {
    fn from(cause: sea_orm::DbErr) -> Self {
        Self::Database(cause.into())
    }
}

/// The login methods that this installation offers, in order.
#[derive(Clone)]
pub struct LoginMethods(Vec<Arc<dyn LoginMethod>>);

impl LoginMethods {
    /// The built-in methods that `login.methods` switches on, in its order, then the `added` methods, which
    /// need no switch.
    pub fn new(config: &Config, added: Vec<Arc<dyn LoginMethod>>) -> Self {
        let built_in = built_in_methods();
        let named = |name: &String| built_in.iter().find(|method| method.name() == name).cloned();
        Self(config.login.methods.iter().filter_map(named).chain(added).collect())
    }

    /// The methods that the settings allow to work.
    fn available<'a>(&'a self, app: &'a App) -> impl Iterator<Item = &'a Arc<dyn LoginMethod>> {
        self.0.iter().filter(move |method| method.available(app))
    }

    /// The available method with this name.
    pub(crate) fn find<'a>(
        &'a self,
        app: &'a App,
        name: &str,
    ) -> Result<&'a Arc<dyn LoginMethod>, LoginError> {
        self.available(app).find(|method| method.name() == name).ok_or(LoginError::MethodNotOffered)
    }
}

/// Names of the methods that may be the first factor, in the order in which the pages offer them.
pub fn first_factor_methods(app: &App, requirement: &AuthenticationRequirement) -> Vec<String> {
    match next_step_without_account(app, requirement, &[]) {
        NextStep::FactorRequired(names) => names,
        NextStep::Complete(_) | NextStep::InsufficientAcr(_) => Vec::new(),
    }
}

/// Levels that a user can reach with the available methods, lowest first: `acr_values_supported`.
pub fn supported_acrs(app: &App) -> Vec<Acr> {
    let factors: Vec<_> = app.login_methods.available(app).map(|method| method.factor()).collect();
    let second = factors.iter().any(|factor| matches!(factor, Factor::Possession { .. }));
    let resists =
        factors.iter().any(|factor| matches!(factor, Factor::Possession { phishing_resistant: true }));
    let levels = [Some(Acr::Aal1), second.then_some(Acr::Aal2), resists.then_some(Acr::Phr)];
    levels.into_iter().flatten().collect()
}

/// The requirement of every sign-in for a client. The level is the higher of the client's and the
/// installation's.
pub fn client_requirement(app: &App, client: &Client) -> AuthenticationRequirement {
    // This program stores known levels only. An unknown one counts as the highest, because nothing less is
    // surely enough.
    let level = |word: &str| word.parse().unwrap_or(Acr::Phr);
    let of_client = client.row.required_acr.as_deref().map(level);
    AuthenticationRequirement {
        min_acr: app.config.login.required_acr.max(of_client),
        max_age: None,
        first_factor_methods: client.login_methods.clone(),
    }
}

/// Whether the session with this `amr` began with a method that the client allows, or has verified an allowed
/// possession factor since. Methods with the same `amr`, such as the two kinds of sent code, count as one.
pub fn first_factor_allowed(app: &App, client: &Client, amr: &Value) -> bool {
    if client.login_methods.is_empty() {
        return true;
    }
    let amr: Vec<&str> = amr.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    first_factor_methods(app, &client_requirement(app, client)).iter().any(|name| {
        app.login_methods.find(app, name).is_ok_and(|method| {
            let device = matches!(method.factor(), Factor::Possession { .. });
            amr.starts_with(method.amr()) || (device && method.amr().iter().all(|word| amr.contains(word)))
        })
    })
}

fn candidate(method: &Arc<dyn LoginMethod>, enrolled: bool) -> Candidate<'_> {
    Candidate { name: method.name(), factor: method.factor(), enrolled }
}

/// The available methods, and one query that asks which of them an account has enrolled. The query runs the
/// same way for a user id that does not exist.
struct Enrolments<'a> {
    methods: Vec<&'a Arc<dyn LoginMethod>>,
    statement: SelectStatement,
}

impl<'a> Enrolments<'a> {
    fn for_user(app: &'a App, user_id: Uuid) -> Self {
        let methods: Vec<_> = app.login_methods.available(app).collect();
        // The constant column keeps the query valid when there are no methods.
        let mut query = Query::select().expr(Expr::value(true)).to_owned();
        for method in &methods {
            query.expr(match method.enrolment_statement(user_id) {
                Some(found) => Expr::exists(found),
                None => Expr::value(true),
            });
        }
        Self { methods, statement: query }
    }

    /// For each method, in the order of `methods`, whether the account has enrolled it.
    async fn fetch(&self, app: &App) -> Result<Vec<bool>, DatabaseError> {
        let row = app.db.reader().query_one(&self.statement).await?;
        self.read_row(&row.ok_or_else(|| DbErr::RecordNotFound("what an account is set up for".to_owned()))?)
    }

    fn read_row(&self, row: &QueryResult) -> Result<Vec<bool>, DatabaseError> {
        Ok((1..=self.methods.len()).map(|at| row.try_get_by_index(at)).collect::<Result<_, _>>()?)
    }

    /// Decides the next step of an account with these enrolments.
    fn next_step(
        &self,
        enrolled: &[bool],
        requirement: &AuthenticationRequirement,
        shown: &[VerifiedFactor],
    ) -> NextStep {
        let offers = zip(&self.methods, enrolled).map(|(method, &enrolled)| candidate(method, enrolled));
        policy::next_step(requirement, &offers.collect::<Vec<_>>(), shown)
    }
}

/// Decides the next step for this account.
async fn next_step(
    app: &App,
    requirement: &AuthenticationRequirement,
    user: Option<&User>,
    shown: &[VerifiedFactor],
) -> Result<NextStep, LoginError> {
    // Without a verified factor the next step must not reveal anything about the account.
    let Some(user) = user.filter(|_| !shown.is_empty()) else {
        return Ok(next_step_without_account(app, requirement, shown));
    };
    let enrolments = Enrolments::for_user(app, user.id);
    let enrolled = enrolments.fetch(app).await?;
    Ok(enrolments.next_step(&enrolled, requirement, shown))
}

/// Decides the next step without any enrolment.
fn next_step_without_account(
    app: &App,
    requirement: &AuthenticationRequirement,
    shown: &[VerifiedFactor],
) -> NextStep {
    let offers: Vec<_> = app.login_methods.available(app).map(|method| candidate(method, false)).collect();
    policy::next_step(requirement, &offers, shown)
}
