//! `postern dev` and `postern serve` as processes: seeds, inbox, commands beside a running server, and how they stop.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use postern_service::testing::TestDatabase;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// A server in a process of its own, killed when the test ends.
pub struct Server {
    pub process: Child,
    pub url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn postern(arguments: &[&str], folder: &Path, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("POSTERN_HTTP__LISTEN", format!("127.0.0.1:{port}"))
        .env("POSTERN_HTTP__METRICS_LISTEN", "127.0.0.1:0")
        .env("POSTERN_ISSUER", format!("http://localhost:{port}"))
        .stderr(Stdio::null());
    command
}

impl Server {
    /// Starts it and waits until it is ready.
    pub async fn start(command: &mut Command, port: u16) -> Self {
        let process = command.stdout(Stdio::piped()).spawn().unwrap();
        let server = Self { process, url: format!("http://localhost:{port}") };
        let end = Instant::now() + Duration::from_secs(20);
        while !reqwest::get(format!("{}/health/ready", server.url)).await.is_ok_and(|a| a.status() == 200) {
            assert!(Instant::now() < end, "the server is not ready");
            sleep(Duration::from_millis(20)).await;
        }
        server
    }

    pub async fn get(&self, path: &str) -> Value {
        reqwest::get(format!("{}{path}", self.url)).await.unwrap().json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url)).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Asks it to stop as a service manager would; its exit code.
    pub fn stop(mut self) -> Option<i32> {
        Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        self.process.wait().unwrap().code()
    }

    /// The token endpoint's answer to a client in its own right: 200, or what was wrong.
    async fn own_token(&self, client_id: &str, secret: &str) -> u16 {
        let request = reqwest::Client::new().post(format!("{}/oauth2/token", self.url));
        let request =
            request.basic_auth(client_id, Some(secret)).form(&[("grant_type", "client_credentials")]);
        request.send().await.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn dev_seeds_once_keeps_its_secrets_and_shows_every_code() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut server = Server::start(&mut postern(&["dev", "--json"], folder.path(), port), port).await;
    let begun = server
        .post(
            "/api/auth/code/request",
            json!({ "client_id": "tasks-web", "identifier": "alice@example.test" }),
        )
        .await;
    let inbox = server.get("/dev/inbox.json").await;
    let mail = &inbox[0];
    assert_eq!((&mail["to"], &mail["link"]), (&json!("alice@example.test"), &Value::Null));
    let members: Vec<_> = mail.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members.len(), 6, "{members:?}");
    let tokens = server
        .post(
            "/api/auth/code/verify",
            json!({ "client_id": "tasks-web", "attempt": begun["attempt"], "code": mail["code"] }),
        )
        .await;
    assert_eq!(tokens["token_type"], "Bearer", "{tokens}");
    let page = reqwest::get(format!("{}/dev/inbox", server.url)).await.unwrap().text().await.unwrap();
    for (host, status) in [("rebound.example", 421), (&format!("127.0.0.1:{port}"), 200), ("[::1]", 200)] {
        let request =
            reqwest::Client::new().get(format!("{}/dev/inbox.json", server.url)).header("host", host);
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
    }
    assert!(page.contains(mail["code"].as_str().unwrap()), "{page}");

    let mut welcome = BufReader::new(server.process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let text: String = welcome.by_ref().take_while(|line| line != "}").collect::<Vec<_>>().join("\n") + "}";
    let welcome: Value = serde_json::from_str(&text).unwrap();
    let secret = welcome["clients"]["demo-service"].as_str().unwrap().to_owned();
    assert_eq!(server.own_token("demo-service", &secret).await, 200);
    assert_eq!(server.stop(), Some(0));

    let kept = folder.path().join("data/dev-secrets.toml");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&kept).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let again = Server::start(&mut postern(&["dev"], folder.path(), port), port).await;
    assert_eq!(again.own_token("demo-service", &secret).await, 200);
    assert_eq!(again.stop(), Some(0));
    let fresh = Server::start(&mut postern(&["dev", "--fresh"], folder.path(), port), port).await;
    assert_eq!(fresh.own_token("demo-service", &secret).await, 401);
}

