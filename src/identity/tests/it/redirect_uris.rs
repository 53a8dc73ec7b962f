//! Which redirect URIs are answered (RFC 9700 section 2.1, RFC 8252 section 7.3).

use postern_entities::{authorization_codes, authorization_requests};
use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange},
    core::RequestContext,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use sea_orm::{EntityTrait, PaginatorTrait};

use crate::flow::{Ask, CALLBACK, World, code, list, refused_on_page, resume, told_at, waits_on};

/// Nothing was made of a refused request.
async fn nothing_is_kept(world: &World) {
    let db = world.app.app.db.reader();
    assert_eq!(authorization_codes::Entity::find().count(db).await.unwrap(), 0);
    assert_eq!(authorization_requests::Entity::find().count(db).await.unwrap(), 0);
}

#[doc(alias = "oidcc-ensure-registered-redirect-uri")]
#[tokio::test]
async fn a_redirect_uri_is_the_registered_one_byte_by_byte() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let long = format!("https://rp.test/{}", "a".repeat(8000));
    for uri in [
        "https://rp.test/cb/",
        "https://rp.test/cb?x=1",
        "https://rp.test/CB",
        "https://RP.test/cb",
        "https://rp.test/cb%2f..%2fevil",
        "https://rp.test/cb/../evil",
        "https://rp.test/cb/..;/evil",
        "https://rp.test/cb;x",
        "https://rp.test/cb#f",
        "//rp.test/cb",
        "https://rp.test/cb ",
        " https://rp.test/cb",
        "https://rp.test:443/cb",
        "http://rp.test/cb",
        "https://rp.test/c",
        "https://rp.test/cb/random",
        "https://r\u{440}.test/cb",
        "https://%72p.test/cb",
        "https://rp.test@evil.test/cb",
        "https://rp.test.evil.test/cb",
        "https://evil.test/cb",
        "cb",
        "/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://rp.test/cb2?x=~",
        "https://rp.test/cb2?x=%7E",
        "https://rp.test/cb2",
        &long,
    ] {
        let answer = browser.get(&Ask::of("rp").with("redirect_uri", uri).path()).await;
        refused_on_page(&answer, "This app is not set up right");
    }
    // Of another client.
    let answer = browser.get(&Ask::of("rp").with("redirect_uri", "https://spa.test/cb").path()).await;
    refused_on_page(&answer, "This app is not set up right");
    nothing_is_kept(&world).await;
}

#[doc(alias = "oidcc-ensure-request-object-with-redirect-uri")]
#[tokio::test]
async fn a_request_object_makes_no_other_redirect_uri_right() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    // {"alg":"none"} and {"redirect_uri":"https://rp.test/cb"}
    let object = "eyJhbGciOiJub25lIn0.eyJyZWRpcmVjdF91cmkiOiJodHRwczovL3JwLnRlc3QvY2IifQ.";
    let ask = Ask::of("rp").with("redirect_uri", "https://rp.test/cb_invalid").and("request", object);
    refused_on_page(&browser.get(&ask.path()).await, "This app is not set up right");
}

#[tokio::test]
async fn a_redirect_uri_must_be_named_and_once() {
    let world = World::new().await;
    let browser = world.app.browser();
    for ask in [
        Ask::of("rp").without("redirect_uri"),
        Ask::of("rp").with("redirect_uri", ""),
        Ask::of("spa").without("redirect_uri"),
        Ask::of("rp").and("redirect_uri", CALLBACK),
        Ask::of("rp").and("redirect_uri", "https://evil.test/cb"),
        Ask::of("rp").and("redirect_uri", ""),
    ] {
        refused_on_page(&browser.get(&ask.path()).await, "This app is not set up right");
    }
    nothing_is_kept(&world).await;
}

#[tokio::test]
async fn control_characters_and_broken_escapes_are_refused_on_a_page() {
    let world = World::new().await;
    let good = Ask::of("rp").path();
    for tail in ["%00", "%0d%0aX:1", "%09", "%ff", "%", "%zz", "%c0%af", "%ed%a0%80", "%0a"] {
        let path = good.replace("%2Fcb&", &format!("%2Fcb{tail}&"));
        assert_ne!(path, good);
        refused_on_page(&world.app.get(&path).await, "did not understand");
        for name in ["state", "nonce", "scope", "login_hint", "unknown"] {
            refused_on_page(&world.app.get(&format!("{good}&{name}={tail}")).await, "did not understand");
        }
    }
    nothing_is_kept(&world).await;
}

#[tokio::test]
async fn a_query_that_was_registered_comes_back_unchanged() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let uri = "https://rp.test/cb2?x=%7e";
    let ask = Ask::of("rp").with("redirect_uri", uri).with("prompt", "none");
    let told = told_at(&browser.get(&ask.path()).await, uri);
    assert_eq!((told["error"].as_str(), told["state"].as_str()), ("consent_required", "a state"));
}

