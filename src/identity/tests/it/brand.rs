//! The operator's brand: settings, stylesheet, logos, and the name wherever people read one.

use std::{fs, path::Path};

use postern_identity::{
    config::Config, core::RequestContext, http::pages::PageErrorKind, login::passkey::enrolment, login::totp,
    mail::samples,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    commands::Shell,
    person::open,
    sign_in::{ALICE, SignIn},
    smtp::MailServer,
    support::TestApp,
};

const NAME: &str = "Lumen & Söhne";
const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path fill="#6d3df0" d="M0 0h8v8z"/></svg>"##;

fn refusal(key: &str, value: &str) -> String {
    let variable = format!("POSTERN_PAGES__{}", key.to_uppercase());
    Config::load(None, [(variable.into(), value.into())]).unwrap_err().to_string()
}

#[test]
fn a_setting_that_breaks_its_rule_is_refused_with_the_rule() {
    let long = "x".repeat(61);
    for (key, value, rule) in [
        ("name", "a\nb", "1 to 60 characters"),
        ("name", &long, "1 to 60 characters"),
        ("support", "javascript:alert(1)", "an email address"),
        ("support", "http://help.example", "an email address"),
        ("support", "help@example.com?bcc=x@y.z", "an email address"),
        ("accent", "teal-ish", "must be a colour such as #0b5d57"),
        ("accent", "red;}", "must be a colour such as #0b5d57"),
        ("ground", "#12345", "must be a colour such as #0b5d57"),
        ("radius", "17", "0 to 16"),
        ("radius", "-1", "0 to 16"),
        ("help_url", "ftp://example.com", "must begin with https://"),
        ("privacy_url", "javascript:alert(1)", "must begin with https://"),
        ("terms_url", "http://example.com", "must begin with https://"),
    ] {
        let said = refusal(key, value);
        assert!(said.contains(rule) && said.contains(&format!("pages.{key}")), "{key} {value}: {said}");
    }
    for good in ["help@example.com", "https://example.com/help"] {
        Config::load(None, [("POSTERN_PAGES__SUPPORT".into(), good.into())]).unwrap();
    }
}

#[tokio::test]
async fn colours_and_radius_become_a_stylesheet_that_browsers_keep() {
    let test = TestApp::with(&[
        ("POSTERN_PAGES__ACCENT", "hsl(256 86% 60%)"),
        ("POSTERN_PAGES__GROUND", "#f4f2fb"),
        ("POSTERN_PAGES__RADIUS", "8"),
    ])
    .await;
    let browser = test.browser();
    let page = open(&browser, "/login").await;
    let path = page.attribute("link[href$='brand.css']", "href");
    let sheet = browser.get(&path).await;
    for line in ["--brand: #7041f1;", "--ground: light-dark(#f4f2fb, #", "--radius: 8px;"] {
        assert!(sheet.body.contains(line), "{line} in {}", sheet.body);
    }
    assert_eq!(sheet.header("content-type"), "text/css; charset=utf-8");
    assert!(sheet.header("cache-control").contains("immutable"));
    let plain = browser.get("/brand.css").await;
    assert_eq!(plain.body, sheet.body);
    assert!(plain.header("cache-control").contains("no-cache") && !plain.header("etag").is_empty());

    let unbranded = TestApp::new().await;
    assert!(!open(&unbranded.browser(), "/login").await.has("link[href$='brand.css']"));
    assert_eq!(unbranded.get("/brand.css").await.status, 404);
}

