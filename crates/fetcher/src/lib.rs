//! Turns a poll job into change events.
