//! The faces of clients: stored logos, and the way back from error pages.

use std::{fs, path::PathBuf, time::Duration};

use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange},
    core::RequestContext,
};
use tempfile::TempDir;

use crate::{
    client_logos::{SVG, png},
    flow::{Ask, World, resume, waits_on},
    person::open,
    support::TestApp,
};

struct Files(TempDir);

impl Files {
    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

#[tokio::test]
async fn a_logo_is_stored_shown_replaced_and_removed_by_command() {
    let world = World::new().await;
    let files = Files(TempDir::new().unwrap());
    let (svg, png) = (files.write("logo.svg", SVG.as_bytes()), files.write("logo.png", &png()));
    let run = |arguments: &[&str]| {
        let output = world.app.command(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
        (output.status.success(), said)
    };
    let update = |logo: &str| run(&["client", "update", "notes", "--logo", logo]);
    let sign_in_logo = async || {
        world.app.app.reload("clients").await.unwrap();
        let browser = world.app.browser();
        let page =
            open(&browser, &Ask::of("notes").with("redirect_uri", "https://notes.test/cb").path()).await;
        page.has("img[src^='/assets/logos/']").then(|| page.attribute("img[src^='/assets/logos/']", "src"))
    };
    assert_eq!(sign_in_logo().await, None);

    assert!(update(svg.to_str().unwrap()).0);
    let first = sign_in_logo().await.unwrap();
    let shown = run(&["client", "show", "notes"]).1;
    assert!(shown.contains(&first), "{shown}");
    let picture = world.app.get(&first).await;
    assert_eq!((picture.status.as_u16(), picture.header("content-type")), (200, "image/svg+xml"));
    assert!(picture.header("cache-control").contains("immutable"));
    assert_eq!(picture.header("x-content-type-options"), "nosniff");
    assert!(picture.header("content-security-policy").contains("sandbox"));
    assert!(!picture.body.contains("script"));

    assert!(update(png.to_str().unwrap()).0);
    let second = sign_in_logo().await.unwrap();
    assert!(second.contains(".png") && second != first);
    assert_eq!(world.app.get(&first).await.status, 404);
    for path in
        [second.replace(".png", ".svg"), "/assets/logos/x.png".to_owned(), "/assets/logos/..png".to_owned()]
    {
        assert_eq!(world.app.get(&path).await.status, 404, "{path}");
    }

    let bad = files.write("bad.svg", b"<svg><script/></svg>");
    let (done, said) = update(bad.to_str().unwrap());
    assert!(!done && said.contains("bad.svg") && said.contains("<script>"), "{said}");
    assert_eq!(sign_in_logo().await.unwrap(), second, "a refused file changes nothing");

    assert!(update("").0);
    assert_eq!(sign_in_logo().await, None);
    assert_eq!(world.app.get(&second).await.status, 404);
    let (done, said) = run(&["client", "update", "notes", "--logo-uri", "https://notes.test/logo.png"]);
    assert!(!done && said.contains("--logo FILE"), "{said}");
}

async fn with_client_uri(app: &TestApp, client_id: &str, uri: &str) {
    let change = ClientMetadataChange { client_uri: Some(uri.to_owned()), ..ClientMetadataChange::default() };
    clients::update(&app.app, client_id, change, &RequestContext::of_command(&app.app)).await.unwrap();
}

#[tokio::test]
async fn every_error_page_of_a_clients_request_leads_back_to_it() {
    let world = World::new().await;
    with_client_uri(&world.app, "notes", "https://notes.test/").await;
    let browser = world.app.browser();
    let ask = Ask::of("notes").with("redirect_uri", "https://notes.test/cb");
    let leads_back = |page: &crate::person::Page<'_>| {
        assert!(page.answer.status.is_client_error(), "{}", page.answer.body);
        assert_eq!(page.attribute("#error-way-on", "href"), "https://notes.test/", "{}", page.answer.body);
        assert_eq!(page.text("#error-way-on"), "Back to Acme Notes");
    };
    leads_back(&open(&browser, &ask.clone().with("redirect_uri", "https://evil.test/").path()).await);

    let waiting = browser.get(&ask.path()).await;
    let handle = waits_on(&waiting, "/login");
    let posted = browser.post("/login", &[("request", handle.as_str()), ("form_token", "wrong")]).await;
    assert_eq!(posted.status, 403);

    world.app.clock.advance(Duration::from_secs(2 * 60 * 60));
    for path in [format!("/login?request={handle}"), format!("/consent?request={handle}"), resume(&handle)] {
        leads_back(&open(&browser, &path).await);
        let other = world.app.browser();
        open(&other, "/login").await;
        let page = open(&other, &path).await;
        assert!(!page.answer.body.contains("notes.test"), "another browser learns nothing: {path}");
    }
}

#[tokio::test]
async fn a_client_page_must_be_a_page_of_the_web() {
    let world = World::new().await;
    for uri in ["javascript:alert(1)", "http://notes.test/", "notes"] {
        let change =
            ClientMetadataChange { client_uri: Some(uri.to_owned()), ..ClientMetadataChange::default() };
        let context = RequestContext::of_command(&world.app.app);
        let refused = clients::update(&world.app.app, "notes", change, &context).await.unwrap_err();
        assert!(refused.to_string().starts_with("client_uri"), "{refused}");
    }
}