#[tokio::test]
async fn a_logo_is_served_as_a_picture_that_can_do_nothing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("logo.svg");
    fs::write(&file, SVG).unwrap();
    let test = TestApp::with(&[("POSTERN_PAGES__LOGO", file.to_str().unwrap())]).await;
    let browser = test.browser();
    browser.sign_in(test.alice()).await;
    let path = open(&browser, "/account").await.attribute("img[src*='brand-logo']", "src");
    let logo = browser.get(&path).await;
    assert_eq!((logo.status.as_u16(), logo.header("content-type")), (200, "image/svg+xml"));
    assert_eq!(logo.header("x-content-type-options"), "nosniff");
    let policy = logo.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    assert!(logo.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn config_check_prints_the_contrast_and_reads_the_logo() {
    let shell = Shell::empty().await;
    let check = |key: &str, value: &str, json: bool| {
        let arguments = ["config", "check", "--json"];
        let mut command = shell.command(&arguments[..if json { 3 } else { 2 }]);
        command.env(key, value).output().unwrap()
    };
    let yellow = check("POSTERN_PAGES__ACCENT", "#ffd400", true);
    let said: Value = serde_json::from_slice(&yellow.stdout).unwrap();
    for (time, least) in [("day", 4.5), ("night", 7.0)] {
        let ratio = said["contrast"][time]["text_on_accent"].as_f64().unwrap();
        assert!(ratio >= least, "{time}: {said}");
    }
    let text = check("POSTERN_PAGES__ACCENT", "#0b5d57", false).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("by day    7.72:1"), "{text}");
    let refused = check("POSTERN_PAGES__LOGO", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), false);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("neither PNG nor SVG"), "{said}");
}

#[tokio::test]
async fn config_check_warns_of_a_ground_on_which_text_is_hard_to_read() {
    let shell = Shell::empty().await;
    let check = |ground: &str, json: bool| {
        let arguments = ["config", "check", "--json"];
        let mut command = shell.command(&arguments[..if json { 3 } else { 2 }]);
        command.env("POSTERN_PAGES__GROUND", ground).output().unwrap().stdout
    };
    let said: Value = serde_json::from_slice(&check("#101010", true)).unwrap();
    let ratio = |time: &str, what: &str| said["contrast"][time][what].as_f64().unwrap();
    // #18211f and #55605d on #101010; by night the ground is dark anyway, and its texts are light.
    assert!((1.1..1.3).contains(&ratio("day", "text_on_ground")), "{said}");
    assert!((2.8..3.0).contains(&ratio("day", "soft_text_on_ground")), "{said}");
    assert!(ratio("night", "text_on_ground") > 15.0 && ratio("night", "soft_text_on_ground") > 7.0, "{said}");
    let warning =
        said["warnings"].as_array().unwrap().iter().find(|line| line.to_string().contains("ground"));
    let warning = warning.unwrap().as_str().unwrap();
    for named in ["pages.ground", "#101010", "POSTERN_PAGES__GROUND", "1.15:1", "4.5:1"] {
        assert!(warning.contains(named), "{named} in {warning}");
    }
    let text = String::from_utf8(check("#101010", false)).unwrap();
    assert!(text.contains(&format!("Warning: {warning}")) && text.contains("(too low)"), "{text}");
    for good in ["", "#f1eee7", "#f6f1ec", "#fff"] {
        let said = String::from_utf8(check(good, false)).unwrap();
        assert!(!said.contains("pages.ground") && !said.contains("too low"), "{good}: {said}");
    }
}

/// The pages that a GET shows without more than a session.
const PAGES: [&str; 25] = [
    "/",
    "/login",
    "/login/passkey",
    "/register",
    "/forgot-password",
    "/logged-out",
    "/oauth2/logout",
    "/oauth2/authorize",
    "/errors/x",
    "/nowhere",
    "/dev/inbox",
    "/dev/mail",
    "/docs",
    "/openapi.json",
    "/account",
    "/account/profile",
    "/account/email",
    "/account/password",
    "/account/recovery-codes",
    "/account/passkeys",
    "/account/sessions",
    "/account/applications",
    "/account/activity",
    "/account/data",
    "/account/totp",
];

