//! Defines [`Issuer`], an issuer for tests: its own keys, tokens of any content, and a JWKS URL on this
//! machine.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use postern_token_verifier::testing::Issuer;
//! use postern_token_verifier::{Audience, Policy, Verifier};
//! use serde_json::json;
//!
//! let issuer = Issuer::new("https://login.example.com");
//! let policy = Policy::new(issuer.url(), Audience::Contains("https://api.example.com".into()));
//! let verifier = Verifier::new(policy, issuer.local_keys()).unwrap();
//!
//! let mut claims = issuer.claims("https://api.example.com");
//! claims["scope"] = json!("tasks:read");
//! assert!(verifier.verify(&issuer.sign(&claims)).await.is_ok());
//!
//! claims["exp"] = json!(0);
//! assert!(verifier.verify(&issuer.sign(&claims)).await.is_err());
//! # }
//! ```
//!
//! Everything here panics when it fails, as test helpers may.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "helpers of tests fail the test")]

mod keys;
mod server;

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jws::HS256;
use serde_json::{Value, json};

use self::keys::SigningKey;
pub use self::server::JwksResponse;
use self::server::Server;
use crate::key::{Algorithm, KeySet};
use crate::keys::LocalKeys;
use crate::policy::{Audience, Policy};

/// Lifetime of the tokens of [`Issuer::claims`], in seconds.
const LIFETIME: i64 = 15 * 60;

/// An issuer. Clones are the same issuer.
#[derive(Clone)]
pub struct Issuer {
    url: String,
    state: Arc<Mutex<State>>,
    server: Option<Arc<Server>>,
}

struct State {
    algorithm: Algorithm,
    /// The last key signs; all keys are published.
    keys: Vec<Arc<SigningKey>>,
    local: LocalKeys,
}

impl Issuer {
    /// An RS256 issuer that serves nothing on the network.
    pub fn new(url: impl Into<String>) -> Self {
        Self::with_algorithm(url, Algorithm::Rs256)
    }

    /// An issuer whose keys are for `algorithm`.
    pub fn with_algorithm(url: impl Into<String>, algorithm: Algorithm) -> Self {
        let state = State { algorithm, keys: vec![keys::nth(algorithm, 0)], local: LocalKeys::default() };
        state.publish();
        Self { url: url.into(), state: Arc::new(Mutex::new(state)), server: None }
    }

    /// An RS256 issuer that serves its keys on a free port of this machine until the last clone is dropped.
    pub async fn serve() -> Self {
        let (server, url) = Server::start().await;
        let issuer = Self { server: Some(Arc::new(server)), ..Self::new(url) };
        issuer.answer(JwksResponse::keys(&issuer.jwks()));
        issuer
    }

    /// The issuer's name, as it stands in `iss`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The JWKS URL of a [served](Self::serve) issuer.
    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url)
    }

    /// The JWK set with all published keys.
    pub fn jwks(&self) -> Value {
        self.state().jwks()
    }

    /// The keys without the network. They follow [`rotate`](Self::rotate).
    pub fn local_keys(&self) -> LocalKeys {
        self.state().local.clone()
    }

    /// A policy that accepts this issuer's tokens for `audience`.
    pub fn policy(&self, audience: &str) -> Policy {
        let algorithms = vec![self.state().algorithm];
        Policy { algorithms, ..Policy::new(&self.url, Audience::Contains(audience.to_owned())) }
    }

    /// The `kid` of the key that signs.
    pub fn kid(&self) -> String {
        self.signing_key().kid().to_owned()
    }

    /// Makes a new key that signs from now on. The old keys stay published.
    pub fn rotate(&self) {
        let mut state = self.state();
        let next = keys::nth(state.algorithm, state.keys.len());
        state.keys.push(next);
        state.publish();
        self.republish(&state);
    }

    /// Withdraws all keys but the one that signs.
    pub fn withdraw_old_keys(&self) {
        let mut state = self.state();
        let signing = state.keys.pop();
        state.keys = signing.into_iter().collect();
        state.publish();
        self.republish(&state);
    }

    /// The claims of an acceptable access token for `audience`, valid from now on for 15 minutes.
    pub fn claims(&self, audience: &str) -> Value {
        let now = crate::policy::system_now();
        json!({
            "iss": self.url, "sub": "248289761001", "aud": audience, "client_id": "s6BhdRkqt3",
            "jti": "fbe3b6a4-1d63-45bb-9fcb-0f1e9f9e7d4f", "iat": now, "exp": now + LIFETIME,
        })
    }

    /// An acceptable access token that grants `scope` (several separated by spaces).
    pub fn token(&self, audience: &str, scope: &str) -> String {
        let mut claims = self.claims(audience);
        claims["scope"] = scope.into();
        self.sign(&claims)
    }

    /// The header of an acceptable access token.
    pub fn header(&self) -> Value {
        let key = self.signing_key();
        json!({"alg": key.algorithm().name(), "typ": "at+jwt", "kid": key.kid()})
    }

    /// Signs these claims under the header of an access token.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    /// Signs these claims under this header, whatever it says.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        self.sign_bytes(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// Signs any bytes as payload under any bytes as header.
    pub fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> String {
        compact(header, payload, |message| self.signing_key().sign(message))
    }

    /// Signs with the key of another issuer, under the `kid` of this one.
    pub fn forge(&self, claims: &Value) -> String {
        let stranger = keys::nth(self.state().algorithm, usize::MAX);
        compact(self.header().to_string().as_bytes(), claims.to_string().as_bytes(), |message| {
            stranger.sign(message)
        })
    }

    /// Signs with HS256 and `secret` (at least 32 bytes) under this header. With a public key as the secret
    /// this is the algorithm confusion of CVE-2022-29217.
    pub fn sign_hs256(&self, secret: &[u8], header: &Value, claims: &Value) -> String {
        let signer = HS256.signer_from_bytes(secret).expect("a secret of 32 bytes or more");
        compact(header.to_string().as_bytes(), claims.to_string().as_bytes(), |message| {
            josekit::jws::JwsSigner::sign(&signer, message).expect("an HMAC")
        })
    }

    /// The public key that signs, as PEM.
    pub fn public_key_pem(&self) -> Vec<u8> {
        self.signing_key().public_pem()
    }

    /// Sets the response of a [served](Self::serve) issuer, instead of its keys.
    pub fn answer(&self, answer: JwksResponse) {
        self.server().answer_with(answer);
    }

    /// Serves the keys again.
    pub fn answer_with_keys(&self) {
        self.answer(JwksResponse::keys(&self.jwks()));
    }

    /// The number of requests that a [served](Self::serve) issuer has received.
    pub fn requests(&self) -> usize {
        self.server().requests()
    }

    /// Waits until the issuer has received at least `count` requests.
    pub async fn wait_for_requests(&self, count: usize) {
        self.server().wait_for_requests(count).await;
    }

    fn server(&self) -> &Server {
        self.server.as_deref().expect("an issuer made by Issuer::serve")
    }

    fn signing_key(&self) -> Arc<SigningKey> {
        Arc::clone(self.state().keys.last().expect("an issuer has a key"))
    }

    fn republish(&self, state: &State) {
        if let Some(server) = &self.server {
            server.answer_with(JwksResponse::keys(&state.jwks()));
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn jwks(&self) -> Value {
        json!({"keys": self.keys.iter().map(|key| key.public_jwk()).collect::<Vec<_>>()})
    }

    fn publish(&self) {
        self.local.set(KeySet::parse(self.jwks().to_string().as_bytes()).expect("our own key set"));
    }
}

fn compact(header: &[u8], payload: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}
