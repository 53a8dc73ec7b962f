//! Defines the rules that settings must keep together, or that give a value its meaning. None needs a file or the
//! database: `composition` checks what does.

use std::time::Duration;

use lettre::message::Mailbox;
use postern_service::{
    settings::{BrokenRule, Rate, RateKey, among, nearest},
    tls::TlsFiles,
};

use super::{CodeDelivery, Config, PasswordSettings, SmtpTls, host_is_loopback, issuer::check_issuer};

const DAY: Duration = Duration::from_hours(24);

/// The values of `login.methods`, in the order of its default.
pub(crate) const LOGIN_METHODS: [&str; 6] =
    ["email-otp", "code", "password", "passkey", "totp", "recovery-code"];

/// Those of them that can begin a sign-in.
const FIRST_METHODS: [&str; 4] = ["email-otp", "code", "password", "passkey"];

/// A rule of one section.
type Rules = Vec<(&'static str, String)>;

/// Every rule that the settings break, in the order of the sections.
pub(super) fn broken(config: &Config) -> Vec<BrokenRule> {
    let sections = [origin, login, password, lifetimes, mail_and_pages, rates];
    sections.iter().flat_map(|rules| rules(config)).map(|(key, rule)| BrokenRule { key, rule }).collect()
}

fn origin(config: &Config) -> Rules {
    let mut broken = Rules::new();
    if let Err(rule) = check_issuer(&config.issuer) {
        broken.push(("issuer", rule.to_owned()));
    } else if config.http.tls_certificate.is_some() && !config.secure_cookies() {
        let rule = "must begin with https://, because http.tls_certificate is set";
        broken.push(("issuer", rule.to_owned()));
    }
    broken.extend(TlsFiles::from_settings(&config.http).err().map(|cause| (cause.setting, cause.rule)));
    broken.extend(config.database.check_url().err().map(|rule| ("database.url", rule)));
    if ![2048, 3072, 4096].contains(&config.keys.rsa_bits) {
        broken.push(("keys.rsa_bits", "must be 2048, 3072 or 4096".to_owned()));
    }
    broken
}

fn login(config: &Config) -> Rules {
    let login = &config.login;
    let mut broken = Rules::new();
    if let Some(unknown) = login.methods.iter().find(|method| !LOGIN_METHODS.contains(&method.as_str())) {
        let meant = nearest(unknown, &LOGIN_METHODS).map(|method| format!("; did you mean `{method}`?"));
        let (names, meant) = (among("", &LOGIN_METHODS), meant.unwrap_or_default());
        let rule = format!("must name only {names}, not {unknown:?}{meant}");
        broken.push(("login.methods", rule));
    } else if !login.methods.iter().any(|method| FIRST_METHODS.contains(&method.as_str())) {
        let rule = format!("must name a method that begins a sign-in: {}", among("", &FIRST_METHODS));
        broken.push(("login.methods", rule));
    }
    let webhook = login.code_webhook_url.is_some() && login.code_webhook_secret.is_some();
    match login.code_delivery {
        CodeDelivery::Webhook if !webhook => broken.push((
            "login.code_delivery",
            "must not be \"webhook\" without login.code_webhook_url and login.code_webhook_secret".to_owned(),
        )),
        CodeDelivery::Console if !config.http.listen.ip().is_loopback() => broken.push((
            "login.code_delivery",
            "must not be \"console\" where http.listen is no loopback address: it writes codes to the terminal"
                .to_owned(),
        )),
        _ => {}
    }
    broken
}

fn password(config: &Config) -> Rules {
    let password = &config.password;
    let mut broken = Rules::new();
    for (key, length) in [
        ("password.min_length", password.min_length),
        ("password.min_length_with_second_factor", password.min_length_with_second_factor),
    ] {
        if length < 8 {
            broken.push((key, "must be at least 8".to_owned()));
        }
    }
    if password.min_strength > 4 {
        broken.push(("password.min_strength", "must be 0 to 4".to_owned()));
    }
    if argon2::Params::new(password.memory_kib, password.iterations, password.parallelism, None).is_err() {
        let rule = "must be in the range of Argon2id for password.iterations and password.parallelism";
        broken.push(("password.memory_kib", rule.to_owned()));
    } else if !PasswordSettings::within_work_limit(password.memory_kib, password.iterations) {
        let rule =
            "must be at most 262144, with at most 16 iterations, and at most 1048576 multiplied by these";
        broken.push(("password.memory_kib", rule.to_owned()));
    }
    broken
}

fn lifetimes(config: &Config) -> Rules {
    let mut broken = Rules::new();
    for (key, time) in [
        ("registration.invitation_lifetime", config.registration.invitation_lifetime),
        ("registration.email_undo_lifetime", config.registration.email_undo_lifetime),
        ("audit.retention", config.audit.retention),
    ] {
        if time.duration() < DAY {
            broken.push((key, "must be at least 1d".to_owned()));
        }
    }
    for (key, time) in [
        ("database.request_timeout", config.database.request_timeout),
        ("http.write_timeout", config.http.write_timeout),
    ] {
        if time.duration().is_zero() {
            broken.push((key, "must be longer than no time at all".to_owned()));
        }
    }
    let (session, limits) = (&config.session, &config.limits);
    if session.unremembered_lifetime.duration() > session.lifetime.duration() {
        let rule = format!("must not be longer than session.lifetime ({})", session.lifetime);
        broken.push(("session.unremembered_lifetime", rule));
    }
    if limits.failure_delay.duration() > limits.longest_failure_delay.duration() {
        let rule = format!(
            "must not be longer than limits.longest_failure_delay ({})",
            limits.longest_failure_delay
        );
        broken.push(("limits.failure_delay", rule));
    }
    broken
}

fn mail_and_pages(config: &Config) -> Rules {
    let mut broken = Rules::new();
    let mail = &config.mail;
    if mail.smtp_tls == SmtpTls::None && !mail.smtp_host.as_deref().is_none_or(host_is_loopback) {
        let rule = "must be starttls or tls: without TLS everybody on the way reads mail and password, so \"none\" is \
                    allowed for a server on this machine only";
        broken.push(("mail.smtp_tls", rule.to_owned()));
    }
    if mail.from.parse::<Mailbox>().is_err() {
        let rule = "must be an email address, alone or with a name: Example <no-reply@example.com>";
        broken.push(("mail.from", rule.to_owned()));
    }
    broken.extend(config.pages.broken_rules());
    broken
}

/// What a limit counts is fixed: a rate that names something else would not do what it says.
fn rates(config: &Config) -> Rules {
    let limits = &config.limits;
    let counted: [(&'static str, Rate, RateKey); 12] = [
        ("limits.codes_per_recipient", limits.codes_per_recipient, RateKey::Recipient),
        ("limits.codes_per_source", limits.codes_per_source, RateKey::Ip),
        ("limits.mails_per_recipient", limits.mails_per_recipient, RateKey::Recipient),
        ("limits.mails_per_installation", limits.mails_per_installation, RateKey::Installation),
        ("limits.attempts_per_source", limits.attempts_per_source, RateKey::Ip),
        ("limits.failures_per_source", limits.failures_per_source, RateKey::Ip),
        ("limits.failures_per_account", limits.failures_per_account, RateKey::Account),
        ("limits.refreshes_per_grant", limits.refreshes_per_grant, RateKey::Grant),
        ("limits.changes_per_account", limits.changes_per_account, RateKey::Account),
        ("limits.registrations_per_source", limits.registrations_per_source, RateKey::Ip),
        ("limits.strengths_per_source", limits.strengths_per_source, RateKey::Ip),
        ("limits.client_failures_per_source", limits.client_failures_per_source, RateKey::Ip),
    ];
    let wrong = counted.into_iter().filter(|(_, rate, key)| rate.key != *key);
    wrong
        .map(|(setting, rate, key)| {
            (setting, format!("must be counted per {}: {}", key.name(), Rate { key, ..rate }))
        })
        .collect()
}