#[tokio::test]
async fn dev_with_tls_keeps_one_certificate_that_programs_can_trust() {
    let folder = tempfile::tempdir().unwrap();
    let (port, data) = (free_port(), folder.path().join("data"));
    let mut authorities = Vec::new();
    for more in [&[][..], &["--fresh"]] {
        let arguments = [&["dev", "--tls", "--json"], more].concat();
        let mut command = postern(&arguments, folder.path(), port);
        let process = command.env_remove("POSTERN_ISSUER").stdout(Stdio::piped()).spawn().unwrap();
        let mut server = Server { process, url: format!("https://localhost:{port}") };
        let lines = BufReader::new(server.process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let text = lines.take_while(|line| line != "}").collect::<Vec<_>>().join("\n") + "}";
        let welcome: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(welcome["issuer"], server.url);
        let authority = std::fs::read(welcome["certificate_authority"].as_str().unwrap()).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_merge([reqwest::Certificate::from_pem(&authority).unwrap()])
            .build()
            .unwrap();
        let get = async |path: &str| client.get(format!("{}{path}", server.url)).send().await.unwrap();
        let metadata = get("/.well-known/openid-configuration").await;
        assert_eq!(metadata.version(), reqwest::Version::HTTP_2);
        assert!(!metadata.headers().contains_key("strict-transport-security"));
        assert_eq!(metadata.json::<Value>().await.unwrap()["issuer"], server.url);
        assert_eq!(get("/dev/inbox").await.status(), 200);
        authorities.push(authority);

        let tasks = std::fs::read_to_string(data.join("dev-tasks.toml")).unwrap();
        assert!(tasks.contains(&server.url) && tasks.contains("dev-tls-ca.pem"), "{tasks}");
        let kept = postern(&["config", "check", "--config", "data/dev.toml"], folder.path(), port)
            .env_remove("POSTERN_ISSUER")
            .output()
            .unwrap();
        assert!(kept.status.success(), "commands beside the server take its settings: {kept:?}");
        let told = ["--name", "App", "--public", "--backchannel-logout-uri", "http://localhost:3000/told"];
        let arguments = [&["client", "add", "app", "--config", "data/dev.toml"], &told[..]].concat();
        let added = postern(
            &[&arguments[..], &["--redirect-uri", "http://localhost:3000/callback"]].concat(),
            folder.path(),
            port,
        )
        .env_remove("POSTERN_ISSUER")
        .output()
        .unwrap();
        assert!(added.status.success(), "apps on this machine can be told of sign-outs: {added:?}");
        assert_eq!(server.stop(), Some(0));
    }
    assert_eq!(authorities[0], authorities[1]);
    let readable = |file: &str| {
        let permissions = std::fs::metadata(data.join(file)).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o044 != 0
    };
    assert!(!readable("dev-tls-key.pem"));
    assert!(readable("dev-tls-ca.pem"), "a web server of another user must trust it too");
}

#[test]
fn dev_refuses_the_world() {
    let folder = tempfile::tempdir().unwrap();
    for (key, value) in
        [("POSTERN_HTTP__LISTEN", "0.0.0.0:7117"), ("POSTERN_ISSUER", "https://id.example.com")]
    {
        let output =
            postern(&["dev"], folder.path(), 1).env(key, value).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("loopback"), "{key}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was written");
}

#[test]
fn dev_refuses_a_database_that_is_not_its_own_and_deletes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("data/postern.db");
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(&kept, "of another command").unwrap();
    for arguments in [&["dev"][..], &["dev", "--fresh"]] {
        let output = postern(arguments, folder.path(), free_port()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("is not a database of `postern dev`") && said.contains("--data"), "{said}");
    }
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "of another command");
}

