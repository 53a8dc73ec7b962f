//! `/login`: who is there, and how well that is proven.
//!
//! ```text
//!   address ──POST /login──► answer ──POST /login/verify──► onward (the request decides, or a page of ours)
//!      ▲        begin          │  ▲          │
//!      │                       │  └──────────┴─ wrong, or another factor
//!      └──── start over ───────┴──► choice ──POST /login──► answer
//! ```
//!
//! A GET changes nothing and shows where the login in progress stands; a POST begins or answers and
//! leads to that GET, so that a page can be loaded again. The first POST for a client's request stores the request. A wrong answer is shown beside its field.

mod destination;
mod flow;
mod show;

use poem::{Request, Response};
use uuid::Uuid;

pub use self::destination::Destination;
pub(super) use self::flow::{Need, find_pending, need_of, onward, page_of};
use self::{
    flow::{Flow, Purpose},
    show::Mistake,
};
use std::time::Duration;

use super::{Answer, Form, PageError, Refusal, error, json, see_other};
use crate::{
    App,
    authorization::{self, InteractionError, LoginStepRecorder, RequestNotPending},
    http::security,
    login::{
        self, ChallengeResponse as Answered, LoginError,
        attempt::{
            self, AttemptBinding, AttemptStart, AttemptStatus, BeginParameters, ChallengeOpened,
            CompletedLogin, LoginOutcome, VerifyParameters,
        },
    },
    sessions::SessionKind,
};

/// After so long there may be room again.
const SOON: Duration = Duration::from_secs(1);

pub async fn show(app: App, request: Request) -> Answer {
    let query = Form::of_query(&request)?;
    let flow = Flow::load(&app, &request, &query).await?;
    if query.get("start") == Some("over") {
        return show::address(&flow, Mistake::default(), flow.remembered());
    }
    let again = query.get("sent") == Some("again");
    // A login in progress comes first: it may be that of somebody else than who is signed in.
    let look = match standing(&flow).await? {
        // Begun by a script of the page with the address, which was not left for it.
        Some(look) if look.identifier.is_empty() && query.get("way") != Some("passkey") => {
            return show::address(&flow, Mistake::default(), flow.remembered());
        }
        Some(look) => look,
        None if flow.need == Need::Nothing => return Ok(see_other(&flow.onward())),
        None => return show::address(&flow, Mistake::default(), flow.remembered()),
    };
    if look.methods.is_empty() {
        return show::no_way(&flow);
    }
    match open_method(&app, &look).filter(|_| query.get("way") != Some("other")) {
        Some(method) => show::answer(&flow, &method, &look, Mistake::default(), again),
        None => show::choice(&flow, &look),
    }
}

/// How far the person has come. Stepping up, there may be no login in progress yet.
async fn standing(flow: &Flow) -> Result<Option<AttemptStatus>, PageError> {
    if let Some(look) = flow.look().await? {
        return Ok(Some(look));
    }
    let Some(signed_in) = flow.signed_in.as_ref().filter(|_| flow.need == Need::StepUp) else {
        return Ok(None);
    };
    let methods = attempt::step_up_methods(&flow.app, signed_in, &flow.requirement).await?;
    let identifier = signed_in.user.email.clone();
    Ok(Some(AttemptStatus {
        identifier,
        methods,
        open_method: None,
        code_expires_at: None,
        first_factor_verified: true,
    }))
}

/// The method whose answer is asked for: the one that was begun, or the only one that may follow when
/// it has nothing to begin, or its page begins by itself.
fn open_method(app: &App, look: &AttemptStatus) -> Option<String> {
    if let Some(open) = look.open_method.as_ref().filter(|open| look.methods.contains(open)) {
        return Some(open.clone());
    }
    let [only] = look.methods.as_slice() else { return None };
    let asks_itself = only == show::PASSKEY;
    let nothing_to_begin = app.login_methods.find(app, only).is_ok_and(|method| !method.requires_challenge());
    (asks_itself || nothing_to_begin).then(|| only.clone())
}

