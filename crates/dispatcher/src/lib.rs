//! Delivers change events to callbacks.
