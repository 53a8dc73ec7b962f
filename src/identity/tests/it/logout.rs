//! Signing out: OpenID Connect RP-Initiated Logout 1.0.

use std::time::Duration;

use postern_entities::sessions as rows;
use postern_identity::{administration::clients, core::RequestContext};
use scraper::{Html, Selector};
use sea_orm::EntityTrait;

use crate::{
    flow::{Ask, SIGNED_OUT, World, refused_on_page},
    support::{Answer, Browser},
};

const STATE: &str = "b\u{fc}cher & 128 characters";

fn path(parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth2/logout?{query}")
}

async fn signed_in(browser: &Browser<'_>) -> bool {
    let answer = browser.get(&Ask::of("own").with("prompt", "none").path()).await;
    answer.header("location").contains("code=")
}

/// The fields of the page's form.
fn asked(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.headers.get("location").is_none());
    let page = Html::parse_document(&answer.body);
    assert!(page.select(&Selector::parse("#logout-yes").unwrap()).next().is_some(), "{}", answer.body);
    let attr = |field: scraper::ElementRef<'_>, name| field.attr(name).unwrap_or_default().to_owned();
    let fields = Selector::parse("main form input").unwrap();
    page.select(&fields).map(|field| (attr(field, "name"), attr(field, "value"))).collect()
}

/// Presses the button of the page.
async fn confirm(browser: &Browser<'_>, answer: &Answer) -> Answer {
    let fields = asked(answer);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post("/oauth2/logout", &fields).await
}

/// The page is the answer itself where the session had apps, and has an address of its own where not.
fn ends_on_our_page(answer: &Answer) {
    if answer.status == 200 {
        assert!(
            answer.body.contains("id=\"signed-out\"") && !answer.body.contains("logout-continue"),
            "{answer:?}"
        );
    } else {
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/logged-out"), "{answer:?}");
    }
}

#[doc(alias("oidcc-rp-initiated-logout", "oidcc-rp-initiated-logout-no-state",))]
#[tokio::test]
async fn a_client_signs_its_session_out_and_gets_its_state_back() {
    let world = World::new().await;
    for state in [Some(STATE), None] {
        let browser = world.app.browser();
        let session = browser.sign_in(&world.alice).await;
        let hint = world.app.id_token("rp", &world.alice, session.sid).await;
        world.app.clock.advance(Duration::from_secs(3600));
        let mut parameters = vec![("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", SIGNED_OUT)];
        parameters.extend(state.map(|state| ("state", state)));
        let answer = browser.get(&path(&parameters)).await;
        assert_eq!(answer.status, 303);
        let url = url::Url::parse(answer.header("location")).unwrap();
        let told: Vec<_> = url.query_pairs().into_owned().collect();
        assert_eq!(
            told,
            state.map(|state| ("state".to_owned(), state.to_owned())).into_iter().collect::<Vec<_>>()
        );
        assert!(answer.header("location").starts_with(SIGNED_OUT));
        assert_eq!(browser.cookie("postern-session"), None);
        let row =
            rows::Entity::find_by_id(session.sid).one(world.app.app.db.reader()).await.unwrap().unwrap();
        assert!(row.ended_at.is_some());
    }
    assert_eq!(world.app.events("session.ended").await.len(), 2);
}

/// LO-01 and section 3: in all these cases the person is asked, and stays here.
#[doc(alias(
    "oidcc-rp-initiated-logout-modified-id-token-hint",
    "oidcc-rp-initiated-logout-bad-id-token-hint",
    "oidcc-rp-initiated-logout-no-id-token-hint",
    "oidcc-rp-initiated-logout-no-params",
    "oidcc-rp-initiated-logout-only-state",
))]
#[tokio::test]
async fn what_is_not_proven_asks_the_person_and_never_redirects() {
    let world = World::new().await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    let hint = world.app.id_token("rp", &world.alice, session.sid).await;
    let elsewhere = world.app.id_token("rp", &world.alice, world.app.app.random.uuid()).await;
    let (head, rest) = hint.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let forged = format!("{head}.{claims}.{}", signature.chars().rev().collect::<String>());
    let bye = ("post_logout_redirect_uri", SIGNED_OUT);
    for parameters in [
        vec![],
        vec![("state", STATE)],
        vec![bye],
        vec![bye, ("client_id", "nobody")],
        vec![bye, ("client_id", "rp"), ("id_token_hint", forged.as_str())],
        vec![("client_id", "rp"), ("post_logout_redirect_uri", "https://notes.test/bye")],
        vec![bye, ("id_token_hint", unsigned.as_str())],
        vec![bye, ("id_token_hint", forged.as_str())],
        vec![bye, ("id_token_hint", "x")],
        vec![bye, ("id_token_hint", hint.as_str()), ("client_id", "notes")],
        vec![("id_token_hint", elsewhere.as_str()), ("post_logout_redirect_uri", "https://rp.test/bye/")],
        vec![
            ("id_token_hint", elsewhere.as_str()),
            ("post_logout_redirect_uri", "https://rp.test/bye?foo=bar"),
        ],
        vec![("id_token_hint", elsewhere.as_str()), ("post_logout_redirect_uri", "https://rp.test/by")],
        vec![("id_token_hint", elsewhere.as_str()), ("post_logout_redirect_uri", "https://notes.test/bye")],
        vec![("id_token_hint", elsewhere.as_str()), ("post_logout_redirect_uri", "https://rp.test/cb")],
        vec![("id_token_hint", elsewhere.as_str()), ("post_logout_redirect_uri", "javascript:alert(1)")],
    ] {
        let answer = browser.get(&path(&parameters)).await;
        asked(&answer);
        assert!(signed_in(&browser).await, "{parameters:?}");
        // Whatever the fields say, the answer to our question leads nowhere else.
        let tab = browser.on(&world.app);
        let fresh = tab.sign_in(&world.alice).await;
        assert_ne!(fresh.sid, session.sid);
        ends_on_our_page(&confirm(&tab, &answer).await);
        assert!(!signed_in(&tab).await);
    }
}

