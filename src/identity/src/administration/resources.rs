//! Adds, changes and removes resources with their scopes.
//!
//! A scope belongs to exactly one resource: the primary key of `scopes` enforces that. A resource can be
//! removed while clients may still request its scopes; their requests then fail because the scope does not
//! exist.

use std::collections::BTreeMap;

use postern_entities::{
    resources::{self as rows, Model},
    scopes,
};
use postern_service::database::{Transaction, changes};
use postern_token_verifier::Algorithm;
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _,
    QuerySelect as _,
};
use serde::Deserialize;
use serde_json::json;
use unic_langid::LanguageIdentifier;

use super::{ChangeError, joined_users, parse_signing_algorithm};
use crate::{
    App,
    audit::Event,
    core::{RequestContext, Write, read_json_column},
    field_rules,
    resources::{ScopeTexts, TOPIC, same_origin, scope_is_reserved},
};

/// A change of a resource: fields that are none stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceChange {
    pub name: Option<String>,
    /// The JWS algorithm of its access tokens. A new resource has that of `keys.algorithm`.
    pub signing_algorithm: Option<String>,
    /// Whether it joins the data of a person from all clients by `sub`. Its clients cannot have pairwise subjects then.
    pub joins_users: Option<bool>,
    /// All its scopes, each with its description on the consent page. Replaces the present scopes; a scope that stays
    /// keeps its texts.
    pub scopes: Option<BTreeMap<String, String>>,
    /// Descriptions in further languages: of a scope, by language tag. Adds to the present texts and replaces those in
    /// the same language; an empty text removes the present one.
    pub scope_texts: BTreeMap<String, ScopeTexts>,
}

/// The most languages that a scope has texts in.
const MAX_LANGUAGES: usize = 50;

pub async fn add(
    app: &App,
    identifier: &str,
    change: ResourceChange,
    context: &RequestContext,
) -> Result<(), ChangeError> {
    field_rules::resource_identifier(identifier)
        .map_err(|rule| ChangeError::invalid("identifier", format!("{rule} (found {identifier:?})")))?;
    // The audience of its tokens would match the provider's own APIs.
    if same_origin(identifier, &app.config.issuer) {
        let rule =
            format!("must not be on the issuer's own origin {} (found {identifier:?})", app.config.issuer);
        return Err(ChangeError::invalid("identifier", rule));
    }
    let algorithm = check_change(&change)?;
    app.signing_keys.ensure(app, algorithm).await?;
    let now = context.now;
    let row = Model {
        identifier: identifier.to_owned(),
        name: change.name.clone().unwrap_or_else(|| identifier.to_owned()),
        signing_algorithm: algorithm.unwrap_or(app.config.keys.algorithm).name().to_owned(),
        joins_users: change.joins_users.unwrap_or(false),
        created_at: now,
        updated_at: now,
    };
    let joins_users = row.joins_users;
    app.write(context, async |write| {
        rows::Entity::insert(rows::ActiveModel::from(row)).exec_without_returning(write).await.map_err(
            |cause| ChangeError::from_insert_error(cause, "resources.identifier", "resource", identifier),
        )?;
        replace_scopes(write, identifier, change.scopes.unwrap_or_default()).await?;
        set_texts(write, identifier, change.scope_texts).await?;
        if joins_users {
            joined_users::check_resource(write, identifier).await?;
        }
        record_and_announce(write, "resource.added", identifier).await
    })
    .await?;
    Ok(app.reload(TOPIC).await?)
}

/// Changes the given fields.
pub async fn update(
    app: &App,
    identifier: &str,
    change: ResourceChange,
    context: &RequestContext,
) -> Result<(), ChangeError> {
    refuse_issuer(app, identifier)?;
    let algorithm = check_change(&change)?;
    app.signing_keys.ensure(app, algorithm).await?;
    let now = context.now;
    app.write(context, async |write| {
        let row = rows::Entity::find_by_id(identifier).lock_exclusive().one(write).await?;
        let row = row.ok_or_else(|| unknown_resource(identifier))?;
        let joins_users = change.joins_users.unwrap_or(row.joins_users);
        let mut row = rows::ActiveModel::from(row);
        row.joins_users = Set(joins_users);
        row.name = change.name.map_or(row.name, Set);
        row.signing_algorithm = change.signing_algorithm.map_or(row.signing_algorithm, Set);
        row.updated_at = Set(now);
        row.update(write).await?;
        if let Some(scopes) = change.scopes {
            replace_scopes(write, identifier, scopes).await?;
        }
        set_texts(write, identifier, change.scope_texts).await?;
        if joins_users {
            joined_users::check_resource(write, identifier).await?;
        }
        record_and_announce(write, "resource.changed", identifier).await
    })
    .await?;
    Ok(app.reload(TOPIC).await?)
}

/// Removes a resource; the foreign key removes its scopes. A row that an earlier version stored for the issuer
/// can be removed as well.
pub async fn remove(app: &App, identifier: &str, context: &RequestContext) -> Result<(), ChangeError> {
    app.write(context, async |write| {
        let removed = rows::Entity::delete_by_id(identifier).exec(write).await?.rows_affected;
        if removed == 0 {
            return Err(unknown_resource(identifier));
        }
        record_and_announce(write, "resource.removed", identifier).await
    })
    .await?;
    Ok(app.reload(TOPIC).await?)
}

