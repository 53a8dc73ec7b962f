//! Who may post a form, and what cookies look like.

use poem::http::{HeaderValue, StatusCode, header};
use postern_identity::http::form_paths;

use crate::{
    flow::{Ask, World},
    person::open,
    support::{ISSUER, TestApp, form_request},
};

#[tokio::test]
async fn a_form_from_elsewhere_or_without_the_browsers_token_has_no_effect() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let page = open(&browser, &Ask::of("rp").path()).await;
    let own = page.attribute("[name=form_token]", "value");
    let request = page.attribute("[name=request]", "value");
    let stranger = world.app.browser();
    let foreign = open(&stranger, "/login").await.attribute("[name=form_token]", "value");
    let session = browser.cookie("postern-session").unwrap();

    let none: Option<&str> = None;
    for path in &form_paths(&world.app.app) {
        for (origin, site, token) in [
            (Some(ISSUER), Some("same-origin"), none),
            (Some(ISSUER), Some("same-origin"), Some(foreign.as_str())),
            (Some(ISSUER), Some("same-origin"), Some("x")),
            (Some("null"), none, Some(own.as_str())),
            (Some("null"), Some("same-origin"), Some(own.as_str())),
            (Some("https://evil.test"), none, Some(own.as_str())),
            (Some("http://localhost:7117.evil.test"), none, Some(own.as_str())),
            (Some(ISSUER), Some("cross-site"), Some(own.as_str())),
            (Some(ISSUER), Some("same-site"), Some(own.as_str())),
            (none, Some("none"), Some(own.as_str())),
            (none, none, Some(own.as_str())),
        ] {
            let mut fields =
                vec![("request", request.as_str()), ("answer", "allow"), ("identifier", "a@b.test")];
            fields.extend(token.map(|token| ("form_token", token)));
            let mut post = form_request(path, &fields);
            for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
                if let Some(value) = value {
                    post.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
                }
            }
            let answer = browser.send(post).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {origin:?} {site:?}");
            assert!(answer.body.contains("id=\"error-way-on\""));
        }
    }
    assert_eq!(browser.cookie("postern-session").unwrap(), session);
    assert!(open(&browser, "/account").await.has("#sign-out"), "still signed in");
    assert_eq!(open(&browser, &page.path).await.title(), "Allow rp?", "nothing was allowed");
    assert!(world.app.events("login.begun").await.is_empty());
}

#[tokio::test]
async fn from_a_form_that_is_too_old_a_link_leads_back_to_its_page_and_what_was_under_way() {
    let world = World::new().await;
    let browser = world.app.browser();
    let page = open(&browser, &Ask::of("rp").path()).await;
    let code = page.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    let request = code.attribute("[name=request]", "value");
    let form = [("form_token", "of-another-day"), ("request", &*request), ("code", "12345678")];
    let refused = browser.post("/login/verify", &form).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.body.contains(&format!("login?request={request}\">Back to the form")),
        "{}",
        refused.body
    );
    assert!(open(&browser, &format!("/login?request={request}")).await.has("#code"), "nothing is lost");
}

#[tokio::test]
async fn a_browser_that_says_less_is_taken_when_what_it_says_is_right() {
    let world = World::new().await;
    let browser = world.app.browser();
    let page = open(&browser, "/login?to=account").await;
    let token = page.attribute("[name=form_token]", "value");
    let fields = [("to", "account"), ("form_token", token.as_str()), ("identifier", "alice@example.test")];
    for (name, value) in [("origin", ISSUER), ("sec-fetch-site", "same-origin")] {
        let mut post = form_request("/login", &fields);
        post.headers_mut().insert(name, HeaderValue::from_static(value));
        assert_eq!(browser.send(post).await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn without_its_cookie_a_browser_is_told_to_allow_cookies() {
    let world = World::new().await;
    let answer = world.app.browser().post("/login", &[("form_token", "x")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("Allow cookies for this site"));
}

#[tokio::test]
async fn bad_forms_are_refused_on_a_page() {
    let world = World::new().await;
    let browser = world.app.browser();
    let token = open(&browser, "/login").await.attribute("[name=form_token]", "value");
    let twice =
        browser.post("/login", &[("form_token", &token), ("identifier", "a"), ("identifier", "b")]).await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    let nul = browser.post("/login", &[("form_token", &token), ("identifier", "a\0@b.test")]).await;
    assert_eq!(nul.status, StatusCode::BAD_REQUEST);

    let mut invalid = form_request("/login", &[]);
    invalid.set_body(format!("form_token={token}&identifier=%ff%fe"));
    invalid.headers_mut().insert(header::ORIGIN, HeaderValue::from_static(ISSUER));
    assert_eq!(browser.send(invalid).await.status, StatusCode::BAD_REQUEST);

    let mut json = form_request("/login", &[("form_token", &token)]);
    json.headers_mut().insert(header::ORIGIN, HeaderValue::from_static(ISSUER));
    json.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let answer = browser.send(json).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
}

#[tokio::test]
async fn a_wrong_method_is_a_page_that_names_the_right_ones() {
    let test = TestApp::new().await;
    let answer = test.get("/login/verify").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), "POST");
}

#[tokio::test]
async fn cookies_of_an_https_issuer_are_pinned_to_its_host() {
    let test = TestApp::with(&[("POSTERN_ISSUER", "https://id.example.test")]).await;
    let browser = test.browser();
    let login = open(&browser, "/login").await;
    let mut lines: Vec<String> = Vec::new();
    let mut collect = |answer: &crate::support::Answer| {
        lines.extend(
            answer.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap().to_owned()),
        );
    };
    collect(&login.answer);
    let filled = login.fill("#login-submit", &[("identifier", "alice@example.test")]);
    let fields: Vec<_> = filled.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    collect(&browser.post(&filled.action, &fields).await);
    let code_page = open(&browser, "/login?to=account").await;
    let code = test.code_for("alice@example.test").await;
    let filled = code_page.fill("#login-submit", &[("code", &code)]);
    let fields: Vec<_> = filled.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let done = browser.post(&filled.action, &fields).await;
    collect(&done);
    assert_eq!(done.header("location"), "/account");

    for name in ["__Host-postern-browser=", "__Host-postern-login-own=", "__Host-postern-session="] {
        assert!(lines.iter().any(|line| line.starts_with(name)), "{name} in {lines:?}");
    }
    for line in lines {
        for attribute in ["__Host-", "; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
            assert!(line.contains(attribute), "{attribute} in {line}");
        }
        assert!(!line.contains("Domain") && line.len() < 4096);
    }
}
