//! Answers what a browser must do before a request can be answered: a list of named questions.
//!
//! A question looks at the [`Situation`] and nothing else; the first one that is open decides the step.
//! `prompt=none` forbids pages, so each question also says what the client is told then. Success is
//! that no question is open: it follows from the session and from the steps stored with the request,
//! never from the page that was posted last.

use postern_service::clock::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    error::{ErrorCode, Refusal},
    request::AuthorizationRequest,
};
use crate::{clients::Client, login::policy::Acr, sessions::SignedIn, tokens::Scope};

/// A step that was passed, as kept in `authorization_requests.steps`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum PassedStep {
    /// Somebody signed in, or stepped up, for this request.
    Login {
        /// In this session.
        sid: Uuid,
        /// When.
        at: Timestamp,
    },
    /// A user allowed what the request asks for.
    Allowed {
        /// Who.
        user_id: Uuid,
        /// When.
        at: Timestamp,
    },
    /// The person denied it.
    Denied {
        /// When.
        at: Timestamp,
    },
    /// The person cannot reach the level asked for, and gave up.
    Unreachable {
        /// When.
        at: Timestamp,
    },
}

/// What the browser does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sign in, again if need be.
    Login,
    /// Show another factor.
    StepUp,
    /// Allow or deny.
    Consent,
    /// Return to the client: with a code, or with an error.
    Respond(Result<(), Refusal>),
}

/// A request and what happened for it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// What for.
    pub request: &'a AuthorizationRequest,
    /// When the request came.
    pub at: Timestamp,
    /// What happened for this request so far.
    pub passed: &'a [PassedStep],
}

/// All that decides the next step.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// This moment.
    pub now: Timestamp,
    /// The request.
    pub asked: Asked<'a>,
    /// Whether its answer is of use to nobody but the client.
    pub client_proven: bool,
    /// Who is signed in in this browser.
    pub signed_in: Option<&'a SignedIn>,
    /// What this user has allowed this client before.
    pub remembered: Option<&'a Scope>,
    /// Least level of the session.
    pub least_acr: Option<Acr>,
    /// Whether the session was begun by a method that the client allows.
    pub method_allowed: bool,
}

