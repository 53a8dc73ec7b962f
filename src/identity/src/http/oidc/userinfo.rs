//! Answers `GET` and `POST /oauth2/userinfo` (OpenID Connect Core section 5.3). Leaves to `tokens` whether
//! the access token is accepted and which claims it releases.

use poem::{
    Request, RequestBody,
    http::header::{AUTHORIZATION, CONTENT_TYPE},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi,
    registry::{MetaRequest, Registry},
    types::Example,
};
use postern_token_verifier::poem::{BearerCause, presented_by, token_in_header};
use serde::Deserialize;

use crate::{
    http::{
        no_store_json::NoStoreJson,
        oauth_error::OAuthError,
        oauth_form::{OAuthForm, OAuthFormParameters},
        presented_token::UserinfoToken,
    },
    tokens::userinfo,
    users,
};

pub struct UserinfoApi;

/// The token, where it is not in the header (RFC 6750 section 2.2).
#[derive(Default, Deserialize, Object)]
#[serde(default)]
struct UserinfoRequest {
    /// The access token.
    access_token: Option<String>,
}

impl OAuthFormParameters for UserinfoRequest {}

/// The token in the header or in the form. A request without `Content-Type` counts as one without a form.
struct PostedToken(UserinfoToken<OAuthError>);

impl<'a> ApiExtractor<'a> for PostedToken {
    const TYPES: &'static [ApiExtractorType] =
        &[ApiExtractorType::SecurityScheme, ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        UserinfoToken::<OAuthError>::register(registry);
        OAuthForm::<UserinfoRequest>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        UserinfoToken::<OAuthError>::security_schemes()
    }

    fn request_meta() -> Option<MetaRequest> {
        let form = OAuthForm::<UserinfoRequest>::request_meta()?;
        Some(MetaRequest { required: false, ..form })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let in_form = if request.headers().contains_key(CONTENT_TYPE) {
            OAuthForm::<UserinfoRequest>::from_request(request, body, options).await?.0.access_token
        } else {
            None
        };
        let presented = match &in_form {
            None => token_in_header(request),
            // RFC 6750 section 2: "Clients MUST NOT use more than one method".
            Some(_) if request.headers().contains_key(AUTHORIZATION) => {
                Err(BearerCause::InvalidRequest("more than one access token"))
            }
            Some(token) => Ok(presented_by(request, token)),
        };
        Ok(Self(UserinfoToken::by_presented(request, presented).await?))
    }
}

/// Claims of the user (OpenID Connect Core section 5.1), as far as the scopes of the token release them.
#[derive(Default, Object)]
#[oai(example, skip_serializing_if_is_none, read_only_all)]
pub(in crate::http) struct Claims {
    /// The user: random, stable, the same as in the ID token.
    sub: String,
    /// `profile`: full name.
    name: Option<String>,
    /// `profile`: given name.
    given_name: Option<String>,
    /// `profile`: family name.
    family_name: Option<String>,
    /// `profile`: middle name.
    middle_name: Option<String>,
    /// `profile`: casual name.
    nickname: Option<String>,
    /// `profile`: short name; not unique.
    preferred_username: Option<String>,
    /// `profile`: profile page.
    profile: Option<String>,
    /// `profile`: picture.
    picture: Option<String>,
    /// `profile`: web page.
    website: Option<String>,
    /// `profile`: gender.
    gender: Option<String>,
    /// `profile`: birthday, `YYYY-MM-DD`.
    birthdate: Option<String>,
    /// `profile`: time zone.
    zoneinfo: Option<String>,
    /// `profile`: locale.
    locale: Option<String>,
    /// `profile`: last change, in seconds since the epoch.
    updated_at: Option<i64>,
    /// `email`: address.
    email: Option<String>,
    /// `email`: whether a message to it was answered.
    email_verified: Option<bool>,
    /// `address`: postal address.
    address: Option<Address>,
    /// `phone`: telephone number.
    phone_number: Option<String>,
    /// `phone`: whether a call to it was answered.
    phone_number_verified: Option<bool>,
}

/// A postal address (OpenID Connect Core section 5.1.1).
#[expect(clippy::struct_field_names, reason = "the members are those of the specification")]
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::http) struct Address {
    /// The whole address, lines separated by newlines.
    formatted: Option<String>,
    /// Street and number.
    street_address: Option<String>,
    /// City.
    locality: Option<String>,
    /// State or province.
    region: Option<String>,
    /// Postal code.
    postal_code: Option<String>,
    /// Country.
    country: Option<String>,
}

impl Example for Claims {
    fn example() -> Self {
        Self {
            sub: "8f14e45f-ceea-467f-a8c3-0d5a2b1f0e11".to_owned(),
            name: Some("Alice Adams".to_owned()),
            given_name: Some("Alice".to_owned()),
            email: Some("alice@example.test".to_owned()),
            email_verified: Some(true),
            ..Self::default()
        }
    }
}

impl From<userinfo::ReleasedClaims> for Claims {
    fn from(released: userinfo::ReleasedClaims) -> Self {
        let profile = released.profile;
        let (email, email_verified) = released.email.unzip();
        Self {
            sub: released.sub,
            name: profile.name,
            given_name: profile.given_name,
            family_name: profile.family_name,
            middle_name: profile.middle_name,
            nickname: profile.nickname,
            preferred_username: profile.preferred_username,
            profile: profile.profile,
            picture: profile.picture,
            website: profile.website,
            gender: profile.gender,
            birthdate: profile.birthdate,
            zoneinfo: profile.zoneinfo,
            locale: profile.locale,
            updated_at: released.updated_at,
            email,
            email_verified,
            address: profile.address.map(Address::from),
            phone_number: profile.phone_number,
            phone_number_verified: profile.phone_number_verified,
        }
    }
}

impl From<users::PostalAddress> for Address {
    fn from(address: users::PostalAddress) -> Self {
        Self {
            formatted: address.formatted,
            street_address: address.street_address,
            locality: address.locality,
            region: address.region,
            postal_code: address.postal_code,
            country: address.country,
        }
    }
}

#[expect(clippy::unused_async, reason = "poem-openapi wants every operation to be async")]
#[OpenApi(prefix_path = "/oauth2", tag = "super::super::Tag::Protocol")]
impl UserinfoApi {
    /// Claims of the user
    ///
    /// OpenID Connect Core section 5.3. Needs an access token with the scope `openid`, whomever it is for.
    #[oai(path = "/userinfo", method = "get", operation_id = "userinfo")]
    async fn get(&self, token: UserinfoToken<OAuthError>) -> Result<NoStoreJson<Claims>, OAuthError> {
        Ok(NoStoreJson(userinfo::released_claims(&token)?.into()))
    }

    /// Claims of the user, by POST
    ///
    /// The same, with the access token in the header or in the form.
    #[oai(path = "/userinfo", method = "post", operation_id = "userinfo_post")]
    async fn post(&self, token: PostedToken) -> Result<NoStoreJson<Claims>, OAuthError> {
        Ok(NoStoreJson(userinfo::released_claims(&token.0)?.into()))
    }
}
