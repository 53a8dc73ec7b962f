//! `postern config check` and `postern serve` on settings with mistakes: both ask the same questions, and tell all
//! mistakes at once.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::commands::{Ended, Shell};

/// The mistakes that a command tells of these settings.
fn told(command: &[&str], settings: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut postern = Command::new(env!("CARGO_BIN_EXE_postern"));
    postern.args(command).current_dir(folder.path());
    postern
        .env("POSTERN_SECRETS__ENCRYPTION_KEY", "A".repeat(43))
        .env("POSTERN_ISSUER", "https://id.example.com");
    let settings = settings.iter().map(|(key, value)| (format!("POSTERN_{key}"), *value));
    let output: Output = postern.envs(settings).output().unwrap();
    assert!(!folder.path().join("data").exists(), "nothing is made before the settings are good");
    output.into()
}

const MISTAKES: [(&str, &str, &str); 21] = [
    (
        "DATABASE__URL",
        "mysql://localhost/postern",
        "`database.url` = \"[secret]\"|must begin with sqlite: or postgres:",
    ),
    ("HTTP__TLS_CERTIFICATE", "/nowhere/cert.pem", "`http.tls_key`|must be set"),
    (
        "OUTBOUND__TRUST_ANCHORS",
        "/nowhere/ca.pem",
        "`outbound.trust_anchors` = \"/nowhere/ca.pem\"|a file that can be read",
    ),
    (
        "PASSWORD__BREACHED_FILE",
        "/nowhere/breached",
        "`password.breached_file` = \"/nowhere/breached\"|postern passwords build",
    ),
    ("PAGES__TEMPLATES", "/nowhere/templates", "`pages.templates` = \"/nowhere/templates\"|must be a folder"),
    ("MAIL__FROM", "nobody", "`mail.from` = \"nobody\"|must be an email address"),
    (
        "MAIL__SMTP_TLS",
        "startls",
        "`mail.smtp_tls` = \"startls\"|must be starttls, tls or none; did you mean `starttls`?",
    ),
    (
        "LOGIN__METHODS",
        "email-otp,pasword",
        "`login.methods` = [\"email-otp\", \"pasword\"]|did you mean `password`?",
    ),
    (
        "LOGIN__CODE_DELIVERY",
        "gateway",
        "`login.code_delivery` = \"gateway\"|must be operator, console or webhook",
    ),
    ("LOGIN__REQUIRED_ACR", "aal3", "`login.required_acr` = \"aal3\"|must be aal1, aal2 or phr"),
    (
        "REGISTRATION__MODE",
        "opne",
        "`registration.mode` = \"opne\"|must be closed, invitation or open; did you mean `open`?",
    ),
    ("KEYS__ALGORITHM", "RS512", "`keys.algorithm` = \"RS512\"|must be RS256, PS256, ES256 or EdDSA"),
    ("KEYS__RSA_BITS", "1024", "`keys.rsa_bits` = \"1024\"|must be 2048, 3072 or 4096"),
    (
        "LIMITS__CODES_PER_SOURCE",
        "5 per 15 minutes per ip",
        "`limits.codes_per_source`|must be a rate such as",
    ),
    (
        "LIMITS__FAILURES_PER_SOURCE",
        "5 per 15m per account",
        "`limits.failures_per_source` = \"5 per 15m per account\"|must be counted per ip: 5 per 15m per ip",
    ),
    ("TELEMETRY__LOG", "loud", "`telemetry.log` = \"loud\"|must be a level"),
    ("TELEMETRY__FORMAT", "xml", "`telemetry.format` = \"xml\"|must be auto, pretty or json"),
    ("PASSWORD__MIN_LENGTH", "4", "`password.min_length` = \"4\"|must be at least 8"),
    ("AUDIT__RETENTION", "1h", "`audit.retention` = \"1h\"|must be at least 1d"),
    ("SECRETS__ENCRYPTION_KEY", "short", "`secrets.encryption_key` = \"[secret]\"|postern keys new-secret"),
    (
        "TOKENS__ACCESS_TOKEN_LIFETME",
        "1m",
        "unknown setting `tokens.access_token_lifetme`|did you mean `tokens.access_token_lifetime`?",
    ),
];

#[test]
fn each_mistake_is_told_alone_with_its_key_its_value_and_the_rule() {
    for (key, value, said) in MISTAKES {
        let ended = told(&["config", "check"], &[(key, value)]);
        assert_eq!(ended.code, 1, "{key}: {ended:?}");
        for part in said.split('|') {
            assert!(ended.err.contains(part), "{part:?} not in {ended:?}");
        }
    }
}

#[test]
fn all_mistakes_are_told_at_once_by_check_and_serve_alike() {
    let settings = MISTAKES.map(|(key, value, _)| (key, value));
    let [checked, served] = [&["config", "check"][..], &["serve"]].map(|command| told(command, &settings));
    assert_eq!((checked.code, served.code), (1, 1), "{checked:?} {served:?}");
    assert_eq!(checked.err, served.err);
    assert!(checked.err.starts_with("postern: the settings have 21 mistakes\n  - "), "{}", checked.err);
    for (_, _, said) in MISTAKES {
        let line = |line: &str| said.split('|').all(|part| line.contains(part));
        assert_eq!(checked.err.lines().filter(|text| line(text)).count(), 1, "{said}: {}", checked.err);
    }
}

