//! Holds the directions of calls inside the crate (the map in `lib.rs`): who may use whom, by their `crate::` paths.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The modules from the top down. A module may use those of the rows below its own, and no others.
const ORDER: [&[&str]; 21] = [
    &["cli"],
    &["http"],
    &["composition"],
    &["administration"],
    &["accounts"],
    &["authorization"],
    &["login"],
    &["tokens"],
    &["app"],
    &["sessions"],
    &["grants"],
    &["consents", "keys", "links", "passwords"],
    &["clients", "resources", "sealed_credentials", "users"],
    &["mail"],
    &["audit", "jobs", "outbound", "pool", "rate_limit", "templates"],
    &["claims"],
    &["explanation", "field_rules", "messages"],
    &["core", "readable"],
    &["config"],
    &["crypto"],
    &["acr", "colour", "pictures", "scope"],
];

struct Source {
    /// Path below `src`, such as `keys/mod.rs`.
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                let text = fs::read_to_string(&path).unwrap();
                // Tests of a file may look anywhere.
                let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
                found.push(Source { path: name, text });
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

impl Source {
    /// The top-level module the file belongs to.
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    /// The code without comments, on one line.
    fn code(&self) -> String {
        let lines = self.text.lines().map(|line| line.split("//").next().unwrap_or_default());
        lines.collect::<Vec<_>>().join(" ")
    }

    /// The top-level modules named in `use crate::...` and `crate::...` paths.
    fn uses(&self) -> BTreeSet<String> {
        let code = self.code();
        let mut names = BTreeSet::new();
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            if let Some(group) = rest.strip_prefix('{') {
                names.extend(first_words(group));
            } else {
                names.extend(word(rest));
            }
        }
        names
    }
}

fn word(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    Some(text[..end].to_owned()).filter(|word| !word.is_empty())
}

/// The first words of the items of a `use` group, whose `{` has been read.
fn first_words(group: &str) -> Vec<String> {
    let (mut depth, mut words, mut item) = (0, Vec::new(), true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => item = true,
            c if item && !c.is_whitespace() => {
                words.extend(word(&group[at..]));
                item = false;
            }
            _ => {}
        }
    }
    words
}

fn row(module: &str) -> Option<usize> {
    ORDER.iter().position(|row| row.contains(&module))
}

