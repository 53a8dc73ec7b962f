//! Answers `/login`: identifies and authenticates the user.
//!
//! ```text
//!   identifier ──POST /login──► challenge ──POST /login/verify──► next (authorization endpoint or a page)
//!       ▲          begin          │  ▲          │
//!       │                         │  └──────────┴─ rejected, or another factor
//!       └────── start over ───────┴──► choice ──POST /login──► challenge
//! ```
//!
//! A GET changes nothing and shows the state of the login attempt. A POST begins or verifies and redirects to
//! that GET, so that every page can be reloaded. The first POST for a client's request stores the request. A
//! rejected response is shown beside its field. Leaves attempts to `login::attempt` and the next step to
//! `authorization`.

mod completion;
mod destination;
mod flow;
mod views;

use poem::{Request, Response};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

pub(super) use self::completion::set_sign_in_cookies;
pub use self::destination::Destination;
pub(in crate::http) use self::flow::note_client_of_past_request;
pub(super) use self::flow::{
    RequiredAction, find_pending, find_pending_with_page, page_for_request, required_action_for_page,
    resume_path,
};
use self::{
    completion::login_completed,
    flow::{LoginFlow, LoginPurpose},
    views::LoginFormError,
};
use std::time::Duration;

use super::{Form, PageError, PageErrorKind, PageResult, error, json_response, see_other};
use crate::{
    App,
    authorization::{self, InteractionError, LoginStepRecorder},
    login::{
        self, ChallengeResponse, LoginError,
        attempt::{
            self, AttemptBinding, AttemptStart, AttemptStatus, BeginParameters, ChallengeOpened,
            LoginOutcome, VerifyParameters,
        },
        passkey,
    },
    rate_limit,
    sessions::SessionKind,
};

/// After so long there may be room again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

pub async fn show(app: App, request: Request) -> PageResult {
    let query = Form::from_query(&request)?;
    let flow = LoginFlow::load(&app, &request, &query).await?;
    if query.get("start") == Some("over") {
        return views::show_identifier_form(&flow, LoginFormError::default(), flow.session_remembered());
    }
    let again = query.get("sent") == Some("again");
    // A login in progress comes first: it may be that of somebody else than who is signed in.
    let status = match current_status(&flow).await? {
        // Begun by a script of the page with the address, which was not left for it.
        Some(look) if look.identifier.is_empty() && query.get("way") != Some("passkey") => {
            return views::show_identifier_form(&flow, LoginFormError::default(), flow.session_remembered());
        }
        Some(look) => look,
        None if flow.required_action == RequiredAction::Nothing => return Ok(see_other(&flow.next_path())),
        None => {
            return views::show_identifier_form(&flow, LoginFormError::default(), flow.session_remembered());
        }
    };
    if status.methods.is_empty() {
        return views::show_unreachable_acr(&flow);
    }
    let asked_for = method_to_answer(&app, &status);
    if query.get("way") == Some("lost") {
        return views::show_remaining_ways(&flow, &status, asked_for.as_deref());
    }
    match asked_for.filter(|_| query.get("way") != Some("other")) {
        Some(method) => views::show_challenge(&flow, &method, &status, LoginFormError::default(), again),
        None => views::show_method_choice(&flow, &status),
    }
}

/// The address that was typed into the sign-in under way in this browser, so that it need not be typed again.
pub(super) async fn typed_identifier(app: &App, request: &Request, fields: &Form) -> Option<String> {
    let flow = LoginFlow::load(app, request, fields).await.ok()?;
    let status = flow.attempt_status().await.ok()??;
    Some(status.identifier).filter(|typed| !typed.is_empty())
}

/// How far the person has come. Stepping up, there may be no login in progress yet.
async fn current_status(flow: &LoginFlow) -> Result<Option<AttemptStatus>, PageError> {
    if let Some(status) = flow.attempt_status().await? {
        return Ok(Some(status));
    }
    let Some(signed_in) = flow.signed_in.as_ref().filter(|_| flow.required_action == RequiredAction::StepUp)
    else {
        return Ok(None);
    };
    let methods = attempt::step_up_methods(&flow.app, signed_in, &flow.requirement).await?;
    let identifier = signed_in.user.email.clone();
    Ok(Some(AttemptStatus {
        identifier,
        methods,
        open_method: None,
        code_expires_at: None,
        tries_left: u32::from(flow.app.config.login.code_tries),
        first_factor_verified: true,
    }))
}

