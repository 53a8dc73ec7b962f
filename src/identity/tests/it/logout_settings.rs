//! Where clients are told that a session ended: which addresses may be registered and called, and how they are
//! registered and announced.

use std::time::Duration;

use postern_entities::clients as stored;
use postern_identity::{
    administration::{
        clients,
        metadata::{ClientMetadataChange, LogoutChange},
    },
    core::RequestContext,
};
use postern_service::database::DatabaseError;
use sea_orm::EntityTrait as _;
use serde_json::Value;

use crate::{
    backchannel_logout::{sign_out, visit, without_consent},
    flow::World,
    logout_app::{LogoutApp, change_logout},
    support::{ISSUER, TestApp},
};

/// SF-01: refused when it is saved, and when it is called.
#[tokio::test]
async fn an_address_on_a_private_network_is_refused_when_it_is_saved_and_when_it_is_called() {
    let world = World::new().await;
    without_consent(&world.app, &["rp"]).await;
    let canary = LogoutApp::new(&world.app).await;
    let context = RequestContext::of_command(&world.app.app);
    let save = async |uri: &str| {
        let logout = LogoutChange { backchannel_logout_uri: Some(uri.to_owned()), ..LogoutChange::default() };
        let change = ClientMetadataChange { logout, ..ClientMetadataChange::default() };
        clients::update(&world.app.app, "rp", change, &context).await
    };
    for host in [
        "127.0.0.1",
        "0",
        "[::1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "0x7f.1",
        "017700000001",
        "localhost",
        "localhost.",
    ] {
        for scheme in ["http", "https"] {
            let cause = save(&format!("{scheme}://{host}/logout")).await.unwrap_err().to_string();
            assert!(cause.contains("backchannel_logout_uri"), "{host}: {cause}");
        }
    }
    for uri in [
        "http://rp.test/",
        "javascript:alert(1)",
        "/logout",
        "https://rp.test/#x",
        "https://u:p@rp.test/",
        "ftp://rp.test/",
    ] {
        assert!(save(uri).await.is_err(), "{uri}");
    }
    save("https://rp.test/logout").await.unwrap();

    // Saved when the host was allowed.
    let mut row: stored::ActiveModel =
        stored::Entity::find_by_id("rp").one(world.app.app.db.reader()).await.unwrap().unwrap().into();
    row.backchannel_logout_uri = sea_orm::ActiveValue::Set(Some(canary.uri.clone()));
    let write = world.app.app.write(&context, async |write| {
        stored::Entity::update(row).exec(write).await?;
        Ok::<_, DatabaseError>(())
    });
    Box::pin(write).await.unwrap();
    world.app.app.reload("clients").await.unwrap();
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    visit(&browser, "rp").await;
    sign_out(&browser, &world, &session).await;
    for _ in 0..60 {
        world.app.run_jobs().await;
        world.app.clock.advance(Duration::from_secs(10));
    }
    assert!(canary.calls().is_empty());
    let cause = world.app.audited("logout.undelivered").await.remove(0)["cause"].to_string();
    assert!(cause.contains("https") && !cause.contains("127.0.0.1"), "{cause}");
}

#[tokio::test]
async fn the_settings_of_a_client_are_kept_shown_and_removed() {
    let test = TestApp::new().await;
    let run = |arguments: &[&str]| {
        let output = test.command(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    run(&[
        "client",
        "update",
        "rp",
        "--json",
        "--backchannel-logout-uri",
        "https://rp.test/backchannel",
        "--backchannel-logout-session-required",
        "--frontchannel-logout-uri",
        "https://rp.test/frontchannel?a=b",
        "--frontchannel-logout-session-required",
    ]);
    let shown = run(&["client", "show", "rp", "--json"]);
    assert_eq!(
        [&shown["backchannel_logout_uri"], &shown["frontchannel_logout_uri"]],
        ["https://rp.test/backchannel", "https://rp.test/frontchannel?a=b"]
    );
    assert_eq!(shown["backchannel_logout_session_required"], true);
    assert_eq!(shown["frontchannel_logout_session_required"], true);
    for uri in ["https://elsewhere.test/", "http://rp.test/", "https://rp.test:8443/", "https://rp.test/#x"] {
        let refused =
            test.command(&["client", "update", "rp", "--frontchannel-logout-uri", uri]).output().unwrap();
        assert!(!refused.status.success(), "{uri}");
    }
    run(&[
        "client",
        "update",
        "rp",
        "--json",
        "--backchannel-logout-uri",
        "",
        "--frontchannel-logout-uri",
        "",
    ]);
    let shown = run(&["client", "show", "rp", "--json"]);
    assert!(shown["backchannel_logout_uri"].is_null() && shown["frontchannel_logout_uri"].is_null());
    change_logout(&test, "rp", LogoutChange::default()).await;
}

#[doc(alias(
    "oidcc-rp-initiated-logout-discovery-endpoint-verification",
    "oidcc-backchannel-logout-discovery-endpoint-verification",
    "oidcc-frontchannel-logout-discovery-endpoint-verification",
))]
#[tokio::test]
async fn the_metadata_announces_both_channels_and_the_end_of_sessions() {
    let test = TestApp::new().await;
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let metadata: Value = test.get(path).await.json();
        assert_eq!(metadata["end_session_endpoint"], format!("{ISSUER}/oauth2/logout"));
        for member in ["backchannel_logout", "frontchannel_logout"] {
            assert_eq!(metadata[format!("{member}_supported")], true);
            assert_eq!(metadata[format!("{member}_session_supported")], true);
        }
    }
}
