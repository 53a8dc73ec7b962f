//! Sign-in and consent as a person meets them, without scripts.

use std::time::Duration;

use poem::http::StatusCode;
use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange},
    core::RequestContext,
};

use crate::{
    flow::{Ask, World, list, told},
    person::{enrol, open, totp},
};

/// Things people and clients write that must stay text.
const PAYLOADS: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'-alert(1)-'",
    "{{ 7 * 7 }}",
    "</title><svg onload=alert(1)>",
];

#[tokio::test]
async fn a_person_signs_in_with_a_mailed_code_and_allows_the_client() {
    let world = World::new().await;
    let browser = world.app.browser();
    let login = open(&browser, &Ask::of("rp").path()).await;
    assert_eq!(login.answer.status, StatusCode::OK, "{}", login.answer.body);
    assert_eq!(login.title(), "Sign in to rp");
    assert!(login.text(".asks").contains("rp.test"), "{}", login.text(".asks"));
    assert_eq!(login.text("label[for=identifier]"), "Email address");

    let code_page = login.press("#login-submit", &[("identifier", "Alice@Example.test")]).await;
    assert_eq!(code_page.title(), "Check your email");
    assert!(code_page.text("main").contains("We sent a code to alice@example.test, if an account uses"));
    assert!(!code_page.path.contains("example.test"), "nothing personal in {}", code_page.path);

    let wrong = code_page.press("#login-submit", &[("code", "0000 0000")]).await;
    assert_eq!(wrong.answer.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text("#code-error").contains("not the newest code"));
    assert_eq!(wrong.attribute("#code", "value"), "", "the next try begins with an empty field");
    assert_eq!(wrong.attribute("#code", "aria-describedby"), "code-error");

    let code = world.app.code_for("alice@example.test").await;
    let consent = wrong.press("#login-submit", &[("code", &code)]).await;
    assert_eq!(consent.title(), "Allow rp?");
    assert!(consent.text("main").contains("You are alice@example.test"));
    assert!(consent.text("main").contains("Know that it is you"));
    assert!(consent.text("main").contains("Next: rp.test."));
    let answer = consent.press("#consent-allow", &[]).await.answer;
    assert!(told(&answer).contains_key("code"));

    let again = browser.get(&Ask::of("rp").path()).await;
    assert!(told(&again).contains_key("code"), "signed in and allowed: no page");
}

#[tokio::test]
async fn who_denies_returns_with_access_denied() {
    let world = World::new().await;
    let browser = world.app.browser();
    let consent = open(&browser, &Ask::of("rp").path()).await.sign_in("alice@example.test").await;
    let answer = consent.press("#consent-deny", &[]).await.answer;
    assert_eq!(told(&answer)["error"], "access_denied");
}

#[tokio::test]
async fn a_first_party_client_needs_no_consent() {
    let world = World::new().await;
    let browser = world.app.browser();
    let done = open(&browser, &Ask::of("own").path()).await.sign_in("alice@example.test").await;
    assert!(told(&done.answer).contains_key("code"));
}

