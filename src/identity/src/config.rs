//! Defines the settings of `postern`; `config/default.toml` explains each and gives its default.

use std::{
    collections::BTreeSet, ffi::OsString, fmt::Display, num::NonZeroU16, path::PathBuf, time::Duration,
};

use postern_service::{
    database::DatabaseSettings,
    settings::{HttpSettings, Lifetime, Loaded, Rate, Secret, SettingsError, Sources, TelemetrySettings},
};
use postern_token_verifier::Algorithm;
use serde::Deserialize;
use url::{Host, Url};

use crate::login::policy::Acr;

/// The defaults, and with them the list of every key.
pub const DEFAULTS: &str = include_str!("../../../config/default.toml");

const DAY: Duration = Duration::from_hours(24);

/// Above the pages that explain references of refused requests.
pub const ERROR_PAGES: &str = "/errors";

/// Keys whose value may also come from a file, named by the key with `_FILE`.
pub const SECRET_KEYS: [&str; 4] =
    ["database.url", "secrets.encryption_key", "login.code_webhook_secret", "mail.smtp_password"];

/// What `scripts/test` tells the tests, whose commands inherit it.
const FOREIGN_VARIABLES: [&str; 5] =
    ["POSTERN_AXE", "POSTERN_CHROMIUM", "POSTERN_SCREENSHOTS", "POSTERN_TEST_POSTGRES", "POSTERN_VECTORS"];

/// Every setting.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Origin of every URL this provider publishes; equals `iss` byte for byte.
    pub issuer: String,
    /// The listener.
    pub http: HttpSettings,
    /// The database.
    pub database: DatabaseSettings,
    /// What seals the secrets in the database.
    pub secrets: SecretSettings,
    /// Lives of tokens.
    pub tokens: TokenSettings,
    /// Signing keys.
    pub keys: KeySettings,
    /// Login methods.
    pub login: LoginSettings,
    /// Passwords.
    pub password: PasswordSettings,
    /// Registration.
    pub registration: RegistrationSettings,
    /// Sessions.
    pub session: SessionSettings,
    /// Outgoing mail.
    pub mail: MailSettings,
    /// How often things may happen.
    pub limits: LimitSettings,
    /// The record of what happened.
    pub audit: AuditSettings,
    /// Calls to other servers.
    pub outbound: OutboundSettings,
    /// What pages are made from.
    pub pages: PageSettings,
    /// Logs.
    pub telemetry: TelemetrySettings,
}

/// What seals the secrets in the database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSettings {
    /// 32 bytes, base64url; none until the operator makes one.
    pub encryption_key: Option<Secret>,
}

/// Lives of tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// Life of an access token.
    pub access_token_lifetime: Lifetime,
    /// Life of an ID token.
    pub id_token_lifetime: Lifetime,
    /// Life of an authorization code.
    pub code_lifetime: Lifetime,
    /// Life of a refresh token without use.
    pub refresh_token_idle_lifetime: Lifetime,
    /// Absolute life of a grant.
    pub refresh_token_lifetime: Lifetime,
    /// How long a rotated refresh token still answers with its successor.
    pub refresh_token_grace: Lifetime,
}

/// Signing keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// Algorithm of new keys (RFC 7518 name).
    pub algorithm: Algorithm,
    /// Bits of an RSA key.
    pub rsa_bits: u32,
    /// Time between publication and first use.
    pub publish_before: Lifetime,
    /// Time a key signs.
    pub rotate_every: Lifetime,
}

/// How the `code` method delivers its codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodeDelivery {
    /// An operator makes the code and hands it over.
    Operator,
    /// Written to the terminal of the node; loopback only.
    Console,
    /// Posted to the operator's own gateway.
    Webhook,
}

/// Login methods.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginSettings {
    /// Methods that are switched on.
    pub methods: Vec<String>,
    /// Least level of every sign-in for a client.
    pub required_acr: Option<Acr>,
    /// Life of an authorization request that waits for a person.
    pub request_lifetime: Lifetime,
    /// Life of a login in progress.
    pub attempt_lifetime: Lifetime,
    /// Life of a sent code.
    pub code_lifetime: Lifetime,
    /// How long a device is known to an account after its last sign-in.
    pub device_lifetime: Lifetime,
    /// Tries at one code.
    pub code_tries: u16,
    /// How the `code` method delivers.
    pub code_delivery: CodeDelivery,
    /// Where the webhook posts to.
    pub code_webhook_url: Option<Url>,
    /// Signs what the webhook posts.
    pub code_webhook_secret: Option<Secret>,
}

/// Passwords.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordSettings {
    /// Fewest characters of one that stands alone.
    pub min_length: usize,
    /// Fewest characters of one that is used beside a second factor.
    pub min_length_with_second_factor: usize,
    /// Least strength of zxcvbn, 0 to 4.
    pub min_strength: u8,
    /// File of breached passwords; none compares with none.
    pub breached_file: Option<PathBuf>,
    /// Argon2id: KiB of memory.
    pub memory_kib: u32,
    /// Argon2id: passes over the memory.
    pub iterations: u32,
    /// Argon2id: lanes.
    pub parallelism: u32,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Nobody; operators add users.
    Closed,
    /// Who was invited.
    Invitation,
    /// Everybody with an address.
    Open,
}

