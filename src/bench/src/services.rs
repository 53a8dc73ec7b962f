//! Starts the two services as a development set-up has them, and signs a user in.

use std::{
    ffi::OsStr,
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    client_assertion::ClientAssertion, drive::Connection, process::Server, scenarios::Setup, sign_in::sign_in,
};

/// The audience of the tasks resource that `postern dev` creates.
pub(crate) const AUDIENCE: &str = "http://localhost:7118";
/// Scopes of the user's tokens.
const TASKS_SCOPE: &str = "openid profile email tasks:read tasks:write";

/// The provider and the tasks API of one build, with a database of their own.
pub(crate) struct Services {
    pub(crate) identity: Server,
    pub(crate) tasks: Server,
    /// Start-up time of the provider with an empty database.
    pub(crate) first_start: Duration,
    pub(crate) directory: tempfile::TempDir,
    /// None in a build without `private_key_jwt`.
    pub(crate) signer: Option<ClientAssertion>,
}

impl Services {
    /// Starts the binaries in a folder.
    pub(crate) fn start(binaries: &Path) -> Result<Self> {
        let directory = tempfile::tempdir_in(".")?;
        let (identity_at, tasks_at) = (free_address()?, free_address()?);
        let first_start = {
            let first = start_identity(binaries, directory.path(), identity_at)?;
            let ready_after = first.ready_after;
            first.stop()?;
            ready_after
        };
        let identity = start_identity(binaries, directory.path(), identity_at)?;
        let tasks = start_tasks(binaries, directory.path(), tasks_at, &issuer_at(identity_at))?;
        let data = directory.path().join("identity");
        let key = dev_secret(&data, "encryption_key")?;
        let signer =
            ClientAssertion::register(&binaries.join("postern"), &data, &key, issuer_at(identity_at))?;
        Ok(Self { identity, tasks, first_start, directory, signer })
    }

    pub(crate) fn issuer(&self) -> String {
        issuer_at(self.identity.address)
    }

    /// Signs alice in, and reads the secret of the client that acts in its own right.
    pub(crate) async fn prepare(&self) -> Result<Setup> {
        let secret = dev_secret(&self.directory.path().join("identity"), "demo_service_client_secret")?;
        let basic = STANDARD.encode(format!("demo-service:{secret}"));
        let mut setup = Setup {
            client_id: "tasks-web".to_owned(),
            redirect_uri: "http://localhost:7118/".to_owned(),
            cookie: String::new(),
            basic: format!("Basic {basic}"),
            scope: TASKS_SCOPE.to_owned(),
        };
        let mut connection = Connection::open(self.identity.address).await?;
        let authorize = setup.authorize_path();
        setup.cookie = sign_in(&mut connection, &self.issuer(), &authorize, "alice@example.test").await?;
        Ok(setup)
    }

    /// Stops both services, as a service manager would.
    pub(crate) fn stop(self) -> Result<()> {
        self.identity.stop()?;
        self.tasks.stop()
    }
}

/// A secret that `postern dev` made.
fn dev_secret(data: &Path, name: &str) -> Result<String> {
    let secrets = std::fs::read_to_string(data.join("dev-secrets.toml"))?;
    let line = secrets.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    let secret = line.with_context(|| format!("no {name} in dev-secrets.toml"))?;
    Ok(secret.trim_matches('"').to_owned())
}

fn issuer_at(address: SocketAddr) -> String {
    format!("http://localhost:{}", address.port())
}

fn start_identity(binaries: &Path, directory: &Path, address: SocketAddr) -> Result<Server> {
    let environment = [
        ("POSTERN_ISSUER", issuer_at(address)),
        ("POSTERN_HTTP__LISTEN", address.to_string()),
        ("POSTERN_HTTP__METRICS_LISTEN", String::new()),
        ("POSTERN_TELEMETRY__LOG", "warn".to_owned()),
        ("POSTERN_LIMITS__REFRESHES_PER_GRANT", "1000000000 per 1h per grant".to_owned()),
        ("POSTERN_LIMITS__FAILURES_PER_SOURCE", "1000000000 per 1h per ip".to_owned()),
        // The login throttle counts each sign-in as a failure until its password is known to be right.
        ("POSTERN_LIMITS__FAILURES_BEFORE_DELAY", "65535".to_owned()),
    ];
    let data = directory.join("identity");
    let arguments: [&OsStr; 3] = ["dev".as_ref(), "--data".as_ref(), data.as_os_str()];
    Server::start(
        &binaries.join("postern"),
        &arguments,
        &environment,
        address,
        "/.well-known/openid-configuration",
    )
}

fn start_tasks(binaries: &Path, directory: &Path, address: SocketAddr, issuer: &str) -> Result<Server> {
    let environment = [
        ("TASKS_TOKENS__ISSUER", issuer.to_owned()),
        ("TASKS_HTTP__LISTEN", address.to_string()),
        ("TASKS_HTTP__METRICS_LISTEN", String::new()),
        ("TASKS_DATABASE__URL", format!("sqlite://{}", directory.join("tasks.db").display())),
        ("TASKS_TELEMETRY__LOG", "warn".to_owned()),
    ];
    Server::start(
        &binaries.join("postern-tasks"),
        &["serve".as_ref()],
        &environment,
        address,
        "/health/ready",
    )
}

/// A free port of the loopback interface.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