/// One question: when it is open, and what then.
struct Question {
    open: fn(&Situation<'_>) -> bool,
    /// What the browser does.
    step: Step,
    /// What the client is told if there may be no page.
    silent: Refusal,
}

/// Every question, in the order in which they are asked.
const QUESTIONS: [Question; 9] = [
    Question { open: denied, step: Step::Respond(Err(DENIED)), silent: DENIED },
    Question { open: unreachable, step: Step::Respond(Err(UNREACHABLE)), silent: UNREACHABLE },
    Question { open: nobody_signed_in, step: Step::Login, silent: LOGIN_REQUIRED },
    Question { open: another_user_came, step: Step::Respond(Err(ANOTHER_USER)), silent: ANOTHER_USER },
    Question { open: another_user_than_hinted, step: Step::Login, silent: LOGIN_REQUIRED },
    Question { open: sign_in_not_fresh, step: Step::Login, silent: LOGIN_REQUIRED },
    Question { open: method_not_allowed, step: Step::Login, silent: ANOTHER_METHOD },
    Question { open: level_too_low, step: Step::StepUp, silent: STEP_UP_REQUIRED },
    Question { open: consent_missing, step: Step::Consent, silent: CONSENT_REQUIRED },
];

const DENIED: Refusal = Refusal::new(ErrorCode::AccessDenied, "the user denied the request");
const UNREACHABLE: Refusal =
    Refusal::new(ErrorCode::UnmetAuthenticationRequirements, "the user cannot reach the acr asked for");
const ANOTHER_USER: Refusal =
    Refusal::new(ErrorCode::LoginRequired, "another user signed in than the id_token_hint names");
const LOGIN_REQUIRED: Refusal = Refusal::new(ErrorCode::LoginRequired, "the user must sign in");
const ANOTHER_METHOD: Refusal =
    Refusal::new(ErrorCode::LoginRequired, "the user must sign in by a method that the client allows");
const STEP_UP_REQUIRED: Refusal =
    Refusal::new(ErrorCode::InteractionRequired, "the user must show another factor");
const CONSENT_REQUIRED: Refusal = Refusal::new(ErrorCode::ConsentRequired, "the user must consent");

/// THE function that decides the next step of a browser.
pub fn next(situation: &Situation<'_>) -> Step {
    let open = QUESTIONS.into_iter().find(|question| (question.open)(situation));
    match open {
        None => Step::Respond(Ok(())),
        Some(question) if situation.asked.request.prompt.none => Step::Respond(Err(question.silent)),
        Some(question) => question.step,
    }
}

fn denied(situation: &Situation<'_>) -> bool {
    situation.asked.passed.iter().any(|step| matches!(step, PassedStep::Denied { .. }))
}

fn unreachable(situation: &Situation<'_>) -> bool {
    situation.asked.passed.iter().any(|step| matches!(step, PassedStep::Unreachable { .. }))
}

fn nobody_signed_in(situation: &Situation<'_>) -> bool {
    situation.signed_in.is_none()
}

/// OpenID Connect Core section 3.1.2.1, `id_token_hint`: somebody else signed in, even when asked.
fn another_user_came(situation: &Situation<'_>) -> bool {
    another_user_than_hinted(situation) && signed_in_for_this(situation)
}

/// OpenID Connect Core section 3.1.2.1, `id_token_hint`.
fn another_user_than_hinted(situation: &Situation<'_>) -> bool {
    match (situation.signed_in, &situation.asked.request.expected_subject) {
        (Some(signed_in), Some(expected)) => signed_in.user.subject.to_string() != *expected,
        _ => false,
    }
}

/// OpenID Connect Core section 3.1.2.1, `prompt=login` and `max_age`: a sign-in for this very request
/// fulfils both, so that coming back does not ask again; `max_age=0` is `prompt=login`.
fn sign_in_not_fresh(situation: &Situation<'_>) -> bool {
    let Some(signed_in) = situation.signed_in else { return true };
    let age = situation.now - Timestamp::from_micros(signed_in.session.auth_time);
    let too_old = situation.asked.request.max_age.is_some_and(|most| most.is_zero() || age > most);
    (situation.asked.request.prompt.login || too_old) && !signed_in_for_this(situation)
}

/// Whether this session's user proved themselves for this request, as its steps say and the session
/// agrees.
fn signed_in_for_this(situation: &Situation<'_>) -> bool {
    situation.signed_in.is_some_and(|signed_in| {
        let of_session =
            |step: &PassedStep| matches!(step, PassedStep::Login { sid, .. } if *sid == signed_in.session.sid);
        Timestamp::from_micros(signed_in.session.auth_time) >= situation.asked.at
            && situation.asked.passed.iter().any(of_session)
    })
}

/// What the client allows holds for a session that exists as for a new one. The sign-in that follows offers allowed methods
/// only, so that its session is not asked again.
fn method_not_allowed(situation: &Situation<'_>) -> bool {
    !situation.method_allowed
}

/// RFC 9470 section 4, and the level registered for the client or demanded of everybody.
fn level_too_low(situation: &Situation<'_>) -> bool {
    let Some(least) = situation.least_acr else { return false };
    let reached = situation.signed_in.and_then(|signed_in| signed_in.session.acr.parse::<Acr>().ok());
    reached < Some(least)
}

/// Whether this person must allow the request, or an earlier answer counts.
///
/// A client that proves nothing always needs one press by the person (RFC 8252 section 8.6): this page, or, where an
/// operator vouches for the client, a sign-in form of this very request. Those forms name the client.
fn consent_missing(situation: &Situation<'_>) -> bool {
    let Some(signed_in) = situation.signed_in else { return true };
    let asked = situation.asked;
    let allowed_now = asked
        .passed
        .iter()
        .any(|step| matches!(step, PassedStep::Allowed { user_id, .. } if *user_id == signed_in.user.id));
    let covered = situation.remembered.is_some_and(|remembered| asked.request.scope.within(remembered));
    let spared = match (asked.client.row.first_party, situation.client_proven) {
        (true, true) => true,
        (true, false) => signed_in_for_this(situation),
        (false, true) => covered,
        (false, false) => false,
    };
    !allowed_now && (asked.request.prompt.consent || !spared)
}

/// Whether a former answer could count, or need not even be read.
pub(super) fn reads_remembered(asked: Asked<'_>, client_proven: bool) -> bool {
    !asked.client.row.first_party && client_proven && !asked.request.prompt.consent
}
