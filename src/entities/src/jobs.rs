//! Defines the table `jobs`: a job that runs after the response, such as a mail or a webhook.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Name under which the owner of the job registered it.
    pub kind: String,
    /// Input of the job; erased when the job has ended.
    pub payload_sealed: Option<Vec<u8>>,
    /// Earliest start of the next run.
    pub run_at: Timestamp,
    /// Runs that were begun.
    pub attempts: i32,
    /// Until then the job belongs to the node that runs it.
    pub leased_until: Option<Timestamp>,
    /// Set when the job succeeded or was given up.
    pub finished_at: Option<Timestamp>,
    /// Why the last run failed; never a secret.
    pub last_error: Option<String>,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
