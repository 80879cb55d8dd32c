//! A TCP proxy that does to connections what networks do: it cuts them, lets them go half-open, makes them late, breaks
//! off within a message, or refuses.
//!
//! One [`Proxy`] stands on one way, such as from the fetchers to PostgreSQL. What chance decides is decided by its seed.

mod conduct;
mod hold;
mod pipe;
mod proxy;
#[cfg(test)]
mod tests;

pub use conduct::{Conduct, Flow};
pub use proxy::{Proxy, host_and_port};
