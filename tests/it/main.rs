//! System tests: flows across services.

mod command_line;
mod dashboard;
mod formats;
mod kill;
mod layers;
mod operations;
mod order;
mod outage;
mod poison;
mod samples;
mod shutdown;
mod stream;
