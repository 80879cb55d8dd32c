//! System tests: flows across services.

mod kill;
mod layers;
mod outage;
mod samples;
mod shutdown;
mod stream;
