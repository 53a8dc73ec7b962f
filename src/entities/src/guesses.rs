//! Guesses at one account, by one device that it knows or by all others together.

use sea_orm::entity::prelude::*;

/// Guesses at one account, by one device that it knows or by all others together.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "guesses")]
pub struct Model {
    /// Hash of the address and of what is guessed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Vec<u8>,
    /// Hash that names the device; empty for all that the account does not know.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device: Vec<u8>,
    /// Guesses that were looked at.
    pub made: i32,
    /// Guesses that were refused since the last one that was looked at.
    pub refused: i32,
    /// The next one is looked at from then on.
    pub free_at: i64,
    /// All are forgotten from then on.
    pub forget_at: i64,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
