//! Defines `code`: a code that reaches the person without our mail server.
//!
//! How it does is `login.code_delivery`: posted to the operator's gateway, written to the terminal of
//! the node that took the request, or made by an operator and handed over. An operator's code
//! ([`create_operator_code`]) works whatever the delivery is: bound to its user instead of an attempt,
//! once, for `login.code_lifetime`. Guesses at it are limited by the tries of each attempt and by the
//! failures allowed per account.

use async_trait::async_trait;
use postern_entities::operator_codes;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryTrait as _,
    sea_query::{Expr, UpdateStatement},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Answer, Challenge, Context, LoginError, LoginMethod, Proof,
    policy::Factor,
    sent_code::{self, Channel, DIGITS},
};
use crate::{
    app::App,
    audit::{Event, Origin},
    config::{CodeDelivery, Config},
    crypto,
    outbound::{self, OutboundError},
    users::User,
};

/// The method `code`.
pub struct Code;

#[async_trait]
impl LoginMethod for Code {
    fn name(&self) -> &'static str {
        "code"
    }

    fn amr(&self) -> &'static [&'static str] {
        &["otp"]
    }

    fn kind(&self) -> Factor {
        Factor::Reads
    }

    fn ready(&self, app: &App) -> bool {
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
            CodeDelivery::Webhook => sent_code::make(cx, Channel::Webhook),
            CodeDelivery::Console => sent_code::make_message(cx),
            CodeDelivery::Operator => Challenge::default(),
        })
    }

    async fn verify(
        &self,
        cx: &Context<'_>,
        challenge: &Challenge,
        answer: &Answer,
    ) -> Result<Proof, LoginError> {
        // Both are looked at in every case, so that nothing shows which of them exists.
        let by_operator = operator_code(cx, answer).await?;
        if sent_code::answers(cx, challenge, answer) {
            return Ok(Proof::default());
        }
        let code = by_operator.ok_or(LoginError::Refused)?;
        Ok(Proof { consumes: Some(using(code, cx.now)), ..Proof::default() })
    }
}

/// Whether codes can be posted to where the settings say, by the rule that holds when they are.
pub fn check_webhook(config: &Config) -> Result<(), OutboundError> {
    let url = config.login.code_webhook_url.as_ref();
    match url.filter(|_| config.login.code_delivery == CodeDelivery::Webhook) {
        Some(url) => outbound::permitted(url, &config.outbound.allow_hosts),
        None => Ok(()),
    }
}

/// What uses a code of an operator, once.
fn using(code: Uuid, now: Timestamp) -> UpdateStatement {
    operator_codes::Entity::update_many()
        .col_expr(operator_codes::Column::UsedAt, Expr::value(now.micros()))
        .filter(operator_codes::Column::Id.eq(code))
        .filter(operator_codes::Column::UsedAt.is_null())
        .filter(operator_codes::Column::ExpiresAt.gt(now.micros()))
        .into_query()
}

/// The live code of an operator that the answer is.
async fn operator_code(cx: &Context<'_>, answer: &Answer) -> Result<Option<Uuid>, DatabaseError> {
    // For nobody the same statement runs, and finds nothing.
    let user_id = cx.user.map_or_else(Uuid::nil, |user| user.id);
    let live = operator_codes::Entity::find()
        .filter(operator_codes::Column::UserId.eq(user_id))
        .filter(operator_codes::Column::UsedAt.is_null())
        .filter(operator_codes::Column::ExpiresAt.gt(cx.now.micros()))
        .all(cx.app.db.reader())
        .await?;
    let Some(typed) = answer.code.as_deref().and_then(|code| sent_code::normalise(code, DIGITS)) else {
        return Ok(None);
    };
    let answered = live.iter().find(|code| crypto::equal(&code.code_mac, &mac(cx.app, code.id, &typed)));
    Ok(answered.map(|code| code.id))
}

fn mac(app: &App, id: Uuid, code: &str) -> Vec<u8> {
    app.vault.mac(&[b"operator code", id.as_bytes(), code.as_bytes()])
}

/// A code to hand over; it exists nowhere else.
pub struct NewOperatorCode {
    /// The code.
    pub code: String,
    /// Its end.
    pub expires_at: Timestamp,
}

/// Makes a code for one user; earlier ones of the same user stop working. `by` names who asked for it
/// in the audit record.
pub async fn create_operator_code(
    app: &App,
    user: &User,
    by: &str,
    origin: &Origin,
) -> Result<NewOperatorCode, DatabaseError> {
    let now = app.clock.now();
    let code = app.random.digits(DIGITS);
    let id = app.random.row_id(now);
    let expires_at = now + app.config.login.code_lifetime.duration();
    let row = operator_codes::Model {
        id,
        user_id: user.id,
        code_mac: mac(app, id, &code),
        created_at: now.micros(),
        expires_at: expires_at.micros(),
        used_at: None,
    };
    app.db
        .write(async |tx| {
            replace_earlier(tx, user.id, now).await?;
            let row: operator_codes::ActiveModel = row.into();
            operator_codes::Entity::insert(row).exec_without_returning(tx).await?;
            Event::new("login.operator_code_created")
                .user(user.id)
                .details(json!({ "by": by }))
                .record(app, tx, origin, now)
                .await
        })
        .await?;
    Ok(NewOperatorCode { code, expires_at })
}

async fn replace_earlier(tx: &Transaction, user_id: Uuid, now: Timestamp) -> Result<(), DatabaseError> {
    operator_codes::Entity::update_many()
        .col_expr(operator_codes::Column::UsedAt, Expr::value(now.micros()))
        .filter(operator_codes::Column::UserId.eq(user_id))
        .filter(operator_codes::Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}
