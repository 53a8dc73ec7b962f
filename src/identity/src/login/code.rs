//! Defines the login method `code`: a one-time code that reaches the user without the provider's mail server.
//!
//! The setting `login.code_delivery` chooses the channel: posted to the operator's gateway, written to the
//! terminal of the node that took the request, or made by an operator and handed over. An operator's code
//! ([`create_operator_code`]) works with every channel. Such a code is bound to its user instead of an
//! attempt, works once, and expires after `login.code_lifetime`. Guesses at the code are limited by the tries
//! of each attempt and by the login throttle of the account.

use async_trait::async_trait;
use postern_entities::operator_codes;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryTrait as _,
    sea_query::{Expr, UpdateStatement},
};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::{
    Challenge, ChallengeResponse, Context, LoginError, LoginMethod, Proof,
    policy::Factor,
    sent_code::{self, Channel, DIGITS},
};
use crate::{
    app::App,
    audit::Event,
    config::{CodeDelivery, Config},
    core::{RequestContext, Write},
    crypto,
    outbound::{self, OutboundError},
    users::User,
};

pub struct CodeMethod;

#[async_trait]
impl LoginMethod for CodeMethod {
    fn name(&self) -> &'static str {
        "code"
    }

    fn amr(&self) -> &'static [&'static str] {
        &["otp"]
    }

    fn factor(&self) -> Factor {
        Factor::OutOfBand
    }

    fn available(&self, app: &App) -> bool {
        let settings = &app.config.login;
        match settings.code_delivery {
            CodeDelivery::Webhook => {
                settings.code_webhook_url.is_some() && settings.code_webhook_secret.is_some()
            }
            CodeDelivery::Operator | CodeDelivery::Console => true,
        }
    }

    async fn begin(&self, cx: &Context<'_>, _user: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(match cx.app.config.login.code_delivery {
            CodeDelivery::Webhook => sent_code::challenge_with_job(cx, Channel::Webhook),
            CodeDelivery::Console => sent_code::challenge_with_message(cx),
            CodeDelivery::Operator => Challenge::default(),
        })
    }

    async fn verify(
        &self,
        cx: &Context<'_>,
        challenge: &Challenge,
        answer: &ChallengeResponse,
    ) -> Result<Proof, LoginError> {
        // Both checks always run, so that the time does not tell which code exists.
        let operator_code = find_operator_code(cx, answer).await?;
        if sent_code::response_matches(cx, challenge, answer) {
            return Ok(Proof::default());
        }
        let code = operator_code.ok_or(LoginError::ResponseRejected)?;
        Ok(Proof { consume_statement: Some(use_code_statement(code, cx.context.now)), ..Proof::default() })
    }
}

/// Whether codes can be posted to the URL of the settings, by the same rule that holds when they are posted.
pub fn check_webhook(config: &Config) -> Result<(), OutboundError> {
    let url = config.login.code_webhook_url.as_ref();
    match url.filter(|_| config.login.code_delivery == CodeDelivery::Webhook) {
        Some(url) => outbound::check_url(url, &config.outbound.allow_hosts),
        None => Ok(()),
    }
}

/// Uses a code of an operator, once: no row changes when the code was used or has expired.
fn use_code_statement(code: Uuid, now: Timestamp) -> UpdateStatement {
    operator_codes::Entity::update_many()
        .col_expr(operator_codes::Column::UsedAt, Expr::value(now))
        .filter(operator_codes::Column::Id.eq(code))
        .filter(operator_codes::Column::UsedAt.is_null())
        .filter(operator_codes::Column::ExpiresAt.gt(now))
        .into_query()
}

/// The unused code of an operator that equals the response.
async fn find_operator_code(
    cx: &Context<'_>,
    answer: &ChallengeResponse,
) -> Result<Option<Uuid>, DatabaseError> {
    // Without a user the same statement runs and finds nothing.
    let user_id = cx.user.map_or_else(Uuid::nil, |user| user.id);
    let live = operator_codes::Entity::find()
        .filter(operator_codes::Column::UserId.eq(user_id))
        .filter(operator_codes::Column::UsedAt.is_null())
        .filter(operator_codes::Column::ExpiresAt.gt(cx.context.now))
        .all(cx.app.db.reader())
        .await?;
    let Some(typed) = answer.code.as_deref().and_then(|code| sent_code::normalise(code, DIGITS)) else {
        return Ok(None);
    };
    let answered =
        live.iter().find(|code| crypto::constant_time_equal(&code.code_mac, &mac(cx.app, code.id, &typed)));
    Ok(answered.map(|code| code.id))
}

fn mac(app: &App, id: Uuid, code: &str) -> Vec<u8> {
    app.vault.mac(&[b"operator code", id.as_bytes(), code.as_bytes()])
}

/// A code for an operator to hand over. Only the code's MAC is stored.
pub struct NewOperatorCode {
    pub code: SecretString,
    pub expires_at: Timestamp,
}

/// Makes a code for one user; earlier codes of the same user stop working. `requested_by` names the operator
/// in the audit event.
pub async fn create_operator_code(
    app: &App,
    user: &User,
    requested_by: &str,
    context: &RequestContext,
) -> Result<NewOperatorCode, DatabaseError> {
    let now = context.now;
    let code = app.random.digits(DIGITS);
    let id = app.random.row_id(now);
    let expires_at = now + app.config.login.code_lifetime.duration();
    let row = operator_codes::Model {
        id,
        user_id: user.id,
        code_mac: mac(app, id, &code),
        created_at: now,
        expires_at,
        used_at: None,
    };
    app.write(context, async |write| {
        end_earlier_codes(write, user.id).await?;
        let row: operator_codes::ActiveModel = row.into();
        operator_codes::Entity::insert(row).exec_without_returning(write).await?;
        Event::new("login.operator_code_created")
            .user(user.id)
            .details(json!({ "by": requested_by }))
            .record(write)
            .await
    })
    .await?;
    Ok(NewOperatorCode { code: code.into(), expires_at })
}

async fn end_earlier_codes(write: &Write<'_>, user_id: Uuid) -> Result<(), DatabaseError> {
    operator_codes::Entity::update_many()
        .col_expr(operator_codes::Column::UsedAt, Expr::value(write.now()))
        .filter(operator_codes::Column::UserId.eq(user_id))
        .filter(operator_codes::Column::UsedAt.is_null())
        .exec(write)
        .await?;
    Ok(())
}
