//! Explains the protocol rules that hold for a client, for people and for programs.

use serde_json::{Value, json};

use crate::{
    cli::output::table,
    clients::{
        Client, ClientAuthMethod,
        policy::{
            AssertionAudienceRule, ClientAuthenticationRule, RedirectUriRule, ResourceRule, ResponseMode,
            UnknownScopeRule,
        },
    },
};

/// One rule: its name, its value for the client, whether the client's own setting makes it stricter than the
/// profile, and what it means.
struct Row {
    name: &'static str,
    value: Value,
    own: bool,
    meaning: String,
}

/// The rules as text for people.
pub(super) fn text(client: &Client) -> String {
    let rows: Vec<_> = rows(client)
        .into_iter()
        .map(|row| {
            let set_by = if row.own { "client" } else { client.profile.word() };
            [row.name.to_owned(), value_text(&row.value), set_by.to_owned(), row.meaning]
        })
        .collect();
    table(["RULE", "VALUE", "SET BY", "MEANING"], &rows)
}

/// The rules as JSON.
pub(super) fn value(client: &Client) -> Value {
    let rows = rows(client).into_iter().map(|row| {
        let set_by = if row.own { "client" } else { "profile" };
        let value = json!({ "value": row.value, "set_by": set_by, "meaning": row.meaning });
        (row.name.to_owned(), value)
    });
    Value::Object(rows.collect())
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(value_text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn rows(client: &Client) -> Vec<Row> {
    let (policy, profile) = (&client.policy, client.profile.policy());
    let pkce_required = policy.pkce_required(client.public());
    let row = |name, value, own, meaning: &str| Row { name, value, own, meaning: meaning.to_owned() };
    vec![
        row(
            "pkce",
            json!(if pkce_required { "required" } else { "optional" }),
            pkce_required && !profile.pkce_required(client.public()),
            if pkce_required {
                "every authorization request must have a code_challenge with S256"
            } else {
                "an authorization request may do without a code_challenge; one that has it must prove it"
            },
        ),
        Row {
            name: "client_authentication",
            value: json!(policy.client_authentication),
            own: policy.client_authentication != profile.client_authentication,
            meaning: client_authentication(client),
        },
        Row {
            name: "assertion_lifetime",
            value: json!(policy.assertion_lifetime),
            own: policy.assertion_lifetime != profile.assertion_lifetime,
            meaning: format!(
                "an assertion may expire at most {} after it was made",
                String::from(policy.assertion_lifetime)
            ),
        },
        row(
            "assertion_audience",
            json!(policy.assertion_audience),
            policy.assertion_audience != profile.assertion_audience,
            match policy.assertion_audience {
                AssertionAudienceRule::IssuerOrEndpoint => {
                    "aud of an assertion may be the issuer, the token endpoint or the endpoint that is called"
                }
                AssertionAudienceRule::Issuer => "aud of an assertion must be the issuer, as one string",
            },
        ),
        row(
            "unknown_scopes",
            json!(policy.unknown_scopes),
            policy.unknown_scopes != profile.unknown_scopes,
            match policy.unknown_scopes {
                UnknownScopeRule::LeftOut => {
                    "scopes that it may not have are left out of an authorization request, and the log names them; extra spaces \
                     between scopes do no harm"
                }
                UnknownScopeRule::Refused => {
                    "an authorization request with a scope that it may not have is refused with invalid_scope, and so is any scope \
                     with extra spaces"
                }
            },
        ),
        Row {
            name: "response_modes",
            value: json!(policy.response_modes),
            own: policy.response_modes != profile.response_modes,
            meaning: response_modes(&policy.response_modes),
        },
        row(
            "redirect_uri_match",
            json!(policy.redirect_uris),
            policy.redirect_uris != profile.redirect_uris,
            redirect_uris(client),
        ),
        row(
            "resources_per_token",
            json!(policy.resources_per_token),
            policy.resources_per_token != profile.resources_per_token,
            match policy.resources_per_token {
                ResourceRule::Several => "an access token may be for several resources",
                ResourceRule::One => {
                    "an access token is for one resource: a token request names it if there are several"
                }
            },
        ),
    ]
}

fn client_authentication(client: &Client) -> String {
    let word = client.auth_method.word();
    if client.public() {
        return "a public client: it says its client_id and proves nothing".to_owned();
    }
    match client.policy.client_authentication {
        ClientAuthenticationRule::RegisteredMethod => {
            format!("it must authenticate by {word}, which is registered")
        }
        ClientAuthenticationRule::AnyMethod => {
            let methods = [
                ClientAuthMethod::ClientSecretBasic,
                ClientAuthMethod::ClientSecretPost,
                ClientAuthMethod::ClientSecretJwt,
                ClientAuthMethod::PrivateKeyJwt,
            ];
            let methods = methods.into_iter().filter(|method| client.may_authenticate_by(*method));
            format!(
                "it may authenticate by {}",
                methods.map(ClientAuthMethod::word).collect::<Vec<_>>().join(" or ")
            )
        }
    }
}

fn response_modes(modes: &[ResponseMode]) -> String {
    let words: Vec<_> = modes.iter().map(|mode| mode.as_str()).collect();
    format!("a response may come by {}", words.join(", "))
}

fn redirect_uris(client: &Client) -> &'static str {
    if !client.public() {
        return "a redirect URI must be a registered one, character by character: another port is for public clients only";
    }
    match client.policy.redirect_uris {
        RedirectUriRule::LocalhostPort => {
            "a redirect URI must be a registered one; http://localhost, 127.0.0.1 and [::1] are one, and their port may differ"
        }
        RedirectUriRule::LoopbackPort => {
            "a redirect URI must be a registered one; the port of http://127.0.0.1 or [::1] may differ"
        }
        RedirectUriRule::Exact => "a redirect URI must be a registered one, character by character",
    }
}
