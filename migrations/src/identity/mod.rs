//! Defines the provider's schema as ordered steps.
//!
//! The name of a step is its key in the table `identity_migrations`, so a step is never renamed. A new step
//! goes to the end of the list: steps run in the order of the list, and `migrate down` reverts them from the
//! end.

mod m20261121_000001_accounts;
mod m20261121_000002_clients;
mod m20261121_000003_grants;
mod m20261121_000004_sign_in;
mod m20261121_000005_operations;
mod m20261121_000006_self_service;
mod m20261121_000007_passkeys;
mod m20261121_000008_people;
mod m20261121_000009_own_data;
mod m20261121_000010_passwords;
mod m20261121_000011_devices;
mod m20261128_000001_account_scope;
mod m20261128_000004_sent_codes;
mod m20261128_000006_owner_notices;
mod m20261128_000007_actors;
mod m20261128_000008_end_causes;
mod m20261128_000009_client_profiles;
mod m20261128_000010_client_policies;
mod m20261128_000011_requested_claims;
mod m20261128_000012_client_logout;
mod m20261128_000013_signed_responses;
mod m20261128_000014_client_starting_points;
mod m20261128_000015_subject_types;
mod m20261129_000001_client_faces;
mod m20261129_000002_kept_recovery_codes;
mod m20261129_000003_passkey_offers;
mod m20261129_000004_scope_texts;
mod m20261129_000006_logout_notices;

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_accounts::Migration),
            Box::new(m20261121_000002_clients::Migration),
            Box::new(m20261121_000003_grants::Migration),
            Box::new(m20261121_000004_sign_in::Migration),
            Box::new(m20261121_000005_operations::Migration),
            Box::new(m20261121_000006_self_service::Migration),
            Box::new(m20261121_000007_passkeys::Migration),
            Box::new(m20261121_000008_people::Migration),
            Box::new(m20261121_000009_own_data::Migration),
            Box::new(m20261121_000010_passwords::Migration),
            Box::new(m20261121_000011_devices::Migration),
            Box::new(m20261128_000001_account_scope::Migration),
            Box::new(m20261128_000004_sent_codes::Migration),
            Box::new(m20261128_000006_owner_notices::Migration),
            Box::new(m20261128_000007_actors::Migration),
            Box::new(m20261128_000008_end_causes::Migration),
            Box::new(m20261128_000009_client_profiles::Migration),
            Box::new(m20261128_000010_client_policies::Migration),
            Box::new(m20261128_000011_requested_claims::Migration),
            Box::new(m20261128_000012_client_logout::Migration),
            Box::new(m20261128_000013_signed_responses::Migration),
            Box::new(m20261128_000014_client_starting_points::Migration),
            Box::new(m20261128_000015_subject_types::Migration),
            Box::new(m20261129_000001_client_faces::Migration),
            Box::new(m20261129_000002_kept_recovery_codes::Migration),
            Box::new(m20261129_000003_passkey_offers::Migration),
            Box::new(m20261129_000004_scope_texts::Migration),
            Box::new(m20261129_000006_logout_notices::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "identity_migrations".into_iden()
    }
}
