//! Defines the settings of `postern`. `config/default.toml` explains each setting and gives its default.
//!
//! Owns the checks that concern several settings, or the meaning of one. Leaves the reading of files and the
//! environment to `postern_service::settings`. A setting that would weaken security (mail without TLS, codes
//! on the terminal) is refused unless it stays on this machine.

mod issuer;
mod pages;
mod rules;

use std::{collections::BTreeSet, ffi::OsString, fmt::Display, num::NonZeroU16, path::PathBuf};

use postern_service::{
    database::DatabaseSettings,
    settings::{
        BrokenRule, HttpSettings, Lifetime, LoadedSettings, Rate, Secret, SettingsError, SettingsSources,
        TelemetrySettings, one_of,
    },
    tls::{self, InvalidTlsFile},
};
use postern_token_verifier::Algorithm;
use serde::{Deserialize, Deserializer};
use url::Url;

pub(crate) use self::issuer::host_is_loopback;
pub use self::issuer::url_is_loopback;
pub use self::pages::{DEFAULT_NAME, PageSettings, Support};
use crate::acr::Acr;

/// The defaults. The file also defines the set of valid keys.
pub const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// The path below which a page explains the reference of a refused request.
pub const ERROR_PAGES: &str = "/errors";

/// Keys whose value may also be read from a file, which the variable with the suffix `_FILE` names.
pub const SECRET_KEYS: [&str; 4] =
    ["database.url", "secrets.encryption_key", "login.code_webhook_secret", "mail.smtp_password"];

/// Variables that `scripts/test` sets for the tests. Commands inherit them, and must not refuse them as
/// unknown settings.
const TEST_VARIABLES: [&str; 5] =
    ["POSTERN_AXE", "POSTERN_CHROMIUM", "POSTERN_SCREENSHOTS", "POSTERN_TEST_POSTGRES", "POSTERN_VECTORS"];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The origin of every published URL; equals `iss` byte for byte.
    pub issuer: String,
    pub http: HttpSettings,
    pub database: DatabaseSettings,
    pub secrets: SecretSettings,
    pub tokens: TokenSettings,
    pub keys: KeySettings,
    pub login: LoginSettings,
    pub password: PasswordSettings,
    pub registration: RegistrationSettings,
    pub session: SessionSettings,
    pub mail: MailSettings,
    pub limits: LimitSettings,
    pub audit: AuditSettings,
    pub outbound: OutboundSettings,
    pub pages: PageSettings,
    pub telemetry: TelemetrySettings,
}

/// The key that seals the secrets in the database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSettings {
    /// 32 bytes in base64url; none until the operator generates a key.
    pub encryption_key: Option<Secret>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    pub access_token_lifetime: Lifetime,
    pub id_token_lifetime: Lifetime,
    /// Of an authorization code. Not to be confused with `login.code_lifetime`.
    pub code_lifetime: Lifetime,
    /// Of a refresh token that is not used.
    pub refresh_token_idle_lifetime: Lifetime,
    /// Of a grant, and with it of all its refresh tokens, however often they are used.
    pub refresh_token_lifetime: Lifetime,
    /// How long a rotated refresh token still yields its successor.
    pub refresh_token_grace: Lifetime,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// The issuer's own algorithm, for ID tokens and tokens for the issuer (RFC 7518 name).
    #[serde(deserialize_with = "algorithm")]
    pub algorithm: Algorithm,
    pub rsa_bits: u32,
    /// How long a key is published before it may sign.
    pub publish_before: Lifetime,
    /// How long a key signs before it is rotated.
    pub rotate_every: Lifetime,
}

/// How the `code` method delivers its codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeDelivery {
    /// An operator creates the code and tells it to the user.
    Operator,
    /// Printed on the terminal of the node; loopback only.
    Console,
    /// Posted to a webhook of the operator.
    Webhook,
}

