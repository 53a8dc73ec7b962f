//! Defines `recovery-code`: ten codes that a person keeps on paper, each standing in once for a device that is lost.
//!
//! A code is 50 random bits, kept as a MAC under a server key, so that ten guesses at a stolen table are no better than
//! ten guesses at the door. A new set ends the one before.

use async_trait::async_trait;
use postern_entities::recovery_codes::{self, Column};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryTrait as _, Select,
    sea_query::{Expr, SelectStatement},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Answer, Challenge, Context, LoginError, LoginMethod, Proof,
    credential_change::{CREDENTIAL_CHANGED, CredentialChange},
    policy::Factor,
};
use crate::{app::App, audit::Event, mail, users::User};

const KIND: &str = "recovery-code";
/// Codes of a set.
const COUNT: usize = 10;
/// Characters of a code, in two halves when shown.
const LENGTH: usize = 10;
/// Crockford's base 32: no letter that is taken for another one or for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The method `recovery-code`.
pub struct RecoveryCode;

#[async_trait]
impl LoginMethod for RecoveryCode {
    fn name(&self) -> &'static str {
        KIND
    }

    fn amr(&self) -> &'static [&'static str] {
        &["otp"]
    }

    fn kind(&self) -> Factor {
        Factor::Recovers
    }

    fn challenges(&self) -> bool {
        false
    }

    fn enrolment(&self, user_id: Uuid) -> Option<SelectStatement> {
        Some(unused(user_id).into_query())
    }

    async fn begin(&self, _: &Context<'_>, _: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(Challenge::default())
    }

    async fn verify(&self, cx: &Context<'_>, _: &Challenge, answer: &Answer) -> Result<Proof, LoginError> {
        let user = cx.user.ok_or(LoginError::Refused)?;
        let typed = answer.code.as_deref().and_then(normalise).ok_or(LoginError::Refused)?;
        let code = mac(cx.app, user.id, &typed);
        let code = Column::CodeMac.eq(code);
        let found = unused(user.id).filter(code.clone()).one(cx.app.db.reader()).await?;
        found.ok_or(LoginError::Refused)?;
        let using = recovery_codes::Entity::update_many()
            .col_expr(Column::UsedAt, Expr::value(cx.now.micros()))
            .filter(Column::UserId.eq(user.id))
            .filter(code)
            .filter(Column::UsedAt.is_null())
            .into_query();
        let notice = mail::notice(cx.app, user, "recovery-code-used")?;
        Ok(Proof { consumes: Some(using), notice: Some(notice), ..Proof::default() })
    }
}

fn unused(user_id: Uuid) -> Select<recovery_codes::Entity> {
    recovery_codes::Entity::find().filter(Column::UserId.eq(user_id)).filter(Column::UsedAt.is_null())
}

/// How many codes of the account still work.
pub async fn left(app: &App, user: &User) -> Result<usize, DatabaseError> {
    Ok(unused(user.id).all(app.db.reader()).await?.len())
}

/// Makes a new set, which exists nowhere else, for a device that is set up: it goes with it. The set before ends, and
/// the account is told by mail.
pub async fn renew(app: &App, change: CredentialChange<'_>, device: Uuid) -> Result<Vec<String>, LoginError> {
    let CredentialChange { principal, origin, .. } = change;
    let (user, now) = (principal.user, app.clock.now());
    let codes: Vec<String> = (0..COUNT).map(|_| draw(app)).collect();
    let rows: Vec<_> = codes.iter().map(|code| row(app, user, device, code, now)).collect();
    let notice = mail::notice(app, user, "recovery-codes")?;
    principal
        .write_exclusive(app, async |tx, user| -> Result<(), LoginError> {
            recovery_codes::Entity::delete_many().filter(Column::UserId.eq(user.id)).exec(tx).await?;
            recovery_codes::Entity::insert_many(rows).exec_without_returning(tx).await?;
            let event = Event::new("credential.enrolled").user(user.id);
            event.details(json!({ "method": KIND })).record(app, tx, origin, now).await?;
            change.end_others(app, tx, CREDENTIAL_CHANGED, now).await?;
            notice.enqueue(tx).await?;
            Ok(())
        })
        .await?;
    app.jobs.wake();
    Ok(codes.into_iter().map(|code| format!("{}-{}", &code[..LENGTH / 2], &code[LENGTH / 2..])).collect())
}

fn draw(app: &App) -> String {
    let bytes = app.random.bytes::<LENGTH>();
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

fn row(app: &App, user: &User, device: Uuid, code: &str, now: Timestamp) -> recovery_codes::ActiveModel {
    let row = recovery_codes::Model {
        user_id: user.id,
        code_mac: mac(app, user.id, code),
        credential_id: device,
        created_at: now.micros(),
        used_at: None,
    };
    row.into()
}

fn mac(app: &App, user_id: Uuid, code: &str) -> Vec<u8> {
    app.vault.mac(&[b"recovery code", user_id.as_bytes(), code.as_bytes()])
}

/// A typed code as it was made: case, spaces and hyphens do not count, and letters that look like a digit are one.
fn normalise(typed: &str) -> Option<String> {
    // Longer than any spelling of a code.
    if typed.len() > 64 {
        return None;
    }
    let letters = typed.chars().filter(|c| !matches!(c, ' ' | '\t' | '\u{a0}' | '-'));
    let code: String = letters
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            c => c,
        })
        .collect();
    (code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte))).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn codes_are_read_as_people_copy_them_from_paper() {
        assert_eq!(normalise("7K2mQ-0Xv9D").as_deref(), Some("7k2mq0xv9d"));
        assert_eq!(normalise(" 7k2mq oxv9d ").as_deref(), Some("7k2mq0xv9d"));
        for typed in ["", "7k2mq-0xv9", "7k2mq-0xv9d1", "7k2mq-0xv9u", "7k2mq-0xv9ä"] {
            assert_eq!(normalise(typed), None, "{typed}");
        }
    }
}
