//! Answers what the browser must do before an authorization request can be answered: an ordered list of
//! checks.
//!
//! A check reads the [`InteractionContext`] and nothing else. The first check that applies decides the step.
//! `prompt=none` forbids pages, so each check also has the error that the client receives in that case. A
//! request succeeds when no check applies. That follows from the session and from the steps recorded with the
//! request, never from the page that was posted last (OpenID Connect Core section 3.1.2).

use postern_service::clock::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    error::{AuthorizationError, ErrorCode},
    request::AuthorizationRequest,
};
use crate::{acr::Acr, clients::Client, scope::Scope, sessions::SignedInUser};

/// A step that the user took for a request, as stored in `authorization_requests.steps`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum RecordedStep {
    /// The user signed in, or stepped up, for this request.
    Login {
        /// The session that the sign-in opened or raised.
        sid: Uuid,
        at: Timestamp,
    },
    /// The user allowed the requested scope.
    Allowed { user_id: Uuid, at: Timestamp },
    /// The user denied the request.
    Denied { at: Timestamp },
    /// The user has no login method that reaches the requested acr, and declined to go on.
    Unreachable { at: Timestamp },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationStep {
    /// Sign in, or authenticate again.
    Login,
    /// Verify another factor to reach the required acr.
    StepUp,
    /// Ask the user for consent.
    Consent,
    /// Redirect to the client, with a code or with an error.
    Respond(Result<(), AuthorizationError>),
}

/// An authorization request and the steps recorded for it.
#[derive(Clone, Copy, Debug)]
pub struct RequestProgress<'a> {
    pub client: &'a Client,
    pub request: &'a AuthorizationRequest,
    /// When the request was received. Only a sign-in after this moment counts as one for this request.
    pub received_at: Timestamp,
    pub recorded_steps: &'a [RecordedStep],
}

/// All input of the checks.
#[derive(Clone, Copy, Debug)]
pub struct InteractionContext<'a> {
    pub now: Timestamp,
    pub progress: RequestProgress<'a>,
    /// Whether the redirect URI proves the client's identity: no other party can use the response.
    pub client_identity_proven: bool,
    /// The session of this browser; none when nobody is signed in.
    pub signed_in: Option<&'a SignedInUser>,
    /// Whether the signed-in user has another `sub` for the client than the request names.
    pub subject_mismatch: bool,
    /// The scope to which this user consented before, for this client.
    pub stored_consent: Option<&'a Scope>,
    /// The lowest acr that the session must have.
    pub required_acr: Option<Acr>,
    /// Whether the session began with a login method that the client allows.
    pub login_method_allowed: bool,
}

