//! Answers who the people are. Operators change them in `administration::users`.

mod profile;

use postern_entities::users;
use postern_service::{
    clock::Timestamp,
    database::{Database, DatabaseError, Transaction},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _,
    sea_query::{Expr, SelectStatement},
};
use uuid::Uuid;

pub use self::profile::{Address, Profile};

/// A person who may sign in.
pub type User = users::Model;

/// Whether tokens may be issued to this user and used by them: the account is neither disabled nor closed. Sessions and
/// grants, and through them everything else, ask this and nothing else.
pub fn may_get_tokens(user: &User) -> bool {
    user.disabled_at.is_none() && user.deletion_at.is_none()
}

/// [`may_get_tokens`] as a condition on a row `u` of users.
pub(crate) const MAY_GET_TOKENS: &str = "u.disabled_at IS NULL AND u.deletion_at IS NULL";

/// The same for who closed the account and may keep it after all.
pub(crate) const MAY_RESTORE: &str = "u.disabled_at IS NULL AND u.deletion_at IS NOT NULL";

/// Whether somebody may prove to be this user. Who closed the account may, until it is deleted, to keep it after all; a
/// disabled account is nobody's: not even its owner is told.
pub fn may_sign_in(user: &User, now: Timestamp) -> bool {
    user.disabled_at.is_none() && user.deletion_at.is_none_or(|end| end > now.micros())
}

/// The user who signs in with this address, disabled or not.
pub async fn find_by_email(db: &impl ConnectionTrait, email: &Email) -> Result<Option<User>, DatabaseError> {
    Ok(users::Entity::find().filter(users::Column::Email.eq(email.as_str())).one(db).await?)
}

/// The user with this row identifier.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<User>, DatabaseError> {
    Ok(users::Entity::find_by_id(id).one(db).await?)
}

/// Holds a user until the write ends: of two changes to what an account signs in with, the second sees the first, and
/// what is written for the user's sessions and grants comes before or after ([`sessions::Principal`]).
///
/// [`sessions::Principal`]: crate::sessions::Principal
pub async fn lock(tx: &Transaction, id: Uuid) -> Result<(), DatabaseError> {
    users::Entity::find_by_id(id).lock_exclusive().one(tx).await?;
    Ok(())
}

/// [`lock`] of several users, always in the same order.
pub async fn lock_all(tx: &Transaction, ids: [Uuid; 2]) -> Result<(), DatabaseError> {
    let locked = users::Entity::find().filter(users::Column::Id.is_in(ids));
    locked.order_by_asc(users::Column::Id).lock_exclusive().all(tx).await?;
    Ok(())
}

/// What reads the user and holds them against changes until the write ends: what follows from who they are now stays
/// true.
pub fn holding(id: Uuid) -> SelectStatement {
    users::Entity::find_by_id(id).lock_shared().into_query()
}

/// The same for a write that changes the user.
pub fn holding_to_change(id: Uuid) -> SelectStatement {
    users::Entity::find_by_id(id).lock_exclusive().into_query()
}

/// Keeps the language in which a user is told what happens to the account.
pub async fn set_language(db: &Database, id: Uuid, language: &str) -> Result<(), DatabaseError> {
    let spoken = users::Entity::update_many()
        .col_expr(users::Column::Language, Expr::value(language))
        .filter(users::Column::Id.eq(id));
    db.write(async |tx| Ok::<_, DatabaseError>(spoken.exec(tx).await.map(|_| ())?)).await
}

/// The user tokens call by this `sub`.
pub async fn find_by_subject(
    db: &impl ConnectionTrait,
    subject: Uuid,
) -> Result<Option<User>, DatabaseError> {
    Ok(users::Entity::find().filter(users::Column::Subject.eq(subject)).one(db).await?)
}

/// At most `limit` users in the order of their addresses, those after `after`.
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

/// An email address in the one form in which it is stored, looked up and counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

/// Why a text is not an address here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an email address such as name@example.com")]
pub struct NotAnEmail;

impl Email {
    /// Trims, lower-cases and checks an address (RFC 5321 section 4.1.2, the dot-string form only).
    ///
    /// Quoted local parts, comments, address literals and anything but ASCII are refused: they are
    /// how one recipient is made to look like another.
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let text = text.trim_matches([' ', '\t']);
        let (local, domain) = text.split_once('@').ok_or(NotAnEmail)?;
        let local_fits = (1..=64).contains(&local.len())
            && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(atom_text));
        let domain_fits = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label);
        if local_fits && domain_fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(NotAnEmail) }
    }

    /// The normalised address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 5322 section 3.2.3.
fn atom_text(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// RFC 1035 section 2.3.1, digits first allowed (RFC 1123 section 2.1).
fn label(label: &str) -> bool {
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
