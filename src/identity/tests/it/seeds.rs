//! Defines what most tests begin with: a resource, clients, a user, and grants as the authorization endpoint makes them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use poem::http::header;
use postern_entities::{sessions, values::SessionKind};
use postern_identity::{
    acr::Acr,
    administration::{self, metadata::ClientMetadataChange, resources::ResourceChange},
    claims::Profile,
    clients::{Client, ClientAuthMethod, GrantType},
    core::RequestContext,
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
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, TestApp, form_request};

/// The resource of every test.
pub const TASKS: &str = "http://localhost:7118";
pub const NOTES: &str = "https://notes.example.test";
/// Where codes go to.
pub const REDIRECT_URI: &str = "https://app.example.test/callback";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge made from it.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Every scope that `web` and `mobile` may ask for.
pub const FULL_SCOPE: &str = "openid profile email address phone tasks:read tasks:write";

/// Clients, resources and a user, ready to issue tokens.
pub struct Seeds {
    pub app: TestApp,
    /// Alice, with every claim.
    pub alice: User,
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
        for (identifier, scopes) in [(TASKS, &["tasks:read", "tasks:write"][..]), (NOTES, &["notes:read"])] {
            let scopes: BTreeMap<_, _> =
                scopes.iter().map(|name| ((*name).to_owned(), (*name).to_owned())).collect();
            let change = ResourceChange { scopes: Some(scopes), ..ResourceChange::default() };
            administration::resources::add(
                &app.app,
                identifier,
                change,
                &RequestContext::of_command(&app.app),
            )
            .await
            .unwrap();
        }
        let context = RequestContext::of_command(&app.app);
        let alice = administration::users::add_without_password(
            &app.app,
            "alice@example.test",
            true,
            profile(),
            &context,
        );
        let alice = alice.await.unwrap();
        let secret = async |id: &str, method, grant_types: &[GrantType], scopes: &str| {
            add_client(&app, id, method, grant_types, scopes).await
        };
        let browser = [GrantType::AuthorizationCode, GrantType::RefreshToken];
        let scopes = format!("{FULL_SCOPE} notes:read offline_access");
        let web = secret("web", ClientAuthMethod::ClientSecretBasic, &browser, &scopes).await;
        let post = secret("post", ClientAuthMethod::ClientSecretPost, &browser, &scopes).await;
        secret("mobile", ClientAuthMethod::None, &browser, &scopes).await;
        secret("no-refresh", ClientAuthMethod::None, &[GrantType::AuthorizationCode], "openid").await;
        let service = secret(
            "service",
            ClientAuthMethod::ClientSecretBasic,
            &[GrantType::ClientCredentials],
            "openid tasks:read notes:read",
        )
        .await;
        let tasks =
            secret(TASKS, ClientAuthMethod::ClientSecretBasic, &[GrantType::ClientCredentials], "tasks:read")
                .await;
        Self { app, alice, web, post, service, tasks }
    }

    /// The client as the provider knows it.
    pub fn client(&self, client_id: &str) -> Arc<Client> {
        Arc::clone(self.app.app.clients().find(client_id).unwrap())
    }

    /// A grant of alice to a client, as the authorization endpoint makes it.
    pub async fn grant(&self, client_id: &str, scope: &str) -> Grant {
        let app = &self.app.app;
        let resolved = tokens::resolve_grant_target(app, &self.client(client_id), Some(scope), &[]).unwrap();
        let now = app.clock.now();
        let new = NewGrant {
            user_id: Some(self.alice.id),
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
            user_id: self.alice.id,
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

async fn add_client(
    app: &TestApp,
    client_id: &str,
    method: ClientAuthMethod,
    grant_types: &[GrantType],
    scopes: &str,
) -> String {
    let code = grant_types.contains(&GrantType::AuthorizationCode);
    let scopes: Vec<String> = scopes.split(' ').map(str::to_owned).collect();
    let change = ClientMetadataChange {
        token_endpoint_auth_method: Some(method),
        redirect_uris: Some(if code { vec![REDIRECT_URI.to_owned()] } else { Vec::new() }),
        origins: Some(if code { vec![format!("https://{client_id}.example.test")] } else { Vec::new() }),
        grant_types: Some(grant_types.to_vec()),
        default_scopes: Some(scopes.iter().take(2).cloned().collect()),
        scopes: Some(scopes),
        ..ClientMetadataChange::default()
    };
    let added =
        administration::clients::add(&app.app, client_id, change, &RequestContext::of_command(&app.app))
            .await
            .unwrap();
    added.map(|added| added.client_secret.expose_secret().to_owned()).unwrap_or_default()
}

fn profile() -> Profile {
    let claims = json!({
        "name": "Alice Adams",
        "given_name": "Alice",
        "family_name": "Adams",
        "middle_name": "Ada",
        "nickname": "Al",
        "preferred_username": "alice",
        "profile": "https://example.test/alice",
        "picture": "https://example.test/alice.png",
        "website": "https://alice.example.test",
        "gender": "female",
        "birthdate": "1990-01-31",
        "zoneinfo": "Europe/Berlin",
        "locale": "en-GB",
        "phone_number": "+491701234567",
        "phone_number_verified": true,
        "address": { "locality": "Berlin", "country": "DE" },
    });
    profile_of(&claims)
}

/// The profile with these claims.
pub fn profile_of(claims: &Value) -> Profile {
    serde_json::from_value(claims.clone()).unwrap()
}
