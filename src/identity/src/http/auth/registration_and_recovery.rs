//! Defines the part of the first-party API for registration, email verification and password reset. Leaves
//! the rules to `accounts::registration` and `accounts::recovery`.

use poem::Request;
use poem_openapi::{Object, OpenApi, types::Example};
use postern_service::{body::Json, problem::Problems};

use super::{super::no_store_json::NoStoreJson, caller::Caller};
use crate::{
    App,
    accounts::{
        self, recovery,
        registration::{self, RegistrationRequest},
    },
    claims::Profile,
    http::claims::RegistrationProfile,
};

pub struct RegistrationAndRecoveryApi {
    app: App,
}

impl RegistrationAndRecoveryApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// Asks for an account.
#[derive(Default, Object)]
#[oai(example)]
struct RegisterRequest {
    /// The `client_id` of the app that calls.
    client_id: String,
    /// The email, by which the person signs in.
    #[oai(validator(max_length = 320))]
    email: String,
    /// The password: 15 to 256 characters of any kind, hard to guess.
    #[oai(validator(max_length = 4096))]
    password: String,
    #[oai(flatten)]
    profile: RegistrationProfile,
}

impl Example for RegisterRequest {
    fn example() -> Self {
        Self {
            client_id: "tasks-web".to_owned(),
            email: "carol@example.test".to_owned(),
            password: "seven brass lamps upstream".to_owned(),
            profile: RegistrationProfile(Profile::with_name(Some("Carol Clark"))),
        }
    }
}

/// Uses the mailed link of a registration.
#[derive(Object)]
#[oai(example)]
struct VerifyEmailRequest {
    /// The `client_id` of the app that calls.
    client_id: String,
    /// `token` from the link.
    #[oai(validator(max_length = 64))]
    token: String,
    /// The password that the registration began with. It is needed if the registration began on a page of this service,
    /// and wise unless this very device began it: the link may come from a stranger who typed the person's address.
    #[oai(validator(max_length = 4096))]
    password: Option<String>,
}

impl Example for VerifyEmailRequest {
    fn example() -> Self {
        Self {
            client_id: "tasks-web".to_owned(),
            token: "Wl3bUqS2ZT0b5pZJm9eB7cQXyK4nA1sVtG8hRfLdOiM".to_owned(),
            password: Some("seven brass lamps upstream".to_owned()),
        }
    }
}

/// Asks for an email with a link.
#[derive(Object)]
#[oai(example)]
struct MailRequest {
    /// The `client_id` of the app that calls.
    client_id: String,
    /// The email of the registration.
    #[oai(validator(max_length = 320))]
    email: String,
}

impl Example for MailRequest {
    fn example() -> Self {
        Self { client_id: "tasks-web".to_owned(), email: "alice@example.test".to_owned() }
    }
}

/// Asks for an email with a link to set a new password.
#[derive(Object)]
#[oai(example)]
struct ForgotRequest {
    /// The `client_id` of the app that calls.
    client_id: String,
    /// The email of the account.
    #[oai(validator(max_length = 320))]
    email: String,
    /// `device` from the answer to an earlier sign-in. Strangers cannot use up the emails of a device that the account knows.
    #[oai(validator(max_length = 64))]
    device: Option<String>,
}

impl Example for ForgotRequest {
    fn example() -> Self {
        let MailRequest { client_id, email } = MailRequest::example();
        Self { client_id, email, device: None }
    }
}

/// Sets a new password.
#[derive(Object)]
#[oai(example)]
struct ResetRequest {
    /// The `client_id` of the app that calls.
    client_id: String,
    /// `token` from the link.
    #[oai(validator(max_length = 64))]
    token: String,
    /// The new password of the account.
    #[oai(validator(max_length = 4096))]
    password: String,
}

impl Example for ResetRequest {
    fn example() -> Self {
        let VerifyEmailRequest { client_id, token, .. } = VerifyEmailRequest::example();
        Self { client_id, token, password: "seven brass lamps upstream".to_owned() }
    }
}

/// An email is on its way, if there is somebody to write to.
#[derive(Object)]
#[oai(example, read_only_all)]
pub(in crate::http) struct SentMail {
    /// Always true, whether or not there is an account with this email.
    pub(in crate::http) sent: bool,
}

impl Example for SentMail {
    fn example() -> Self {
        Self { sent: true }
    }
}

/// The email is confirmed.
#[derive(Object)]
#[oai(example, read_only_all)]
struct VerifiedEmail {
    /// The email by which the person can sign in now.
    email: String,
}

