//! The commands of the README, as they are written there.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::dev::{Server, free_port, postern};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The blocks of shell commands for each reader.
fn blocks() -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split_once("\n## The shortest path\n").unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// A folder with a program `cargo` that builds nothing, and runs `cargo postern`.
fn programs(folder: &Path) -> PathBuf {
    let programs = folder.join("programs");
    fs::create_dir(&programs).unwrap();
    let cargo = programs.join("cargo");
    let postern = env!("CARGO_BIN_EXE_postern");
    fs::write(&cargo, format!("#!/bin/sh\n[ \"$1\" = build ] && exit 0\nshift\nexec {postern} \"$@\"\n"))
        .unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    programs
}

fn shell(folder: &Path, script: &str) -> Command {
    let mut command = Command::new("bash");
    let path = format!("{}:{}", folder.join("programs").display(), std::env::var("PATH").unwrap());
    command.args(["-euc", script]).current_dir(folder).env("PATH", path);
    command
}

#[tokio::test]
async fn the_commands_for_developers_work_as_written_beside_dev() {
    let folder = tempfile::tempdir().unwrap();
    programs(folder.path());
    let port = free_port();
    let server = Server::start(&mut postern(&["dev"], folder.path(), port), port).await;
    let blocks = blocks();
    let commands: Vec<_> = blocks
        .iter()
        .flat_map(|block| block.lines())
        .filter(|line| line.starts_with("cargo postern"))
        .collect();
    assert!(commands.len() >= 2, "{commands:?}");
    for command in commands {
        let ended = shell(folder.path(), command).output().unwrap();
        assert!(ended.status.success(), "{command}: {ended:?}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn the_commands_for_operators_lead_to_a_first_person_with_a_code() {
    let folder = tempfile::tempdir().unwrap();
    programs(folder.path());
    fs::create_dir_all(folder.path().join("target/release")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_postern"), folder.path().join("target/release/postern"))
        .unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    let example = "config/production.example.toml";
    fs::copy(root().join(example), folder.path().join(example)).unwrap();
    let block = blocks().into_iter().find(|block| block.contains("postern serve ")).unwrap();
    let (before, serve) = block.trim_end().rsplit_once('\n').unwrap();
    assert!(serve.starts_with("postern serve "), "{serve}");
    let port = free_port();
    let script = format!(
        "{before}
        {} &
        for _ in {{1..600}}; do
            if (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; then kill %1; wait %1; exit; fi
            sleep 0.1
        done
        kill %1; exit 1",
        serve.split('#').next().unwrap()
    );
    let ended = shell(folder.path(), &script)
        .env("POSTERN_HTTP__LISTEN", format!("127.0.0.1:{port}"))
        .env("POSTERN_HTTP__METRICS_LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let out = String::from_utf8(ended.stdout).unwrap();
    assert!(out.contains("The settings are good: postern.toml."), "{out}");
    assert!(out.contains("Code for ada@example.com: "), "{out}");
    let key = fs::metadata(folder.path().join("data/production/encryption-key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
fn dev_says_what_is_missing_before_it_builds() {
    let folder = tempfile::tempdir().unwrap();
    let programs = programs(folder.path());
    let rustc = programs.join("rustc");
    fs::write(&rustc, "#!/bin/sh\necho 'rustc 1.80.1 (3f5fd8dd4 2024-08-06)'\n").unwrap();
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755)).unwrap();
    // Another program may be there already, which is as good.
    let _taken = std::net::TcpListener::bind("127.0.0.1:7118");
    let ended = shell(folder.path(), &root().join("scripts/dev").display().to_string()).output().unwrap();
    let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert_eq!(ended.status.code(), Some(1), "{out} {err}");
    assert!(
        out.lines().next().is_some_and(|line| line.contains("builds (") && line.contains("Ctrl-C")),
        "{out}"
    );
    for said in ["Rust 1.94 or newer is needed, and this is 1.80.1", "port 7118 is in use"] {
        assert!(err.contains(said), "{said}: {err}");
    }
}