#[test]
fn modules_use_only_what_is_below_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(own) = row(source.module()) else { continue };
        for used in source.uses().into_iter().filter(|used| used != source.module()) {
            // `crate::App` is that of `app`.
            let used = if used == "App" { "app" } else { &used };
            if row(used).is_some_and(|other| other <= own) {
                wrong.push(format!("{} uses {used}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{}", ORDER.map(|row| row.join(", ")).join(" > "));
}

#[test]
fn every_module_has_its_place() {
    let known: BTreeSet<_> = ORDER.concat().into_iter().chain(["lib", "main"]).collect();
    let modules: BTreeSet<_> = sources().iter().map(|source| source.module().to_owned()).collect();
    let lost: Vec<_> = modules.iter().filter(|module| !known.contains(module.as_str())).collect();
    assert!(lost.is_empty(), "name the row of {lost:?} in ORDER");
}

/// Only the use cases and what is above them may see the registries of `App`.
#[test]
fn modules_below_the_use_cases_take_the_core_or_less() {
    let app = row("app").unwrap();
    let wrong: Vec<_> = sources()
        .iter()
        .filter(|source| row(source.module()).is_some_and(|own| own > app))
        .filter(|source| {
            source.code().split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "App")
        })
        .map(|source| source.path.clone())
        .collect();
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn the_web_stays_under_http_and_the_database_outside() {
    let mut wrong = Vec::new();
    for source in sources() {
        let code = source.code();
        let http = source.path.starts_with("http/");
        if http && code.contains("sea_orm::") {
            wrong.push(format!("{} uses sea_orm", source.path));
        }
        if http && (code.contains("app.write(") || code.contains("db.write(")) {
            wrong.push(format!("{} begins a write: call a use case", source.path));
        }
        for web in ["poem::", "poem_openapi::"] {
            if !http && code.contains(web) {
                wrong.push(format!("{} uses {web}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What only one function may write, and the file of that function. Housekeeping deletes rows that expired long ago, and
/// the deletion of an account rows that have ended.
const WRITTEN_IN_ONE_PLACE: [(&[&str], &str); 2] = [
    (
        &[
            "col_expr(grants::Column::RevokedAt",
            "grant_rows::Column::RevokedAt, ",
            "revoked_at: Set(Some",
            "grants SET revoked_at",
        ],
        "grants/ending.rs",
    ),
    (
        &[
            "col_expr(EndedAt",
            "col_expr(sessions::Column::EndedAt",
            "ended_at: Set(Some",
            "sessions SET ended_at",
        ],
        "sessions.rs",
    ),
];

#[test]
fn one_function_ends_grants_and_one_ends_sessions() {
    for (writes, home) in WRITTEN_IN_ONE_PLACE {
        let places: Vec<_> = sources()
            .iter()
            .flat_map(|source| {
                let code = source.code();
                let count = writes.iter().map(|write| code.matches(write).count()).sum();
                std::iter::repeat_n(source.path.clone(), count)
            })
            .collect();
        assert_eq!(places, [home]);
    }
}

/// Each of these is one file that must not know the others.
fn strangers(folder: &str, files: &[&str]) {
    let sources = sources();
    for file in files {
        let Some(source) = sources.iter().find(|source| source.path == format!("{folder}/{file}.rs")) else {
            panic!("{folder}/{file}.rs is gone: change the list");
        };
        let code = source.code();
        for other in files.iter().filter(|other| *other != file) {
            for path in [format!("super::{other}"), format!("{folder}::{other}")] {
                assert!(!code.contains(&path), "{folder}/{file}.rs uses {other}");
            }
        }
    }
}

#[test]
fn login_methods_and_grant_types_do_not_know_each_other() {
    strangers("login", &["code", "email_otp", "totp"]);
    strangers("tokens", &["authorization_code", "refresh_token", "client_credentials"]);
}

/// Names of fields that hold a secret in plain.
const SECRETS: [&str; 10] = [
    "attempt",
    "browser_secret",
    "client_secret",
    "code",
    "cookie_secret",
    "device_secret",
    "link",
    "refresh_token",
    "session_secret",
    "token",
];

/// Names of fields that hold a secret of ours until it is handed out.
const HANDED_OUT: [&str; 8] = [
    "attempt_secret",
    "browser_secret",
    "client_secret",
    "cookie_secret",
    "device_secret",
    "refresh_token",
    "successor",
    "token",
];

/// The wire objects of `http` and the output of commands hand secrets out, so they hold them in plain.
#[test]
fn a_secret_that_is_handed_out_is_of_the_type_that_does_not_show_itself() {
    let mut wrong = Vec::new();
    let inside = |source: &&Source| !source.path.starts_with("http/") && !source.path.starts_with("cli/");
    for source in sources().iter().filter(inside) {
        for name in HANDED_OUT {
            let plain = [format!(" {name}: String"), format!(" {name}: Option<String>")];
            if plain.iter().any(|plain| source.code().contains(plain)) {
                wrong.push(format!("{}: {name}", source.path));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn what_holds_a_secret_in_plain_cannot_be_printed() {
    let mut wrong = Vec::new();
    // The inbox of `postern dev` is there to show codes.
    for source in sources().iter().filter(|source| source.path != "mail/inbox.rs") {
        let code = source.code();
        let derived = code.split("#[derive(").skip(1).filter_map(|rest| rest.split_once(")]"));
        for (traits, rest) in derived.filter(|(traits, _)| traits.contains("Debug")) {
            let item = rest.split("#[derive(").next().unwrap_or_default();
            let body =
                item.split_once('{').map_or("", |(_, body)| body.split('}').next().unwrap_or_default());
            let fields = body.split(',').filter_map(|field| field.rsplit_once(": "));
            let plain = fields.filter(|(_, kind)| {
                kind.contains("String") && !kind.contains("Secret") || kind.contains("str")
            });
            for (name, _) in plain {
                let name = name.split_whitespace().last().unwrap_or_default();
                if SECRETS.contains(&name) {
                    wrong.push(format!("{} derives {traits} and has {name}", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
