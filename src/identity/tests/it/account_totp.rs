//! `/api/account/totp`: enrolment, its proof, and how recent a sign-in must be.

use std::time::Duration;

use poem::{
    Request,
    http::{Method, header},
};
use serde_json::{Value, json};

use crate::{
    sign_in::{ALICE, Authenticator, SignIn, other_than, problem},
    support::{Answer, json_request},
};

const TOTP: &str = "/api/account/totp";

async fn call(sign_in: &SignIn, method: Method, path: &str, token: &str, body: Option<Value>) -> Answer {
    let mut request = match body {
        Some(body) => json_request(path, &body),
        None => Request::builder().method(method).uri(path.parse().unwrap()).finish(),
    };
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    sign_in.app.send(request).await
}

async fn token(sign_in: &SignIn) -> String {
    sign_in.tokens().await["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_authenticator_is_set_up_by_its_first_code_and_told_by_mail() {
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let status: Value = call(&sign_in, Method::GET, TOTP, &token, None).await.json();
    assert_eq!(status, json!({ "enrolled": false }));
    let confirm = async |code: &str| {
        call(&sign_in, Method::POST, "/api/account/totp/confirm", &token, Some(json!({ "code": code }))).await
    };
    assert_eq!(problem(&confirm("123456").await), "enrolment_not_begun");

    let begun = call(&sign_in, Method::POST, TOTP, &token, None).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    let begun: Value = begun.json();
    let secret = begun["secret"].as_str().unwrap();
    assert!(begun["uri"].as_str().unwrap().contains(&format!("secret={secret}")));
    assert!(begun["qr"].as_str().unwrap().starts_with("data:image/png;base64,iVBOR"));
    let authenticator = Authenticator::of_secret(secret);
    let code = authenticator.code(&sign_in.app, 0);
    assert_eq!(problem(&confirm(&other_than(&code)).await), "wrong_code");
    let confirmed = confirm(&code).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    assert_eq!(confirmed.json::<Value>()["enrolled"], true);
    // From now on the account has a second factor, and changing it asks for that.
    assert_eq!(problem(&confirm(&code).await), "insufficient_user_authentication");
    let again = call(&sign_in, Method::POST, TOTP, &token, None).await;
    assert_eq!(problem(&again), "insufficient_user_authentication");

    sign_in.app.run_jobs().await;
    let notice = &sign_in.app.inbox.newest_first()[0];
    assert_eq!(
        (notice.to.as_str(), notice.subject.as_str()),
        (ALICE, "An authenticator app was set up for your account")
    );
    assert_eq!(sign_in.app.audited("credential.enrolled").await.len(), 1);
    assert!(!sign_in.app.everything_stored().await.contains(secret));
}

#[tokio::test]
async fn an_authenticator_is_removed_only_by_whoever_has_it() {
    let sign_in = SignIn::new().await;
    let weak = token(&sign_in).await;
    let authenticator = sign_in.enrol().await;
    let refused = call(&sign_in, Method::DELETE, TOTP, &weak, None).await;
    assert_eq!(
        (refused.status.as_u16(), problem(&refused).as_str()),
        (401, "insufficient_user_authentication")
    );
    assert!(refused.header("www-authenticate").contains("acr_values=\"aal2\""));

    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    assert_eq!(sign_in.verify("email-otp", &attempt, &code).await.status, 403);
    let strong = sign_in.verify("totp", &attempt, &authenticator.code(&sign_in.app, 0)).await;
    let strong = strong.json::<Value>()["access_token"].as_str().unwrap().to_owned();
    let removed = call(&sign_in, Method::DELETE, TOTP, &strong, None).await;
    assert_eq!((removed.status.as_u16(), removed.json::<Value>()), (200, json!({ "enrolled": false })));
    sign_in.app.run_jobs().await;
    assert!(sign_in.app.inbox.newest_first()[0].subject.contains("removed"));
    sign_in.tokens().await;
}

#[tokio::test]
async fn an_old_sign_in_is_not_enough() {
    let sign_in = SignIn::new().await;
    let tokens = sign_in.tokens().await;
    sign_in.app.clock.advance(Duration::from_secs(901));
    let body = json!({ "client_id": "app", "refresh_token": tokens["refresh_token"] });
    let refreshed: Value = sign_in.app.post_json("/api/auth/refresh", &body).await.json();
    let token = refreshed["access_token"].as_str().unwrap();
    assert_eq!(call(&sign_in, Method::GET, TOTP, token, None).await.status, 200);
    let refused = call(&sign_in, Method::POST, TOTP, token, None).await;
    assert_eq!(problem(&refused), "insufficient_user_authentication");
    assert!(refused.header("www-authenticate").contains("max_age=\"900\""));
}

#[tokio::test]
async fn without_a_token_there_is_nothing() {
    let sign_in = SignIn::new().await;
    let answer = sign_in.app.get(TOTP).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("www-authenticate")),
        (401, "Bearer realm=\"Postern\"")
    );
}