/// The issuer's own scopes are a table of the program.
fn refuse_issuer(app: &App, identifier: &str) -> Result<(), ChangeError> {
    if identifier != app.config.issuer {
        return Ok(());
    }
    Err(ChangeError::invalid("identifier", "must not be the issuer: its own scopes cannot be changed"))
}

fn unknown_resource(identifier: &str) -> ChangeError {
    ChangeError::Unknown { kind: "resource", name: identifier.to_owned() }
}

/// Checks the fields, and returns the algorithm if one is given.
fn check_change(change: &ResourceChange) -> Result<Option<Algorithm>, ChangeError> {
    if let Some(name) = &change.name {
        field_rules::name(name).map_err(|rule| ChangeError::invalid("name", rule))?;
    }
    let algorithm = change.signing_algorithm.as_deref();
    let algorithm = algorithm.map(|word| parse_signing_algorithm("signing_algorithm", word)).transpose()?;
    for (scope, description) in change.scopes.iter().flatten() {
        field_rules::scope(scope)
            .map_err(|rule| ChangeError::invalid("scopes", format!("{rule} (found {scope:?})")))?;
        if scope_is_reserved(scope) {
            return Err(ChangeError::invalid(
                "scopes",
                format!("must not name {scope}: it belongs to the issuer"),
            ));
        }
        field_rules::name(description)
            .map_err(|rule| ChangeError::invalid("scopes", format!("description of {scope} {rule}")))?;
    }
    check_texts(&change.scope_texts)?;
    Ok(algorithm)
}

fn check_texts(texts: &BTreeMap<String, ScopeTexts>) -> Result<(), ChangeError> {
    let invalid = |rule: String| ChangeError::invalid("scope_texts", rule);
    for (scope, texts) in texts {
        for (language, text) in texts {
            field_rules::locale(language).map_err(|rule| invalid(format!("{rule} (found {language:?})")))?;
            if !text.is_empty() {
                field_rules::name(text).map_err(|rule| invalid(format!("{language} of {scope} {rule}")))?;
            }
        }
    }
    Ok(())
}

/// Adds texts to scopes of the resource.
async fn set_texts(
    tx: &Transaction,
    identifier: &str,
    texts: BTreeMap<String, ScopeTexts>,
) -> Result<(), ChangeError> {
    for (scope, changed) in texts {
        let row = scopes::Entity::find_by_id(&scope)
            .filter(scopes::Column::Resource.eq(identifier))
            .one(tx)
            .await?;
        let row = row.ok_or_else(|| {
            ChangeError::invalid(
                "scope_texts",
                format!("must name a scope of the resource (found {scope:?})"),
            )
        })?;
        let mut texts: ScopeTexts = read_json_column(row.texts.clone())?;
        // Page and text meet by the canonical form of the tag, such as `pt-BR`.
        texts.extend(changed.into_iter().map(|(language, text)| (canonical_tag(language), text)));
        texts.retain(|_, text| !text.is_empty());
        if texts.len() > MAX_LANGUAGES {
            let rule = format!("must have at most {MAX_LANGUAGES} languages (scope {scope})");
            return Err(ChangeError::invalid("scope_texts", rule));
        }
        let mut row = scopes::ActiveModel::from(row);
        row.texts = Set(json!(texts));
        row.update(tx).await?;
    }
    Ok(())
}

/// `pt-BR` for `PT-br`; the tag has been checked.
fn canonical_tag(language: String) -> String {
    language.parse::<LanguageIdentifier>().map_or(language, |tag| tag.to_string())
}

async fn replace_scopes(
    tx: &Transaction,
    identifier: &str,
    wanted: BTreeMap<String, String>,
) -> Result<(), ChangeError> {
    let present = scopes::Entity::find().filter(scopes::Column::Resource.eq(identifier)).all(tx).await?;
    let mut texts: BTreeMap<_, _> = present.into_iter().map(|row| (row.name, row.texts)).collect();
    scopes::Entity::delete_many().filter(scopes::Column::Resource.eq(identifier)).exec(tx).await?;
    for (name, description) in wanted {
        let row = scopes::ActiveModel {
            name: Set(name.clone()),
            resource: Set(identifier.to_owned()),
            description: Set(description),
            texts: Set(texts.remove(&name).unwrap_or_else(|| json!({}))),
        };
        scopes::Entity::insert(row)
            .exec_without_returning(tx)
            .await
            .map_err(|cause| ChangeError::from_insert_error(cause, "scopes.name", "scope", &name))?;
    }
    Ok(())
}

async fn record_and_announce(
    write: &Write<'_>,
    kind: &'static str,
    identifier: &str,
) -> Result<(), ChangeError> {
    Event::new(kind).details(json!({ "resource": identifier })).record(write).await?;
    Ok(changes::announce(write, TOPIC).await?)
}
