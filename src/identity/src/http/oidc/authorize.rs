//! Answers `/oauth2/authorize` (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2).
//!
//! A browser arrives in two ways: with a client's authorization request, or from one of the issuer's pages
//! with the parameter `resume`. Either way the response is a 303 (RFC 9700 section 4.12) to a page or to the
//! client. A request whose client or redirect URI is not validated gets an error page: a redirect would make
//! the issuer an open redirector (RFC 9700 section 4.11). Leaves the choice of the next step to
//! `authorization`.

use minijinja::context;
use poem::{
    Request, Response,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY},
    },
};
use postern_service::form;
use secrecy::ExposeSecret as _;

use super::request_context;
use crate::{
    App,
    authorization::{
        self, AuthorizationPageError, AuthorizationResponse, Browser, BrowserDestination,
        MalformedParameters, Parameters, PostOutcome, RenderedResponse, RequestHandle, RequestNotPending,
        UntrustedRequest,
    },
    core::RequestContext,
    http::{
        pages::{
            Page, PageError, PageErrorKind, PageResult, error, login::note_client_of_past_request,
            requesting_client::note_client, see_other,
        },
        security,
    },
};

pub const PATH: &str = "/oauth2/authorize";

/// GET: a client's request, or one that goes on.
pub async fn show(app: App, request: Request) -> PageResult {
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes())?;
    let browser_secret = security::ensure_browser_secret(&app, &request);
    let browser = Browser {
        session_secret: security::session_secret(&app, &request),
        browser_secret: browser_secret.expose_secret(),
    };
    let context = request_context(&app, &request);
    let destination = match resumed_request_handle(&parameters) {
        Some(handle) => resume(&app, &handle?, browser, &context).await?,
        None => authorization::begin(&app, &parameters, browser, &context)
            .await
            .map_err(|cause| page_error(&app, &parameters, cause))?,
    };
    let mut response = match destination {
        BrowserDestination::Client(response) => return answer_client(&app, &request, &response),
        BrowserDestination::Login(handle) | BrowserDestination::StepUp(handle) => {
            see_other(&format!("/login?request={handle}"))
        }
        BrowserDestination::Register(handle) => see_other(&format!("/register?request={handle}")),
        BrowserDestination::Consent(handle) => see_other(&format!("/consent?request={handle}")),
    };
    security::set_browser_cookie(&app, &mut response, browser_secret.expose_secret());
    Ok(response)
}

/// An error leads back to the client, of which only the browser that began the request hears.
async fn resume(
    app: &App,
    handle: &RequestHandle,
    browser: Browser<'_>,
    context: &RequestContext,
) -> Result<BrowserDestination, PageError> {
    let browser_secret = browser.browser_secret;
    match authorization::resume(app, handle, browser, context).await {
        Ok(destination) => Ok(destination),
        Err(cause) => {
            note_client_of_past_request(app, handle, browser_secret).await;
            Err(cause.into())
        }
    }
}

/// POST: a client's request in a form, which goes on as a GET.
pub async fn submit(app: App, mut request: Request) -> PageResult {
    let parameters = read_form(&mut request).await?;
    let context = request_context(&app, &request);
    match authorization::begin_from_post(&app, &parameters, &context) {
        Ok(PostOutcome::Sealed(handle)) => Ok(see_other(&format!("{PATH}?resume={handle}"))),
        Ok(PostOutcome::Rejected(response)) => answer_client(&app, &request, &response),
        // In the languages that the form asks for: the address of this page does not say.
        Err(cause) => {
            let page = Page::from_request(&app, &request, parameters.single("ui_locales").ok().flatten());
            Ok(error::show(&page, &page_error(&app, &parameters, cause)))
        }
    }
}

/// The request that goes on. One that names a client is a client's, whatever else it says.
fn resumed_request_handle(parameters: &Parameters) -> Option<Result<RequestHandle, AuthorizationPageError>> {
    if parameters.contains("client_id") {
        return None;
    }
    let handle = parameters.single("resume").transpose()?;
    Some(handle.ok().and_then(|handle| handle.parse().ok()).ok_or(RequestNotPending::Unknown.into()))
}

/// Reads a form that any site may post. Checks neither the origin nor the CSRF token.
pub(super) async fn read_form(request: &mut Request) -> Result<Parameters, PageError> {
    let body = request.take_body();
    Ok(Parameters::parse(&form::read_body(request.headers(), body).await?)?)
}

fn answer_client(app: &App, request: &Request, response: &AuthorizationResponse) -> PageResult {
    match response.render() {
        RenderedResponse::Redirect(location) => redirect_to_client(&location),
        RenderedResponse::Form { action, fields } => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| vec![(*name).to_owned(), value.to_string()]).collect();
            let page = Page::from_ui_locales_query(app, request);
            page.show("pages/form-post.html", context! { action, fields })
        }
    }
}

/// A redirect to a URI that is registered for a client.
pub(super) fn redirect_to_client(location: &str) -> PageResult {
    let location = HeaderValue::try_from(location).map_err(|cause| PageError::internal(&cause))?;
    Ok(Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(LOCATION, location)
        .header(CACHE_CONTROL, "no-store")
        // The URL of this request holds `state`, which must not leak in `Referer` (RFC 9700 section 4.2.4).
        .header(REFERRER_POLICY, "no-referrer")
        .finish())
}

/// The page about a refused request. It leads back to the client where that is known and has said where a sign-in
/// begins, which nothing in the request can change.
fn page_error(app: &App, parameters: &Parameters, cause: AuthorizationPageError) -> PageError {
    let untrusted = matches!(cause, AuthorizationPageError::Untrusted(_));
    let error = PageError::from(cause);
    let client_id = parameters.single("client_id").ok().flatten();
    let client = client_id.and_then(|client_id| app.clients().find(client_id).cloned());
    client.iter().for_each(note_client);
    match client.filter(|_| untrusted).and_then(|client| authorization::third_party_login_uri(app, &client)) {
        Some(uri) => error.next_link(uri, "error-sign-in-again"),
        None => error,
    }
}

impl From<MalformedParameters> for PageError {
    fn from(_: MalformedParameters) -> Self {
        PageErrorKind::Malformed.into()
    }
}

impl From<AuthorizationPageError> for PageError {
    fn from(cause: AuthorizationPageError) -> Self {
        let refusal = match cause {
            // The log has it, with what came.
            AuthorizationPageError::Untrusted(cause) => return untrusted_request_kind(cause).into(),
            AuthorizationPageError::RequestNotPending(RequestNotPending::Untrusted(cause)) => {
                untrusted_request_kind(cause)
            }
            AuthorizationPageError::RequestNotPending(_) => PageErrorKind::RequestNotPending,
            AuthorizationPageError::Database(cause) => return cause.into(),
            cause @ AuthorizationPageError::Crypto(_) => return Self::internal(&cause),
        };
        tracing::info!(%cause, "authorization refused on a page");
        refusal.into()
    }
}

const fn untrusted_request_kind(cause: UntrustedRequest) -> PageErrorKind {
    match cause {
        UntrustedRequest::ClientId | UntrustedRequest::UnknownClient => PageErrorKind::UnknownClient,
        UntrustedRequest::RedirectUri | UntrustedRequest::UnregisteredRedirectUri => {
            PageErrorKind::InvalidRedirectUri
        }
    }
}