/// A valid hint proves the client. A return address that is not the client's makes the request doubtful all the same.
#[tokio::test]
async fn the_question_says_what_is_wrong_with_the_request() {
    let world = World::new().await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    let hint = world.app.id_token("rp", &world.alice, session.sid).await;
    let (signed, _) = hint.rsplit_once('.').unwrap();
    let unsigned = format!("{signed}.");
    let bye = ("post_logout_redirect_uri", SIGNED_OUT);
    for (parameters, words) in [
        (
            vec![bye, ("id_token_hint", unsigned.as_str())],
            "(id_token_hint) that came with this request is not valid",
        ),
        (vec![("id_token_hint", "x")], "(id_token_hint) that came with this request is not valid"),
        (vec![bye, ("id_token_hint", &hint), ("client_id", "notes")], "is not valid"),
        (vec![bye], "its id_token_hint is missing"),
        (vec![bye, ("client_id", "nobody")], "not registered for the app"),
    ] {
        let answer = browser.get(&path(&parameters)).await;
        asked(&answer);
        assert!(answer.body.contains("id=\"logout-stays\"") && answer.body.contains(words), "{parameters:?}");
    }
    for parameters in [vec![], vec![("state", STATE)], vec![bye, ("client_id", "rp")]] {
        assert!(!browser.get(&path(&parameters)).await.body.contains("logout-stays"), "{parameters:?}");
    }
}

#[doc(alias(
    "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
))]
#[tokio::test]
async fn a_foreign_return_address_beside_a_good_hint_asks_and_says_that_one_stays() {
    let world = World::new().await;
    for uri in
        ["https://rp.test/bye/", "https://rp.test/bye?foo=bar", "javascript:alert(1)", "https://evil.test"]
    {
        let browser = world.app.browser();
        let session = browser.sign_in(&world.alice).await;
        let hint = world.app.id_token("rp", &world.alice, session.sid).await;
        let answer = browser.get(&path(&[("id_token_hint", &hint), ("post_logout_redirect_uri", uri)])).await;
        asked(&answer);
        assert!(
            answer.body.contains("id=\"logout-stays\"") && answer.body.contains("not registered"),
            "{uri}"
        );
        assert!(signed_in(&browser).await, "{uri}");
        ends_on_our_page(&confirm(&browser, &answer).await);
        assert!(!signed_in(&browser).await, "{uri}");
    }
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    assert!(!browser.get("/oauth2/logout").await.body.contains("logout-stays"), "nothing was asked for");
}

#[tokio::test]
async fn a_client_that_is_only_named_gets_the_browser_back_after_the_persons_yes() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let parameters = [("client_id", "rp"), ("post_logout_redirect_uri", SIGNED_OUT), ("state", STATE)];
    let answer = browser.get(&path(&parameters)).await;
    asked(&answer);
    assert!(answer.body.contains("rp asks to sign you out") && !answer.body.contains("logout-stays"));
    assert!(signed_in(&browser).await, "nobody has said yes");
    let answer = confirm(&browser, &answer).await;
    let state: String = url::form_urlencoded::byte_serialize(STATE.as_bytes()).collect();
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, format!("{SIGNED_OUT}?state={state}").as_str())
    );
    assert!(!signed_in(&browser).await);
    // Who is signed out already has nothing to say yes to.
    let again = browser.get(&path(&parameters[..2])).await;
    assert_eq!((again.status.as_u16(), again.header("location")), (303, SIGNED_OUT));
}

