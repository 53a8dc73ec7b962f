//! Defines the table `guesses`: the login throttle: failed logins of one account, by one known device or
//! by all unknown devices together.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "guesses")]
pub struct Model {
    /// Hash of the identifier and of the kind of secret that is guessed (password, sent code, second factor).
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Vec<u8>,
    /// Hash that names the known device; empty for all unknown devices together.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device: Vec<u8>,
    /// Failures so far. A guess counts before it is judged, and is refunded when it is right.
    pub made: i32,
    /// Guesses that were refused unjudged in the current delay. Only the first one is audited.
    pub refused: i32,
    /// The next guess is judged from then on.
    pub free_at: Timestamp,
    /// The row counts as absent from then on.
    pub forget_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
