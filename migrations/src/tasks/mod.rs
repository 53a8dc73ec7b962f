//! Defines the schema of the tasks service.

mod m20261121_000001_tasks;

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261121_000001_tasks::Migration)]
    }

    fn migration_table_name() -> DynIden {
        "tasks_migrations".into_iden()
    }
}
