//! Clients learn that a session ended: OpenID Connect Back-Channel Logout 1.0.

use std::time::Duration;

use postern_entities::jobs;
use postern_identity::{
    administration::{
        clients,
        metadata::{ClientMetadataChange, LogoutChange},
    },
    core::RequestContext,
    grants::{self, EndCause, NewGrant},
    sessions::{self, Session, SessionSelection},
};
use postern_service::database::DatabaseError;
use postern_token_verifier::{KeySource as _, jws::Compact};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use crate::{
    fixtures::REDIRECT_URI,
    flow::{Ask, CALLBACK, World},
    logout_app::{LOCAL_APPS, LogoutApp},
    support::{Browser, ISSUER, TestApp},
};

/// Signs the browser in at the client, which gets a code in the session.
pub async fn visit(browser: &Browser<'_>, client_id: &str) {
    let ask = match client_id {
        "trusted" => Ask::of(client_id).with("redirect_uri", REDIRECT_URI),
        _ => Ask::of(client_id),
    };
    let answer = browser.get(&ask.path()).await;
    assert!(answer.header("location").contains("code="), "{answer:?}");
}

/// `own` needs no consent; these clients do not either once they are of the first party.
pub async fn without_consent(test: &TestApp, client_ids: &[&str]) {
    for client_id in client_ids {
        let change = ClientMetadataChange { first_party: Some(true), ..ClientMetadataChange::default() };
        clients::update(&test.app, client_id, change, &RequestContext::of_command(&test.app)).await.unwrap();
    }
}

pub async fn world() -> World {
    let world = World::with(&[LOCAL_APPS]).await;
    without_consent(&world.app, &["rp"]).await;
    world
}

pub async fn logout_jobs(test: &TestApp) -> Vec<jobs::Model> {
    let kinds = jobs::Entity::find().filter(jobs::Column::Kind.starts_with("backchannel_logout"));
    kinds.all(test.app.db.reader()).await.unwrap()
}

pub async fn sign_out(browser: &Browser<'_>, world: &World, session: &Session) {
    let hint = world.app.id_token("rp", &world.alice, session.sid).await;
    let answer = browser.get(&format!("/oauth2/logout?id_token_hint={hint}")).await;
    assert!(answer.status == 200 && answer.body.contains("id=\"signed-out\""), "{answer:?}");
}

/// Header and claims of a logout token whose signature is good.
pub async fn read(test: &TestApp, token: &str) -> (Value, Value) {
    let keys = test.app.signing_keys.public().current().unwrap();
    let jws = Compact::parse(token).unwrap().verify(&keys).unwrap();
    let part = |at: usize| {
        use base64::Engine as _;
        let part = token.split('.').nth(at).unwrap();
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap())
            .unwrap()
    };
    drop(jws);
    (part(0), part(1))
}

#[doc(alias(
    "oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
    "oidcc-backchannel-rp-initiated-logout",
))]
#[tokio::test]
async fn a_logout_token_says_exactly_what_the_specification_wants() {
    let world = world().await;
    let app = LogoutApp::of(&world.app, "rp").await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    visit(&browser, "rp").await;
    sign_out(&browser, &world, &session).await;
    assert!(app.calls().is_empty(), "the person does not wait for apps");
    world.app.run_jobs().await;

    let call = &app.calls()[0];
    assert_eq!(
        (call.method.as_str(), call.content_type.as_str(), call.cookies),
        ("POST", "application/x-www-form-urlencoded", false)
    );
    let [token] = <[_; 1]>::try_from(app.tokens()).unwrap();
    let (header, claims) = read(&world.app, &token).await;
    let id_token = world.app.id_token("rp", &world.alice, session.sid).await;
    let (id_header, id_claims) = read(&world.app, &id_token).await;
    assert_eq!(header["typ"], "logout+jwt");
    assert_eq!((&header["alg"], &header["kid"]), (&id_header["alg"], &id_header["kid"]));
    let now = world.app.clock.now().seconds();
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER,
            "aud": "rp",
            "iat": now,
            "exp": now + 120,
            "jti": claims["jti"],
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
            "sub": id_claims["sub"],
            "sid": id_claims["sid"],
        })
    );
    assert!(!claims["jti"].as_str().unwrap().is_empty());
    assert_eq!(world.app.audited("logout.delivered").await, [json!({ "tries": 1 })]);
    let event = world.app.events("logout.delivered").await.remove(0);
    assert_eq!((event.client_id.as_deref(), event.sid), (Some("rp"), Some(session.sid)));

    // It is neither an ID token nor an access token.
    let hint = browser.get(&format!("/oauth2/logout?id_token_hint={token}")).await;
    assert_eq!(hint.header("location"), "/logged-out");
    assert_eq!(world.app.get_as(&token, "/oauth2/userinfo").await.status, 401);
}