#[tokio::test]
async fn a_running_server_takes_over_what_a_command_changes() {
    let database = TestDatabase::fresh().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let at = |arguments: &[&str]| {
        let mut command = postern(arguments, folder.path(), port);
        command
            .env("POSTERN_DATABASE__URL", database.url())
            .env("POSTERN_SECRETS__ENCRYPTION_KEY", "A".repeat(43));
        command
    };
    let server = Server::start(&mut at(&["serve"]), port).await;
    let run = |arguments: &[&str]| {
        let output = at(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    run(&["resource", "add", "https://api.test", "--scope", "read=Read", "--json"]);
    let added = run(&[
        "client",
        "add",
        "machine",
        "--grant-type",
        "client_credentials",
        "--scope",
        "read",
        "--default-scope",
        "read",
        "--json",
    ]);
    let secret = added["client_secret"].as_str().unwrap();
    let known = async |wanted: u16| {
        let end = Instant::now() + Duration::from_secs(2);
        while server.own_token("machine", secret).await != wanted {
            assert!(Instant::now() < end, "the change was not taken over");
            sleep(Duration::from_millis(50)).await;
        }
    };
    known(200).await;
    run(&["client", "update", "machine", "--enabled", "false", "--json"]);
    known(401).await;
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn a_proxy_that_nobody_named_is_told_once_with_the_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let (port, log) = (free_port(), folder.path().join("log"));
    let mut command = postern(&["serve"], folder.path(), port);
    command
        .env("POSTERN_SECRETS__ENCRYPTION_KEY", "A".repeat(43))
        .stderr(std::fs::File::create(&log).unwrap());
    let server = Server::start(&mut command, port).await;
    for _ in 0..3 {
        let request = reqwest::Client::new().post(format!("http://127.0.0.1:{port}/oauth2/token"));
        let request = request.header("x-forwarded-for", "203.0.113.7").form(&[("client_id", "nobody")]);
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("trusted_proxies = ['127.0.0.1']").count(), 1, "{log}");
}

#[tokio::test]
async fn serve_keeps_its_memory_and_its_metrics_from_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let (port, metrics) = (free_port(), free_port());
    let mut command = postern(&["serve"], folder.path(), port);
    command
        .env("POSTERN_SECRETS__ENCRYPTION_KEY", "A".repeat(43))
        .env("POSTERN_HTTP__METRICS_LISTEN", format!("127.0.0.1:{metrics}"));
    let server = Server::start(&mut command, port).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");

    let status = async |url: String| reqwest::get(url).await.unwrap().status().as_u16();
    assert_eq!(status(format!("{}/metrics", server.url)).await, 404);
    assert_eq!(status(format!("http://127.0.0.1:{metrics}/metrics")).await, 200);
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn serve_raises_its_descriptors_or_takes_fewer_connections() {
    let folder = tempfile::tempdir().unwrap();
    for (limits, expected, said) in [
        ("ulimit -Sn 256; ulimit -Hn 512", ["512", "512"], true),
        ("ulimit -Hn 20000; ulimit -Sn 256", ["10100", "20000"], false),
    ] {
        let port = free_port();
        let plain = postern(&["serve"], folder.path(), port);
        let mut limited = Command::new("sh");
        limited
            .args(["-c", &format!("{limits}; exec \"$0\" serve 2> log"), env!("CARGO_BIN_EXE_postern")])
            .current_dir(folder.path())
            .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("POSTERN_SECRETS__ENCRYPTION_KEY", "A".repeat(43));
        let server = Server::start(&mut limited, port).await;
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
        let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(files.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), expected, "{files}");
        assert_eq!(server.stop(), Some(0));
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log.contains("too few file descriptors"), said, "{log}");
    }
}

#[test]
fn serve_stops_with_the_key_the_value_and_the_rule() {
    let folder = tempfile::tempdir().unwrap();
    for (key, value, said) in [
        ("POSTERN_KEYS__ROTATE_EVERY", "sometimes", "must be a length of time"),
        ("POSTERN_HTTP__LISTEN", "everywhere", "must be an IP address and a port"),
        ("POSTERN_SECRETS__ENCRYPTION_KEY", "", "postern keys new-secret"),
    ] {
        let output =
            postern(&["serve"], folder.path(), 1).env(key, value).stderr(Stdio::piped()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(said) && text.contains(value), "{text}");
    }
}
