//! Defines where a client is told that a session of its user ended (OpenID Connect Back-Channel Logout 1.0
//! section 2.2, Front-Channel Logout 1.0 section 2), and the rules of these addresses.
//!
//! Every logout token and every call of a front-channel page names `iss` and `sid`, so the two `session_required`
//! values are kept and shown, and change nothing.

use std::collections::BTreeSet;

use postern_entities::clients::{ActiveModel, Model};
use sea_orm::ActiveValue::Set;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    administration::ChangeError,
    field_rules::{self, AllowedSchemes},
    outbound,
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogoutMetadata {
    /// Called by the provider with a logout token.
    pub backchannel_logout_uri: Option<String>,
    pub backchannel_logout_session_required: bool,
    /// Loaded by the browser that signs out.
    pub frontchannel_logout_uri: Option<String>,
    pub frontchannel_logout_session_required: bool,
}

/// A change of [`LogoutMetadata`]: fields that are none stay, and an empty text removes an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogoutChange {
    pub backchannel_logout_uri: Option<String>,
    pub backchannel_logout_session_required: Option<bool>,
    pub frontchannel_logout_uri: Option<String>,
    pub frontchannel_logout_session_required: Option<bool>,
}

impl LogoutMetadata {
    pub(super) fn from_row(row: &Model) -> Self {
        Self {
            backchannel_logout_uri: row.backchannel_logout_uri.clone(),
            backchannel_logout_session_required: row.backchannel_logout_session_required,
            frontchannel_logout_uri: row.frontchannel_logout_uri.clone(),
            frontchannel_logout_session_required: row.frontchannel_logout_session_required,
        }
    }

    pub(super) fn write_to(self, row: &mut ActiveModel) {
        row.backchannel_logout_uri = Set(self.backchannel_logout_uri);
        row.backchannel_logout_session_required = Set(self.backchannel_logout_session_required);
        row.frontchannel_logout_uri = Set(self.frontchannel_logout_uri);
        row.frontchannel_logout_session_required = Set(self.frontchannel_logout_session_required);
    }

    pub(super) fn apply(&mut self, change: LogoutChange) {
        let replace = |field: &mut Option<String>, change: Option<String>| {
            if let Some(uri) = change {
                *field = Some(uri).filter(|uri| !uri.is_empty());
            }
        };
        replace(&mut self.backchannel_logout_uri, change.backchannel_logout_uri);
        replace(&mut self.frontchannel_logout_uri, change.frontchannel_logout_uri);
        if let Some(required) = change.backchannel_logout_session_required {
            self.backchannel_logout_session_required = required;
        }
        if let Some(required) = change.frontchannel_logout_session_required {
            self.frontchannel_logout_session_required = required;
        }
    }

    pub(super) fn check(
        &self,
        redirect_uris: &[String],
        allowed_hosts: &BTreeSet<String>,
    ) -> Result<(), ChangeError> {
        if let Some(uri) = &self.backchannel_logout_uri {
            check_backchannel(uri, allowed_hosts).map_err(|rule| {
                let rule = format!("must be a URL that may be called: {rule} (found {uri:?})");
                ChangeError::invalid("backchannel_logout_uri", rule)
            })?;
        }
        if let Some(uri) = &self.frontchannel_logout_uri {
            check_frontchannel(uri, redirect_uris).map_err(|rule| {
                ChangeError::invalid("frontchannel_logout_uri", format!("{rule} (found {uri:?})"))
            })?;
        }
        Ok(())
    }
}

/// Back-Channel Logout section 2.2, and the guard against server-side request forgery.
fn check_backchannel(uri: &str, allowed_hosts: &BTreeSet<String>) -> Result<(), String> {
    let url = Url::parse(uri).map_err(|cause| cause.to_string())?;
    if url.fragment().is_some() {
        return Err("it must have no fragment".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must have no user name or password".to_owned());
    }
    outbound::check_url(&url, allowed_hosts).map_err(|cause| cause.to_string())
}

/// Front-Channel Logout section 2: scheme, host and port are those of a redirect URI. The page is framed, so no
/// scheme but those of web pages makes sense.
fn check_frontchannel(uri: &str, redirect_uris: &[String]) -> Result<(), &'static str> {
    field_rules::redirect_uri(uri, AllowedSchemes::Web)?;
    let host = Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    // The origin becomes part of a Content-Security-Policy, where `;` and `,` begin something new.
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte)) {
        return Err("must have a host of letters, digits, hyphens and dots");
    }
    let origin = |uri: &str| Url::parse(uri).ok().map(|url| url.origin());
    let own = origin(uri);
    if redirect_uris.iter().any(|redirect_uri| origin(redirect_uri) == own) {
        Ok(())
    } else {
        Err("must have the scheme, host and port of a redirect URI")
    }
}
