//! Real processes: signals, exit codes, and what is said on the way.
#![cfg(test)]

mod commands;
mod health;
mod probe;
mod shutdown;
mod telemetry;
