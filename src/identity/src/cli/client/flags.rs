//! Defines the flags of a client's metadata.

use std::{error::Error, ffi::OsString, fs, path::Path};

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser as _};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    administration::{
        client_logos::LogoChange,
        metadata::{ClientMetadataChange, LogoutChange, PolicyChange},
    },
    cli::error::CommandError,
    clients::{ClientAuthMethod, GrantType, SubjectType},
    pictures::Picture,
};

const AUTH_METHODS: [&str; 5] =
    ["none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"];

/// What a client says of itself. A list is given by repeating the flag and replaces the list before; one
/// empty value empties it.
#[derive(Debug, Args)]
pub(in crate::cli) struct MetadataFlags {
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// The set of protocol rules: `standard` (what common libraries send) or `strict` (OAuth 2.1 and RFC 9700 to
    /// the letter). Single rules can be stricter than the profile; an empty value takes the profile's again.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Whether it must use PKCE also where the profile does not demand it.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    require_pkce: Option<bool>,
    #[command(flatten)]
    policy: PolicyFlags,
    /// A public client: it has no secret (the same as `--auth-method none`).
    #[arg(long, conflicts_with = "auth_method")]
    public: bool,
    /// How it authenticates at the token endpoint.
    #[arg(long, value_parser = words::<ClientAuthMethod>(&AUTH_METHODS))]
    auth_method: Option<ClientAuthMethod>,
    /// A file with its public keys, a JWK set; an RSA key without `alg` is for RS256. They replace the keys before;
    /// an empty value removes them.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks: Option<OsString>,
    /// Where it publishes its public keys. They replace the keys before; an empty value removes them.
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    #[command(flatten)]
    signing: SigningFlags,
    /// `pairwise`: it sees a `sub` of its own for each person, the same for all apps of its sector. A change gives
    /// its people other ones.
    #[arg(long, value_parser = words::<SubjectType>(&["public", "pairwise"]))]
    subject_type: Option<SubjectType>,
    /// The sector of pairwise subjects, if the redirect URIs do not have one host. An empty value removes it.
    #[arg(long, value_name = "HOST")]
    sector: Option<String>,
    /// Whether it may use the first-party API and skips consent.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    first_party: Option<bool>,
    /// An exact URI to send people back to.
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<Vec<String>>,
    /// An exact URI to send people to after sign-out.
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Option<Vec<String>>,
    #[command(flatten)]
    logout: LogoutFlags,
    /// A browser origin that may call the APIs.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<Vec<String>>,
    /// Whether its redirect URIs and origins may have a private scheme without a dot, such as `myapp:/callback` and
    /// `capacitor://localhost`. Another app on the same device can choose the same scheme.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    private_schemes: Option<bool>,
    /// What the token endpoint accepts from it.
    #[arg(long, value_parser = words::<GrantType>(&["authorization_code", "refresh_token", "client_credentials"]))]
    grant_type: Option<Vec<GrantType>>,
    /// A scope it may ask for; a new client may ask for openid, profile, email and `offline_access` unless
    /// this says otherwise.
    #[arg(long)]
    scope: Option<Vec<String>>,
    /// A scope it gets when it names none.
    #[arg(long, value_name = "SCOPE")]
    default_scope: Option<Vec<String>>,
    /// A login method by which people may sign in for it; none means all that are switched on. Whoever is
    /// signed in by another one signs in again. Methods of the same `amr` (codes that are sent) count as one.
    /// A second factor that an account has is asked for all the same.
    #[arg(long, value_name = "METHOD")]
    login_method: Option<Vec<String>>,
    /// Least level of every sign-in for it: aal1, aal2 or phr.
    #[arg(long, value_name = "ACR")]
    required_acr: Option<String>,
    /// A file with its logo for sign-in and consent: PNG or SVG, at most 64 KiB. An SVG keeps only what draws. It
    /// replaces the logo before; an empty value removes it.
    #[arg(long, value_name = "FILE")]
    logo: Option<OsString>,
    /// Not taken: `--logo FILE` stores the picture itself. An empty value removes a URL from before.
    #[arg(long, value_name = "URL", hide = true)]
    logo_uri: Option<String>,
    /// Its own page, to which error pages lead back.
    #[arg(long, value_name = "URL")]
    client_uri: Option<String>,
    /// The URL of its privacy policy.
    #[arg(long, value_name = "URL")]
    policy_uri: Option<String>,
    /// The URL of its terms of service.
    #[arg(long, value_name = "URL")]
    tos_uri: Option<String>,
    /// Where a sign-in for it begins when the person comes from elsewhere, such as the list of their apps; https, or
    /// http on a loopback address.
    #[arg(long, value_name = "URL")]
    initiate_login_uri: Option<String>,
}

