//! Login methods that are switched off: not offered on the account pages, and not set up by anybody.

use poem::{
    Request,
    http::{Method, header},
};
use serde_json::{Value, json};

use crate::{
    flow::World,
    person::{enrol, open},
    sign_in::{SignIn, problem},
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
