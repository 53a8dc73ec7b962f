//! Answers `/api/account/profile`: the claims that users maintain about themselves. Leaves the rules to
//! `accounts::profile`.

use poem::Request;
use poem_openapi::{
    Object, OpenApi,
    types::{Example, MaybeUndefined},
};
use postern_service::{body::Json, problem::Problems};

use super::count_change;
use crate::{
    App,
    accounts::profile::{self, ClaimChange, ProfileChange},
    http::{
        no_store_json::NoStoreJson, oidc::userinfo::Claims, presented_token::AccountToken, request_context,
    },
};

pub struct ProfileApi {
    app: App,
}

impl ProfileApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// What changes: what is left out stays, and null takes away (RFC 7396).
#[derive(Default, Object)]
#[oai(example, deny_unknown_fields)]
struct ProfileRequest {
    /// Full name.
    name: MaybeUndefined<String>,
    /// Given name.
    given_name: MaybeUndefined<String>,
    /// Family name.
    family_name: MaybeUndefined<String>,
    /// Middle name.
    middle_name: MaybeUndefined<String>,
    /// Casual name.
    nickname: MaybeUndefined<String>,
    /// Short name; not unique.
    preferred_username: MaybeUndefined<String>,
    /// Profile page (https).
    profile: MaybeUndefined<String>,
    /// Picture (https).
    picture: MaybeUndefined<String>,
    /// Web page (https).
    website: MaybeUndefined<String>,
    /// Gender.
    gender: MaybeUndefined<String>,
    /// Birthday: `YYYY-MM-DD`, the year `0000` to keep it, or `YYYY`.
    birthdate: MaybeUndefined<String>,
    /// Time zone (IANA).
    zoneinfo: MaybeUndefined<String>,
    /// Locale (BCP 47).
    locale: MaybeUndefined<String>,
    /// Telephone number (E.164). A new one is not verified.
    phone_number: MaybeUndefined<String>,
    /// Postal address; its members are changed one by one.
    address: MaybeUndefined<AddressRequest>,
}

/// What changes of a postal address (OpenID Connect Core section 5.1.1).
#[derive(Default, Object)]
#[oai(deny_unknown_fields)]
struct AddressRequest {
    /// The whole address, lines separated by newlines.
    formatted: MaybeUndefined<String>,
    /// Street and number.
    street_address: MaybeUndefined<String>,
    /// City.
    locality: MaybeUndefined<String>,
    /// State or province.
    region: MaybeUndefined<String>,
    /// Postal code.
    postal_code: MaybeUndefined<String>,
    /// Country.
    country: MaybeUndefined<String>,
}

impl Example for ProfileRequest {
    fn example() -> Self {
        Self {
            given_name: MaybeUndefined::Value("Alice".to_owned()),
            nickname: MaybeUndefined::Null,
            ..Self::default()
        }
    }
}

impl From<ProfileRequest> for ProfileChange {
    fn from(request: ProfileRequest) -> Self {
        let claims = [
            ("name", request.name),
            ("given_name", request.given_name),
            ("family_name", request.family_name),
            ("middle_name", request.middle_name),
            ("nickname", request.nickname),
            ("preferred_username", request.preferred_username),
            ("profile", request.profile),
            ("picture", request.picture),
            ("website", request.website),
            ("gender", request.gender),
            ("birthdate", request.birthdate),
            ("zoneinfo", request.zoneinfo),
            ("locale", request.locale),
            ("phone_number", request.phone_number),
        ];
        let address = match request.address {
            MaybeUndefined::Undefined => profile::PostalAddressChange::Keep,
            MaybeUndefined::Null => profile::PostalAddressChange::Remove,
            MaybeUndefined::Value(address) => {
                profile::PostalAddressChange::Members(address.into_claim_changes())
            }
        };
        Self { claims: claim_changes(claims), address }
    }
}

impl AddressRequest {
    fn into_claim_changes(self) -> Vec<ClaimChange> {
        claim_changes([
            ("formatted", self.formatted),
            ("street_address", self.street_address),
            ("locality", self.locality),
            ("region", self.region),
            ("postal_code", self.postal_code),
            ("country", self.country),
        ])
    }
}

/// Those that were given, null or not.
fn claim_changes<const N: usize>(claims: [(&'static str, MaybeUndefined<String>); N]) -> Vec<ClaimChange> {
    let given = claims.into_iter().filter(|(_, value)| !value.is_undefined());
    given.map(|(name, value)| (name, value.take())).collect()
}

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl ProfileApi {
    /// What the account says of its owner
    ///
    /// All claims, whatever scopes the token has.
    #[oai(path = "/profile", method = "get", operation_id = "profile")]
    async fn show(&self, token: AccountToken) -> Result<NoStoreJson<Claims>, Problems<401, 403, 503>> {
        Ok(NoStoreJson(profile::claims_of_user(&token.user)?.into()))
    }

    /// Change claims
    ///
    /// What is left out stays, null takes away. `email` changes by `/api/account/email`; it and whatever says that
    /// something is verified are refused here.
    #[oai(path = "/profile", method = "patch", operation_id = "profile_change")]
    async fn change(
        &self,
        request: &Request,
        token: AccountToken,
        body: Json<ProfileRequest>,
    ) -> Result<NoStoreJson<Claims>, Problems<400, 401, 403, 429, 503>> {
        count_change(&self.app, &token).await?;
        let changed = profile::change(
            &self.app,
            token.principal(),
            body.0.into(),
            &request_context(&self.app, request),
        )
        .await?;
        Ok(NoStoreJson(profile::claims_of_user(&changed)?.into()))
    }
}
