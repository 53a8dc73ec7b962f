//! Pairwise subjects (OpenID Connect Core section 8.1): what a client sees, and which clients may have them.

use std::time::Duration;

use postern_identity::{
    administration::{
        ChangeError,
        clients::{self, NewSecret},
        metadata::ClientMetadataChange,
        resources::{self, ResourceChange},
    },
    clients::{SubjectType, subject_for},
    core::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    fixtures::{NOTES, REDIRECT_URI, list},
    flow::{Ask, World, code, error},
    seeds::{Seeds, VERIFIER},
    support::TestApp,
};

const SCOPE: &str = "openid email offline_access notes:read";

fn pairwise(sector: Option<&str>) -> ClientMetadataChange {
    ClientMetadataChange {
        subject_type: Some(SubjectType::Pairwise),
        sector: sector.map(str::to_owned),
        ..ClientMetadataChange::default()
    }
}

async fn change(
    app: &TestApp,
    client_id: &str,
    change: ClientMetadataChange,
) -> Result<Option<NewSecret>, ChangeError> {
    clients::update(&app.app, client_id, change, &RequestContext::of_command(&app.app)).await
}

async fn join_users(app: &TestApp, identifier: &str, joins_users: bool) -> Result<(), ChangeError> {
    let change = ResourceChange { joins_users: Some(joins_users), ..ResourceChange::default() };
    resources::update(&app.app, identifier, change, &RequestContext::of_command(&app.app)).await
}

fn payload(jwt: &Value) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = jwt.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

