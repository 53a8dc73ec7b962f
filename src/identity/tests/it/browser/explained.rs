//! What the developer of an app sees of a refusal, and what a person sees of the apps, in a real Chromium.

use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange},
    core::RequestContext,
};
use postern_service::testing::chromium::in_chromium;

use super::site::{Site, answered};

#[test]
fn a_developer_reads_why_a_request_was_refused() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let wrong = format!("{}/callback?tenant=1&page=2", site.at_client(""));
        tab.goto(&site.asks("own", &[("redirect_uri", &wrong)])).await;
        tab.reads("#explanation-came", &wrong).await;
        tab.look("identity-error-explained").await;

        tab.goto(&site.asks("notes", &[("scope", "nonsense"), ("prompt", "none")])).await;
        let reference = answered(tab).await.remove("error_uri").unwrap();
        tab.goto(&reference).await;
        tab.reads("#explanation-came", "nonsense").await;
        tab.look("identity-error-reference-explained").await;
    });
}

#[test]
fn a_person_opens_an_app_from_the_list() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let change = ClientMetadataChange {
            initiate_login_uri: Some(site.at_client("/start")),
            ..ClientMetadataChange::default()
        };
        let app = &site.test.app;
        clients::update(app, "own", change, &RequestContext::of_command(app)).await.unwrap();
        tab.goto(&site.asks("own", &[])).await;
        site.sign_in(tab, "alice@example.test").await;
        answered(tab).await;
        tab.goto(&site.at("/account/applications")).await;
        tab.sees("#open-1").await;
        tab.look("identity-applications-open").await;
        tab.follow("#open-1").await;
        assert_eq!(answered(tab).await["iss"], site.origin);
    });
}
