//! Passkeys: set up, alone as a whole sign-in, and as a second factor.

use std::time::Duration;

use futures_util::future::join_all;
use poem::{
    Request,
    http::{Method, header},
};
use postern_identity::{administration::users, core::RequestContext};
use serde_json::{Value, json};

use crate::{
    sign_in::{ALICE, NOBODY, SignIn, attempt, problem, statuses},
    soft_passkey::{EXTENDED, PRESENT, SoftPasskey, VERIFIED},
    support::{Answer, TestApp, json_request},
};

const PASSKEYS: &str = "/api/account/passkeys";

async fn call(app: &TestApp, method: Method, path: &str, token: &str, body: Option<Value>) -> Answer {
    let mut request = match body {
        Some(body) => json_request(path, &body),
        None => Request::builder().uri(path.parse().unwrap()).finish(),
    };
    request.set_method(method);
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    app.send(request).await
}

async fn token(sign_in: &SignIn) -> String {
    sign_in.tokens().await["access_token"].as_str().unwrap().to_owned()
}

/// An access token of somebody who signed in by mail.
async fn tokens_of(sign_in: &SignIn, email: &str) -> String {
    let attempt = sign_in.attempt("email-otp", email).await;
    let answer = sign_in.verify("email-otp", &attempt, &sign_in.app.code_for(email).await).await;
    answer.json::<Value>()["access_token"].as_str().unwrap().to_owned()
}

