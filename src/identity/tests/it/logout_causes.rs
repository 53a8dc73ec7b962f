//! What ends a session, and that its apps are told whatever it was.

use postern_entities::sessions as rows;
use postern_identity::{administration::users, core::RequestContext, sessions};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::{
    backchannel_logout::{logout_jobs, read, sign_out, visit, world},
    flow::{Ask, CALLBACK, VERIFIER, code, error},
    logout_app::{LOCAL_APPS, LogoutApp},
    sign_in::SignIn,
    support::json_request,
};

#[tokio::test]
async fn a_session_tells_its_apps_whatever_ended_it() {
    let world = world().await;
    let app = LogoutApp::of(&world.app, "rp").await;
    let context = RequestContext::of_command(&world.app.app);
    let begin = async || {
        let browser = world.app.browser();
        let session = browser.sign_in(&world.alice).await;
        visit(&browser, "rp").await;
        (browser, session)
    };
    // From the account's list of sessions, which ends two others with one statement for all.
    let (kept, keeping) = begin().await;
    let others = [begin().await.1.sid, begin().await.1.sid];
    let signed_in =
        sessions::find(&world.app.app, &kept.cookie("postern-session").unwrap()).await.unwrap().unwrap();
    assert_eq!(sessions::end_others(&world.app.app, signed_in.principal(), &context).await.unwrap(), 2);
    assert_eq!(logout_jobs(&world.app).await.len(), 2, "one for each session");
    world.app.run_jobs().await;
    let sid = async |token: String| read(&world.app, &token).await.1["sid"].as_str().unwrap().to_owned();
    let mut told = Vec::new();
    for token in app.tokens() {
        told.push(sid(token).await);
    }
    told.sort();
    let mut others = others.map(|sid| sid.to_string());
    others.sort();
    assert_eq!(told, others);

    // The operator disables the account.
    users::disable(&world.app.app, &world.alice, &context).await.unwrap();
    world.app.run_jobs().await;
    assert_eq!(app.calls().len(), 3);
    assert_eq!(sid(app.tokens().pop().unwrap()).await, keeping.sid.to_string());

    // The operator removes an account: the rows are gone when the job runs.
    let bob = world.app.browser();
    let session = bob.sign_in(&world.bob).await;
    visit(&bob, "rp").await;
    users::remove(&world.app.app, &world.bob, &context).await.unwrap();
    assert!(rows::Entity::find_by_id(session.sid).one(world.app.app.db.reader()).await.unwrap().is_none());
    world.app.run_jobs().await;
    assert_eq!(app.calls().len(), 4);
    assert_eq!(read(&world.app, &app.tokens().pop().unwrap()).await.1["sub"], world.bob.subject.to_string());
}

#[tokio::test]
async fn a_sign_out_by_the_json_api_tells_the_app_too() {
    let sign_in = SignIn::with(&[LOCAL_APPS]).await;
    let told = LogoutApp::of(&sign_in.app, "app").await;
    let tokens = sign_in.tokens().await;
    let mut request = json_request("/api/auth/logout", &json!({ "client_id": "app" }));
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    assert_eq!(sign_in.app.send(request).await.status, 200);
    sign_in.app.run_jobs().await;
    let [token] = <[_; 1]>::try_from(told.tokens()).unwrap();
    let (_, claims) = read(&sign_in.app, &token).await;
    let (_, id_claims) = read(&sign_in.app, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!((&claims["sub"], &claims["sid"]), (&id_claims["sub"], &id_claims["sid"]));
}

/// Whatever the account pages end: another password ends the other sessions.
#[tokio::test]
async fn another_password_tells_the_apps_of_the_sessions_that_it_ends() {
    let world = world().await;
    let app = LogoutApp::of(&world.app, "rp").await;
    let (here, there) = (world.app.browser(), world.app.browser());
    here.sign_in(&world.alice).await;
    let ended = there.sign_in(&world.alice).await;
    visit(&there, "rp").await;
    let page = here.get("/account/password").await;
    assert_eq!(page.status, 200, "{page:?}");
    let token = page.body.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = [("form_token", token), ("password", "seven brass lamps upstream"), ("end_others", "yes")];
    let answer = here.post("/account/password", &form).await;
    assert_eq!(answer.header("location"), "/account?done=password", "{answer:?}");
    world.app.run_jobs().await;
    let [token] = <[_; 1]>::try_from(app.tokens()).unwrap();
    assert_eq!(read(&world.app, &token).await.1["sid"], ended.sid.to_string());
}

/// LO-05: what a sign-out ends, and what it leaves.
#[tokio::test]
async fn a_sign_out_ends_everything_but_offline_access() {
    let world = world().await;
    let app = LogoutApp::of(&world.app, "rp").await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    let credentials = [("client_id", "rp"), ("client_secret", world.rp_secret.as_str())];
    let token = async |form: &[(&str, &str)]| {
        let form: Vec<_> = form.iter().chain(&credentials).copied().collect();
        world.app.post_form("/oauth2/token", &form).await
    };
    let redeem = async |scope: &str| {
        let code = code(&browser.get(&Ask::of("rp").with("scope", scope).path()).await);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        token(&form).await.json::<Value>()
    };
    let refresh = async |tokens: &Value| {
        let refresh_token = tokens["refresh_token"].as_str().unwrap();
        token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    };
    let sid = async |tokens: &Value| {
        read(&world.app, tokens["id_token"].as_str().unwrap()).await.1["sid"].as_str().unwrap().to_owned()
    };
    let (online, offline) = (redeem("openid").await, redeem("openid offline_access").await);
    let online: Value = refresh(&online).await.json();
    for tokens in [&online, &offline] {
        assert_eq!(sid(tokens).await, session.sid.to_string(), "every ID token names the session");
    }
    let tab = browser.on(&world.app);
    sign_out(&browser, &world, &session).await;

    assert!(refresh(&online).await.body.contains("invalid_grant"));
    let offline = refresh(&offline).await;
    assert_eq!(sid(&offline.json()).await, session.sid.to_string());
    for browser in [&browser, &tab] {
        let answer = browser.get(&Ask::of("own").with("prompt", "none").path()).await;
        assert_eq!(error(&answer), "login_required");
        assert!(browser.get("/account").await.header("location").starts_with("/login"));
    }
    world.app.run_jobs().await;
    assert_eq!(app.calls().len(), 1, "an app with two grants of the session is told once");
}
