//! Answers `/api/account/recovery-codes`: how many recovery codes are unused, and a new set of codes.

use poem::Request;
use poem_openapi::{Object, OpenApi, param::Query, types::Example};
use postern_service::problem::Problems;

use super::{count_change, credential_change};
use crate::{
    App,
    accounts::recovery_codes,
    http::{
        no_store_json::NoStoreJson,
        presented_token::{AccountToken, RecentAuthentication},
        request_context,
    },
    login::recovery_code,
};

pub struct RecoveryCodesApi {
    app: App,
}

impl RecoveryCodesApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// How many codes still work.
#[derive(Object)]
#[oai(example, read_only_all)]
struct CodesLeft {
    /// How many of the ten codes still work.
    left: usize,
}

impl Example for CodesLeft {
    fn example() -> Self {
        Self { left: 9 }
    }
}

/// The new codes. They are shown only this once.
#[derive(Object)]
#[oai(example, read_only_all)]
struct NewCodes {
    /// Ten codes, each for one sign-in.
    codes: Vec<String>,
}

impl Example for NewCodes {
    fn example() -> Self {
        Self { codes: vec!["7k2mq-0xv9d".to_owned()] }
    }
}

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl RecoveryCodesApi {
    /// See how many recovery codes are left
    #[oai(path = "/recovery-codes", method = "get", operation_id = "recovery_codes_left")]
    async fn left(&self, token: AccountToken) -> Result<NoStoreJson<CodesLeft>, Problems<401, 403, 503>> {
        Ok(NoStoreJson(CodesLeft { left: recovery_code::remaining(&self.app, &token.user).await? }))
    }

    /// Make new recovery codes
    ///
    /// For an account with an authenticator or a passkey: a recovery code stands in for a lost one. Needs a sign-in within
    /// the last 15 minutes, by the second factor. The codes before stop working. Ends all other sessions, unless the request
    /// says otherwise.
    #[oai(path = "/recovery-codes", method = "post", operation_id = "recovery_codes_renew")]
    async fn renew(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
        /// Whether all other sessions end too, with what apps got from them. True if left out.
        end_other_sessions: Query<Option<bool>>,
    ) -> Result<NoStoreJson<NewCodes>, Problems<400, 401, 403, 404, 409, 429, 503>> {
        count_change(&self.app, &token).await?;
        let context = request_context(&self.app, request);
        let change = credential_change(&token, end_other_sessions.0, &context);
        let set = recovery_codes::replace_set(&self.app, change).await?;
        // The app shows them, so no page asks for them again.
        recovery_code::mark_kept(&self.app, change.principal, set.created_at, &context).await?;
        Ok(NoStoreJson(NewCodes { codes: set.codes }))
    }
}
