//! The dispatcher from start to stop: real callbacks, the in-process queue, a database file.

#![cfg(test)]

mod delivery;
mod hostile;
mod isolation;
mod repetition;
mod retry;
mod safety;
#[path = "../support/mod.rs"]
mod support;
