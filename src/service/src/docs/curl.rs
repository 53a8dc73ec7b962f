//! Writes the request of an operation as a `curl` line, with the examples of the document.

use std::fmt::Write as _;

use serde_json::Value;
use url::form_urlencoded;

use super::schema;

/// A JSON body that is longer stands on several lines.
const LINE: usize = 72;

/// The media type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// Which credentials an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NeededCredentials {
    None,
    /// Those of a client, in the header or in the body.
    Client,
    AccessToken,
}

/// What `security` of an operation asks for. An alternative without a scheme makes the others optional.
pub(super) fn credentials(operation: &Value) -> NeededCredentials {
    let schemes = operation["security"].as_array().into_iter().flatten().filter_map(Value::as_object);
    let mut names = schemes.flat_map(|scheme| scheme.keys());
    match names.next().map(String::as_str) {
        Some("client_secret_basic") => NeededCredentials::Client,
        Some(_) => NeededCredentials::AccessToken,
        None => NeededCredentials::None,
    }
}

/// The scopes that the access token needs.
pub(super) fn scopes(operation: &Value) -> Vec<String> {
    let schemes = operation["security"].as_array().into_iter().flatten().filter_map(Value::as_object);
    let scopes = schemes.flat_map(|scheme| scheme.values().filter_map(Value::as_array).flatten());
    scopes.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The body of a request, as the examples have it.
#[derive(Debug)]
pub(super) struct ExampleBody {
    pub(super) media_type: String,
    /// Ready to be sent.
    pub(super) text: String,
    members: Value,
}

/// The body that the request needs, if it needs one.
pub(super) fn body(document: &Value, operation: &Value) -> Option<ExampleBody> {
    let body = &operation["requestBody"];
    if body["required"] != true {
        return None;
    }
    let (media_type, content) = body["content"].as_object()?.iter().next()?;
    let members = schema::example(document, &content["schema"])?;
    let text = if media_type == FORM { form_text(&members) } else { json_text(&members) };
    Some(ExampleBody { media_type: media_type.clone(), text, members })
}

/// The path and the query, with the parameters that have an example.
pub(super) fn target(path: &str, operation: &Value) -> String {
    let (mut path, mut query) = (path.to_owned(), form_urlencoded::Serializer::new(String::new()));
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, example) = (parameter["name"].as_str().unwrap_or_default(), text(&parameter["example"]));
        match parameter["in"].as_str() {
            Some("path") => path = path.replace(&format!("{{{name}}}"), &example),
            Some("query") if !parameter["example"].is_null() => {
                query.append_pair(name, &example);
            }
            _ => {}
        }
    }
    let query = query.finish();
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

/// The whole line. Credentials are shell variables: `TOKEN`, `CLIENT_ID` and `CLIENT_SECRET`.
pub(super) fn line(
    document: &Value,
    server: &str,
    (path, method): (&str, &str),
    operation: &Value,
) -> String {
    let body = body(document, operation);
    let mut parts = vec!["curl".to_owned()];
    if !operation["responses"]["303"].is_null() {
        parts[0].push_str(" -i");
    }
    let implied = if body.is_some() { "post" } else { "get" };
    if method != implied {
        let _ = write!(parts[0], " -X {}", method.to_uppercase());
    }
    let _ = write!(parts[0], " {}", quoted(&format!("{server}{}", target(path, operation))));
    match credentials(operation) {
        NeededCredentials::AccessToken => parts.push("-H \"Authorization: Bearer $TOKEN\"".to_owned()),
        // A client that is named in the body is public there, or has its secret there.
        NeededCredentials::Client if body.as_ref().is_none_or(|body| body.members["client_id"].is_null()) => {
            parts.push("-u \"$CLIENT_ID:$CLIENT_SECRET\"".to_owned());
        }
        NeededCredentials::Client | NeededCredentials::None => {}
    }
    match body {
        Some(body) if body.media_type == FORM => {
            let pairs = pairs(&body.members);
            parts.extend(
                pairs
                    .iter()
                    .map(|(name, value)| format!("--data-urlencode {}", quoted(&format!("{name}={value}")))),
            );
        }
        Some(body) => {
            parts.push(format!("-H {}", quoted(&format!("Content-Type: {}", body.media_type))));
            parts.push(format!("-d {}", quoted(&body.text)));
        }
        None => {}
    }
    parts.join(" \\\n  ")
}

fn form_text(members: &Value) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs(members)).finish()
}

/// The fields of a form. An empty list is left out.
fn pairs(members: &Value) -> Vec<(String, String)> {
    let members = members.as_object().into_iter().flatten();
    let values = members.flat_map(|(name, value)| {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        values.into_iter().map(|value| (name.clone(), text(&value)))
    });
    values.collect()
}

fn json_text(members: &Value) -> String {
    let line = members.to_string();
    if line.len() > LINE { format!("{members:#}") } else { line }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Quotes for a shell what is more than letters, digits and the marks of a URL.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/=".contains(&byte);
    if text.bytes().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_is_quoted_as_one_word() {
        assert_eq!(quoted("http://localhost:7117/docs"), "http://localhost:7117/docs");
        assert_eq!(quoted("it's $HOME & more"), r"'it'\''s $HOME & more'");
    }
}
