//! Reads the `claims` parameter (OpenID Connect Core section 5.5): single claims that a client asks for beside its
//! scopes.
//!
//! A claim is released only if the client may have the scope that covers it, and the user consents to that scope.
//! Other claims are left out, as section 5.5.1 allows even for essential ones. Three claims of the ID token can ask
//! for a value: `sub`, `acr`, and `auth_time`, which every ID token has anyway.

use postern_token_verifier::strict_json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{AuthorizationError, ErrorCode};
use crate::{acr::Acr, claims, clients::Client};

/// The claims that a request names, of those that the client may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedClaims {
    /// Names of claims that userinfo releases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo: Vec<String>,
    /// Names of claims that the ID token has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token: Vec<String>,
}

impl RequestedClaims {
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }

    /// The scopes that cover the claims: the user consents to these.
    pub fn scopes(&self) -> impl Iterator<Item = &'static str> {
        claims::scopes_of(self.userinfo.iter().chain(&self.id_token))
    }
}

/// What the parameter asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ClaimsParameter {
    pub(super) requested: RequestedClaims,
    /// The value of `sub`: the user whom the client expects.
    pub(super) subject: Option<String>,
    /// The values of `acr` that this issuer knows.
    pub(super) acr_values: Vec<Acr>,
}

/// Reads the parameter. Members that this issuer does not know are ignored (section 5.5).
pub(super) fn parse(client: &Client, parameter: &str) -> Result<ClaimsParameter, AuthorizationError> {
    let Ok(Value::Object(mut parameter)) = strict_json::parse(parameter.as_bytes()) else {
        return Err(AuthorizationError::invalid_request(
            "claims must be a JSON object without duplicate members",
        ));
    };
    let userinfo = take_section(&mut parameter, "userinfo")?;
    let id_token = take_section(&mut parameter, "id_token")?;
    for members in [&userinfo, &id_token] {
        if !members.values().all(|member| member.is_null() || member.is_object()) {
            return Err(AuthorizationError::invalid_request("a member of claims must be null or an object"));
        }
    }
    let requested = RequestedClaims {
        userinfo: known_names(client, &userinfo),
        id_token: known_names(client, &id_token),
    };
    Ok(ClaimsParameter {
        requested,
        subject: subject(&id_token, &userinfo)?,
        acr_values: acr_values(&id_token)?,
    })
}

fn take_section(
    parameter: &mut Map<String, Value>,
    name: &str,
) -> Result<Map<String, Value>, AuthorizationError> {
    match parameter.remove(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members),
        Some(_) => {
            Err(AuthorizationError::invalid_request("userinfo and id_token of claims must be objects"))
        }
    }
}

/// The claims about the user, other than `sub`, that the client may have.
fn known_names(client: &Client, members: &Map<String, Value>) -> Vec<String> {
    claims::covered_by(&client.row.scopes, members.keys().filter(|name| *name != "sub"))
}

/// Section 5.5.1: another user than the one of `value` must not be answered.
fn subject(
    id_token: &Map<String, Value>,
    userinfo: &Map<String, Value>,
) -> Result<Option<String>, AuthorizationError> {
    let mut values = [id_token, userinfo].into_iter().flat_map(|members| values_of(members, "sub"));
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(Value::String(subject)), None) => Ok(Some(subject.clone())),
        _ => Err(AuthorizationError::invalid_request("claims can name one value of sub")),
    }
}

/// Section 5.5.1.1: an essential `acr` of which no value can be reached is an error.
fn acr_values(id_token: &Map<String, Value>) -> Result<Vec<Acr>, AuthorizationError> {
    let asked = values_of(id_token, "acr");
    let known: Vec<Acr> = asked.iter().filter_map(|value| value.as_str()?.parse().ok()).collect();
    let essential = id_token.get("acr").is_some_and(|acr| acr["essential"] == Value::Bool(true));
    if essential && known.is_empty() && !asked.is_empty() {
        return Err(AuthorizationError::new(
            ErrorCode::UnmetAuthenticationRequirements,
            "no acr value that claims asks for is known",
        ));
    }
    Ok(known)
}

/// `value`, or `values`, of a claim.
fn values_of<'a>(members: &'a Map<String, Value>, name: &str) -> Vec<&'a Value> {
    let Some(member) = members.get(name) else { return Vec::new() };
    let values = member.get("values").and_then(Value::as_array);
    member.get("value").into_iter().chain(values.into_iter().flatten()).collect()
}
