//! Publishes a poll job for each poller that is due.
