//! Tests how settings are layered, refused and explained.

use std::{ffi::OsString, fs, io::Write, path::PathBuf};

use postern_service::settings::{
    BrokenRule, HttpSettings, Lifetime, LoadedSettings, Origin, Rate, Secret, SettingsError, SettingsSources,
    TelemetrySettings,
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use tempfile::NamedTempFile;

const DEFAULTS: &str = r#"
issuer = ""

[http]
listen = "127.0.0.1:7117"
metrics_listen = ""
docs = true
trusted_proxies = []
max_connections = 1024
header_timeout = "10s"
body_timeout = "10s"
idle_timeout = "30s"
write_timeout = "30s"
request_timeout = "30s"
shutdown_delay = "0s"
shutdown_grace = "10s"
body_limit = "64KiB"

[telemetry]
log = "info"
format = "auto"

[database]
url = "sqlite://data/test.db"
connections = 8

[limits]
sign_in = "5 per 15m per ip"
"#;

#[derive(Debug, Deserialize)]
struct Settings {
    issuer: String,
    http: HttpSettings,
    telemetry: TelemetrySettings,
    database: Database,
    limits: Limits,
}

#[derive(Debug, Deserialize)]
struct Database {
    url: Secret,
    connections: u16,
}

#[derive(Debug, Deserialize)]
struct Limits {
    sign_in: Rate,
}

fn sources(file: Option<PathBuf>, env: &[(&str, &str)]) -> SettingsSources {
    SettingsSources {
        defaults: DEFAULTS,
        file,
        env_prefix: "POSTERN",
        env: env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect(),
        secrets: &["database.url"],
        open_tables: &[],
        foreign_env: &["POSTERN_VECTORS"],
    }
}

fn load(file: Option<PathBuf>, env: &[(&str, &str)]) -> Result<LoadedSettings<Settings>, SettingsError> {
    let env: Vec<_> = [("POSTERN_ISSUER", "http://localhost:7117")].iter().chain(env).copied().collect();
    sources(file, &env).load()
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn defaults_hold_until_a_layer_changes_them() {
    let file = file("[http]\nlisten = \"127.0.0.1:1\"\nbody_limit = \"1KiB\"\n[database]\nconnections = 3\n");
    let loaded = load(Some(file.path().to_owned()), &[("POSTERN_HTTP__LISTEN", "127.0.0.1:2")]).unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.issuer, "http://localhost:7117");
    assert_eq!(settings.http.listen.port(), 2);
    assert_eq!(settings.http.body_limit.bytes(), 1024);
    assert_eq!(settings.http.metrics_listen, None);
    assert_eq!(settings.http.idle_timeout, Lifetime::from_secs(30));
    assert_eq!(settings.telemetry.log, "info");
    assert_eq!(settings.database.connections, 3);
    assert_eq!(settings.limits.sign_in.to_string(), "5 per 15m per ip");

    let origin = |key| &loaded.explain().iter().find(|e| e.key == key).unwrap().origin;
    assert_eq!(origin("http.listen"), &Origin::Environment("POSTERN_HTTP__LISTEN".to_owned()));
    assert_eq!(origin("http.body_limit"), &Origin::File(file.path().to_owned()));
    assert_eq!(origin("http.docs"), &Origin::Default);
}

#[test]
fn texts_from_the_environment_become_the_type_that_is_read() {
    let loaded = load(
        None,
        &[
            ("POSTERN_HTTP__DOCS", "false"),
            ("POSTERN_HTTP__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("POSTERN_HTTP__METRICS_LISTEN", "[::1]:9000"),
            ("POSTERN_DATABASE__CONNECTIONS", "4"),
        ],
    );
    let settings = loaded.unwrap().settings;
    assert!(!settings.http.docs);
    assert_eq!(settings.http.trusted_proxies.len(), 2);
    assert_eq!(settings.http.metrics_listen.unwrap().port(), 9000);
    assert_eq!(settings.database.connections, 4);

    let listed =
        load(None, &[("POSTERN_HTTP__TRUSTED_PROXIES", "[\"10.0.0.0/8\", \"192.168.1.1\"]")]).unwrap();
    assert_eq!(listed.settings.http.trusted_proxies.len(), 2);
}

#[test]
fn an_unknown_key_is_refused_by_name_with_the_nearest_known_one() {
    let refused = |file, env| load(file, env).unwrap_err().to_string();
    assert_eq!(
        refused(None, &[("POSTERN_HTTP__LISTNE", "127.0.0.1:1")]),
        "unknown setting `http.listne` in POSTERN_HTTP__LISTNE; did you mean `http.listen`?"
    );
    assert_eq!(
        refused(None, &[("POSTERN_ISUER", "x")]),
        "unknown setting `isuer` in POSTERN_ISUER; did you mean `issuer`?"
    );
    let file = file("[htpp]\nlisten = \"127.0.0.1:1\"\n");
    assert_eq!(
        refused(Some(file.path().to_owned()), &[]),
        format!("unknown setting `htpp.listen` in {}; did you mean `http.listen`?", file.path().display())
    );
}

#[test]
fn a_wrong_value_is_refused_with_key_value_rule_and_origin() {
    for (name, value, expected) in [
        (
            "POSTERN_HTTP__LISTEN",
            "localhost",
            "setting `http.listen` = \"localhost\" in POSTERN_HTTP__LISTEN: must be an IP address and a port, such as \
             127.0.0.1:7117 or [::]:7117",
        ),
        (
            "POSTERN_HTTP__HEADER_TIMEOUT",
            "soon",
            "setting `http.header_timeout` = \"soon\" in POSTERN_HTTP__HEADER_TIMEOUT: must be a length of time such as \
             250ms, 10s, 15m, 1h30m or 7d",
        ),
        (
            "POSTERN_HTTP__MAX_CONNECTIONS",
            "0",
            "setting `http.max_connections` = \"0\" in POSTERN_HTTP__MAX_CONNECTIONS: must be a whole number from 1",
        ),
        (
            "POSTERN_DATABASE__CONNECTIONS",
            "many",
            "setting `database.connections` = \"many\" in POSTERN_DATABASE__CONNECTIONS: must be an integer",
        ),
        (
            "POSTERN_DATABASE__CONNECTIONS",
            "70000",
            "setting `database.connections` = \"70000\" in POSTERN_DATABASE__CONNECTIONS: must be an unsigned 16 bit \
             integer",
        ),
        (
            "POSTERN_TELEMETRY__FORMAT",
            "xml",
            "setting `telemetry.format` = \"xml\" in POSTERN_TELEMETRY__FORMAT: must be auto, pretty or json",
        ),
        (
            "POSTERN_HTTP__TRUSTED_PROXIES",
            "10.0.0.0/8,proxy",
            "setting `http.trusted_proxies` = [\"10.0.0.0/8\", \"proxy\"] in POSTERN_HTTP__TRUSTED_PROXIES: must be a \
             list of IP addresses or networks, such as 10.0.0.0/8",
        ),
        (
            "POSTERN_LIMITS__SIGN_IN",
            "often",
            "setting `limits.sign_in` = \"often\" in POSTERN_LIMITS__SIGN_IN: must be a rate such as `5 per 15m per ip` \
             (per ip, recipient, account, client, grant or installation)",
        ),
    ] {
        assert_eq!(load(None, &[(name, value)]).unwrap_err().to_string(), expected);
    }
}

#[test]
fn all_mistakes_of_all_layers_are_reported_at_once() {
    let file =
        file("[http]\nlisten = \"everywhere\"\nport = 1\n[limits]\nsign_in = \"5 per 15 minutes per ip\"\n");
    let env =
        [("POSTERN_TELEMETRY__FORMAT", "jsno"), ("POSTERN_ISUER", "x"), ("POSTERN_HTTP__DOCS", "perhaps")];
    let env: Vec<_> = [("POSTERN_ISSUER", "http://localhost:7117")].iter().chain(&env).copied().collect();
    let refused = sources(Some(file.path().to_owned()), &env).load_checked::<Settings>(|settings| {
        assert_eq!(settings.http.listen.port(), 7117, "what cannot be read has its default");
        let rule = |key| BrokenRule::new(key, "must be another");
        vec![rule("http.listen"), rule("database.connections")]
    });
    let told = refused.unwrap_err().to_string();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines[0], "the settings have 7 mistakes", "{told}");
    for said in [
        "unknown setting `http.port`",
        "`http.listen` = \"everywhere\"",
        "`limits.sign_in` = \"5 per 15 minutes per ip\"",
        "POSTERN_TELEMETRY__FORMAT: must be auto, pretty or json; did you mean `json`?",
        "unknown setting `isuer` in POSTERN_ISUER; did you mean `issuer`?",
        "`http.docs` = \"perhaps\"",
        "`database.connections` = 8 in the defaults: must be another",
    ] {
        assert_eq!(lines.iter().filter(|line| line.contains(said)).count(), 1, "{said}: {told}");
    }
}

#[test]
fn a_log_filter_that_would_silence_the_log_is_refused() {
    for filter in ["loud", "inof", "postern_identity", "info,loud"] {
        let refused = load(None, &[("POSTERN_TELEMETRY__LOG", filter)]).unwrap_err().to_string();
        assert!(refused.contains("must be a level (error, warn, info, debug, trace, off)"), "{refused}");
    }
    for filter in ["info", "WARN", "off", "info,postern_identity=debug", "warn,sqlx=error"] {
        load(None, &[("POSTERN_TELEMETRY__LOG", filter)]).unwrap();
    }
}

#[test]
fn a_missing_setting_is_named_with_its_variable() {
    let cause = sources(None, &[]).load::<Settings>().unwrap_err().to_string();
    assert_eq!(
        cause,
        "setting `issuer` is missing: set it in the file given by --config or as POSTERN_ISSUER"
    );
    let cause = load(None, &[("POSTERN_DATABASE__URL", "")]).unwrap_err().to_string();
    assert_eq!(
        cause,
        "setting `database.url` is missing: set it in the file given by --config or as POSTERN_DATABASE__URL"
    );
}

#[test]
fn a_rule_of_the_caller_is_reported_like_the_others() {
    let loaded = load(None, &[("POSTERN_HTTP__LISTEN", "0.0.0.0:80")]).unwrap();
    assert_eq!(
        loaded.invalid_setting("http.listen", "must be a loopback address").to_string(),
        "setting `http.listen` = \"0.0.0.0:80\" in POSTERN_HTTP__LISTEN: must be a loopback address"
    );
    assert_eq!(
        loaded.invalid_setting("database.url", "must be sqlite or postgres").to_string(),
        "setting `database.url` = \"[secret]\" in the defaults: must be sqlite or postgres"
    );
}

#[test]
fn a_secret_comes_from_its_own_file_without_the_last_line_end() {
    let secret = file("postgres://u:hunter2@db/x\n");
    let path = secret.path().to_str().unwrap();
    let loaded = load(None, &[("POSTERN_DATABASE__URL_FILE", path)]).unwrap();
    assert_eq!(loaded.settings.database.url.expose_secret(), "postgres://u:hunter2@db/x");

    let config = file(&format!("[database]\nurl_file = {path:?}\n"));
    let loaded = load(Some(config.path().to_owned()), &[]).unwrap();
    assert_eq!(loaded.settings.database.url.expose_secret(), "postgres://u:hunter2@db/x");
    let loaded =
        load(Some(config.path().to_owned()), &[("POSTERN_DATABASE__URL", "sqlite://nearer.db")]).unwrap();
    assert_eq!(loaded.settings.database.url.expose_secret(), "sqlite://nearer.db");

    let twice = [("POSTERN_DATABASE__URL", "x"), ("POSTERN_DATABASE__URL_FILE", path)];
    assert!(matches!(load(None, &twice), Err(SettingsError::ValueAndFile { .. })));
    let missing = load(None, &[("POSTERN_DATABASE__URL_FILE", "/nowhere")]).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "cannot read the file /nowhere for setting `database.url` (named by POSTERN_DATABASE__URL_FILE)"
    );
    let not_secret = load(None, &[("POSTERN_TELEMETRY__LOG_FILE", path)]).unwrap_err();
    assert!(matches!(not_secret, SettingsError::Unknown { .. }), "only secrets may come from files");
}

