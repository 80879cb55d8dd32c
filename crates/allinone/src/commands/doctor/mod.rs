//! `insightly-events doctor`: what is reachable, what is wrong, how to mend it.
//!
//! `process` asks the running process, `machine` looks at what it stands on, `instances` at what it does for whom, and
//! `advice` says what to do.

mod advice;
mod instances;
mod machine;
mod process;

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use crate::cli::{RunOptions, Server};
use crate::output::say;
use crate::remote::Remote;

/// One thing that was looked at.
struct Finding {
    what: String,
    /// What is wrong and how to mend it; none when it is well.
    problem: Option<String>,
}

/// How long anything may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

struct Findings(Vec<Finding>);

impl Findings {
    fn well(&mut self, what: impl Into<String>) {
        self.0.push(Finding {
            what: what.into(),
            problem: None,
        });
    }

    fn problem(&mut self, what: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Finding {
            what: what.into(),
            problem: Some(problem.into()),
        });
    }
}

/// Looks at everything that can be looked at from here; exit code 1 when something is wrong.
pub(super) async fn run(run: &RunOptions, server: &Server) -> anyhow::Result<ExitCode> {
    let mut findings = Findings(Vec::new());
    if server.url.is_none() {
        machine::look(run, &mut findings).await;
        process::ask(run, &mut findings).await?;
    }
    match Remote::of(run, server) {
        Ok(remote) => instances::look(&remote, &mut findings).await,
        Err(error) => findings.problem("credentials", format!("{error:#}")),
    }
    print(server, &findings);
    let sick = findings.0.iter().any(|finding| finding.problem.is_some());
    Ok(if sick {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn print(server: &Server, findings: &Findings) {
    for Finding { what, problem } in &findings.0 {
        if server.json {
            say(&json!({"what": what, "ok": problem.is_none(), "problem": problem}).to_string());
            continue;
        }
        match problem {
            None => say(&format!("ok       {what}")),
            Some(problem) => say(&format!("PROBLEM  {what}: {problem}")),
        }
    }
}
