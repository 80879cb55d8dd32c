//! What goes on beside the polls: snapshots and sweeps for deleted records, over a simulated Insightly and real HTTP.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test fail it as the test itself does"
)]

mod crm;
mod rig;
mod sharing;
mod snapshot;
mod sweep;
mod sweep_doubts;
