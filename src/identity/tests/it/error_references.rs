//! The reference that every refusal carries, and the page that says what it means.

use poem::{
    Request,
    http::{StatusCode, header},
};
use serde_json::Value;

use crate::{
    flow::{Ask, World, told},
    support::{Answer, ISSUER, form_request},
};

/// The path of the page that an answer's `error_uri` leads to; it must end in the reference of that very request.
fn page_of(error_uri: &str, answer: &Answer) -> String {
    let path = error_uri.strip_prefix(ISSUER).unwrap_or_else(|| panic!("{error_uri}"));
    assert_eq!(path, format!("/errors/{}", answer.header("x-request-id")));
    path.to_owned()
}

#[tokio::test]
async fn every_error_of_the_protocol_names_a_page_about_its_reference() {
    let world = World::new().await;
    for (path, form) in [
        ("/oauth2/token", &[("grant_type", "client_credentials")][..]),
        ("/oauth2/token", &[("grant_type", "a"), ("grant_type", "b")]),
        ("/oauth2/introspect", &[("token", "x")]),
        ("/oauth2/revoke", &[("token", "x")]),
        ("/oauth2/userinfo", &[("access_token", "x")]),
    ] {
        let mut request = form_request(path, form);
        request.headers_mut().insert(header::ORIGIN, "https://spa.test".parse().unwrap());
        let answer = world.app.send(request).await;
        let error: Value = answer.json();
        let page = page_of(error["error_uri"].as_str().unwrap(), &answer);
        assert_eq!(world.app.get(&page).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_refused_authorization_request_names_it_too() {
    let world = World::new().await;
    let browser = world.app.browser();
    for ask in [Ask::of("rp").with("prompt", "none"), Ask::of("rp").with("response_type", "token")] {
        let answer = browser.get(&ask.path()).await;
        let page = page_of(&told(&answer)["error_uri"], &answer);
        let page = browser.get(&page).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains(answer.header("x-request-id")));
    }
}

#[tokio::test]
async fn the_page_says_what_a_reference_is_for_in_the_languages_of_the_reader() {
    let world = World::new().await;
    let browser = world.app.browser();
    let page = browser.get("/errors/7k2m9qxw4hd0t5vz").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(page.header("cache-control"), "no-store");
    for text in ["7k2m9qxw4hd0t5vz", "request_id", "error_description", "send the reference"] {
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
    browser.speaks("de");
    assert!(browser.get("/errors/7k2m9qxw4hd0t5vz").await.body.contains("Was diese Referenz bedeutet"));
    assert!(browser.get("/errors/7k2m9qxw4hd0t5vz?ui_locales=en").await.body.contains("What this reference"));
}

#[tokio::test]
async fn what_is_no_reference_is_not_repeated() {
    let world = World::new().await;
    for path in [
        "/errors/7k2m9qxw4hd0t5v",
        "/errors/7k2m9qxw4hd0t5vzz",
        "/errors/7K2M9QXW4HD0T5VZ",
        "/errors/illegalreference",
        "/errors/%3Cscript%3Ealert",
        "/errors/call%20555%20now%21",
        "/errors/7k2m9qxw4hd0t5vz/x",
        "/errors/",
        "/errors",
    ] {
        let request = Request::builder().uri(path.parse().unwrap()).header(header::ACCEPT, "text/html");
        let answer = world.app.send(request.finish()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        for said in ["7k2m9", "7K2M9", "illegal"] {
            assert!(!answer.body.contains(said), "{path}");
        }
        assert!(!answer.body.contains("alert") && !answer.body.contains("555"), "{path}");
    }
}

#[tokio::test]
async fn refusals_as_problems_and_pages_carry_their_reference() {
    let world = World::new().await;
    let problem = world.app.get("/api/account/profile").await;
    let page = world.app.get(&Ask::of("nobody").path()).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.body.contains(&format!("id=\"reference\">{}", page.header("x-request-id"))));
    let instance = format!("urn:postern:request:{}", problem.header("x-request-id"));
    assert_eq!(problem.json::<Value>()["instance"], instance);
}
