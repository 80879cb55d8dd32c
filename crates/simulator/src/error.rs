//! Why the simulator refuses something.

/// What was wrong with a request to the world.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such account.
    #[error("no account is named {0:?}; see GET /control/accounts")]
    UnknownAccount(String),
    /// No such object.
    #[error(
        "no object is named {0:?}; objects are named as in the paths of the API, such as Contacts or Ticket"
    )]
    UnknownObject(String),
    /// No such record.
    #[error("{object} {id} does not exist")]
    Gone {
        /// The object.
        object: String,
        /// The record.
        id: String,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
}
