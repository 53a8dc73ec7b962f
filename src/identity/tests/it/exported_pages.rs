//! `postern pages`: built-in files for operators who change some of them.

use std::fs;

use tempfile::TempDir;

use crate::commands::Shell;

#[tokio::test]
async fn pages_are_listed_and_exported_without_writing_over_changes() {
    let shell = Shell::empty().await;
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("mine");
    let dir = target.to_str().unwrap();
    let one = shell.json(&["pages", "export", dir, "messages/en.ftl"]);
    assert_eq!(one["written"], serde_json::json!(["messages/en.ftl"]));
    fs::write(target.join("messages/en.ftl"), "sign-in = Come in\n").unwrap();
    let all = shell.json(&["pages", "export", dir]);
    assert_eq!(all["kept"], serde_json::json!(["messages/en.ftl"]));
    assert!(target.join("pages/login.html").is_file() && target.join("mail/layout.html").is_file());
    assert_eq!(fs::read_to_string(target.join("messages/en.ftl")).unwrap(), "sign-in = Come in\n");
    shell.run(&["pages", "export", dir, "../Cargo.toml"]).failed(2, "there is no built-in file");

    let listed = shell.command(&["pages", "list"]).env("POSTERN_PAGES__TEMPLATES", dir).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("pages/login.html") && listed.contains("mine/messages/en.ftl"), "{listed}");
    let check = shell.command(&["config", "check"]).env("POSTERN_PAGES__TEMPLATES", dir).output().unwrap();
    assert!(!String::from_utf8(check.stdout).unwrap().contains("Warning"), "what was exported lacks nothing");
}

#[tokio::test]
async fn a_template_that_lacks_a_block_of_the_built_in_one_is_reported() {
    let shell = Shell::new().await;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("layout.html"), "<!doctype html>{% block main %}{% endblock %}").unwrap();
    let run = |arguments: &[&str]| {
        let output =
            shell.command(arguments).env("POSTERN_PAGES__TEMPLATES", folder.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = run(&["config", "check"]);
    assert!(
        said.contains("layout.html lacks the block body, the block") && said.contains("block title"),
        "{said}"
    );
    assert!(!said.contains("block main"), "{said}");
}
