//! Checks what the settings name outside of themselves: files, and the methods that reach a level.
//!
//! `postern serve` and `postern config check` ask the same function, so that they never disagree. It needs no
//! database, and changes nothing.

use std::error::Error;

use postern_service::{settings::BrokenRule, tls};

use crate::{
    config::{Config, RegistrationMode},
    crypto::Vault,
    jobs::error_chain,
    login::{self, code},
    passwords::breached::BreachedPasswords,
    templates::{TemplateError, Templates},
};

/// Every rule that keeps the provider from starting, as far as the settings decide it.
pub fn broken_start_rules(config: &Config) -> Vec<BrokenRule> {
    let rules = [encryption_key, certificates, code_webhook, required_acr, registration, files];
    rules.iter().flat_map(|rule| rule(config)).collect()
}

fn encryption_key(config: &Config) -> Vec<BrokenRule> {
    let rule = match config.secrets.encryption_key.as_ref().map(Vault::from_key) {
        Some(Ok(_)) => return Vec::new(),
        Some(Err(cause)) => error_chain(&cause),
        None => "must be set: name the file that has it in POSTERN_SECRETS__ENCRYPTION_KEY_FILE. A new provider's key is made \
                 by `postern keys new-secret`; another key than before opens nothing"
            .to_owned(),
    };
    vec![BrokenRule::new("secrets.encryption_key", rule)]
}

fn certificates(config: &Config) -> Vec<BrokenRule> {
    // Whether both files are named is a rule of the settings themselves.
    let both = config.http.tls_certificate.is_some() && config.http.tls_key.is_some();
    let listener = both.then(|| tls::check_listener(&config.http).err()).flatten();
    let trust_anchors = config.outbound.trust_anchors().err();
    [listener, trust_anchors]
        .into_iter()
        .flatten()
        .map(|cause| BrokenRule::new(cause.setting, cause.rule))
        .collect()
}

fn code_webhook(config: &Config) -> Vec<BrokenRule> {
    let broken = code::check_webhook(config).err();
    let rule = |cause| format!("must be a URL that may be called: {}", error_chain(&cause));
    broken.map(|cause| BrokenRule::new("login.code_webhook_url", rule(cause))).into_iter().collect()
}

fn required_acr(config: &Config) -> Vec<BrokenRule> {
    let methods = login::built_in_methods();
    let enabled =
        methods.iter().filter(|method| config.login.methods.iter().any(|name| name == method.name()));
    let reached = login::reached_acrs(enabled.map(|method| method.factor()));
    match config.login.required_acr {
        Some(least) if !reached.contains(&least) => {
            let rule =
                "must be a level that login.methods reach: aal2 needs totp or passkey, phr needs passkey";
            vec![BrokenRule::new("login.required_acr", rule)]
        }
        _ => Vec::new(),
    }
}

fn registration(config: &Config) -> Vec<BrokenRule> {
    let broken = |rule: &str| vec![BrokenRule::new("registration.mode", rule)];
    let password = config.login.methods.iter().any(|method| method == "password");
    match config.registration.mode {
        RegistrationMode::Closed => Vec::new(),
        _ if !password => {
            broken("must be closed while login.methods has no password: an account begins with one")
        }
        RegistrationMode::Open if config.mail.smtp_host.is_none() => broken(
            "must not be open without mail: the link that confirms an address is mailed; set mail.smtp_host",
        ),
        RegistrationMode::Open | RegistrationMode::Invitation => Vec::new(),
    }
}

fn files(config: &Config) -> Vec<BrokenRule> {
    let broken = |key, rule: &str, cause: &dyn Error| {
        BrokenRule::new(key, format!("must be {rule} ({})", error_chain(cause)))
    };
    let breached = config.password.breached_file.as_deref().map(BreachedPasswords::open);
    let breached = breached
        .and_then(Result::err)
        .map(|cause| broken("password.breached_file", "a file that `postern passwords build` made", &cause));
    let templates = Templates::load(&config.pages).err().map(|cause| match &cause {
        TemplateError::UnreadableLogo(file, _) | TemplateError::Logo(file, _) => {
            let by_day = config.pages.logo.as_ref() == Some(file);
            let key = if by_day { "pages.logo" } else { "pages.logo_dark" };
            broken(key, "a PNG or SVG file with a picture", &cause)
        }
        _ => broken("pages.templates", "a folder with templates that work", &cause),
    });
    breached.into_iter().chain(templates).collect()
}
