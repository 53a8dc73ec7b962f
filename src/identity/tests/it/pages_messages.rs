//! Every text has a key, and every key a text.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use postern_identity::{
    claims::{POSTAL_ADDRESS, changeable_texts},
    http::pages::PageErrorKind,
};

/// Keys that are put together at run time begin like this (login methods, scopes, scores and acts, which may be added).
const MADE_UP: [&str; 4] = ["activity-", "method-", "scope-", "strength-"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &Path, ending: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if ending.iter().any(|ending| path.to_str().unwrap().ends_with(ending)) {
            found.push(path);
        }
    }
    found
}

fn keys_of(language: &str) -> BTreeSet<String> {
    let source = fs::read_to_string(root().join(format!("templates/messages/{language}.ftl"))).unwrap();
    let lines = source.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    lines.filter_map(|line| line.split_once(" =")).map(|(key, _)| key.to_owned()).collect()
}

/// What stands in `t("...")`.
fn asked_for(source: &str) -> BTreeSet<String> {
    let calls =
        source.match_indices("t(\"").filter(|(at, _)| !source[..*at].ends_with(char::is_alphanumeric));
    calls
        .filter_map(|(at, call)| source[at + call.len()..].split_once('"'))
        .map(|(key, _)| key.to_owned())
        .collect()
}

#[test]
fn every_key_that_a_template_asks_for_exists_and_every_key_is_asked_for() {
    let keys = keys_of("en");
    let mut used: BTreeSet<String> = PageErrorKind::ALL
        .iter()
        .flat_map(|refusal| [refusal.status_and_messages().1, refusal.status_and_messages().2])
        .map(str::to_owned)
        .collect();
    // The profile form has a label for each claim, and a hint where there is one.
    let fields = changeable_texts().chain(POSTAL_ADDRESS.iter().map(|member| member.name));
    let labels: Vec<_> = fields.map(|name| format!("claim-{}", name.replace('_', "-"))).collect();
    used.extend(labels.iter().map(|label| format!("{label}-hint")).filter(|hint| keys.contains(hint)));
    used.extend(labels);
    for path in files(&root().join("templates"), &[".html", ".txt", ".subject"]) {
        used.extend(asked_for(&fs::read_to_string(path).unwrap()));
    }
    let missing: Vec<_> = used.difference(&keys).collect();
    assert!(missing.is_empty(), "no message for {missing:?}");

    let code: String = files(&root().join("src/identity/src"), &[".rs"])
        .into_iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let unused: Vec<_> = keys
        .difference(&used)
        .filter(|key| {
            !code.contains(&format!("\"{key}\"")) && !MADE_UP.iter().any(|start| key.starts_with(start))
        })
        .collect();
    assert!(unused.is_empty(), "nobody asks for {unused:?}");
}

#[test]
fn another_language_has_no_key_that_english_lacks() {
    let english = keys_of("en");
    for path in files(&root().join("templates/messages"), &[".ftl"]) {
        let language = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let strangers: Vec<_> = keys_of(&language).difference(&english).cloned().collect();
        assert!(strangers.is_empty(), "{language}: {strangers:?}");
    }
}

#[test]
fn german_lacks_nothing() {
    let missing: Vec<_> = keys_of("en").difference(&keys_of("de")).cloned().collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_page_has_inline_style_or_script_or_anything_from_elsewhere() {
    for path in files(&root().join("templates"), &[".html"]) {
        if path.components().any(|part| part.as_os_str() == "mail") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for forbidden in
            ["style=", "<style", "onclick", "onload", "javascript:", "http://", "https://", "<script>"]
        {
            assert!(!source.contains(forbidden), "{forbidden} in {}", path.display());
        }
    }
}
