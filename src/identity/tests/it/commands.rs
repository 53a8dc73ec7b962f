//! The binary `postern` as an operator runs it: what it prints, and how it exits.

use std::process::{Command, Output};

use postern_service::testing::TestDatabase;
use serde_json::{Value, json};

/// An operator's shell: one database, one encryption key.
pub struct Shell {
    database: TestDatabase,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Shell {
    /// On a database without a schema.
    pub async fn empty() -> Self {
        Self { database: TestDatabase::fresh().await.unwrap() }
    }

    /// On a database with its schema.
    pub async fn new() -> Self {
        let shell = Self::empty().await;
        shell.run(&["migrate", "up"]).succeeded();
        shell
    }

    /// The command, ready to run with more of an environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
        command
            .args(arguments)
            .env("POSTERN_DATABASE__URL", self.database.url())
            .env("POSTERN_SECRETS__ENCRYPTION_KEY", "A".repeat(43));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs with `--json` and reads the outcome.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.run(&arguments).succeeded()).unwrap()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Asserts the exit code and a part of what was said.
    #[track_caller]
    pub fn failed(self, code: i32, said: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains(said), "{said:?} not in {self:?}");
        assert!(self.out.is_empty(), "{self:?}");
    }
}

#[tokio::test]
async fn the_schema_goes_up_and_down_and_says_where_it_is() {
    let shell = Shell::empty().await;
    shell.run(&["client", "list"]).failed(1, "postern migrate up");
    let up = shell.run(&["migrate", "up"]).succeeded();
    assert!(up.contains("applied: m20261121_000001_accounts"), "{up}");
    assert_eq!(shell.run(&["migrate", "up"]).succeeded(), "Nothing to do.\n");
    let status = shell.json(&["migrate", "status"]);
    assert!(status.as_array().unwrap().iter().all(|step| step["applied"] == true), "{status}");
    shell.json(&["migrate", "down", "--steps", "100"]);
    let status = shell.json(&["migrate", "status"]);
    assert!(status.as_array().unwrap().iter().all(|step| step["applied"] == false), "{status}");
}