#[tokio::test]
async fn an_unknown_address_meets_the_same_pages() {
    // Both come from the same network, whose tries are told too.
    let world = World::with(&[("POSTERN_LIMITS__FAILURES_PER_SOURCE", "100 per 15m per ip")]).await;
    let mut seen = Vec::new();
    for email in ["alice@example.test", "nobodyx@example.test"] {
        let browser = world.app.browser();
        let page = open(&browser, &Ask::of("rp").path()).await;
        let asked = page.press("#login-submit", &[("identifier", email)]).await;
        let wrong = asked.press("#login-submit", &[("code", "12345678")]).await;
        let shown = [&asked, &wrong].map(|page| {
            let mut body = page.answer.body.replace(email, "EMAIL");
            for css in ["[name=form_token]", "[name=request]"] {
                body = body.replace(&page.attribute(css, "value"), "-");
            }
            (page.answer.status, body.replace("nobodyx", "alice"), page.answer.headers.len())
        });
        seen.push(shown);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn what_is_not_an_address_is_kept_and_explained_beside_the_field() {
    let world = World::new().await;
    let browser = world.app.browser();
    let login = open(&browser, &Ask::of("rp").path()).await;
    for (typed, says) in [("alice", "such as name@example.com"), ("  ", "Enter your email address")] {
        let page = login.press("#login-submit", &[("identifier", typed)]).await;
        assert_eq!(page.answer.status, StatusCode::BAD_REQUEST);
        assert!(page.text("#identifier-error").contains(says));
        assert_eq!(page.attribute("#identifier", "value"), typed);
        assert_eq!(page.attribute("#identifier", "aria-invalid"), "true");
    }
    let code_page = login.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    let empty = code_page.press("#login-submit", &[("code", " ")]).await;
    assert!(empty.text("#code-error").contains("Enter the code"));
}

#[tokio::test]
async fn a_login_hint_fills_in_the_field_and_whatever_is_in_it_stays_text() {
    let world = World::new().await;
    for payload in PAYLOADS {
        let browser = world.app.browser();
        let ask = Ask::of("rp").and("login_hint", payload).with("state", payload).with("nonce", payload);
        let page = open(&browser, &ask.path()).await;
        assert_eq!(page.attribute("#identifier", "value"), payload);
        let typed = page.press("#login-submit", &[("identifier", payload)]).await;
        assert_eq!(typed.attribute("#identifier", "value"), payload);
        for body in [&page.answer.body, &typed.answer.body] {
            assert!(
                !body.contains("<script>") && !body.contains("<img src=x") && !body.contains("<svg onload"),
                "{body}"
            );
        }
        let code_page = typed.press("#login-submit", &[("identifier", "alice@example.test")]).await;
        let wrong = code_page.press("#login-submit", &[("code", payload)]).await;
        assert_eq!(wrong.attribute("#code", "value"), "");
        assert!(!wrong.answer.body.contains("<script>") && !wrong.answer.body.contains("<img src=x"));
    }
}

#[tokio::test]
async fn a_client_name_and_its_links_stay_text_and_only_links_of_the_web_become_links() {
    let world = World::new().await;
    let change = ClientMetadataChange {
        name: Some("<script>alert(1)</script> & Co".to_owned()),
        policy_uri: Some("https://rp.test/privacy".to_owned()),
        ..ClientMetadataChange::default()
    };
    clients::update(&world.app.app, "rp", change, &RequestContext::of_command(&world.app.app)).await.unwrap();
    let browser = world.app.browser();
    let login = open(&browser, &Ask::of("rp").path()).await;
    assert!(login.text(".asks").contains("<script>alert(1)</script> & Co"));
    assert!(!login.answer.body.contains("<script>alert"));
    assert_eq!(login.attribute("footer a", "href"), "https://rp.test/privacy");
    let consent = login.sign_in("alice@example.test").await;
    assert!(consent.title().contains("<script>alert(1)</script> & Co"));
    assert!(!consent.answer.body.contains("<script>alert"));
}

#[tokio::test]
async fn two_tabs_of_one_browser_sign_in_side_by_side() {
    let world = World::new().await;
    let browser = world.app.browser();
    let first = open(&browser, &Ask::of("rp").path()).await;
    let second = open(&browser, &Ask::of("own").path()).await;
    let first = first.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    let first_code = world.app.code_for("alice@example.test").await;
    let second = second.press("#login-submit", &[("identifier", "bob@example.test")]).await;
    let second_code = world.app.code_for("bob@example.test").await;
    assert!(open(&browser, &first.path).await.text("main").contains("alice@"), "a reload shows the same");
    let done = second.press("#login-submit", &[("code", &second_code)]).await;
    assert!(told(&done.answer).contains_key("code"));
    let consent = first.press("#login-submit", &[("code", &first_code)]).await;
    assert!(consent.text("main").contains("alice@example.test"));
}

#[tokio::test]
async fn a_sign_in_does_not_go_on_in_another_browser() {
    let world = World::new().await;
    let browser = world.app.browser();
    let login = open(&browser, &Ask::of("rp").path()).await;
    let stranger = world.app.browser();
    open(&stranger, "/").await;
    for path in
        [login.path.as_str(), &login.path.replace("/login", "/consent"), "/login?request=1", "/consent"]
    {
        let page = open(&stranger, path).await;
        assert_eq!(page.answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(page.title(), "This sign-in took too long");
        assert!(page.has("#error-way-on") && page.text("main").contains("Go back to the app"));
    }
    let code_page = login.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    let code = world.app.code_for("alice@example.test").await;
    let stolen = code_page.fill("#login-submit", &[("code", &code)]);
    let mut fields: Vec<_> =
        stolen.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let token = open(&stranger, "/login?to=account").await.attribute("[name=form_token]", "value");
    fields.retain(|(name, _)| *name != "form_token");
    fields.push(("form_token", &token));
    assert_eq!(stranger.post("/login/verify", &fields).await.status, StatusCode::BAD_REQUEST);
    assert!(stranger.cookie("postern-session").is_none());
}

#[tokio::test]
async fn an_expired_request_says_what_to_do() {
    let world = World::new().await;
    let browser = world.app.browser();
    let login = open(&browser, &Ask::of("rp").path()).await;
    world.app.clock.advance(Duration::from_secs(24 * 60 * 60));
    let page = login.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    assert_eq!(page.title(), "This sign-in took too long");
}

#[tokio::test]
async fn five_wrong_codes_end_the_attempt_and_the_page_begins_anew() {
    let world = World::new().await;
    let browser = world.app.browser();
    let mut page = open(&browser, &Ask::of("rp").path()).await;
    page = page.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    for _ in 0..4 {
        page = page.press("#login-submit", &[("code", "00000000")]).await;
        assert!(page.has("#code-error"));
    }
    page = page.press("#login-submit", &[("code", "00000000")]).await;
    assert_eq!(page.title(), "Sign in once more");
    let anew = page.click("#error-way-on").await;
    assert_eq!(anew.title(), "Sign in to rp");
    // Five failures are all that one address has for a while.
    world.app.clock.advance(Duration::from_mins(15));
    anew.sign_in("alice@example.test").await.press("#consent-allow", &[]).await;
}

#[tokio::test]
async fn too_many_codes_are_a_429_that_says_when() {
    let world = World::new().await;
    let browser = world.app.browser();
    let login = open(&browser, &Ask::of("rp").path()).await;
    for _ in 0..20 {
        let page = login.press("#login-submit", &[("identifier", "alice@example.test")]).await;
        assert_eq!(page.answer.status, StatusCode::OK);
    }
    let page = login.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    assert_eq!(page.answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(page.answer.header("retry-after").parse::<u64>().unwrap() > 0);
    assert!(page.text(".note").contains("Try again in about"));
    assert!(page.has("#error-way-on"));
}

#[tokio::test]
async fn a_code_is_sent_again_and_only_the_newest_works() {
    let world = World::new().await;
    let browser = world.app.browser();
    let login = open(&browser, &Ask::of("own").path()).await;
    let page = login.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    let first = world.app.code_for("alice@example.test").await;
    world.app.clock.advance(Duration::from_secs(30));
    let page = page.press("#login-resend", &[]).await;
    assert!(page.text(".note").contains("Only the newest code works"));
    let second = world.app.code_for("alice@example.test").await;
    let page = page.press("#login-submit", &[("code", &first)]).await;
    assert!(page.has("#code-error"));
    let done = page.press("#login-submit", &[("code", &second)]).await;
    assert!(told(&done.answer).contains_key("code"));
}

#[tokio::test]
async fn not_you_leads_to_another_address_and_the_other_person_consents() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let consent = open(&browser, &Ask::of("rp").path()).await;
    let before = browser.cookie("postern-session");
    let login = consent.click("#consent-not-you").await;
    assert_eq!(login.title(), "Sign in to rp");
    let consent = login.sign_in("bob@example.test").await;
    assert!(consent.text("main").contains("bob@example.test"));
    assert_ne!(before, browser.cookie("postern-session"));
    let old = world.app.browser();
    old.set_cookie("postern-session", &before.unwrap());
    assert!(open(&old, "/account").await.path.starts_with("/login"), "the old session is over");
}

#[tokio::test]
async fn a_client_that_asks_for_aal2_makes_the_person_use_their_authenticator() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let key = enrol(&browser).await;
    world.app.clock.advance(Duration::from_secs(60));
    let page = open(&browser, &Ask::of("own").with("acr_values", "aal2").path()).await;
    assert_eq!(page.title(), "Confirm that it is you");
    assert!(!page.has("#login-resend") && !page.has("#login-restart"));
    let wrong = page.press("#login-submit", &[("code", "000000")]).await;
    assert!(wrong.text("#code-error").contains("your app shows now"));
    let done = wrong.press("#login-submit", &[("code", &totp(&world.app, &key))]).await;
    assert!(told(&done.answer).contains_key("code"), "{}", done.answer.body);

    let elsewhere = world.app.browser();
    world.app.clock.advance(Duration::from_secs(60));
    let second = open(&elsewhere, &Ask::of("own").path()).await.sign_in("alice@example.test").await;
    assert_eq!(second.title(), "Confirm that it is you", "the account has a second factor: it is asked for");
    let done = second.press("#login-submit", &[("code", &totp(&world.app, &key))]).await;
    assert!(told(&done.answer).contains_key("code"));
}

#[tokio::test]
async fn who_has_no_second_factor_sets_one_up_or_returns_to_the_client() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let ask = Ask::of("own").with("acr_values", "aal2");
    let page = open(&browser, &ask.path()).await;
    assert_eq!(page.title(), "You need a second step");
    let answer = page.press("#no-way-give-up", &[]).await.answer;
    assert_eq!(told(&answer)["error"], "unmet_authentication_requirements");

    let page = open(&browser, &ask.path()).await;
    assert_eq!(page.click("#no-way-set-up").await.title(), "Authenticator app");
    let key = enrol(&browser).await;
    world.app.clock.advance(Duration::from_secs(60));
    let page = page.click("#no-way-try-again").await;
    let done = page.press("#login-submit", &[("code", &totp(&world.app, &key))]).await;
    assert!(told(&done.answer).contains_key("code"));
}

#[tokio::test]
async fn who_is_asked_for_a_passkey_and_has_none_is_told_so_after_their_second_factor() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let key = enrol(&browser).await;
    world.app.clock.advance(Duration::from_secs(60));
    let ask = Ask::of("own").with("acr_values", "phr");
    let page = open(&browser, &ask.path()).await;
    assert_eq!(page.title(), "Confirm that it is you", "the session shows less than the account can");
    let page = page.press("#login-submit", &[("code", &totp(&world.app, &key))]).await;
    assert_eq!(page.title(), "You need a passkey", "the authenticator leads no further");
    assert_eq!(page.click("#no-way-set-up").await.title(), "Passkeys");
    let answer = page.press("#no-way-give-up", &[]).await.answer;
    assert_eq!(told(&answer)["error"], "unmet_authentication_requirements");
}

