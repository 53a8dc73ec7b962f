//! Answers `/api/account/password`: the change of the account's password. Leaves the rules to
//! `accounts::password`.

use poem::Request;
use poem_openapi::{Object, OpenApi, types::Example};
use postern_service::{body::Json, problem::Problems};

use super::{count_change, credential_change};
use crate::{
    App,
    accounts::password,
    http::{
        no_store_json::NoStoreJson,
        presented_token::{AccountToken, RecentAuthentication},
        request_context,
    },
};

pub struct PasswordApi {
    app: App,
}

impl PasswordApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// Sets the password of the account.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none)]
struct PasswordRequest {
    /// 15 to 256 characters of any kind, hard to guess; beside a second factor 8 are enough.
    #[oai(validator(max_length = 4096))]
    password: String,
    /// Whether all other sessions end too, with what apps got from them. True if left out.
    end_other_sessions: Option<bool>,
}

impl Example for PasswordRequest {
    fn example() -> Self {
        Self { password: "seven brass lamps upstream".to_owned(), end_other_sessions: None }
    }
}

/// The password is set.
#[derive(Object)]
#[oai(example, read_only_all)]
struct PasswordSet {
    /// Always true: a failure is answered with an error.
    changed: bool,
}

impl Example for PasswordSet {
    fn example() -> Self {
        Self { changed: true }
    }
}

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl PasswordApi {
    /// Set or change the password
    ///
    /// Needs a sign-in within the last 15 minutes, by the second factor if there is one. Ends all other sessions, unless
    /// the request says otherwise. The person is told by email.
    #[oai(path = "/password", method = "put", operation_id = "password_set")]
    async fn set(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
        body: Json<PasswordRequest>,
    ) -> Result<NoStoreJson<PasswordSet>, Problems<400, 401, 403, 404, 429, 503>> {
        count_change(&self.app, &token).await?;
        let PasswordRequest { password, end_other_sessions } = body.0;
        let context = request_context(&self.app, request);
        let change = credential_change(&token, end_other_sessions, &context);
        password::change(&self.app, change, &password).await?;
        Ok(NoStoreJson(PasswordSet { changed: true }))
    }
}
