//! Defines [`ClientAssertion`]: a token request of a client that authenticates by `private_key_jwt` (RFC 7523).

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result, ensure};
use http::StatusCode;
use postern_service::clock::Clock;
use postern_token_verifier::testing::Issuer;
use serde_json::json;

use crate::{
    drive::{Connection, Operation},
    scenarios::post,
};

const CLIENT_ID: &str = "bench-signer";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The keys of a client, and the audience of its assertions.
#[derive(Clone)]
pub(crate) struct ClientAssertion {
    keys: Arc<Issuer>,
    issuer: String,
    /// Makes each `jti` another one.
    made: Arc<AtomicU64>,
}

impl ClientAssertion {
    /// Registers the client by the provider's own command. None where that build knows no such clients.
    pub(crate) fn register(program: &Path, data: &Path, key: &str, issuer: String) -> Result<Option<Self>> {
        let keys = Issuer::new(CLIENT_ID);
        let file = data.join("bench-signer.json");
        std::fs::write(&file, keys.jwks().to_string())?;
        let output = Command::new(program)
            .args(["client", "add", CLIENT_ID, "--auth-method", "private_key_jwt"])
            .args([
                "--grant-type",
                "client_credentials",
                "--scope",
                "tasks:read",
                "--default-scope",
                "tasks:read",
            ])
            .arg("--jwks")
            .arg(&file)
            .env("POSTERN_DATABASE__URL", format!("sqlite://{}", data.join("postern.db").display()))
            .env("POSTERN_SECRETS__ENCRYPTION_KEY", key)
            .env("POSTERN_ISSUER", &issuer)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("{} does not run", program.display()))?;
        // 2: wrong use, by the words of that build.
        ensure!(matches!(output.status.code(), Some(0 | 2)), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(output.status.success().then(|| Self { keys: Arc::new(keys), issuer, made: Arc::default() }))
    }
}

impl Operation for ClientAssertion {
    type Worker = ();

    async fn prepare(&self, _: &mut Connection) -> Result<()> {
        Ok(())
    }

    async fn run(&self, connection: &mut Connection, (): &mut ()) -> Result<()> {
        let now = Clock::system().now().seconds();
        let jti = self.made.fetch_add(1, Ordering::Relaxed).to_string();
        let claims = json!({
            "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": self.issuer, "jti": jti, "iat": now, "exp": now + 60,
        });
        // The header of an access token would say `at+jwt`, which an assertion is not (RFC 8725 section 3.11).
        let mut header = self.keys.header();
        header["typ"] = json!("JWT");
        let assertion = self.keys.sign_with(&header, &claims);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ];
        let answer = connection.send(post("/oauth2/token", &[], &form)?).await?;
        ensure!(answer.status == StatusCode::OK, "the token endpoint answered {}", answer.status);
        Ok(())
    }
}
