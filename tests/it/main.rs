//! System tests: flows across services.

mod command_line;
mod formats;
mod kill;
mod layers;
mod letters;
mod operations;
mod order;
mod outage;
mod poison;
mod samples;
mod shutdown;
mod stream;
