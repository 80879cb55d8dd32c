//! The fetcher as a service: a store, an in-process queue and a simulated Insightly around it, in real time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod budget;
mod faults;
mod objects;
mod relay;
mod rig;
