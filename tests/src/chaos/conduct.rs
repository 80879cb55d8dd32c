//! How a way behaves.

use std::time::Duration;

/// Whether anything gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Everything.
    Open,
    /// Nothing, and nobody is told: sockets stay, new ones are accepted. A connection that was ever half-open stays so, as
    /// after a router that has forgotten it.
    HalfOpen,
    /// Nothing: what stands is closed, and so is at once what comes.
    Refused,
}

/// How a way behaves, from now on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conduct {
    /// Whether anything gets through.
    pub flow: Flow,
    /// By how much everything is late, in each direction.
    pub latency: Duration,
    /// How likely a chunk of bytes is cut in the middle, and its connection with it; from 0 to 1.
    pub cut: f64,
}

impl Conduct {
    /// As a good network.
    pub const OPEN: Self = Self {
        flow: Flow::Open,
        latency: Duration::ZERO,
        cut: 0.0,
    };

    /// See [`Flow::HalfOpen`].
    pub const HALF_OPEN: Self = Self {
        flow: Flow::HalfOpen,
        ..Self::OPEN
    };

    /// See [`Flow::Refused`].
    pub const REFUSED: Self = Self {
        flow: Flow::Refused,
        ..Self::OPEN
    };

    /// Open, but late by so much in each direction.
    pub const fn late(latency: Duration) -> Self {
        Self {
            latency,
            ..Self::OPEN
        }
    }

    /// Open, but each chunk of bytes is cut with this probability.
    pub const fn cutting(cut: f64) -> Self {
        Self { cut, ..Self::OPEN }
    }
}
