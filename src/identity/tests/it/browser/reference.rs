//! The API reference at `/docs`: read, searched, and tried by a person who is signed in.

use postern_identity::administration::clients;
use postern_service::testing::chromium::{Tab, in_chromium};
use serde_json::json;

use super::site::Site;

impl Site {
    /// The provider with the client of the reference, and alice signed in.
    async fn with_reference(tab: &Tab) -> Self {
        let site = Self::new().await;
        let client = clients::docs_client_metadata(&site.test.app);
        site.test.client("docs", client).await;
        tab.goto(&site.at("/account")).await;
        site.sign_in(tab, "alice@example.test").await;
        tab.goto(&site.at("/docs")).await;
        site
    }
}

/// Opens an operation by its anchor and sends its request; the status line of the answer.
async fn send(tab: &Tab, operation: &str) -> String {
    tab.evaluate(&format!("location.hash = '{operation}'; 0")).await;
    let status = format!("#{operation} .try [role=status]");
    tab.blank(&status).await;
    tab.click(&format!("#{operation} .try button")).await;
    tab.sees(&format!("#{operation} .try pre")).await;
    tab.until(&format!("/^\\d/.test(document.querySelector('{status}').textContent)"), true).await;
    tab.text(&status).await
}

#[test]
fn a_person_authorizes_and_calls_an_operation_of_the_account() {
    in_chromium(async |tab| {
        let _site = Site::with_reference(tab).await;
        let refused = send(tab, "sessions_list").await;
        assert!(refused.starts_with("401") && refused.contains("Authorize first"), "{refused}");

        tab.click("#authorize-button").await;
        tab.sees("#authorized").await;
        let token = tab.text("#authorized-text").await;
        assert!(token.contains("openid account"), "{token}");
        assert!(tab.text("#token-line").await.starts_with("TOKEN='ey"), "for a shell");
        let answered = send(tab, "sessions_list").await;
        assert!(answered.starts_with("200"), "{answered}");
        assert!(tab.text("#sessions_list .try pre").await.contains("\"sid\""), "the sessions");
        assert!(send(tab, "userinfo").await.starts_with("200"));
        tab.look("reference-authorized").await;

        tab.click("#forget").await;
        assert!(send(tab, "sessions_list").await.starts_with("401"), "the token is gone");
    });
}

#[test]
fn every_scope_that_the_page_offers_is_granted() {
    in_chromium(async |tab| {
        let _site = Site::with_reference(tab).await;
        let all = "for (const box of document.querySelectorAll('[name=scope]')) box.checked = true; \
                   document.querySelectorAll('[name=scope]').length";
        assert_eq!(tab.evaluate(all).await, 6);
        tab.click("#authorize-button").await;
        tab.sees("#authorized").await;
        let token = tab.text("#authorized-text").await;
        assert!(token.contains("openid profile email address phone account"), "{token}");
        let fields = "document.querySelector('#profile_change [data-body]').value";
        assert!(tab.evaluate(fields).await.as_str().unwrap().contains("Alice Adams"));
        assert!(send(tab, "profile_change").await.starts_with("200"));
    });
}

#[test]
fn a_search_leaves_the_operations_that_have_every_word() {
    in_chromium(async |tab| {
        let _site = Site::with_reference(tab).await;
        tab.look("reference").await;
        let ids = "[...document.querySelectorAll('[id]')].map((e) => e.id).filter((id, n, all) => all.indexOf(id) !== n)";
        assert_eq!(tab.evaluate(ids).await, json!([]), "an anchor leads to one place");
        let shown =
            "[...document.querySelectorAll('.operation:not([hidden]) h3')].map((e) => e.textContent).join()";
        tab.type_into("#q", "delete SESSIONS/").await;
        tab.reads("#found", "1 operation found").await;
        assert_eq!(tab.evaluate(shown).await, "End one session");
        assert_eq!(tab.evaluate("document.querySelectorAll('nav ul ul li:not([hidden])').length").await, 1);
        tab.press_enter().await;
        tab.sees("#session_end").await;
        tab.look("reference-operation").await;
        tab.type_into("#q", "zebra crossing").await;
        tab.reads("#found", "0 operations found").await;
    });
}

#[test]
fn the_reference_can_be_read_without_scripts() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.without_scripts().await;
        tab.goto(&site.at("/docs#auth_login")).await;
        assert!(
            tab.text("#sign-in + p + .note").await.contains("postern client add --docs"),
            "there is no client"
        );
        for of_script in ["#search", "#sign-in-form", ".try", "[data-copies]"] {
            let visible =
                format!("[...document.querySelectorAll('{of_script}')].some((e) => e.checkVisibility())");
            assert_eq!(tab.evaluate(&visible).await, false, "{of_script}");
        }
        tab.sees("#auth_login pre").await;
        let curl = tab.text("#auth_login-curl").await;
        assert!(curl.starts_with(&format!("curl {}/api/auth/login", site.origin)), "{curl}");
    });
}
