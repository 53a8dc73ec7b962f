//! Defines the claims about users (OpenID Connect Core section 5.1): one row of [`CLAIMS`] for each.
//!
//! The rows drive userinfo, the account APIs, the pages' profile form, the metadata and the API documents, so a
//! new claim is one row, and a message for its label if a user may change it. A claim comes from a column of the user or from the stored
//! [`Profile`]. Leaves the claims of a token itself (`iss`, `exp`, `acr` and the like) to `tokens::issue`.

mod change;
mod profile;

use postern_entities::users;
use postern_service::database::DatabaseError;
use serde_json::{Map, Value, json};

pub use self::{
    change::{ClaimChange, PostalAddressChange, ProfileChange},
    profile::{InvalidClaim, Profile},
};
use crate::{field_rules, scope::OPENID};

/// The scopes that release claims (OpenID Connect Core section 5.4).
pub const PROFILE: &str = "profile";
pub const EMAIL: &str = "email";
pub const ADDRESS: &str = "address";
pub const PHONE: &str = "phone";

/// A rule of a text.
#[derive(Clone, Copy)]
pub struct TextRule {
    /// `Err` says what must hold, and reads on from the name of the claim.
    pub check: fn(&str) -> Result<(), &'static str>,
    /// Key of the message that says so on a page.
    pub message: &'static str,
}

const NAME: TextRule = TextRule { check: field_rules::name, message: "name-malformed" };
const LINES: TextRule = TextRule { check: field_rules::multiline_text, message: "name-malformed" };
const BIRTHDATE: TextRule = TextRule { check: field_rules::birthdate, message: "birthdate-malformed" };
const PHONE_NUMBER: TextRule =
    TextRule { check: field_rules::phone_number, message: "phone-number-malformed" };
const LOCALE: TextRule = TextRule { check: field_rules::locale, message: "locale-malformed" };
const TIME_ZONE: TextRule = TextRule { check: field_rules::zoneinfo, message: "zoneinfo-malformed" };
const WEB_PAGE: TextRule = TextRule { check: web_url, message: "web-page-malformed" };

/// A claim about a user.
pub struct Claim {
    pub name: &'static str,
    /// The scope that releases the claim to a client (OpenID Connect Core section 5.4).
    pub scope: &'static str,
    /// For the API documents.
    pub description: &'static str,
    pub source: ClaimSource,
}

/// Where the value of a claim comes from.
pub enum ClaimSource {
    Subject,
    Email,
    EmailVerified,
    /// Seconds since the epoch.
    UpdatedAt,
    /// A text of the profile, which the user may change.
    Text(TextField),
    /// A boolean of the profile: whether the provider has verified another claim. Removed when that claim
    /// changes. Released beside that claim alone, and false until it is known to be true.
    VerificationOf(&'static str),
    /// The members of [`POSTAL_ADDRESS`], which the user may change.
    PostalAddress,
}

/// A text that the user may change, and its field in a form.
#[derive(Clone, Copy)]
pub struct TextField {
    pub rule: TextRule,
    pub input: TextInput,
    pub section: FormSection,
    /// The HTML `autocomplete` token (HTML Standard section 4.10.18.7.1).
    pub autocomplete: &'static str,
}

/// How a text is typed. Line breaks are normalized in every text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextInput {
    Line,
    Lines,
    /// Stored without grouping characters.
    PhoneNumber,
    /// Stored as the URL parser writes it.
    Url,
}

/// A part of the profile form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormSection {
    Names,
    Person,
    PostalAddress,
    WebPages,
}

/// A member of the claim `address` (OpenID Connect Core section 5.1.1).
pub struct AddressMember {
    pub name: &'static str,
    /// The name within the profile, for errors.
    pub path: &'static str,
    pub description: &'static str,
    pub field: TextField,
}

/// The name of the claim with the postal address.
pub const POSTAL_ADDRESS_CLAIM: &str = "address";

