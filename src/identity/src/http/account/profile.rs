//! Answers `/api/account/profile`: the claims that users maintain about themselves. Leaves the rules to
//! `accounts::profile`.

use poem::Request;
use poem_openapi::OpenApi;
use postern_service::{body::Json, problem::Problems};

use super::count_change;
use crate::{
    App,
    accounts::profile,
    claims::{self, ClaimReader},
    http::{
        claims::{Claims, ProfileRequest},
        no_store_json::NoStoreJson,
        presented_token::AccountToken,
        request_context,
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

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl ProfileApi {
    /// Get the profile
    ///
    /// All claims about the user, whatever scopes the token has beside `account`.
    #[oai(path = "/profile", method = "get", operation_id = "profile")]
    async fn show(&self, token: AccountToken) -> Result<NoStoreJson<Claims>, Problems<401, 403, 503>> {
        Ok(NoStoreJson(Claims(claims::released(&token.user, ClaimReader::User)?)))
    }

    /// Change the profile
    ///
    /// What is left out stays; `null` removes. The email is changed at `/api/account/email`. Nobody can set that an email or
    /// a phone number is verified.
    #[oai(path = "/profile", method = "patch", operation_id = "profile_change")]
    async fn change(
        &self,
        request: &Request,
        token: AccountToken,
        body: Json<ProfileRequest>,
    ) -> Result<NoStoreJson<Claims>, Problems<400, 401, 403, 429, 503>> {
        count_change(&self.app, &token).await?;
        let changed =
            profile::change(&self.app, token.principal(), body.0.0, &request_context(&self.app, request))
                .await?;
        Ok(NoStoreJson(Claims(claims::released(&changed, ClaimReader::User)?)))
    }
}
