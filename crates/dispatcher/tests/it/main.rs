//! The dispatcher from start to stop: real callbacks, the in-process queue, a database file.

#![cfg(test)]

mod breaker;
mod connections;
mod delivery;
mod hostile;
mod isolation;
mod many;
mod operations;
mod reconcile;
mod repetition;
mod retry;
mod safety;
mod schedules;
#[path = "../support/mod.rs"]
mod support;
mod tls;
