//! Adds, changes and removes resources with their scopes.
//!
//! A scope belongs to exactly one resource: the primary key of `scopes` decides. A resource whose scopes clients may
//! still ask for can be removed; those clients then ask for a scope that does not exist and are told so.

use std::collections::BTreeMap;

use postern_entities::{
    resources::{self as rows, Model},
    scopes,
};
use postern_service::{
    clock::Timestamp,
    database::{Transaction, changes},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _,
    QuerySelect as _,
};
use serde::Deserialize;
use serde_json::json;

use super::{ChangeError, rules};
use crate::{
    App,
    audit::{Event, Origin},
    resources::{TOPIC, reserved, same_origin},
};

/// Algorithms access tokens may be signed with (RFC 7518 section 3.1): those the provider makes keys for.
const ALGORITHMS: [&str; 1] = ["RS256"];

/// What a command says of a resource: only what is given changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceChange {
    /// What people call it.
    pub name: Option<String>,
    /// Algorithm of its access tokens.
    pub signing_algorithm: Option<String>,
    /// All its scopes, each with what the consent page says of it.
    pub scopes: Option<BTreeMap<String, String>>,
}

/// Adds a resource.
pub async fn add(
    app: &App,
    identifier: &str,
    change: ResourceChange,
    origin: &Origin,
) -> Result<(), ChangeError> {
    rules::resource_identifier(identifier)
        .map_err(|rule| ChangeError::invalid("identifier", format!("{rule} (found {identifier:?})")))?;
    // A token for it would be one for the provider's own APIs.
    if same_origin(identifier, &app.config.issuer) {
        let rule =
            format!("must not be on the issuer's own origin {} (found {identifier:?})", app.config.issuer);
        return Err(ChangeError::invalid("identifier", rule));
    }
    check(&change)?;
    let now = app.clock.now();
    let row = Model {
        identifier: identifier.to_owned(),
        name: change.name.clone().unwrap_or_else(|| identifier.to_owned()),
        signing_algorithm: change.signing_algorithm.clone().unwrap_or_else(|| ALGORITHMS[0].to_owned()),
        created_at: now.micros(),
        updated_at: now.micros(),
    };
    app.db
        .write(async |tx| {
            rows::Entity::insert(rows::ActiveModel::from(row)).exec_without_returning(tx).await.map_err(
                |cause| ChangeError::of_insert(cause, "resources.identifier", "resource", identifier),
            )?;
            replace_scopes(tx, identifier, change.scopes.unwrap_or_default()).await?;
            announce(app, tx, "resource.added", identifier, origin, now).await
        })
        .await?;
    Ok(app.reload(TOPIC).await?)
}

/// Changes what is given. Given scopes replace all scopes it had.
pub async fn update(
    app: &App,
    identifier: &str,
    change: ResourceChange,
    origin: &Origin,
) -> Result<(), ChangeError> {
    check(&change)?;
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            let row = rows::Entity::find_by_id(identifier).lock_exclusive().one(tx).await?;
            let mut row = rows::ActiveModel::from(row.ok_or_else(|| unknown(identifier))?);
            row.name = change.name.map_or(row.name, Set);
            row.signing_algorithm = change.signing_algorithm.map_or(row.signing_algorithm, Set);
            row.updated_at = Set(now.micros());
            row.update(tx).await?;
            if let Some(scopes) = change.scopes {
                replace_scopes(tx, identifier, scopes).await?;
            }
            announce(app, tx, "resource.changed", identifier, origin, now).await
        })
        .await?;
    Ok(app.reload(TOPIC).await?)
}

/// Removes a resource and its scopes.
pub async fn remove(app: &App, identifier: &str, origin: &Origin) -> Result<(), ChangeError> {
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            let gone = rows::Entity::delete_by_id(identifier).exec(tx).await?.rows_affected;
            if gone == 0 {
                return Err(unknown(identifier));
            }
            announce(app, tx, "resource.removed", identifier, origin, now).await
        })
        .await?;
    Ok(app.reload(TOPIC).await?)
}

fn unknown(identifier: &str) -> ChangeError {
    ChangeError::Unknown { kind: "resource", name: identifier.to_owned() }
}

fn check(change: &ResourceChange) -> Result<(), ChangeError> {
    if let Some(name) = &change.name {
        rules::name(name).map_err(|rule| ChangeError::invalid("name", rule))?;
    }
    if change.signing_algorithm.as_ref().is_some_and(|algorithm| !ALGORITHMS.contains(&algorithm.as_str())) {
        return Err(ChangeError::invalid(
            "signing_algorithm",
            format!("must be one of {}", ALGORITHMS.join(", ")),
        ));
    }
    for (scope, description) in change.scopes.iter().flatten() {
        rules::scope(scope)
            .map_err(|rule| ChangeError::invalid("scopes", format!("{rule} (found {scope:?})")))?;
        if reserved(scope) {
            return Err(ChangeError::invalid(
                "scopes",
                format!("must not name {scope}: it belongs to the issuer"),
            ));
        }
        rules::name(description)
            .map_err(|rule| ChangeError::invalid("scopes", format!("description of {scope} {rule}")))?;
    }
    Ok(())
}

async fn replace_scopes(
    tx: &Transaction,
    identifier: &str,
    wanted: BTreeMap<String, String>,
) -> Result<(), ChangeError> {
    scopes::Entity::delete_many().filter(scopes::Column::Resource.eq(identifier)).exec(tx).await?;
    for (name, description) in wanted {
        let row = scopes::ActiveModel {
            name: Set(name.clone()),
            resource: Set(identifier.to_owned()),
            description: Set(description),
        };
        scopes::Entity::insert(row)
            .exec_without_returning(tx)
            .await
            .map_err(|cause| ChangeError::of_insert(cause, "scopes.name", "scope", &name))?;
    }
    Ok(())
}

async fn announce(
    app: &App,
    tx: &Transaction,
    kind: &'static str,
    identifier: &str,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), ChangeError> {
    Event::new(kind).details(json!({ "resource": identifier })).record(app, tx, origin, now).await?;
    Ok(changes::announce(tx, TOPIC).await?)
}