async fn tokens(seeds: &Seeds, (client_id, secret): (&str, &str), form: &[(&str, &str)]) -> Value {
    let answer = seeds.post_as(client_id, secret, "/oauth2/token", form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn redeem(seeds: &Seeds, client: (&str, &str)) -> Value {
    let code = seeds.code(&seeds.grant(client.0, SCOPE).await).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    tokens(seeds, client, &form).await
}

async fn refresh(seeds: &Seeds, client: (&str, &str), before: &Value) -> Value {
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", before["refresh_token"].as_str().unwrap())];
    tokens(seeds, client, &form).await
}

/// Everything that a client learns by its tokens.
async fn everything(seeds: &Seeds, (client_id, secret): (&str, &str), tokens: &Value) -> Vec<Value> {
    let access_token = tokens["access_token"].as_str().unwrap();
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    vec![
        payload(&tokens["id_token"]),
        payload(&tokens["access_token"]),
        seeds.userinfo(access_token).await.json(),
        seeds.app.get_as(access_token, "/api/auth/me").await.json(),
        seeds.introspect(client_id, secret, access_token).await,
        seeds.introspect(client_id, secret, refresh_token).await,
    ]
}

/// The one `sub` that a client sees everywhere.
async fn only_sub(seeds: &Seeds, client: (&str, &str), tokens: &Value) -> String {
    let told = everything(seeds, client, tokens).await;
    let sub = told[0]["sub"].as_str().unwrap().to_owned();
    for one in &told {
        assert_eq!(one["sub"], json!(sub), "{one}");
    }
    sub
}

#[tokio::test]
async fn clients_of_one_sector_see_one_sub_and_those_of_others_another() {
    let seeds = Seeds::new().await;
    let (web, post) = (("web", seeds.web.as_str()), ("post", seeds.post.as_str()));
    let public = seeds.ada.subject.to_string();
    assert_eq!(only_sub(&seeds, web, &redeem(&seeds, web).await).await, public);

    // The host of the redirect URI.
    change(&seeds.app, "web", pairwise(None)).await.unwrap();
    change(&seeds.app, "post", pairwise(Some("other.example.test"))).await.unwrap();
    let of_web = only_sub(&seeds, web, &redeem(&seeds, web).await).await;
    let of_post = only_sub(&seeds, post, &redeem(&seeds, post).await).await;
    assert!(of_web != of_post && of_web != public && of_post != public);
    assert!(of_web.parse::<uuid::Uuid>().is_err() && of_web.len() == 43);
    change(&seeds.app, "post", pairwise(Some("app.example.test"))).await.unwrap();
    assert_eq!(only_sub(&seeds, post, &redeem(&seeds, post).await).await, of_web);
    assert_eq!(subject_for(&seeds.app.app.vault, &seeds.client("post"), seeds.ada.subject), of_web);
    // One person of another.
    assert_ne!(subject_for(&seeds.app.app.vault, &seeds.client("post"), seeds.app.bob().subject), of_web);
}

#[tokio::test]
async fn no_answer_to_a_pairwise_client_has_the_public_sub() {
    let seeds = Seeds::new().await;
    let web = ("web", seeds.web.as_str());
    let public = seeds.ada.subject.to_string();
    let before = redeem(&seeds, web).await;
    change(&seeds.app, "web", pairwise(None)).await.unwrap();
    let tokens = redeem(&seeds, web).await;
    let refreshed = refresh(&seeds, web, &tokens).await;
    for tokens in [&refresh(&seeds, web, &before).await, &refreshed] {
        let told = everything(&seeds, web, tokens).await;
        assert!(!json!(told).to_string().contains(&public), "{told:?}");
    }
    // An access token from before the change is still the person's, whom the issuer takes from the grant.
    let old = before["access_token"].as_str().unwrap();
    assert_eq!(seeds.userinfo(old).await.json::<Value>()["sub"], payload(&refreshed["id_token"])["sub"]);
    // A resource server sees what the token says.
    let (userinfo, access) = (seeds.userinfo(refreshed["access_token"].as_str().unwrap()).await, &refreshed);
    assert_eq!(userinfo.status, 200);
    assert_eq!(payload(&access["access_token"])["aud"], json!(NOTES));
    // What the program writes down of it is the account's row, not a sub for clients.
    let stored = seeds.app.everything_stored().await;
    assert!(!stored.contains(payload(&refreshed["id_token"])["sub"].as_str().unwrap()));
}

#[tokio::test]
async fn a_pairwise_sub_stays_over_refreshes_rotated_keys_and_nodes() {
    let seeds = Seeds::new().await;
    let web = ("web", seeds.web.as_str());
    change(&seeds.app, "web", pairwise(None)).await.unwrap();
    let first = redeem(&seeds, web).await;
    let sub = only_sub(&seeds, web, &first).await;
    let app = &seeds.app.app;
    seeds.app.clock.advance(Duration::from_secs(1));
    app.signing_keys.maintain(app).await.unwrap();
    seeds.app.clock.advance(Duration::from_hours(1));
    app.signing_keys.rotate(app, false, &RequestContext::of_command(app)).await.unwrap();
    let second = refresh(&seeds, web, &first).await;
    assert_eq!(only_sub(&seeds, web, &second).await, sub);
    let node = seeds.app.another_node().await;
    let told: Value = node.get_as(second["access_token"].as_str().unwrap(), "/oauth2/userinfo").await.json();
    assert_eq!(told["sub"], json!(sub));
}

#[tokio::test]
async fn a_hint_and_a_requested_sub_are_compared_with_the_clients_own() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let sid = world.app.app.random.uuid();
    let public_hint = world.app.id_token("own", &world.alice, sid).await;
    change(&world.app, "own", pairwise(Some("own.test"))).await.unwrap();
    let own = std::sync::Arc::clone(world.app.app.clients().find("own").unwrap());
    let sub = |user| subject_for(&world.app.app.vault, &own, user);
    let silent = || Ask::of("own").with("prompt", "none");
    let hinted = |hint: &str| silent().with("id_token_hint", hint).path();
    let named = |sub: &str| {
        silent().with("claims", &json!({ "id_token": { "sub": { "value": sub } } }).to_string()).path()
    };
    code(&browser.get(&hinted(&world.app.id_token("own", &world.alice, sid).await)).await);
    code(&browser.get(&named(&sub(world.alice.subject))).await);
    // The public sub is not confirmed: it is like that of anybody else.
    for other in [world.alice.subject.to_string(), world.bob.subject.to_string(), sub(world.bob.subject)] {
        assert_eq!(error(&browser.get(&named(&other)).await), "login_required", "{other}");
    }
    for hint in [public_hint, world.app.id_token("own", &world.bob, sid).await] {
        assert_eq!(error(&browser.get(&hinted(&hint)).await), "login_required");
    }
    let of_other = world.app.id_token("rp", &world.alice, sid).await;
    assert_eq!(error(&browser.get(&hinted(&of_other)).await), "invalid_request");
}

#[tokio::test]
async fn a_pairwise_client_has_a_sector_and_no_scope_of_account() {
    let app = TestApp::new().await;
    let refused =
        async |client_id: &str, metadata| change(&app, client_id, metadata).await.unwrap_err().to_string();
    // `own` has redirect URIs of two hosts.
    let told = refused("own", pairwise(None)).await;
    assert!(told.contains("--sector HOST") && told.contains("app.example.test rp.test"), "{told}");
    assert!(refused("own", pairwise(Some("OWN.test"))).await.contains("lower case"));
    assert!(refused("app", pairwise(None)).await.contains("account"));
    let sector =
        ClientMetadataChange { sector: Some("own.test".to_owned()), ..ClientMetadataChange::default() };
    assert!(refused("own", sector).await.contains("unless subject_type is pairwise"));
    change(&app, "own", pairwise(Some("own.test"))).await.unwrap();
    let public =
        ClientMetadataChange { subject_type: Some(SubjectType::Public), ..ClientMetadataChange::default() };
    change(&app, "own", public).await.unwrap();
    assert_eq!(app.app.clients().find("own").unwrap().row.sector, None);

    // Another host among the redirect URIs would silently leave no sector.
    change(&app, "web", pairwise(None)).await.unwrap();
    let uris = list(&[REDIRECT_URI, "https://evil.test/cb"]);
    let uris = ClientMetadataChange { redirect_uris: uris, ..ClientMetadataChange::default() };
    assert!(refused("web", uris).await.contains("--sector HOST"));
}

#[tokio::test]
async fn a_pairwise_client_and_a_resource_that_joins_people_exclude_each_other() {
    let app = TestApp::new().await;
    let names_both = |outcome: ChangeError| {
        let told = outcome.to_string();
        assert!(told.contains("web") && told.contains(NOTES) && told.contains("joins people"), "{told}");
    };
    // When the client becomes pairwise.
    join_users(&app, NOTES, true).await.unwrap();
    names_both(change(&app, "web", pairwise(None)).await.unwrap_err());
    let new = ClientMetadataChange {
        redirect_uris: list(&[REDIRECT_URI]),
        scopes: list(&["openid", "notes:read"]),
        grant_types: Some(vec![postern_identity::clients::GrantType::AuthorizationCode]),
        ..pairwise(None)
    };
    let context = RequestContext::of_command(&app.app);
    names_both(clients::add(&app.app, "web-2", new, &context).await.unwrap_err());
    assert!(app.app.clients().find("web-2").is_none());
    // When the resource gets the flag.
    join_users(&app, NOTES, false).await.unwrap();
    change(&app, "web", pairwise(None)).await.unwrap();
    names_both(join_users(&app, NOTES, true).await.unwrap_err());
    assert!(!app.app.resources().find(NOTES).unwrap().row.joins_users);
    // When the client gets the scope.
    let scopes = |scopes: &[&str]| ClientMetadataChange {
        scopes: list(scopes),
        default_scopes: list(&["openid"]),
        ..ClientMetadataChange::default()
    };
    change(&app, "web", scopes(&["openid", "offline_access"])).await.unwrap();
    join_users(&app, NOTES, true).await.unwrap();
    let more =
        ClientMetadataChange { add_scopes: vec!["notes:read".to_owned()], ..ClientMetadataChange::default() };
    names_both(change(&app, "web", more).await.unwrap_err());
    // When the resource gets a scope that the client has.
    join_users(&app, NOTES, false).await.unwrap();
    change(&app, "web", scopes(&["openid", "offline_access", "tasks:read"])).await.unwrap();
    resources::remove(&app.app, crate::fixtures::TASKS, &context).await.unwrap();
    let takes = ResourceChange {
        joins_users: Some(true),
        scopes: Some([("tasks:read".to_owned(), "See".to_owned())].into()),
        ..ResourceChange::default()
    };
    names_both(resources::update(&app.app, NOTES, takes, &context).await.unwrap_err());
}

#[tokio::test]
async fn the_commands_tell_the_type_and_warn_of_another_sub() {
    let app = TestApp::new().await;
    let run = |arguments: &[&str]| {
        let output = app.command(arguments).output().unwrap();
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat()
    };
    let warned = |arguments: &[&str]| run(arguments).contains("another sub for each person");
    assert!(warned(&["client", "update", "web", "--subject-type", "pairwise"]));
    assert!(!warned(&["client", "update", "web", "--name", "Web"]));
    assert!(warned(&["client", "update", "web", "--redirect-uri", "https://elsewhere.test/cb"]));
    assert!(warned(&["client", "update", "web", "--sector", "app.example.test"]));
    let shown: Value = serde_json::from_str(&run(&["client", "show", "web", "--json"])).unwrap();
    assert_eq!((&shown["subject_type"], &shown["sector"]), (&json!("pairwise"), &json!("app.example.test")));
    assert!(warned(&["client", "update", "web", "--subject-type", "public"]));
    let told = run(&["resource", "update", NOTES, "--joins-users"]);
    assert!(told.contains("was changed"), "{told}");
    assert!(run(&["client", "update", "web", "--subject-type", "pairwise"]).contains("joins people"));
    let metadata: Value = app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["subject_types_supported"], json!(["public", "pairwise"]));
}
