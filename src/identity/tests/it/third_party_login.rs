//! Sign-ins that another party begins (OpenID Connect Core section 4).

use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange},
    core::RequestContext,
};

use crate::{
    flow::{Ask, World, code, refused_on_page},
    support::ISSUER,
};

async fn set(world: &World, client_id: &str, uri: &str) -> Result<(), String> {
    let app = &world.app.app;
    let change =
        ClientMetadataChange { initiate_login_uri: Some(uri.to_owned()), ..ClientMetadataChange::default() };
    let changed = clients::update(app, client_id, change, &RequestContext::of_command(app)).await;
    changed.map(drop).map_err(|cause| cause.to_string())
}

#[tokio::test]
async fn the_list_of_apps_leads_to_where_a_sign_in_begins_with_the_issuer() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    code(&browser.get(&Ask::of("own").path()).await);
    let page = browser.get("/account/applications").await;
    assert!(!page.body.contains("id=\"open-1\""), "{}", page.body);

    set(&world, "own", "https://rp.test/start?tenant=1").await.unwrap();
    let page = browser.get("/account/applications").await;
    let issuer: String = url::form_urlencoded::byte_serialize(ISSUER.as_bytes()).collect();
    let link = format!("href=\"https:&#x2f;&#x2f;rp.test&#x2f;start?tenant=1&amp;iss={issuer}\"");
    assert!(page.body.contains(&link), "{}", page.body);
    assert!(page.body.contains(">Open</a>"), "{}", page.body);
    browser.speaks("de");
    assert!(browser.get("/account/applications").await.body.contains(">Öffnen</a>"));

    let app = &world.app.app;
    clients::set_enabled(app, "own", false, &RequestContext::of_command(app)).await.unwrap();
    assert!(!browser.get("/account/applications").await.body.contains("rp.test"), "nobody can sign in there");
    clients::set_enabled(app, "own", true, &RequestContext::of_command(app)).await.unwrap();
    set(&world, "own", "").await.unwrap();
    assert!(!browser.get("/account/applications").await.body.contains("rp.test"));
}

#[tokio::test]
async fn an_error_page_leads_back_to_the_client_and_nowhere_that_the_request_names() {
    let world = World::new().await;
    set(&world, "rp", "https://rp.test/start").await.unwrap();
    let wrong = Ask::of("rp").with("redirect_uri", "https://evil.test/cb");
    let back = "id=\"error-way-on\" href=\"https:&#x2f;&#x2f;rp.test&#x2f;start?iss=";
    for page in
        [world.app.get(&wrong.path()).await, world.app.post_form("/oauth2/authorize", &wrong.form()).await]
    {
        refused_on_page(&page, "This app is not set up right");
        assert!(page.body.contains(back), "{}", page.body);
    }
    let page = world.app.get(&wrong.with("client_id", "own").path()).await;
    assert!(page.body.contains("id=\"error-way-on\" href=\"&#x2f;account\""), "{}", page.body);
}

#[tokio::test]
async fn it_is_an_https_address_or_one_on_this_machine() {
    let world = World::new().await;
    for uri in ["https://rp.test/start", "http://localhost:3000/login", "http://127.0.0.1/x?y=1"] {
        assert_eq!(set(&world, "own", uri).await, Ok(()), "{uri}");
    }
    for uri in [
        "http://rp.test/start",
        "javascript:alert(1)",
        "com.example.app:/start",
        "/start",
        "https://rp.test/start#x",
        "https://user@rp.test/",
    ] {
        let refused = set(&world, "own", uri).await.unwrap_err();
        assert!(refused.contains("initiate_login_uri"), "{uri}: {refused}");
    }
}

#[tokio::test]
async fn a_command_shows_it() {
    let world = World::new().await;
    let run = |arguments: &[&str]| {
        let output = world.app.command(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["client", "update", "own", "--initiate-login-uri", "https://rp.test/start"]);
    let shown = run(&["client", "show", "own"]);
    let line = shown.lines().find(|line| line.starts_with("initiate_login_uri ")).unwrap();
    assert!(line.ends_with(" https://rp.test/start"), "{line}");
    run(&["client", "update", "own", "--initiate-login-uri", ""]);
    assert!(!run(&["client", "show", "own"]).contains("initiate_login_uri"));
}