/// The method whose answer is asked for: the one that was opened, or the only one that may follow when
/// it has nothing to begin, or its page begins by itself. Recovery codes stand in for a lost device: they are offered
/// beside the others, and never make a choice necessary.
fn method_to_answer(app: &App, status: &AttemptStatus) -> Option<String> {
    if let Some(open) = status.open_method.as_ref().filter(|open| status.methods.contains(open)) {
        return Some(open.clone());
    }
    let usual: Vec<_> = status.methods.iter().filter(|method| *method != views::RECOVERY_CODE).collect();
    let only = match (usual.as_slice(), status.methods.as_slice()) {
        ([only], _) => *only,
        ([], [only]) => only,
        _ => return None,
    };
    let begins_by_script = only == views::PASSKEY;
    let no_challenge_required =
        app.login_methods.find(app, only).is_ok_and(|method| !method.requires_challenge());
    (begins_by_script || no_challenge_required).then(|| only.clone())
}

/// `POST /login`: begins with an address, with the next factor, or once more.
pub async fn begin(app: App, request: Request, form: Form) -> PageResult {
    let mut flow = LoginFlow::load(&app, &request, &form).await?;
    let Some(method) = form.get("method").map(str::to_owned).or_else(|| default_method(&flow)) else {
        return Ok(see_other(&flow.path()));
    };
    let Some(start) = attempt_start(&flow, &form, &method) else { return Ok(see_other(&flow.path())) };
    let then = match start {
        AttemptStart::Discoverable { .. } => "&way=passkey",
        _ if form.contains("again") => "&sent=again",
        _ => "",
    };
    match open_challenge(&flow, &method, start).await {
        Ok((opened, row)) => {
            flow.set_stored_handle(row);
            let mut response = see_other(&format!("{}{then}", flow.path()));
            flow.set_attempt(&mut response, opened.attempt_secret.expose_secret());
            Ok(response)
        }
        Err(LoginError::MalformedIdentifier) => {
            let typed = form.value_or_empty("identifier");
            let key = if typed.trim().is_empty() { "email-needed" } else { "email-malformed" };
            views::show_identifier_form(
                &flow,
                LoginFormError { key: Some(key), typed, ..LoginFormError::default() },
                form.contains("remember"),
            )
        }
        Err(cause) => error_page(&flow, cause),
    }
}

/// `POST /login/challenge`, by script: the challenge that the method asks the browser to answer.
pub async fn challenge(app: App, request: Request, form: Form) -> PageResult {
    let mut flow = LoginFlow::load(&app, &request, &form).await?;
    let method = form.value_or_empty("method");
    let start = attempt_start(&flow, &form, method).ok_or(PageErrorKind::RequestNotPending)?;
    let (opened, row) = open_challenge(&flow, method, start).await?;
    flow.set_stored_handle(row);
    let mut body = opened.challenge;
    // The page goes on with the row of its request, which may be new.
    body.extend(row.map(|id| ("request".to_owned(), id.to_string().into())));
    let mut response = json_response(&body.into());
    flow.set_attempt(&mut response, opened.attempt_secret.expose_secret());
    Ok(response)
}

/// What a form begins: somebody new, the next factor, or a step up.
fn attempt_start<'a>(flow: &'a LoginFlow, form: &'a Form, method: &str) -> Option<AttemptStart<'a>> {
    let discoverable = || {
        let method = flow.app.login_methods.find(&flow.app, method);
        method.is_ok_and(|method| method.discoverable())
    };
    let remembered = form.contains("remember");
    match (&flow.attempt_secret, &flow.signed_in) {
        _ if form.contains("identifier") && discoverable() => Some(AttemptStart::Discoverable { remembered }),
        _ if form.contains("identifier") => {
            Some(AttemptStart::WithIdentifier { identifier: form.value_or_empty("identifier"), remembered })
        }
        (Some(attempt), _) => Some(AttemptStart::Continue { attempt }),
        (None, Some(signed_in)) if flow.required_action == RequiredAction::StepUp => {
            Some(AttemptStart::StepUp { signed_in })
        }
        _ => None,
    }
}

