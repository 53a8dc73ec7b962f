//! Work to do after the answer: mail, webhooks.

use sea_orm::entity::prelude::*;

/// Work to do after the answer: mail, webhooks.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// Row identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Which job.
    pub kind: String,
    /// Its input; erased when done.
    pub payload_sealed: Option<Vec<u8>>,
    /// Not before.
    pub run_at: i64,
    /// Runs begun.
    pub attempts: i32,
    /// A node works on it until then.
    pub leased_until: Option<i64>,
    /// Done or given up.
    pub finished_at: Option<i64>,
    /// Why the last run failed, without secrets.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: i64,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
