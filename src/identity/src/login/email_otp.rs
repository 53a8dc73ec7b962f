//! Defines the login method `email-otp`: a one-time code by mail to the account's email.
//!
//! A right code proves that the user reads the mailbox, so a sign-in by this method verifies the email. The
//! code itself is [`sent_code`]'s.

use async_trait::async_trait;

use super::{
    Challenge, ChallengeResponse, Context, LoginError, LoginMethod, Proof,
    policy::Factor,
    sent_code::{self, Channel},
};
use crate::{app::App, users::User};

pub struct EmailOtpMethod;

#[async_trait]
impl LoginMethod for EmailOtpMethod {
    fn name(&self) -> &'static str {
        "email-otp"
    }

    fn amr(&self) -> &'static [&'static str] {
        &["otp"]
    }

    fn factor(&self) -> Factor {
        Factor::OutOfBand
    }

    fn available(&self, app: &App) -> bool {
        app.mailer.delivers()
    }

    fn proves_email(&self) -> bool {
        true
    }

    async fn begin(&self, cx: &Context<'_>, _user: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(sent_code::challenge_with_job(cx, Channel::Email))
    }

    async fn verify(
        &self,
        cx: &Context<'_>,
        challenge: &Challenge,
        answer: &ChallengeResponse,
    ) -> Result<Proof, LoginError> {
        if sent_code::response_matches(cx, challenge, answer) {
            Ok(Proof::default())
        } else {
            Err(LoginError::ResponseRejected)
        }
    }
}
