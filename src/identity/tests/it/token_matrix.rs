//! Every kind of token at every endpoint that takes one. The operations come from the OpenAPI document, so that a new one
//! cannot be forgotten; what each kind may do is one table.

use poem::{Request, http::Method};
use postern_identity::{
    acr::Acr,
    grants::{self, Grant, NewGrant},
    http::serve,
    tokens::{
        self, TokenTarget,
        authorization_code::{self, NewAuthorizationCode},
    },
    users::User,
};
use postern_token_verifier::{Audience, Policy, Verifier};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

use crate::{
    fixtures::SIGNED_OUT,
    seeds::{CHALLENGE, REDIRECT_URI, Seeds, TASKS, VERIFIER},
    support::{ISSUER, TestApp, form_request, json_request},
};

mod operation;
mod seeded;

use self::operation::{Needs, Operation, judged};

/// How a token comes to be.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The access token of a code of this client, with this scope.
    Access(&'static str, &'static str),
    IdToken,
    RefreshToken,
    /// Of a client in its own right.
    Own,
    /// As tokens were before they were for one side only.
    BeforeUpgrade,
    OtherIssuer,
    Expired,
}

/// What revocation by its own public client does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Revocation {
    Ends,
    Nothing,
    Refused,
}

use Revocation::{Ends, Nothing, Refused};

/// What a kind may do: userinfo and `/api/auth/me`; `/api/account`; sign-out by bearer token (statuses of a refusal, or
/// 200); whether it is a hint for logout; whether the tasks API is told that it is active; what revoking it does; whether
/// the tasks API takes it.
type Row = (Kind, u16, u16, u16, bool, bool, Revocation, bool);

const TABLE: [Row; 16] = [
    (Kind::Access("trusted", "openid account"), 200, 200, 200, false, false, Ends, false),
    (Kind::Access("trusted", "account"), 403, 200, 200, false, false, Ends, false),
    (Kind::Access("trusted", "openid profile"), 200, 403, 200, false, false, Ends, false),
    (Kind::Access("trusted", "profile"), 403, 403, 200, false, false, Ends, false),
    (Kind::Access("trusted", "openid account tasks:read"), 200, 401, 401, false, true, Nothing, true),
    (Kind::Access("trusted", "account tasks:read"), 403, 401, 401, false, true, Nothing, true),
    (Kind::Access("trusted", "openid tasks:read notes:read"), 200, 401, 401, false, true, Nothing, true),
    (Kind::Access("trusted", "tasks:read notes:read"), 403, 401, 401, false, true, Nothing, true),
    (Kind::Access("mobile", "openid email"), 200, 403, 403, false, false, Ends, false),
    (Kind::Access("mobile", "openid tasks:read"), 200, 401, 401, false, true, Nothing, true),
    (Kind::IdToken, 401, 401, 401, true, false, Nothing, false),
    (Kind::RefreshToken, 401, 401, 401, false, false, Ends, false),
    (Kind::Own, 401, 401, 401, false, true, Refused, true),
    (Kind::BeforeUpgrade, 200, 401, 401, false, true, Nothing, true),
    (Kind::OtherIssuer, 401, 401, 401, false, false, Nothing, false),
    // Moves the clock, so that it comes last.
    (Kind::Expired, 401, 401, 401, false, false, Ends, false),
];

/// A token, and what it hangs off.
struct Token {
    text: String,
    client_id: &'static str,
    grant_id: Uuid,
}

struct Matrix {
    seeds: Seeds,
    elsewhere: TestApp,
}

impl Matrix {
    async fn new() -> Self {
        let seeds = Seeds::new().await;
        let elsewhere = seeds.app.another_node_with(&[("POSTERN_ISSUER", "http://localhost:7999")]).await;
        Self { seeds, elsewhere }
    }

    /// A new one, of a new user.
    async fn token(&self, kind: Kind) -> Token {
        let of = |text: &Value, client_id, grant_id| Token {
            text: text.as_str().unwrap().to_owned(),
            client_id,
            grant_id,
        };
        let (client_id, scope) = match kind {
            Kind::Access(client_id, scope) => (client_id, scope),
            Kind::BeforeUpgrade => ("trusted", "openid account tasks:read"),
            _ => ("trusted", "openid account"),
        };
        let user = self.user().await;
        let grant = self.grant(client_id, scope, &user).await;
        match kind {
            Kind::Access(..) => {
                of(&self.redeem(client_id, &grant).await["access_token"], client_id, grant.id)
            }
            Kind::IdToken => of(&self.redeem(client_id, &grant).await["id_token"], client_id, grant.id),
            Kind::RefreshToken => {
                of(&self.redeem(client_id, &grant).await["refresh_token"], client_id, grant.id)
            }
            Kind::Expired => {
                let token = of(&self.redeem(client_id, &grant).await["access_token"], client_id, grant.id);
                self.seeds.app.clock.advance(std::time::Duration::from_secs(16 * 60));
                token
            }
            Kind::Own => {
                let form = [("grant_type", "client_credentials"), ("scope", "tasks:read")];
                let answer = self.seeds.post_as("service", &self.seeds.service, "/oauth2/token", &form).await;
                of(&answer.json::<Value>()["access_token"], "trusted", grant.id)
            }
            Kind::BeforeUpgrade => {
                let text = issue(&self.seeds.app, &grant, &user, &[TASKS, ISSUER]).await;
                Token { text, client_id, grant_id: grant.id }
            }
            Kind::OtherIssuer => {
                let text = issue(&self.elsewhere, &grant, &user, &["http://localhost:7999"]).await;
                Token { text, client_id, grant_id: grant.id }
            }
        }
    }

