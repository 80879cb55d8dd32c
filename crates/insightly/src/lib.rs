//! Insightly's API: the only crate that knows its addresses and JSON.