#[tokio::test]
async fn a_named_client_that_is_disabled_or_lacks_the_uri_gets_nobody_back() {
    let world = World::new().await;
    let browser = world.app.browser();
    for client_id in ["spa\u{0}", "own", "machine", "nobody", "RP"] {
        let address = path(&[("client_id", client_id), ("post_logout_redirect_uri", "https://evil.test/")]);
        let answer = browser.get(&address).await;
        assert!(!answer.header("location").contains("evil"), "{client_id}");
    }
    clients::set_enabled(&world.app.app, "rp", false, &RequestContext::of_command(&world.app.app))
        .await
        .unwrap();
    browser.sign_in(&world.alice).await;
    let answer = browser.get(&path(&[("client_id", "rp"), ("post_logout_redirect_uri", SIGNED_OUT)])).await;
    ends_on_our_page(&confirm(&browser, &answer).await);
}

#[tokio::test]
async fn a_disabled_client_signs_nobody_out_by_itself() {
    let world = World::new().await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    let hint = world.app.id_token("rp", &world.alice, session.sid).await;
    clients::set_enabled(&world.app.app, "rp", false, &RequestContext::of_command(&world.app.app))
        .await
        .unwrap();
    let answer = browser.get(&path(&[("id_token_hint", &hint)])).await;
    assert!(signed_in(&browser).await);
    ends_on_our_page(&confirm(&browser, &answer).await);
}

#[tokio::test]
async fn a_hint_of_another_session_asks_and_then_returns() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let hint = world.app.id_token("rp", &world.bob, world.app.app.random.uuid()).await;
    let parameters =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", SIGNED_OUT), ("state", STATE)];
    let answer = browser.get(&path(&parameters)).await;
    let answer = confirm(&browser, &answer).await;
    assert_eq!(answer.status, 303);
    let url = url::Url::parse(answer.header("location")).unwrap();
    assert_eq!(url.query_pairs().next().unwrap().1, STATE);
    assert!(!signed_in(&browser).await);
}

#[tokio::test]
async fn without_a_session_there_is_nobody_to_ask() {
    let world = World::new().await;
    let browser = world.app.browser();
    ends_on_our_page(&browser.get("/oauth2/logout").await);
    let hint = world.app.id_token("rp", &world.alice, world.app.app.random.uuid()).await;
    let answer =
        browser.get(&path(&[("id_token_hint", &hint), ("post_logout_redirect_uri", SIGNED_OUT)])).await;
    assert_eq!(answer.header("location"), SIGNED_OUT);
    // A picture on another site comes without cookies and must not take the browser's away.
    assert!(answer.headers.get("set-cookie").is_none());
}

#[tokio::test]
async fn a_form_of_another_site_goes_on_as_a_get() {
    let world = World::new().await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    let hint = world.app.id_token("rp", &world.alice, session.sid).await;
    let form = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", SIGNED_OUT), ("evil", "1")];
    let answer = world.app.post_form("/oauth2/logout", &form).await;
    let next = answer.header("location").to_owned();
    assert_eq!(next, path(&form[..2]));
    assert_eq!(browser.get(&next).await.header("location"), SIGNED_OUT);
    assert!(!signed_in(&browser).await);
}

/// LO-03, CX-01: only the form of our own page, in the same browser, is a confirmation.
#[tokio::test]
async fn nobody_else_confirms_for_the_person() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let page = browser.get("/oauth2/logout").await;
    let fields = asked(&page);
    let token = fields.iter().find(|(name, _)| name == "form_token").unwrap().1.clone();

    let stranger = world.app.browser();
    stranger.sign_in(&world.bob).await;
    asked(&stranger.get("/oauth2/logout").await);
    assert_eq!(stranger.post("/oauth2/logout", &[("form_token", &token)]).await.status, 403);
    assert!(signed_in(&stranger).await);

    assert_eq!(browser.post("/oauth2/logout", &[("form_token", "x")]).await.status, 403);
    for origin in ["https://evil.test", "null", ""] {
        let mut request = crate::support::form_request("/oauth2/logout", &[("form_token", &token)]);
        if !origin.is_empty() {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        assert_eq!(browser.send(request).await.status, 403, "{origin}");
    }
    assert!(signed_in(&browser).await);
}

#[tokio::test]
async fn a_malformed_request_is_a_page() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for query in ["state=1&state=2", "id_token_hint=&id_token_hint=", "state=%00", "state=%ff", "state=%"] {
        refused_on_page(&browser.get(&format!("/oauth2/logout?{query}")).await, "did not understand");
    }
    assert!(signed_in(&browser).await);
    assert_eq!(world.app.post_json("/oauth2/logout", &serde_json::json!({})).await.status, 415);
}

/// LO-05.
#[tokio::test]
async fn after_sign_out_the_old_cookie_and_other_tabs_are_signed_out() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let tab = browser.on(&world.app);
    let page = browser.get("/oauth2/logout").await;
    ends_on_our_page(&confirm(&browser, &page).await);
    assert!(!signed_in(&browser).await);
    assert!(!signed_in(&tab).await);
}