#[tokio::test]
async fn consent_names_what_is_asked_for_in_the_words_of_the_resource() {
    let world = World::new().await;
    let change = ClientMetadataChange {
        scopes: list(&["openid", "email", "offline_access"]),
        ..ClientMetadataChange::default()
    };
    clients::update(&world.app.app, "rp", change, &RequestContext::of_command(&world.app.app)).await.unwrap();
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let page = open(&browser, &Ask::of("rp").with("scope", "openid email offline_access").path()).await;
    for text in [
        "See your email address",
        "alice@example.test",
        "Stay connected while you are away",
        "until it is unused for 7 days, 30 days at most",
    ] {
        assert!(page.text("main").contains(text), "{text}");
    }
    assert_eq!(page.answer.header("cache-control"), "no-store");
    let policy = page.answer.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"), "{policy}");
}

#[tokio::test]
async fn the_first_page_is_light_with_everything_that_it_loads() {
    let world = World::new().await;
    let browser = world.app.browser();
    let page = open(&browser, &Ask::of("rp").path()).await;
    let stylesheet = browser.get(&page.attribute("link[rel=stylesheet]", "href")).await.body.len();
    assert!(stylesheet < 22_000, "{stylesheet} bytes");
    let mut weight = page.answer.body.len() + stylesheet;
    for (css, name) in [("script", "src"), ("link[rel=icon]", "href"), ("use", "href")] {
        let path = page.attribute(css, name);
        weight += browser.get(path.split('#').next().unwrap_or_default()).await.body.len();
    }
    assert!(weight < 45_000, "{weight} bytes");
}