/// Every claim about a user. The row of a verification stands after the row of the claim that it verifies:
/// [`released`] relies on this order.
pub const CLAIMS: &[Claim] = &[
    claim(
        "sub",
        OPENID,
        "Random, stable, the same as in the ID token. A client with pairwise subjects sees its own.",
        ClaimSource::Subject,
    ),
    claim("name", PROFILE, "Full name.", name_field("name")),
    claim("given_name", PROFILE, "Given name.", name_field("given-name")),
    claim("middle_name", PROFILE, "Middle name.", name_field("additional-name")),
    claim("family_name", PROFILE, "Family name.", name_field("family-name")),
    claim("nickname", PROFILE, "Casual name.", name_field("nickname")),
    claim("preferred_username", PROFILE, "Short name; not unique.", name_field("off")),
    claim(
        "birthdate",
        PROFILE,
        "Birthday: `YYYY-MM-DD`, with the year `0000` if it is not disclosed, or `YYYY`.",
        person_field(BIRTHDATE, "bday"),
    ),
    claim("gender", PROFILE, "Gender.", person_field(NAME, "sex")),
    claim("phone_number", PHONE, "Telephone number (E.164).", phone_field("tel")),
    claim("locale", PROFILE, "Locale (BCP 47).", person_field(LOCALE, "language")),
    claim("zoneinfo", PROFILE, "Time zone (IANA).", person_field(TIME_ZONE, "off")),
    claim("website", PROFILE, "Web page (https).", page_field("url")),
    claim("profile", PROFILE, "Profile page (https).", page_field("off")),
    claim("picture", PROFILE, "Picture (https).", page_field("photo")),
    claim("updated_at", PROFILE, "Last change, in seconds since the epoch.", ClaimSource::UpdatedAt),
    claim("email", EMAIL, "Email.", ClaimSource::Email),
    claim("email_verified", EMAIL, "Whether a message to it was answered.", ClaimSource::EmailVerified),
    claim(POSTAL_ADDRESS_CLAIM, ADDRESS, "Postal address.", ClaimSource::PostalAddress),
    claim(
        "phone_number_verified",
        PHONE,
        "Whether a call to it was answered.",
        ClaimSource::VerificationOf("phone_number"),
    ),
];

/// The members of a postal address.
pub const POSTAL_ADDRESS: &[AddressMember] = &[
    member("street_address", "address.street_address", "Street and number.", lines_field("street-address")),
    member("postal_code", "address.postal_code", "Postal code.", line_field("postal-code")),
    member("locality", "address.locality", "City.", line_field("address-level2")),
    member("region", "address.region", "State or province.", line_field("address-level1")),
    member("country", "address.country", "Country.", line_field("country-name")),
    member(
        "formatted",
        "address.formatted",
        "The whole address, lines separated by newlines.",
        lines_field("off"),
    ),
];

const fn claim(
    name: &'static str,
    scope: &'static str,
    description: &'static str,
    source: ClaimSource,
) -> Claim {
    Claim { name, scope, description, source }
}

const fn member(
    name: &'static str,
    path: &'static str,
    description: &'static str,
    field: TextField,
) -> AddressMember {
    AddressMember { name, path, description, field }
}

const fn text_field(rule: TextRule, section: FormSection, autocomplete: &'static str) -> TextField {
    TextField { rule, input: TextInput::Line, section, autocomplete }
}

const fn name_field(autocomplete: &'static str) -> ClaimSource {
    ClaimSource::Text(text_field(NAME, FormSection::Names, autocomplete))
}

const fn person_field(rule: TextRule, autocomplete: &'static str) -> ClaimSource {
    ClaimSource::Text(text_field(rule, FormSection::Person, autocomplete))
}

const fn phone_field(autocomplete: &'static str) -> ClaimSource {
    let field = text_field(PHONE_NUMBER, FormSection::Person, autocomplete);
    ClaimSource::Text(TextField { input: TextInput::PhoneNumber, ..field })
}

const fn page_field(autocomplete: &'static str) -> ClaimSource {
    let field = text_field(WEB_PAGE, FormSection::WebPages, autocomplete);
    ClaimSource::Text(TextField { input: TextInput::Url, ..field })
}

const fn line_field(autocomplete: &'static str) -> TextField {
    text_field(NAME, FormSection::PostalAddress, autocomplete)
}

const fn lines_field(autocomplete: &'static str) -> TextField {
    let field = text_field(LINES, FormSection::PostalAddress, autocomplete);
    TextField { input: TextInput::Lines, ..field }
}

fn web_url(text: &str) -> Result<(), &'static str> {
    field_rules::web_url(text).map(drop)
}

