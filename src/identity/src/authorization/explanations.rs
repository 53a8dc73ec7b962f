//! Explains to an app's developer why an authorization request is refused, or a sign-out does not lead back. The checks are
//! in `request` and `logout`.

use super::{
    error::{AuthorizationError, UntrustedRequest},
    logout::LogoutFault,
    parameters::{CheckedParameters, Parameter, Parameters},
    request_parameters::{CLIENT_ID, CODE_CHALLENGE_METHOD, REDIRECT_URI},
};
use crate::{
    App,
    clients::{Client, GrantType, policy::ResponseMode},
    explanation::{Explanation, shell_word, update_command},
    field_rules::{self, AllowedSchemes},
};

/// Why the browser is not sent back.
pub(super) fn untrusted(app: &App, parameters: &Parameters, cause: UntrustedRequest) -> Explanation {
    let client_id = given(parameters, CLIENT_ID);
    let redirect_uri = given(parameters, REDIRECT_URI);
    let clients = app.clients();
    let client = clients.find(&client_id);
    match (cause, client) {
        (UntrustedRequest::ClientId, _) => Explanation::new("client_id", &client_id, "one client_id"),
        (UntrustedRequest::RedirectUri, Some(client)) => {
            Explanation::new("redirect_uri", &redirect_uri, &one_of(&client.row.redirect_uris))
        }
        (UntrustedRequest::UnregisteredRedirectUri, Some(client)) => {
            let expected = one_of(&client.row.redirect_uris);
            let remedy = redirect_uri_remedy(client, &redirect_uri);
            Explanation::new("redirect_uri", &redirect_uri, &expected).with_remedy(remedy)
        }
        _ => {
            let remedy = unknown_client_remedy(app, &client_id, &redirect_uri);
            Explanation::new("client_id", &client_id, "a client that is registered and enabled")
                .with_remedy(remedy)
        }
    }
}

fn given(parameters: &Parameters, parameter: Parameter) -> String {
    match parameters.single(parameter.name) {
        Ok(Some(value)) => value.to_owned(),
        Ok(None) => format!("no {}", parameter.name),
        Err(_) => format!("more than one {}", parameter.name),
    }
}

/// Why the browser stays here after a sign-out. The hint is a token, so it is not shown.
pub(super) fn sign_out(
    fault: LogoutFault,
    client_id: &str,
    client: Option<&Client>,
    redirect_uri: &str,
) -> Explanation {
    match (fault, client) {
        (LogoutFault::InvalidHint, _) => Explanation::new(
            "id_token_hint",
            "no ID token of this provider for that client",
            "an ID token that the client was given, expired or not; client_id, if sent, names the same client",
        ),
        (LogoutFault::MissingHint, _) => Explanation::new(
            "id_token_hint",
            "post_logout_redirect_uri alone",
            "id_token_hint or client_id beside post_logout_redirect_uri",
        ),
        (LogoutFault::UnregisteredRedirectUri, Some(client)) => {
            post_logout_redirect_uri(client, redirect_uri)
        }
        (LogoutFault::UnregisteredRedirectUri, None) => {
            Explanation::new("client_id", client_id, "a client that is registered and enabled")
        }
    }
}

/// An unauthenticated party writes the URI: enough of it is shown to identify it, without its query.
fn post_logout_redirect_uri(client: &Client, came: &str) -> Explanation {
    let shown = came.split(['?', '#']).next().unwrap_or_default();
    let registered = &client.row.post_logout_redirect_uris;
    let allowed = shown == came && field_rules::redirect_uri(came, allowed_schemes(client)).is_ok();
    let flag = "--add-post-logout-redirect-uri";
    let remedy = allowed.then(|| update_command(client.client_id(), flag, [came]));
    Explanation::new("post_logout_redirect_uri", shown, &one_of(registered)).with_remedy(remedy.flatten())
}

fn one_of(registered: &[String]) -> String {
    match registered {
        [] => "one that is registered; this client has none".to_owned(),
        registered => format!("one that is registered: {}", registered.join(" ")),
    }
}

