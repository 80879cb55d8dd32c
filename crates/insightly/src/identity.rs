//! Whose key it is, and which account its requests count against.

use chrono::{DateTime, Utc};
use ie_model::AccountKey;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{BudgetHeaders, Client, Error};

/// What is known of a key after Insightly has accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What the request budget is kept for.
    pub account: AccountKey,
    /// Insightly's time when it answered: changes from here on are events.
    pub server_date: DateTime<Utc>,
    /// What the account is called, where the user may know.
    pub account_name: Option<String>,
    /// The name of the key's user, or else the e-mail address.
    pub user: Option<String>,
    /// What the day still has, as the last answer said.
    pub budget: BudgetHeaders,
}

/// Asks Insightly whether the key is good and which account it belongs to: two requests.
///
/// A user who may not read `GET /Instance` has a budget of its own, named by a fingerprint of the key.
///
/// # Errors
/// [`Error::Unauthorized`] when the key is refused, and what any request may meet.
pub async fn identify(client: &Client) -> Result<Identity, Error> {
    let me = client.me().await?;
    let host = client.host();
    let (account, account_name, budget) = match client.account().await {
        Ok(answer) => {
            let account = format!("{host}/{}", answer.body.instance_id);
            (account, answer.body.name, answer.budget)
        }
        Err(Error::Forbidden { .. } | Error::NotFound { .. } | Error::NotAllowed { .. }) => {
            let fingerprint = hex::encode(&Sha256::digest(client.key_bytes())[..8]);
            (format!("{host}/key:{fingerprint}"), None, me.budget)
        }
        Err(error) => return Err(error),
    };
    Ok(Identity {
        account: AccountKey(account),
        server_date: me.server_date,
        account_name,
        user: name(&me.body),
        budget,
    })
}

/// What people call a user.
fn name(user: &Value) -> Option<String> {
    let text = |key: &str| user[key].as_str().map(str::trim).unwrap_or_default();
    let name = format!("{} {}", text("FIRST_NAME"), text("LAST_NAME"));
    let found = [name.trim(), text("EMAIL_ADDRESS")];
    let found = found.into_iter().find(|name| !name.is_empty());
    found.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"FIRST_NAME": "Ada", "LAST_NAME": "Byron"}), Some("Ada Byron"))]
    #[case(json!({"FIRST_NAME": null, "LAST_NAME": "Byron"}), Some("Byron"))]
    #[case(json!({"EMAIL_ADDRESS": "ada@example.com"}), Some("ada@example.com"))]
    #[case(json!({}), None)]
    fn a_user_has_a_name(#[case] user: Value, #[case] expected: Option<&str>) {
        assert_eq!(name(&user).as_deref(), expected);
    }
}