async fn begun(sign_in: &SignIn, token: &str) -> Value {
    let answer = call(&sign_in.app, Method::POST, PASSKEYS, token, None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json::<Value>()["publicKey"].take()
}

async fn confirm(sign_in: &SignIn, token: &str, credential: &Value, name: &str) -> Answer {
    let body = json!({ "credential": credential, "name": name });
    call(&sign_in.app, Method::POST, &format!("{PASSKEYS}/confirm"), token, Some(body)).await
}

/// Sets up a passkey of alice.
async fn enrol(sign_in: &SignIn, token: &str) -> SoftPasskey {
    let options = begun(sign_in, token).await;
    let (passkey, answer) = SoftPasskey::create(&options);
    let confirmed = confirm(sign_in, token, &answer, "Phone").await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    passkey
}

/// Begins without an address: the attempt, and what the browser is asked.
async fn unnamed(app: &TestApp) -> (String, Value) {
    let answer = app.post_json("/api/auth/passkey/request", &json!({ "client_id": "app" })).await;
    (attempt(&answer), answer.json::<Value>()["challenge"]["publicKey"].take())
}

async fn prove(app: &TestApp, attempt: &str, answer: &Value) -> Answer {
    let body = json!({ "client_id": "app", "attempt": attempt, "answer": answer });
    app.post_json("/api/auth/passkey/verify", &body).await
}

#[tokio::test]
async fn a_passkey_alone_is_a_phishing_resistant_sign_in() {
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let options = begun(&sign_in, &token).await;
    assert_eq!(
        (&options["rp"]["id"], &options["user"]["name"], &options["attestation"]),
        (&json!("localhost"), &json!(ALICE), &json!("none"))
    );
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    let (mut passkey, made) = SoftPasskey::create(&options);
    let confirmed: Value = confirm(&sign_in, &token, &made, " Phone ").await.json();
    assert_eq!(confirmed["name"], "Phone", "{confirmed}");

    let (attempt, asked) = unnamed(&sign_in.app).await;
    assert_eq!((&asked["allowCredentials"], &asked["userVerification"]), (&json!([]), &json!("required")));
    let answer = prove(&sign_in.app, &attempt, &passkey.answer(&asked)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json::<Value>()["access_token"].as_str().unwrap().to_owned();
    let me: Value = sign_in.app.get_as(&token, "/api/auth/me").await.json();
    assert_eq!((&me["email"], &me["sub"]), (&json!(ALICE), &json!(sign_in.alice.subject)));
    let started = sign_in.app.audited("session.started").await;
    let reached = json!({ "kind": "api", "acr": "phr", "amr": ["user", "hwk", "mfa"] });
    assert!(started.contains(&reached), "{started:?}");
    let listed: Value = call(&sign_in.app, Method::GET, PASSKEYS, &token, None).await.json();
    assert!(listed["passkeys"][0]["last_used_at"].is_string(), "{listed}");

    sign_in.app.run_jobs().await;
    let mails = sign_in.app.inbox.newest_first();
    assert!(mails.iter().any(|mail| mail.subject == "A passkey was added to your account"), "{mails:?}");
    let discovery: Value = sign_in.app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["acr_values_supported"], json!(["aal1", "aal2", "phr"]));
}

/// What a forged or foreign answer looks like.
type Forgery = fn(&mut SoftPasskey, &mut Value);

#[tokio::test]
async fn what_two_readers_would_read_in_two_ways_is_refused() {
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let options = begun(&sign_in, &token).await;
    let (mut passkey, made) = SoftPasskey::create(&options);
    let coordinate = [7; 32];
    let ec2 = |more: &[u8], pairs: u8| {
        let head = [0xa0 | pairs, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        [&head[..], &coordinate, b"\x22\x58\x20", &coordinate, more].concat()
    };
    for (name, key) in [
        ("a label twice", ec2(&[b"\x22\x58\x20", &coordinate[..]].concat(), 6)),
        ("a label twice, once written longer", ec2(&[b"\x38\x02\x58\x20", &coordinate[..]].concat(), 6)),
        ("something behind it", ec2(b"\x00", 5)),
    ] {
        let refused = confirm(&sign_in, &token, &passkey.attest_key(&options, &key), "").await;
        assert_eq!((refused.status.as_u16(), problem(&refused).as_str()), (403, "passkey_refused"), "{name}");
    }
    let statement = b"\xa3\x63fmt\x64none\x67attStmt\xa2\x61x\x01\x61x\x02\x68authData\x40";
    let refused = confirm(&sign_in, &token, &passkey.attest_object(&options, statement), "").await;
    assert_eq!(problem(&refused), "passkey_refused");
    assert_eq!(confirm(&sign_in, &token, &made, "").await.status, 200);

    passkey.flags |= EXTENDED;
    for (extensions, status) in [
        (&b"\xa2\x61x\x01\x61x\x02"[..], 401),
        (b"\xa2\x61x\x01\x61y\x02\x00", 401),
        (b"\xa2\x61x\x01\x61y\x02", 200),
    ] {
        passkey.extensions = extensions.to_vec();
        let (attempt, asked) = unnamed(&sign_in.app).await;
        let answer = prove(&sign_in.app, &attempt, &passkey.answer(&asked)).await;
        assert_eq!(answer.status.as_u16(), status, "{extensions:x?} {}", answer.body);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_a_rule_is_refused() {
    // A source has five failures in 15 minutes: each forgery comes in a window of its own.
    let forgeries: [(&str, Forgery); 10] = [
        ("another challenge", |_, asked| asked["challenge"] = json!("dGhpcyBpcyBub3QgdGhlIGNoYWxsZW5nZQ")),
        ("another origin", |passkey, _| "https://evil.test".clone_into(&mut passkey.origin)),
        ("another port", |passkey, _| "http://localhost:7118".clone_into(&mut passkey.origin)),
        ("a subdomain", |passkey, _| "http://id.localhost:7117".clone_into(&mut passkey.origin)),
        ("another rpId", |passkey, _| "evil.test".clone_into(&mut passkey.rp_id)),
        ("nobody there", |passkey, _| passkey.flags = VERIFIED),
        ("nobody known", |passkey, _| passkey.flags = PRESENT),
        ("another key", |passkey, asked| {
            let options = json!({ "rp": asked.clone(), "user": { "id": "AAAA" } });
            let options = json!({ "rp": { "id": options["rp"]["rpId"] }, "user": options["user"] });
            let (stranger, _) = SoftPasskey::create(&options);
            *passkey = SoftPasskey { id: passkey.id.clone(), ..stranger };
        }),
        ("an unknown key", |passkey, _| passkey.id = vec![7; 20]),
        ("no answer", |_, asked| *asked = Value::Null),
    ];
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let passkey = enrol(&sign_in, &token).await;
    for (name, forge) in forgeries {
        let (attempt, mut asked) = unnamed(&sign_in.app).await;
        let mut forged = passkey.clone();
        forge(&mut forged, &mut asked);
        let answer = if asked.is_null() { json!({ "id": [1, { "a": 2 }] }) } else { forged.answer(&asked) };
        let refused = prove(&sign_in.app, &attempt, &answer).await;
        assert_eq!((refused.status.as_u16(), problem(&refused).as_str()), (401, "login_failed"), "{name}");
        sign_in.app.clock.advance(Duration::from_mins(16));
    }
    let (attempt, asked) = unnamed(&sign_in.app).await;
    let mut answer = passkey.clone().answer(&asked);
    let signature = answer["response"]["signature"].as_str().unwrap();
    let last = if signature.ends_with('A') { "B" } else { "A" };
    answer["response"]["signature"] = json!(format!("{}{last}", &signature[..signature.len() - 1]));
    assert_eq!(prove(&sign_in.app, &attempt, &answer).await.status, 401, "another signature");
    assert_eq!(
        prove(&sign_in.app, &attempt, &passkey.clone().answer(&asked)).await.status,
        200,
        "the right one"
    );
}

#[tokio::test]
async fn of_many_at_once_one_answer_to_a_challenge_counts() {
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let mut passkey = enrol(&sign_in, &token).await;
    let (attempt, asked) = unnamed(&sign_in.app).await;
    let answer = passkey.answer(&asked);
    let other = sign_in.app.another_node().await;
    let calls = (0..50).map(|call| {
        let app = if call % 2 == 0 { &sign_in.app } else { &other };
        prove(app, &attempt, &answer)
    });
    assert_eq!(statuses(&join_all(calls).await).0, 1);
}

#[tokio::test]
async fn a_count_that_goes_back_is_refused_and_shown() {
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let mut passkey = enrol(&sign_in, &token).await;
    passkey.counts = true;
    let mut copy = passkey.clone();
    for _ in 0..2 {
        let (attempt, asked) = unnamed(&sign_in.app).await;
        assert_eq!(prove(&sign_in.app, &attempt, &passkey.answer(&asked)).await.status, 200);
    }
    let (attempt, asked) = unnamed(&sign_in.app).await;
    assert_eq!(prove(&sign_in.app, &attempt, &copy.answer(&asked)).await.status, 401);
    assert_eq!(sign_in.app.events("credential.count_went_back").await.len(), 1);
    let listed: Value = call(&sign_in.app, Method::GET, PASSKEYS, &token, None).await.json();
    assert!(listed["passkeys"][0]["flagged_at"].is_string(), "{listed}");
}

#[tokio::test]
async fn who_has_a_passkey_shows_it_after_every_other_method() {
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let mut passkey = enrol(&sign_in, &token).await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    let told: Value = sign_in.verify("email-otp", &attempt, &code).await.json();
    assert_eq!(told["methods"], json!(["passkey"]), "{told}");
    let asked = sign_in.again("passkey", &attempt).await.json::<Value>()["challenge"]["publicKey"].take();
    assert_eq!(asked["allowCredentials"].as_array().unwrap().len(), 1);
    sign_in.app.clock.advance(Duration::from_secs(1));
    let answer = prove(&sign_in.app, &attempt, &passkey.answer(&asked)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let started = sign_in.app.audited("session.started").await;
    let reached = json!({ "kind": "api", "acr": "phr", "amr": ["otp", "user", "hwk", "mfa"] });
    assert_eq!(started.last().unwrap(), &reached);
}

#[tokio::test]
async fn a_challenge_tells_nobody_what_an_account_has() {
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let mut passkey = enrol(&sign_in, &token).await;
    let masked = async |identifier: &str| {
        let mut answer: Value = sign_in.request("passkey", identifier).await.json();
        answer["attempt"] = Value::Null;
        answer["challenge"]["publicKey"]["challenge"] = Value::Null;
        answer
    };
    assert_eq!(masked(ALICE).await, masked(NOBODY).await);
    // For a name that is another's, her passkey proves nothing.
    let bob = sign_in.app.bob();
    for identifier in [bob.email.as_str(), NOBODY] {
        let begun = sign_in.request("passkey", identifier).await;
        let asked = begun.json::<Value>()["challenge"]["publicKey"].take();
        let refused = prove(&sign_in.app, &attempt(&begun), &passkey.answer(&asked)).await;
        assert_eq!(refused.status, 401, "{identifier}");
    }
    users::disable(&sign_in.app.app, &sign_in.alice, &RequestContext::of_command(&sign_in.app.app))
        .await
        .unwrap();
    let (attempt, asked) = unnamed(&sign_in.app).await;
    assert_eq!(prove(&sign_in.app, &attempt, &passkey.answer(&asked)).await.status, 401, "disabled");
}

#[tokio::test]
async fn a_sign_in_without_an_address_is_for_passkeys_only() {
    let sign_in = SignIn::new().await;
    for method in ["email-otp", "password", "totp"] {
        let path = format!("/api/auth/{method}/request");
        let refused = sign_in.app.post_json(&path, &json!({ "client_id": "app" })).await;
        assert_eq!(refused.status, 400, "{method}: {}", refused.body);
    }
    let (attempt, _) = unnamed(&sign_in.app).await;
    assert_eq!(sign_in.again("email-otp", &attempt).await.status, 400, "there is nobody to mail to");
}

#[tokio::test]
async fn setting_one_up_needs_a_recent_sign_in_and_happens_once() {
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let options = begun(&sign_in, &token).await;
    let (passkey, made) = SoftPasskey::create(&options);
    let forged = SoftPasskey { origin: "https://evil.test".to_owned(), ..passkey.clone() };
    for (name, wrong) in [
        ("another origin", forged.attest(&options)),
        ("nobody known", SoftPasskey { flags: PRESENT, ..passkey.clone() }.attest(&options)),
        ("a point beside the curve", passkey.attest_point(&options, &[1; 32], &[2; 32])),
        ("nested without end", passkey.attest_object(&options, &vec![0x81; 20_000])),
        (
            "a member twice",
            passkey.attest_object(
                &options,
                b"\xa4\x63fmt\x64none\x63fmt\x64none\x67attStmt\xa0\x68authData\x40",
            ),
        ),
        ("nothing", json!({})),
    ] {
        assert_eq!(problem(&confirm(&sign_in, &token, &wrong, "").await), "passkey_refused", "{name}");
    }
    let named = confirm(&sign_in, &token, &made, "a\u{7}b").await;
    assert_eq!((named.status.as_u16(), named.json::<Value>()["field"].clone()), (400, json!("name")));
    assert_eq!(confirm(&sign_in, &token, &made, "").await.status, 200);
    // From now on the account has a second factor, and changing it asks for that.
    assert_eq!(
        problem(&call(&sign_in.app, Method::POST, PASSKEYS, &token, None).await),
        "insufficient_user_authentication"
    );
    let mut passkey = passkey;
    let (attempt, asked) = unnamed(&sign_in.app).await;
    let strong: Value = prove(&sign_in.app, &attempt, &passkey.answer(&asked)).await.json();
    let strong = strong["access_token"].as_str().unwrap();
    let options = begun(&sign_in, strong).await;
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    let again = confirm(&sign_in, strong, &passkey.attest(&options), "").await;
    assert_eq!((again.status.as_u16(), problem(&again).as_str()), (409, "conflict"), "the same key");
    let bob = sign_in.app.bob();
    let theirs = tokens_of(&sign_in, &bob.email).await;
    let again = confirm(&sign_in, &theirs, &passkey.attest(&begun(&sign_in, &theirs).await), "").await;
    assert_eq!((again.status.as_u16(), problem(&again).as_str()), (409, "conflict"), "somebody else's key");
    assert_eq!(confirm(&sign_in, strong, &SoftPasskey::create(&options).1, "").await.status, 200);
    let twice = confirm(&sign_in, strong, &SoftPasskey::create(&options).1, "").await;
    assert_eq!(problem(&twice), "enrolment_not_begun", "the challenge was used");
}

#[tokio::test]
async fn one_is_renamed_and_removed_by_its_owner_only() {
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let mut passkey = enrol(&sign_in, &token).await;
    let (attempt, asked) = unnamed(&sign_in.app).await;
    let strong: Value = prove(&sign_in.app, &attempt, &passkey.answer(&asked)).await.json();
    let strong = strong["access_token"].as_str().unwrap().to_owned();
    let listed: Value = call(&sign_in.app, Method::GET, PASSKEYS, &strong, None).await.json();
    let path = format!("{PASSKEYS}/{}", listed["passkeys"][0]["id"].as_str().unwrap());
    let rename = async |name: &str| {
        call(&sign_in.app, Method::PUT, &path, &strong, Some(json!({ "name": name }))).await
    };
    assert_eq!(rename("").await.status, 400);
    assert_eq!(rename(&"x".repeat(65)).await.status, 400);
    assert_eq!(rename("Work laptop").await.json::<Value>()["passkeys"][0]["name"], "Work laptop");

    let bob = sign_in.app.bob();
    let theirs = tokens_of(&sign_in, &bob.email).await;
    assert_eq!(call(&sign_in.app, Method::DELETE, &path, &theirs, None).await.status, 404);
    assert_eq!(
        call(&sign_in.app, Method::DELETE, &path, &token, None).await.status,
        401,
        "signed in without it"
    );
    assert_eq!(call(&sign_in.app, Method::DELETE, &path, &strong, None).await.status, 200);
    let (attempt, asked) = unnamed(&sign_in.app).await;
    assert_eq!(prove(&sign_in.app, &attempt, &passkey.answer(&asked)).await.status, 401);
    sign_in.app.run_jobs().await;
    assert_eq!(sign_in.app.inbox.newest_first()[0].subject, "A passkey was removed from your account");
}

#[tokio::test]
async fn recovery_codes_outlive_one_of_two_devices() {
    let sign_in = SignIn::new().await;
    let token = token(&sign_in).await;
    let mut passkey = enrol(&sign_in, &token).await;
    let (attempt, asked) = unnamed(&sign_in.app).await;
    let strong: Value = prove(&sign_in.app, &attempt, &passkey.answer(&asked)).await.json();
    let strong = strong["access_token"].as_str().unwrap().to_owned();
    let codes = call(&sign_in.app, Method::POST, "/api/account/recovery-codes", &strong, None).await;
    assert_eq!(codes.status, 200, "{}", codes.body);
    sign_in.enrol().await;
    let left = async || {
        let answer = call(&sign_in.app, Method::GET, "/api/account/recovery-codes", &strong, None).await;
        answer.json::<Value>()["left"].clone()
    };
    let listed: Value = call(&sign_in.app, Method::GET, PASSKEYS, &strong, None).await.json();
    let path = format!("{PASSKEYS}/{}", listed["passkeys"][0]["id"].as_str().unwrap());
    assert_eq!(call(&sign_in.app, Method::DELETE, &path, &strong, None).await.status, 200);
    assert_eq!(left().await, 10, "they stand in for the authenticator now");
    assert_eq!(call(&sign_in.app, Method::DELETE, "/api/account/totp", &strong, None).await.status, 200);
    assert_eq!(left().await, 0, "there is nothing to stand in for");
}

#[tokio::test]
async fn an_issuer_at_an_address_offers_no_passkeys() {
    let sign_in = SignIn::with(&[("POSTERN_ISSUER", "http://127.0.0.1:7117")]).await;
    let methods: Value = sign_in.app.get("/api/auth/methods?client_id=app").await.json();
    assert!(!methods["methods"].as_array().unwrap().contains(&json!("passkey")), "{methods}");
    let discovery: Value = sign_in.app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["acr_values_supported"], json!(["aal1", "aal2"]));
    assert_eq!(
        problem(&call(&sign_in.app, Method::POST, PASSKEYS, &token(&sign_in).await, None).await),
        "method_not_offered"
    );
}