/// Registration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrationSettings {
    /// Who may.
    pub mode: Registration,
    /// Life of the links that are mailed to verify an address or to reset a password.
    pub link_lifetime: Lifetime,
    /// Time between closing one's account and its deletion.
    pub deletion_grace: Lifetime,
    /// How long a change of email can be undone from the former mailbox.
    pub email_undo_lifetime: Lifetime,
    /// Life of an invitation.
    pub invitation_lifetime: Lifetime,
}

/// Sessions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// Life without being seen.
    pub idle_lifetime: Lifetime,
    /// Absolute life of one that the person asked to keep.
    pub lifetime: Lifetime,
    /// Absolute life of any other.
    pub unremembered_lifetime: Lifetime,
}

/// How the SMTP connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Upgraded before anything else is said (RFC 3207), or not at all.
    Starttls,
    /// From the first byte (RFC 8314).
    Tls,
    /// Not at all; loopback only.
    None,
}

/// Outgoing mail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// Server; none sends no mail.
    pub smtp_host: Option<String>,
    /// Its port.
    pub smtp_port: u16,
    /// Protection of the connection.
    pub smtp_tls: SmtpTls,
    /// User name.
    pub smtp_username: Option<String>,
    /// Password.
    pub smtp_password: Option<Secret>,
    /// Longest wait for the server.
    pub smtp_timeout: Lifetime,
    /// Sender of every message.
    pub from: String,
}

/// How often things may happen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Codes to one recipient.
    pub codes_per_recipient: Rate,
    /// Codes asked for from one address.
    pub codes_per_source: Rate,
    /// Codes and mails to one recipient that strangers ask for in a longer time.
    pub mails_per_recipient: Rate,
    /// Codes and mails that strangers ask for at all nodes together, before registrations are refused.
    pub mails_per_installation: Rate,
    /// Sign-ins begun from one address by a method that sends nothing.
    pub attempts_per_source: Rate,
    /// Failed proofs from one address.
    pub failures_per_source: Rate,
    /// Wrong codes of an account that sets up an authenticator app.
    pub failures_per_account: Rate,
    /// Failed proofs against one account before the next one waits.
    pub failures_before_delay: NonZeroU16,
    /// The first wait; each further failure doubles it.
    pub failure_delay: Lifetime,
    /// The longest wait.
    pub longest_failure_delay: Lifetime,
    /// Failed proofs against an account are forgotten after so long without one.
    pub failures_forgotten_after: Lifetime,
    /// Refreshes of one grant.
    pub refreshes_per_grant: Rate,
    /// What people change about one account.
    pub changes_per_account: Rate,
    /// Registrations from one address.
    pub registrations_per_source: Rate,
    /// Passwords whose strength is asked from one address while they are typed.
    pub strengths_per_source: Rate,
    /// Failed client authentications from one address.
    pub client_failures_per_source: Rate,
}

/// The record of what happened.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    /// How long it is kept.
    pub retention: Lifetime,
}

/// Calls to other servers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundSettings {
    /// Hosts on private networks that may be called.
    pub allow_hosts: BTreeSet<String>,
    /// Longest wait for an answer.
    pub timeout: Lifetime,
}

/// What pages are made from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageSettings {
    /// Directory whose files replace the built-in templates of the same name.
    pub templates: Option<PathBuf>,
    /// Where people report security problems, for `/.well-known/security.txt` (RFC 9116 section 2.5.3).
    pub security_contact: Option<Url>,
}

/// How a contact of RFC 9116 section 2.5.3 may be reached: web addresses by https only.
const CONTACT_SCHEMES: [&str; 3] = ["mailto", "https", "tel"];

/// What one Argon2 hash may use at most, KiB: one that was imported is not to stop the service.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_ITERATIONS: u32 = 16;
/// Memory times passes.
const MOST_WORK_KIB: u64 = 1024 * 1024;

/// The listener speaks no TLS, so with an https issuer a proxy is in front.
const UNNAMED_PROXY: &str = "http.trusted_proxies is empty although the issuer is https: behind a proxy all people are \
    one source then, and a few wrong passwords of one keep everybody out; name the proxy's address or network, such as \
    trusted_proxies = ['127.0.0.1']";

impl PasswordSettings {
    /// Whether an Argon2 hash with these parameters, ours or an imported one, may be worked out for whoever asks.
    pub fn affordable(memory_kib: u32, iterations: u32) -> bool {
        let work = u64::from(memory_kib) * u64::from(iterations);
        memory_kib <= MOST_MEMORY_KIB && iterations <= MOST_ITERATIONS && work <= MOST_WORK_KIB
    }
}

