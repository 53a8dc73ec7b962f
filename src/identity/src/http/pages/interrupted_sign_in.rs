//! Defines `InterruptedSignIn`: where a completed sign-in leads, for the pages between the two.
//!
//! Such a page passes on the handle of the app's request or the word of a page of ours, and decides nothing: the request
//! itself says what comes next ([`resume_path`]), and the pages of ours are a closed list.

use minijinja::{Value, context};
use poem::Request;

use super::{
    Form, Page, PageError,
    login::{Destination, find_pending_with_page, resume_path},
    requesting_client::requesting_client,
};
use crate::{
    App,
    authorization::{PendingRequest, RequestHandle},
};

pub(super) struct InterruptedSignIn {
    pub(super) page: Page,
    /// The handle of the app's request; none for a page of ours.
    handle: Option<RequestHandle>,
    /// The app's request, while it waits in this browser.
    pending: Option<PendingRequest>,
    destination: Destination,
}

impl InterruptedSignIn {
    /// Reads `request=HANDLE` or `to=WORD` of a query or form.
    pub(super) async fn from_fields(app: &App, request: &Request, fields: &Form) -> Result<Self, PageError> {
        let handle: Option<RequestHandle> = fields.get("request").and_then(|handle| handle.parse().ok());
        let (pending, page) = find_pending_with_page(app, request, fields.get("request")).await?;
        // What is no request of ours is not passed on.
        let handle = handle.filter(|handle| pending.is_some() || handle.row().is_some());
        Ok(Self { page, handle, pending, destination: Destination::from_query_value(fields.get("to")) })
    }

    /// Where the browser goes on. A request that is over says so itself.
    pub(super) fn path(&self) -> String {
        match &self.handle {
            Some(handle) => resume_path(handle),
            None => self.destination.path().to_owned(),
        }
    }

    /// The values that the templates of these pages need.
    pub(super) fn values(&self) -> Value {
        let pending = self.pending.as_ref();
        context! {
            asker => pending.map(|pending| requesting_client(&pending.client, Some(&pending.request.redirect_uri))),
            flow => context! {
                form_token => self.page.form_token(),
                request => self.handle.as_ref().map(RequestHandle::to_string),
                to => self.handle.is_none().then(|| self.destination.query_value()),
            },
            onward => self.path(),
        }
    }
}