#[tokio::test]
async fn a_client_is_added_shown_changed_and_removed() {
    let shell = Shell::new().await;
    shell
        .run(&[
            "resource",
            "add",
            "https://api.test",
            "--scope",
            "read=Read things",
            "--scope",
            "write=Write",
        ])
        .succeeded();
    let added = shell.json(&[
        "client",
        "add",
        "web",
        "--name",
        "Web",
        "--redirect-uri",
        "https://web.test/callback",
        "--grant-type",
        "authorization_code",
        "--grant-type",
        "refresh_token",
        "--scope",
        "openid read",
        "--default-scope",
        "openid",
    ]);
    assert_eq!(added["client_secret"].as_str().unwrap().len(), 43);
    let shown = shell.json(&["client", "show", "web"]);
    assert_eq!(shown["scopes"], json!(["openid", "read"]));
    assert_eq!(shown["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert!(shown.get("client_secret").is_none());

    shell.run(&["client", "update", "web", "--first-party", "--origin", "https://web.test"]).succeeded();
    let shown = shell.json(&["client", "show", "web"]);
    assert_eq!((&shown["first_party"], &shown["origins"]), (&json!(true), &json!(["https://web.test"])));
    assert_eq!(shown["name"], "Web");
    shell
        .run(&["client", "update", "web", "--first-party=false", "--origin", "", "--enabled", "false"])
        .succeeded();
    let shown = shell.json(&["client", "show", "web"]);
    assert_eq!((&shown["enabled"], &shown["origins"]), (&json!(false), &json!([])));

    assert!(shell.run(&["client", "list"]).succeeded().contains("disabled"));
    shell
        .run(&["client", "remove", "web"])
        .failed(2, "this removes the client web with its grants for good: add --yes");
    assert_eq!(shell.json(&["client", "show", "web"])["client_id"], "web");
    shell.run(&["client", "remove", "nobody", "--yes"]).failed(1, "there is no client nobody");
    shell.run(&["client", "remove", "web", "--yes"]).succeeded();
    assert_eq!(shell.json(&["client", "list"]), json!([]));
    shell.run(&["client", "show", "web"]).failed(1, "there is no client web");
}

#[tokio::test]
async fn a_client_is_allowed_what_libraries_ask_for_by_default() {
    let shell = Shell::new().await;
    shell.run(&["client", "add", "web", "--redirect-uri", "https://web.test/callback"]).succeeded();
    let shown = shell.json(&["client", "show", "web"]);
    assert_eq!(shown["scopes"], json!(["openid", "profile", "email", "offline_access"]));
    assert_eq!(shown["default_scopes"], json!(["openid"]));
    assert_eq!((&shown["profile"], &shown["require_pkce"]), (&json!("standard"), &json!(false)));
    assert_eq!(shown["grant_types"], json!(["authorization_code", "refresh_token"]));
    let code = ["client", "add", "code", "--redirect-uri", "https://web.test/", "--grant-type"];
    shell.run(&[&code[..], &["authorization_code"]].concat()).succeeded();
    assert_eq!(shell.json(&["client", "show", "code"])["scopes"], json!(["openid", "profile", "email"]));

    shell.run(&["client", "update", "web", "--add-scope", "phone email"]).succeeded();
    let scopes = json!(["openid", "profile", "email", "offline_access", "phone"]);
    assert_eq!(shell.json(&["client", "show", "web"])["scopes"], scopes);
    shell.run(&["client", "update", "web", "--add-scope", "account"]).failed(2, "first_party");
    shell.run(&["client", "update", "web", "--first-party", "--add-scope", "account"]).succeeded();
    shell.run(&["client", "update", "web", "--first-party=false"]).failed(2, "first_party");
}

#[tokio::test]
async fn one_command_adds_the_client_of_the_documentation() {
    let shell = Shell::new().await;
    shell.run(&["client", "add", "--docs"]).succeeded();
    let shown = shell.json(&["client", "show", "docs"]);
    assert_eq!(shown["redirect_uris"], json!(["http://localhost:7117/docs/oauth2-redirect.html"]));
    assert_eq!((&shown["first_party"], &shown["origins"]), (&json!(true), &json!([])));
    assert!(shown["scopes"].as_array().unwrap().contains(&json!("account")), "{shown}");
    shell.run(&["client", "add", "web", "--docs"]).failed(2, "cannot be used with");
}

#[tokio::test]
async fn a_scope_whose_name_belongs_to_the_issuer_stops_the_step_and_is_renamed_before_it() {
    use postern_migrations::identity::Migrator;
    use postern_service::database::migrate;
    use sea_orm::{ConnectionTrait as _, Statement};
    let shell = Shell::new().await;
    shell
        .run(&["resource", "add", "https://api.test", "--scope", "read=Read", "--scope", "late=Late"])
        .succeeded();
    let client =
        ["client", "add", "app", "--redirect-uri", "https://app.test/", "--scope", "openid read late"];
    shell.run(&client).succeeded();
    let db = shell.database.open().await.unwrap();
    let steps = migrate::status::<Migrator>(&db).await.unwrap();
    let reserving = steps.iter().position(|step| step.name == "m20261128_000001_account_scope").unwrap();
    migrate::down::<Migrator>(&db, u32::try_from(steps.len() - reserving).unwrap()).await.unwrap();
    // As an operator may have named them before; `account` is also left in a client after its resource is gone.
    for (sql, gone) in [
        ("UPDATE scopes SET name = 'account' WHERE name = 'read'", false),
        ("UPDATE scopes SET name = 'admin:late' WHERE name = 'late'", false),
        ("UPDATE clients SET scopes = '[\"openid\",\"account\",\"admin:late\",\"admin:gone\"]'", true),
        ("UPDATE clients SET default_scopes = '[\"account\"]'", true),
    ] {
        let backend = db.backend();
        let changed = db
            .write(async |tx| {
                let changed = tx.execute_raw(Statement::from_string(backend, sql)).await?;
                Ok::<_, postern_service::database::DatabaseError>(changed.rows_affected())
            })
            .await
            .unwrap();
        assert!(changed > 0 || gone, "{sql}");
    }
    let refused = shell.run(&["migrate", "up"]);
    for said in [
        "the scope account of https://api.test",
        "`postern resource rename-scope account NEW_NAME`",
        "`postern resource rename-scope admin:late NEW_NAME`",
    ] {
        assert!(refused.err.contains(said), "{said} is not in {refused:?}");
    }
    refused.failed(1, "belongs to the provider");
    shell.run(&["resource", "rename-scope", "account", "admin:x"]).failed(2, "belongs to the issuer");
    shell.run(&["resource", "rename-scope", "account", "admin:late"]).failed(2, "belongs to the issuer");
    shell.run(&["resource", "rename-scope", "nothing", "things"]).failed(1, "there is no scope nothing");
    shell.run(&["resource", "rename-scope", "account", "things"]).succeeded();
    shell.run(&["resource", "rename-scope", "admin:late", "things"]).failed(1, "already a scope things");
    shell.run(&["resource", "rename-scope", "admin:late", "late"]).succeeded();
    shell.run(&["migrate", "up"]).succeeded();
    let shown = shell.json(&["client", "show", "app"]);
    assert_eq!(shown["scopes"], json!(["openid", "things", "late"]), "what named no scope is gone");
    assert_eq!(shown["default_scopes"], json!(["things"]));
    let scopes = shell.json(&["resource", "show", "https://api.test"])["scopes"].clone();
    assert_eq!(scopes, json!({ "late": "Late", "things": "Read" }));
}

#[tokio::test]
async fn a_scope_gets_its_texts_by_flags() {
    let shell = Shell::new().await;
    let add = ["resource", "add", "https://api.test", "--scope", "read=Read things", "--scope-text", "de"];
    shell.run(&[add.as_slice(), &["read=Dinge lesen"]].concat()).succeeded();
    let update = ["resource", "update", "https://api.test"];
    let changed = ["--scope-text", "fr", "read=Lire", "--scope-text", "nl", "read=Lezen"];
    shell.run(&[update.as_slice(), &changed].concat()).succeeded();
    shell.run(&[update.as_slice(), &["--scope-text", "fr", "read="]].concat()).succeeded();
    let shown = shell.json(&["resource", "show", "https://api.test"]);
    assert_eq!(shown["scope_texts"], json!({ "read": { "de": "Dinge lesen", "nl": "Lezen" } }));
    let twice = ["--scope-text", "de", "read=A", "--scope-text", "de", "read=B"];
    shell.run(&[update.as_slice(), &twice].concat()).failed(2, "given twice");
    shell.run(&[update.as_slice(), &["--scope-text", "de", "read"]].concat()).failed(2, "SCOPE=DESCRIPTION");
    shell
        .run(&[update.as_slice(), &["--scope-text", "de", "gone=Weg"]].concat())
        .failed(2, "a scope of the resource");
}

#[tokio::test]
async fn serve_refuses_an_issuer_on_whose_origin_a_resource_is() {
    let shell = Shell::new().await;
    shell.run(&["resource", "add", "http://localhost:7999/api"]).succeeded();
    let mut command = shell.command(&["serve"]);
    command.env("POSTERN_ISSUER", "http://localhost:7999").env("POSTERN_HTTP__LISTEN", "127.0.0.1:0");
    let ended = Ended::from(command.output().unwrap());
    assert_eq!(ended.code, 1, "{ended:?}");
    for said in ["http://localhost:7999/api", "postern resource remove"] {
        assert!(ended.err.contains(said), "{ended:?}");
    }
    shell.run(&["resource", "add", "http://localhost:7117/api"]).failed(2, "issuer's own origin");
}

#[tokio::test]
async fn two_secrets_live_at_once_and_a_third_must_wait() {
    let shell = Shell::new().await;
    shell.run(&["client", "add", "web", "--redirect-uri", "https://web.test/"]).succeeded();
    let rotated = shell.json(&["client", "rotate-secret", "web", "--overlap", "1h"]);
    assert!(
        rotated["client_secret"].is_string() && rotated["previous_secret_expires_at"].is_string(),
        "{rotated}"
    );
    shell.run(&["client", "rotate-secret", "web"]).failed(1, "two live secrets until");
    let rotated = shell.json(&["client", "rotate-secret", "web", "--overlap", "0s"]);
    assert!(rotated.get("previous_secret_expires_at").is_none(), "{rotated}");

    shell.run(&["client", "update", "web", "--public"]).succeeded();
    shell.run(&["client", "rotate-secret", "web"]).failed(1, "public client");
    let again = shell.json(&["client", "update", "web", "--auth-method", "client_secret_post"]);
    assert!(again["client_secret"].is_string(), "{again}");
}

#[tokio::test]
async fn users_are_added_locked_out_let_in_and_removed() {
    let shell = Shell::new().await;
    let ada = shell.json(&[
        "user",
        "add",
        " Ada@Example.TEST",
        "--name",
        "Ada Lovelace",
        "--claim",
        "given_name=Ada",
        "--claim",
        "address.country=GB",
        "--claim",
        "phone_number_verified=true",
        "--email-verified",
    ]);
    assert_eq!(ada["email"], "ada@example.test");
    assert_eq!(ada["profile"]["address"]["country"], "GB");
    shell.run(&["user", "add", "ada@example.test"]).failed(1, "there is already a user ada@example.test");
    shell.run(&["user", "add", "ada"]).failed(2, "email");
    shell.run(&["user", "add", "b@example.test", "--claim", "colour=red"]).failed(2, "colour");

    assert_eq!(shell.json(&["user", "disable", "ada@example.test"])["enabled"], false);
    assert_eq!(shell.json(&["user", "enable", ada["sub"].as_str().unwrap()])["enabled"], true);
    let shown = shell.json(&["user", "show", "ada@example.test"]);
    assert_eq!(
        (&shown["sign_in"]["password"], &shown["sign_in"]["failed_attempts"]),
        (&false.into(), &0.into())
    );
    shell.run(&["user", "unlock", "ada@example.test"]).succeeded();
    shell.run(&["user", "reset", "ada@example.test"]).succeeded();
    shell.run(&["user", "add", "bob@example.test"]).succeeded();
    let list = shell.json(&["user", "list", "--after", "ada@example.test"]);
    assert_eq!(list.as_array().unwrap().len(), 1);
    shell.run(&["user", "remove", "bob@example.test"]).failed(2, "add --yes");
    shell.run(&["user", "remove", "bob@example.test", "--yes"]).succeeded();
    shell.run(&["user", "show", "bob@example.test"]).failed(1, "there is no user bob@example.test");
}

#[tokio::test]
async fn people_are_invited_by_a_link_where_no_mail_is_set() {
    let shell = Shell::new().await;
    shell.run(&["user", "invite", "carol@example.test"]).failed(1, "registration.mode");
    let invite = |arguments: &[&str]| {
        let mut command = shell.command(arguments);
        Ended::from(command.env("POSTERN_REGISTRATION__MODE", "invitation").output().unwrap())
    };
    let json =
        |arguments: &[&str]| -> Value { serde_json::from_str(&invite(arguments).succeeded()).unwrap() };
    let made = json(&["user", "invite", " Carol@Example.test", "--json"]);
    assert_eq!(made["email"], "carol@example.test");
    assert!(made["link"].as_str().unwrap().starts_with("http://localhost:7117/register?invitation="));
    assert!(invite(&["user", "invite", "dave@example.test"]).succeeded().contains("hand it over yourself"));
    shell.run(&["user", "add", "bob@example.test"]).succeeded();
    invite(&["user", "invite", "bob@example.test"]).failed(1, "there is already a user bob@example.test");
    invite(&["user", "invite", "carol"]).failed(2, "email");
    let standing = json(&["user", "invitations", "--json"]);
    let emails: Vec<_> = standing.as_array().unwrap().iter().map(|one| one["email"].clone()).collect();
    assert_eq!(emails, ["carol@example.test", "dave@example.test"]);
    assert!(!standing.to_string().contains("register?"), "a link is shown once");
    invite(&["user", "uninvite", "carol@example.test"]).succeeded();
    invite(&["user", "uninvite", "carol@example.test"])
        .failed(1, "no invitation to carol@example.test stands");
    assert_eq!(json(&["user", "invitations", "--json"]).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn wrong_use_exits_with_2_and_names_the_rule() {
    let shell = Shell::new().await;
    shell.run(&[]).failed(2, "Usage: postern");
    shell.run(&["client", "dance"]).failed(2, "unrecognized subcommand");
    shell.run(&["client", "add"]).failed(2, "<CLIENT_ID>");
    shell.run(&["client", "update", "web"]).failed(2, "nothing to change");
    let json = shell.run(&["client", "show", "web", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&json.err).unwrap()["error"], "there is no client web");
    assert_eq!(json.code, 1);
}

#[tokio::test]
async fn settings_are_checked_and_shown_without_a_database() {
    let shell = Shell::empty().await;
    let said = shell.run(&["config", "check"]).succeeded();
    assert!(said.starts_with("The settings are good: ") && !said.contains("Warning"), "{said}");
    let shown = shell.json(&["config", "show"]);
    let setting = |key: &str| shown.as_array().unwrap().iter().find(|s| s["key"] == key).unwrap().clone();
    assert_eq!(setting("secrets.encryption_key")["value"], "\"[secret]\"");
    assert_eq!(setting("issuer")["value"], "\"http://localhost:7117\"");
    assert!(!shown.to_string().contains("AAAA"));

    let check = |key: &str, value: &str| {
        Ended::from(shell.command(&["config", "check"]).env(key, value).output().unwrap())
    };
    check("POSTERN_ISSUER", "http://id.example.com").failed(1, "issuer");
    check("POSTERN_SECRETS__ENCRYPTION_KEY", "short").failed(1, "postern keys new-secret");
    check("POSTERN_SECRETS__ENCRYPTION_KEY", "").failed(1, "postern keys new-secret");
    check("POSTERN_TOKENS__ACCESS_TOKEN_LIFETME", "1m").failed(1, "access_token_lifetime");
    check("POSTERN_REGISTRATION__INVITATION_LIFETIME", "1h").failed(1, "must be at least 1d");
    check("POSTERN_AUDIT__RETENTION", "0s").failed(1, "must be at least 1d");
    check("POSTERN_DATABASE__REQUEST_TIMEOUT", "0s").failed(1, "must be longer than no time at all");
    check("POSTERN_HTTP__WRITE_TIMEOUT", "0s").failed(1, "must be longer than no time at all");
    check("POSTERN_REGISTRATION__MODE", "friends").failed(1, "registration.mode");
    check("POSTERN_TOKENS__ACCESS_TOKEN_LIFETIME", "soon").failed(1, "must be a length of time");
}

/// A command in the wrong folder, or without its settings, must not begin an installation of its own.
#[test]
fn a_command_makes_no_database_where_none_is() {
    let folder = tempfile::tempdir().unwrap();
    let postern = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("POSTERN_SECRETS__ENCRYPTION_KEY", "A".repeat(43));
        Ended::from(command.output().unwrap())
    };
    for arguments in [
        &["client", "list"][..],
        &["user", "add", "ada@example.test"],
        &["migrate", "status"],
        &["keys", "list"],
    ] {
        for said in
            ["data/postern.db", "`database.url` from the defaults", "--config FILE", "postern migrate up"]
        {
            postern(arguments).failed(1, said);
        }
    }
    assert!(!folder.path().join("data").exists(), "nothing was made");
    assert!(postern(&["migrate", "up"]).succeeded().contains("applied"));
    postern(&["client", "list"]).succeeded();
}

#[tokio::test]
async fn a_command_without_the_encryption_key_says_which_settings_have_it() {
    let shell = Shell::new().await;
    let mut command = shell.command(&["client", "list"]);
    let ended = Ended::from(command.env_remove("POSTERN_SECRETS__ENCRYPTION_KEY").output().unwrap());
    ended.failed(1, "--config data/dev.toml");
}

#[tokio::test]
async fn a_list_of_users_says_that_there_are_more_and_how_to_see_them() {
    let shell = Shell::new().await;
    for name in ["ada", "bob", "carol"] {
        shell.run(&["user", "add", &format!("{name}@example.test")]).succeeded();
    }
    let first = shell.run(&["user", "list", "--limit", "2"]);
    assert!(first.err.contains("`postern user list --after bob@example.test --limit 2`"), "{first:?}");
    let all = shell.run(&["user", "list", "--limit", "3"]);
    assert_eq!(all.err, "", "there are no more");
    let rest = shell.json(&["user", "list", "--after", "bob@example.test", "--limit", "2"]);
    assert_eq!(rest.as_array().unwrap().len(), 1);
}
