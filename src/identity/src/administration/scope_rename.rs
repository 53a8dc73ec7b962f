//! Renames a scope of a resource wherever the scope is stored.
//!
//! A migration asks for this command when it stops at a scope whose name the issuer now reserves. So the
//! command needs only the database, and uses only columns that the first version of the schema had.

use postern_entities::values::StringList;
use postern_service::{
    clock::Timestamp,
    database::{Database, DatabaseError, Transaction, changes},
    random::Random,
};
use sea_orm::{ConnectionTrait as _, QueryResult, Statement, Value};
use serde_json::json;

use super::ChangeError;
use crate::{clients, field_rules, resources};

/// Renames the scope `old` in its resource, in the lists of clients, in grants and in consents.
pub async fn rename(
    db: &Database,
    random: &Random,
    now: Timestamp,
    (old, new): (&str, &str),
) -> Result<(), ChangeError> {
    field_rules::scope(new)
        .map_err(|rule| ChangeError::invalid("scopes", format!("{rule} (found {new:?})")))?;
    if resources::scope_is_reserved(new) {
        return Err(ChangeError::invalid("scopes", format!("must not name {new}: it belongs to the issuer")));
    }
    db.write(async |tx| {
        if count_scopes(tx, new).await? > 0 {
            return Err(ChangeError::Taken { kind: "scope", name: new.to_owned() });
        }
        let names = [new.into(), old.into()];
        if execute(tx, "UPDATE scopes SET name = $1 WHERE name = $2", names).await? == 0 {
            return Err(ChangeError::Unknown { kind: "scope", name: old.to_owned() });
        }
        rename_in_clients(tx, old, new).await?;
        rename_in_scope_columns(tx, old, new).await?;
        // Without an actor, because the command also runs before the step that adds its columns.
        let event =
            "INSERT INTO audit_events (id, at, kind, user_agent, details) VALUES ($1, $2, $3, $4, $5)";
        let details = json!({ "scope": old, "name": new });
        let values: [Value; 5] = [
            random.row_id(now).into(),
            now.into(),
            "scope.renamed".into(),
            "postern command".into(),
            details.into(),
        ];
        execute(tx, event, values).await?;
        for topic in [resources::TOPIC, clients::TOPIC] {
            changes::announce(tx, topic).await?;
        }
        Ok(())
    })
    .await
}

async fn execute(
    tx: &Transaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DatabaseError> {
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    Ok(tx.execute_raw(statement).await?.rows_affected())
}

async fn query_all(tx: &Transaction, sql: &str) -> Result<Vec<QueryResult>, DatabaseError> {
    Ok(tx.query_all_raw(Statement::from_string(tx.get_database_backend(), sql)).await?)
}

async fn count_scopes(tx: &Transaction, name: &str) -> Result<usize, DatabaseError> {
    let sql = "SELECT name FROM scopes WHERE name = $1";
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, [name.into()]);
    Ok(tx.query_all_raw(statement).await?.len())
}

async fn rename_in_clients(tx: &Transaction, old: &str, new: &str) -> Result<(), DatabaseError> {
    for row in query_all(tx, "SELECT client_id, scopes, default_scopes FROM clients").await? {
        let client_id: String = row.try_get("", "client_id")?;
        let renamed = |column: &str| -> Result<Value, sea_orm::DbErr> {
            let list: StringList = row.try_get("", column)?;
            let words = list.into_vec().into_iter();
            let words = words.map(|word| if word == old { new.to_owned() } else { word });
            Ok(StringList::from(words.collect::<Vec<_>>()).into())
        };
        let values = [renamed("scopes")?, renamed("default_scopes")?, client_id.into()];
        let update = "UPDATE clients SET scopes = $1, default_scopes = $2 WHERE client_id = $3";
        execute(tx, update, values).await?;
    }
    Ok(())
}

/// Scopes are separated by spaces. The `LIKE` wildcards `_` and `%` are legal in a scope: they only select
/// more rows, which `REPLACE` then leaves unchanged.
async fn rename_in_scope_columns(tx: &Transaction, old: &str, new: &str) -> Result<(), DatabaseError> {
    for table in ["grants", "consents"] {
        let sql = format!(
            "UPDATE {table} SET scope = TRIM(REPLACE(' ' || scope || ' ', $1, $2)) \
             WHERE ' ' || scope || ' ' LIKE $3"
        );
        let values = [format!(" {old} "), format!(" {new} "), format!("% {old} %")];
        execute(tx, &sql, values.map(Value::from)).await?;
    }
    Ok(())
}
