//! Starts the example program `probe` as a real process, and watches it.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Longer than any of these processes needs on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(30);

/// A running probe.
pub(crate) struct Probe {
    child: Child,
    stdout: Option<ChildStdout>,
    lines: Receiver<String>,
    seen: Vec<String>,
}

/// A probe that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) log: Vec<String>,
}

/// What the probe is started with.
pub(crate) fn command(variables: &[(&str, &str)]) -> Command {
    let defaults = [
        ("IE__HEALTH__ADDRESS", "127.0.0.1:0"),
        ("IE__TELEMETRY__LOG", "json"),
    ];
    let variables: HashMap<_, _> = defaults
        .into_iter()
        .chain(variables.iter().copied())
        .collect();
    let mut command = Command::new(program());
    command.env_clear().envs(variables).stdin(Stdio::null());
    command
}

/// Where cargo puts examples: beside the folder that holds this test.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/probe");
    assert!(
        program.exists(),
        "{} is not built: cargo build -p ie-platform --example probe",
        program.display()
    );
    program
}

/// Runs a probe that ends by itself.
pub(crate) fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

impl Probe {
    /// Starts a probe.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = command(variables)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            stdout: child.stdout.take(),
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Starts a probe and waits until everything is up.
    pub(crate) fn up(variables: &[(&str, &str)]) -> Self {
        let mut probe = Self::start(variables);
        probe.logs(|line| {
            line["fields"]["message"] == "component is ready"
                && line["fields"]["health.component"] == "process"
        });
        probe
    }

    /// Waits for a line of the log.
    pub(crate) fn logs(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    let parsed = serde_json::from_str(&line).unwrap_or_default();
                    if wanted(&parsed) {
                        return parsed;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!(
                        "the log does not hold what was expected:\n{}",
                        self.seen.join("\n")
                    )
                }
            }
        }
    }

    /// Waits for a line of the log with this message.
    pub(crate) fn says(&mut self, message: &str) -> Value {
        self.logs(|line| line["fields"]["message"] == message)
    }

    /// Waits for the health server.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let line = self.says("health server listens");
        line["fields"]["health.address"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap());
        kill(pid, signal).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn ended(mut self) -> Ended {
        let deadline = Instant::now() + LIMIT;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => self.seen.push(line),
                // The log ends with the process.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("still running:\n{}", self.seen.join("\n"))
                }
            }
        }
        let mut stdout = String::new();
        self.stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        Ended {
            code: self.child.wait().unwrap().code(),
            stdout,
            log: std::mem::take(&mut self.seen),
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // A probe outlives its test only when the test fails; it may also have ended by now.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ended {
    /// Whether the log holds a line with this message.
    pub(crate) fn said(&self, message: &str) -> bool {
        self.log.iter().any(|line| {
            serde_json::from_str::<Value>(line)
                .is_ok_and(|line| line["fields"]["message"] == message)
        })
    }

    /// The whole log.
    pub(crate) fn text(&self) -> String {
        self.log.join("\n")
    }
}
