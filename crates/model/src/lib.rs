//! What travels and what is stored; no input or output.
