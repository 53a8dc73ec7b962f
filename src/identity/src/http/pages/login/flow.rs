//! Defines `LoginFlow`: the login that a page is part of, for an authorization request or for a page of the
//! issuer.
//!
//! Owns the cookie of the login attempt. Leaves the attempt itself to `login::attempt`.

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
            Form, Page, PageError, PageErrorKind,
            account::{self, signed_in_user_for},
            requesting_client::{note_client, requesting_client},
        },
        security,
    },
    login::{
        LoginError,
        attempt::{self, AttemptBinding, AttemptStatus},
        policy::AuthenticationRequirement,
        second_factor,
    },
    sessions::SignedInUser,
};

/// Start of the name of the cookie that holds the secret of a login in progress.
const ATTEMPT_COOKIE_PREFIX: &str = "postern-login-";

/// A browser keeps so many logins in progress; the one of a forgotten tab gives way.
const MAX_ATTEMPT_COOKIES: usize = 8;

/// What the sign-in is for.
pub(super) enum LoginPurpose {
    AuthorizationRequest(Box<PendingRequest>),
    /// A page of ours.
    AccountPage(Destination),
}

/// What the user has to do before the flow can continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::pages) enum RequiredAction {
    /// Sign in, again if need be.
    SignIn,
    StepUp,
    Nothing,
}

/// A sign-in under way, as one request meets it.
pub(super) struct LoginFlow {
    pub(super) app: App,
    pub(super) page: Page,
    pub(super) purpose: LoginPurpose,
    pub(super) signed_in: Option<SignedInUser>,
    pub(super) requirement: AuthenticationRequirement,
    pub(super) required_action: RequiredAction,
    /// The secret of the login in progress, from its cookie.
    pub(super) attempt_secret: Option<String>,
    /// The secret by which accounts know this device.
    pub(super) device_secret: Option<String>,
    browser_secret: Option<String>,
    /// Names of the other logins in progress of this browser.
    other_attempt_cookies: Vec<String>,
}

impl LoginFlow {
    /// Reads what `request=HANDLE` or `to=WORD` name, and who is there.
    pub(super) async fn load(app: &App, request: &Request, fields: &Form) -> Result<Self, PageError> {
        let browser = security::browser_secret(app, request).map(str::to_owned);
        let purpose = match fields.get("request") {
            Some(id) => {
                LoginPurpose::AuthorizationRequest(Box::new(find_pending(app, id, browser.as_deref()).await?))
            }
            None => LoginPurpose::AccountPage(Destination::from_query_value(fields.get("to"))),
        };
        let signed_in = match &purpose {
            LoginPurpose::AccountPage(destination) => signed_in_user_for(app, request, *destination).await?,
            LoginPurpose::AuthorizationRequest(_) => account::signed_in_user(app, request).await?,
        };
        let (requirement, need) = required_action(app, &purpose, signed_in.as_ref()).await?;
        let cookie = purpose.attempt_cookie_name();
        let secret = cookie.as_deref().and_then(|cookie| security::secret_in_cookie(app, request, cookie));
        Ok(Self {
            app: app.clone(),
            page: purpose.page(app, request),
            attempt_secret: secret.map(str::to_owned),
            device_secret: security::device_secret(app, request).map(str::to_owned),
            other_attempt_cookies: security::cookie_names_with_prefix(app, request, ATTEMPT_COOKIE_PREFIX)
                .into_iter()
                .filter(|name| cookie.as_ref() != Some(name))
                .collect(),
            purpose,
            signed_in,
            requirement,
            required_action: need,
            browser_secret: browser,
        })
    }

    /// The client of the authorization request; none for the issuer's own pages.
    pub(super) fn client(&self) -> Option<&Client> {
        match &self.purpose {
            LoginPurpose::AuthorizationRequest(pending) => Some(&pending.client),
            LoginPurpose::AccountPage(_) => None,
        }
    }