impl Claim {
    /// The field of a text that the user may change.
    pub fn text_field(&self) -> Option<TextField> {
        match self.source {
            ClaimSource::Text(field) => Some(field),
            _ => None,
        }
    }

    /// Whether the value is stored in the profile.
    fn in_profile(&self) -> bool {
        matches!(
            self.source,
            ClaimSource::Text(_) | ClaimSource::VerificationOf(_) | ClaimSource::PostalAddress
        )
    }
}

/// The claim with this name.
pub fn find(name: &str) -> Option<&'static Claim> {
    CLAIMS.iter().find(|claim| claim.name == name)
}

/// The rule of a text by the name in an error: the name of a claim, or the path of a member of the address.
pub fn rule_of(name: &str) -> Option<TextRule> {
    let member = POSTAL_ADDRESS.iter().find(|member| member.path == name).map(|member| member.field.rule);
    member.or_else(|| Some(find(name)?.text_field()?.rule))
}

/// The texts that the user may change, without the postal address.
pub fn changeable_texts() -> impl Iterator<Item = &'static str> {
    CLAIMS.iter().filter(|claim| claim.text_field().is_some()).map(|claim| claim.name)
}

/// The claims of `names` that these scopes cover: a client that lost a scope has lost its claims too.
pub fn covered_by<'a>(scopes: &[String], names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let covered =
        |name: &&String| find(name).is_some_and(|claim| scopes.iter().any(|scope| scope == claim.scope));
    names.into_iter().filter(covered).cloned().collect()
}

/// The scopes that cover these claims.
pub fn scopes_of<'a>(names: impl IntoIterator<Item = &'a String>) -> impl Iterator<Item = &'static str> {
    names.into_iter().filter_map(|name| find(name)).map(|claim| claim.scope)
}

/// Who gets the claims.
#[derive(Clone, Copy, Debug)]
pub enum ClaimReader<'a> {
    /// The user, who gets all of them.
    User,
    /// A client, which gets its own `subject` for the user, and the claims that the scopes of its token cover, and those that it requested by name
    /// (OpenID Connect Core section 5.5).
    Client { subject: &'a str, scopes: &'a [String], requested: &'a [String] },
}

/// The claims of a user that have a value, as far as the reader may have them. `sub` is always among them.
pub fn released(user: &users::Model, reader: ClaimReader<'_>) -> Result<Map<String, Value>, DatabaseError> {
    let released = CLAIMS.iter().filter(|claim| match reader {
        ClaimReader::User => true,
        ClaimReader::Client { scopes, requested, .. } => {
            matches!(claim.source, ClaimSource::Subject)
                || scopes.iter().any(|scope| scope == claim.scope)
                || requested.iter().any(|name| name == claim.name)
        }
    });
    // A token that releases nothing of the profile does not have it read.
    let in_profile = released.clone().any(Claim::in_profile);
    let mut profile =
        if in_profile { Profile::from_column(user.profile.clone())? } else { Profile::default() };
    let mut claims = Map::new();
    for claim in released {
        let value = match claim.source {
            ClaimSource::Subject => Some(match reader {
                ClaimReader::User => json!(user.subject),
                ClaimReader::Client { subject, .. } => json!(subject),
            }),
            ClaimSource::Email => Some(json!(user.email)),
            ClaimSource::EmailVerified => Some(json!(user.email_verified)),
            ClaimSource::UpdatedAt => Some(json!(user.updated_at.seconds())),
            ClaimSource::Text(_) | ClaimSource::PostalAddress => profile.take(claim.name),
            ClaimSource::VerificationOf(other) => {
                claims.contains_key(other).then(|| profile.take(claim.name).unwrap_or(json!(false)))
            }
        };
        claims.extend(value.map(|value| (claim.name.to_owned(), value)));
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_one_row_and_a_verification_follows_its_claim() {
        for (at, claim) in CLAIMS.iter().enumerate() {
            assert!(CLAIMS[..at].iter().all(|earlier| earlier.name != claim.name), "{}", claim.name);
            if let ClaimSource::VerificationOf(other) = claim.source {
                assert!(CLAIMS[..at].iter().any(|earlier| earlier.name == other), "{}", claim.name);
            }
        }
    }
}
