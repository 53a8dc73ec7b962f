//! Answers which users exist and whether a user may sign in or have tokens.
//!
//! Owns the canonical form of an email ([`Email`]) and the locks of a user's row. Leaves changes by operators
//! to `administration::users`, and changes by users to `accounts`.

use postern_entities::users;
use postern_service::{
    clock::Timestamp,
    database::{Database, DatabaseError, Transaction},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _,
    UpdateMany,
    sea_query::{Expr, SelectStatement},
};
use uuid::Uuid;

/// An end user, with a row in `users`.
pub type User = users::Model;

/// Whether tokens may be issued to this user and used: the account is neither disabled nor closed. Sessions
/// and grants ask this function, and all tokens depend on them.
pub fn may_get_tokens(user: &User) -> bool {
    user.disabled_at.is_none() && user.deletion_at.is_none()
}

/// [`may_get_tokens`] as a condition on a row `u` of users.
pub(crate) const MAY_GET_TOKENS: &str = "u.disabled_at IS NULL AND u.deletion_at IS NULL";

/// Whether a user closed the account and may still restore it, as a condition on a row `u` of users.
pub(crate) const MAY_RESTORE: &str = "u.disabled_at IS NULL AND u.deletion_at IS NOT NULL";

/// Whether somebody may authenticate as this user. The owner of a closed account may, until its deletion, in
/// order to restore it. A disabled account accepts no authentication, and does not reveal to its owner that
/// it is disabled.
pub fn may_sign_in(user: &User, now: Timestamp) -> bool {
    user.disabled_at.is_none() && user.deletion_at.is_none_or(|end| end > now)
}

/// The user with this email, disabled or not.
pub async fn find_by_email(db: &impl ConnectionTrait, email: &Email) -> Result<Option<User>, DatabaseError> {
    Ok(users::Entity::find().filter(users::Column::Email.eq(email.as_str())).one(db).await?)
}

pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<User>, DatabaseError> {
    Ok(users::Entity::find_by_id(id).one(db).await?)
}

/// Locks a user exclusively until the write ends. Of two changes to a user's credentials, the second sees the
/// first. A write for the user's sessions and grants is ordered before or after it ([`sessions::Principal`]).
///
/// [`sessions::Principal`]: crate::sessions::Principal
pub async fn lock(tx: &Transaction, id: Uuid) -> Result<(), DatabaseError> {
    users::Entity::find_by_id(id).lock_exclusive().one(tx).await?;
    Ok(())
}

/// [`lock`] of two users, always in the same order, so that two such writes cannot deadlock.
pub async fn lock_all(tx: &Transaction, ids: [Uuid; 2]) -> Result<(), DatabaseError> {
    let locked = users::Entity::find().filter(users::Column::Id.is_in(ids));
    locked.order_by_asc(users::Column::Id).lock_exclusive().all(tx).await?;
    Ok(())
}

/// Reads the user under a shared lock until the write ends, so that what was decided from the row stays true.
pub fn lock_user_shared_statement(id: Uuid) -> SelectStatement {
    users::Entity::find_by_id(id).lock_shared().into_query()
}

/// Reads the user under an exclusive lock, for a write that changes the user.
pub fn lock_user_statement(id: Uuid) -> SelectStatement {
    users::Entity::find_by_id(id).lock_exclusive().into_query()
}

/// Stores the language of mails to the user, for a write that holds the user's row.
pub fn set_language_statement(id: Uuid, language: &str) -> UpdateMany<users::Entity> {
    users::Entity::update_many()
        .col_expr(users::Column::Language, Expr::value(language))
        .filter(users::Column::Id.eq(id))
}

/// Stores the language of mails to the user.
pub async fn set_language(db: &Database, id: Uuid, language: &str) -> Result<(), DatabaseError> {
    let spoken = set_language_statement(id, language);
    db.write(async |tx| Ok::<_, DatabaseError>(spoken.exec(tx).await.map(|_| ())?)).await
}

/// The user with this `sub`.
pub async fn find_by_subject(
    db: &impl ConnectionTrait,
    subject: Uuid,
) -> Result<Option<User>, DatabaseError> {
    Ok(users::Entity::find().filter(users::Column::Subject.eq(subject)).one(db).await?)
}

/// At most `limit` users in the order of their emails, after the email `after`.
pub async fn list(
    db: &impl ConnectionTrait,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<User>, DatabaseError> {
    let query = users::Entity::find().order_by_asc(users::Column::Email).limit(limit);
    let query = match after {
        Some(email) => query.filter(users::Column::Email.gt(email)),
        None => query,
    };
    Ok(query.all(db).await?)
}

/// An email in its canonical form, in which it is stored, looked up and rate-limited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

/// The text is not an acceptable email.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an email address such as name@example.com")]
pub struct InvalidEmail;

impl Email {
    /// Trims, lower-cases and checks an email (RFC 5321 section 4.1.2, the dot-string form only).
    ///
    /// Quoted local parts, comments, address literals and non-ASCII characters are refused: they can make one
    /// recipient look like another.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim_matches([' ', '\t']);
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        let local_fits = (1..=64).contains(&local.len())
            && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(atext));
        let domain_fits = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(valid_label);
        if local_fits && domain_fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(InvalidEmail) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `atext` (RFC 5322 section 3.2.3).
fn atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// A host name label (RFC 1035 section 2.3.1), which may begin with a digit (RFC 1123 section 2.1).
fn valid_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn an_address_has_one_form() {
        assert_eq!(Email::parse(" Alice+x@Example.TEST ").unwrap().as_str(), "alice+x@example.test");
    }

    #[test]
    fn what_only_looks_like_an_address_is_refused() {
        for text in [
            "",
            "a",
            "@b.test",
            "a@",
            "a@b",
            "a@b.test.",
            "a..b@c.test",
            ".a@b.test",
            "a@@b.test",
            "a@b.test,c@d.test",
            "\"a b\"@c.test",
            "a(x)@b.test",
            "a@[127.0.0.1]",
            "a\u{ff20}evil.test",
            "a@b.test\r\nBcc: c@d.test",
            "a@-b.test",
            "ä@b.test",
            "a@bücher.test",
            "a b@c.test",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@b.test", "a".repeat(65))).is_err());
    }
}
