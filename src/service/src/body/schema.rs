//! Checks a JSON body against its published schema.
//!
//! poem-openapi reads a number where the schema has a string, ignores members that the schema does not have, and
//! does not name the member of a wrong type. Here the document decides: a body that passes has the members and types
//! that the document describes.

use std::{
    any::TypeId,
    collections::HashMap,
    fmt::Display,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The schemas of each type of body that was received, because registering them costs more than the check.
static REGISTRIES: LazyLock<RwLock<HashMap<TypeId, Arc<Registry>>>> = LazyLock::new(RwLock::default);

/// The first place where a body differs from its schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SchemaMismatch {
    /// The path of the member, such as `address.country` or `tags[1]`; empty for the body itself.
    pub(super) member: String,
    /// The rule that the value breaks. Never quotes the value, which may be a secret.
    pub(super) rule: String,
}

/// Checks that `body` has the schema of `T`: every member is known and has its type and length.
pub(super) fn check<T: Type + 'static>(body: &Value) -> Result<(), SchemaMismatch> {
    let registry = registry_of::<T>();
    Checker { registry: &registry }.check_value(&T::schema_ref(), body, "")
}

fn registry_of<T: Type + 'static>() -> Arc<Registry> {
    let id = TypeId::of::<T>();
    if let Some(known) = REGISTRIES.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Arc::clone(known);
    }
    let mut registry = Registry::new();
    T::register(&mut registry);
    let registry = Arc::new(registry);
    REGISTRIES.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&registry));
    registry
}

struct Checker<'a> {
    registry: &'a Registry,
}

impl<'a> Checker<'a> {
    fn check_value(
        &self,
        schema: &'a MetaSchemaRef,
        value: &Value,
        path: &str,
    ) -> Result<(), SchemaMismatch> {
        // A schema without a name that the registry has is one of a type that accepts any value.
        let Some(schema) = self.resolve(schema) else { return Ok(()) };
        if !schema.any_of.is_empty() {
            return self.check_alternatives(&schema.any_of, value, path);
        }
        if !has_type(schema, value) {
            return mismatch(path, format_args!("must be {}", with_article(schema.ty)));
        }
        if !schema.enum_items.is_empty() && !schema.enum_items.contains(value) {
            let items: Vec<_> = schema.enum_items.iter().map(Value::to_string).collect();
            return mismatch(path, format_args!("must be one of {}", items.join(", ")));
        }
        match value {
            Value::Object(members) => self.check_members(schema, members, path),
            Value::Array(items) => self.check_items(schema, items, path),
            Value::String(text) => check_text(schema, text, path),
            _ => Ok(()),
        }
    }

    fn check_alternatives(
        &self,
        alternatives: &'a [MetaSchemaRef],
        value: &Value,
        path: &str,
    ) -> Result<(), SchemaMismatch> {
        if alternatives.iter().any(|schema| self.check_value(schema, value, path).is_ok()) {
            return Ok(());
        }
        let types = alternatives.iter().filter_map(|schema| self.resolve(schema));
        let types: Vec<_> = types.map(|schema| with_article(schema.ty)).collect();
        mismatch(path, format_args!("must be {}", types.join(" or ")))
    }

    fn check_members(
        &self,
        schema: &'a MetaSchema,
        members: &Map<String, Value>,
        path: &str,
    ) -> Result<(), SchemaMismatch> {
        // A schema without properties is one of an object with any members.
        if schema.properties.is_empty() {
            return Ok(());
        }
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        for (name, property) in &schema.properties {
            match members.get(*name) {
                None | Some(Value::Null) if schema.required.contains(name) => {
                    return mismatch(&below(name), "is required");
                }
                None => {}
                // To leave out an optional member and to send null is the same. One with a default has no null.
                Some(Value::Null) if !has_default(property) => {}
                Some(value) => self.check_value(property, value, &below(name))?,
            }
        }
        let known = |name: &str| schema.properties.iter().any(|(property, _)| *property == name);
        match members.keys().find(|name| !known(name)) {
            Some(name) => mismatch(&below(name), "is not a member of this body"),
            None => Ok(()),
        }
    }

    fn check_items(&self, schema: &'a MetaSchema, items: &[Value], path: &str) -> Result<(), SchemaMismatch> {
        let Some(schema) = schema.items.as_deref() else { return Ok(()) };
        let mut items = items.iter().enumerate();
        items.try_for_each(|(index, item)| self.check_value(schema, item, &format!("{path}[{index}]")))
    }

    /// Follows references. A reference with a description beside it is wrapped in `allOf`.
    fn resolve(&self, schema: &'a MetaSchemaRef) -> Option<&'a MetaSchema> {
        match schema {
            MetaSchemaRef::Reference(name) => self.registry.schemas.get(name),
            MetaSchemaRef::Inline(inline) => match inline.all_of.first() {
                Some(first) => self.resolve(first),
                None => Some(inline),
            },
        }
    }
}

fn check_text(schema: &MetaSchema, text: &str, path: &str) -> Result<(), SchemaMismatch> {
    let length = text.chars().count();
    if let Some(least) = schema.min_length.filter(|least| length < *least) {
        return mismatch(path, format_args!("must have at least {}", characters(least)));
    }
    if let Some(most) = schema.max_length.filter(|most| length > *most) {
        return mismatch(path, format_args!("must have at most {}", characters(most)));
    }
    if schema.format == Some("uuid") && Uuid::try_parse(text).is_err() {
        return mismatch(path, "must be a UUID");
    }
    Ok(())
}

fn mismatch(member: &str, rule: impl Display) -> Result<(), SchemaMismatch> {
    Err(SchemaMismatch { member: member.to_owned(), rule: rule.to_string() })
}

fn characters(number: usize) -> String {
    if number == 1 { "1 character".to_owned() } else { format!("{number} characters") }
}

fn has_default(property: &MetaSchemaRef) -> bool {
    matches!(property, MetaSchemaRef::Inline(inline) if inline.default.is_some())
}

fn has_type(schema: &MetaSchema, value: &Value) -> bool {
    match schema.ty {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => true,
    }
}

fn with_article(ty: &str) -> String {
    let article = if ty.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {ty}")
}