/// `POST /login`: begins with an address, with the next factor, or once more.
pub async fn begin(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let mut flow = Flow::load(&app, &request, &form).await?;
    let Some(method) = form.get("method").map(str::to_owned).or_else(|| default_method(&flow)) else {
        return Ok(see_other(&flow.path()));
    };
    let Some(start) = start(&flow, &form, &method) else { return Ok(see_other(&flow.path())) };
    let then = match start {
        AttemptStart::Discoverable { .. } => "&way=passkey",
        _ if form.has("again") => "&sent=again",
        _ => "",
    };
    match open(&flow, &method, start).await {
        Ok((begun, row)) => {
            flow.waits_in(row);
            let mut response = see_other(&format!("{}{then}", flow.path()));
            flow.set_attempt(&mut response, &begun.attempt_secret);
            Ok(response)
        }
        Err(LoginError::MalformedIdentifier) => {
            let typed = form.typed("identifier");
            let key = if typed.trim().is_empty() { "email-needed" } else { "email-malformed" };
            show::address(&flow, Mistake { key: Some(key), typed }, form.has("remember"))
        }
        Err(cause) => refuse(&flow, cause),
    }
}

/// `POST /login/challenge`, by script: the challenge that the method asks the browser to answer.
pub async fn challenge(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let mut flow = Flow::load(&app, &request, &form).await?;
    let method = form.typed("method");
    let start = start(&flow, &form, method).ok_or(Refusal::RequestGone)?;
    let (begun, row) = open(&flow, method, start).await?;
    flow.waits_in(row);
    let mut told = begun.challenge;
    // The page goes on with the row of its request, which may be new.
    told.extend(row.map(|id| ("request".to_owned(), id.to_string().into())));
    let mut response = json(&told.into());
    flow.set_attempt(&mut response, &begun.attempt_secret);
    Ok(response)
}

/// What a form begins: somebody new, the next factor, or a step up.
fn start<'a>(flow: &'a Flow, form: &'a Form, method: &str) -> Option<AttemptStart<'a>> {
    let names_its_user = || {
        let method = flow.app.login_methods.find(&flow.app, method);
        method.is_ok_and(|method| method.discoverable())
    };
    let remembered = form.has("remember");
    match (&flow.attempt, &flow.signed_in) {
        _ if form.has("identifier") && names_its_user() => Some(AttemptStart::Discoverable { remembered }),
        _ if form.has("identifier") => {
            Some(AttemptStart::WithIdentifier { identifier: form.typed("identifier"), remembered })
        }
        (Some(attempt), _) => Some(AttemptStart::Continue { attempt }),
        (None, Some(signed_in)) if flow.need == Need::StepUp => Some(AttemptStart::StepUp { signed_in }),
        _ => None,
    }
}

fn default_method(flow: &Flow) -> Option<String> {
    login::first_factor_methods(&flow.app, &flow.requirement).into_iter().next()
}

/// Opens a challenge. Answers also the row that the request waits in from now on.
async fn open(
    flow: &Flow,
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
        device_secret: flow.device.as_deref(),
        context: flow.page.context(),
        authorization_request_row: insertion.flatten(),
    };
    Ok((attempt::begin(&flow.app, begin).await?, id))
}

