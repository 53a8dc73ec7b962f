//! Defines the sign-in that a page is part of: for an authorization request, or for a page of ours.

use std::time::Duration;

use minijinja::{Value, context};
use poem::{Request, Response, http::header::SET_COOKIE};
use uuid::Uuid;

use super::destination::Destination;
use crate::{
    App,
    authorization::{self, AuthorizationStep, PendingRequest, RequestHandle, RequestRow},
    clients::Client,
    http::{
        pages::{
            Form, Page, PageError, Refusal,
            account::{self, signed_in_for},
            asker::asker,
        },
        security,
    },
    login::{
        LoginError,
        attempt::{self, AttemptBinding, AttemptStatus},
        policy::AuthenticationRequirement,
        second_factor,
    },
    sessions::{self, SignedInUser},
};

/// Start of the name of the cookie that holds the secret of a login in progress.
const ATTEMPT_COOKIE: &str = "postern-login-";

/// A browser keeps so many logins in progress; the one of a forgotten tab gives way.
const MOST_ATTEMPTS: usize = 8;

/// What the sign-in is for.
pub(super) enum Purpose {
    Request(Box<PendingRequest>),
    /// A page of ours.
    Own(Destination),
}

/// What the person has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::pages) enum Need {
    /// Sign in, again if need be.
    SignIn,
    StepUp,
    Nothing,
}

/// A sign-in under way, as one request meets it.
pub(super) struct Flow {
    pub(super) app: App,
    pub(super) page: Page,
    pub(super) purpose: Purpose,
    pub(super) signed_in: Option<SignedInUser>,
    pub(super) requirement: AuthenticationRequirement,
    pub(super) need: Need,
    /// The secret of the login in progress, from its cookie.
    pub(super) attempt: Option<String>,
    /// The secret by which accounts know this device.
    pub(super) device: Option<String>,
    browser: Option<String>,
    /// Names of the other logins in progress of this browser.
    other_attempts: Vec<String>,
}

impl Flow {
    /// Reads what `request=HANDLE` or `to=WORD` name, and who is there.
    pub(super) async fn load(app: &App, request: &Request, fields: &Form) -> Result<Self, PageError> {
        let browser = security::browser_secret(app, request).map(str::to_owned);
        let purpose = match fields.get("request") {
            Some(id) => Purpose::Request(Box::new(find_pending(app, id, browser.as_deref()).await?)),
            None => Purpose::Own(Destination::parse(fields.get("to"))),
        };
        let signed_in = match &purpose {
            Purpose::Own(destination) => signed_in_for(app, request, *destination).await?,
            Purpose::Request(_) => account::signed_in(app, request).await?,
        };
        let (requirement, need) = need(app, &purpose, signed_in.as_ref()).await?;
        let cookie = purpose.attempt_cookie();
        let secret = cookie.as_deref().and_then(|cookie| security::secret_in_cookie(app, request, cookie));
        Ok(Self {
            app: app.clone(),
            page: purpose.page(app, request),
            attempt: secret.map(str::to_owned),
            device: security::device_secret(app, request).map(str::to_owned),
            other_attempts: security::cookies_beginning_with(app, request, ATTEMPT_COOKIE)
                .into_iter()
                .filter(|name| cookie.as_ref() != Some(name))
                .collect(),
            purpose,
            signed_in,
            requirement,
            need,
            browser,
        })
    }

    /// The client that asks; none for our own pages.
    pub(super) fn client(&self) -> Option<&Client> {
        match &self.purpose {
            Purpose::Request(pending) => Some(&pending.client),
            Purpose::Own(_) => None,
        }
    }

