//! Changes of keys and limits.

use chrono::{DateTime, Utc};

use crate::account::Key;
use crate::control::{KeyChange, LimitsChange};
use crate::error::Error;
use crate::world::World;

impl World {
    /// Makes or changes an API key.
    pub fn set_key(&mut self, change: &KeyChange) -> Result<(), Error> {
        let account = self.account_place(change.account.as_deref())?;
        for object in change.forbidden.iter().flatten() {
            let other = ["Instance", "CustomObjects", "Tags"].contains(&object.as_str());
            if !other {
                self.accounts[account].table(object)?;
            }
        }
        let key = self.keys.entry(change.key.clone()).or_insert(Key {
            account,
            ..Key::default()
        });
        if change.account.is_some() && key.account != account {
            return Err(Error::Invalid(
                "the key belongs to another account".to_owned(),
            ));
        }
        key.user = change.user.unwrap_or(key.user);
        key.revoked = change.revoked.unwrap_or(key.revoked);
        if let Some(forbidden) = &change.forbidden {
            key.forbidden = forbidden.iter().cloned().collect();
        }
        Ok(())
    }

    /// Changes an account's limits.
    pub fn set_limits(&mut self, change: &LimitsChange, now: DateTime<Utc>) -> Result<(), Error> {
        let place = self.account_place(change.account.as_deref())?;
        let turn = self.behaviour.turn();
        let account = &mut self.accounts[place];
        account.limits.per_second = change.per_second.unwrap_or(account.limits.per_second);
        account.limits.per_day = change.per_day.unwrap_or(account.limits.per_day);
        if let Some(used) = change.used_today {
            account.meter.set_used(used, turn, now.timestamp_millis());
        }
        Ok(())
    }
}