    async fn user(&self) -> User {
        self.seeds.app.user(&format!("{}@example.test", self.seeds.app.app.random.uuid())).await
    }

    async fn grant(&self, client_id: &str, scope: &str, user: &User) -> Grant {
        let app = &self.seeds.app.app;
        let resolved =
            tokens::resolve_grant_target(app, &self.seeds.client(client_id), Some(scope), &[]).unwrap();
        let now = app.clock.now();
        let new = NewGrant {
            user_id: Some(user.id),
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
        app.db.write_batch(&[&grants::insert_statement(&grant)], |_| true).await.unwrap();
        grant
    }

    async fn redeem(&self, client_id: &str, grant: &Grant) -> Value {
        let app = &self.seeds.app.app;
        let new = NewAuthorizationCode {
            grant,
            redirect_uri: REDIRECT_URI,
            code_challenge: Some(CHALLENGE),
            nonce: None,
        };
        let (code, row) = authorization_code::new(app, &new, app.clock.now());
        app.db.write_batch(&[&row], |_| true).await.unwrap();
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("code", code.expose_secret()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        let answer = self.seeds.app.post_form("/oauth2/token", &form).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    async fn revoked(&self, token: &Token) -> Revocation {
        let form = [("client_id", token.client_id), ("token", token.text.as_str())];
        let answer = self.seeds.app.post_form("/oauth2/revoke", &form).await;
        let grant = grants::find(self.seeds.app.app.db.reader(), token.grant_id).await.unwrap().unwrap();
        match (answer.status.as_u16(), grant.revoked_at) {
            (200, Some(_)) => Ends,
            (200, None) => Nothing,
            (400, None) => Refused,
            other => panic!("{other:?} {}", answer.body),
        }
    }

    async fn is_hint(&self, token: &Token) -> bool {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("id_token_hint", &token.text)
            .append_pair("post_logout_redirect_uri", SIGNED_OUT)
            .finish();
        let answer = self.seeds.app.get(&format!("/oauth2/logout?{query}")).await;
        answer.status == 303 && answer.header("location").starts_with(SIGNED_OUT)
    }

    /// Whether a resource server that verifies by itself takes it.
    async fn taken_by_tasks(&self, token: &Token) -> bool {
        let (app, audience) = (&self.seeds.app.app, Audience::Contains(TASKS.to_owned()));
        let clock = self.seeds.app.clock.clone();
        let policy = Policy { now: Arc::new(move || clock.now().seconds()), ..Policy::new(ISSUER, audience) };
        Verifier::new(policy, app.signing_keys.public().clone()).unwrap().verify(&token.text).await.is_ok()
    }
}

/// Signs a token that no endpoint would issue.
async fn issue(app: &TestApp, grant: &Grant, user: &User, audiences: &[&str]) -> String {
    let client = Arc::clone(app.app.clients().find(&grant.client_id).unwrap());
    let target = TokenTarget {
        scope: grant.scope.clone(),
        audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
        id_token: false,
    };
    let what = tokens::IssueRequest {
        client: &client,
        grant: grant.into(),
        user: Some(user),
        target: &target,
        nonce: None,
        refresh_token: None,
    };
    tokens::issue(&app.app, what).await.unwrap().access_token
}

#[tokio::test]
async fn every_kind_of_token_opens_what_the_table_says_and_nothing_else() {
    let matrix = Matrix::new().await;
    let app = &matrix.seeds.app;
    let operations = Operation::all();
    assert!(operations.len() >= 25, "the document names {} operations with a token", operations.len());
    let mut cells = 0;
    for (kind, openid, account, issuer, hint, active, revocation, taken) in TABLE {
        let token = matrix.token(kind).await;
        for operation in &operations {
            // `mobile` may sign people out nowhere: the first-party API is not for it.
            let expected = match operation.needs() {
                Needs::OpenId => openid,
                Needs::Account => account,
                Needs::Issuer => issuer,
            };
            let fresh;
            let token = if expected == 200 {
                fresh = matrix.token(kind).await;
                &fresh
            } else {
                &token
            };
            let answer = operation.call(app, token).await;
            let at = format!("{kind:?} at {} {}: {}", operation.method, operation.path, answer.body);
            assert_eq!(judged(&answer), expected, "{at}");
            cells += 1;
        }
        let form = form_request("/oauth2/userinfo", &[("access_token", &token.text)]);
        assert_eq!(judged(&app.send(form).await), openid, "{kind:?} in the form of userinfo");
        assert_eq!(matrix.is_hint(&token).await, hint, "{kind:?} as a hint for logout");
        let told = matrix.seeds.introspect(TASKS, &matrix.seeds.tasks, &token.text).await;
        assert_eq!(told["active"], active, "{kind:?} at introspection");
        let told = matrix.seeds.introspect("web", &matrix.seeds.web, &token.text).await;
        assert_eq!(told["active"], false, "{kind:?} at introspection by a stranger");
        assert_eq!(matrix.taken_by_tasks(&token).await, taken, "{kind:?} at the tasks API");
        assert_eq!(matrix.revoked(&token).await, revocation, "{kind:?} at revocation");
        cells += 6;
    }
    println!("{cells} cells: {} kinds of token, {} operations", TABLE.len(), operations.len());
    assert_eq!(cells, TABLE.len() * (operations.len() + 6));
}

#[tokio::test]
async fn what_changes_how_one_signs_in_needs_a_recent_sign_in_and_nothing_else_does() {
    let matrix = Matrix::new().await;
    let user = matrix.user().await;
    let grant = matrix.grant("trusted", "openid account", &user).await;
    matrix.seeds.app.clock.advance(std::time::Duration::from_secs(16 * 60));
    let text = matrix.redeem("trusted", &grant).await["access_token"].as_str().unwrap().to_owned();
    let token = Token { text, client_id: "trusted", grant_id: grant.id };
    let mut refused = Vec::new();
    for operation in Operation::all().iter().filter(|operation| operation.needs() == Needs::Account) {
        let answer = operation.call(&matrix.seeds.app, &token).await;
        let challenge = answer.header("www-authenticate");
        if challenge.contains("insufficient_user_authentication") {
            assert_eq!(answer.status, 401, "{}", answer.body);
            assert!(challenge.contains("max_age=\"900\""), "{challenge}");
            refused.push(format!("{} {}", operation.method, operation.path));
        } else {
            assert_ne!(answer.status, 401, "{} {}: {}", operation.method, operation.path, answer.body);
        }
    }
    refused.sort();
    let passkey = format!("DELETE /api/account/passkeys/{}", Uuid::nil());
    let expected = [
        "DELETE /api/account",
        &passkey,
        "DELETE /api/account/totp",
        "GET /api/account/export",
        "POST /api/account/email",
        "POST /api/account/email/confirm",
        "POST /api/account/passkeys",
        "POST /api/account/passkeys/confirm",
        "POST /api/account/recovery-codes",
        "POST /api/account/totp",
        "POST /api/account/totp/confirm",
        "PUT /api/account/password",
    ];
    assert_eq!(refused, expected);
}

#[test]
fn every_parameter_that_takes_a_token_is_known() {
    // Those in the table above; the others are refresh tokens and mailed links, which are looked up by their hash.
    let known = [
        "/api/account/email/confirm token",
        "/api/auth/email/verify token",
        "/api/auth/logout refresh_token",
        "/api/auth/password/reset token",
        "/api/auth/refresh refresh_token",
        "/oauth2/introspect token",
        "/oauth2/revoke token",
        "/oauth2/token refresh_token",
        "/oauth2/userinfo access_token",
    ];
    let document = serve::document();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            let content = operation["requestBody"]["content"].as_object().into_iter().flatten();
            for schema in content.filter_map(|(_, content)| content["schema"]["$ref"].as_str()) {
                let schema = document.pointer(&schema[1..]).unwrap();
                let names = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name);
                let tokens = names.filter(|name| name.ends_with("token"));
                found.extend(tokens.map(|name| format!("{path} {name}")));
            }
        }
    }
    found.sort();
    assert_eq!(found, known);
}

