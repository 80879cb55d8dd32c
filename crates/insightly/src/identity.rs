//! Whose key it is, and which account its requests count against.

use chrono::{DateTime, Utc};
use ie_model::AccountKey;
use sha2::{Digest, Sha256};

use crate::{Client, Error};

/// What is known of a key after Insightly has accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What the request budget is kept for.
    pub account: AccountKey,
    /// Insightly's time when it answered: changes from here on are events.
    pub server_date: DateTime<Utc>,
}

/// Asks Insightly whether the key is good and which account it belongs to: two requests.
///
/// A user who may not read `GET /Instance` has a budget of its own, named by a fingerprint of the key.
///
/// # Errors
/// [`Error::Unauthorized`] when the key is refused, and what any request may meet.
pub async fn identify(client: &Client) -> Result<Identity, Error> {
    let server_date = client.me().await?.server_date;
    let host = client.host();
    let account = match client.account().await {
        Ok(answer) => format!("{host}/{}", answer.body.instance_id),
        Err(Error::Forbidden { .. } | Error::NotFound { .. } | Error::NotAllowed { .. }) => {
            format!(
                "{host}/key:{}",
                hex::encode(&Sha256::digest(client.key_bytes())[..8])
            )
        }
        Err(error) => return Err(error),
    };
    Ok(Identity {
        account: AccountKey(account),
        server_date,
    })
}