#[tokio::test]
async fn only_native_apps_choose_their_port_and_only_on_a_loopback_address() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let ask = |uri: &str| Ask::of("native").with("redirect_uri", uri).with("prompt", "none").path();
    for uri in [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:1/cb",
        "http://127.0.0.1:65535/cb",
        "http://localhost:1/cb",
        "http://[::1]:1/cb",
    ] {
        assert_eq!(told_at(&browser.get(&ask(uri)).await, uri)["error"], "consent_required");
    }
    for uri in [
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:x/cb",
        "http://127.0.0.1:1/cb/",
        "http://127.0.0.1:1@evil.test/cb",
        "http://127.0.0.1.evil.test/cb",
        "http://app.localhost:1/cb",
        "http://localhost:1/cb/",
        "http://[::2]:1/cb",
        "http://127.0.0.2:1/cb",
        "https://127.0.0.1:1/cb",
        "http://127.1:1/cb",
    ] {
        refused_on_page(&browser.get(&ask(uri)).await, "This app is not set up right");
    }
}

#[tokio::test]
async fn a_page_of_an_issuer_on_a_loopback_address_is_answered_at_its_port_alone() {
    let world = World::with(&[("POSTERN_ISSUER", "http://127.0.0.1:7117")]).await;
    world.app.client("docs", clients::docs_client_metadata(&world.app.app)).await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let ask = |origin: &str| {
        let uri = format!("{origin}/docs/oauth2-redirect.html");
        Ask::of("docs").with("redirect_uri", &uri).with("scope", "openid account").path()
    };
    for elsewhere in ["http://127.0.0.1:7118", "http://127.0.0.1", "http://[::1]:7117"] {
        refused_on_page(&browser.get(&ask(elsewhere)).await, "This app is not set up right");
    }
    let answer = browser.get(&ask("http://127.0.0.1:7117")).await;
    assert!(answer.header("location").contains("code="), "{answer:?}");
    // Native apps choose theirs there too.
    let native = Ask::of("native").with("prompt", "none").path();
    assert!(browser.get(&native).await.header("location").starts_with("http://127.0.0.1:49152/cb?"));
}

#[tokio::test]
async fn a_confidential_client_has_no_free_port() {
    let world = World::new().await;
    let metadata = ClientMetadataChange {
        redirect_uris: list(&["http://127.0.0.1:8000/cb"]),
        ..ClientMetadataChange::default()
    };
    world.app.client("server", metadata).await;
    let ask = Ask::of("server").with("redirect_uri", "http://127.0.0.1:8001/cb");
    refused_on_page(&world.app.get(&ask.path()).await, "This app is not set up right");
}

#[tokio::test]
async fn an_unknown_or_disabled_client_gets_no_redirect() {
    let world = World::new().await;
    let browser = world.app.browser();
    for ask in [
        Ask::of("nobody"),
        Ask::of("RP"),
        Ask::of("rp").without("client_id"),
        Ask::of("rp").with("client_id", ""),
        Ask::of("rp").and("client_id", "rp"),
        Ask::of("rp").and("client_id", "spa"),
    ] {
        refused_on_page(&browser.get(&ask.path()).await, "We do not know this app");
    }
    let app = &world.app.app;
    clients::set_enabled(app, "rp", false, &RequestContext::of_command(app)).await.unwrap();
    refused_on_page(&browser.get(&Ask::of("rp").path()).await, "We do not know this app");
    nothing_is_kept(&world).await;
}

#[tokio::test]
async fn an_address_that_is_withdrawn_while_a_person_signs_in_is_not_answered() {
    let world = World::new().await;
    let browser = world.app.browser();
    let id = waits_on(&browser.get(&Ask::of("own").path()).await, "/login");
    let change = ClientMetadataChange {
        redirect_uris: list(&["https://rp.test/other"]),
        ..ClientMetadataChange::default()
    };
    let app = &world.app.app;
    clients::update(app, "own", change, &RequestContext::of_command(app)).await.unwrap();
    browser.sign_in(&world.alice).await;
    refused_on_page(&browser.get(&resume(&id)).await, "This app is not set up right");
}

#[tokio::test]
async fn the_registered_one_is_answered() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    assert_eq!(code(&browser.get(&Ask::of("own").path()).await).len(), 64);
}

#[tokio::test]
async fn whatever_is_asked_for_nobody_else_is_answered() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let mut runner = TestRunner::deterministic();
    let uris = "(https://rp\\.test/cb)?[-:/?#@.&=a-z%0-9;\\\\ ]{1,12}|\\PC{1,40}";
    for _ in 0..200 {
        let uri = uris.new_tree(&mut runner).unwrap().current();
        let answer = browser.get(&Ask::of("own").with("redirect_uri", &uri).path()).await;
        refused_on_page(&answer, "This app is not set up right");
    }
    nothing_is_kept(&world).await;
}
