//! Answers what a server process costs: its CPU time, its memory, and its start-up time.

use std::{
    ffi::OsStr,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Clock ticks per second of `/proc/PID/stat`: 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: u64 = 100;

/// The log lines of all servers, in the working folder: on the terminal they would stand between the rows of the
/// table.
const SERVER_LOG: &str = "servers.log";

/// Empties the log of the servers. Returns its path.
pub(crate) fn begin_server_log() -> Result<PathBuf> {
    File::create(SERVER_LOG)?;
    Ok(fs::canonicalize(SERVER_LOG)?)
}

fn server_log() -> Result<File> {
    Ok(File::options().create(true).append(true).open(SERVER_LOG)?)
}

/// A server under test. Dropping this value kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From its start to the first expected response.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts a program and waits until `path` answers 200.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&OsStr],
        environment: &[(&str, String)],
        address: SocketAddr,
        path: &str,
    ) -> Result<Self> {
        Self::start_until(program, arguments, environment, address, |at| answers(at, path, "200"))
    }

    /// Starts a program without environment and waits until `path` answers 401 to a request without
    /// credentials.
    pub(crate) fn start_refusing(
        program: &Path,
        arguments: &[&OsStr],
        address: SocketAddr,
        path: &str,
    ) -> Result<Self> {
        Self::start_until(program, arguments, &[], address, |at| answers(at, path, "401"))
    }

    fn start_until(
        program: &Path,
        arguments: &[&OsStr],
        environment: &[(&str, String)],
        address: SocketAddr,
        ready: impl Fn(SocketAddr) -> bool,
    ) -> Result<Self> {
        let begun = Instant::now();
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(server_log()?)
            .spawn()
            .with_context(|| format!("{} does not start; build it first", program.display()))?;
        let mut server = Self { child, address, ready_after: Duration::ZERO };
        while !ready(address) {
            if begun.elapsed() > Duration::from_secs(20) {
                bail!("{} is not ready after 20 s; see {SERVER_LOG}", program.display());
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("{} stopped: {status}; see {SERVER_LOG}", program.display());
            }
            std::thread::yield_now();
        }
        server.ready_after = begun.elapsed();
        Ok(server)
    }

    /// CPU time used so far, user and system time together.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu_of(&format!("/proc/{}/stat", self.child.id()))
    }

    /// Resident memory in MiB.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(kib / 1024.0)
    }

    /// Sends SIGTERM and waits, as a service manager would.
    pub(crate) fn stop(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { bail!("a server stopped with {status}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server has stopped already, or the run failed. An error here cannot be handled.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// CPU time of this process so far.
pub(crate) fn own_cpu() -> Result<Duration> {
    cpu_of("/proc/self/stat")
}

fn cpu_of(path: &str) -> Result<Duration> {
    let stat = fs::read_to_string(path).context("the process is gone")?;
    // The command name may contain spaces, so fields are counted from the parenthesis that ends it.
    let (_, rest) = stat.rsplit_once(')').context("no command name")?;
    let field = |index: usize| -> Result<u64> {
        Ok(rest.split_whitespace().nth(index).context("too few fields")?.parse()?)
    };
    // Fields 14 and 15 of proc(5), `utime` and `stime`, are fields 11 and 12 after the name.
    Ok(Duration::from_millis((field(11)? + field(12)?) * 1000 / TICKS_PER_SECOND))
}

fn answers(address: SocketAddr, path: &str, status: &str) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut head = [0; 12];
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut head).is_ok()
        && head.ends_with(format!(" {status}").as_bytes())
}