#[tokio::test]
async fn nothing_that_people_read_says_postern_once_there_is_another_name() {
    let settings = [
        ("POSTERN_PAGES__NAME", NAME),
        ("POSTERN_PAGES__SUPPORT", "help@lumen.example"),
        ("POSTERN_REGISTRATION__MODE", "open"),
    ];
    let test = TestApp::with(&settings).await;
    let (stranger, alice) = (test.browser(), test.browser());
    alice.sign_in_at(test.alice(), "aal2").await;
    for browser in [&stranger, &alice] {
        for language in ["en", "de"] {
            browser.speaks(language);
            for path in PAGES {
                let answer = open(browser, path).await.answer;
                let text = answer.body;
                let at = text.find("Postern").map(|at| text[at..].chars().take(80).collect::<String>());
                assert!(at.is_none(), "{path} in {language}: {at:?}");
                assert!(
                    !text.contains("your administrator") && !text.contains("Ihre Administration"),
                    "{path}"
                );
            }
        }
    }
    let mails = samples::render_all(&test.app, &test.app.templates).unwrap();
    for mail in &mails {
        for part in [&mail.text.subject, &mail.text.text, &mail.text.html] {
            assert!(!part.contains("Postern") && !part.contains("administrator"), "{mail:?}");
        }
        assert!(mail.text.text.contains("help@lumen.example"), "{mail:?}");
        assert!(mail.text.html.contains("href=\"mailto:help@lumen.example\""), "{mail:?}");
    }
    for kind in PageErrorKind::ALL {
        let (_, title, text) = kind.status_and_messages();
        for (language, key) in [("en", title), ("en", text), ("de", title), ("de", text)] {
            let said = test.app.templates.text(language, key, &[]).unwrap();
            assert!(!said.contains("Postern") && !said.contains("administrator"), "{key}: {said}");
        }
    }
}

#[test]
fn no_template_or_text_has_the_name_written_into_it() {
    fn walk(folder: &Path, wrong: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, wrong);
            } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains("Postern") {
                wrong.push(path.display().to_string());
            }
        }
    }
    let mut wrong = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates"), &mut wrong);
    // Snippets are for developers, and the stylesheet says whose it is.
    wrong.retain(|path| !["/snippets/", ".css", ".js"].iter().any(|own| path.contains(own)));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn mails_and_authenticators_carry_the_name() {
    let server = MailServer::start().await;
    let port = server.port.to_string();
    let sign_in = SignIn::with(&[
        ("POSTERN_MAIL__SMTP_HOST", "127.0.0.1"),
        ("POSTERN_MAIL__SMTP_PORT", &port),
        ("POSTERN_MAIL__SMTP_TLS", "none"),
        ("POSTERN_MAIL__FROM", "no-reply@lumen.example"),
        ("POSTERN_PAGES__NAME", "Lumen Studio"),
    ])
    .await;
    sign_in.attempt("email-otp", ALICE).await;
    sign_in.app.run_jobs().await;
    let mails = server.mails();
    let from = mails[0].lines().find(|line| line.starts_with("From:")).unwrap();
    assert!(from.contains("Lumen Studio") && from.ends_with("<no-reply@lumen.example>"), "{from}");

    let test = TestApp::with(&[("POSTERN_PAGES__NAME", "Lumen: Studio")]).await;
    let signed_in = test.signed_in(test.alice()).await;
    let context = RequestContext::of_command(&test.app);
    let authenticator = totp::begin_enrolment(&test.app, signed_in.principal(), &context).await.unwrap();
    let uri = authenticator.uri;
    assert!(uri.starts_with("otpauth://totp/Lumen.%20Studio:alice"), "{uri}");
    let options = enrolment::begin(&test.app, signed_in.principal(), &context).await.unwrap();
    assert_eq!(options["rp"]["name"], "Lumen: Studio", "{options}");
}

#[tokio::test]
async fn mails_have_the_accent_and_name_the_support_as_people_write_it() {
    let brand = [("POSTERN_PAGES__ACCENT", "#f2b705"), ("POSTERN_PAGES__SUPPORT", "help@fennwick.example")];
    let branded = TestApp::with(&brand).await;
    for mail in samples::render_all(&branded.app, &branded.app.templates).unwrap() {
        let html = &mail.text.html;
        assert!(!html.contains("#0b5d57") && !html.contains("#83cac2"), "the built-in accent in {html}");
        assert!(html.contains(">help@fennwick.example</a>"), "{html}");
        assert!(!mail.text.text.contains("mailto:"), "{}", mail.text.text);
    }
    let usual = TestApp::new().await;
    let mails = samples::render_all(&usual.app, &usual.app.templates).unwrap();
    assert!(mails.iter().all(|mail| mail.text.html.contains("background:#0b5d57")), "by day");
    assert!(mails.iter().all(|mail| mail.text.html.contains("background:#83cac2")), "by night");
}
