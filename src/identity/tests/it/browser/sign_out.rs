//! The page after a sign-out in a real Chromium: the pages of apps that it loads, and how it goes on.

use postern_identity::{
    administration::{
        clients,
        metadata::{ClientMetadataChange, LogoutChange},
    },
    core::RequestContext,
};
use postern_service::testing::chromium::{Tab, in_chromium};

use super::site::{Site, answered};
use crate::logout_app::LogoutApp;

const ALICE: &str = "alice@example.test";

/// Signs in at `own`, whose front-channel page is that of the app.
async fn sign_in_at_app(site: &Site, tab: &Tab) -> LogoutApp {
    let app = LogoutApp::new(&site.test).await;
    let at_app = ClientMetadataChange {
        redirect_uris: Some(vec![site.at_client("/cb"), format!("{}/cb", app.origin())]),
        logout: LogoutChange {
            frontchannel_logout_uri: Some(format!("{}/frontchannel", app.origin())),
            ..LogoutChange::default()
        },
        ..ClientMetadataChange::default()
    };
    let context = RequestContext::of_command(&site.test.app);
    clients::update(&site.test.app, "own", at_app, &context).await.unwrap();
    tab.goto(&site.asks("own", &[])).await;
    site.sign_in(tab, ALICE).await;
    answered(tab).await;
    app
}

fn sign_out(site: &Site) -> String {
    let callback: String = url::form_urlencoded::byte_serialize(site.at_client("/cb").as_bytes()).collect();
    site.at(&format!("/oauth2/logout?client_id=own&post_logout_redirect_uri={callback}&state=s"))
}

async fn came_back(site: &Site, tab: &Tab, app: &LogoutApp) {
    let told = answered(tab).await;
    assert_eq!((told.len(), told["state"].as_str()), (1, "s"));
    let calls: Vec<_> = app.calls().into_iter().filter(|call| call.uri.contains("/frontchannel")).collect();
    let issuer: String = url::form_urlencoded::byte_serialize(site.origin.as_bytes()).collect();
    let begin = format!("/frontchannel?iss={issuer}&sid=");
    assert!(calls.len() == 1 && calls[0].uri.starts_with(&begin), "{calls:?}");
}

#[test]
fn the_apps_page_is_loaded_and_then_the_browser_goes_on_by_itself() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let app = sign_in_at_app(&site, tab).await;
        tab.goto(&sign_out(&site)).await;
        tab.follow("#logout-yes").await;
        came_back(&site, tab, &app).await;
    });
}

#[test]
fn an_app_that_does_not_answer_holds_nobody_up() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let app = sign_in_at_app(&site, tab).await;
        app.hangs();
        tab.goto(&sign_out(&site)).await;
        tab.click("#logout-yes").await;
        came_back(&site, tab, &app).await;
    });
}

#[test]
fn without_scripts_the_page_goes_on_by_its_link_and_after_some_seconds_by_itself() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let app = sign_in_at_app(&site, tab).await;
        tab.without_scripts().await;
        tab.goto(&sign_out(&site)).await;
        tab.follow("#logout-yes").await;
        tab.sees("#logout-continue").await;
        tab.follow("#logout-continue").await;
        came_back(&site, tab, &app).await;

        let app = {
            tab.goto(&site.asks("own", &[])).await;
            site.sign_in(tab, ALICE).await;
            app
        };
        tab.goto(&sign_out(&site)).await;
        tab.follow("#logout-yes").await;
        assert_eq!(answered(tab).await["state"], "s");
        assert_eq!(app.calls().iter().filter(|call| call.uri.contains("sid=")).count(), 2);
    });
}

#[test]
fn the_page_that_names_apps_looks_right_in_every_size_and_colour() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let app = sign_in_at_app(&site, tab).await;
        tab.goto(&site.asks("notes", &[])).await;
        tab.follow("#consent-allow").await;
        answered(tab).await;
        tab.goto(&site.at("/oauth2/logout")).await;
        tab.follow("#logout-yes").await;
        tab.reads("#apps-told", "own").await;
        tab.reads("#apps-not-told", "Acme Notes").await;
        tab.look("logged-out-apps").await;
        assert_eq!(app.calls().len(), 1);
    });
}
