//! Answers `/api/account/totp`: enrolment and removal of the account's authenticator app (RFC 6238). Leaves
//! the rules to `login::totp`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use poem::Request;
use poem_openapi::{Object, OpenApi, param::Query, types::Example};
use postern_service::{
    body::Json,
    clock::Timestamp,
    problem::{Problem, Problems},
};

use crate::{
    App,
    http::{
        account::{count_change, credential_change},
        no_store_json::NoStoreJson,
        presented_token::{AccountToken, RecentAuthentication},
        request_context,
    },
    login::totp::{self, Enrolment},
    tokens::access_token::UserToken,
};

pub struct TotpApi {
    app: App,
}

impl TotpApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// Whether an authenticator is set up.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none, read_only_all)]
struct TotpStatus {
    /// Whether an authenticator app is enrolled.
    enrolled: bool,
    /// Since when (RFC 3339).
    enrolled_at: Option<String>,
}

impl Example for TotpStatus {
    fn example() -> Self {
        Self { enrolled: true, enrolled_at: Some("2026-11-20T14:57:16.000250Z".to_owned()) }
    }
}

/// What the authenticator app needs. It is shown only this once.
#[derive(Object)]
#[oai(example, read_only_all)]
struct TotpEnrolment {
    /// The key in base32, to type in.
    secret: String,
    /// The key as an `otpauth:` URI.
    uri: String,
    /// The key as a QR code: a `data:` URI with a PNG.
    qr: String,
}

impl Example for TotpEnrolment {
    fn example() -> Self {
        Self {
            secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP".to_owned(),
            uri: "otpauth://totp/localhost:alice%40example.test?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=localhost"
                .to_owned(),
            qr: "data:image/png;base64,iVBORw0KGgo=".to_owned(),
        }
    }
}

impl From<Enrolment> for TotpEnrolment {
    fn from(enrolment: Enrolment) -> Self {
        let qr = format!("data:image/png;base64,{}", STANDARD.encode(&enrolment.qr_png));
        Self { secret: enrolment.secret, uri: enrolment.uri, qr }
    }
}

/// The first code of the authenticator app.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none)]
struct TotpConfirmation {
    /// Six digits, as the app shows them.
    #[oai(validator(max_length = 64))]
    code: String,
    /// Whether all other sessions end too, with what apps got from them. True if left out.
    end_other_sessions: Option<bool>,
}

impl Example for TotpConfirmation {
    fn example() -> Self {
        Self { code: "492 039".to_owned(), end_other_sessions: None }
    }
}

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl TotpApi {
    /// See whether an authenticator is set up
    #[oai(path = "/totp", method = "get", operation_id = "totp_status")]
    async fn status(&self, token: AccountToken) -> Result<NoStoreJson<TotpStatus>, Problems<401, 403, 503>> {
        Ok(NoStoreJson(self.status_of(&token).await?))
    }

    /// Begin to set up an authenticator
    ///
    /// Needs a sign-in within the last 15 minutes, by the second factor if there is one. The new key counts
    /// only after its first code is confirmed.
    #[oai(path = "/totp", method = "post", operation_id = "totp_begin")]
    async fn begin(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
    ) -> Result<NoStoreJson<TotpEnrolment>, Problems<401, 403, 404, 409, 429, 503>> {
        count_change(&self.app, &token).await?;
        let enrolment =
            totp::begin_enrolment(&self.app, token.principal(), &request_context(&self.app, request)).await?;
        Ok(NoStoreJson(enrolment.into()))
    }

    /// Confirm the authenticator with its first code
    ///
    /// Ends all other sessions, unless the request says otherwise.
    #[oai(path = "/totp/confirm", method = "post", operation_id = "totp_confirm")]
    async fn confirm(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
        body: Json<TotpConfirmation>,
    ) -> Result<NoStoreJson<TotpStatus>, Problems<400, 401, 403, 404, 409, 429, 503>> {
        count_change(&self.app, &token).await?;
        let TotpConfirmation { code, end_other_sessions } = body.0;
        let context = request_context(&self.app, request);
        let change = credential_change(&token, end_other_sessions, &context);
        totp::confirm(&self.app, change, &code).await?;
        Ok(NoStoreJson(self.status_of(&token).await?))
    }

    /// Remove the authenticator
    ///
    /// Needs a sign-in within the last 15 minutes, by the second factor. Ends all other sessions, unless the request says
    /// otherwise.
    #[oai(path = "/totp", method = "delete", operation_id = "totp_remove")]
    async fn remove(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
        /// Whether all other sessions end too, with what apps got from them. True if left out.
        end_other_sessions: Query<Option<bool>>,
    ) -> Result<NoStoreJson<TotpStatus>, Problems<400, 401, 403, 503>> {
        let context = request_context(&self.app, request);
        let change = credential_change(&token, end_other_sessions.0, &context);
        totp::remove(&self.app, change).await?;
        Ok(NoStoreJson(self.status_of(&token).await?))
    }
}

impl TotpApi {
    async fn status_of(&self, token: &UserToken) -> Result<TotpStatus, Problem> {
        let since = totp::status(&self.app, &token.user).await?;
        Ok(TotpStatus { enrolled: since.is_some(), enrolled_at: since.map(Timestamp::rfc3339) })
    }
}
