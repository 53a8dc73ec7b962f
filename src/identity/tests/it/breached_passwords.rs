//! Passwords that are known from breaches: the command that makes the file, and where it is asked.

use std::{fs, path::Path, process::Stdio};

use postern_identity::{App, composition::StartError, config::Config};
use postern_service::{clock::Clock, database::Database, random::Random};
use serde_json::{Value, json};

use crate::{
    commands::{Ended, Shell},
    person::open,
    sign_in::{ALICE, SignIn},
    support::{Answer, START, TestApp},
};

/// Hard to guess, but for who has read the dump.
const KNOWN: &str = "seven brass lamps upstream";
const ANOTHER: &str = "a violet tram in wet gravel";

/// A folder, and in it the file that the command makes of these passwords.
async fn made_of(passwords: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let (dump, out) = (folder.path().join("dump"), folder.path().join("breached"));
    fs::write(&dump, passwords.join("\n")).unwrap();
    let arguments = ["passwords", "build", "--plain", dump.to_str().unwrap(), out.to_str().unwrap()];
    let built = Shell::empty().await.json(&arguments);
    assert_eq!(built["lines"], passwords.len());
    let out = out.to_str().unwrap().to_owned();
    (folder, out)
}

fn told(answer: &Answer) -> (u16, String) {
    let told: Value = answer.json();
    (answer.status.as_u16(), told["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_breached_password_is_set_nowhere() {
    let (_folder, file) = made_of(&["123456", KNOWN, "letmein"]).await;
    let sign_in = SignIn::with(&[("POSTERN_PASSWORD__BREACHED_FILE", &file)]).await;
    let app = &sign_in.app;
    let register = json!({ "client_id": "app", "email": "carol@example.test", "password": KNOWN });
    let (status, detail) = told(&app.post_json("/api/auth/register", &register).await);
    assert_eq!(status, 400);
    assert!(detail.contains("is known from a breach"), "{detail}");

    app.post_json("/api/auth/password/forgot", &json!({ "client_id": "app", "email": ALICE })).await;
    app.run_jobs().await;
    let link = app.inbox.newest_first()[0].link.clone().unwrap();
    let token = link.split_once("?token=").unwrap().1.to_owned();
    let reset = async |password: &str| {
        let body = json!({ "client_id": "app", "token": token, "password": password });
        app.post_json("/api/auth/password/reset", &body).await
    };
    let (status, detail) = told(&reset(KNOWN).await);
    assert_eq!(status, 400);
    assert!(detail.contains("is known from a breach"), "{detail}");
    assert_eq!(reset(ANOTHER).await.status, 200, "and it cost the link nothing");

    let browser = app.browser();
    browser.sign_in(&sign_in.alice).await;
    let page = open(&browser, "/account/password").await;
    let refused = page.press("#password-submit", &[("password", KNOWN)]).await;
    assert!(refused.text("#password-error").contains("known from a data breach"), "{}", refused.answer.body);
    let set = refused.press("#password-submit", &[("password", "nine pale doors inland")]).await;
    assert!(set.text(".note").contains("Your password is set"));
}

#[tokio::test]
async fn the_command_takes_hashes_with_counts_in_any_order_and_from_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("breached");
    // SHA-1 of "password" and of "seven brass lamps upstream".
    let of_known = postern_hash(KNOWN);
    let dump = format!(
        "{}:3\r\n\n5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\n{of_known}\n",
        of_known.to_uppercase()
    );
    let mut child = Shell::empty()
        .await
        .command(&["passwords", "build", "-", out.to_str().unwrap(), "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), dump.as_bytes()).unwrap();
    let ended = Ended::from(child.wait_with_output().unwrap()).succeeded();
    let built: Value = serde_json::from_str(&ended).unwrap();
    assert_eq!((&built["lines"], &built["entries"]), (&json!(4), &json!(2)));
    assert_eq!(fs::metadata(&out).unwrap().len(), 32 + 2 * 8);
    let app = TestApp::with(&[("POSTERN_PASSWORD__BREACHED_FILE", out.to_str().unwrap())]).await;
    let breached = app.app.passwords.breached.as_ref().unwrap();
    assert!(breached.contains("password").unwrap() && breached.contains(KNOWN).unwrap());
    assert!(!breached.contains(ANOTHER).unwrap());
}

fn postern_hash(password: &str) -> String {
    openssl::sha::sha1(password.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_line_that_is_no_hash_is_told_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (dump, out) = (folder.path().join("dump"), folder.path().join("breached"));
    fs::write(&dump, format!("{}:3\nletmein\n", postern_hash("x"))).unwrap();
    fs::write(&out, "the earlier one").unwrap();
    let (dump, out) = (dump.to_str().unwrap(), out.to_str().unwrap());
    let shell = Shell::empty().await;
    let wrong = shell.run(&["passwords", "build", dump, out]);
    assert!(!wrong.err.contains("letmein"), "{wrong:?}");
    wrong.failed(1, "line 2 must begin with a SHA-1 hash of 40 hexadecimal digits");
    assert_eq!(fs::read_to_string(out).unwrap(), "the earlier one");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no part is left");
    shell.run(&["passwords", "build", "nowhere", out]).failed(1, "nowhere");
    shell.run(&["passwords", "build", dump, "/nowhere/out", "--plain"]).failed(1, "/nowhere/out");
}

async fn start_with(file: &Path) -> Result<App, StartError> {
    let app = TestApp::new().await;
    let mut config: Config = app.app.config.clone();
    config.password.breached_file = Some(file.to_owned());
    let db = Database::open(&config.database).await.unwrap();
    App::new(config, db, Clock::manual(START), Random::seeded(1)).await
}

#[tokio::test]
async fn the_provider_does_not_start_with_a_file_that_is_damaged_or_missing() {
    let (folder, file) = made_of(&["one", "two", "three", "four"]).await;
    let good = fs::read(&file).unwrap();
    let path = folder.path().join("damaged");
    assert!(start_with(Path::new(&file)).await.is_ok());
    let said = async |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        start_with(&path).await.err().unwrap().to_string()
    };
    let swapped = [&good[..32], &good[40..48], &good[32..40], &good[48..]].concat();
    let mut newer = good.clone();
    newer[16] = 2;
    for (bytes, rule) in [
        (&good[..20], "it is too short"),
        (&good[..good.len() - 3], "its size is not what its head says"),
        (&[good.as_slice(), b"x"].concat(), "its size is not what its head says"),
        (&swapped, "its entries are not in order"),
        (&newer, "it is of another version: build it again"),
        (&b"123456\nletmein\nand some more lines, as in a list\n"[..], "does not begin with"),
    ] {
        let told = said(bytes).await;
        assert!(told.contains("password.breached_file") && told.contains(rule), "{told}");
    }
    let missing = start_with(&folder.path().join("missing")).await.err().unwrap().to_string();
    assert!(missing.contains("password.breached_file") && missing.contains("cannot be read"), "{missing}");

    let shell = Shell::new().await;
    let serve = shell.command(&["serve"]).env("POSTERN_PASSWORD__BREACHED_FILE", &path).output().unwrap();
    Ended::from(serve).failed(1, "is not a file that `postern passwords build` made");
}
