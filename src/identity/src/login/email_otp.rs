//! Defines `email-otp`: a code sent to the account's address by mail.

use async_trait::async_trait;

use super::{
    Answer, Challenge, Context, LoginError, LoginMethod, Proof,
    policy::Factor,
    sent_code::{self, Channel},
};
use crate::{app::App, users::User};

/// The method `email-otp`.
pub struct EmailOtp;

#[async_trait]
impl LoginMethod for EmailOtp {
    fn name(&self) -> &'static str {
        "email-otp"
    }

    fn amr(&self) -> &'static [&'static str] {
        &["otp"]
    }

    fn kind(&self) -> Factor {
        Factor::Reads
    }

    fn ready(&self, app: &App) -> bool {
        app.mailer.delivers()
    }

    fn proves_email(&self) -> bool {
        true
    }

    async fn begin(&self, cx: &Context<'_>, _user: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(sent_code::make(cx, Channel::Email))
    }

    async fn verify(
        &self,
        cx: &Context<'_>,
        challenge: &Challenge,
        answer: &Answer,
    ) -> Result<Proof, LoginError> {
        if sent_code::answers(cx, challenge, answer) {
            Ok(Proof::default())
        } else {
            Err(LoginError::Refused)
        }
    }
}
