//! Answers `/api/account/email`: the change of the account's email. Leaves links and notices to
//! `accounts::email_change`.

use poem::Request;
use poem_openapi::{Object, OpenApi, types::Example};
use postern_service::{body::Json, problem::Problems};

use super::count_change;
use crate::{
    App,
    accounts::email_change,
    http::{
        auth::SentMail,
        no_store_json::NoStoreJson,
        presented_token::{AccountToken, RecentAuthentication},
        request_context,
    },
};

pub struct EmailApi {
    app: App,
}

impl EmailApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// Asks for a change of the email.
#[derive(Object)]
#[oai(example)]
struct EmailRequest {
    /// The new email of the account.
    #[oai(validator(max_length = 320))]
    email: String,
}

impl Example for EmailRequest {
    fn example() -> Self {
        Self { email: "alice@new.example.test".to_owned() }
    }
}

/// Confirms a change of the email.
#[derive(Object)]
#[oai(example)]
struct ConfirmRequest {
    /// `token` from the link in the email.
    #[oai(validator(max_length = 64))]
    token: String,
}

impl Example for ConfirmRequest {
    fn example() -> Self {
        Self { token: "Wl3bUqS2ZT0b5pZJm9eB7cQXyK4nA1sVtG8hRfLdOiM".to_owned() }
    }
}

/// The email has changed.
#[derive(Object)]
#[oai(example, read_only_all)]
struct ConfirmedEmail {
    /// The email of the account from now on.
    email: String,
}

impl Example for ConfirmedEmail {
    fn example() -> Self {
        Self { email: "alice@new.example.test".to_owned() }
    }
}

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl EmailApi {
    /// Change the email
    ///
    /// Needs a sign-in within the last 15 minutes, by the second factor if there is one. Sends a link to the new
    /// email and a notice to the old one. Nothing changes before the person, signed in, uses the link: on its page or at
    /// `/api/account/email/confirm`. The answer is the same if another account has the new email: then its owner gets
    /// another email.
    #[oai(path = "/email", method = "post", operation_id = "email_change")]
    async fn change(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
        body: Json<EmailRequest>,
    ) -> Result<NoStoreJson<SentMail>, Problems<400, 401, 403, 429, 503>> {
        count_change(&self.app, &token).await?;
        let context = request_context(&self.app, request);
        email_change::request(&self.app, token.principal(), &body.0.email, &context).await?;
        Ok(NoStoreJson(SentMail { sent: true }))
    }

    /// Confirm the new email
    ///
    /// Takes the token of the link in the email, once, and an access token of the same account. Needs a sign-in within the
    /// last 15 minutes, by the second factor if there is one. Then the account has the new email, and a notice goes to the
    /// old one.
    #[oai(path = "/email/confirm", method = "post", operation_id = "email_confirm")]
    async fn confirm(
        &self,
        request: &Request,
        token: AccountToken<RecentAuthentication>,
        body: Json<ConfirmRequest>,
    ) -> Result<NoStoreJson<ConfirmedEmail>, Problems<400, 401, 403, 429, 503>> {
        count_change(&self.app, &token).await?;
        let email = email_change::confirm(
            &self.app,
            token.principal(),
            &body.0.token,
            &request_context(&self.app, request),
        )
        .await?;
        Ok(NoStoreJson(ConfirmedEmail { email }))
    }
}
