//! Reads the optional preferences of an authorization request (OpenID Connect Core section 3.1.2.1). A value that is
//! not understood is ignored, never an error.

use super::{
    parameters::{CheckedParameters, space_separated},
    request_parameters::{ACR_VALUES, LOGIN_HINT, UI_LOCALES},
};
use crate::acr::Acr;

/// In bytes: the longest email address (RFC 5321 section 4.5.3.1). A longer hint is ignored.
const MAX_LOGIN_HINT_LENGTH: usize = 320;

/// Further values of `ui_locales`, and longer tags (BCP 47), are ignored.
const MAX_UI_LOCALES: usize = 8;
const MAX_UI_LOCALE_LENGTH: usize = 35;

pub(super) fn acr_values(parameters: CheckedParameters<'_>) -> Vec<Acr> {
    space_separated(parameters.value(ACR_VALUES).unwrap_or_default())
        .filter_map(|word| word.parse().ok())
        .take(Acr::ALL.len())
        .collect()
}

pub(super) fn login_hint(parameters: CheckedParameters<'_>) -> Option<String> {
    let hint = parameters.value(LOGIN_HINT).unwrap_or_default();
    (!hint.is_empty() && hint.len() <= MAX_LOGIN_HINT_LENGTH).then(|| hint.to_owned())
}

pub(super) fn ui_locales(parameters: CheckedParameters<'_>) -> Vec<String> {
    let tag = |word: &&str| {
        word.len() <= MAX_UI_LOCALE_LENGTH
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    space_separated(parameters.value(UI_LOCALES).unwrap_or_default())
        .filter(tag)
        .take(MAX_UI_LOCALES)
        .map(str::to_owned)
        .collect()
}
