//! Whom access tokens are for, and which scopes they have: the issuer alone or resources, never both (RFC 8707, RFC 9068).

use std::time::Duration;

use poem::{Request, http::Method};
use postern_identity::{
    acr::Acr,
    administration::metadata::ClientMetadataChange,
    grants::{self, NewGrant},
    scope::Scope,
    tokens::{self, TokenTarget, issue::GrantClaims},
};
use serde_json::{Value, json};

use crate::{
    seeds::{CHALLENGE, NOTES, REDIRECT_URI, Seeds, TASKS, error},
    sign_in::{ALICE, SignIn, problem},
    support::{Answer, ISSUER, json_request},
};

/// The answer to an authorization request of `trusted` by ada's browser: a code or an error.
async fn authorize(seeds: &Seeds, more: &[(&str, &str)]) -> Result<String, (String, String)> {
    authorize_client(seeds, "trusted", more).await
}

async fn authorize_client(
    seeds: &Seeds,
    client_id: &str,
    more: &[(&str, &str)],
) -> Result<String, (String, String)> {
    let browser = seeds.app.browser();
    browser.sign_in(&seeds.ada).await;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([
        ("client_id", client_id),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    query.extend_pairs(more);
    let answer = browser.get(&format!("/oauth2/authorize?{}", query.finish())).await;
    let location = url::Url::parse(answer.header("location")).unwrap();
    let told =
        |name: &str| location.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
    match told("code") {
        Some(code) => Ok(code),
        None => Err((told("error").unwrap(), told("error_description").unwrap())),
    }
}

async fn redeem(seeds: &Seeds, code: &str, more: &[(&str, &str)]) -> Answer {
    let own = [("client_id", "trusted")];
    seeds.redeem(code, &own.iter().chain(more).copied().collect::<Vec<_>>()).await
}

async fn refresh(seeds: &Seeds, tokens: &Value, more: &[(&str, &str)]) -> Answer {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "trusted"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    let form: Vec<_> = form.iter().chain(more).copied().collect();
    seeds.app.post_form("/oauth2/token", &form).await
}

/// Audience and scope of the access token, and whether an ID token came with it. The answer's scope is the token's.
async fn said(seeds: &Seeds, answer: &Answer) -> (String, String, bool) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer: Value = answer.json();
    let token = seeds.access_token(&answer).await;
    assert_eq!(answer["scope"], token.scope.join(" "));
    (token.aud.join(" "), token.scope.join(" "), answer["id_token"].is_string())
}

fn expected(aud: &str, scope: &str, id_token: bool) -> (String, String, bool) {
    (aud.to_owned(), scope.to_owned(), id_token)
}

#[tokio::test]
async fn the_scopes_asked_for_decide_whom_a_token_is_for() {
    let seeds = Seeds::new().await;
    let code = authorize(&seeds, &[("scope", "openid account tasks:read notes:read")]).await.unwrap();
    let first = redeem(&seeds, &code, &[]).await;
    let both = format!("{TASKS} {NOTES}");
    assert_eq!(said(&seeds, &first).await, expected(&both, "openid tasks:read notes:read", true));
    let mut tokens: Value = first.json();
    for (more, aud, scope, id_token) in [
        (&[("scope", "account")][..], ISSUER, "account", false),
        (&[("scope", "openid account")], ISSUER, "openid account", true),
        (&[("resource", ISSUER)], ISSUER, "openid account", true),
        (&[("scope", "account tasks:read")], TASKS, "tasks:read", false),
        (&[("resource", TASKS)], TASKS, "openid tasks:read", true),
        (&[("scope", "tasks:read"), ("resource", TASKS)], TASKS, "tasks:read", false),
        (&[("scope", "tasks:read")], TASKS, "tasks:read", false),
    ] {
        let answer = refresh(&seeds, &tokens, more).await;
        assert_eq!(said(&seeds, &answer).await, expected(aud, scope, id_token), "{more:?}");
        tokens = answer.json();
    }
    for more in [
        &[("resource", ISSUER), ("resource", TASKS)][..],
        &[("scope", "tasks:read"), ("resource", ISSUER)],
        &[("scope", "openid"), ("resource", TASKS)],
        &[("resource", "https://unknown.example.test")],
    ] {
        assert_eq!(error(&refresh(&seeds, &tokens, more).await), "invalid_target", "{more:?}");
    }
}

#[tokio::test]
async fn the_scope_of_a_code_narrows_the_access_token_and_leaves_the_id_token() {
    let seeds = Seeds::new().await;
    let code = authorize(&seeds, &[("scope", "openid account tasks:read")]).await.unwrap();
    // As libraries send it: with words that the provider does not know.
    let answer = redeem(&seeds, &code, &[("scope", "tasks:read nothing")]).await;
    assert_eq!(said(&seeds, &answer).await, expected(TASKS, "tasks:read", true));
}

#[tokio::test]
async fn resources_bound_the_grant_and_a_token_request_names_one_of_them() {
    let seeds = Seeds::new().await;
    let scope = ("scope", "openid account tasks:read notes:read");
    let bounded = authorize(&seeds, &[scope, ("resource", ISSUER), ("resource", TASKS)]).await.unwrap();
    let answer = redeem(&seeds, &bounded, &[]).await;
    assert_eq!(said(&seeds, &answer).await, expected(TASKS, "openid tasks:read", true));
    let tokens: Value = answer.json();
    assert_eq!(error(&refresh(&seeds, &tokens, &[("resource", NOTES)]).await), "invalid_target");
    let answer = refresh(&seeds, &tokens, &[("resource", ISSUER)]).await;
    assert_eq!(said(&seeds, &answer).await, expected(ISSUER, "openid account", true));

    let without_issuer = authorize(&seeds, &[scope, ("resource", TASKS)]).await.unwrap();
    let tokens: Value = redeem(&seeds, &without_issuer, &[]).await.json();
    assert_eq!(tokens["scope"], "openid tasks:read");
    assert_eq!(error(&refresh(&seeds, &tokens, &[("resource", ISSUER)]).await), "invalid_target");
    assert_eq!(error(&refresh(&seeds, &tokens, &[("scope", "account")]).await), "invalid_scope");

    for (scope, resource) in [("openid notes:read", TASKS), ("tasks:read", ISSUER)] {
        let refused = authorize(&seeds, &[("scope", scope), ("resource", resource)]).await.unwrap_err();
        assert_eq!(refused.0, "invalid_target", "{refused:?}");
        assert!(refused.1.contains(resource) && refused.1.contains("trusted"), "{refused:?}");
    }
}

#[tokio::test]
async fn words_that_are_not_understood_are_left_out_until_none_is_left() {
    let seeds = Seeds::new().await;
    let code = authorize(&seeds, &[("scope", "openid phone nothing tasks:read")]).await.unwrap();
    let tokens: Value = redeem(&seeds, &code, &[]).await.json();
    assert_eq!(tokens["scope"], "openid tasks:read");
    let refused = authorize(&seeds, &[("scope", "phone nothing")]).await.unwrap_err();
    assert_eq!(refused.0, "invalid_scope");
    assert_eq!(refused.1, "the scope phone nothing is not available to the client trusted");
    // A refresh leaves out what some libraries always send, and nothing else.
    let always = refresh(&seeds, &tokens, &[("scope", "openid profile offline_access tasks:read")]).await;
    assert_eq!(always.json::<Value>()["scope"], "openid tasks:read");
    for scope in ["tasks:read email", "tasks:read nothing", "profile offline_access"] {
        let refused = refresh(&seeds, &always.json(), &[("scope", scope)]).await;
        assert_eq!(error(&refused), "invalid_scope", "{scope}");
        assert!(refused.body.contains("client trusted"), "{}", refused.body);
    }
}

#[tokio::test]
async fn a_scope_longer_than_any_that_is_meant_costs_nothing() {
    let seeds = Seeds::new().await;
    let long = (0..9000).map(|n| format!("{n:x}")).collect::<Vec<_>>().join(" ");
    let form = [("grant_type", "refresh_token"), ("client_id", "trusted"), ("refresh_token", "x")];
    for scope in [&long[..40_000], &"a".repeat(2049)] {
        let answer = seeds
            .post_as(
                "service",
                &seeds.service,
                "/oauth2/token",
                &[("grant_type", "client_credentials"), ("scope", scope)],
            )
            .await;
        assert_eq!(error(&answer), "invalid_scope");
        assert!(answer.body.contains("2048 bytes"), "{}", answer.body);
    }
    let many: Vec<_> = form.into_iter().chain(std::iter::repeat_n(("resource", TASKS), 201)).collect();
    assert_eq!(error(&seeds.app.post_form("/oauth2/token", &many).await), "invalid_request");
    let code = authorize(&seeds, &[("scope", "openid tasks:read")]).await.unwrap();
    let tokens: Value = redeem(&seeds, &code, &[]).await.json();
    assert_eq!(error(&refresh(&seeds, &tokens, &[("resource", TASKS); 21]).await), "invalid_target");
}

#[tokio::test]
async fn a_client_in_its_own_right_has_no_scope_about_people() {
    let seeds = Seeds::new().await;
    for scope in ["account", "openid tasks:read", "tasks:read account"] {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let answer = seeds.post_as("service", &seeds.service, "/oauth2/token", &form).await;
        assert_eq!(error(&answer), "invalid_scope", "{scope}");
    }
}

#[tokio::test]
async fn a_grant_from_before_the_upgrade_goes_on_under_the_rule() {
    let seeds = Seeds::new().await;
    let app = &seeds.app.app;
    let now = app.clock.now();
    let new = NewGrant {
        user_id: Some(seeds.ada.id),
        client_id: "trusted".to_owned(),
        sid: Some(app.random.uuid()),
        scope: Scope::from_stored("openid email tasks:read"),
        resources: vec![TASKS.to_owned(), ISSUER.to_owned()],
        auth_time: Some(now),
        acr: Some(Acr::Aal1),
        amr: vec!["otp".to_owned()].into(),
        ..NewGrant::default()
    };
    let grant = grants::new(app, new, now);
    app.db.write_batch(&[&grants::insert_statement(&grant)], |_| true).await.unwrap();
    let answer = redeem(&seeds, &seeds.code(&grant).await, &[]).await;
    assert_eq!(said(&seeds, &answer).await, expected(TASKS, "openid email tasks:read", true));
    let tokens: Value = answer.json();
    assert_eq!(seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 200);
    let answer = refresh(&seeds, &tokens, &[("resource", ISSUER)]).await;
    assert_eq!(said(&seeds, &answer).await, expected(ISSUER, "openid email", true));
    assert_eq!(error(&refresh(&seeds, &answer.json(), &[("scope", "account")]).await), "invalid_scope");
}

#[tokio::test]
async fn the_account_api_believes_the_token_and_not_its_grant() {
    let seeds = Seeds::new().await;
    let app = &seeds.app.app;
    let grant = seeds.grant("trusted", "account").await;
    let token = async |auth_time| {
        let target = TokenTarget {
            scope: Scope::from_stored("account"),
            audiences: vec![ISSUER.to_owned()],
            id_token: false,
        };
        let client = seeds.client("trusted");
        let facts = GrantClaims { auth_time: Some(auth_time), ..GrantClaims::from(&grant) };
        let what = tokens::IssueRequest {
            client: &client,
            grant: facts,
            user: Some(&seeds.ada),
            target: &target,
            nonce: None,
            refresh_token: None,
        };
        tokens::issue(app, what).await.unwrap().access_token
    };
    let now = app.clock.now();
    for (auth_time, status) in [(now, 200), (now - Duration::from_secs(16 * 60), 401)] {
        let mut request = Request::builder().uri("/api/account/totp".parse().unwrap()).finish();
        request.set_method(Method::POST);
        let header = format!("Bearer {}", token(auth_time).await).parse().unwrap();
        request.headers_mut().insert("authorization", header);
        let answer = seeds.app.send(request).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

#[tokio::test]
async fn the_refusal_for_want_of_the_scope_account_names_the_command() {
    let seeds = Seeds::new().await;
    let code = authorize_client(&seeds, "own", &[("scope", "openid account")]).await.unwrap();
    let tokens: Value = seeds.redeem(&code, &[("client_id", "own")]).await.json();
    assert_eq!(tokens["scope"], "openid");
    let answer = seeds.app.get_as(tokens["access_token"].as_str().unwrap(), "/api/account/totp").await;
    assert_eq!((answer.status.as_u16(), problem(&answer).as_str()), (403, "insufficient_scope"));
    assert!(answer.body.contains("postern client update own --add-scope account"), "{}", answer.body);
    let command = seeds.app.command(&["client", "update", "own", "--add-scope", "account"]).output().unwrap();
    assert!(command.status.success(), "{command:?}");
    seeds.app.app.reload("clients").await.unwrap();
    assert_eq!(
        seeds.client("own").row.scopes[..],
        ["openid", "profile", "email", "offline_access", "account"]
    );
    let answer = seeds.app.get_as(tokens["access_token"].as_str().unwrap(), "/api/account/totp").await;
    assert!(answer.body.contains("in a token of its own"), "{}", answer.body);
}

#[tokio::test]
async fn the_api_takes_scope_and_resource_anew_each_time() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let context = postern_identity::core::RequestContext::of_command(&app.app);
    let more =
        ClientMetadataChange { add_scopes: vec!["tasks:read".to_owned()], ..ClientMetadataChange::default() };
    postern_identity::administration::clients::update(&app.app, "app", more, &context).await.unwrap();
    let verify = async |more: Value| {
        let attempt = sign_in.attempt("email-otp", ALICE).await;
        let mut body = json!({ "client_id": "app", "attempt": attempt, "code": app.code_for(ALICE).await });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.post_json("/api/auth/email-otp/verify", &body).await
    };
    let aud = async |answer: &Value| {
        let token = app.app.verifier.verify(answer["access_token"].as_str().unwrap()).await.unwrap();
        assert_eq!(answer["scope"], token.scope.join(" "));
        (token.aud.join(" "), token.scope.join(" "))
    };
    let tokens: Value = verify(json!({ "scope": "openid account tasks:read nothing" })).await.json();
    assert_eq!(aud(&tokens).await, (TASKS.to_owned(), "openid tasks:read".to_owned()));
    let refresh = async |tokens: &Value, more: Value| {
        let mut body = json!({ "client_id": "app", "refresh_token": tokens["refresh_token"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.post_json("/api/auth/refresh", &body).await
    };
    let account: Value = refresh(&tokens, json!({ "scope": "account" })).await.json();
    assert_eq!(aud(&account).await, (ISSUER.to_owned(), "account".to_owned()));
    let issuer: Value = refresh(&account, json!({ "resource": ISSUER })).await.json();
    assert_eq!(aud(&issuer).await, (ISSUER.to_owned(), "openid account".to_owned()));
    let both = refresh(&issuer, json!({ "resource": [ISSUER, TASKS] })).await;
    assert_eq!((both.status.as_u16(), problem(&both).as_str()), (400, "invalid_target"));
    let none = verify(json!({ "scope": "nothing phone" })).await;
    assert_eq!((none.status.as_u16(), problem(&none).as_str()), (400, "invalid_scope"));
    assert!(none.body.contains("nothing phone") && none.body.contains("client app"), "{}", none.body);
    let wrong = verify(json!({ "scope": "openid", "resource": TASKS })).await;
    assert_eq!(problem(&wrong), "invalid_target");

    // Sign-out by a token that the tasks API has too.
    let tokens: Value = verify(json!({ "scope": "openid tasks:read" })).await.json();
    let mut request = json_request("/api/auth/logout", &json!({ "client_id": "app" }));
    let header = format!("Bearer {}", tokens["access_token"].as_str().unwrap()).parse().unwrap();
    request.headers_mut().insert("authorization", header);
    let answer = app.send(request).await;
    assert_eq!((answer.status.as_u16(), problem(&answer).as_str()), (401, "invalid_token"));
}
