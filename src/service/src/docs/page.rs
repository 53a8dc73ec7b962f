//! Renders the page, the page behind the redirect URI, and the files of both.

use std::collections::BTreeMap;

use minijinja::{AutoEscape, Environment, context, syntax::SyntaxConfig, value::Value as Rendered};
use serde::Serialize;
use serde_json::Value;

use super::{ClientState, DocsClient, DocsOptions, FILES, origin, reference};
use crate::asset::{Asset, Assets};

const HTML: &str = "text/html; charset=utf-8";
const REFERENCE: &str = include_str!("reference.html");
const REDIRECT: &str = include_str!("oauth2-redirect.html");

const STYLE: &str = "docs.css";
const SCRIPT: &str = "docs.js";
const REDIRECT_SCRIPT: &str = "oauth2-redirect.js";
const MARK: &str = "mark.svg";

/// A scope that the page's client may ask for.
#[derive(Serialize)]
struct OfferedScope {
    name: String,
    description: String,
    /// Whether it is chosen at first.
    chosen: bool,
}

pub(super) fn files() -> Assets {
    let files = [
        (STYLE, include_str!("docs.css")),
        (SCRIPT, include_str!("docs.js")),
        (REDIRECT_SCRIPT, include_str!("oauth2-redirect.js")),
        (MARK, include_str!("mark.svg")),
    ];
    Assets::from_files(files.map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec())))
}

/// The path of a file, with its hash.
fn path(name: &str) -> String {
    format!("/docs/assets/{}/{name}", FILES.hash(name).unwrap_or_default())
}

pub(super) fn render(
    document: &Value,
    options: &DocsOptions,
    state: &ClientState,
) -> Result<Asset, minijinja::Error> {
    let flow = find_flow(document);
    let page = environment()?.render_str(
        REFERENCE,
        context! {
            title => &options.title,
            description => document["info"]["description"].as_str(),
            server => origin(&options.server),
            discovery => document["paths"].get("/.well-known/openid-configuration").is_some(),
            groups => for_template(&reference::groups(document)),
            authorization_url => flow["authorizationUrl"].as_str(),
            token_url => flow["tokenUrl"].as_str(),
            client_id => &options.client.client_id,
            command => &options.client.command,
            missing => *state == ClientState::Missing,
            unknown => matches!(state, ClientState::Unknown(_)),
            scopes => for_template(&offered_scopes(flow, &options.client, state)),
            style => path(STYLE),
            script => path(SCRIPT),
            mark => path(MARK),
            stylesheet => options.stylesheet.as_deref(),
        },
    )?;
    let policy = content_security_policy(options);
    Ok(Asset::new(HTML, page.as_bytes()).content_security_policy(&policy))
}

/// Text is escaped as [`escape`] does it: minijinja's own way would make every URL unreadable. The filter `prose` makes paragraphs, and code of what is between backticks.
fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(|out, _, value| {
        if value.is_undefined() || value.is_none() {
            return Ok(());
        }
        let text = value.to_string();
        let text = if value.is_safe() { text } else { escape(&text) };
        out.write_str(&text).map_err(minijinja::Error::from)
    });
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("prose", |text: &str| Rendered::from_safe_string(prose(text)));
    environment.add_filter("line", |text: &str| Rendered::from_safe_string(with_code(text)));
    Ok(environment)
}

/// The value as a template reads it.
fn for_template(value: &impl Serialize) -> Rendered {
    fn convert(value: Value) -> Rendered {
        match value {
            Value::Null => Rendered::from(()),
            Value::Bool(value) => Rendered::from(value),
            Value::Number(number) => Rendered::from(number.to_string()),
            Value::String(text) => Rendered::from(text),
            Value::Array(items) => items.into_iter().map(convert).collect(),
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| (name, convert(value)));
                Rendered::from(members.collect::<BTreeMap<_, _>>())
            }
        }
    }
    convert(serde_json::to_value(value).unwrap_or_default())
}

/// The authorization code flow of the document.
fn find_flow(document: &Value) -> &Value {
    let schemes = document.pointer("/components/securitySchemes").and_then(Value::as_object);
    let mut flows = schemes.into_iter().flatten().map(|(_, scheme)| &scheme["flows"]["authorizationCode"]);
    flows.find(|flow| !flow.is_null()).unwrap_or(&Value::Null)
}

/// Those that the document lists and the client may have.
fn offered_scopes(flow: &Value, client: &DocsClient, state: &ClientState) -> Vec<OfferedScope> {
    let (ClientState::Ready(allowed) | ClientState::Unknown(allowed)) = state else { return Vec::new() };
    let listed = flow["scopes"].as_object().into_iter().flatten();
    let offered = listed.filter(|(name, _)| allowed.contains(name)).map(|(name, description)| OfferedScope {
        name: name.clone(),
        description: description.as_str().unwrap_or_default().to_owned(),
        chosen: client.scopes.contains(name),
    });
    offered.collect()
}

/// The redirect URI of the page's client. It passes the authorization response to the page and closes.
pub(super) fn redirect_page() -> Asset {
    let page = REDIRECT.replace("{script}", &path(REDIRECT_SCRIPT)).replace("{style}", &path(STYLE));
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    Asset::new(HTML, page.as_bytes()).content_security_policy(policy)
}

/// Allows files of this origin, and requests to the API and the issuer.
fn content_security_policy(options: &DocsOptions) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {} {}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        origin(&options.server),
        origin(&options.issuer),
    )
}

/// Paragraphs of a text of the document.
fn prose(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>", with_code(paragraph))).collect()
}

/// What is between backticks is code. Everything is escaped.
fn with_code(text: &str) -> String {
    let pieces = escape(text);
    let pieces = pieces.split('`').enumerate();
    pieces
        .map(
            |(number, piece)| {
                if number % 2 == 1 { format!("<code>{piece}</code>") } else { piece.to_owned() }
            },
        )
        .collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
