//! Decides where the error of an invalid authorization request goes, once the redirect URI is known to be the client's.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{
    parameters::{Parameter, Parameters},
    request::check_response_mode,
    request_parameters::{REQUEST, RESPONSE_MODE, STATE},
    response::ResponseTarget,
};
use crate::clients::{Client, policy::ResponseMode};

/// `state` is returned even when it is itself invalid, but of two none is. A response mode that is invalid gives way to
/// the default.
pub(super) fn of(client: &Client, redirect_uri: String, parameters: &Parameters) -> ResponseTarget {
    let object = request_object(parameters);
    let given = |parameter: Parameter| match parameters.single(parameter.name) {
        // Parameters with control characters were refused before; these were not.
        Ok(None) => object.get(parameter.name)?.as_str().filter(|text| !text.chars().any(char::is_control)),
        single => single.ok().flatten(),
    };
    let mode = given(RESPONSE_MODE).and_then(ResponseMode::from_word);
    let mode = mode.filter(|mode| check_response_mode(client, &redirect_uri, *mode).is_ok());
    let state = given(STATE).map(str::to_owned);
    ResponseTarget { redirect_uri, mode: mode.unwrap_or_default(), state }
}

/// The parameters of a request object (OpenID Connect Core section 6.1), which is refused. An app that puts all of them
/// there looks for the refusal by its `state` and in its response mode. Neither proves anything, wherever it stands, so no
/// signature is checked.
fn request_object(parameters: &Parameters) -> Map<String, Value> {
    let object = parameters.single(REQUEST.name).ok().flatten();
    let payload = object.and_then(|object| URL_SAFE_NO_PAD.decode(object.split('.').nth(1)?).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}
