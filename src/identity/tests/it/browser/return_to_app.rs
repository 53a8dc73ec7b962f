//! The way back to an app in a real Chromium, whatever the app does with its browser: redirect on, open a popup, listen on a
//! loopback address.

use postern_service::testing::chromium::{Tab, in_chromium};
use serde_json::json;

use super::{
    newest_link,
    site::{Site, answered},
};

const ALICE: &str = "alice@example.test";
const PASSWORD: &str = "seven brass lamps upstream";

/// The client's callback has sent the browser on to another origin, with what the provider answered.
async fn arrived_elsewhere(site: &Site, tab: &Tab, answer: &str) {
    let told = answered(tab).await;
    assert!(told.contains_key(answer) && told["iss"] == site.origin, "{told:?}");
    assert!(tab.url().await.starts_with("http://127.0.0.1:"), "{}", tab.url().await);
}

fn asks_onward(site: &Site, client_id: &str) -> String {
    site.asks(client_id, &[("redirect_uri", &site.at_client("/onward"))])
}

#[test]
fn a_code_page_leads_to_an_app_whose_callback_redirects_on() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&asks_onward(&site, "own")).await;
        site.sign_in(tab, ALICE).await;
        arrived_elsewhere(&site, tab, "code").await;
    });
}

#[test]
fn a_password_page_leads_to_an_app_whose_callback_redirects_on() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let own = |body: serde_json::Value| {
            let mut body = body;
            body["client_id"] = json!("own");
            body
        };
        let forgot = own(json!({ "email": ALICE }));
        assert_eq!(site.test.post_json("/api/auth/password/forgot", &forgot).await.status, 200);
        let link = newest_link(&site, ALICE).await;
        let token = link.split_once("token=").unwrap().1;
        let reset = own(json!({ "token": token, "password": PASSWORD }));
        assert_eq!(site.test.post_json("/api/auth/password/reset", &reset).await.status, 200);

        tab.goto(&asks_onward(&site, "own")).await;
        tab.type_into("#identifier", ALICE).await;
        tab.follow("#login-password").await;
        tab.type_into("#password", PASSWORD).await;
        tab.follow("#login-submit").await;
        arrived_elsewhere(&site, tab, "code").await;
    });
}

#[test]
fn a_consent_page_leads_to_an_app_whose_callback_redirects_on() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&asks_onward(&site, "notes")).await;
        site.sign_in(tab, ALICE).await;
        tab.follow("#consent-deny").await;
        arrived_elsewhere(&site, tab, "error").await;
        tab.goto(&asks_onward(&site, "notes")).await;
        tab.follow("#consent-allow").await;
        arrived_elsewhere(&site, tab, "code").await;
    });
}

#[test]
fn a_sign_out_leads_to_an_app_that_redirects_on() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.asks("own", &[])).await;
        site.sign_in(tab, ALICE).await;
        answered(tab).await;
        let onward: String =
            url::form_urlencoded::byte_serialize(site.at_client("/onward").as_bytes()).collect();
        tab.goto(
            &site.at(&format!("/oauth2/logout?client_id=own&post_logout_redirect_uri={onward}&state=s")),
        )
        .await;
        tab.follow("#logout-yes").await;
        assert_eq!(answered(tab).await["state"], "s");
        assert!(tab.url().await.starts_with("http://127.0.0.1:"), "{}", tab.url().await);
    });
}

/// Signs in in a popup: it stays in its opener's hands on every page, and its answer is heard.
async fn sign_in_by_popup(site: &Site, tab: &Tab, client_id: &str) {
    let ask = site.asks(client_id, &[("redirect_uri", &site.at_client("/popup"))]);
    let ask: String = url::form_urlencoded::byte_serialize(ask.as_bytes()).collect();
    tab.goto(&site.at_client(&format!("/opener?ask={ask}"))).await;
    tab.click("#sign-in").await;
    let popup = tab.popup().await;
    popup.sees("#identifier").await;
    assert_eq!(tab.evaluate("popup.closed").await, false, "the app cannot tell that its popup is there");
    assert_eq!(popup.evaluate("opener !== null").await, true, "the popup has lost its opener");
    site.sign_in(&popup, ALICE).await;
    if client_id == "notes" {
        assert_eq!(tab.evaluate("popup.closed").await, false);
        popup.follow("#consent-allow").await;
    }
    assert!(answered(&popup).await.contains_key("code"));
    tab.until("heard.textContent.includes('code=')", true).await;
    assert_eq!(tab.evaluate("popup.closed").await, false);
    tab.evaluate("popup.close(); 0").await;
    tab.until("popup.closed", true).await;
}

#[test]
fn a_sign_in_in_a_popup_reports_to_the_app_that_opened_it() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        sign_in_by_popup(&site, tab, "own").await;
    });
}

#[test]
fn a_sign_in_with_consent_in_a_popup_does_so_too() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        sign_in_by_popup(&site, tab, "notes").await;
    });
}

#[test]
fn a_native_app_is_answered_at_the_loopback_address_of_ipv6() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let callback = site.at_client_by_ipv6("/cb");
        tab.goto(&site.asks("own", &[("redirect_uri", &callback)])).await;
        site.sign_in(tab, ALICE).await;
        assert!(answered(tab).await.contains_key("code"));
        assert!(tab.url().await.starts_with(&callback), "{}", tab.url().await);
        tab.goto(&site.asks("notes", &[("redirect_uri", &callback)])).await;
        tab.follow("#consent-allow").await;
        assert!(answered(tab).await.contains_key("code"));
        assert!(tab.url().await.starts_with(&callback), "{}", tab.url().await);
    });
}

#[test]
fn a_form_post_reaches_the_app_by_itself_and_without_scripts_by_its_button() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        let asks = site.asks("own", &[("response_mode", "form_post")]);
        tab.goto(&asks).await;
        site.sign_in(tab, ALICE).await;
        tab.sees("#client").await;
        assert_eq!(tab.text("#posted").await, "code iss state");
        assert_eq!(tab.url().await, site.at_client("/cb"));

        tab.without_scripts().await;
        tab.goto(&asks).await;
        tab.follow("#back-to-app").await;
        assert_eq!(tab.text("#posted").await, "code iss state");
    });
}
