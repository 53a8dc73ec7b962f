//! Finds the member of a JSON body that does not match the schema.
//!
//! poem-openapi stops at the first mismatch and names the expected type, but not the member. Its own schema
//! has the members, so this module walks the value and the schema side by side. It runs only for bodies that
//! were refused already, so it need not be fast.

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde_json::Value;

/// The path of the first mismatch and the rule that it breaks. `reason` is the message of poem-openapi. It
/// identifies members that only a parser can check, such as a UUID.
pub(super) fn find<T: Type>(value: &Value, reason: &str) -> Option<(String, String)> {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let search = Search { registry: &registry, reason };
    search.misfit(&T::schema_ref(), value, "")
}

struct Search<'a> {
    registry: &'a Registry,
    reason: &'a str,
}

impl<'a> Search<'a> {
    fn misfit(&self, schema: &'a MetaSchemaRef, value: &Value, path: &str) -> Option<(String, String)> {
        let schema = self.resolve(schema)?;
        if !has_type(schema, value) {
            return Some((path.to_owned(), format!("must be {}", article(schema.ty))));
        }
        if !schema.enum_items.is_empty() && !schema.enum_items.contains(value) {
            let items: Vec<_> = schema.enum_items.iter().map(Value::to_string).collect();
            return Some((path.to_owned(), format!("must be one of {}", items.join(", "))));
        }
        match value {
            Value::Object(object) => self.in_object(schema, object, path),
            Value::Array(items) => {
                let of = schema.items.as_deref()?;
                items
                    .iter()
                    .enumerate()
                    .find_map(|(index, item)| self.misfit(of, item, &format!("{path}[{index}]")))
            }
            Value::String(_) => self.unparsable(schema, path),
            _ => None,
        }
    }

    fn in_object(
        &self,
        schema: &'a MetaSchema,
        object: &serde_json::Map<String, Value>,
        path: &str,
    ) -> Option<(String, String)> {
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        schema.properties.iter().find_map(|(name, property)| match object.get(*name) {
            None | Some(Value::Null) if schema.required.contains(name) => {
                Some((below(name), "is required".to_owned()))
            }
            None | Some(Value::Null) => None,
            Some(value) => self.misfit(property, value, &below(name)),
        })
    }

    /// A string that its parser refused: poem-openapi names the parser as type and format.
    fn unparsable(&self, schema: &MetaSchema, path: &str) -> Option<(String, String)> {
        let format = schema.format?;
        let named = self.reason.contains(&format!("\"{}_{format}\"", schema.ty));
        named.then(|| (path.to_owned(), format!("must be a valid {format}")))
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

/// Whether the value has the type of the schema. poem-openapi accepts numbers and booleans as strings.
fn has_type(schema: &MetaSchema, value: &Value) -> bool {
    match schema.ty {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => !value.is_object() && !value.is_array(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => true,
    }
}

fn article(ty: &str) -> String {
    let article = if ty.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {ty}")
}
