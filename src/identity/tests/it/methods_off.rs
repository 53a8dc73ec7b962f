//! Login methods that are switched off: not offered on the account pages, and not set up by anybody.

use poem::{
    Request,
    http::{Method, header},
};
use serde_json::{Value, json};

use crate::{
    flow::World,
    person::{enrol, open},
    sign_in::{ALICE, SignIn, problem},
    support::json_request,
};

const ONLY_MAIL: (&str, &str) = ("POSTERN_LOGIN__METHODS", "email-otp");

#[tokio::test]
async fn the_account_page_offers_no_method_that_is_switched_off() {
    let world = World::with(&[ONLY_MAIL]).await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let account = open(&browser, "/account").await;
    for way in ["totp", "passkeys", "password", "recovery-codes"] {
        let path = format!("/account/{way}");
        assert!(!account.has(&format!("a[href='{path}']")), "{path}");
        assert_eq!(browser.get(&path).await.status, 404, "{path}");
    }

    let all = World::new().await;
    let browser = all.app.browser();
    browser.sign_in(&all.alice).await;
    enrol(&browser).await;
    let account = open(&browser, "/account").await;
    for way in ["totp", "passkeys", "password", "recovery-codes"] {
        assert!(account.has(&format!("#account-{way}")), "{way}");
    }
}

#[tokio::test]
async fn nobody_sets_up_a_method_that_is_switched_off() {
    let sign_in = SignIn::with(&[ONLY_MAIL]).await;
    let token = sign_in.tokens().await["access_token"].as_str().unwrap().to_owned();
    let call = async |method: Method, path: &str, body: Option<Value>| {
        let mut request = match &body {
            Some(body) => json_request(path, body),
            None => Request::builder().uri(path.parse().unwrap()).finish(),
        };
        request.set_method(method);
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        sign_in.app.send(request).await
    };
    let password = json!({ "password": "seven brass lamps upstream" });
    for (method, path, body) in [
        (Method::POST, "/api/account/totp", None),
        (Method::POST, "/api/account/totp/confirm", Some(json!({ "code": "123456" }))),
        (Method::POST, "/api/account/passkeys", None),
        (Method::PUT, "/api/account/password", Some(password)),
        (Method::POST, "/api/account/recovery-codes", None),
    ] {
        let answer = call(method, path, body).await;
        assert_eq!(
            (answer.status.as_u16(), problem(&answer).as_str()),
            (404, "method_not_offered"),
            "{path}"
        );
    }
    assert!(sign_in.app.events("credential.enrolment_begun").await.is_empty());
}

#[tokio::test]
async fn no_password_is_set_by_mail_where_nobody_signs_in_by_one() {
    let sign_in = SignIn::with(&[ONLY_MAIL]).await;
    let browser = sign_in.app.browser();
    for path in ["/forgot-password", "/forgot-password?sent=yes", "/reset-password?token=x"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    let login = open(&browser, "/login?to=account").await;
    assert!(!login.answer.body.contains("/forgot-password"));
    let token = login.attribute("[name=form_token]", "value");
    let fields =
        [("form_token", token.as_str()), ("email", ALICE), ("token", "x"), ("password", "seven brass lamps")];
    for path in ["/forgot-password", "/reset-password"] {
        assert_eq!(browser.post(path, &fields).await.status, 404, "{path}");
    }
    for (path, body) in [
        ("/api/auth/password/forgot", json!({ "client_id": "app", "email": ALICE })),
        (
            "/api/auth/password/reset",
            json!({ "client_id": "app", "token": "x", "password": "seven brass lamps" }),
        ),
    ] {
        let answer = sign_in.app.post_json(path, &body).await;
        let told = (answer.status.as_u16(), problem(&answer));
        assert_eq!(told, (404, "method_not_offered".to_owned()), "{path}");
    }
    sign_in.app.run_jobs().await;
    assert!(sign_in.app.inbox.newest_first().is_empty());
    assert!(sign_in.app.events("password.reset_asked").await.is_empty());
}