    /// What a login in progress of this sign-in is bound to.
    pub(super) fn binding(&self) -> AttemptBinding<'_> {
        let authorization_request = match &self.purpose {
            Purpose::Request(pending) => pending.handle.row(),
            Purpose::Own(_) => None,
        };
        AttemptBinding { authorization_request, browser_secret: self.browser.as_deref() }
    }

    /// The row that the request waits in once this form was posted; none for a page of ours.
    pub(super) fn request_row(&self) -> Result<Option<RequestRow>, LoginError> {
        match &self.purpose {
            Purpose::Request(pending) => Ok(Some(pending.row_for(&self.app, self.browser())?)),
            Purpose::Own(_) => Ok(None),
        }
    }

    /// Goes on with the row that the request waits in now.
    pub(super) fn waits_in(&mut self, row: Option<Uuid>) {
        if let (Purpose::Request(pending), Some(id)) = (&mut self.purpose, row) {
            pending.handle = RequestHandle::Stored(id);
        }
    }

    /// The secret that names this browser; every form has been checked for it.
    pub(super) fn browser(&self) -> &str {
        self.browser.as_deref().unwrap_or_default()
    }

    /// The login in progress, if it is still that.
    pub(super) async fn look(&self) -> Result<Option<AttemptStatus>, PageError> {
        let Some(attempt) = &self.attempt else { return Ok(None) };
        Ok(attempt::status(&self.app, self.client(), attempt, &self.binding()).await?)
    }

    /// Whether this browser keeps the session it has: what the next sign-in begins with.
    pub(super) fn remembered(&self) -> bool {
        self.signed_in.as_ref().is_some_and(|signed_in| signed_in.session.remembered)
    }

    /// The address of this sign-in's page.
    pub(super) fn path(&self) -> String {
        match &self.purpose {
            Purpose::Request(pending) => format!("/login?request={}", pending.handle),
            Purpose::Own(destination) => format!("/login?to={}", destination.word()),
        }
    }

    /// Where to go when this page has no more to ask: the request decides what comes next.
    pub(super) fn onward(&self) -> String {
        match &self.purpose {
            Purpose::Request(pending) => onward(&pending.handle),
            Purpose::Own(destination) => destination.path().to_owned(),
        }
    }

    /// Where somebody goes who has closed the account, before they go on.
    pub(super) fn restore(&self) -> String {
        match &self.purpose {
            Purpose::Request(pending) => {
                format!("{}?request={}", Destination::Restore.path(), pending.handle)
            }
            Purpose::Own(_) => Destination::Restore.path().to_owned(),
        }
    }

    /// Where to type another address.
    pub(super) fn start_over(&self) -> String {
        format!("{}&start=over", self.path())
    }

    /// What the templates of every page of it need.
    pub(super) fn values(&self) -> Value {
        let (request, to, asks) = match &self.purpose {
            Purpose::Request(pending) => {
                let asks = asker(&self.app, &pending.client, Some(&pending.request.redirect_uri));
                (Some(pending.handle.to_string()), None, Some(asks))
            }
            Purpose::Own(destination) => (None, Some(destination.word()), None),
        };
        context! {
            asker => asks,
            flow => context! {
                form_token => self.page.form_token(),
                request, to,
                path => self.path(),
                other_way => format!("{}&way=other", self.path()),
                // Stepping up, one is who one is.
                start_over => (self.need != Need::StepUp).then(|| self.start_over()),
            },
        }
    }

    /// Hands the secret of a login in progress to the browser.
    pub(super) fn set_attempt(&self, response: &mut Response, secret: &str) {
        let lifetime = self.app.config.login.attempt_lifetime.duration();
        if let Some(cookie) = self.purpose.attempt_cookie() {
            self.set_cookie(response, &cookie, secret, lifetime);
        }
        for name in self.other_attempts.iter().skip(MOST_ATTEMPTS - 1) {
            self.set_cookie(response, name, "", Duration::ZERO);
        }
    }

    /// Takes it away again.
    pub(super) fn clear_attempt(&self, response: &mut Response) {
        if let Some(cookie) = self.purpose.attempt_cookie() {
            self.set_cookie(response, &cookie, "", Duration::ZERO);
        }
    }

    fn set_cookie(&self, response: &mut Response, name: &str, value: &str, lifetime: Duration) {
        let cookie = security::set_cookie(&self.app, name, value, lifetime);
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

impl Purpose {
    /// Name of the cookie of its login in progress. A request without a row has none.
    fn attempt_cookie(&self) -> Option<String> {
        match self {
            Self::Request(pending) => {
                pending.handle.row().map(|id| format!("{ATTEMPT_COOKIE}{}", id.simple()))
            }
            Self::Own(_) => Some(format!("{ATTEMPT_COOKIE}own")),
        }
    }

    fn page(&self, app: &App, request: &Request) -> Page {
        match self {
            Self::Request(pending) => page_of(app, request, pending),
            Self::Own(_) => Page::of(app, request, None),
        }
    }
}

/// A page about a client's request: in the languages it asked for.
pub(in crate::http::pages) fn page_of(app: &App, request: &Request, pending: &PendingRequest) -> Page {
    Page::of(app, request, Some(&pending.request.ui_locales.join(" ")))
}

/// The request with this handle that waits in this browser. Unknown, over and another browser's look alike.
pub(in crate::http::pages) async fn find_pending(
    app: &App,
    handle: &str,
    browser: Option<&str>,
) -> Result<PendingRequest, PageError> {
    let handle: RequestHandle = handle.parse().map_err(|_| Refusal::RequestGone)?;
    let browser = browser.ok_or(Refusal::RequestGone)?;
    Ok(authorization::find_pending(app, &handle, browser).await?.ok_or(Refusal::RequestGone)?)
}

/// Where a request goes on: it decides itself what comes next.
pub(in crate::http::pages) fn onward(handle: &RequestHandle) -> String {
    format!("/oauth2/authorize?resume={handle}")
}

/// What a sign-in for this must reach, and what there is to do for it.
async fn need(
    app: &App,
    purpose: &Purpose,
    signed_in: Option<&SignedInUser>,
) -> Result<(AuthenticationRequirement, Need), PageError> {
    match purpose {
        Purpose::Request(pending) => {
            let need = match authorization::next_step_of(app, pending, signed_in).await? {
                AuthorizationStep::Login => Need::SignIn,
                AuthorizationStep::StepUp => Need::StepUp,
                AuthorizationStep::Consent | AuthorizationStep::Respond(_) => Need::Nothing,
            };
            Ok((pending.requirement.clone(), need))
        }
        Purpose::Own(destination) => need_of(app, *destination, signed_in).await,
    }
}

/// The same for a page of ours, which asks it too before it opens.
pub(in crate::http::pages) async fn need_of(
    app: &App,
    destination: Destination,
    signed_in: Option<&SignedInUser>,
) -> Result<(AuthenticationRequirement, Need), PageError> {
    let Some(SignedInUser { session, user }) = signed_in else {
        return Ok((destination.requirement(false), Need::SignIn));
    };
    let second = second_factor::has_second_factor(app, user).await?;
    let requirement = destination.requirement(second);
    let need = match session.acr.parse() {
        Ok(acr) if requirement.met_by(acr, auth_time(session), app.clock.now()) => Need::Nothing,
        // A step-up renews the time as well, and asks for what an old session lacks.
        Ok(acr) if requirement.min_acr.is_some_and(|least| acr < least) => Need::StepUp,
        _ => Need::SignIn,
    };
    Ok((requirement, need))
}

fn auth_time(session: &sessions::Session) -> postern_service::clock::Timestamp {
    postern_service::clock::Timestamp::from_micros(session.auth_time)
}
