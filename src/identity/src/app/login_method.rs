//! Defines [`LoginMethod`], the pluggable way to verify a factor, and the registry of the methods that are switched on.
//!
//! A method makes a challenge and verifies the response. A method writes nothing, opens no session and does not know the
//! next step. Leaves the sign-in in progress and every write to `login::attempt`, and the built-in methods to `login`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use postern_entities::values::Hash256;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::sea_query::{SelectStatement, UpdateStatement};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::App;
use crate::{
    clients::Client, config::Config, core::RequestContext, crypto::CryptoError, jobs::NewJob,
    links::owner_notice::OwnerNotice, mail::Message, sessions::SessionEnded, users::User,
};

/// The kind of factor that a login method verifies (NIST SP 800-63B). The variants are stored with the
/// attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Something the user knows, such as a password.
    #[serde(rename = "knows")]
    Knowledge,
    /// A device that proves possession of a key.
    #[serde(rename = "has")]
    Possession {
        /// Whether the device signs for this issuer's origin only.
        phishing_resistant: bool,
    },
    /// A biometric characteristic. No built-in method verifies one to the server: a passkey's biometrics stay
    /// on the device.
    #[serde(rename = "is")]
    Inherence,
    /// Access to a channel: the code was sent to the user's mailbox or phone, or an operator handed the code
    /// over.
    #[serde(rename = "reads")]
    OutOfBand,
    /// A printed code that replaces a lost device.
    #[serde(rename = "recovers")]
    RecoveryCode,
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
    pub attempt_hash: Hash256,
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
    pub context: &'a RequestContext,
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
    pub notice: Option<OwnerNotice>,
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
    /// The `built_in` methods that `login.methods` switches on, in its order, then the `added` methods, which need no
    /// switch.
    pub fn from_settings(
        config: &Config,
        built_in: &[Arc<dyn LoginMethod>],
        added: Vec<Arc<dyn LoginMethod>>,
    ) -> Self {
        let named = |name: &String| built_in.iter().find(|method| method.name() == name).cloned();
        Self(config.login.methods.iter().filter_map(named).chain(added).collect())
    }

    /// The methods that the settings allow to work.
    pub(crate) fn available<'a>(&'a self, app: &'a App) -> impl Iterator<Item = &'a Arc<dyn LoginMethod>> {
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
