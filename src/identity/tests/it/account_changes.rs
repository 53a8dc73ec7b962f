//! How often people change their own account: counted for every way of doing so, and told in plain words.

use std::{collections::BTreeSet, time::Duration};

use poem::{
    Request,
    http::{Method, header},
};
use postern_identity::http;
use serde_json::{Value, json};

use crate::{
    person::open,
    sign_in::{SignIn, problem},
    support::{Answer, TestApp, json_request},
};

const ONE_AN_HOUR: &[(&str, &str)] = &[("POSTERN_LIMITS__CHANGES_PER_ACCOUNT", "1 per 1h per account")];

/// What takes something away is not counted: it is bounded by what there is, and has to work while a thief changes things.
const TAKES_AWAY: [&str; 6] = [
    "delete /api/account/passkeys/{id}",
    "delete /api/account/totp",
    "delete /api/account/sessions",
    "delete /api/account/sessions/{sid}",
    "delete /api/account/applications/{client_id}",
    "delete /api/account",
];

/// Forms of the account's pages that are counted.
const FORMS: [&str; 10] = [
    "/account/data",
    "/account/email",
    "/account/passkeys",
    "/account/passkeys/confirm",
    "/account/passkeys/rename",
    "/account/password",
    "/account/profile",
    "/account/recovery-codes",
    "/account/totp",
    "/account/totp/confirm",
];

/// Those that take something away, and the two that close an account and keep it after all.
const UNCOUNTED_FORMS: [&str; 7] = [
    "/account/applications/remove",
    "/account/delete",
    "/account/passkeys/remove",
    "/account/restore",
    "/account/sessions/end",
    "/account/sign-out",
    "/account/totp/remove",
];

async fn call(app: &TestApp, method: &str, path: &str, token: &Value) -> Answer {
    let body = (!["get", "delete"].contains(&method)).then(|| body_of(method, path));
    let path = ["{id}", "{sid}"]
        .iter()
        .fold(path.to_owned(), |path, name| path.replace(name, "0d5f3d0e-8b36-4c45-a5ae-04fd8f7a76de"));
    let path = path.replace("{client_id}", "app");
    let mut request = match body {
        Some(body) => json_request(&path, &body),
        None => Request::builder().uri(path.parse().unwrap()).finish(),
    };
    request.set_method(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap());
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    request.headers_mut().insert(header::AUTHORIZATION, bearer.parse().unwrap());
    app.send(request).await
}

/// A body with the members that the operation has.
fn body_of(method: &str, path: &str) -> Value {
    let document = http::serve::document();
    let schema = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
    let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) else {
        return json!({});
    };
    let mut body = json!({
        "email": "alice@new.example.test", "password": "seven brass lamps upstream", "name": "Phone",
        "code": "123456", "credential": {}, "token": "of-a-mailed-link",
    });
    let members = &document["components"]["schemas"][name]["properties"];
    body.as_object_mut().unwrap().retain(|member, _| members.get(member).is_some());
    body
}

/// Every operation of the account API that writes, such as `put /api/account/password`.
fn operations() -> BTreeSet<String> {
    let document = http::serve::document();
    let paths = document["paths"].as_object().unwrap().clone();
    let own = paths.into_iter().filter(|(path, _)| path.starts_with("/api/account"));
    let operations = own.flat_map(|(path, item)| {
        let methods: Vec<_> = item.as_object().unwrap().keys().cloned().collect();
        methods.into_iter().map(move |method| format!("{method} {path}"))
    });
    operations.filter(|it| !it.starts_with("get ") || it.ends_with("/export")).collect()
}

#[tokio::test]
async fn every_change_by_the_api_counts_against_one_limit() {
    let sign_in = SignIn::with(ONE_AN_HOUR).await;
    let token = sign_in.tokens().await;
    let first = call(&sign_in.app, "patch", "/api/account/profile", &token).await;
    assert_eq!(
        (first.status.as_u16(), first.header("ratelimit-policy"), first.header("ratelimit")),
        (200, "\"changes_per_account\";q=1;w=3600", "\"changes_per_account\";r=0;t=3600"),
        "{}",
        first.body
    );
    assert!(operations().len() > 14, "{:?}", operations());
    let counted = operations().into_iter().filter(|it| !TAKES_AWAY.contains(&it.as_str()));
    for operation in counted {
        let (method, path) = operation.split_once(' ').unwrap();
        let limited = call(&sign_in.app, method, path, &token).await;
        assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "3600"), "{operation}");
        assert_eq!(problem(&limited), "too_many_requests");
    }
    assert_eq!(sign_in.app.audited("profile.changed").await.len(), 1);
    for operation in TAKES_AWAY {
        let (method, path) = operation.split_once(' ').unwrap();
        let removed = call(&sign_in.app, method, path, &token).await;
        assert_ne!(removed.status, 429, "{operation}");
        assert_eq!(removed.header("ratelimit"), "", "{operation}");
    }
}

#[tokio::test]
async fn another_account_and_another_hour_have_a_count_of_their_own() {
    let sign_in = SignIn::with(ONE_AN_HOUR).await;
    let change = async |token: &Value| {
        call(&sign_in.app, "patch", "/api/account/profile", token).await.status.as_u16()
    };
    let token = sign_in.tokens().await;
    assert_eq!((change(&token).await, change(&token).await), (200, 429));
    let bob = sign_in.app.user("bob@example.test").await;
    let browser = sign_in.app.browser();
    browser.sign_in(&bob).await;
    let page = open(&browser, "/account/profile").await;
    assert_eq!(page.press("#profile-submit", &[("nickname", "Bo")]).await.answer.status, 200);
    sign_in.app.clock.advance(Duration::from_hours(1));
    let token = sign_in.tokens().await;
    assert_eq!(change(&token).await, 200);
}

#[tokio::test]
async fn every_form_of_the_account_counts_and_a_page_says_so() {
    let app = TestApp::with(ONE_AN_HOUR).await;
    let posted = http::form_paths(&app.app).into_iter().filter(|path| path.starts_with("/account/"));
    let known: BTreeSet<_> = FORMS.into_iter().chain(UNCOUNTED_FORMS).map(str::to_owned).collect();
    assert_eq!(posted.collect::<BTreeSet<_>>(), known, "name each form in FORMS or in UNCOUNTED_FORMS");
    let alice = app.user("alice@example.test").await;
    let browser = app.browser();
    browser.sign_in(&alice).await;
    let page = open(&browser, "/account/profile").await;
    let token = page.attribute("[name=form_token]", "value");
    let fields = [("form_token", token.as_str()), ("nickname", "Al")];
    assert_eq!(browser.post("/account/profile", &fields).await.status, 303);
    for path in FORMS {
        let limited = browser.post(path, &fields).await;
        assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "3600"), "{path}");
        assert!(limited.body.contains("Too many changes"), "{path}: {}", limited.body);
        assert!(limited.header("ratelimit").contains("changes_per_account"), "{path}");
    }
    let fields = [("form_token", token.as_str()), ("sid", "others"), ("client_id", "app")];
    for path in UNCOUNTED_FORMS {
        assert_eq!(browser.post(path, &fields).await.header("ratelimit"), "", "{path}");
    }
}
