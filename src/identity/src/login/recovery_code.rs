//! Defines the login method `recovery-code`: ten codes that the user keeps on paper. Each code replaces a
//! lost device once.
//!
//! A code is 50 random bits and stored as a MAC under a server key: a stolen table does not allow an offline
//! search. A new set of codes ends the set before. The codes belong to a possession factor and are removed
//! with it.

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
    Challenge, ChallengeResponse, Context, LoginError, LoginMethod, Proof,
    credential_change::CredentialChange, policy::Factor,
};
use crate::{
    app::App,
    audit::Event,
    core::RequestContext,
    grants::EndCause,
    links::owner_notice::{self, NoticeDetails},
    sessions::Principal,
    users::User,
};

const KIND: &str = "recovery-code";
/// Codes in a set.
const COUNT: usize = 10;
/// Characters of a code; displayed in two halves.
const LENGTH: usize = 10;
/// Crockford's base 32: no letter that is easily confused with another letter or a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

pub struct RecoveryCodeMethod;

#[async_trait]
impl LoginMethod for RecoveryCodeMethod {
    fn name(&self) -> &'static str {
        KIND
    }

    fn amr(&self) -> &'static [&'static str] {
        &["otp"]
    }

    fn factor(&self) -> Factor {
        Factor::RecoveryCode
    }

    fn requires_challenge(&self) -> bool {
        false
    }

    fn enrolment_statement(&self, user_id: Uuid) -> Option<SelectStatement> {
        Some(unused_codes_statement(user_id).into_query())
    }

    async fn begin(&self, _: &Context<'_>, _: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(Challenge::default())
    }

    async fn verify(
        &self,
        cx: &Context<'_>,
        _: &Challenge,
        answer: &ChallengeResponse,
    ) -> Result<Proof, LoginError> {
        let user = cx.user.ok_or(LoginError::ResponseRejected)?;
        let typed = answer.code.as_deref().and_then(normalise).ok_or(LoginError::ResponseRejected)?;
        let code = mac(cx.app, user.id, &typed);
        let code = Column::CodeMac.eq(code);
        let found = unused_codes_statement(user.id).filter(code.clone()).one(cx.app.db.reader()).await?;
        found.ok_or(LoginError::ResponseRejected)?;
        let use_code_statement = recovery_codes::Entity::update_many()
            .col_expr(Column::UsedAt, Expr::value(cx.context.now))
            .filter(Column::UserId.eq(user.id))
            .filter(code)
            .filter(Column::UsedAt.is_null())
            .into_query();
        let notice = owner_notice::prepare(
            cx.app,
            &cx.app.templates,
            user,
            NoticeDetails::new("recovery-code-used", cx.context),
        )?;
        Ok(Proof { consume_statement: Some(use_code_statement), notice: Some(notice), ..Proof::default() })
    }
}

fn unused_codes_statement(user_id: Uuid) -> Select<recovery_codes::Entity> {
    recovery_codes::Entity::find().filter(Column::UserId.eq(user_id)).filter(Column::UsedAt.is_null())
}

/// Number of unused codes of the account.
pub async fn remaining(app: &App, user: &User) -> Result<usize, DatabaseError> {
    Ok(unused_codes_statement(user.id).all(app.db.reader()).await?.len())
}

/// How many codes an account has left, and whether the owner has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryCodeStatus {
    /// Number of unused codes.
    pub unused: usize,
    /// Whether the owner said that the set is kept, or has used a code of it.
    pub kept: bool,
}

pub async fn status(app: &App, user: &User) -> Result<RecoveryCodeStatus, DatabaseError> {
    let set = recovery_codes::Entity::find().filter(Column::UserId.eq(user.id)).all(app.db.reader()).await?;
    Ok(RecoveryCodeStatus {
        unused: set.iter().filter(|code| code.used_at.is_none()).count(),
        kept: set.iter().any(|code| code.kept_at.is_some() || code.used_at.is_some()),
    })
}

/// A new set of codes, which exists in plain text only here.
pub struct NewRecoveryCodes {
    pub codes: Vec<String>,
    /// Names the set among those of the account.
    pub created_at: Timestamp,
}

/// Records that the owner keeps the codes of the set that was made at this time. A set that was replaced meanwhile is not
/// marked.
pub async fn mark_kept(
    app: &App,
    principal: Principal<'_>,
    created_at: Timestamp,
    context: &RequestContext,
) -> Result<(), LoginError> {
    principal
        .write(app, context, async |write, user| {
            recovery_codes::Entity::update_many()
                .col_expr(Column::KeptAt, Expr::value(write.now()))
                .filter(Column::UserId.eq(user.id))
                .filter(Column::CreatedAt.eq(created_at))
                .filter(Column::KeptAt.is_null())
                .exec(write)
                .await?;
            Ok(())
        })
        .await
}

/// Replaces the account's codes by a new set, bound to the possession factor `device`, and notifies the
/// account's owner by mail. The codes are returned here only; the database has their MACs.
pub async fn replace_set(
    app: &App,
    change: CredentialChange<'_>,
    device: Uuid,
) -> Result<NewRecoveryCodes, LoginError> {
    let CredentialChange { principal, context, .. } = change;
    let (user, now) = (principal.user, app.clock.now());
    let codes: Vec<String> = (0..COUNT).map(|_| draw(app)).collect();
    let rows: Vec<_> = codes.iter().map(|code| row(app, user, device, code, now)).collect();
    let notice =
        owner_notice::prepare(app, &app.templates, user, NoticeDetails::new("recovery-codes", context))?;
    principal
        .write_exclusive(app, context, async |write, user| -> Result<(), LoginError> {
            recovery_codes::Entity::delete_many().filter(Column::UserId.eq(user.id)).exec(write).await?;
            recovery_codes::Entity::insert_many(rows).exec_without_returning(write).await?;
            let event = Event::new("credential.enrolled").user(user.id);
            event.details(json!({ "method": KIND })).record(write).await?;
            change.end_others(write, EndCause::CredentialChanged).await?;
            notice.enqueue(write).await?;
            Ok(())
        })
        .await?;
    let codes = codes.iter().map(|code| format!("{}-{}", &code[..LENGTH / 2], &code[LENGTH / 2..])).collect();
    Ok(NewRecoveryCodes { codes, created_at: now })
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
        created_at: now,
        used_at: None,
        kept_at: None,
    };
    row.into()
}

fn mac(app: &App, user_id: Uuid, code: &str) -> Vec<u8> {
    app.vault.mac(&[b"recovery code", user_id.as_bytes(), code.as_bytes()])
}

/// The code in its stored spelling: case, spaces and hyphens are ignored, and letters that look like a digit
/// become that digit.
fn normalise(typed: &str) -> Option<String> {
    // No spelling of a code is longer.
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
