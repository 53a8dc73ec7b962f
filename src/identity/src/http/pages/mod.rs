//! Defines the HTML pages, each with a template under `templates/pages`.
//!
//! A page shows the result of a use case and passes the user's input to one. *No page decides the next step*:
//! a login for an authorization request redirects to `/oauth2/authorize?resume=HANDLE`, and a login for a
//! page of the issuer redirects to a [`Destination`](login::Destination), which is a closed list.
//!
//! **The secret of a login attempt** is in a cookie, `postern-login-<id of the request>`. A URL would leave
//! it in histories and logs. A hidden field would lose it, because users leave the page to read their mail
//! and a phone then reloads the page. One cookie for each request lets several tabs sign in side by side. The
//! page shows the state of the attempt on the server, so that a reload shows the same.

pub mod account;
mod account_form;
pub mod activity;
pub mod applications;
pub mod assets;
pub mod consent;
mod continuation;
pub mod data;
pub mod deletion;
mod dev_start;
pub mod email;
pub mod error;
pub mod error_reference;
mod form;
pub mod inbox;
mod interrupted_sign_in;
mod interstitial;
mod invitation;
pub mod language;
pub mod logged_out;
pub mod login;
pub mod mail_previews;
pub mod passkey_offer;
pub mod passkeys;
pub mod password_strength;
pub mod profile;
pub mod recovery_codes;
pub mod registration_and_recovery;
pub mod requesting_client;
mod return_path;
mod routes;
pub mod security_txt;
pub mod sessions;
pub mod sign_out_link;
pub mod totp;

use minijinja::{Value, context};
use poem::{
    Endpoint, Request, Response,
    error::NotFoundError,
    http::{
        HeaderValue, StatusCode,
        header::{ACCEPT, CACHE_CONTROL, LOCATION},
    },
};
use postern_service::{
    clock::Timestamp,
    telemetry::{CurrentRequest, RequestId},
};
use secrecy::{ExposeSecret as _, SecretString};

pub use self::{
    error::{PageError, PageErrorKind},
    form::Form,
    routes::PageRoutes,
};
use super::security;
use crate::{App, core::RequestContext, explanation::Explanation, http::context_in_language, readable};

/// What a page's handler answers.
pub type PageResult = Result<Response, PageError>;

/// What every page needs of the request that it responds to.
#[derive(Clone)]
pub struct Page {
    app: App,
    context: RequestContext,
    browser_secret: SecretString,
    path: String,
    /// Where the language switch leads back to; none for a page that answers a form.
    return_path: Option<String>,
}

impl Page {
    /// A page for whoever sent this request. `ui_locales` is what an authorization request asked for.
    pub fn from_request(app: &App, request: &Request, ui_locales: Option<&str>) -> Self {
        Self {
            app: app.clone(),
            context: context_in_language(app, request, ui_locales),
            browser_secret: security::ensure_browser_secret(app, request),
            path: request.uri().path().to_owned(),
            return_path: return_path::of_request(request),
        }
    }

