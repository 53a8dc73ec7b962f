//! Answers `/api/account/passkeys`: enrolment, names and removal of passkeys. Leaves WebAuthn to
//! `login::passkey`.

use poem::Request;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    types::{Any, Example},
};
use postern_service::{
    body::Json,
    clock::Timestamp,
    problem::{Problem, Problems},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{count_change, credential_change};
use crate::{
    App,
    http::{
        no_store_json::NoStoreJson,
        presented_token::{AccountToken, RecentAuthentication},
        request_context,
    },
    login::passkey::enrolment::{self, PasskeyRow},
};

pub struct PasskeysApi {
    app: App,
}

impl PasskeysApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// A passkey of the account.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none, read_only_all)]
struct OwnPasskey {
    /// Identifies the passkey in other calls.
    id: Uuid,
    /// The name that the person gave it.
    name: String,
    /// When it was set up (RFC 3339).
    created_at: String,
    /// When it was used last (RFC 3339).
    last_used_at: Option<String>,
    /// When its signature counter went back (RFC 3339): somebody may have a copy of the passkey.
    flagged_at: Option<String>,
}

impl From<PasskeyRow> for OwnPasskey {
    fn from(row: PasskeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            created_at: row.created_at.rfc3339(),
            last_used_at: row.last_used_at.map(Timestamp::rfc3339),
            flagged_at: row.flagged_at.map(Timestamp::rfc3339),
        }
    }
}

impl Example for OwnPasskey {
    fn example() -> Self {
        Self {
            id: Uuid::from_u128(0x0192_f3a1_6c2d_7b10_9c0e_2f41_5d6a_7b8c),
            name: "Phone".to_owned(),
            created_at: "2026-11-20T14:57:16.000250Z".to_owned(),
            last_used_at: None,
            flagged_at: None,
        }
    }
}

/// The passkeys of an account.
#[derive(Object)]
#[oai(example, read_only_all)]
struct OwnPasskeys {
    /// The passkeys, the newest last.
    passkeys: Vec<OwnPasskey>,
}

impl Example for OwnPasskeys {
    fn example() -> Self {
        Self { passkeys: vec![OwnPasskey::example()] }
    }
}

/// What to ask the browser for.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none, read_only_all)]
struct PasskeyOptions {
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON()` (WebAuthn level 3 section 5.1.9).
    #[oai(rename = "publicKey")]
    public_key: Option<Any<Value>>,
}

impl Example for PasskeyOptions {
    fn example() -> Self {
        let relying_party = json!({ "id": "id.example.com", "name": "id.example.com" });
        Self { public_key: Some(Any(json!({ "rp": relying_party }))) }
    }
}

/// The answer of the browser.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none)]
struct NewPasskey {
    /// The credential, as its `toJSON()` makes it.
    credential: Option<Any<Value>>,
    /// The name by which the owner tells it from others.
    #[oai(validator(max_length = 256))]
    name: Option<String>,
    /// Whether all other sessions end too, with what apps got from them. True if left out.
    end_other_sessions: Option<bool>,
}

impl Example for NewPasskey {
    fn example() -> Self {
        let credential = json!({ "type": "public-key" });
        Self { credential: Some(Any(credential)), name: Some("Phone".to_owned()), end_other_sessions: None }
    }
}

/// A new name for a passkey.
#[derive(Object)]
#[oai(example)]
struct PasskeyName {
    /// 1 to 64 characters.
    #[oai(validator(max_length = 256))]
    name: String,
}

impl Example for PasskeyName {
    fn example() -> Self {
        Self { name: "Work laptop".to_owned() }
    }
}

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl PasskeysApi {
    /// List the passkeys
    #[oai(path = "/passkeys", method = "get", operation_id = "passkeys_list")]
    async fn list(&self, token: AccountToken) -> Result<NoStoreJson<OwnPasskeys>, Problems<401, 403, 503>> {
        Ok(NoStoreJson(self.list_of_user(&token.user).await?))
    }

    /// Begin to add a passkey
    ///
    /// Needs a sign-in within the last 15 minutes, by the second factor if there is one. The page must be on a
    /// host that may use passkeys of this provider.
    #[oai(path = "/passkeys", method = "post", operation_id = "passkey_begin")]
    async fn begin(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
    ) -> Result<NoStoreJson<PasskeyOptions>, Problems<401, 403, 404, 409, 429, 503>> {
        count_change(&self.app, &token).await?;
        let options =
            enrolment::begin(&self.app, token.principal(), &request_context(&self.app, request)).await?;
        Ok(NoStoreJson(PasskeyOptions { public_key: Some(Any(options)) }))
    }

    /// Add the passkey that the browser made
    ///
    /// Ends all other sessions, unless the request says otherwise.
    #[oai(path = "/passkeys/confirm", method = "post", operation_id = "passkey_confirm")]
    async fn confirm(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
        body: Json<NewPasskey>,
    ) -> Result<NoStoreJson<OwnPasskey>, Problems<400, 401, 403, 404, 409, 429, 503>> {
        count_change(&self.app, &token).await?;
        let NewPasskey { credential, name, end_other_sessions } = body.0;
        let context = request_context(&self.app, request);
        let credential = credential.map(|credential| credential.0).unwrap_or_default();
        let name = name.unwrap_or_default();
        let change = credential_change(&token, end_other_sessions, &context);
        enrolment::complete(&self.app, change, &credential, &name)
            .await
            .map(|row| NoStoreJson(row.into()))
            .map_err(Into::into)
    }

    /// Rename a passkey
    #[oai(path = "/passkeys/:id", method = "put", operation_id = "passkey_rename")]
    async fn rename(
        &self,
        request: &Request,
        token: AccountToken,
        /// The passkey, as the list names it.
        id: Path<Uuid>,
        body: Json<PasskeyName>,
    ) -> Result<NoStoreJson<OwnPasskeys>, Problems<400, 401, 403, 404, 429, 503>> {
        count_change(&self.app, &token).await?;
        enrolment::rename(
            &self.app,
            token.principal(),
            id.0,
            &body.0.name,
            &request_context(&self.app, request),
        )
        .await?;
        Ok(NoStoreJson(self.list_of_user(&token.user).await?))
    }

    /// Remove a passkey
    ///
    /// Needs a sign-in within the last 15 minutes, by the second factor. Ends all other sessions, unless the request says
    /// otherwise.
    #[oai(path = "/passkeys/:id", method = "delete", operation_id = "passkey_remove")]
    async fn remove(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
        /// The passkey, as the list names it.
        id: Path<Uuid>,
        /// Whether all other sessions end too, with what apps got from them. True if left out.
        end_other_sessions: Query<Option<bool>>,
    ) -> Result<NoStoreJson<OwnPasskeys>, Problems<400, 401, 403, 404, 503>> {
        let context = request_context(&self.app, request);
        let change = credential_change(&token, end_other_sessions.0, &context);
        enrolment::remove(&self.app, change, id.0).await?;
        Ok(NoStoreJson(self.list_of_user(&token.user).await?))
    }
}

impl PasskeysApi {
    async fn list_of_user(&self, user: &crate::users::User) -> Result<OwnPasskeys, Problem> {
        let rows = enrolment::list(&self.app, user).await?;
        Ok(OwnPasskeys { passkeys: rows.into_iter().map(OwnPasskey::from).collect() })
    }
}