/// Where a client is told that a session ended.
#[derive(Debug, Args)]
struct LogoutFlags {
    /// Where the provider tells it that a session ended (Back-Channel Logout). An empty value removes it.
    #[arg(long, value_name = "URL")]
    backchannel_logout_uri: Option<String>,
    /// Whether it needs the `sid` of the session that ended; every logout token has it.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    backchannel_logout_session_required: Option<bool>,
    /// Its page that a browser loads in a frame when it signs out (Front-Channel Logout), on the origin of a redirect
    /// URI. An empty value removes it.
    #[arg(long, value_name = "URL")]
    frontchannel_logout_uri: Option<String>,
    /// Whether that page needs `iss` and `sid`; it always gets them.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    frontchannel_logout_session_required: Option<bool>,
}

impl LogoutFlags {
    fn into_change(self) -> LogoutChange {
        LogoutChange {
            backchannel_logout_uri: self.backchannel_logout_uri,
            backchannel_logout_session_required: self.backchannel_logout_session_required,
            frontchannel_logout_uri: self.frontchannel_logout_uri,
            frontchannel_logout_session_required: self.frontchannel_logout_session_required,
        }
    }
}

/// How the responses to a client are signed.
#[derive(Debug, Args)]
struct SigningFlags {
    /// Algorithm of its ID tokens: RS256, PS256, ES256 or `EdDSA`. An empty value takes the provider's again.
    #[arg(long, value_name = "ALG")]
    id_token_alg: Option<String>,
    /// Algorithm of its userinfo responses, which are then JWTs. An empty value makes them JSON again.
    #[arg(long, value_name = "ALG")]
    userinfo_alg: Option<String>,
    /// Whether ID tokens have the claims of the granted scopes too, for libraries that never call userinfo.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    scope_claims_in_id_token: Option<bool>,
}

/// Rules by which a client is stricter than its profile.
#[derive(Debug, Args)]
struct PolicyFlags {
    /// `registered_method`: it may authenticate by the registered method only.
    #[arg(long, value_name = "RULE")]
    client_authentication: Option<String>,
    /// The longest lifetime of an assertion (`private_key_jwt`, `client_secret_jwt`), such as 5m.
    #[arg(long, value_name = "TIME")]
    assertion_lifetime: Option<String>,
    /// `issuer`: the audience of an assertion must be the issuer alone.
    #[arg(long, value_name = "RULE")]
    assertion_audience: Option<String>,
    /// `refused`: an authorization request with a scope that it may not have is refused.
    #[arg(long, value_name = "RULE")]
    unknown_scopes: Option<String>,
    /// A response mode that it may use: query, fragment or `form_post`.
    #[arg(long, value_name = "MODE")]
    response_mode: Option<Vec<String>>,
    /// `loopback_port` (only the port of a loopback IP address may differ) or `exact`.
    #[arg(long, value_name = "RULE")]
    redirect_uri_match: Option<String>,
    /// `one`: an access token is for one resource.
    #[arg(long, value_name = "RULE")]
    resources_per_token: Option<String>,
}

