//! Defines a provider whose behaviour each page test controls: it expires tokens, revokes them, becomes
//! unreachable.
//!
//! The page with the real provider is tested where both binaries are built.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::Relaxed},
    },
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use poem::{
    Endpoint, Request, Response,
    http::{StatusCode, header},
};
use postern_service::clock::Clock;
use postern_token_verifier::testing::Issuer;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::ALICE;

/// A provider at `issuer.url()`.
pub(crate) struct Provider {
    pub(crate) issuer: Issuer,
    pub(crate) audience: String,
    clock: Clock,
    /// Lifetime of its access tokens, in seconds.
    pub(crate) lifetime: AtomicI64,
    /// Whether the provider answers at all.
    pub(crate) down: AtomicBool,
    /// Whether the token endpoint accepts refresh tokens.
    pub(crate) revoked: AtomicBool,
    /// Number of successful refresh requests.
    pub(crate) refreshed: AtomicUsize,
    /// `sub` of the user who is signed in.
    session: Mutex<Option<String>>,
    /// Authorization codes with their code challenge and `sub`.
    codes: Mutex<HashMap<String, (String, String)>>,
}

type Parameters = HashMap<String, String>;

impl Provider {
    pub(crate) fn new(issuer: Issuer, audience: &str, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            issuer,
            audience: audience.to_owned(),
            clock,
            lifetime: AtomicI64::new(900),
            down: AtomicBool::new(false),
            revoked: AtomicBool::new(false),
            refreshed: AtomicUsize::new(0),
            session: Mutex::default(),
            codes: Mutex::default(),
        })
    }

    fn metadata(&self) -> Value {
        let at = |path| format!("{}{path}", self.issuer.url());
        json!({
            "issuer": self.issuer.url(),
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"),
            "end_session_endpoint": at("/logout"),
        })
    }

    fn authorize(&self, asked: &Parameters) -> Response {
        if let Some(user) = asked.get("user") {
            *self.session.lock().unwrap() = Some(user.clone());
        }
        let mut answer = vec![("state", asked["state"].clone()), ("iss", self.issuer.url().to_owned())];
        let session = self.session.lock().unwrap().clone();
        match (session, asked.get("prompt").map(String::as_str)) {
            (Some(sub), _) => {
                let mut codes = self.codes.lock().unwrap();
                let code = format!("code-{}", codes.len());
                assert_eq!(asked["code_challenge_method"], "S256");
                codes.insert(code.clone(), (asked["code_challenge"].clone(), sub));
                answer.push(("code", code));
            }
            (None, Some("none")) => answer.push(("error", "login_required".to_owned())),
            (None, _) => return self.login(asked),
        }
        let url = url::Url::parse_with_params(&asked["redirect_uri"], answer).unwrap();
        to(url.as_str())
    }

    fn login(&self, asked: &Parameters) -> Response {
        let here = format!("{}/authorize", self.issuer.url());
        let link = |user: &str| {
            let query = asked.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            url::Url::parse_with_params(&here, query.chain([("user", user)])).unwrap()
        };
        let deny = [("error", "access_denied"), ("state", &asked["state"]), ("iss", self.issuer.url())];
        let deny = url::Url::parse_with_params(&asked["redirect_uri"], deny).unwrap();
        Response::builder().content_type("text/html").body(format!(
            "<link rel=icon href=data:,><a id=alice href='{}'>alice</a> <a id=bob href='{}'>bob</a> \
             <a id=deny href='{deny}'>deny</a>",
            link(ALICE),
            link(crate::support::BOB),
        ))
    }

    fn token(&self, asked: &Parameters) -> Response {
        let sub = match asked["grant_type"].as_str() {
            "authorization_code" => {
                let code = self.codes.lock().unwrap().remove(&asked["code"]);
                code.filter(|(challenge, _)| {
                    *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(&asked["code_verifier"]))
                })
                .map(|(_, sub)| sub)
            }
            _ if self.revoked.load(Relaxed) => None,
            _ => {
                self.refreshed.fetch_add(1, Relaxed);
                Some(asked["refresh_token"].strip_prefix("refresh-").unwrap().to_owned())
            }
        };
        let Some(sub) = sub else {
            return answer(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_grant" }));
        };
        let mut claims = self.issuer.claims(&self.audience);
        claims["sub"] = json!(sub);
        claims["scope"] = json!("tasks:read tasks:write");
        let now = self.clock.now().seconds();
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + self.lifetime.load(Relaxed));
        let tokens = json!({
            "access_token": self.issuer.sign(&claims), "token_type": "Bearer",
            "refresh_token": format!("refresh-{sub}"), "id_token": "an.id.token",
        });
        answer(StatusCode::OK, &tokens)
    }
}

fn to(url: &str) -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, url).finish()
}

fn answer(status: StatusCode, body: &Value) -> Response {
    Response::builder().status(status).content_type("application/json").body(body.to_string())
}

fn parameters(text: &[u8]) -> Parameters {
    url::form_urlencoded::parse(text).into_owned().collect()
}

/// The provider as an endpoint.
pub(crate) struct Answers(pub(crate) Arc<Provider>);

impl Endpoint for Answers {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let provider = &*self.0;
        let query = parameters(request.uri().query().unwrap_or_default().as_bytes());
        let mut response = match request.uri().path() {
            _ if provider.down.load(Relaxed) => answer(StatusCode::SERVICE_UNAVAILABLE, &Value::Null),
            "/.well-known/openid-configuration" => answer(StatusCode::OK, &provider.metadata()),
            "/authorize" => provider.authorize(&query),
            "/token" => provider.token(&parameters(&request.take_body().into_bytes().await?)),
            "/userinfo" => answer(StatusCode::OK, &json!({ "email": "alice@example.test" })),
            "/logout" => {
                assert_eq!(query["id_token_hint"], "an.id.token");
                *provider.session.lock().unwrap() = None;
                to(&query["post_logout_redirect_uri"])
            }
            _ => answer(StatusCode::NOT_FOUND, &Value::Null),
        };
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*".parse().unwrap());
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization".parse().unwrap());
        Ok(response)
    }
}