#[tokio::test]
async fn three_apps_of_one_session_are_told_and_the_one_that_was_down_as_soon_as_it_is_back() {
    let world = world().await;
    let apps = [
        LogoutApp::of(&world.app, "rp").await,
        LogoutApp::of(&world.app, "own").await,
        LogoutApp::of(&world.app, "trusted").await,
    ];
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    for client_id in ["rp", "own", "trusted"] {
        visit(&browser, client_id).await;
    }
    apps[1].answers(503);
    sign_out(&browser, &world, &session).await;
    assert_eq!(logout_jobs(&world.app).await.len(), 1, "one job for the session");
    world.app.run_jobs().await;
    let counts = || apps.each_ref().map(|app| app.calls().len());
    assert_eq!(counts(), [1, 1, 1]);

    world.app.clock.advance(Duration::from_secs(19));
    world.app.run_jobs().await;
    assert_eq!(counts(), [1, 1, 1]);
    world.app.clock.advance(Duration::from_secs(1));
    world.app.run_jobs().await;
    assert_eq!(counts(), [1, 2, 1], "who was told is not told again");
    apps[1].answers(204);
    world.app.clock.advance(Duration::from_secs(50));
    world.app.run_jobs().await;
    assert_eq!(counts(), [1, 3, 1]);
    assert_eq!(world.app.audited("logout.delivered").await.len(), 3);
    let tokens = apps[1].tokens();
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "each try has its own token");

    world.app.clock.advance(Duration::from_secs(3600));
    world.app.run_jobs().await;
    assert_eq!(counts(), [1, 3, 1]);
}

#[tokio::test]
async fn an_app_that_stays_down_is_tried_five_times_in_ten_minutes() {
    let world = world().await;
    let app = LogoutApp::of(&world.app, "rp").await;
    app.answers(500);
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    visit(&browser, "rp").await;
    sign_out(&browser, &world, &session).await;
    let mut tries = Vec::new();
    for second in 0..3600 {
        if second > 0 {
            world.app.clock.advance(Duration::from_secs(1));
        }
        if second % 10 == 0 {
            let before = app.calls().len();
            world.app.run_jobs().await;
            if app.calls().len() > before {
                tries.push(second);
            }
        }
    }
    assert_eq!(tries, [0, 20, 70, 190, 490]);
    let told = world.app.audited("logout.undelivered").await;
    assert_eq!(told, [json!({ "tries": 5, "cause": "answered with status 500" })]);
    assert!(world.app.audited("logout.delivered").await.is_empty());
}

#[tokio::test]
async fn an_app_that_refuses_is_not_tried_again_and_one_that_hangs_is() {
    let world = world().await;
    let (refuses, hangs) = (LogoutApp::of(&world.app, "rp").await, LogoutApp::of(&world.app, "own").await);
    refuses.answers(400);
    hangs.hangs();
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    for client_id in ["rp", "own"] {
        visit(&browser, client_id).await;
    }
    let started = std::time::Instant::now();
    sign_out(&browser, &world, &session).await;
    assert!(started.elapsed() < Duration::from_secs(2), "the response waits for no app");
    world.app.run_jobs().await;
    hangs.answers(200);
    world.app.clock.advance(Duration::from_secs(20));
    world.app.run_jobs().await;
    assert_eq!((refuses.calls().len(), hangs.calls().len()), (1, 2));
    assert_eq!(world.app.audited("logout.refused").await, [json!({ "tries": 1 })]);
    assert_eq!(world.app.audited("logout.delivered").await, [json!({ "tries": 2 })]);
}

#[tokio::test]
async fn a_disabled_client_is_not_told_neither_before_nor_between_tries() {
    let world = world().await;
    let (before, between) = (LogoutApp::of(&world.app, "rp").await, LogoutApp::of(&world.app, "own").await);
    between.answers(503);
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    for client_id in ["rp", "own"] {
        visit(&browser, client_id).await;
    }
    let disable = async |client_id| {
        let context = RequestContext::of_command(&world.app.app);
        clients::set_enabled(&world.app.app, client_id, false, &context).await.unwrap();
    };
    disable("rp").await;
    let context = RequestContext::of_command(&world.app.app);
    let ended = world.app.app.write(&context, async |write| {
        sessions::lock_user_and_end(write, session.sid, EndCause::SignedOut).await
    });
    assert!(ended.await.unwrap());
    world.app.run_jobs().await;
    disable("own").await;
    world.app.clock.advance(Duration::from_secs(20));
    world.app.run_jobs().await;
    world.app.clock.advance(Duration::from_secs(3600));
    world.app.run_jobs().await;
    assert_eq!((before.calls().len(), between.calls().len()), (0, 1));
}