fn default_method(flow: &LoginFlow) -> Option<String> {
    login::first_factor_methods(&flow.app, &flow.requirement).into_iter().next()
}

/// Opens a challenge. Answers also the row that the request waits in from now on.
async fn open_challenge(
    flow: &LoginFlow,
    method: &str,
    start: AttemptStart<'_>,
) -> Result<(ChallengeOpened, Option<Uuid>), LoginError> {
    let (id, insertion) = flow.request_row()?.map(|row| (row.id, row.insertion)).unzip();
    let begin = BeginParameters {
        client: flow.client(),
        method,
        start,
        binding: AttemptBinding { authorization_request: id, ..flow.binding() },
        requirement: flow.requirement.clone(),
        device_secret: flow.device_secret.as_deref(),
        context: flow.page.context(),
        authorization_request_row: insertion.flatten(),
    };
    Ok((attempt::begin(&flow.app, begin).await?, id))
}

/// `POST /login/verify`: an answer.
pub async fn verify(app: App, request: Request, form: Form) -> PageResult {
    let mut flow = LoginFlow::load(&app, &request, &form).await?;
    let (Some(status), Some(method)) = (current_status(&flow).await?, form.get("method")) else {
        return if flow.attempt_secret.is_some() {
            Ok(attempt_ended(&flow))
        } else {
            Ok(see_other(&flow.path()))
        };
    };
    let (field, needed, wrong) = match method {
        views::PASSWORD => ("password", "password-needed", "password-wrong"),
        views::PASSKEY => ("answer", "passkey-needed", "passkey-wrong"),
        "totp" => ("code", "code-needed", "totp-wrong"),
        views::RECOVERY_CODE => ("code", "code-needed", "recovery-code-wrong"),
        _ => ("code", "code-needed", "code-wrong"),
    };
    let typed = form.value_or_empty(field);
    if typed.trim().is_empty() {
        return views::show_challenge(
            &flow,
            method,
            &status,
            LoginFormError { key: Some(needed), typed, ..LoginFormError::default() },
            false,
        );
    }
    // Stepping up begins with the answer: there was nothing to send.
    let (attempt, attempt_opened) = match (&flow.attempt_secret, &flow.signed_in) {
        (Some(attempt), _) => (SecretString::from(attempt.as_str()), false),
        (None, Some(signed_in)) => {
            match open_challenge(&flow, method, AttemptStart::StepUp { signed_in }).await {
                Ok((opened, row)) => {
                    flow.set_stored_handle(row);
                    (opened.attempt_secret, true)
                }
                Err(cause) => return error_page(&flow, cause),
            }
        }
        _ => return Ok(see_other(&flow.path())),
    };
    let verify = VerifyParameters {
        client: flow.client(),
        method,
        attempt_secret: attempt.expose_secret(),
        response: match method {
            views::PASSWORD => ChallengeResponse { payload: typed.into(), ..ChallengeResponse::default() },
            views::PASSKEY => {
                ChallengeResponse { payload: passkey_answer(typed), ..ChallengeResponse::default() }
            }
            _ => ChallengeResponse::from_code(typed),
        },
        binding: flow.binding(),
        session_kind: SessionKind::Browser,
        current_session: flow.signed_in.as_ref(),
        device_secret: flow.device_secret.as_deref(),
        context: flow.page.context(),
    };
    let request = flow.binding().authorization_request;
    let completion = LoginStepRecorder { request_id: request, browser_secret: flow.browser_secret() };
    let mut response = match attempt::verify(&app, verify, &completion).await {
        Ok(LoginOutcome::Complete(completed)) => return Ok(login_completed(&flow, &completed, &form).await),
        Ok(LoginOutcome::FactorRequired { .. }) => see_other(&flow.path()),
        Ok(LoginOutcome::AccountClosed { .. }) => see_other(Destination::Restore.path()),
        Err(LoginError::ResponseRejected) => {
            let tries_left = tries_left(&flow, method, attempt.expose_secret()).await?;
            let unknown = unknown_passkey(&flow, method, typed).await?;
            let unknown_passkey = unknown.as_deref();
            let form_error = LoginFormError { key: Some(wrong), typed, tries_left, unknown_passkey };
            views::show_challenge(&flow, method, &status, form_error, false)?
        }
        Err(LoginError::AttemptEnded) => return Ok(attempt_ended(&flow)),
        Err(cause) => return error_page(&flow, cause),
    };
    if attempt_opened {
        flow.set_attempt(&mut response, attempt.expose_secret());
    }
    Ok(response)
}