/// The schemes that the client may have in its URIs as it is.
fn allowed_schemes(client: &Client) -> AllowedSchemes {
    match (client.public(), client.row.private_schemes) {
        (false, _) => AllowedSchemes::Web,
        (true, false) => AllowedSchemes::ReverseDomainName,
        (true, true) => AllowedSchemes::Private,
    }
}

/// The command that registers the redirect URI, if the rules allow that.
fn redirect_uri_remedy(client: &Client, redirect_uri: &str) -> Option<String> {
    let allowed = |schemes| field_rules::redirect_uri(redirect_uri, schemes).is_ok();
    let command = update_command(client.client_id(), "--add-redirect-uri", [redirect_uri])?;
    if allowed(allowed_schemes(client)) {
        return Some(command);
    }
    (client.public() && allowed(AllowedSchemes::Private)).then(|| format!("{command} --private-schemes"))
}

fn unknown_client_remedy(app: &App, client_id: &str, redirect_uri: &str) -> Option<String> {
    field_rules::client_id(client_id).ok()?;
    let id = shell_word(client_id)?;
    let clients = app.clients();
    if clients.all().any(|client| client.client_id() == client_id) {
        return Some(format!("postern client update {id} --enabled true"));
    }
    if clients.unreadable_cause(client_id).is_some() {
        return Some(format!("postern client show {id}"));
    }
    let uri = field_rules::redirect_uri(redirect_uri, AllowedSchemes::Web).ok();
    let uri = uri.and_then(|()| shell_word(redirect_uri)).unwrap_or_else(|| "URI".to_owned());
    Some(format!("postern client add {id} --redirect-uri {uri}"))
}

/// The explanation of an error that is sent to the client. A check without one of its own is named by its error.
pub(super) fn of_error(error: &AuthorizationError) -> Explanation {
    match &error.explanation {
        Some(explanation) => (**explanation).clone(),
        None => Explanation::new(error.error.word(), "", &error.description),
    }
}

pub(super) fn grant_type(client: &Client) -> Explanation {
    let allowed: Vec<_> = client.row.grant_types.iter().map(|grant_type| grant_type.word()).collect();
    let code = GrantType::AuthorizationCode.word();
    let remedy = update_command(client.client_id(), "--grant-type", allowed.iter().copied().chain([code]));
    let expected = format!("a client with the grant type {code}; this one has {}", allowed.join(" "));
    Explanation::new("grant_type", "an authorization request", &expected).with_remedy(remedy)
}

pub(super) fn response_type(came: Option<&str>) -> Explanation {
    Explanation::new("response_type", came.unwrap_or("no response_type"), "code")
}

pub(super) fn response_mode(client: &Client, came: &str) -> Explanation {
    let words = |modes: &[ResponseMode]| modes.iter().map(|mode| mode.as_str()).collect::<Vec<_>>().join(" ");
    let profile = client.profile.policy().response_modes;
    let remedy =
        profile.iter().any(|mode| mode.as_str() == came && !client.policy.response_modes.contains(mode));
    let remedy = remedy.then(|| shell_word(client.client_id())).flatten();
    Explanation::new("response_mode", came, &words(&client.policy.response_modes))
        .with_remedy(remedy.map(|id| format!("postern client update {id} --response-mode ''")))
}

/// A public client must use PKCE always, and another profile would loosen more than this, so no command helps there.
pub(super) fn pkce_missing(client: &Client) -> Explanation {
    let expected = "a code_challenge with code_challenge_method=S256: switch PKCE on in the library";
    let by_own_rule =
        !client.public() && client.pkce_required() && !client.profile.policy().pkce_required(false);
    let remedy = by_own_rule.then(|| shell_word(client.client_id())).flatten();
    let remedy = remedy.map(|id| format!("postern client update {id} --require-pkce=false"));
    Explanation::new("code_challenge", "no code_challenge", expected).with_remedy(remedy)
}

pub(super) fn pkce_method(parameters: CheckedParameters<'_>) -> Explanation {
    let came = parameters.value(CODE_CHALLENGE_METHOD).unwrap_or("none, which means plain");
    Explanation::new("code_challenge_method", came, "S256")
}
