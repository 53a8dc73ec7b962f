//! README.md and the guides in docs/: their commands exist, their links lead somewhere, and no error is left out.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// README.md, CONTRIBUTING.md and every guide, with its text.
fn guides() -> Vec<(PathBuf, String)> {
    let root = repository();
    let in_docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let files = [root.join("README.md"), root.join("CONTRIBUTING.md")].into_iter().chain(in_docs);
    let markdown = files.filter(|file| file.extension().is_some_and(|extension| extension == "md"));
    let read = |file: PathBuf| (file.clone(), fs::read_to_string(file).unwrap());
    markdown.map(read).collect()
}

/// The commands of the fenced `sh` blocks: lines that end in a backslash go on in the next one.
fn shell_lines(text: &str) -> Vec<String> {
    let blocks = text.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let joined = blocks.map(|block| block.replace("\\\n", " "));
    joined.flat_map(|block| block.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()).collect()
}

/// The arguments of a `postern` command, up to a comment, a pipe or a redirection.
fn arguments(line: &str) -> Option<Vec<String>> {
    let called = ["postern ", "cargo postern ", "target/release/postern "];
    let rest = called.iter().find_map(|start| line.strip_prefix(start))?;
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in rest.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#' | '>' | '|' | '&' | ';') if word.is_none() => break,
            _ => word.get_or_insert_default().push(character),
        }
    }
    assert!(quote.is_none(), "an open quote: {line}");
    words.extend(word);
    Some(words)
}

/// What stands in quotes after each `marker`, on the same line or the next.
fn quoted_after<'a>(text: &'a str, marker: &str) -> Vec<&'a str> {
    let after = text.split(marker).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
    after.filter_map(|rest| rest.split('"').next()).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// With `--help` at the end the parser reads every argument before it, and nothing is run.
#[test]
fn every_postern_command_in_the_guides_is_one_that_the_program_knows() {
    let mut checked = 0;
    for (file, text) in guides() {
        for line in shell_lines(&text) {
            let Some(arguments) = arguments(&line) else { continue };
            let output =
                Command::new(env!("CARGO_BIN_EXE_postern")).args(&arguments).arg("--help").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {line}\n{said}", file.display());
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} commands were found");
}

#[test]
fn every_link_between_the_guides_leads_to_a_file() {
    for (file, text) in guides() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            assert!(file.parent().unwrap().join(path).exists(), "{}: {target}", file.display());
        }
    }
}

#[test]
fn the_guide_to_problems_leaves_none_out() {
    let root = repository();
    let guide = fs::read_to_string(root.join("docs/problems.md")).unwrap();
    let mut files = Vec::new();
    for folder in ["src/identity/src", "src/service/src"] {
        sources(&root.join(folder), &mut files);
    }
    let kinds = files.iter().flat_map(|file| {
        let text = fs::read_to_string(file).unwrap();
        quoted_after(&text, "ProblemKind::new(").into_iter().map(str::to_owned).collect::<Vec<_>>()
    });
    let protocol = [
        ("src/identity/src/authorization/error.rs", "=>"),
        ("src/identity/src/http/oauth_error.rs", "Self::new("),
        ("src/identity/src/http/presented_token.rs", "=> Some("),
        ("src/identity/src/http/oidc/token.rs", "OAuthError::new("),
    ];
    let words = protocol.iter().flat_map(|(file, marker)| {
        let text = fs::read_to_string(root.join(file)).unwrap();
        quoted_after(&text, marker).into_iter().map(str::to_owned).collect::<Vec<_>>()
    });
    let named: Vec<_> = kinds.chain(words).collect();
    assert!(named.len() > 50, "{named:?}");
    for name in named {
        assert!(guide.contains(&format!("`{name}`")), "docs/problems.md does not explain `{name}`");
    }
}
