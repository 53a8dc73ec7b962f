//! Defines the parameters of the authorization endpoint: the one table that the checks, the OpenAPI document and the tests read.
//!
//! RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1, RFC 7636 section 4.3, RFC 8707 section 2. Leaves the meaning of
//! each value to `request`. Parameters that are not in the table are ignored (RFC 6749 section 3.1).

use super::parameters::{Parameter, parameter_table};

parameter_table! {
    CLIENT_ID = Parameter::required("client_id", "The `client_id` of the app."),
    REDIRECT_URI = Parameter::required(
        "redirect_uri",
        "Where the answer goes: registered for the client, byte by byte. Native apps choose the port of `http://127.0.0.1` and `http://[::1]`; under the profile `standard` these and `http://localhost` are one.",
    ),
    RESPONSE_TYPE = Parameter::required("response_type", "`code`."),
    CODE_CHALLENGE = Parameter::required(
        "code_challenge",
        "PKCE challenge (RFC 7636 section 4.2): base64url of the SHA-256 of the verifier, 43 characters.",
    ),
    CODE_CHALLENGE_METHOD = Parameter::required("code_challenge_method", "`S256`."),
    SCOPE = Parameter::optional("scope", "Scopes, separated by spaces; the client's default set when absent."),
    STATE = Parameter::optional("state", "Comes back unchanged, up to 2048 bytes."),
    NONCE = Parameter::optional("nonce", "Comes back in the ID token, up to 512 bytes."),
    RESOURCE = Parameter::repeatable(
        "resource",
        "Identifier of a resource that the access token is for (RFC 8707). May be repeated.",
    ),
    PROMPT = Parameter::optional(
        "prompt",
        "`none`, or some of `login`, `consent`, `select_account` and, where anyone may register, `create`, separated by spaces.",
    ),
    MAX_AGE = Parameter::optional("max_age", "How many seconds ago the person may have signed in at most."),
    ACR_VALUES = Parameter::optional(
        "acr_values",
        "Levels of sign-in, any of which will do, separated by spaces: `aal1`, `aal2`.",
    ),
    ID_TOKEN_HINT = Parameter::optional(
        "id_token_hint",
        "An ID token of the person who is expected, expired or not.",
    ),
    LOGIN_HINT = Parameter::optional("login_hint", "The email to fill in."),
    UI_LOCALES = Parameter::optional(
        "ui_locales",
        "Languages for the pages, best first, separated by spaces (BCP 47).",
    ),
    RESPONSE_MODE = Parameter::optional("response_mode", "`query` (the default), `fragment` or `form_post`."),
    DISPLAY = Parameter::optional("display", "Ignored: the pages fit any window."),
    CLAIMS_LOCALES = Parameter::optional("claims_locales", "Ignored: claims are in one language."),
    CLAIMS = Parameter::optional(
        "claims",
        "Single claims, as JSON (OpenID Connect Core section 5.5). Only those whose scope the client may have are released.",
    ),
    REQUEST = Parameter::optional("request", "Refused with `request_not_supported`."),
    REQUEST_URI = Parameter::optional("request_uri", "Refused with `request_uri_not_supported`."),
}
