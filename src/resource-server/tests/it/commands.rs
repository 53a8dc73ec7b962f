//! Tests the binary `postern-tasks` as an operator runs it: its output and its exit codes.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use poem::{EndpointExt as _, endpoint::make_sync};
use postern_resource_server::http;
use postern_service::{
    listener::Listener, settings::HttpSettings, testing::TestDatabase, tls::LocalCertificate,
};
use serde_json::{Value, json};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::support::config;

struct Shell {
    database: TestDatabase,
}

impl Shell {
    async fn new() -> Self {
        Self { database: TestDatabase::fresh().await.unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postern-tasks"));
        command.args(arguments).env("TASKS_DATABASE__URL", self.database.url());
        command
    }

    #[track_caller]
    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.succeeds(&[arguments, &["--json"]].concat())).unwrap()
    }
}

/// Asserts the exit code and a part of the output on stderr.
#[track_caller]
fn failed(output: &Output, code: i32, said: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(said), "{said:?} not in {stderr:?}");
    assert!(output.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_goes_up_and_down_again() {
    const STEP: &str = "m20261121_000001_tasks";
    let shell = Shell::new().await;
    let pending = json!([{ "name": STEP, "applied": false }]);
    assert_eq!(shell.json(&["migrate", "status"]), pending);
    assert_eq!(shell.json(&["migrate", "up"]), json!({ "applied": [STEP] }));
    assert_eq!(shell.json(&["migrate", "up"]), json!({ "applied": [] }));
    assert_eq!(shell.succeeds(&["migrate", "status"]), format!("applied  {STEP}\n"));
    assert_eq!(shell.json(&["migrate", "down"]), json!({ "reverted": [STEP] }));
    assert_eq!(shell.succeeds(&["migrate", "down"]), "Nothing to do.\n");
    assert_eq!(shell.json(&["migrate", "status"]), pending);
}

#[tokio::test]
async fn the_document_is_printed_without_a_database() {
    let output = Command::new(env!("CARGO_BIN_EXE_postern-tasks"))
        .args(["openapi"])
        .env("TASKS_DATABASE__URL", "postgres://nobody@127.0.0.1:1/none")
        .output()
        .unwrap();
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, http::document());
}

#[tokio::test]
async fn wrong_use_and_wrong_settings_are_told_apart() {
    let shell = Shell::new().await;
    let wrong_use = shell.command(&["migrate", "sideways"]).output().unwrap();
    failed(&wrong_use, 2, "sideways");
    for (name, value, said) in [
        ("TASKS_TOKENS__ISUER", "http://localhost:7117", "did you mean `tokens.issuer`?"),
        ("TASKS_TOKENS__ISSUER", "localhost:7117", "tokens.issuer"),
        ("TASKS_TOKENS__ISSUER", "http://localhost:7117/?x", "must be an absolute http or https URL"),
        ("TASKS_TOKENS__AUDIENCE", "tasks", "tokens.audience"),
        ("TASKS_TOKENS__ALGORITHMS", "HS256", "tokens.algorithms"),
        ("TASKS_HTTP__LISTEN", "nowhere", "http.listen"),
        ("TASKS_HTTP__TLS_KEY", "/nowhere", "http.tls_certificate"),
        ("TASKS_TOKENS__TRUST_ANCHORS", "/nowhere", "tokens.trust_anchors"),
        ("TASKS_TOKENS__JWKS_URL", "http://keys.example.test/jwks.json", "tokens.jwks_url"),
        (
            "TASKS_DATABASE__URL",
            "mysql://localhost/tasks",
            "`database.url` must begin with sqlite: or postgres:",
        ),
    ] {
        let output = shell.command(&["serve"]).env(name, value).output().unwrap();
        failed(&output, 1, said);
        let json = shell.command(&["--json", "serve"]).env(name, value).output().unwrap();
        let error: Value = serde_json::from_slice(&json.stderr).unwrap();
        assert!(error["error"].as_str().unwrap().contains(said), "{error}");
    }
    let missing = shell.command(&["serve", "--config", "/nowhere/tasks.toml"]).output().unwrap();
    failed(&missing, 1, "/nowhere/tasks.toml");
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_makes_its_schema_answers_and_stops_when_asked() {
    let shell = Shell::new().await;
    let mut serving = shell
        .command(&["serve"])
        .env("TASKS_HTTP__LISTEN", "127.0.0.1:0")
        .env("TASKS_HTTP__METRICS_LISTEN", "127.0.0.1:0")
        .env("TASKS_TELEMETRY__FORMAT", "json")
        // No provider answers there, and the service starts all the same.
        .env("TASKS_TOKENS__ISSUER", "http://127.0.0.1:1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = serving.id().to_string();
    let lines = BufReader::new(serving.stderr.take().unwrap()).lines();
    let address = lines.map_while(Result::ok).find_map(|line| {
        let line: Value = serde_json::from_str(&line).ok()?;
        line["address"].as_str().map(str::to_owned)
    });
    let health = tokio::net::TcpStream::connect(address.unwrap()).await;
    assert!(health.is_ok());
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(serving.wait().unwrap().success(), "a stop that was asked for is a success");
    assert_eq!(shell.json(&["migrate", "status"])[0]["applied"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_fetches_keys_from_a_provider_whose_authority_a_setting_names() {
    let shell = Shell::new().await;
    let folder = tempfile::tempdir().unwrap();
    let made = LocalCertificate::create().unwrap();
    let path = |name: &str, contents: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    };
    let settings = HttpSettings {
        tls_certificate: Some(path("certificate.pem", &made.certificate)),
        tls_key: Some(path("key.pem", &made.key)),
        ..config(&[]).http
    };
    let fetched = Arc::new(Notify::new());
    let told = Arc::clone(&fetched);
    let keys = make_sync(move |_| told.notify_one()).map_to_response().boxed();
    let provider = Listener::bind("127.0.0.1:0".parse().unwrap(), &settings).await.unwrap();
    let issuer = format!("https://localhost:{}", provider.address().port());
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    tokio::spawn(provider.serve(keys, stop));

    let mut serving = shell
        .command(&["serve"])
        .env("TASKS_HTTP__LISTEN", "127.0.0.1:0")
        .env("TASKS_HTTP__METRICS_LISTEN", "127.0.0.1:0")
        .env("TASKS_TOKENS__ISSUER", issuer)
        .env("TASKS_TOKENS__TRUST_ANCHORS", path("ca.pem", &made.authority))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = timeout(Duration::from_secs(20), fetched.notified()).await;
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(request.is_ok(), "the keys were not fetched");
}
