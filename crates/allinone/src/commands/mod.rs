//! Commands that talk to a running server, or to its queue.

mod accounts;
mod backup;
mod dead_letters;
mod doctor;
mod events;
mod instances;
mod keys;
mod organizations;
mod poison;
mod users;

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use crate::cli::{
    BackupOptions, ClientCommand, KeysOptions, PoisonOptions, RestoreOptions, RunOptions,
};
use crate::output::{fail, say};
use crate::remote::Remote;

/// Runs a command that asks a server.
pub(crate) fn run(run: &RunOptions, command: ClientCommand) -> ExitCode {
    finish(async {
        match command {
            ClientCommand::Instance { server, command } => {
                instances::run(&Remote::of(run, &server)?, &server, command).await
            }
            ClientCommand::Events { server, command } => {
                events::run(&Remote::of(run, &server)?, &server, command).await
            }
            ClientCommand::DeadLetters { server, command } => {
                dead_letters::run(&Remote::of(run, &server)?, &server, command).await
            }
            ClientCommand::Organization { operator, command } => {
                organizations::run(run, &operator, command).await
            }
            ClientCommand::User { operator, command } => users::run(run, &operator, command).await,
            ClientCommand::Doctor { server } => doctor::run(run, &server).await,
        }
    })
}

/// Runs a command that looks into the queue.
pub(crate) fn poison(run: &RunOptions, options: &PoisonOptions) -> ExitCode {
    finish(poison::run(run, options))
}

/// Runs a command about the master keys.
pub(crate) fn keys(run: &RunOptions, options: &KeysOptions) -> ExitCode {
    finish(keys::run(run, options))
}

/// Copies the embedded store.
pub(crate) fn backup(run: &RunOptions, options: &BackupOptions) -> ExitCode {
    finish(backup::make(run, options))
}

/// Puts a copy of the embedded store back.
pub(crate) fn restore(run: &RunOptions, options: &RestoreOptions) -> ExitCode {
    finish(backup::put_back(run, options))
}

/// Runs one command; its failure is printed and gives exit code 1.
fn finish(command: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime
        .context("while starting the runtime")
        .and_then(|runtime| runtime.block_on(command));
    match result {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

/// Prints a list as JSON or as a table with one row per entry.
fn print_list(json: bool, list: &[Value], columns: &[&str], row: impl Fn(&Value) -> Vec<String>) {
    if json {
        say(&format!("{:#}", Value::from(list.to_vec())));
        return;
    }
    let mut table = crate::output::table(columns);
    for entry in list {
        table.add_row(row(entry));
    }
    say(&table.to_string());
}

/// A field as people read it: text without quotes, nothing for null.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