/// `POST /login/verify`: an answer.
pub async fn verify(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let mut flow = Flow::load(&app, &request, &form).await?;
    let (Some(look), Some(method)) = (standing(&flow).await?, form.get("method")) else {
        return if flow.attempt.is_some() { Ok(over(&flow)) } else { Ok(see_other(&flow.path())) };
    };
    let (field, needed, wrong) = match method {
        show::PASSWORD => ("password", "password-needed", "password-wrong"),
        show::PASSKEY => ("answer", "passkey-needed", "passkey-wrong"),
        "totp" => ("code", "code-needed", "totp-wrong"),
        "recovery-code" => ("code", "code-needed", "recovery-code-wrong"),
        _ => ("code", "code-needed", "code-wrong"),
    };
    let typed = form.typed(field);
    if typed.trim().is_empty() {
        return show::answer(&flow, method, &look, Mistake { key: Some(needed), typed }, false);
    }
    // Stepping up begins with the answer: there was nothing to send.
    let (attempt, begun) = match (&flow.attempt, &flow.signed_in) {
        (Some(attempt), _) => (attempt.clone(), false),
        (None, Some(signed_in)) => match open(&flow, method, AttemptStart::StepUp { signed_in }).await {
            Ok((begun, row)) => {
                flow.waits_in(row);
                (begun.attempt_secret, true)
            }
            Err(cause) => return refuse(&flow, cause),
        },
        _ => return Ok(see_other(&flow.path())),
    };
    let verify = VerifyParameters {
        client: flow.client(),
        method,
        attempt_secret: &attempt,
        response: match method {
            show::PASSWORD => Answered { payload: typed.into(), ..Answered::default() },
            show::PASSKEY => {
                Answered { payload: serde_json::from_str(typed).unwrap_or_default(), ..Answered::default() }
            }
            _ => Answered::from_code(typed),
        },
        binding: flow.binding(),
        session_kind: SessionKind::Browser,
        current_session: flow.signed_in.as_ref(),
        device_secret: flow.device.as_deref(),
        context: flow.page.context(),
    };
    let request = flow.binding().authorization_request;
    let completion = LoginStepRecorder { request_id: request, browser_secret: flow.browser() };
    let mut response = match attempt::verify(&app, verify, &completion).await {
        Ok(LoginOutcome::Complete(signed_in)) => return Ok(signed_in_now(&flow, &signed_in)),
        Ok(LoginOutcome::FactorRequired { .. }) => see_other(&flow.path()),
        Ok(LoginOutcome::AccountClosed { .. }) => see_other(Destination::Restore.path()),
        Err(LoginError::ResponseRejected) => {
            show::answer(&flow, method, &look, Mistake { key: Some(wrong), typed }, false)?
        }
        Err(LoginError::AttemptEnded) => return Ok(over(&flow)),
        Err(cause) => return refuse(&flow, cause),
    };
    if begun {
        flow.set_attempt(&mut response, &attempt);
    }
    Ok(response)
}

/// The sign-in is complete: the browser gets its session whatever became of the request meanwhile.
fn signed_in_now(flow: &Flow, now: &CompletedLogin<Result<(), RequestNotPending>>) -> Response {
    let closed = now.user.deletion_at.is_some();
    let mut response = match now.completion_output {
        Ok(()) if closed => see_other(&flow.restore()),
        Ok(()) => see_other(&flow.onward()),
        Err(gone) => error::show(&flow.page, &InteractionError::from(gone).into()),
    };
    if let Some(secret) = &now.cookie_secret {
        security::set_session(&flow.app, &mut response, secret, now.session.remembered);
    }
    security::set_device(&flow.app, &mut response, &now.device_secret);
    flow.clear_attempt(&mut response);
    response
}

/// `POST /login/give-up`: the client is told that what it asks for cannot be reached.
pub async fn give_up(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let flow = Flow::load(&app, &request, &form).await?;
    match &flow.purpose {
        Purpose::Request(pending) if flow.need == Need::StepUp => {
            let handle = authorization::record_unreachable_acr(&app, &pending.handle, flow.browser()).await?;
            Ok(see_other(&onward(&handle)))
        }
        _ => Ok(see_other(&flow.onward())),
    }
}

/// The login in progress is over: too many tries, or too late.
fn over(flow: &Flow) -> Response {
    let mut response: Response = error::show(&flow.page, &show::ended(flow));
    flow.clear_attempt(&mut response);
    response
}

fn refuse(flow: &Flow, cause: LoginError) -> Answer {
    match cause {
        LoginError::Limited { retry_after } => Ok(error::show(&flow.page, &show::limited(flow, retry_after))),
        LoginError::AttemptEnded => Ok(over(flow)),
        // Something else comes next by now, in another tab perhaps: that page knows.
        LoginError::MethodNotOffered | LoginError::ResponseRejected => Ok(see_other(&flow.path())),
        cause => Err(cause.into()),
    }
}

impl From<LoginError> for PageError {
    fn from(cause: LoginError) -> Self {
        match cause {
            LoginError::Database(cause) => cause.into(),
            LoginError::Limited { retry_after } => Self::retry_after(Refusal::TooMany, retry_after),
            LoginError::HasherBusy => Self::retry_after(Refusal::Unavailable, SOON),
            LoginError::AttemptEnded => Refusal::TriesUsedUp.into(),
            LoginError::SessionEnded(cause) => cause.into(),
            LoginError::ResponseRejected | LoginError::MethodNotOffered | LoginError::MalformedIdentifier => {
                Refusal::Malformed.into()
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
            | InteractionError::SessionEnded(_) => Refusal::RequestGone.into(),
            InteractionError::Database(cause) => cause.into(),
        }
    }
}
