//! Answers where somebody was on the way to when they came to registration or recovery, and leads them on.
//!
//! A sign-in for an app may lead through a mail. The app's request is bound to the browser; from page to page travels its
//! handle, and in the mailed link's row its id, and nothing else, so no parameter can name another place. Only the browser
//! that began the request goes on with it; another one says where to go instead.

use minijinja::{Value, context};
use poem::Request;
use uuid::Uuid;

use super::{
    Answer, Page, PageError, Refusal,
    asker::asker,
    login::{find_pending, onward, page_of},
};
use crate::{
    App,
    authorization::{PendingRequest, RequestHandle, RequestRow},
    http::security,
};

/// The way of whoever sent a request.
pub(super) struct Way {
    pub(super) page: Page,
    app: App,
    pending: Option<PendingRequest>,
    /// The secret that names this browser.
    browser: String,
    /// An app's request led here, in this browser or in another.
    from_app: bool,
}

impl Way {
    /// By the handle in a page's address or form; what does not wait in this browser counts as none.
    pub(super) async fn of(app: &App, request: &Request, handle: Option<&str>) -> Result<Self, PageError> {
        let browser = security::browser_secret(app, request);
        let pending = match handle {
            Some(handle) => match find_pending(app, handle, browser).await {
                Ok(pending) => Some(pending),
                Err(error) if error.refusal() == Refusal::RequestGone => None,
                Err(error) => return Err(error),
            },
            None => None,
        };
        let page = match &pending {
            Some(pending) => page_of(app, request, pending),
            None => Page::of(app, request, None),
        };
        let browser = browser.unwrap_or_default().to_owned();
        Ok(Self { page, app: app.clone(), pending, browser, from_app: handle.is_some() })
    }

    /// By the id that a mailed link carried.
    pub(super) async fn on(app: &App, request: &Request, id: Option<Uuid>) -> Result<Self, PageError> {
        Self::of(app, request, id.map(|id| id.to_string()).as_deref()).await
    }

    /// The row of the request to go on with, for a mailed link to name. [`Self::waits_in`] stores it once the mail is on
    /// its way, which is under limits.
    pub(super) fn request_row(&self) -> Result<Option<RequestRow>, PageError> {
        let row = |pending: &PendingRequest| pending.row_for(&self.app, &self.browser);
        Ok(self.pending.as_ref().map(row).transpose()?)
    }

    /// Goes on with the row that the request waits in from now on.
    pub(super) async fn waits_in(&mut self, row: Option<RequestRow>) -> Result<(), PageError> {
        if let (Some(pending), Some(row)) = (&mut self.pending, row) {
            pending.handle = RequestHandle::Stored(row.id);
            row.store(&self.app).await?;
        }
        Ok(())
    }

    /// A page of ours on the same way. `path` has a query.
    pub(super) fn along(&self, path: &str) -> String {
        match &self.pending {
            Some(pending) => format!("{path}&request={}", pending.handle),
            None => path.to_owned(),
        }
    }

    /// What the templates of its pages need.
    pub(super) fn values(&self) -> Value {
        context! {
            asker => self.asker(),
            request => self.pending.as_ref().map(|pending| pending.handle.to_string()),
            sign_in => match &self.pending {
                Some(pending) => format!("/login?request={}", pending.handle),
                None => "/login?to=account".to_owned(),
            },
        }
    }

    fn asker(&self) -> Option<Value> {
        let pending = self.pending.as_ref()?;
        Some(asker(&self.app, &pending.client, Some(&pending.request.redirect_uri)))
    }

    /// The end of a mailed link's way: what was done, and how to go on. The request decides what comes next.
    pub(super) fn done(&self, title: &str, text: &str) -> Answer {
        let (onward, label) = match &self.pending {
            Some(pending) => {
                let name = [("name", Value::from(pending.client.row.name.as_str()))];
                (onward(&pending.handle), self.page.message_with("continue-to", &name))
            }
            None => ("/login?to=account".to_owned(), self.page.message("sign-in")),
        };
        let elsewhere = self.from_app && self.pending.is_none();
        let values = context! {
            title => self.page.message(title),
            text => self.page.message(text),
            asker => self.asker(),
            advice => elsewhere.then(|| self.page.message("back-to-the-app")).flatten(),
            onward, label,
        };
        self.page.show("pages/done.html", values)
    }
}