#[tokio::test]
async fn only_the_session_that_ended_is_named_and_only_to_its_clients() {
    let world = world().await;
    let (rp, own) = (LogoutApp::of(&world.app, "rp").await, LogoutApp::of(&world.app, "own").await);
    let (here, there) = (world.app.browser(), world.app.browser());
    let session = here.sign_in(&world.alice).await;
    there.sign_in(&world.alice).await;
    visit(&here, "rp").await;
    visit(&there, "own").await;
    visit(&there, "rp").await;
    sign_out(&here, &world, &session).await;
    world.app.run_jobs().await;
    assert!(own.calls().is_empty());
    let [token] = <[_; 1]>::try_from(rp.tokens()).unwrap();
    assert_eq!(read(&world.app, &token).await.1["sid"], session.sid.to_string());
    visit(&there, "own").await;
}

#[tokio::test]
async fn the_notice_exists_exactly_if_the_end_was_committed() {
    let world = world().await;
    let app = LogoutApp::of(&world.app, "rp").await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    visit(&browser, "rp").await;
    let context = RequestContext::of_command(&world.app.app);
    let rolled_back: Result<(), DatabaseError> = world
        .app
        .app
        .write(&context, async |write| {
            let one = SessionSelection::One(session.sid);
            let ended = sessions::end(write, one, EndCause::SignedOut).await?;
            assert_eq!(ended.len(), 1);
            Err(sea_orm::DbErr::Custom("the write fails".to_owned()).into())
        })
        .await;
    assert!(rolled_back.is_err());
    assert!(logout_jobs(&world.app).await.is_empty());
    visit(&browser, "own").await;
    sign_out(&browser, &world, &session).await;
    world.app.run_jobs().await;
    // A second end finds nothing to end.
    let again = world.app.app.write(&context, async |write| {
        sessions::lock_user_and_end(write, session.sid, EndCause::SignedOut).await
    });
    assert!(!again.await.unwrap());
    world.app.run_jobs().await;
    assert_eq!(app.calls().len(), 1);
}

#[tokio::test]
async fn a_session_without_an_app_to_tell_leaves_no_job() {
    let world = world().await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    visit(&browser, "rp").await;
    sign_out(&browser, &world, &session).await;
    assert!(logout_jobs(&world.app).await.is_empty());
}

#[tokio::test]
async fn a_session_of_many_apps_tells_all_of_them_by_jobs_of_bounded_size() {
    let world = world().await;
    let app = LogoutApp::new(&world.app).await;
    let session = world.app.browser().sign_in(&world.alice).await;
    let context = RequestContext::of_command(&world.app.app);
    for number in 0..50 {
        let client_id = format!("app-{number}");
        let change = ClientMetadataChange {
            redirect_uris: Some(vec![CALLBACK.to_owned()]),
            logout: LogoutChange { backchannel_logout_uri: Some(app.uri.clone()), ..LogoutChange::default() },
            ..ClientMetadataChange::default()
        };
        world.app.client(&client_id, change).await;
        let new = NewGrant {
            user_id: Some(world.alice.id),
            client_id,
            sid: Some(session.sid),
            ..NewGrant::default()
        };
        let grant = grants::new(&world.app.app, new, context.now);
        let write = world.app.app.write(&context, async |write| {
            write.defer(&grants::insert_statement(&grant));
            Ok::<_, DatabaseError>(())
        });
        write.await.unwrap();
    }
    let ended = world
        .app
        .app
        .write(&context, async |write| {
            sessions::lock_user_and_end(write, session.sid, EndCause::SignedOut).await
        })
        .await;
    assert!(ended.unwrap());
    assert_eq!(logout_jobs(&world.app).await.len(), 2);
    world.app.run_jobs().await;
    let mut told = Vec::new();
    for token in app.tokens() {
        told.push(read(&world.app, &token).await.1["aud"].as_str().unwrap().to_owned());
    }
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 50);
}
