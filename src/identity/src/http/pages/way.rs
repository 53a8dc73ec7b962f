//! Answers where somebody was on the way to when they came to registration or recovery, and leads them on.
//!
//! A sign-in for an app may lead through a mail. The app's request waits in the database, bound to the browser; from page
//! to page and in the mailed link's row travels its id and nothing else, so no parameter can name another place. Only the
//! browser that began the request goes on with it; another one says where to go instead.

use minijinja::{Value, context};
use poem::Request;
use uuid::Uuid;

use super::{
    Answer, Page, PageError, Refusal,
    asker::asker,
    login::{find_pending, page_of},
};
use crate::{App, authorization::Pending, http::security};

/// The way of whoever sent a request.
pub(super) struct Way {
    pub(super) page: Page,
    app: App,
    pending: Option<Pending>,
    /// An app's request led here, in this browser or in another.
    from_app: bool,
}

impl Way {
    /// By the id in a page's address or form; what does not wait in this browser counts as none.
    pub(super) async fn of(app: &App, request: &Request, id: Option<&str>) -> Result<Self, PageError> {
        let pending = match id {
            Some(id) => match find_pending(app, id, security::browser_secret(app, request)).await {
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
        Ok(Self { page, app: app.clone(), pending, from_app: id.is_some() })
    }

    /// By the id that a mailed link carried.
    pub(super) async fn on(app: &App, request: &Request, id: Option<Uuid>) -> Result<Self, PageError> {
        Self::of(app, request, id.map(|id| id.to_string()).as_deref()).await
    }

    /// The request to go on with.
    pub(super) fn request(&self) -> Option<Uuid> {
        self.pending.as_ref().map(|pending| pending.id)
    }

    /// A page of ours on the same way. `path` has a query.
    pub(super) fn along(&self, path: &str) -> String {
        match self.request() {
            Some(id) => format!("{path}&request={id}"),
            None => path.to_owned(),
        }
    }

    /// What the templates of its pages need.
    pub(super) fn values(&self) -> Value {
        context! {
            asker => self.asker(),
            request => self.request().map(|id| id.to_string()),
            sign_in => match self.request() {
                Some(id) => format!("/login?request={id}"),
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
                let onward = format!("/oauth2/authorize?resume={}", pending.id);
                (onward, self.page.message_with("continue-to", &name))
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