    /// The authorization request and the browser to which the login attempt is bound.
    pub(super) fn binding(&self) -> AttemptBinding<'_> {
        let authorization_request = match &self.purpose {
            LoginPurpose::AuthorizationRequest(pending) => pending.handle.row(),
            LoginPurpose::AccountPage(_) => None,
        };
        AttemptBinding { authorization_request, browser_secret: self.browser_secret.as_deref() }
    }

    /// The row that stores the request once this form is posted; none for a page of the issuer.
    pub(super) fn request_row(&self) -> Result<Option<RequestRow>, LoginError> {
        match &self.purpose {
            LoginPurpose::AuthorizationRequest(pending) => {
                Ok(Some(pending.row_for(&self.app, self.browser_secret())?))
            }
            LoginPurpose::AccountPage(_) => Ok(None),
        }
    }

    /// Goes on with the row that the request waits in now.
    pub(super) fn set_stored_handle(&mut self, row: Option<Uuid>) {
        if let (LoginPurpose::AuthorizationRequest(pending), Some(id)) = (&mut self.purpose, row) {
            pending.handle = RequestHandle::Stored(id);
        }
    }

    /// The secret that names this browser; every form has been checked for it.
    pub(super) fn browser_secret(&self) -> &str {
        self.browser_secret.as_deref().unwrap_or_default()
    }

    /// The login in progress, if it is still that.
    pub(super) async fn attempt_status(&self) -> Result<Option<AttemptStatus>, PageError> {
        let Some(attempt) = &self.attempt_secret else { return Ok(None) };
        Ok(attempt::status(&self.app, self.client(), attempt, &self.binding()).await?)
    }

    /// Whether this browser keeps the session it has: what the next sign-in begins with.
    pub(super) fn session_remembered(&self) -> bool {
        self.signed_in.as_ref().is_some_and(|signed_in| signed_in.session.remembered)
    }

    /// The path of the page of this login.
    pub(super) fn path(&self) -> String {
        format!("/login?{}", self.query())
    }

    /// What the login is for, as the query of a page that belongs to it.
    pub(super) fn query(&self) -> String {
        match &self.purpose {
            LoginPurpose::AuthorizationRequest(pending) => format!("request={}", pending.handle),
            LoginPurpose::AccountPage(destination) => format!("to={}", destination.query_value()),
        }
    }

    /// Where to go when this page has no more to ask: the request decides what comes next.
    pub(super) fn next_path(&self) -> String {
        match &self.purpose {
            LoginPurpose::AuthorizationRequest(pending) => resume_path(&pending.handle),
            LoginPurpose::AccountPage(destination) => destination.path().to_owned(),
        }
    }

    /// Where somebody goes who has closed the account, before they go on.
    pub(super) fn restore_path(&self) -> String {
        match &self.purpose {
            LoginPurpose::AuthorizationRequest(pending) => {
                format!("{}?request={}", Destination::Restore.path(), pending.handle)
            }
            LoginPurpose::AccountPage(_) => Destination::Restore.path().to_owned(),
        }
    }

    /// Where to type another address.
    pub(super) fn start_over_path(&self) -> String {
        format!("{}&start=over", self.path())
    }

    /// The values that the templates of every login page need.
    pub(super) fn values(&self) -> Value {
        let (request, to, asks) = match &self.purpose {
            LoginPurpose::AuthorizationRequest(pending) => {
                let asks = requesting_client(&pending.client, Some(&pending.request.redirect_uri));
                (Some(pending.handle.to_string()), None, Some(asks))
            }
            LoginPurpose::AccountPage(destination) => (None, Some(destination.query_value()), None),
        };
        context! {
            asker => asks,
            flow => context! {
                form_token => self.page.form_token(),
                request, to,
                path => self.path(),
                other_way => format!("{}&way=other", self.path()),
                lost_way => format!("{}&way=lost", self.path()),
                // Stepping up, one is who one is.
                start_over => (self.required_action != RequiredAction::StepUp).then(|| self.start_over_path()),
            },
        }
    }

    /// Sets the cookie with the secret of the login attempt, and removes the cookies beyond the limit.
    pub(super) fn set_attempt(&self, response: &mut Response, secret: &str) {
        let lifetime = self.app.config.login.attempt_lifetime.duration();
        if let Some(cookie) = self.purpose.attempt_cookie_name() {
            self.set_cookie(response, &cookie, secret, lifetime);
        }
        for name in self.other_attempt_cookies.iter().skip(MAX_ATTEMPT_COOKIES - 1) {
            self.set_cookie(response, name, "", Duration::ZERO);
        }
    }

    pub(super) fn clear_attempt(&self, response: &mut Response) {
        if let Some(cookie) = self.purpose.attempt_cookie_name() {
            self.set_cookie(response, &cookie, "", Duration::ZERO);
        }
    }

    fn set_cookie(&self, response: &mut Response, name: &str, value: &str, lifetime: Duration) {
        let cookie = security::set_cookie(&self.app, name, value, lifetime);
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

impl LoginPurpose {
    /// Name of the cookie of its login in progress. A request without a row has none.
    fn attempt_cookie_name(&self) -> Option<String> {
        match self {
            Self::AuthorizationRequest(pending) => {
                pending.handle.row().map(|id| format!("{ATTEMPT_COOKIE_PREFIX}{}", id.simple()))
            }
            Self::AccountPage(_) => Some(format!("{ATTEMPT_COOKIE_PREFIX}own")),
        }
    }

    fn page(&self, app: &App, request: &Request) -> Page {
        match self {
            Self::AuthorizationRequest(pending) => page_for_request(app, request, pending),
            Self::AccountPage(_) => Page::from_request(app, request, None),
        }
    }
}

/// A page about a client's request: in the languages it asked for.
pub(in crate::http::pages) fn page_for_request(
    app: &App,
    request: &Request,
    pending: &PendingRequest,
) -> Page {
    Page::from_request(app, request, Some(&pending.request.ui_locales.join(" ")))
}

/// The request with this handle, if it is pending in this browser, and a page in the languages that it asked for. What is
/// not pending counts as none.
pub(in crate::http::pages) async fn find_pending_with_page(
    app: &App,
    request: &Request,
    handle: Option<&str>,
) -> Result<(Option<PendingRequest>, Page), PageError> {
    let pending = match handle {
        Some(handle) => match find_pending(app, handle, security::browser_secret(app, request)).await {
            Ok(pending) => Some(pending),
            Err(error) if error.kind() == Some(PageErrorKind::RequestNotPending) => None,
            Err(error) => return Err(error),
        },
        None => None,
    };
    let page = match &pending {
        Some(pending) => page_for_request(app, request, pending),
        None => Page::from_request(app, request, None),
    };
    Ok((pending, page))
}

/// Finds the request that is pending in this browser. An unknown, an expired and another browser's request
/// get the same error, so that a handle tells nothing.
pub(in crate::http::pages) async fn find_pending(
    app: &App,
    handle: &str,
    browser: Option<&str>,
) -> Result<PendingRequest, PageError> {
    let handle: RequestHandle = handle.parse().map_err(|_| PageErrorKind::RequestNotPending)?;
    let browser = browser.ok_or(PageErrorKind::RequestNotPending)?;
    if let Some(pending) = authorization::find_pending(app, &handle, browser).await? {
        note_client(&pending.client);
        return Ok(pending);
    }
    note_client_of_past_request(app, &handle, browser).await;
    Err(PageErrorKind::RequestNotPending.into())
}

/// Makes the error page of a request that is over lead back to its client.
pub(in crate::http) async fn note_client_of_past_request(app: &App, handle: &RequestHandle, browser: &str) {
    match authorization::client_of_past_request(app, handle, browser).await {
        Ok(client) => client.iter().for_each(note_client),
        // The error page is shown without the way back.
        Err(cause) => tracing::warn!(%cause, "the client of a request that is over was not found"),
    }
}

/// Where a request goes on: it decides itself what comes next.
pub(in crate::http::pages) fn resume_path(handle: &RequestHandle) -> String {
    format!("/oauth2/authorize?resume={handle}")
}

/// What a sign-in for this must reach, and what there is to do for it.
async fn required_action(
    app: &App,
    purpose: &LoginPurpose,
    signed_in: Option<&SignedInUser>,
) -> Result<(AuthenticationRequirement, RequiredAction), PageError> {
    match purpose {
        LoginPurpose::AuthorizationRequest(pending) => {
            let need = match authorization::next_step_of(app, pending, signed_in).await? {
                AuthorizationStep::Login => RequiredAction::SignIn,
                AuthorizationStep::StepUp => RequiredAction::StepUp,
                AuthorizationStep::Consent | AuthorizationStep::Respond(_) => RequiredAction::Nothing,
            };
            Ok((pending.requirement.clone(), need))
        }
        LoginPurpose::AccountPage(destination) => {
            required_action_for_page(app, *destination, signed_in).await
        }
    }
}

/// The same for a page of ours, which asks it too before it opens.
pub(in crate::http::pages) async fn required_action_for_page(
    app: &App,
    destination: Destination,
    signed_in: Option<&SignedInUser>,
) -> Result<(AuthenticationRequirement, RequiredAction), PageError> {
    let Some(SignedInUser { session, user }) = signed_in else {
        return Ok((destination.requirement(false), RequiredAction::SignIn));
    };
    let second = second_factor::has_second_factor(app, user).await?;
    let requirement = destination.requirement(second);
    let need = if requirement.met_by(session.acr, session.auth_time, app.clock.now()) {
        RequiredAction::Nothing
    } else if requirement.min_acr.is_some_and(|least| session.acr < least) {
        // A step-up renews the time as well, and asks for what an old session lacks.
        RequiredAction::StepUp
    } else {
        RequiredAction::SignIn
    };
    Ok((requirement, need))
}
