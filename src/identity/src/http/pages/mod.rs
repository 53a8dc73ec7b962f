//! Defines the pages a person sees, each a template under `templates/pages`.
//!
//! A page shows what a use case answers and hands it what was typed; *no page decides what comes
//! next*: a sign-in under way goes back to `/oauth2/authorize?resume=HANDLE`, and a sign-in for one of our
//! own pages to a [`Destination`](login::Destination), which is a closed list.
//!
//! **The secret of a login in progress** (the *attempt*) travels in a cookie per sign-in under way,
//! `postern-login-<id of the request>`: never in a URL, where it would end up in histories and logs,
//! and not in a hidden field, because people leave for their mail and come back to a page that the
//! phone has to load again. One cookie a sign-in lets several tabs go on side by side. What the page
//! shows is read from the attempt on the server, so that a reload shows the same.

pub mod account;
pub mod accounts;
pub mod activity;
pub mod applications;
pub mod asker;
pub mod assets;
pub mod consent;
pub mod data;
pub mod deletion;
pub mod email;
pub mod error;
pub mod error_reference;
mod form;
pub mod inbox;
mod invitation;
pub mod logged_out;
pub mod login;
pub mod mail_previews;
pub mod passkeys;
pub mod profile;
pub mod recovery_codes;
pub mod security_txt;
pub mod sessions;
pub mod strength;
pub mod totp;
mod way;

use minijinja::{Value, context};
use poem::{
    Endpoint, Request, Response,
    error::NotFoundError,
    http::{
        HeaderValue, StatusCode,
        header::{ACCEPT, CACHE_CONTROL, LOCATION},
    },
};

pub use self::{
    error::{PageError, Refusal},
    form::Form,
};
use super::security;
use crate::{App, core::RequestContext, http::context_in_language};

/// What a page's handler answers.
pub type Answer = Result<Response, PageError>;

/// What every page needs to know about the request it answers.
#[derive(Clone)]
pub struct Page {
    app: App,
    context: RequestContext,
    browser: String,
    path: String,
}

impl Page {
    /// A page for whoever sent this request. `ui_locales` is what an authorization request asked for.
    pub fn of(app: &App, request: &Request, ui_locales: Option<&str>) -> Self {
        Self {
            app: app.clone(),
            context: context_in_language(app, request, ui_locales),
            browser: security::ensure_browser(app, request),
            path: request.uri().path().to_owned(),
        }
    }

    /// A page in the languages that `ui_locales` in its own address asks for, if there is one: what is refused has no
    /// request to read it from.
    pub fn asked_for(app: &App, request: &Request) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "ui_locales");
        Self::of(app, request, asked.as_ref().map(|(_, languages)| &**languages))
    }

    /// The language it is shown in.
    pub fn language(&self) -> &str {
        &self.context.language
    }

    /// The context of the request that the page answers.
    pub fn context(&self) -> &RequestContext {
        &self.context
    }

    /// The token its forms carry.
    pub fn form_token(&self) -> String {
        security::form_token(&self.app, &self.browser)
    }

    /// A message as HTML, for keys that are chosen or made up at run time.
    pub fn message(&self, key: &str) -> Option<Value> {
        self.message_with(key, &[])
    }

    /// The same with arguments, which are escaped.
    pub fn message_with(&self, key: &str, arguments: &[(&'static str, Value)]) -> Option<Value> {
        self.app.templates.text(&self.context.language, key, arguments).map(Value::from_safe_string)
    }

    /// Renders a template; the browser keeps its name.
    pub fn show(&self, template: &str, values: Value) -> Answer {
        // What a template may always ask for; a page's own values come before.
        let usual = context! { asker => (), flow => context! { form_token => self.form_token() } };
        let text =
            self.app.templates.render(template, &self.context.language, context! { ..values, ..usual })?;
        let mut response = security::html(text, &self.path);
        security::set_browser(&self.app, &mut response, &self.browser);
        Ok(response)
    }
}

/// An endpoint from a handler; whatever goes wrong in it becomes a page.
pub fn page<Handler, Answered>(app: &App, handler: Handler) -> impl Endpoint<Output = Response> + 'static
where
    Handler: Fn(App, Request) -> Answered + Send + Sync + 'static,
    Answered: Future<Output = Answer> + Send + 'static,
{
    let own = app.clone();
    let endpoint = poem::endpoint::make(move |request| {
        let answered = handler(own.clone(), request);
        async move { answered.await.map_err(poem::Error::from) }
    });
    with_error_pages(app, endpoint)
}

/// Turns every error of an endpoint, ours or the framework's, into a page.
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
        let page = Page::asked_for(&self.app, &request);
        Ok(match self.endpoint.call(request).await {
            Ok(response) => response,
            Err(error) => error::of_endpoint(&page, error),
        })
    }
}

/// Where nothing is, a person gets a page; a program the problem that everything else gets.
pub fn with_page_for_nothing<E>(app: &App, endpoint: E) -> impl Endpoint<Output = Response> + use<E>
where
    E: Endpoint<Output = Response> + 'static,
{
    WithPageForNothing { app: app.clone(), endpoint }
}

struct WithPageForNothing<E> {
    app: App,
    endpoint: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for WithPageForNothing<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        // Programs are told apart first: the page costs more than most of their answers.
        if !accepted.is_some_and(|accepted| accepted.contains("text/html")) {
            return self.endpoint.call(request).await;
        }
        let page = Page::asked_for(&self.app, &request);
        match self.endpoint.call(request).await {
            Err(error) if error.is::<NotFoundError>() => Ok(error::of_endpoint(&page, error)),
            answer => answer,
        }
    }
}

/// An answer for a page's own script.
pub fn json(value: &serde_json::Value) -> Response {
    Response::builder()
        .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .content_type("application/json")
        .body(value.to_string())
}

/// A redirect within this provider, after a form (RFC 9700 section 4.12).
pub fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    Response::builder().status(StatusCode::SEE_OTHER).header(LOCATION, location).finish()
}