/// Parses one of a fixed list of values by the type's own deserializer.
fn words<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    list: &'static [&'static str],
) -> impl clap::builder::TypedValueParser<Value = T> {
    PossibleValuesParser::new(list).try_map(|word| serde_json::from_value(Value::String(word)))
}

impl MetadataFlags {
    /// The change that the flags ask for. Reads the file of keys.
    pub(super) fn into_change(self) -> Result<ClientMetadataChange, CommandError> {
        let values = |list: Option<Vec<String>>| {
            list.map(|values| values.into_iter().filter(|value| !value.is_empty()).collect::<Vec<_>>())
        };
        Ok(ClientMetadataChange {
            name: self.name,
            profile: self.profile,
            require_pkce: self.require_pkce,
            policy: PolicyChange {
                client_authentication: self.policy.client_authentication,
                assertion_lifetime: self.policy.assertion_lifetime,
                assertion_audience: self.policy.assertion_audience,
                unknown_scopes: self.policy.unknown_scopes,
                response_modes: values(self.policy.response_mode),
                redirect_uri_match: self.policy.redirect_uri_match,
                resources_per_token: self.policy.resources_per_token,
            },
            subject_type: self.subject_type,
            sector: self.sector,
            first_party: self.first_party,
            token_endpoint_auth_method: self.auth_method.or(self.public.then_some(ClientAuthMethod::None)),
            jwks: self.jwks.as_deref().map(Path::new).map(read_jwks).transpose()?,
            jwks_uri: self.jwks_uri,
            id_token_signed_response_alg: self.signing.id_token_alg,
            userinfo_signed_response_alg: self.signing.userinfo_alg,
            scope_claims_in_id_token: self.signing.scope_claims_in_id_token,
            redirect_uris: values(self.redirect_uri),
            add_redirect_uris: Vec::new(),
            post_logout_redirect_uris: values(self.post_logout_redirect_uri),
            add_post_logout_redirect_uris: Vec::new(),
            logout: self.logout.into_change(),
            origins: values(self.origin),
            add_origins: Vec::new(),
            private_schemes: self.private_schemes,
            grant_types: self.grant_type,
            scopes: self.scope.as_deref().map(split_scopes),
            add_scopes: Vec::new(),
            default_scopes: self.default_scope.as_deref().map(split_scopes),
            login_methods: values(self.login_method),
            required_acr: self.required_acr,
            logo: self.logo.as_deref().map(Path::new).map(read_logo).transpose()?,
            logo_uri: self.logo_uri,
            client_uri: self.client_uri,
            policy_uri: self.policy_uri,
            tos_uri: self.tos_uri,
            initiate_login_uri: self.initiate_login_uri,
        })
    }
}

/// The keys in a file; `null` for an empty path.
fn read_jwks(file: &Path) -> Result<Value, CommandError> {
    if file.as_os_str().is_empty() {
        return Ok(Value::Null);
    }
    let usage =
        |cause: &dyn Error| CommandError::Usage(format!("{} cannot be read: {cause}", file.display()));
    let text = fs::read(file).map_err(|cause| usage(&cause))?;
    serde_json::from_slice(&text).map_err(|cause| usage(&cause))
}

/// The picture in a file, made safe; an empty path removes the logo.
fn read_logo(file: &Path) -> Result<LogoChange, CommandError> {
    if file.as_os_str().is_empty() {
        return Ok(LogoChange::Remove);
    }
    let usage = |cause: &dyn Error| CommandError::Usage(format!("--logo {}: {cause}", file.display()));
    let content = fs::read(file).map_err(|cause| usage(&cause))?;
    Ok(LogoChange::Replace(Picture::made_safe(&content).map_err(|cause| usage(&cause))?))
}

/// Scopes may also come as one space-separated value (RFC 6749 section 3.3).
pub(super) fn split_scopes(values: &[String]) -> Vec<String> {
    values.iter().flat_map(|value| value.split_whitespace()).map(str::to_owned).collect()
}