impl<'de> Deserialize<'de> for CodeDelivery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_of(
            deserializer,
            &[("operator", Self::Operator), ("console", Self::Console), ("webhook", Self::Webhook)],
        )
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginSettings {
    /// Names of the login methods that are switched on.
    pub methods: Vec<String>,
    /// The lowest acr of every sign-in for a client.
    #[serde(default, deserialize_with = "acr")]
    pub required_acr: Option<Acr>,
    /// Of a stored authorization request that waits for the user.
    pub request_lifetime: Lifetime,
    /// Of a login attempt.
    pub attempt_lifetime: Lifetime,
    /// Of a one-time code that is sent to a user.
    pub code_lifetime: Lifetime,
    /// How long a device is remembered for an account after its last sign-in there.
    pub device_lifetime: Lifetime,
    /// Permitted attempts at one code.
    pub code_tries: u16,
    pub code_delivery: CodeDelivery,
    pub code_webhook_url: Option<Url>,
    /// The key that signs the body of the webhook.
    pub code_webhook_secret: Option<Secret>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordSettings {
    /// In characters; for an account without a second factor.
    pub min_length: usize,
    /// In characters; for an account with a second factor.
    pub min_length_with_second_factor: usize,
    /// The lowest zxcvbn score, 0 to 4.
    pub min_strength: u8,
    /// None switches the comparison with breached passwords off.
    pub breached_file: Option<PathBuf>,
    /// Argon2id memory, in KiB.
    pub memory_kib: u32,
    /// Argon2id passes over the memory.
    pub iterations: u32,
    /// Lanes of Argon2id (RFC 9106 section 3.1).
    pub parallelism: u32,
}

/// Who may register an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Nobody: operators add users.
    Closed,
    Invitation,
    /// Everybody with an email.
    Open,
}

impl<'de> Deserialize<'de> for RegistrationMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_of(
            deserializer,
            &[("closed", Self::Closed), ("invitation", Self::Invitation), ("open", Self::Open)],
        )
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrationSettings {
    pub mode: RegistrationMode,
    /// How long a mailed link to verify an email or to reset a password is valid.
    pub link_lifetime: Lifetime,
    /// From the closing of an account until its deletion.
    pub deletion_grace: Lifetime,
    /// How long a change of email can be undone from the former mailbox.
    pub email_undo_lifetime: Lifetime,
    pub invitation_lifetime: Lifetime,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// Of a session that is not used.
    pub idle_lifetime: Lifetime,
    /// The absolute lifetime of a session that the user asked to keep.
    pub lifetime: Lifetime,
    /// The absolute lifetime of any other session.
    pub unremembered_lifetime: Lifetime,
}

/// How the SMTP connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// STARTTLS (RFC 3207). If the server does not offer it, nothing is sent.
    Starttls,
    /// Implicit TLS (RFC 8314).
    Tls,
    /// No TLS; loopback only.
    None,
}

impl<'de> Deserialize<'de> for SmtpTls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_of(deserializer, &[("starttls", Self::Starttls), ("tls", Self::Tls), ("none", Self::None)])
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// None switches mail off.
    pub smtp_host: Option<String>,
    pub smtp_port: u16,
    pub smtp_tls: SmtpTls,
    pub smtp_username: Option<String>,
    pub smtp_password: Option<Secret>,
    /// The longest wait for a reply of the server.
    pub smtp_timeout: Lifetime,
    /// The `From` of every mail.
    pub from: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    pub codes_per_recipient: Rate,
    /// By the source IP of the request.
    pub codes_per_source: Rate,
    /// Codes and mails to one recipient that unauthenticated callers request, in a longer period.
    pub mails_per_recipient: Rate,
    /// Codes and mails that unauthenticated callers request at all nodes together. Above it, registrations
    /// are refused.
    pub mails_per_installation: Rate,
    /// Login attempts from one IP with a method that sends nothing.
    pub attempts_per_source: Rate,
    /// Failed authentications from one IP.
    pub failures_per_source: Rate,
    /// Wrong codes while an account sets up an authenticator app.
    pub failures_per_account: Rate,
    /// Failed authentications of one account before the next attempt is delayed.
    pub failures_before_delay: NonZeroU16,
    /// The first delay; each further failure doubles it.
    pub failure_delay: Lifetime,
    pub longest_failure_delay: Lifetime,
    /// Failures of an account are forgotten after this time without a failure.
    pub failures_forgotten_after: Lifetime,
    pub refreshes_per_grant: Rate,
    /// Changes that a user makes to one account.
    pub changes_per_account: Rate,
    pub registrations_per_source: Rate,
    /// Estimates of password strength from one IP, while the password is typed.
    pub strengths_per_source: Rate,
    pub client_failures_per_source: Rate,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    /// How long an audit event is kept.
    pub retention: Lifetime,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundSettings {
    /// Hosts on private networks that may be called. All others are refused, against SSRF.
    pub allow_hosts: BTreeSet<String>,
    /// A PEM file of certificates that are trusted beside those of the system.
    pub trust_anchors: Option<PathBuf>,
    /// The longest wait for a response.
    pub timeout: Lifetime,
}

