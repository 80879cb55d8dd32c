//! System tests: the rig, the receiver, the ledger's verdict, real processes.
//!
//! A [`rig::Rig`] is the whole system on free ports: a simulated Insightly, the services embedded in this process
//! or as real programs on RabbitMQ and PostgreSQL, and a receiver. A test creates instances through the API, lets
//! the simulator change records, and compares what arrived with the simulator's ledger.

pub mod chrome;
pub mod client;
pub mod eventually;
pub mod process;
pub mod receiver;
pub mod rig;
pub mod verdict;
pub mod verifier;
