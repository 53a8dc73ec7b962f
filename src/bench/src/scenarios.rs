//! Defines one operation for each hot path.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use sha2::{Digest, Sha256};

use crate::drive::{Connection, Operation};

/// The code verifier of all requests, because only its check is measured (RFC 7636 section 4.1).
const CODE_VERIFIER: &str = "bench-bench-bench-bench-bench-bench-bench-bench";

pub(crate) fn get(path: &str, headers: &[(&str, &str)]) -> Result<Request<Full<Bytes>>> {
    let mut request = Request::builder().uri(path).header(header::HOST, "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Ok(request.body(Full::default())?)
}

/// A POST request with a form.
pub(crate) fn post(
    path: &str,
    headers: &[(&str, &str)],
    form: &[(&str, &str)],
) -> Result<Request<Full<Bytes>>> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = get(path, headers)?;
    *request.method_mut() = Method::POST;
    let form_type = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, form_type);
    *request.body_mut() = Full::new(body.into());
    Ok(request)
}

/// The user and the clients of the operations.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// A public first-party client.
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    /// The browser's session cookie, as a `Cookie` header.
    pub(crate) cookie: String,
    /// The `Authorization` header of the confidential client.
    pub(crate) basic: String,
    /// Scopes of the user's tokens.
    pub(crate) scope: String,
}

impl Setup {
    /// The authorization request, as a path with its query.
    pub(crate) fn authorize_path(&self) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(CODE_VERIFIER));
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.scope)
            .append_pair("state", "bench")
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("/oauth2/authorize?{query}")
    }

    /// Makes a new grant: from the session to the token response.
    pub(crate) async fn tokens(&self, connection: &mut Connection) -> Result<serde_json::Value> {
        let request = get(&self.authorize_path(), &[("Cookie", &self.cookie)])?;
        let answer = connection.send(request).await?;
        let location = answer.header("location")?;
        let code = parameter(location, "code").with_context(|| format!("no code in {location}"))?;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("code", &code),
            ("code_verifier", CODE_VERIFIER),
        ];
        connection.send(post("/oauth2/token", &[], &form)?).await?.json()
    }

    /// An access token of the confidential client in its own right.
    pub(crate) async fn client_token(&self, connection: &mut Connection) -> Result<String> {
        let form = [("grant_type", "client_credentials")];
        let request = post("/oauth2/token", &[("Authorization", &self.basic)], &form)?;
        member(&connection.send(request).await?.json()?, "access_token")
    }

    /// An access token of a new grant.
    pub(crate) async fn access_token(&self, connection: &mut Connection) -> Result<String> {
        member(&self.tokens(connection).await?, "access_token")
    }
}

fn parameter(location: &str, name: &str) -> Option<String> {
    let (_, query) = location.split_once('?')?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn member(answer: &serde_json::Value, name: &str) -> Result<String> {
    Ok(answer[name].as_str().with_context(|| format!("no {name}"))?.to_owned())
}

/// A GET that must answer 200, with the same headers each time.
pub(crate) struct Get {
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Get {
    /// Makes a GET without credentials.
    pub(crate) fn open(path: &str) -> Self {
        Self { path: path.to_owned(), headers: Vec::new() }
    }

    /// Makes a GET with an access token (RFC 6750 section 2.1).
    pub(crate) fn with_token(path: &str, access_token: &str) -> Self {
        Self { path: path.to_owned(), headers: vec![("Authorization", format!("Bearer {access_token}"))] }
    }
}

impl Operation for Get {
    type Worker = ();

    async fn prepare(&self, _: &mut Connection) -> Result<()> {
        Ok(())
    }

    async fn run(&self, connection: &mut Connection, (): &mut ()) -> Result<()> {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = connection.send(get(&self.path, &headers)?).await?;
        ensure!(answer.status == StatusCode::OK, "{} answered {}", self.path, answer.status);
        Ok(())
    }
}

/// A GET with the next of many access tokens each time.
#[derive(Clone)]
pub(crate) struct GetWithTokens {
    pub(crate) path: String,
    pub(crate) tokens: Vec<String>,
}

impl Operation for GetWithTokens {
    type Worker = usize;

    async fn prepare(&self, _: &mut Connection) -> Result<usize> {
        Ok(0)
    }

    async fn run(&self, connection: &mut Connection, next: &mut usize) -> Result<()> {
        *next = (*next + 1) % self.tokens.len();
        let authorization = format!("Bearer {}", self.tokens[*next]);
        let answer = connection.send(get(&self.path, &[("Authorization", &authorization)])?).await?;
        ensure!(answer.status == StatusCode::OK, "{} answered {}", self.path, answer.status);
        Ok(())
    }
}

/// A token request with client credentials (RFC 6749 section 4.4).
pub(crate) struct ClientCredentials(pub(crate) Arc<Setup>);

impl Operation for ClientCredentials {
    type Worker = ();

    async fn prepare(&self, _: &mut Connection) -> Result<()> {
        Ok(())
    }

    async fn run(&self, connection: &mut Connection, (): &mut ()) -> Result<()> {
        self.0.client_token(connection).await.map(drop)
    }
}

/// An authorization with an existing session and its token request: two requests.
pub(crate) struct AuthorizeAndToken(pub(crate) Arc<Setup>);

impl Operation for AuthorizeAndToken {
    type Worker = ();

    async fn prepare(&self, _: &mut Connection) -> Result<()> {
        Ok(())
    }

    async fn run(&self, connection: &mut Connection, (): &mut ()) -> Result<()> {
        let tokens = self.0.tokens(connection).await?;
        ensure!(tokens["refresh_token"].is_string() && tokens["id_token"].is_string(), "tokens are missing");
        Ok(())
    }
}

/// Rotation of a refresh token (RFC 6749 section 6); each worker has its own.
pub(crate) struct Refresh(pub(crate) Arc<Setup>);

impl Operation for Refresh {
    type Worker = String;

    async fn prepare(&self, connection: &mut Connection) -> Result<String> {
        member(&self.0.tokens(connection).await?, "refresh_token")
    }

    async fn run(&self, connection: &mut Connection, token: &mut String) -> Result<()> {
        let form =
            [("grant_type", "refresh_token"), ("client_id", &self.0.client_id), ("refresh_token", token)];
        *token =
            member(&connection.send(post("/oauth2/token", &[], &form)?).await?.json()?, "refresh_token")?;
        Ok(())
    }
}

/// Introspection of an access token by the client it belongs to (RFC 7662 section 2).
pub(crate) struct Introspect {
    pub(crate) setup: Arc<Setup>,
    pub(crate) token: String,
}

impl Operation for Introspect {
    type Worker = ();

    async fn prepare(&self, _: &mut Connection) -> Result<()> {
        Ok(())
    }

    async fn run(&self, connection: &mut Connection, (): &mut ()) -> Result<()> {
        let headers = [("Authorization", self.setup.basic.as_str())];
        let request = post("/oauth2/introspect", &headers, &[("token", &self.token)])?;
        let answer = connection.send(request).await?.json()?;
        ensure!(answer["active"] == true, "the token is not active: {answer}");
        Ok(())
    }
}
