//! Reads the forms of our own pages: strictly, and only from a page of ours in the same browser.

use std::collections::{BTreeMap, btree_map::Entry};

use poem::Request;
use postern_service::body;

use super::{PageError, Refusal};
use crate::{App, http::security};

/// The fields of a posted form, or the parameters of a page's address.
#[derive(Clone, Debug)]
pub struct Form {
    fields: BTreeMap<String, String>,
}

impl Form {
    /// Reads a posted form and checks where it comes from (see [`security::own_form`]).
    pub async fn read(app: &App, request: &mut Request) -> Result<Self, PageError> {
        // Before the body: who may not post need not be listened to.
        security::own_site(app, request.headers())?;
        body::expect_media_type(request.headers(), "application/x-www-form-urlencoded")?;
        let bytes = body::read(request.take_body()).await?;
        let form = Self::parse(&bytes)?;
        security::own_form(app, request, form.get("form_token"))?;
        Ok(form)
    }

    /// Reads the query of a page's address.
    pub fn of_query(request: &Request) -> Result<Self, PageError> {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes())
    }

    /// Each name once, no NUL, and nothing that is not UTF-8 (it was decoded to U+FFFD).
    fn parse(bytes: &[u8]) -> Result<Self, PageError> {
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(bytes) {
            if value.contains(['\0', char::REPLACEMENT_CHARACTER]) {
                return Err(Refusal::Malformed.into());
            }
            match fields.entry(name.into_owned()) {
                Entry::Vacant(field) => field.insert(value.into_owned()),
                Entry::Occupied(_) => return Err(Refusal::Malformed.into()),
            };
        }
        Ok(Self { fields })
    }

    /// A field; an empty one counts as missing.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether it has a field, empty or not.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A field as it was typed.
    pub fn typed(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}
