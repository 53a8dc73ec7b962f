//! Defines the JSON form of claims about a user. Schemas and parsers are made from the table
//! [`CLAIMS`](crate::claims::CLAIMS).

use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{IsObjectType, ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde_json::{Map, Value, json};

use crate::claims::{
    CLAIMS, Claim, ClaimChange, ClaimSource, POSTAL_ADDRESS, POSTAL_ADDRESS_CLAIM, PostalAddressChange,
    Profile, ProfileChange, changeable_texts,
};

/// Implements [`Type`] for an object whose schema is made at run time.
macro_rules! object_type {
    ($type:ty, $name:literal, $schema:expr) => {
        impl Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference($name.to_owned())
            }

            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>($name.to_owned(), |_| $schema);
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl IsObjectType for $type {}
    };
}

/// The claims of a response.
pub(super) struct Claims(pub(super) Map<String, Value>);

object_type!(Claims, "Claims", claims_schema());

fn claims_schema() -> MetaSchema {
    let properties = CLAIMS.iter().map(|claim| {
        let schema = match claim.source {
            ClaimSource::PostalAddress => {
                object(POSTAL_ADDRESS.iter().map(|member| (member.name, text(member.description))))
            }
            ClaimSource::UpdatedAt => MetaSchema { format: Some("int64"), ..MetaSchema::new("integer") },
            ClaimSource::EmailVerified | ClaimSource::VerificationOf(_) => MetaSchema::new("boolean"),
            _ => MetaSchema::new("string"),
        };
        let schema = MetaSchema { description: Some(claim.description), read_only: true, ..schema };
        (claim.name, MetaSchemaRef::Inline(Box::new(schema)))
    });
    MetaSchema {
        description: Some(
            "Claims of the user (OpenID Connect Core section 5.1), as far as the scopes of the token release \
             them. The scopes `email`, `phone` and `address` release the claims that begin with these words, and \
             `profile` releases all others.",
        ),
        required: vec!["sub"],
        example: Some(json!({
            "sub": "8f14e45f-ceea-467f-a8c3-0d5a2b1f0e11",
            "name": "Alice Adams",
            "email": "alice@example.test",
            "email_verified": true,
        })),
        ..object(properties)
    }
}

impl ToJSON for Claims {
    fn to_json(&self) -> Option<Value> {
        Some(Value::Object(self.0.clone()))
    }

    fn to_json_string(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

/// A merge patch of the profile (RFC 7396): an absent claim stays, and null removes a claim. The schema refuses other
/// members before they get here.
pub(super) struct ProfileRequest(pub(super) ProfileChange);

object_type!(ProfileRequest, "ProfileRequest", profile_request_schema());

fn profile_request_schema() -> MetaSchema {
    let members = POSTAL_ADDRESS.iter().map(|member| (member.name, nullable_text(member.description)));
    let address = MetaSchema {
        description: Some("Postal address; its members are changed one by one."),
        nullable: true,
        ..object(members)
    };
    let texts = CLAIMS.iter().filter(|claim| claim.text_field().is_some());
    let properties = texts
        .map(|claim| (claim.name, nullable_text(claim.description)))
        .chain([(POSTAL_ADDRESS_CLAIM, MetaSchemaRef::Inline(Box::new(address)))]);
    MetaSchema {
        description: Some("What changes: what is left out stays, and null takes away (RFC 7396)."),
        example: Some(json!({ "name": "Alice Adams", "picture": null })),
        ..object(properties)
    }
}

impl ParseFromJSON for ProfileRequest {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let mut members = parse_object(value)?;
        let address = match members.remove(POSTAL_ADDRESS_CLAIM) {
            None => PostalAddressChange::Keep,
            Some(Value::Null) => PostalAddressChange::Remove,
            Some(address) => {
                let mut members = parse_object(Some(address))?;
                let names = POSTAL_ADDRESS.iter().map(|member| member.name);
                PostalAddressChange::Members(take_changes(&mut members, names)?)
            }
        };
        let claims = take_changes(&mut members, changeable_texts())?;
        Ok(Self(ProfileChange { claims, address }))
    }
}

fn parse_object<T: Type>(value: Option<Value>) -> Result<Map<String, Value>, ParseError<T>> {
    match value {
        Some(Value::Object(members)) => Ok(members),
        other => Err(ParseError::expected_type(other.unwrap_or_default())),
    }
}

/// Takes the changes of the claims `names` out of `members`; null removes a claim.
fn take_changes<T: Type>(
    members: &mut Map<String, Value>,
    names: impl Iterator<Item = &'static str>,
) -> Result<Vec<ClaimChange>, ParseError<T>> {
    let given = names.filter_map(|name| Some((name, members.remove(name)?)));
    let change = |(name, value)| match value {
        Value::Null => Ok((name, None)),
        Value::String(text) => Ok((name, Some(text))),
        other => Err(ParseError::expected_type(other)),
    };
    given.map(change).collect()
}

/// The claims that a registration brings along, as members of the request beside others.
#[derive(Default)]
pub(super) struct RegistrationProfile(pub(super) Profile);

object_type!(
    RegistrationProfile,
    "RegistrationProfile",
    object(CLAIMS.iter().filter(|claim| claim.text_field().is_some()).map(property))
);

impl ParseFromJSON for RegistrationProfile {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let claims = take_changes(&mut parse_object(value)?, changeable_texts())?;
        let change = ProfileChange { claims, ..ProfileChange::default() };
        Ok(Self(Profile::default().with_changes(&change)))
    }
}

impl ToJSON for RegistrationProfile {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(&self.0).ok()
    }
}

fn property(claim: &Claim) -> (&'static str, MetaSchemaRef) {
    (claim.name, text(claim.description))
}

fn object(properties: impl Iterator<Item = (&'static str, MetaSchemaRef)>) -> MetaSchema {
    MetaSchema { properties: properties.collect(), ..MetaSchema::new("object") }
}

fn text(description: &'static str) -> MetaSchemaRef {
    let schema = MetaSchema { description: Some(description), ..MetaSchema::new("string") };
    MetaSchemaRef::Inline(Box::new(schema))
}

fn nullable_text(description: &'static str) -> MetaSchemaRef {
    let schema = MetaSchema { description: Some(description), nullable: true, ..MetaSchema::new("string") };
    MetaSchemaRef::Inline(Box::new(schema))
}
