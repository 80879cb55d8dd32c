//! In which order the events of an instance arrive.

use serde::{Deserialize, Serialize};

/// Which events wait for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventOrder {
    /// None: each goes as soon as it can.
    #[default]
    None,
    /// Those of one object, each for the one before it.
    PerObject,
}

/// What a dead letter does to the later events of its objects, where they wait for each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadLetterOrder {
    /// They wait until it is redriven and accepted, or forgotten.
    #[default]
    Block,
    /// They go on without it.
    Skip,
}
