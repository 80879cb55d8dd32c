//! Callbacks in other languages, which judge deliveries with the official libraries.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context as _, ensure};
use ie_platform::http::{self, ClientSettings};
use serde_json::{Value, json};

/// The language of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `standardwebhooks` and `cloudevents` of PyPI.
    Python,
    /// `standardwebhooks` of npm.
    JavaScript,
}

/// A callback that runs; dropping it ends it.
pub struct Verifier {
    child: Child,
    base: String,
    http: reqwest::Client,
}

impl Verifier {
    /// Starts on a free port.
    ///
    /// # Errors
    /// The libraries are not installed, or the program does not start.
    pub fn start(language: Language) -> anyhow::Result<Self> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("verifiers");
        let installed = installed(language)?;
        let mut command = match language {
            Language::Python => {
                let mut command = Command::new(installed.join("bin/python"));
                command.arg(scripts.join("receiver.py"));
                command
            }
            Language::JavaScript => {
                let mut command = Command::new("node");
                command.arg(scripts.join("receiver.cjs")).arg(&installed);
                command
            }
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("while starting the callback in {language:?}"))?;
        let output = child.stdout.take().context("its output is a pipe")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let verifier = Self {
            child,
            base: address.trim().to_owned(),
            http: http::client(&ClientSettings::default())?,
        };
        ensure!(
            verifier.base.starts_with("http://"),
            "the callback in {language:?} does not say where it listens: its words are above"
        );
        Ok(verifier)
    }

    /// The callback's URL.
    pub fn url(&self) -> String {
        format!("{}/callback", self.base)
    }

    /// Of each delivery so far: by which of the named secrets it is verified, and which events are read in it.
    ///
    /// # Errors
    /// A library refuses what was delivered.
    pub async fn verdicts(&self, secrets: &[(&str, &str)]) -> anyhow::Result<Vec<Value>> {
        let secrets: serde_json::Map<String, Value> = secrets
            .iter()
            .map(|(name, secret)| ((*name).to_owned(), json!(secret)))
            .collect();
        let request = self
            .http
            .post(format!("{}/verdicts", self.base))
            .json(&json!({ "secrets": secrets }));
        let answer = http::send(request, &self.http, "verdicts").await;
        let answer = answer.context("a library refuses a delivery: its words are above")?;
        let (body, _) = http::read_limited(answer, 1 << 26).await?;
        Ok(serde_json::from_slice(&body)?)
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        // It may have ended already, which is just as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where `scripts/verifiers.sh` has installed the libraries of a language.
fn installed(language: Language) -> anyhow::Result<PathBuf> {
    installed_as(match language {
        Language::Python => "python",
        Language::JavaScript => "node",
    })
}

/// A program of those that judge the API: `scripts/verifiers.sh` installs them.
///
/// # Errors
/// It is not installed.
pub fn api_verifier(name: &str) -> anyhow::Result<PathBuf> {
    Ok(installed_as("api")?.join("bin").join(name))
}

/// Postman's runner of collections: `scripts/verifiers.sh` installs it.
///
/// # Errors
/// It is not installed.
pub fn collection_runner() -> anyhow::Result<PathBuf> {
    Ok(installed(Language::JavaScript)?.join("node_modules/.bin/newman"))
}

/// Runs one of these programs to its end.
///
/// # Errors
/// It cannot be started.
pub async fn output(mut command: Command) -> anyhow::Result<Output> {
    command.stdin(Stdio::null());
    let name = command.get_program().to_owned();
    tokio::task::spawn_blocking(move || command.output())
        .await?
        .with_context(|| format!("while running {}", name.display()))
}

/// Beside the profile's folder in the target directory.
fn installed_as(name: &str) -> anyhow::Result<PathBuf> {
    let ours = std::env::current_exe()?;
    let target = ours.ancestors().nth(3);
    let target = target.context("tests run from target/*/deps")?;
    let folder = target.join("verifiers").join(name);
    ensure!(
        folder.join("installed").exists(),
        "{} is not there: run scripts/verifiers.sh or `make test`, which install the libraries",
        folder.display()
    );
    Ok(folder)
}