impl Example for VerifiedEmail {
    fn example() -> Self {
        Self { email: "carol@example.test".to_owned() }
    }
}

/// The password is set.
#[derive(Object)]
#[oai(example, read_only_all)]
struct PasswordReset {
    /// Always true. Every session of the account has ended.
    changed: bool,
}

impl Example for PasswordReset {
    fn example() -> Self {
        Self { changed: true }
    }
}

#[OpenApi(prefix_path = "/api/auth", tag = "super::super::Tag::FirstParty")]
impl RegistrationAndRecoveryApi {
    /// Register an account
    ///
    /// Sends an email with a link that completes the registration. The answer is the same if there is an account with this
    /// email already: then its owner gets another email.
    #[oai(path = "/register", method = "post", operation_id = "auth_register")]
    async fn register(
        &self,
        request: &Request,
        body: Json<RegisterRequest>,
    ) -> Result<NoStoreJson<SentMail>, Problems<400, 401, 403, 429, 503>> {
        let body = body.0;
        let caller = Caller::from_client_id(&self.app, request, &body.client_id)?;
        let new = RegistrationRequest {
            email: &body.email,
            password: &body.password,
            profile: body.profile.0,
            authorization_request_id: None,
            browser_secret: None,
        };
        registration::register(&self.app, new, &caller.context).await?;
        Ok(NoStoreJson(SentMail { sent: true }))
    }

    /// Confirm the email of a registration
    ///
    /// Takes the token of the link in the email, once. Then the registration is complete, and the person can sign in. A
    /// change of email is confirmed at `/api/account/email/confirm`.
    #[oai(path = "/email/verify", method = "post", operation_id = "auth_email_verify")]
    async fn verify_email(
        &self,
        request: &Request,
        body: Json<VerifyEmailRequest>,
    ) -> Result<NoStoreJson<VerifiedEmail>, Problems<400, 401, 403, 429, 503>> {
        let body = body.0;
        let caller = Caller::from_client_id(&self.app, request, &body.client_id)?;
        let password = body.password.as_deref();
        let email = accounts::verify_email(&self.app, &body.token, password, &caller.context).await?;
        Ok(NoStoreJson(VerifiedEmail { email }))
    }

    /// Send the link of a registration again
    ///
    /// For a registration whose email is not confirmed yet. Earlier links keep working until they expire. The answer is the
    /// same for every email.
    #[oai(path = "/email/resend", method = "post", operation_id = "auth_email_resend")]
    async fn resend(
        &self,
        request: &Request,
        body: Json<MailRequest>,
    ) -> Result<NoStoreJson<SentMail>, Problems<400, 401, 403, 429, 503>> {
        let caller = Caller::from_client_id(&self.app, request, &body.0.client_id)?;
        registration::resend(&self.app, &body.0.email, None, &caller.context).await?;
        Ok(NoStoreJson(SentMail { sent: true }))
    }

    /// Send a link to set a new password
    ///
    /// The answer is the same whether or not there is an account with this email.
    #[oai(path = "/password/forgot", method = "post", operation_id = "auth_password_forgot")]
    async fn forgot(
        &self,
        request: &Request,
        body: Json<ForgotRequest>,
    ) -> Result<NoStoreJson<SentMail>, Problems<400, 401, 403, 404, 429, 503>> {
        let caller = Caller::from_client_id(&self.app, request, &body.0.client_id)?;
        let forgot = recovery::ResetRequest {
            email: &body.0.email,
            authorization_request_id: None,
            browser_secret: None,
            device_secret: body.0.device.as_deref(),
        };
        recovery::request_reset(&self.app, forgot, &caller.context).await?;
        Ok(NoStoreJson(SentMail { sent: true }))
    }

    /// Set a new password with a link
    ///
    /// Takes the token of the link in the email, once. Ends every session and grant of the account. A second factor stays,
    /// and is asked for at the next sign-in.
    #[oai(path = "/password/reset", method = "post", operation_id = "auth_password_reset")]
    async fn reset(
        &self,
        request: &Request,
        body: Json<ResetRequest>,
    ) -> Result<NoStoreJson<PasswordReset>, Problems<400, 401, 403, 404, 503>> {
        let body = body.0;
        let caller = Caller::from_client_id(&self.app, request, &body.client_id)?;
        recovery::reset(&self.app, (&body.token, &body.password), None, &caller.context).await?;
        Ok(NoStoreJson(PasswordReset { changed: true }))
    }
}
