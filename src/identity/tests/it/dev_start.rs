//! The start page of `postern dev`: whom to sign in as, with which app, and how to add one.

use std::{process::Command, time::Duration};

use postern_identity::app::development::{Development, DevelopmentClient};

use crate::{
    dev::{Server, free_port, postern},
    person::open,
    support::TestApp,
};

/// The text of each element `pre`, as a browser shows it.
fn preformatted(page: &str) -> Vec<String> {
    let texts = page.split("<pre").skip(1).filter_map(|rest| rest.split_once('>')?.1.split_once("</pre>"));
    let shown = |text: &str| {
        text.replace("&#x2f;", "/")
            .replace("&#x27;", "'")
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&amp;", "&")
    };
    texts.map(|(text, _)| shown(text)).collect()
}

#[tokio::test]
async fn the_start_page_leads_to_a_sign_in_and_each_of_its_commands_adds_an_app() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let server = Server::start(&mut postern(&["dev"], folder.path(), port), port).await;
    let page = |language: &'static str| {
        let request =
            reqwest::Client::new().get(format!("{}/", server.url)).header("accept-language", language);
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    let english = page("en").await;
    let secrets: toml::Table =
        std::fs::read_to_string(folder.path().join("data/dev-secrets.toml")).unwrap().parse().unwrap();
    for shown in [
        "alice@example.test",
        "Add your app",
        "/dev/inbox",
        "/dev/mail",
        "/docs",
        "/login?to=account",
        "http:&#x2f;&#x2f;localhost:7118",
        secrets["demo_web_client_secret"].as_str().unwrap(),
        secrets["demo_service_client_secret"].as_str().unwrap(),
    ] {
        assert!(english.contains(shown), "{shown} not in {english}");
    }
    assert!(page("de").await.contains("Eigene App hinzufügen"));

    let (snippets, commands): (Vec<_>, Vec<_>) =
        preformatted(&english).into_iter().partition(|text| !text.contains("--preset"));
    assert_eq!((snippets.len(), commands.len()), (2, 10), "{snippets:?} {commands:?}");
    assert!(snippets.iter().any(|snippet| snippet.contains("demo-web") && snippet.contains(&server.url)));
    for (number, command) in commands.iter().enumerate() {
        let arguments =
            command.strip_prefix("cargo postern ").unwrap().replace("my-app", &format!("app-{number}"));
        let program = env!("CARGO_BIN_EXE_postern");
        let mut shell = Command::new("sh");
        let ended = shell
            .args(["-c", &format!("{program} {arguments}")])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(ended.status.success(), "{command}: {ended:?}");
    }
    // A running server takes over what a command changed within seconds.
    let mut known = page("en").await.contains("app-0");
    for _ in 0..100 {
        if known {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        known = page("en").await.contains("app-0");
    }
    assert!(known, "an app that was added is shown");
    let rebound = reqwest::Client::new().get(format!("{}/", server.url)).header("host", "rebound.example");
    assert_eq!(rebound.send().await.unwrap().status(), 421);
    assert_eq!(server.stop(), Some(0));
}

fn development() -> Development {
    let client = DevelopmentClient {
        client_id: "app".to_owned(),
        secret: "the-secret-of-the-app".to_owned(),
        snippet: "a snippet".to_owned(),
    };
    Development {
        tasks: "http://localhost:7118".to_owned(),
        program: "cargo postern",
        settings_file: "data/dev.toml".to_owned(),
        clients: vec![client],
        presets: Vec::new(),
    }
}

#[tokio::test]
async fn the_start_page_is_that_of_dev_on_this_machine_alone() {
    let ordinary = TestApp::new().await;
    assert_eq!(open(&ordinary.browser(), "/").await.title(), "Your Postern account");

    for settings in [
        &[("POSTERN_ISSUER", "https://id.example.test")][..],
        &[("POSTERN_MAIL__SMTP_HOST", "localhost"), ("POSTERN_MAIL__SMTP_TLS", "none")],
    ] {
        let elsewhere = TestApp::with(settings).await;
        assert!(elsewhere.app.development.set(development()).is_ok());
        let browser = elsewhere.browser();
        let home = open(&browser, "/").await;
        assert_eq!(home.title(), "Your Postern account", "{settings:?}");
        assert!(!home.answer.body.contains("the-secret-of-the-app"));
    }

    let here = TestApp::new().await;
    assert!(here.app.development.set(development()).is_ok());
    assert_eq!(open(&here.browser(), "/").await.title(), "Postern runs on this machine");
}
