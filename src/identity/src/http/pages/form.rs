//! Defines `Form`: the fields of a form or query, read strictly. A posted form must come from a page of this
//! issuer in the same browser.

use std::collections::BTreeMap;

use poem::Request;
use postern_service::form;

use super::{PageError, PageErrorKind, return_path};
use crate::{App, http::security};

/// The fields of a posted form, or the query parameters of a page.
#[derive(Clone, Debug)]
pub struct Form {
    fields: BTreeMap<String, String>,
}

impl Form {
    /// Reads a posted form, and verifies origin and CSRF token (see [`security::verify_own_form`]).
    pub(super) async fn read(app: &App, request: &mut Request) -> Result<Self, PageError> {
        // The origin is checked before the body is read, so that a foreign form costs little.
        return_path::note_form(request.uri().path(), None);
        security::require_same_origin(app, request.headers())?;
        let body = request.take_body();
        let form = Self::parse(&form::read_body(request.headers(), body).await?)?;
        return_path::note_form(request.uri().path(), Some(&form));
        security::verify_own_form(app, request, form.get("form_token"))?;
        Ok(form)
    }

    /// Reads the query of a page's address.
    pub fn from_query(request: &Request) -> Result<Self, PageError> {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes())
    }

    /// A repeated field is refused.
    fn parse(encoded: &[u8]) -> Result<Self, PageError> {
        let decoded = form::decode(encoded).map_err(|_| PageErrorKind::Malformed)?;
        let count = decoded.len();
        let fields: BTreeMap<_, _> = decoded.into_iter().collect();
        if fields.len() == count { Ok(Self { fields }) } else { Err(PageErrorKind::Malformed.into()) }
    }

    /// Returns a field. An empty field counts as missing.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether it has a field, empty or not.
    pub fn contains(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A field as it was typed.
    pub fn value_or_empty(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}