#[test]
fn no_secret_is_ever_shown() {
    let loaded = load(None, &[("POSTERN_DATABASE__URL", "postgres://u:hunter2@db/x")]).unwrap();
    let explained = format!("{:?}", loaded.explain());
    let url = loaded.explain().iter().find(|e| e.key == "database.url").unwrap();
    assert_eq!(url.value.as_deref(), Some("\"[secret]\""));
    assert!(!explained.contains("hunter2") && !format!("{:?}", loaded.settings).contains("hunter2"));

    let config = file("[database]\nurl = \"hunter2\n");
    let cause = load(Some(config.path().to_owned()), &[]).unwrap_err();
    assert!(matches!(&cause, SettingsError::Malformed { line: 2, .. }), "{cause}");
    assert!(!format!("{cause}{cause:?}").contains("hunter2"));

    // A secret of the wrong type, which the message of serde would quote.
    let config = file("[database]\nurl = [\"hunter2\"]\n");
    let cause = load(Some(config.path().to_owned()), &[]).unwrap_err();
    assert!(matches!(&cause, SettingsError::Invalid { .. }));
    assert!(!format!("{cause}{cause:?}").contains("hunter2"), "{cause}");
}

#[test]
fn variables_of_others_with_our_prefix_are_left_alone() {
    load(
        None,
        &[
            ("POSTERN_VECTORS", "/vectors"),
            ("POSTERN_PORT", "tcp://10.0.0.1:7117"),
            ("POSTERN_PORT_7117_TCP_ADDR", "10.0.0.1"),
            ("POSTERN_SERVICE_HOST", "10.0.0.1"),
            ("POSTERN_DB_SERVICE_PORT", "5432"),
            ("POSTERNISH", "x"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let cause = load(Some("/nowhere/postern.toml".into()), &[]).unwrap_err();
    assert_eq!(cause.to_string(), "cannot read the settings file /nowhere/postern.toml");
}

#[test]
fn open_tables_take_any_key() {
    #[derive(Deserialize)]
    struct Open {
        colours: std::collections::BTreeMap<String, String>,
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("open.toml");
    fs::write(&path, "[colours]\nsky = \"blue\"\n").unwrap();
    let loaded = SettingsSources {
        defaults: "[colours]",
        file: Some(path),
        env_prefix: "OPEN",
        env: vec![("OPEN_COLOURS__GRASS".into(), "green".into())],
        secrets: &[],
        open_tables: &["colours"],
        foreign_env: &[],
    }
    .load::<Open>()
    .unwrap();
    assert_eq!(loaded.settings.colours["sky"], "blue");
    assert_eq!(loaded.settings.colours["grass"], "green");
}