fn algorithm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Algorithm, D::Error> {
    one_of(deserializer, &Algorithm::ALL.map(|algorithm| (algorithm.name(), algorithm)))
}

fn acr<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Acr>, D::Error> {
    one_of(deserializer, &Acr::ALL.map(|acr| (acr.as_str(), acr))).map(Some)
}

/// Limits of one Argon2 hash, in KiB and passes: an expensive imported hash must not stop the service.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_ITERATIONS: u32 = 16;
const MAX_WORK_KIB: u64 = 1024 * 1024;

/// With an https issuer and a listener without TLS, a reverse proxy must be in front.
const UNNAMED_PROXY: &str = "http.trusted_proxies is empty although the issuer is https: behind a proxy all people are \
    one source then, and a few wrong passwords of one keep everybody out; name the proxy's address or network, such as \
    trusted_proxies = ['127.0.0.1']";

const NO_MAIL_PASSWORD: &str = "mail.smtp_username is set and mail.smtp_password is not: the mail server will refuse to send; \
    name the file with the password by POSTERN_MAIL__SMTP_PASSWORD_FILE";

impl PasswordSettings {
    /// Whether the service may compute an Argon2 hash with these parameters, its own or an imported one. The
    /// computation is triggered by unauthenticated callers.
    pub fn within_work_limit(memory_kib: u32, iterations: u32) -> bool {
        let work = u64::from(memory_kib) * u64::from(iterations);
        memory_kib <= MAX_MEMORY_KIB && iterations <= MAX_ITERATIONS && work <= MAX_WORK_KIB
    }
}

impl OutboundSettings {
    /// The extra trust anchors in PEM; empty if there are none.
    pub fn trust_anchors(&self) -> Result<Vec<u8>, InvalidTlsFile> {
        let read = |path: &PathBuf| tls::read_trust_anchors("outbound.trust_anchors", path);
        self.trust_anchors.as_ref().map_or_else(|| Ok(Vec::new()), read)
    }
}

impl Config {
    /// Reads the layers (defaults, file, environment), and checks what needs no file and no database.
    pub fn load(
        file: Option<PathBuf>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<LoadedSettings<Self>, SettingsError> {
        Self::load_checked(file, env, |_| Vec::new())
    }

    /// [`load`](Self::load) with further rules. All mistakes are reported at once.
    pub fn load_checked(
        file: Option<PathBuf>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
        further_rules: impl FnOnce(&Self) -> Vec<BrokenRule>,
    ) -> Result<LoadedSettings<Self>, SettingsError> {
        SettingsSources {
            defaults: DEFAULTS,
            file,
            env_prefix: "POSTERN",
            env: env.into_iter().collect(),
            secrets: &SECRET_KEYS,
            open_tables: &[],
            foreign_env: &TEST_VARIABLES,
        }
        .load_checked(|config| [rules::broken(config), further_rules(config)].concat())
    }

    /// Warnings about settings that are valid but rarely intended.
    pub fn warnings(&self) -> Vec<&'static str> {
        let proxy = self.secure_cookies() && self.http.tls_certificate.is_none();
        let unnamed_proxy = proxy && self.http.trusted_proxies.is_empty();
        let mail = &self.mail;
        let no_password =
            mail.smtp_host.is_some() && mail.smtp_username.is_some() && mail.smtp_password.is_none();
        [(unnamed_proxy, UNNAMED_PROXY), (no_password, NO_MAIL_PASSWORD)]
            .into_iter()
            .filter_map(|(applies, warning)| applies.then_some(warning))
            .collect()
    }

    /// Whether cookies have `Secure` and the prefix `__Host-`: always, except for a loopback issuer over
    /// http.
    pub fn secure_cookies(&self) -> bool {
        self.issuer.starts_with("https:")
    }

    /// The URL of the page that explains the reference of a refused request, sent as `error_uri`.
    pub fn error_page(&self, reference: impl Display) -> String {
        format!("{}{ERROR_PAGES}/{reference}", self.issuer)
    }

    pub fn issuer_is_loopback(&self) -> bool {
        Url::parse(&self.issuer).is_ok_and(|issuer| url_is_loopback(&issuer))
    }
}
