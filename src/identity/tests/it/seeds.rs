//! Defines `Seeds`, the view of tests of tokens: resources, clients, and grants as the authorization endpoint makes them.

use std::{sync::Arc, time::Duration};

use poem::http::header;
use postern_entities::{sessions, values::SessionKind};
use postern_identity::{
    acr::Acr,
    clients::Client,
    grants::{self, Grant, NewGrant},
    tokens::{
        self,
        authorization_code::{self, NewAuthorizationCode},
    },
    users::User,
};
use postern_service::database::DatabaseError;
use postern_token_verifier::{AccessToken, KeySet, jws::Compact};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use uuid::Uuid;

pub use crate::fixtures::{FULL_SCOPE, NOTES, REDIRECT_URI, TASKS, profile_of};
use crate::{
    fixtures::ADA,
    support::{Answer, TestApp, form_request},
};

/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge made from it.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Clients, resources and a user, ready to issue tokens.
pub struct Seeds {
    pub app: TestApp,
    /// Has every claim of a profile.
    pub ada: User,
    /// Secret of `web`, confidential, by header.
    pub web: String,
    /// Secret of `post`, confidential, by form.
    pub post: String,
    /// Secret of `service`, which acts in its own right.
    pub service: String,
    /// Secret of the resource server of [`TASKS`].
    pub tasks: String,
}

impl Seeds {
    /// With the default settings.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With some settings changed.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let app = TestApp::with(settings).await;
        let ada = app.fixtures.user(ADA).clone();
        let secret = |client_id: &str| app.fixtures.secret(client_id).to_owned();
        let (web, post, service, tasks) = (secret("web"), secret("post"), secret("service"), secret(TASKS));
        Self { app, ada, web, post, service, tasks }
    }

    /// The client as the provider knows it.
    pub fn client(&self, client_id: &str) -> Arc<Client> {
        Arc::clone(self.app.app.clients().find(client_id).unwrap())
    }

    /// A grant of ada to a client, as the authorization endpoint makes it.
    pub async fn grant(&self, client_id: &str, scope: &str) -> Grant {
        let app = &self.app.app;
        let resolved = tokens::resolve_grant_target(app, &self.client(client_id), Some(scope), &[]).unwrap();
        let now = app.clock.now();
        let new = NewGrant {
            user_id: Some(self.ada.id),
            client_id: client_id.to_owned(),
            sid: Some(app.random.uuid()),
            scope: resolved.scope,
            resources: resolved.audiences,
            auth_time: Some(now),
            acr: Some(Acr::Aal1),
            amr: vec!["otp".to_owned()].into(),
            ..NewGrant::default()
        };
        let grant = grants::new(app, new, now);
        let row = grants::insert_statement(&grant);
        app.db.write_batch(&[&row], |_| true).await.unwrap();
        grant
    }

    /// Stores a session as it is after its end.
    pub async fn ended_session(&self, sid: Uuid) {
        let (app, now) = (&self.app.app, self.app.clock.now());
        let row = sessions::Model {
            sid,
            cookie_hash: None,
            user_id: self.ada.id,
            kind: SessionKind::Browser,
            client_id: None,
            auth_time: now,
            acr: Acr::Aal1,
            amr: vec!["otp".to_owned()].into(),
            created_at: now,
            last_seen_at: now,
            expires_at: now + Duration::from_micros(1),
            ended_at: Some(now),
            ip: None,
            user_agent: None,
            remembered: true,
        };
        let row = sessions::ActiveModel::from(row).reset_all();
        let stored = app.db.write(async |tx| {
            sessions::Entity::insert(row).exec_without_returning(tx).await.map_err(DatabaseError::from)
        });
        stored.await.unwrap();
    }

    /// A code for a grant, with PKCE and a nonce.
    pub async fn code(&self, grant: &Grant) -> String {
        let app = &self.app.app;
        let new = NewAuthorizationCode {
            grant,
            redirect_uri: REDIRECT_URI,
            code_challenge: Some(CHALLENGE),
            nonce: Some("n-0S6_WzA2Mj"),
        };
        let (code, row) = authorization_code::new(app, &new, app.clock.now());
        app.db.write_batch(&[&row], |_| true).await.unwrap();
        code.expose_secret().to_owned()
    }

    /// What `mobile` gets for a fresh code.
    pub async fn tokens(&self, scope: &str) -> Value {
        let code = self.code(&self.grant("mobile", scope).await).await;
        let answer = self.redeem(&code, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// `mobile` redeems a code; `changed` replaces, adds or (empty) removes parameters.
    pub async fn redeem(&self, code: &str, changed: &[(&str, &str)]) -> Answer {
        self.redeem_at(&self.app, code, changed).await
    }

    /// The same on any node.
    pub async fn redeem_at(&self, node: &TestApp, code: &str, changed: &[(&str, &str)]) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "mobile"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        let kept = form.iter().filter(|(name, _)| changed.iter().all(|(other, _)| other != name));
        let form: Vec<_> = kept.chain(changed).copied().collect();
        node.post_form("/oauth2/token", &form).await
    }

    /// `mobile` refreshes; `more` adds parameters.
    pub async fn refresh(&self, refresh_token: &str, more: &[(&str, &str)]) -> Answer {
        self.refresh_at(&self.app, refresh_token, more).await
    }

    /// The same on any node.
    pub async fn refresh_at(&self, node: &TestApp, refresh_token: &str, more: &[(&str, &str)]) -> Answer {
        let form =
            [("grant_type", "refresh_token"), ("client_id", "mobile"), ("refresh_token", refresh_token)];
        let form: Vec<_> = form.iter().chain(more).copied().collect();
        node.post_form("/oauth2/token", &form).await
    }

    /// A client posts a form and authenticates by header.
    pub async fn post_as(&self, client_id: &str, secret: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut request = form_request(path, form);
        request.headers_mut().insert(header::AUTHORIZATION, basic(client_id, secret).parse().unwrap());
        self.app.send(request).await
    }

    /// What `web` is told of a token.
    pub async fn introspect(&self, client_id: &str, secret: &str, token: &str) -> Value {
        let answer = self.post_as(client_id, secret, "/oauth2/introspect", &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Userinfo with a token in the header.
    pub async fn userinfo(&self, token: &str) -> Answer {
        self.app.get_as(token, "/oauth2/userinfo").await
    }

    pub async fn keys(&self) -> KeySet {
        KeySet::parse(self.app.get("/.well-known/jwks.json").await.body.as_bytes()).unwrap()
    }

    /// The claims of a JWT that verifies with the published keys.
    pub async fn claims(&self, jwt: &Value) -> Value {
        let jws = Compact::parse(jwt.as_str().unwrap()).unwrap().verify(&self.keys().await).unwrap();
        serde_json::from_slice(&jws.payload).unwrap()
    }

    /// The access token of an answer, as a resource server sees it.
    pub async fn access_token(&self, answer: &Value) -> Arc<AccessToken> {
        self.app.app.verifier.verify(answer["access_token"].as_str().unwrap()).await.unwrap()
    }
}

/// The header of `client_secret_basic`.
pub fn basic(client_id: &str, secret: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret))))
}

/// The code of an OAuth error answer.
pub fn error(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json::<Value>()["error"].as_str().unwrap().to_owned()
}
