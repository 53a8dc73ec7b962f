//! Defines `Continuation`: the authorization request from which a user came to registration or recovery, and
//! to which the user returns afterwards.
//!
//! A login for a client may need a mail first. The client's request is bound to the browser. Pages pass on
//! its handle only, and the row of a mailed link holds its id only, so that no parameter can name another
//! target. Only the browser that began the request continues with it. Another browser shows that the user
//! must return to the app.

use minijinja::{Value, context};
use poem::Request;
use uuid::Uuid;

use super::{
    DonePage, Page, PageError, PageResult,
    login::{Destination, find_pending_with_page, resume_path},
    requesting_client::requesting_client,
    see_other,
};
use crate::{
    App,
    authorization::{PendingRequest, RequestHandle, RequestRow},
    http::security,
};

/// The way of whoever sent a request.
pub(super) struct Continuation {
    pub(super) page: Page,
    app: App,
    pending: Option<PendingRequest>,
    /// The secret that names this browser.
    browser_secret: String,
    /// An app's request led here, in this browser or in another.
    started_by_app: bool,
}

impl Continuation {
    /// By the handle in a page's address or form; what does not wait in this browser counts as none.
    pub(super) async fn from_handle(
        app: &App,
        request: &Request,
        handle: Option<&str>,
    ) -> Result<Self, PageError> {
        let (pending, page) = find_pending_with_page(app, request, handle).await?;
        let browser = security::browser_secret(app, request).unwrap_or_default().to_owned();
        Ok(Self {
            page,
            app: app.clone(),
            pending,
            browser_secret: browser,
            started_by_app: handle.is_some(),
        })
    }

    /// By the id that a mailed link carried.
    pub(super) async fn from_request_id(
        app: &App,
        request: &Request,
        id: Option<Uuid>,
    ) -> Result<Self, PageError> {
        Self::from_handle(app, request, id.map(|id| id.to_string()).as_deref()).await
    }

    /// The row of the request, whose id a mailed link stores. [`Self::store_request`] inserts the row after
    /// the mail is queued: mails are rate-limited, so rows are too.
    pub(super) fn request_row(&self) -> Result<Option<RequestRow>, PageError> {
        let row = |pending: &PendingRequest| pending.row_for(&self.app, &self.browser_secret);
        Ok(self.pending.as_ref().map(row).transpose()?)
    }

    /// Goes on with the row that the request waits in from now on.
    pub(super) async fn store_request(&mut self, row: Option<RequestRow>) -> Result<(), PageError> {
        if let (Some(pending), Some(row)) = (&mut self.pending, row) {
            pending.handle = RequestHandle::Stored(row.id);
            row.store(&self.app).await?;
        }
        Ok(())
    }

    /// A page of ours on the same way. `path` has a query.
    pub(super) fn link_to(&self, path: &str) -> String {
        match &self.pending {
            Some(pending) => format!("{path}&request={}", pending.handle),
            None => path.to_owned(),
        }
    }

    /// The values that the templates of these pages need.
    pub(super) fn values(&self) -> Value {
        context! {
            asker => self.requesting_client(),
            request => self.pending.as_ref().map(|pending| pending.handle.to_string()),
            sign_in => match &self.pending {
                Some(pending) => format!("/login?request={}", pending.handle),
                None => Destination::Account.login_path(),
            },
        }
    }

    /// The client whose request waits here.
    pub(super) fn client_id(&self) -> Option<&str> {
        self.pending.as_ref().map(|pending| pending.client.client_id())
    }

    fn requesting_client(&self) -> Option<Value> {
        let pending = self.pending.as_ref()?;
        Some(requesting_client(&pending.client, Some(&pending.request.redirect_uri)))
    }

    /// Goes on for a person who is signed in by now: to the request, which decides what comes next, or to the account.
    /// Where the app waits in another browser, the page says so.
    pub(super) fn go_on(&self, title: &str, text: &str) -> PageResult {
        match &self.pending {
            Some(pending) => Ok(see_other(&resume_path(&pending.handle))),
            None if self.started_by_app => self.show_completed(title, text),
            None => Ok(see_other(Destination::Account.path())),
        }
    }

    /// The end of a mailed link's way: what was done, and how to go on. The request decides what comes next.
    pub(super) fn show_completed(&self, title: &str, text: &str) -> PageResult {
        let (next_path, next_label) = match &self.pending {
            Some(pending) => {
                let name = [("name", Value::from(pending.client.row.name.as_str()))];
                (resume_path(&pending.handle), self.page.message_with("continue-to", &name))
            }
            None => (Destination::Account.login_path(), self.page.message("sign-in")),
        };
        let elsewhere = self.started_by_app && self.pending.is_none();
        self.page.show_done(DonePage {
            title: self.page.message(title),
            text: self.page.message(text),
            requesting_client: self.requesting_client(),
            advice: elsewhere.then(|| self.page.message("back-to-the-app")).flatten(),
            next_path: &next_path,
            next_label,
        })
    }
}
