//! Reads the schemas of an OpenAPI document: members in words, and examples.

use serde::Serialize;
use serde_json::{Map, Value};

/// How deep members of members are listed.
const MAX_DEPTH: usize = 3;

/// A member of a body, or a parameter.
#[derive(Debug, Serialize)]
pub(super) struct SchemaField {
    /// With the names above: `passkeys[].id`.
    pub(super) name: String,
    /// `string`, `list of string`, `true or false`.
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) description: String,
}

/// The schema itself where a reference stands. poem-openapi writes a reference with a description of its own as
/// `allOf`.
pub(super) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    let target = reference.and_then(|path| document.pointer(path.strip_prefix('#')?));
    target.unwrap_or(schema)
}

/// The members of an object, those of objects within it included.
pub(super) fn fields(document: &Value, schema: &Value) -> Vec<SchemaField> {
    let mut found = Vec::new();
    collect(document, schema, "", &mut found, MAX_DEPTH);
    found
}

fn collect(document: &Value, schema: &Value, above: &str, found: &mut Vec<SchemaField>, depth: usize) {
    let schema = resolve(document, schema);
    let properties = schema["properties"].as_object();
    let (Some(properties), Some(depth)) = (properties, depth.checked_sub(1)) else { return };
    for (name, property) in properties {
        let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|own| own == name));
        let name = format!("{above}{name}");
        found.push(field(document, &name, property, required));
        collect(document, property, &format!("{name}."), found, depth);
        collect(document, &property["items"], &format!("{name}[]."), found, depth);
    }
}

pub(super) fn field(document: &Value, name: &str, schema: &Value, required: bool) -> SchemaField {
    let own = schema["description"].as_str().or_else(|| schema["allOf"][1]["description"].as_str());
    let description = own.or_else(|| resolve(document, schema)["description"].as_str()).unwrap_or_default();
    SchemaField {
        name: name.to_owned(),
        kind: kind(document, schema),
        required,
        description: description.to_owned(),
    }
}

/// The type in words, with the values or the limits of a value.
fn kind(document: &Value, schema: &Value) -> String {
    let schema = resolve(document, schema);
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
        return format!("one of {}", values.join(", "));
    }
    let named = match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("array"), _) => format!("list of {}", kind(document, &schema["items"])),
        (Some("boolean"), _) => "true or false".to_owned(),
        (Some("integer" | "number"), _) => "number".to_owned(),
        (Some("string"), Some("uuid")) => "UUID".to_owned(),
        (Some("string"), _) => "text".to_owned(),
        (Some("object"), _) => "object".to_owned(),
        _ => "any JSON".to_owned(),
    };
    let limit = |name: &str| schema[name].as_f64();
    match (limit("minimum"), limit("maximum"), limit("maxLength")) {
        (Some(from), Some(to), _) => format!("{named}, {from} to {to}"),
        (_, _, Some(length)) => format!("{named}, at most {length} characters"),
        _ => named,
    }
}

/// The example of a schema, without members that are left out. Without one it is made of those of its members.
pub(super) fn example(document: &Value, schema: &Value) -> Option<Value> {
    let resolved = resolve(document, schema);
    let example = [&schema["example"], &resolved["example"]].into_iter().find(|example| !example.is_null());
    if let Some(example) = example {
        return Some(without_absent_members(example.clone()));
    }
    if resolved["type"] == "array" {
        return Some(Value::Array(vec![self::example(document, &resolved["items"])?]));
    }
    let required =
        |name: &str| resolved["required"].as_array().is_some_and(|names| names.iter().any(|own| own == name));
    let properties = resolved["properties"].as_object()?.iter();
    let members = properties.filter(|(name, property)| required(name) || !property["example"].is_null());
    let members = members.map(|(name, property)| Some((name.clone(), self::example(document, property)?)));
    Some(Value::Object(members.collect::<Option<Map<_, _>>>()?))
}

fn without_absent_members(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_absent_members(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_absent_members).collect()),
        other => other,
    }
}

/// The example of a member of this name in any schema, or the first of the list of its plural.
pub(super) fn example_named(document: &Value, name: &str) -> Option<Value> {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object)?;
    let mut examples = schemas.values().map(|schema| &schema["example"]);
    let plural = format!("{name}s");
    examples.find_map(|example| {
        let value = if example[name].is_null() { &example[&plural][0] } else { &example[name] };
        (value.is_string() || value.is_number()).then(|| value.clone())
    })
}