#[tokio::test]
async fn a_token_of_a_resource_never_manages_the_account_whatever_was_granted_with_it() {
    let matrix = Matrix::new().await;
    let token = matrix.token(Kind::Access("trusted", "openid account tasks:read")).await;
    let scopes = matrix.seeds.app.app.verifier.verify(&token.text).await.unwrap();
    assert_eq!(
        (scopes.aud.join(" "), scopes.scope.join(" ")),
        (TASKS.to_owned(), "openid tasks:read".into())
    );
    let mut request =
        json_request("/api/account/password", &json!({ "password": "seven brass lamps upstream" }));
    request.set_method(Method::PUT);
    request.headers_mut().insert("authorization", format!("Bearer {}", token.text).parse().unwrap());
    let answer = matrix.seeds.app.send(request).await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert!(answer.body.contains("for the issuer alone"), "{}", answer.body);
    assert_eq!(matrix.seeds.app.events("password.changed").await.len(), 0);
    let mut deletion = Request::builder().uri("/api/account/totp".parse().unwrap()).finish();
    deletion.set_method(Method::DELETE);
    deletion.headers_mut().insert("authorization", format!("Bearer {}", token.text).parse().unwrap());
    assert_eq!(matrix.seeds.app.send(deletion).await.status, 401);
}
