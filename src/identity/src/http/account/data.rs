//! Answers `/api/account/export` and `DELETE /api/account`: the export and the deletion of an account. Leaves
//! the rules to `accounts::export` and `accounts::deletion`.

use poem::Request;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    payload::Json as Payload,
    types::{Any, Example},
};
use postern_service::problem::Problems;
use serde_json::Value;

use super::count_change;
use crate::{
    App,
    accounts::{deletion, export},
    http::{
        no_store_json::NoStoreJson,
        presented_token::{AccountToken, RecentAuthentication},
        request_context,
    },
};

/// The `Content-Disposition` with which a browser saves the document as a file.
pub(in crate::http) const ATTACHMENT: &str = "attachment; filename=\"postern-account.json\"";

pub struct DataApi {
    app: App,
}

impl DataApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// The exported data of the account.
#[derive(ApiResponse)]
enum ExportResponse {
    /// The document: `account`, `sign_in`, `sessions`, `applications`, `consents`, and `activity` with the 10,000 newest events.
    #[oai(status = 200)]
    Document(
        Payload<Any<Value>>,
        /// Makes browsers save the document as a file.
        #[oai(header = "Content-Disposition")]
        String,
        /// `no-store`: nobody keeps a copy.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

/// The account is closed.
#[derive(Object)]
#[oai(example, read_only_all)]
struct AccountClosed {
    /// Always true. Every session and grant has ended, that of this token too.
    closed: bool,
    /// When everything is deleted (RFC 3339). Until then the person can undo it by signing in on the pages.
    deletion_at: String,
}

impl Example for AccountClosed {
    fn example() -> Self {
        Self { closed: true, deletion_at: "2026-12-04T14:57:16.000250Z".to_owned() }
    }
}

#[OpenApi(prefix_path = "/api", tag = "super::super::Tag::Account")]
impl DataApi {
    /// Export everything that is kept about the account
    ///
    /// Needs a sign-in within the last 15 minutes, by the second factor if there is one. The document has no secret.
    #[oai(path = "/account/export", method = "get", operation_id = "account_export")]
    async fn export(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
    ) -> Result<ExportResponse, Problems<401, 403, 429, 503>> {
        count_change(&self.app, &token).await?;
        let document =
            export::document(&self.app, token.principal(), &request_context(&self.app, request)).await?;
        Ok(ExportResponse::Document(Payload(Any(document)), ATTACHMENT.to_owned(), "no-store".to_owned()))
    }

    /// Delete the account
    ///
    /// Needs a sign-in within the last 15 minutes, by the second factor if there is one. The account is closed at once:
    /// every session and every grant ends. It is deleted some days later; until then a sign-in by the API gets 403
    /// `account_closed`, and the person can keep the account. The person is told by email.
    #[oai(path = "/account", method = "delete", operation_id = "account_delete")]
    async fn close(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
    ) -> Result<NoStoreJson<AccountClosed>, Problems<401, 403, 503>> {
        let context = request_context(&self.app, request);
        let deletion_at = deletion::close(&self.app, token.principal(), &context).await?;
        Ok(NoStoreJson(AccountClosed { closed: true, deletion_at: deletion_at.rfc3339() }))
    }
}
