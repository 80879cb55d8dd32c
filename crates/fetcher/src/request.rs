//! One request to Insightly within its account's budget.

use chrono::{DateTime, TimeDelta, Utc};
use ie_insightly::{Answer, Error as Refusal, Page, Search};
use ie_model::AccountKey;
use ie_platform::clock::SharedClock;
use ie_store::{Permit, Rate, Store};
use metrics::counter;
use tokio::time::sleep;

use crate::outcome::Stop;
use crate::{Config, Crm};

/// How often a request is refused as a burst before its poll gives way.
const MAX_BURSTS: u32 = 5;

/// Asks on behalf of one account: no request leaves without a permit of the account's budget.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a SharedClock,
    pub(crate) config: &'a Config,
    pub(crate) crm: &'a dyn Crm,
    pub(crate) account: &'a AccountKey,
}

impl Desk<'_> {
    /// One page.
    pub(crate) async fn search(&self, object: &str, search: &Search) -> Result<Answer<Page>, Stop> {
        let mut bursts = 0;
        loop {
            self.wait_for_permit().await?;
            let result = self.crm.search(object, search).await;
            count(&result);
            match result {
                Err(Refusal::RateLimited {
                    retry_after,
                    day_spent: false,
                }) if bursts < MAX_BURSTS => {
                    bursts += 1;
                    let wait = retry_after.unwrap_or(std::time::Duration::from_secs(1));
                    self.store
                        .hold_account(self.account, self.clock.now() + wait)
                        .await?;
                }
                result => return Ok(result?),
            }
        }
    }

    /// Remembers what Insightly says is left of the day.
    pub(crate) async fn note_budget(&self, answer: &Answer<Page>) -> Result<(), Stop> {
        let budget = answer.budget;
        let now = self.clock.now();
        Ok(self
            .store
            .note_budget(self.account, budget.limit, budget.remaining, now)
            .await?)
    }

    async fn wait_for_permit(&self) -> Result<(), Stop> {
        let rate = Rate {
            per_second: self.config.requests_per_second,
            burst: 1,
            per_day: Some(self.config.requests_per_day).filter(|limit| *limit > 0),
        };
        let patience = self.clock.now() + self.config.wait_limit;
        loop {
            let now = self.clock.now();
            match self.store.take_permit(self.account, rate, now).await? {
                Permit::Granted => return Ok(()),
                Permit::Wait(wait) if within(now, wait, patience) => sleep(wait).await,
                Permit::Wait(wait) => return Err(Stop::OutOfBudget { until: now + wait }),
                Permit::DaySpent { until } => return Err(Stop::OutOfBudget { until }),
            }
        }
    }
}

fn within(now: DateTime<Utc>, wait: std::time::Duration, limit: DateTime<Utc>) -> bool {
    TimeDelta::from_std(wait).is_ok_and(|wait| now + wait <= limit)
}

fn count(result: &Result<Answer<Page>, Refusal>) {
    let outcome = match result {
        Ok(_) => "ok",
        Err(Refusal::RateLimited { .. }) => "rate_limited",
        Err(Refusal::Unauthorized { .. } | Refusal::Forbidden { .. }) => "refused",
        Err(Refusal::NotFound | Refusal::NotAllowed | Refusal::BadRequest { .. }) => "client_error",
        Err(Refusal::Unavailable { .. }) => "unavailable",
        Err(Refusal::Unexpected { .. } | Refusal::BadAddress { .. }) => "unreadable",
    };
    counter!("ie_insightly_requests_total", "outcome" => outcome).increment(1);
}