/// Codes that may still be wrong, as they stand now: tries of other tabs count too, and no more are promised than the network
/// may make for now.
async fn tries_left(flow: &LoginFlow, method: &str, attempt_secret: &str) -> Result<Option<u32>, PageError> {
    if [views::PASSWORD, views::PASSKEY].contains(&method) {
        return Ok(None);
    }
    let status = attempt::status(&flow.app, flow.client(), attempt_secret, &flow.binding()).await?;
    let of_source = rate_limit::remaining_quota("failures_per_source").unwrap_or(u32::MAX);
    Ok(status.map(|status| status.tries_left.min(of_source)))
}

/// What the browser answered; nothing for what is no JSON.
fn passkey_answer(typed: &str) -> serde_json::Value {
    serde_json::from_str(typed).unwrap_or_default()
}

async fn unknown_passkey(flow: &LoginFlow, method: &str, typed: &str) -> Result<Option<String>, PageError> {
    match method {
        views::PASSKEY => Ok(passkey::unknown_credential(&flow.app, &passkey_answer(typed)).await?),
        _ => Ok(None),
    }
}

/// `POST /login/give-up`: the client is told that what it asks for cannot be reached.
pub async fn decline_step_up(app: App, request: Request, form: Form) -> PageResult {
    let flow = LoginFlow::load(&app, &request, &form).await?;
    match &flow.purpose {
        LoginPurpose::AuthorizationRequest(pending) if flow.required_action == RequiredAction::StepUp => {
            let handle =
                authorization::record_unreachable_acr(&app, &pending.handle, flow.browser_secret()).await?;
            Ok(see_other(&resume_path(&handle)))
        }
        _ => Ok(see_other(&flow.next_path())),
    }
}

/// The login in progress is over: too many tries, or too late.
fn attempt_ended(flow: &LoginFlow) -> Response {
    let mut response: Response = error::show(&flow.page, &views::attempt_ended(flow));
    flow.clear_attempt(&mut response);
    response
}

fn error_page(flow: &LoginFlow, cause: LoginError) -> PageResult {
    match cause {
        LoginError::Limited { retry_after } => {
            Ok(error::show(&flow.page, &views::rate_limited(flow, retry_after)))
        }
        LoginError::AttemptEnded => Ok(attempt_ended(flow)),
        // Something else comes next by now, in another tab perhaps: that page knows.
        LoginError::MethodNotOffered | LoginError::ResponseRejected => Ok(see_other(&flow.path())),
        cause => Err(cause.into()),
    }
}

impl From<LoginError> for PageError {
    fn from(cause: LoginError) -> Self {
        match cause {
            LoginError::Database(cause) => cause.into(),
            LoginError::Limited { retry_after } => Self::retry_after(PageErrorKind::RateLimited, retry_after),
            LoginError::HasherBusy => Self::retry_after(PageErrorKind::Unavailable, RETRY_DELAY),
            LoginError::AttemptEnded => PageErrorKind::AttemptEnded.into(),
            LoginError::SessionEnded(cause) => cause.into(),
            LoginError::ResponseRejected | LoginError::MethodNotOffered | LoginError::MalformedIdentifier => {
                PageErrorKind::Malformed.into()
            }
            cause @ (LoginError::Crypto(_) | LoginError::MethodFailed(_)) => Self::internal(&cause),
        }
    }
}

impl From<InteractionError> for PageError {
    fn from(cause: InteractionError) -> Self {
        match cause {
            InteractionError::RequestNotPending(_)
            | InteractionError::StepOutOfOrder
            | InteractionError::SessionEnded(_) => PageErrorKind::RequestNotPending.into(),
            InteractionError::Database(cause) => cause.into(),
        }
    }
}