impl Config {
    /// Reads the layers: defaults, then the file, then the environment; then checks what one key
    /// alone cannot tell.
    pub fn load(
        file: Option<PathBuf>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Loaded<Self>, SettingsError> {
        let loaded: Loaded<Self> = Sources {
            defaults: DEFAULTS,
            file,
            env_prefix: "POSTERN",
            env: env.into_iter().collect(),
            secrets: &SECRET_KEYS,
            open_tables: &[],
            foreign_env: &FOREIGN_VARIABLES,
        }
        .load()?;
        loaded.settings.check().map_err(|(key, rule)| loaded.refuse(key, rule))?;
        Ok(loaded)
    }

    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        check_issuer(&self.issuer).map_err(|rule| ("issuer", rule))?;
        if ![2048, 3072, 4096].contains(&self.keys.rsa_bits) {
            return Err(("keys.rsa_bits", "must be 2048, 3072 or 4096"));
        }
        if self.mail.smtp_tls == SmtpTls::None && !self.mail.smtp_host.as_deref().is_none_or(loopback) {
            return Err((
                "mail.smtp_tls",
                "\"none\" sends mail and password readable to all and is allowed for a server on this machine only",
            ));
        }
        let password = &self.password;
        if password.min_length.min(password.min_length_with_second_factor) < 8 {
            return Err(("password.min_length", "must be at least 8, with a second factor or without"));
        }
        if password.min_strength > 4 {
            return Err(("password.min_strength", "must be 0 to 4"));
        }
        if argon2::Params::new(password.memory_kib, password.iterations, password.parallelism, None).is_err()
        {
            return Err((
                "password.memory_kib",
                "is out of the range of Argon2id with these iterations and lanes",
            ));
        }
        if self.limits.failure_delay.duration() > self.limits.longest_failure_delay.duration() {
            return Err(("limits.failure_delay", "must not be longer than limits.longest_failure_delay"));
        }
        if !PasswordSettings::affordable(password.memory_kib, password.iterations) {
            return Err((
                "password.memory_kib",
                "must be at most 262144, with at most 16 iterations, and at most 1048576 multiplied by these",
            ));
        }
        if self.session.unremembered_lifetime.duration() > self.session.lifetime.duration() {
            return Err(("session.unremembered_lifetime", "must not be longer than session.lifetime"));
        }
        if self.registration.invitation_lifetime.duration() < DAY {
            return Err(("registration.invitation_lifetime", "must be at least 1d"));
        }
        if self.registration.email_undo_lifetime.duration() < DAY {
            return Err(("registration.email_undo_lifetime", "must be at least 1d"));
        }
        if self.audit.retention.duration() < DAY {
            return Err(("audit.retention", "must be at least 1d"));
        }
        for (key, time) in [
            ("database.request_timeout", self.database.request_timeout),
            ("http.write_timeout", self.http.write_timeout),
        ] {
            if time.duration().is_zero() {
                return Err((key, "must be longer than no time at all"));
            }
        }
        let login = &self.login;
        if login.code_delivery == CodeDelivery::Webhook
            && (login.code_webhook_url.is_none() || login.code_webhook_secret.is_none())
        {
            return Err((
                "login.code_delivery",
                "\"webhook\" needs login.code_webhook_url and login.code_webhook_secret",
            ));
        }
        if self.pages.security_contact.as_ref().is_some_and(|uri| !CONTACT_SCHEMES.contains(&uri.scheme())) {
            return Err(("pages.security_contact", "must begin with mailto:, https:// or tel:"));
        }
        let console = self.login.code_delivery == CodeDelivery::Console;
        if console && !self.http.listen.ip().is_loopback() {
            return Err((
                "login.code_delivery",
                "\"console\" writes codes to the terminal and is allowed on a loopback address only",
            ));
        }
        Ok(())
    }

    /// What is allowed and yet seldom meant, each by its key.
    pub fn warnings(&self) -> Vec<&'static str> {
        let unnamed_proxy = self.secure_cookies() && self.http.trusted_proxies.is_empty();
        unnamed_proxy.then_some(UNNAMED_PROXY).into_iter().collect()
    }

    /// Whether cookies carry `Secure` and the `__Host-` prefix: always, except for a loopback issuer
    /// over http.
    pub fn secure_cookies(&self) -> bool {
        self.issuer.starts_with("https:")
    }

    /// The page that explains the reference of a refused request: `error_uri` in answers of the protocol.
    pub fn error_page(&self, reference: impl Display) -> String {
        format!("{}{ERROR_PAGES}/{reference}", self.issuer)
    }

    /// Whether the issuer's host is this machine, as in `postern dev`.
    pub fn loopback_issuer(&self) -> bool {
        Url::parse(&self.issuer).is_ok_and(|issuer| is_loopback(&issuer))
    }
}

/// Whether the host of a URL is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether a host is this machine.
pub(crate) fn loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// The issuer is an origin (RFC 8414 section 2), https unless it is this machine itself.
fn check_issuer(issuer: &str) -> Result<(), &'static str> {
    let url = Url::parse(issuer).map_err(|_| "must be an absolute URL, such as https://id.example.com")?;
    if url.origin().ascii_serialization() != issuer {
        return Err("must be an origin in its shortest form: no path, query or trailing slash");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        _ => Err("must begin with https:// (http:// is allowed for this machine only)"),
    }
}
