//! The page after a sign-out: which apps it names, and the pages of apps that it loads (OpenID Connect
//! Front-Channel Logout 1.0).

use postern_identity::administration::metadata::{ClientMetadataChange, LogoutChange};
use scraper::{Html, Selector};

use crate::{
    backchannel_logout::{visit, without_consent},
    flow::{SIGNED_OUT, World},
    logout_app::change_logout,
    support::{Answer, Browser, ISSUER},
};

const FRAME: &str = "https://rp.test/frontchannel";

async fn world() -> World {
    let world = World::new().await;
    without_consent(&world.app, &["rp", "spa"]).await;
    world
}

async fn frontchannel(world: &World, client_id: &str, uri: &str) {
    let logout = LogoutChange {
        frontchannel_logout_uri: Some(uri.to_owned()),
        frontchannel_logout_session_required: Some(true),
        ..LogoutChange::default()
    };
    change_logout(&world.app, client_id, logout).await;
}

/// The attribute of every element that the selector finds; its text for an empty name.
fn found(answer: &Answer, selector: &str, attribute: &str) -> Vec<String> {
    let page = Html::parse_document(&answer.body);
    let found = |element: scraper::ElementRef<'_>| match attribute {
        "" => element.text().collect(),
        name => element.attr(name).unwrap_or_default().to_owned(),
    };
    page.select(&Selector::parse(selector).unwrap()).map(found).collect()
}

async fn by_hint(world: &World, browser: &Browser<'_>, more: &str) -> (String, Answer) {
    let session = browser.sign_in(&world.alice).await;
    visit(browser, "rp").await;
    let hint = world.app.id_token("rp", &world.alice, session.sid).await;
    let answer = browser.get(&format!("/oauth2/logout?id_token_hint={hint}{more}")).await;
    (session.sid.to_string(), answer)
}

#[doc(alias = "oidcc-frontchannel-rp-initiated-logout")]
#[tokio::test]
async fn the_page_loads_the_apps_page_with_issuer_and_session_and_goes_on_to_the_return_address() {
    let world = world().await;
    frontchannel(&world, "rp", FRAME).await;
    let browser = world.app.browser();
    let more = format!("&post_logout_redirect_uri={SIGNED_OUT}&state=a%26b");
    let (sid, answer) = by_hint(&world, &browser, &more).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let issuer: String = url::form_urlencoded::byte_serialize(ISSUER.as_bytes()).collect();
    assert_eq!(found(&answer, "iframe", "src"), [format!("{FRAME}?iss={issuer}&sid={sid}")]);
    let onward = format!("{SIGNED_OUT}?state=a%26b");
    assert_eq!(found(&answer, "#logout-continue", "href"), [onward.as_str()]);
    let refresh = format!(
        "<noscript><meta http-equiv=\"refresh\" content=\"5; url={}\"></noscript>",
        onward.replace('/', "&#x2f;")
    );
    assert!(answer.body.contains(&refresh), "{}", answer.body);
    let policy = answer.header("content-security-policy");
    assert!(policy.ends_with("; frame-src https://rp.test"), "{policy}");
    assert_eq!(browser.cookie("postern-session"), None);
    // A reload has no session any more and goes on by itself.
    let hint = world.app.id_token("rp", &world.alice, sid.parse().unwrap()).await;
    let again = browser.get(&format!("/oauth2/logout?id_token_hint={hint}{more}")).await;
    assert_eq!((again.status.as_u16(), again.header("location")), (303, onward.as_str()));
}

#[tokio::test]
async fn a_query_of_the_apps_page_stays_and_no_state_means_no_parameter() {
    let world = world().await;
    frontchannel(&world, "rp", "https://rp.test/frontchannel?a=b").await;
    let browser = world.app.browser();
    let (sid, answer) = by_hint(&world, &browser, &format!("&post_logout_redirect_uri={SIGNED_OUT}")).await;
    let [src] = <[String; 1]>::try_from(found(&answer, "iframe", "src")).unwrap();
    assert!(src.starts_with("https://rp.test/frontchannel?a=b&iss=") && src.ends_with(&sid), "{src}");
    assert_eq!(found(&answer, "#logout-continue", "href"), [SIGNED_OUT]);
}

#[tokio::test]
async fn the_page_names_who_is_told_and_who_is_not_and_frames_nobody_else() {
    let world = world().await;
    frontchannel(&world, "spa", "https://spa.test/frontchannel").await;
    let named = ClientMetadataChange {
        name: Some("<b>Bold & \"App\"".to_owned()),
        ..ClientMetadataChange::default()
    };
    let context = postern_identity::core::RequestContext::of_command(&world.app.app);
    postern_identity::administration::clients::update(&world.app.app, "rp", named, &context).await.unwrap();
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for client_id in ["rp", "spa"] {
        visit(&browser, client_id).await;
    }
    for (language, told, not_told) in [
        ("en", "Told to sign you out", "May keep you signed in"),
        ("de", "Melden Sie ebenfalls ab", "Bleiben vielleicht angemeldet"),
    ] {
        browser.speaks(language);
        browser.sign_in(&world.alice).await;
        for client_id in ["rp", "spa"] {
            visit(&browser, client_id).await;
        }
        let page = browser.get("/oauth2/logout").await;
        let token = found(&page, "input[name=form_token]", "value").remove(0);
        let answer = browser.post("/oauth2/logout", &[("form_token", &token)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(found(&answer, "#apps-told li", ""), ["spa"]);
        assert_eq!(found(&answer, "#apps-not-told li", ""), ["<b>Bold & \"App\""]);
        assert!(answer.body.contains(told) && answer.body.contains(not_told), "{}", answer.body);
        assert!(answer.header("content-security-policy").ends_with("; frame-src https://spa.test"));
        assert!(found(&answer, "#logout-continue", "href").is_empty());
    }
    // The other pages frame nothing, and show a stranger nothing.
    for path in ["/logged-out", "/oauth2/logout"] {
        let stranger = world.app.browser();
        let answer = stranger.get(path).await;
        assert!(
            !answer.body.contains("Bold") && !answer.header("content-security-policy").contains("frame-src")
        );
    }
}

#[tokio::test]
async fn the_sign_out_of_the_account_pages_tells_the_apps_too() {
    let world = world().await;
    frontchannel(&world, "rp", FRAME).await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    visit(&browser, "rp").await;
    let account = browser.get("/account").await;
    let token = found(&account, "input[name=form_token]", "value").remove(0);
    let answer = browser.post("/account/sign-out", &[("form_token", &token)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let [src] = <[String; 1]>::try_from(found(&answer, "iframe", "src")).unwrap();
    assert!(src.ends_with(&format!("sid={}", session.sid)), "{src}");
    assert!(answer.header("content-security-policy").contains("; frame-src https://rp.test"));
}

#[tokio::test]
async fn a_disabled_app_is_not_loaded() {
    let world = world().await;
    frontchannel(&world, "spa", "https://spa.test/frontchannel").await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    visit(&browser, "spa").await;
    let context = postern_identity::core::RequestContext::of_command(&world.app.app);
    postern_identity::administration::clients::set_enabled(&world.app.app, "spa", false, &context)
        .await
        .unwrap();
    let page = browser.get("/oauth2/logout").await;
    let token = found(&page, "input[name=form_token]", "value").remove(0);
    let answer = browser.post("/oauth2/logout", &[("form_token", &token)]).await;
    assert!(found(&answer, "iframe", "src").is_empty());
    assert_eq!(found(&answer, "#apps-not-told li", ""), ["spa"]);
}
