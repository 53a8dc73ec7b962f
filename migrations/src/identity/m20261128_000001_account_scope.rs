//! Reserves the scope `account` and every name that begins with `admin:` for the issuer.
//!
//! The step fails when a resource of an operator has a scope with such a name: the scope would suddenly open
//! people's accounts, and only the operator knows another name that the API understands. No client is given
//! `account`. A client that lists the reserved name of a scope that no longer exists loses the name, and so
//! do grants and consents.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{QueryResult, Statement, Value, prelude::Json},
};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        refuse_taken_names(manager).await?;
        for client in all(manager, "SELECT client_id, scopes, default_scopes FROM clients").await? {
            take_from_client(manager, &client).await?;
        }
        for table in ["grants", "consents"] {
            take_from_texts(manager, table).await?;
        }
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}

fn reserved(name: &str) -> bool {
    name == "account" || name.starts_with("admin:")
}

async fn all(manager: &SchemaManager<'_>, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
    let statement = Statement::from_string(manager.get_database_backend(), sql);
    manager.get_connection().query_all_raw(statement).await
}

async fn refuse_taken_names(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut taken = Vec::new();
    for row in all(manager, "SELECT name, resource FROM scopes ORDER BY name").await? {
        let (name, resource): (String, String) = (row.try_get("", "name")?, row.try_get("", "resource")?);
        if reserved(&name) {
            taken.push(format!(
                "the scope {name} of {resource} has a name that belongs to the provider from now on: rename it with \
                 `postern resource rename-scope {name} NEW_NAME`, which works before this step, and let {resource} and \
                 its clients use the new name"
            ));
        }
    }
    if taken.is_empty() { Ok(()) } else { Err(DbErr::Custom(taken.join("; "))) }
}

async fn take_from_client(manager: &SchemaManager<'_>, client: &QueryResult) -> Result<(), DbErr> {
    let client_id: String = client.try_get("", "client_id")?;
    for (column, sql) in [
        ("scopes", "UPDATE clients SET scopes = $1 WHERE client_id = $2"),
        ("default_scopes", "UPDATE clients SET default_scopes = $1 WHERE client_id = $2"),
    ] {
        let mut list: Json = client.try_get("", column)?;
        let Some(words) = list.as_array_mut() else { continue };
        let before = words.len();
        words.retain(|word| !word.as_str().is_some_and(reserved));
        if words.len() < before {
            let values: [Value; 2] = [list.into(), client_id.clone().into()];
            let update = Statement::from_sql_and_values(manager.get_database_backend(), sql, values);
            manager.get_connection().execute_raw(update).await?;
        }
    }
    Ok(())
}

/// Removes only `account`: the issuer has no scope that begins with `admin:` yet.
async fn take_from_texts(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let without = "TRIM(REPLACE(' ' || scope || ' ', ' account ', ' '))";
    let sql = format!("UPDATE {table} SET scope = {without} WHERE ' ' || scope || ' ' LIKE '% account %'");
    manager.get_connection().execute_unprepared(&sql).await.map(drop)
}
