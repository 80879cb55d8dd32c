//! insightly-events: everything in one process, and the command line.
