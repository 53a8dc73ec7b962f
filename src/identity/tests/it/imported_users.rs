//! Users who come with the hash of a password that another system made.

use std::{fs, io::Write as _, process::Stdio, time::Duration};

use postern_entities::users::{Column, Entity};
use postern_identity::{
    administration::{
        ChangeError,
        users::{NewUser, add},
    },
    config::Config,
    core::RequestContext,
    passwords,
    users::User,
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use crate::{
    commands::{Ended, Shell},
    sign_in::SignIn,
    support::{Answer, TestApp},
};

const PASSWORD: &str = "seven brass lamps upstream";
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu0uHqWLR5ol6OsJ9Cu93j0GwjNGNRAXq";
/// Of the same password, made by the libraries of Perl and Python.
const HASHES: [&str; 5] = [
    BCRYPT,
    "$2y$04$abcdefghijklmnopqrstuu0uHqWLR5ol6OsJ9Cu93j0GwjNGNRAXq",
    "$pbkdf2-sha256$i=1000,l=32$cG9zdGVybi1zYWx0LTAxNg$i34BserSTY9LpgyaS+6aPDkth8a6NhKFMMAlcRgW0jA",
    "$pbkdf2-sha512$i=1000$cG9zdGVybi1zYWx0LTAxNg$tJOc32iqKQf6U5UNrddx5/XJUiaRhukXEmz0JcHa7MIYL/7OQ932VxK713dCZjEYHhpUElBSWZaAJJBabC4uyw",
    "$scrypt$ln=14,r=8,p=1$cG9zdGVybi1zYWx0LTAxNg$dMCpI23sOWTIsp4YUDhT+k+1JCrJpFpwvtWJrdlVgq0",
];
/// Of "password", from the tests of Argon2's reference.
const ARGON2I: &str = "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA";

async fn import(app: &TestApp, email: &str, hash: &str) -> Result<User, ChangeError> {
    let new = NewUser { email: email.to_owned(), password_hash: Some(hash.to_owned()), ..NewUser::default() };
    add(&app.app, new, &RequestContext::of_command(&app.app)).await
}

async fn login(app: &TestApp, email: &str, password: &str) -> Answer {
    let body = json!({ "client_id": "app", "email": email, "password": password });
    app.post_json("/api/auth/login", &body).await
}

async fn stored(app: &TestApp, user: &User) -> String {
    passwords::find(&app.app, app.app.db.reader(), Some(user.id)).await.unwrap().unwrap().hash
}

#[tokio::test]
async fn an_imported_hash_is_one_of_ours_after_the_first_right_sign_in() {
    let SignIn { app, .. } =
        SignIn::with(&[("POSTERN_LIMITS__FAILURES_PER_SOURCE", "100 per 15m per ip")]).await;
    let all = HASHES.iter().map(|hash| (*hash, PASSWORD)).chain([(ARGON2I, "password")]);
    for (number, (hash, password)) in all.enumerate() {
        let email = format!("u{number}@example.test");
        let user = import(&app, &email, hash).await.unwrap();
        assert_eq!(login(&app, &email, &format!("{password}x")).await.status, 401, "{hash}");
        assert_eq!(stored(&app, &user).await, hash, "a wrong password changes nothing");
        let right = login(&app, &email, password).await;
        assert_eq!(right.status, 200, "{hash}: {}", right.body);
        let ours = stored(&app, &user).await;
        assert!(ours.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash} became {ours}");
        assert_eq!(login(&app, &email, password).await.status, 200);
        assert_eq!(stored(&app, &user).await, ours, "once");
        assert_eq!(login(&app, &email, &format!("{password}x")).await.status, 401);
    }
}

#[tokio::test]
async fn an_imported_hash_is_stored_sealed_and_recorded_without_it() {
    let SignIn { app, .. } = SignIn::new().await;
    app.clock.advance(Duration::from_secs(1));
    import(&app, "dora@example.test", BCRYPT).await.unwrap();
    let rows = postern_entities::credentials::Entity::find().all(app.app.db.reader()).await.unwrap();
    assert!(!rows[0].secret_sealed.windows(4).any(|part| part == b"$2b$"));
    assert_eq!(app.audited("user.added").await.last().unwrap(), &json!({ "password": true }));
    assert!(!app.everything_stored().await.contains("abcdefghijklmnopqrstuu"));
}

#[tokio::test]
async fn a_hash_that_costs_too_much_is_not_imported() {
    let SignIn { app, .. } = SignIn::new().await;
    let greedy = "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA";
    let told = import(&app, "dora@example.test", greedy).await.unwrap_err().to_string();
    assert!(told.starts_with("password_hash of Argon2 must") && told.contains("262144 KiB"), "{told}");
    let dora = Entity::find().filter(Column::Email.eq("dora@example.test")).one(app.app.db.reader()).await;
    assert_eq!(dora.unwrap(), None);
}

#[tokio::test]
async fn one_user_is_added_with_the_hash_in_a_file() {
    let shell = Shell::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hash");
    fs::write(&file, format!("{BCRYPT}\n")).unwrap();
    let file = file.to_str().unwrap();
    shell.run(&["user", "add", "ada@example.test", "--password-hash-file", file]).succeeded();
    assert_eq!(shell.json(&["user", "show", "ada@example.test"])["sign_in"]["password"], true);
    fs::write(file, "5f4dcc3b5aa765d61d8327deb882cf99").unwrap();
    let wrong = shell.run(&["user", "add", "bob@example.test", "--password-hash-file", file]);
    assert!(!wrong.err.contains("5f4dcc3b"), "a hash is told: {wrong:?}");
    wrong.failed(2, "password_hash must be a hash of argon2id");
    shell.run(&["user", "add", "bob@example.test", "--password-hash-file", "nowhere"]).failed(1, "nowhere");
}

#[test]
fn our_own_hashes_may_not_cost_more_than_imported_ones() {
    for (memory, iterations, good) in
        [("262144", "4", true), ("262145", "1", false), ("262144", "5", false), ("64", "17", false)]
    {
        let env = [("POSTERN_PASSWORD__MEMORY_KIB", memory), ("POSTERN_PASSWORD__ITERATIONS", iterations)];
        let loaded = Config::load(None, env.map(|(key, value)| (key.into(), value.into())));
        assert_eq!(loaded.is_ok(), good, "{memory} {iterations}");
        assert!(good || loaded.unwrap_err().to_string().contains("password.memory_kib"));
    }
}

fn import_lines(shell: &Shell, lines: &str, arguments: &[&str]) -> Ended {
    let mut child = shell
        .command(&[&["user", "import", "-"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

#[tokio::test]
async fn a_line_that_is_wrong_is_told_by_number_and_holds_up_no_other() {
    let shell = Shell::new().await;
    shell.run(&["user", "add", "taken@example.test"]).succeeded();
    let long = format!("{{\"email\":\"long@example.test\",\"name\":\"{}\"}}", "x".repeat(70_000));
    let lines = [
        &json!({ "email": "Ada@Example.test", "email_verified": true, "name": "Ada", "password_hash": BCRYPT,
            "address": { "country": "GB" } })
        .to_string(),
        "",
        r#"{"email":"taken@example.test"}"#,
        r#"{"email":"ada@example.test"}"#,
        r#"{"email":"nobody"}"#,
        r#"{"email":"b@example.test","password_hash":"$2b$15$abcdefghijklmnopqrstuu0uHqWLR5ol6OsJ9Cu93j0GwjNGNRAXq"}"#,
        r#"{"email":"c@example.test","colour":"red"}"#,
        r#"{"email":"d@example.test""#,
        &long,
        r#"{"email":"e@example.test"}"#,
    ]
    .join("\n");
    let ended = import_lines(&shell, &lines, &["--json"]);
    assert_eq!(ended.code, 1, "some were refused: {ended:?}");
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(
        (&told["lines"], &told["added"], &told["refused"]),
        (&json!(10), &json!(2), &json!(7)),
        "{told}"
    );
    let mut errors: Vec<_> = told["errors"].as_array().unwrap().clone();
    errors.sort_by_key(|error| error["line"].as_u64());
    let rules = [
        (3, "there is already a user taken@example.test"),
        (4, "there is already a user ada@example.test"),
        (5, "email is not an email address"),
        (6, "password_hash of bcrypt must have 60 characters and a cost of 4 to 14"),
        (7, "unknown field `colour`"),
        (8, "is not a JSON object on one line"),
        (9, "must be at most 65536 bytes"),
    ];
    for (error, (line, rule)) in errors.iter().zip(rules) {
        assert_eq!(error["line"], line, "{told}");
        assert!(error["error"].as_str().unwrap().contains(rule), "{rule:?} not in {error}");
    }
    let ada = shell.json(&["user", "show", "ada@example.test"]);
    assert_eq!(
        (&ada["sign_in"]["password"], &ada["email_verified"], &ada["profile"]["address"]["country"]),
        (&json!(true), &json!(true), &json!("GB"))
    );
    assert_eq!(shell.json(&["user", "list"]).as_array().unwrap().len(), 3);
    let words = import_lines(&shell, &lines, &[]);
    assert!(words.out.contains("Of 10 lines: added 0, refused 9.") && words.out.contains("line 5: email"));
}

#[tokio::test]
async fn many_users_are_added_in_batches() {
    let shell = Shell::new().await;
    let line = |number: usize| {
        json!({ "email": format!("u{number}@example.test"), "password_hash": BCRYPT }).to_string() + "\n"
    };
    let lines: String = (0..12_001).map(line).collect();
    let ended = import_lines(&shell, &lines, &["--json"]);
    assert!(ended.err.contains("10000 lines read, 10000 users added"), "{}", ended.err);
    let told: Value = serde_json::from_str(&ended.succeeded()).unwrap();
    assert_eq!(told, json!({ "lines": 12_001, "added": 12_001, "refused": 0, "errors": [] }));
    assert_eq!(shell.json(&["user", "show", "u12000@example.test"])["sign_in"]["password"], true);
}