    /// A page in the languages that `ui_locales` in its own address asks for, if there is one: what is refused has no
    /// request to read it from.
    pub fn from_ui_locales_query(app: &App, request: &Request) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "ui_locales");
        Self::from_request(app, request, asked.as_ref().map(|(_, languages)| &**languages))
    }

    pub fn language(&self) -> &str {
        &self.context.language
    }

    pub fn context(&self) -> &RequestContext {
        &self.context
    }

    /// The same page, which answers a form and asks for that form again: its address is that of the form's page.
    #[must_use]
    fn asking_again(&self) -> Self {
        match return_path::noted_form_page() {
            Some(path) => self.shown_at(path),
            None => self.clone(),
        }
    }

    /// The same page, from which the language switch leads to the home page.
    #[must_use]
    fn at_home(&self) -> Self {
        Self { return_path: Some("/".to_owned()), ..self.clone() }
    }

    /// The same page, with the address that shows it if it answers a form.
    #[must_use]
    fn shown_at(&self, path: String) -> Self {
        Self { return_path: Some(self.return_path.clone().unwrap_or(path)), ..self.clone() }
    }

    /// Returns the CSRF token for the page's forms.
    pub fn form_token(&self) -> String {
        security::form_token(&self.app, self.browser_secret.expose_secret())
    }

    /// Returns a message as HTML, for keys that are chosen or composed at run time.
    pub fn message(&self, key: &str) -> Option<Value> {
        self.message_with(key, &[])
    }

    /// [`Self::message`] with arguments, which are escaped.
    pub fn message_with(&self, key: &str, arguments: &[(&'static str, Value)]) -> Option<Value> {
        self.app.templates.text(&self.context.language, key, arguments).map(Value::from_safe_string)
    }

    /// Why a request of an app was refused, where its developer may know.
    fn explanation(&self, reference: RequestId) -> Option<Value> {
        let Explanation { check, came, expected, remedy } = self.app.find_explanation(reference)?;
        Some(context! { check, came, expected, remedy })
    }

    /// The same, of the request that this page answers.
    pub fn own_explanation(&self) -> Option<Value> {
        CurrentRequest::current().and_then(|request| self.explanation(request.id))
    }

    /// The methods that people can set up. What is switched off is not offered anywhere.
    fn offered_methods(&self) -> Value {
        let offers = |method| crate::login::method_available(&self.app, method);
        context! {
            password => offers("password"),
            totp => offers("totp"),
            passkey => offers("passkey"),
            recovery_code => offers("recovery-code"),
        }
    }

    /// Renders a template; the browser keeps its name.
    pub fn show(&self, template: &str, values: Value) -> PageResult {
        // What a template may always ask for; a page's own values come before.
        let usual = context! {
            asker => (),
            flow => context! { form_token => self.form_token(), request => (), to => () },
            offers => self.offered_methods(),
            return_path => self.return_path.as_deref(),
        };
        let text =
            self.app.templates.render(template, &self.context.language, context! { ..values, ..usual })?;
        let mut response = security::html_response(text, &self.path);
        security::set_browser_cookie(&self.app, &mut response, self.browser_secret.expose_secret());
        Ok(response)
    }

    /// Says what was done.
    pub fn show_done(&self, done: DonePage<'_>) -> PageResult {
        let DonePage { title, text, requesting_client, advice, next_path, next_label } = done;
        let values = context! {
            title, text, advice,
            asker => requesting_client,
            onward => next_path,
            label => next_label,
        };
        self.show("pages/done.html", values)
    }
}

/// The page at the end of an interaction, with a link to what comes next.
#[derive(Default)]
pub struct DonePage<'a> {
    pub title: Option<Value>,
    pub text: Option<Value>,
    /// The client to which the user returns.
    pub requesting_client: Option<Value>,
    pub advice: Option<Value>,
    pub next_path: &'a str,
    pub next_label: Option<Value>,
}

/// Turns every error of an endpoint, the handler's or the framework's, into a page.
pub fn with_error_pages<E>(app: &App, endpoint: E) -> impl Endpoint<Output = Response> + 'static
where
    E: Endpoint<Output = Response> + 'static,
{
    WithErrorPages { app: app.clone(), endpoint }
}

struct WithErrorPages<E> {
    app: App,
    endpoint: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for WithErrorPages<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let page = Page::from_ui_locales_query(&self.app, &request);
        // On the heap, because each scope below holds what it runs.
        let answered = requesting_client::within_request(Box::pin(async {
            match self.endpoint.call(request).await {
                Ok(response) => response,
                Err(error) => error::page_for_error(&page, error),
            }
        }));
        Ok(return_path::within_request(answered).await)
    }
}

/// Where nothing is, a person gets a page; a program the problem that everything else gets.
pub fn with_not_found_page<E>(app: &App, endpoint: E) -> impl Endpoint<Output = Response> + use<E>
where
    E: Endpoint<Output = Response> + 'static,
{
    WithNotFoundPage { app: app.clone(), endpoint }
}

struct WithNotFoundPage<E> {
    app: App,
    endpoint: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for WithNotFoundPage<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        // Programs are recognised first, because building the page costs more than most of their responses.
        if !accepted.is_some_and(|accepted| accepted.contains("text/html")) {
            return self.endpoint.call(request).await;
        }
        let page = Page::from_ui_locales_query(&self.app, &request);
        match self.endpoint.call(request).await {
            Err(error) if error.is::<NotFoundError>() => Ok(error::page_for_error(&page, error)),
            answer => answer,
        }
    }
}

/// A time within a message; a script shows it in the person's own zone, as the macro `time` of the templates has it.
pub fn time_element(at: Timestamp) -> Value {
    let text = readable::format_minute(at);
    Value::from_safe_string(format!("<time datetime=\"{}\">{text}</time>", at.rfc3339()))
}

/// An answer for a page's own script.
pub fn json_response(value: &serde_json::Value) -> Response {
    Response::builder()
        .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .content_type("application/json")
        .body(value.to_string())
}

/// Redirects to a page of this issuer with 303, so that the browser does not repeat the form (RFC 9700
/// section 4.12).
pub fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    Response::builder().status(StatusCode::SEE_OTHER).header(LOCATION, location).finish()
}
