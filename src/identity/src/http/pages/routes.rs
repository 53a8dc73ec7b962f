//! Defines [`PageRoutes`], which mounts the pages.
//!
//! A form of the issuer is mounted by [`PageRoutes::form`] or [`PageRoutes::action`]. Both verify origin and
//! CSRF token before the handler gets the form, and the handler cannot read the body by itself. Only the
//! endpoints that clients' forms may reach are mounted by [`PageRoutes::open_form`].

use std::sync::Arc;

use poem::{
    Request, Response, Route,
    endpoint::{BoxEndpoint, EndpointExt as _, make},
};
use postern_service::routing::{Methods, get, post};

use super::{Form, PageResult, with_error_pages};
use crate::App;

/// A route table of pages, with the list of the forms in it.
pub struct PageRoutes {
    app: App,
    routes: Route,
    form_paths: Vec<String>,
}

impl PageRoutes {
    /// Adds pages to `routes`.
    pub fn new(app: &App, routes: Route) -> Self {
        Self { app: app.clone(), routes, form_paths: Vec::new() }
    }

    /// A page without a form of its own.
    #[must_use]
    pub fn page<F>(self, path: &str, show: impl Fn(App, Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = PageResult> + Send + 'static,
    {
        let endpoint = get(page_endpoint(&self.app, show));
        Self { routes: self.routes.at(path, endpoint), ..self }
    }

    /// A page and the form that it posts to its own path.
    #[must_use]
    pub fn form<F, G>(
        self,
        path: &str,
        show: impl Fn(App, Request) -> F + Send + Sync + 'static,
        submit: impl Fn(App, Request, Form) -> G + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = PageResult> + Send + 'static,
        G: Future<Output = PageResult> + Send + 'static,
    {
        let endpoint = get(page_endpoint(&self.app, show)).post(own_form_endpoint(&self.app, submit));
        self.with_form(path, endpoint)
    }

    /// The target of a form that another page shows.
    #[must_use]
    pub fn action<F>(
        self,
        path: &str,
        submit: impl Fn(App, Request, Form) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = PageResult> + Send + 'static,
    {
        let endpoint = post(own_form_endpoint(&self.app, submit));
        self.with_form(path, endpoint)
    }

    /// An endpoint to which the forms of any site may be posted. The handler must not rely on cookies before it
    /// has verified the form.
    #[must_use]
    pub fn open_form<F, G>(
        self,
        path: &str,
        show: impl Fn(App, Request) -> F + Send + Sync + 'static,
        submit: impl Fn(App, Request) -> G + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = PageResult> + Send + 'static,
        G: Future<Output = PageResult> + Send + 'static,
    {
        let endpoint = get(page_endpoint(&self.app, show)).post(page_endpoint(&self.app, submit));
        Self { routes: self.routes.at(path, endpoint), ..self }
    }

    /// The paths of the issuer's own forms.
    pub fn form_paths(&self) -> &[String] {
        &self.form_paths
    }

    pub fn into_routes(self) -> Route {
        self.routes
    }

    fn with_form(mut self, path: &str, endpoint: Methods) -> Self {
        self.form_paths.push(path.to_owned());
        Self { routes: self.routes.at(path, endpoint), ..self }
    }
}

/// An endpoint from a handler. Every error becomes a page.
fn page_endpoint<F>(
    app: &App,
    handler: impl Fn(App, Request) -> F + Send + Sync + 'static,
) -> BoxEndpoint<'static, Response>
where
    F: Future<Output = PageResult> + Send + 'static,
{
    let own = app.clone();
    let endpoint = make(move |request| {
        let page = handler(own.clone(), request);
        async move { page.await.map_err(poem::Error::from) }
    });
    with_error_pages(app, endpoint).boxed()
}

/// An endpoint from a handler that gets a verified form of the issuer.
fn own_form_endpoint<F>(
    app: &App,
    handler: impl Fn(App, Request, Form) -> F + Send + Sync + 'static,
) -> BoxEndpoint<'static, Response>
where
    F: Future<Output = PageResult> + Send + 'static,
{
    let handler = Arc::new(handler);
    page_endpoint(app, move |app, mut request| {
        let handler = Arc::clone(&handler);
        async move {
            let form = Form::read(&app, &mut request).await?;
            handler(app, request, form).await
        }
    })
}
