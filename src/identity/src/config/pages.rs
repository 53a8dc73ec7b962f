//! Defines the settings of `[pages]`: the operator's templates, brand and addresses.
//!
//! Owns the rules for each of them. The values reach pages, mails and a stylesheet, so a colour is parsed and never
//! copied, and an address becomes a link only if its scheme is harmless. Leaves the files that the settings name to
//! `templates`.

use std::path::PathBuf;

use lettre::Address;
use serde::Deserialize;
use url::Url;

use super::url_is_loopback;
use crate::colour::Colour;

/// The name of the product, which people read until the operator sets another one.
pub const DEFAULT_NAME: &str = "Postern";

/// In characters. A longer name does not fit the prompts of authenticators and browsers.
const MAX_NAME_LENGTH: usize = 60;

/// In pixels. Rounder corners would cut into the text of small controls.
const MAX_RADIUS: i64 = 16;

/// The URI schemes of a contact; web pages by https only (RFC 9116 section 2.5.3).
const CONTACT_SCHEMES: [&str; 3] = ["mailto", "https", "tel"];

const COLOUR_RULE: &str =
    "must be a colour such as #0b5d57, rgb(11 93 87), hsl(176 79% 20%) or oklch(0.43 0.07 187)";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageSettings {
    /// A directory whose files replace the embedded templates of the same name.
    pub templates: Option<PathBuf>,
    /// What people read as the name of this service.
    pub name: String,
    /// A PNG or SVG file, and one for dark pages.
    pub logo: Option<PathBuf>,
    pub logo_dark: Option<PathBuf>,
    /// Whom people ask for help: an email or an https URL.
    pub support: Option<String>,
    /// CSS colours.
    pub accent: Option<String>,
    pub ground: Option<String>,
    /// Of corners, in pixels.
    pub radius: Option<i64>,
    pub help_url: Option<Url>,
    pub privacy_url: Option<Url>,
    pub terms_url: Option<Url>,
    /// The contact in `/.well-known/security.txt` (RFC 9116 section 2.5.3).
    pub security_contact: Option<Url>,
}

/// The address at which people get help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// Begins with `mailto:` or `https:`.
    pub url: String,
    /// The address as people read and type it.
    pub text: String,
}

impl PageSettings {
    /// Every rule that the settings break.
    pub(super) fn broken_rules(&self) -> Vec<(&'static str, String)> {
        let mut broken = Vec::new();
        let mut require = |holds: bool, key: &'static str, rule: &str| {
            if !holds {
                broken.push((key, rule.to_owned()));
            }
        };
        let name = self.name.trim();
        let length = name.chars().count();
        let one_line = (1..=MAX_NAME_LENGTH).contains(&length) && !name.chars().any(char::is_control);
        require(one_line, "pages.name", "must be 1 to 60 characters on one line");
        require(
            self.support.is_none() || self.support().is_some(),
            "pages.support",
            "must be an email address such as help@example.com, or a page that begins with https://",
        );
        for (key, colour) in [("pages.accent", &self.accent), ("pages.ground", &self.ground)] {
            let colour = colour.as_deref();
            require(colour.is_none_or(|colour| Colour::parse(colour).is_some()), key, COLOUR_RULE);
        }
        let radius = self.radius.is_none_or(|radius| (0..=MAX_RADIUS).contains(&radius));
        require(radius, "pages.radius", "must be a whole number of pixels, 0 to 16");
        for (key, url) in [
            ("pages.help_url", &self.help_url),
            ("pages.privacy_url", &self.privacy_url),
            ("pages.terms_url", &self.terms_url),
        ] {
            let rule = "must begin with https:// (http:// is allowed for this machine only)";
            require(url.as_ref().is_none_or(web_page), key, rule);
        }
        let contact =
            self.security_contact.as_ref().is_none_or(|uri| CONTACT_SCHEMES.contains(&uri.scheme()));
        require(contact, "pages.security_contact", "must begin with mailto:, https:// or tel:");
        broken
    }

    /// The operator's own name for the service; none as long as the name is that of the product.
    pub fn own_name(&self) -> Option<&str> {
        Some(self.name.trim()).filter(|name| *name != DEFAULT_NAME)
    }

    /// Where people get help; none if the setting is missing or malformed.
    pub fn support(&self) -> Option<Support> {
        let text = self.support.as_deref()?.trim().to_owned();
        if let Ok(url) = Url::parse(&text) {
            return web_page(&url).then(|| Support { url: url.into(), text });
        }
        let address: Address = text.parse().ok()?;
        // In a `mailto:` these characters would begin headers or an escape (RFC 6068 section 2).
        let plain = text.chars().all(|letter| letter.is_alphanumeric() || ".@_+-".contains(letter));
        plain.then(|| Support { url: format!("mailto:{address}"), text })
    }

    pub fn accent(&self) -> Option<Colour> {
        Colour::parse(self.accent.as_deref()?)
    }

    pub fn ground(&self) -> Option<Colour> {
        Colour::parse(self.ground.as_deref()?)
    }
}

fn web_page(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && url_is_loopback(url))
}
