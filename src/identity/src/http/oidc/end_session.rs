//! Answers `/oauth2/logout` (OpenID Connect RP-Initiated Logout 1.0).
//!
//! A POST from another site brings no `SameSite=Lax` cookie, so it is redirected to the GET. Only the
//! issuer's own form, which carries the CSRF token, confirms a logout: otherwise any site could sign users
//! out. Leaves the decision whether to ask the user to `authorization::logout`, and the page that names the
//! session's apps to `pages::logged_out`.

use minijinja::context;
use poem::{Request, Response};

use super::{
    authorize::{read_form, redirect_to_client},
    request_context,
};
use crate::{
    App,
    authorization::{
        Parameters,
        logout::{self, LogoutFault, LogoutRequest, LogoutStep, SignedOut},
        parameters::RepeatedParameter,
    },
    http::{
        pages::{
            Page, PageError, PageErrorKind, PageResult, logged_out, requesting_client::requesting_client,
            see_other,
        },
        security,
    },
    sessions::SignedInUser,
};

pub const PATH: &str = "/oauth2/logout";

/// GET: asks, or signs out at once for a client that may ask for it.
pub async fn show(app: App, request: Request) -> PageResult {
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes())?;
    let logout = LogoutRequest::parse(&app, &parameters)?;
    let context = request_context(&app, &request);
    let secret = security::session_secret(&app, &request);
    match logout::begin(&app, logout, secret, &context).await? {
        LogoutStep::SignedOut(signed_out) => signed_out_response(&app, &request, &parameters, signed_out),
        LogoutStep::Confirm { request: logout, signed_in } => {
            confirmation_page(&app, &request, &parameters, &logout, &signed_in)
        }
    }
}

/// POST: the answer to our question, or a client's request in a form.
pub async fn submit(app: App, mut request: Request) -> PageResult {
    let parameters = read_form(&mut request).await?;
    let Some(token) = parameters.single("form_token")? else {
        return Ok(see_other(&format!("{PATH}?{}", parameters.encode_selected(logout::PARAMETERS))));
    };
    security::verify_own_form(&app, &request, Some(token))?;
    let logout = LogoutRequest::parse(&app, &parameters)?;
    let context = request_context(&app, &request);
    let signed_out =
        logout::confirm(&app, logout, security::session_secret(&app, &request), &context).await?;
    signed_out_response(&app, &request, &parameters, signed_out)
}

fn signed_out_response(
    app: &App,
    request: &Request,
    parameters: &Parameters,
    signed_out: SignedOut,
) -> PageResult {
    let SignedOut { redirect_uri, apps } = signed_out;
    let asked = parameters.single("ui_locales")?;
    let page = Page::from_request(app, request, asked);
    let mut response: Response = match redirect_uri {
        // The page is the response itself, so that nobody but this browser can read it.
        Some(uri) if !apps.frames.is_empty() => logged_out::show_apps(&page, &apps, Some(&uri))?,
        Some(uri) => redirect_to_client(&uri)?,
        None if !apps.is_empty() => logged_out::show_apps(&page, &apps, None)?,
        // Only the negotiated language is passed on, so that the URL cannot carry text of the client's
        // choice.
        None if asked.is_some() => see_other(&format!("/logged-out?ui_locales={}", page.language())),
        None => see_other("/logged-out"),
    };
    // A request without a session cookie gets no `Set-Cookie`: it may be an image on another site, which must
    // not sign the user out.
    if security::session_secret(app, request).is_some() {
        security::clear_session_cookie(app, &mut response);
    }
    Ok(response)
}

fn confirmation_page(
    app: &App,
    request: &Request,
    parameters: &Parameters,
    logout: &LogoutRequest,
    signed_in: &SignedInUser,
) -> PageResult {
    let page = Page::from_request(app, request, parameters.single("ui_locales")?);
    let asker = logout.client.as_ref().map(|client| requesting_client(client, None));
    let fields = parameters.selected(logout::PARAMETERS);
    let fields: Vec<_> = fields.map(|(name, value)| vec![name.to_owned(), value.to_owned()]).collect();
    let user = &signed_in.user.email;
    let stays = logout.fault().map(stays_because);
    let explanation = page.own_explanation();
    page.show("pages/logout.html", context! { asker, user, action => PATH, fields, stays, explanation })
}

/// The message that says why the browser stays here.
const fn stays_because(fault: LogoutFault) -> &'static str {
    match fault {
        LogoutFault::InvalidHint => "sign-out-stays-invalid-hint",
        LogoutFault::MissingHint => "sign-out-stays-missing-hint",
        LogoutFault::UnregisteredRedirectUri => "sign-out-stays",
    }
}

impl From<RepeatedParameter> for PageError {
    fn from(_: RepeatedParameter) -> Self {
        PageErrorKind::Malformed.into()
    }
}