#[test]
fn settings_that_leave_nobody_a_way_in_are_refused() {
    for (settings, said) in [
        (
            &[("LOGIN__METHODS", "")][..],
            "must name a method that begins a sign-in: email-otp, code, password or passkey",
        ),
        (&[("LOGIN__METHODS", "totp,recovery-code")], "must name a method that begins a sign-in"),
        (&[("REGISTRATION__MODE", "open")], "set mail.smtp_host"),
        (&[("REGISTRATION__MODE", "invitation"), ("LOGIN__METHODS", "email-otp")], "`registration.mode`"),
        (&[("LOGIN__REQUIRED_ACR", "phr"), ("LOGIN__METHODS", "password,totp")], "`login.required_acr`"),
    ] {
        for command in [&["config", "check"][..], &["serve"]] {
            told(command, settings).failed(1, said);
        }
    }
    told(&["config", "check"], &[("REGISTRATION__MODE", "open"), ("MAIL__SMTP_HOST", "mail.example.com")])
        .succeeded();
}

#[tokio::test]
async fn a_login_method_that_the_settings_may_name_is_built_in_and_the_other_way_round() {
    let shell = Shell::empty().await;
    let shown = shell.json(&["config", "show"]);
    let methods = shown.as_array().unwrap().iter().find(|setting| setting["key"] == "login.methods").unwrap();
    let names: Vec<_> =
        postern_identity::login::built_in_methods().iter().map(|method| method.name()).collect();
    assert_eq!(methods["value"], format!("{names:?}"));
}

#[tokio::test]
async fn a_check_of_the_settings_says_where_codes_cannot_be_posted_to() {
    let shell = Shell::empty().await;
    let check = |url: &str, allowed: &str| {
        let mut command = shell.command(&["config", "check"]);
        let command = command
            .env("POSTERN_LOGIN__CODE_DELIVERY", "webhook")
            .env("POSTERN_LOGIN__CODE_WEBHOOK_SECRET", "secret")
            .env("POSTERN_LOGIN__CODE_WEBHOOK_URL", url)
            .env("POSTERN_OUTBOUND__ALLOW_HOSTS", allowed);
        Ended::from(command.output().unwrap())
    };
    for (url, rule) in [
        ("http://gateway.example.com/codes", "only https is called"),
        ("ftp://gateway.internal/codes", "only https is called"),
        ("https://10.1.2.3/codes", "private network"),
        ("https://[::1]/codes", "private network"),
        ("https://localhost/codes", "private network"),
    ] {
        let refused = check(url, "gateway.internal");
        assert!(refused.err.contains("login.code_webhook_url"), "{url}: {refused:?}");
        refused.failed(1, rule);
    }
    check("https://gateway.example.com/codes", "").succeeded();
    check("http://gateway.internal/codes", "gateway.internal").succeeded();
}

#[tokio::test]
async fn a_check_of_the_settings_warns_of_a_proxy_that_nobody_named() {
    let shell = Shell::empty().await;
    let check = |issuer: &str, proxies: &str| {
        let mut command = shell.command(&["config", "check", "--json"]);
        command.env("POSTERN_ISSUER", issuer).env("POSTERN_HTTP__TRUSTED_PROXIES", proxies);
        serde_json::from_str::<Value>(&Ended::from(command.output().unwrap()).succeeded()).unwrap()
    };
    let warned = check("https://id.example.com", "");
    assert_eq!(warned["good"], true);
    let warning = warned["warnings"][0].as_str().unwrap();
    assert!(warning.contains("http.trusted_proxies") && warning.contains("one source"), "{warning}");
    assert_eq!(check("https://id.example.com", "127.0.0.1")["warnings"], json!([]));
    assert_eq!(check("http://localhost:7117", "")["warnings"], json!([]));
    let mut command = shell.command(&["config", "check"]);
    let said = Ended::from(command.env("POSTERN_ISSUER", "https://id.example.com").output().unwrap());
    let said = said.succeeded();
    assert!(said.contains("Warning: http.trusted_proxies") && !said.contains("CONTRAST"), "{said}");
}

#[tokio::test]
async fn a_check_of_the_settings_warns_of_a_mail_user_without_a_password() {
    let shell = Shell::empty().await;
    let check = |more: &[(&str, &str)]| {
        let mut command = shell.command(&["config", "check"]);
        command.env("POSTERN_MAIL__SMTP_HOST", "mail.example.com").envs(more.iter().copied());
        Ended::from(command.output().unwrap()).succeeded()
    };
    let user = ("POSTERN_MAIL__SMTP_USERNAME", "postern");
    assert!(check(&[user]).contains("POSTERN_MAIL__SMTP_PASSWORD_FILE"));
    for settings in [&[][..], &[user, ("POSTERN_MAIL__SMTP_PASSWORD", "of the mail server")]] {
        assert!(!check(settings).contains("Warning"), "{settings:?}");
    }
}