/// One check: when it applies, and the step that follows.
struct InteractionCheck {
    required: fn(&InteractionContext<'_>) -> bool,
    step: AuthorizationStep,
    /// The error for the client under `prompt=none`.
    prompt_none_error: AuthorizationError,
}

/// All checks, in the order in which they run.
const INTERACTION_CHECKS: [InteractionCheck; 9] = [
    InteractionCheck {
        required: consent_denied,
        step: AuthorizationStep::Respond(Err(CONSENT_DENIED)),
        prompt_none_error: CONSENT_DENIED,
    },
    InteractionCheck {
        required: acr_unreachable,
        step: AuthorizationStep::Respond(Err(ACR_UNREACHABLE)),
        prompt_none_error: ACR_UNREACHABLE,
    },
    InteractionCheck {
        required: no_session,
        step: AuthorizationStep::Login,
        prompt_none_error: LOGIN_REQUIRED,
    },
    InteractionCheck {
        required: subject_mismatch_after_login,
        step: AuthorizationStep::Respond(Err(SUBJECT_MISMATCH)),
        prompt_none_error: SUBJECT_MISMATCH,
    },
    InteractionCheck {
        required: subject_mismatch,
        step: AuthorizationStep::Login,
        prompt_none_error: LOGIN_REQUIRED,
    },
    InteractionCheck {
        required: reauthentication_required,
        step: AuthorizationStep::Login,
        prompt_none_error: LOGIN_REQUIRED,
    },
    InteractionCheck {
        required: login_method_not_allowed,
        step: AuthorizationStep::Login,
        prompt_none_error: LOGIN_METHOD_REQUIRED,
    },
    InteractionCheck {
        required: acr_too_low,
        step: AuthorizationStep::StepUp,
        prompt_none_error: STEP_UP_REQUIRED,
    },
    InteractionCheck {
        required: consent_required,
        step: AuthorizationStep::Consent,
        prompt_none_error: CONSENT_REQUIRED,
    },
];

const CONSENT_DENIED: AuthorizationError =
    AuthorizationError::new(ErrorCode::AccessDenied, "the user denied the request");
const ACR_UNREACHABLE: AuthorizationError = AuthorizationError::new(
    ErrorCode::UnmetAuthenticationRequirements,
    "the user cannot reach the acr asked for",
);
const SUBJECT_MISMATCH: AuthorizationError =
    AuthorizationError::new(ErrorCode::LoginRequired, "another user signed in than the request names");
const LOGIN_REQUIRED: AuthorizationError =
    AuthorizationError::new(ErrorCode::LoginRequired, "the user must sign in");
const LOGIN_METHOD_REQUIRED: AuthorizationError = AuthorizationError::new(
    ErrorCode::LoginRequired,
    "the user must sign in by a method that the client allows",
);
const STEP_UP_REQUIRED: AuthorizationError =
    AuthorizationError::new(ErrorCode::InteractionRequired, "the user must show another factor");
const CONSENT_REQUIRED: AuthorizationError =
    AuthorizationError::new(ErrorCode::ConsentRequired, "the user must consent");

/// Decides the next step of a browser. No other function does.
pub fn next_step(situation: &InteractionContext<'_>) -> AuthorizationStep {
    let required = INTERACTION_CHECKS.into_iter().find(|question| (question.required)(situation));
    match required {
        None => AuthorizationStep::Respond(Ok(())),
        Some(question) if situation.progress.request.prompt.none => {
            AuthorizationStep::Respond(Err(question.prompt_none_error))
        }
        Some(question) => question.step,
    }
}

fn consent_denied(situation: &InteractionContext<'_>) -> bool {
    situation.progress.recorded_steps.iter().any(|step| matches!(step, RecordedStep::Denied { .. }))
}

fn acr_unreachable(situation: &InteractionContext<'_>) -> bool {
    situation.progress.recorded_steps.iter().any(|step| matches!(step, RecordedStep::Unreachable { .. }))
}

fn no_session(situation: &InteractionContext<'_>) -> bool {
    situation.signed_in.is_none()
}

/// OpenID Connect Core section 3.1.2.1, `id_token_hint`: another user signed in for this very request, so the
/// request must fail.
fn subject_mismatch_after_login(situation: &InteractionContext<'_>) -> bool {
    subject_mismatch(situation) && authenticated_for_request(situation)
}

/// OpenID Connect Core section 3.1.2.1, `id_token_hint`.
fn subject_mismatch(situation: &InteractionContext<'_>) -> bool {
    situation.subject_mismatch
}

/// OpenID Connect Core section 3.1.2.1, `prompt=login`, `prompt=create` and `max_age`. A sign-in for this very request fulfils
/// each; otherwise the browser would loop between this check and the sign-in page. `max_age=0` equals
/// `prompt=login`.
fn reauthentication_required(situation: &InteractionContext<'_>) -> bool {
    let Some(signed_in) = situation.signed_in else { return true };
    let age = situation.now - signed_in.session.auth_time;
    let too_old = situation.progress.request.max_age.is_some_and(|most| most.is_zero() || age > most);
    let prompt = situation.progress.request.prompt;
    (prompt.login || prompt.create || too_old) && !authenticated_for_request(situation)
}

/// Whether the user authenticated for this request. The recorded steps and `auth_time` of the session must
/// both say so.
fn authenticated_for_request(situation: &InteractionContext<'_>) -> bool {
    situation.signed_in.is_some_and(|signed_in| {
        let of_session =
            |step: &RecordedStep| matches!(step, RecordedStep::Login { sid, .. } if *sid == signed_in.session.sid);
        signed_in.session.auth_time >= situation.progress.received_at
            && situation.progress.recorded_steps.iter().any(of_session)
    })
}

/// The client's restriction holds for an existing session as for a new one. The sign-in page then offers
/// allowed methods only, so the new session passes this check.
fn login_method_not_allowed(situation: &InteractionContext<'_>) -> bool {
    !situation.login_method_allowed
}

/// RFC 9470 section 4; the acr registered for the client or required by the installation counts too.
fn acr_too_low(situation: &InteractionContext<'_>) -> bool {
    let Some(least) = situation.required_acr else { return false };
    let reached = situation.signed_in.map(|signed_in| signed_in.session.acr);
    reached < Some(least)
}

/// Whether the user must consent on a page, or stored consent suffices.
///
/// A client whose identity is not proven always needs an action of the user (RFC 8252 section 8.6). The
/// consent page is that action. For a first-party client a sign-in form for this very request is enough,
/// because that form names the client.
fn consent_required(situation: &InteractionContext<'_>) -> bool {
    let Some(signed_in) = situation.signed_in else { return true };
    let progress = situation.progress;
    let allowed_now = progress
        .recorded_steps
        .iter()
        .any(|step| matches!(step, RecordedStep::Allowed { user_id, .. } if *user_id == signed_in.user.id));
    let covered_by_stored_consent = situation
        .stored_consent
        .is_some_and(|remembered| progress.request.consent_scope().subset_of(remembered));
    let consent_not_needed = match (progress.client.row.first_party, situation.client_identity_proven) {
        (true, true) => true,
        (true, false) => authenticated_for_request(situation),
        (false, true) => covered_by_stored_consent,
        (false, false) => false,
    };
    !allowed_now && (progress.request.prompt.consent || !consent_not_needed)
}

/// Whether stored consent can matter. If not, it need not be read from the database.
pub(super) fn stored_consent_may_apply(progress: RequestProgress<'_>, client_proven: bool) -> bool {
    !progress.client.row.first_party && client_proven && !progress.request.prompt.consent
}
