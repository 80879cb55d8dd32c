//! One request to Insightly within its account's budget.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_insightly::{Answer, BudgetHeaders, Error as Refusal, Page, Search};
use ie_model::{AccountKey, Settings};
use ie_platform::clock::SharedClock;
use ie_store::{Ask, Budget, Note, Permit, Rate, Store};
use metrics::counter;
use serde_json::Value;

use crate::outcome::Stop;
use crate::pace::{Pace, Supply, stretch};
use crate::seats::Seat;
use crate::{Config, Crm};

/// How often a request is refused as a burst before its poll gives way.
const MAX_BURSTS: u32 = 5;

/// How often a moment may be missed before a request is sent nevertheless.
const MAX_MISSED: u32 = 3;

/// How far ahead a moment is asked for at the most, after one was missed: a store that hung once does not hang again.
const LONGEST_LEAD: Duration = Duration::from_secs(1);

/// Who has waited longer than this looks whether the account was held meanwhile.
const LONG_WAIT: Duration = Duration::from_millis(250);

/// The time for that look.
const LOOK: Duration = Duration::from_millis(100);

/// When a walk that gave way to others begins again.
const WALK_PAUSE: TimeDelta = TimeDelta::seconds(30);

/// How old a pace may be before it is computed anew.
const PACE_AGE: TimeDelta = TimeDelta::seconds(60);

/// Asks on behalf of one account: no request leaves without a permit of the account's budget.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a SharedClock,
    pub(crate) config: &'a Config,
    pub(crate) crm: &'a dyn Crm,
    pub(crate) account: &'a AccountKey,
    pub(crate) settings: &'a Settings,
    /// The place among the account's polls in this process; none for what goes on beside them.
    pub(crate) seat: Option<&'a Seat<'a>>,
    /// Whether it asks for a walk beside the polls, which gives way to them.
    pub(crate) beside: bool,
}

impl Desk<'_> {
    /// One page of the records that match.
    pub(crate) async fn search(&self, object: &str, search: &Search) -> Result<Answer<Page>, Stop> {
        let patience = self.patience(search.skip == 0);
        let answer = self.ask(patience, || self.crm.search(object, search)).await;
        answer.inspect(count_page)
    }

    /// One page of all records.
    pub(crate) async fn list(&self, object: &str, page: &Search) -> Result<Answer<Page>, Stop> {
        let patience = self.patience(page.skip == 0);
        let answer = self.ask(patience, || self.crm.list(object, page)).await;
        answer.inspect(count_page)
    }

    /// One record; none when it is gone or hidden.
    pub(crate) async fn get(&self, object: &str, id: &str) -> Result<Answer<Option<Value>>, Stop> {
        let patience = self.patience(false);
        self.ask(patience, || self.crm.get(object, id)).await
    }

    /// Remembers what Insightly says is left of the day.
    pub(crate) async fn note_budget(&self, budget: BudgetHeaders) -> Result<(), Stop> {
        self.note(budget, None).await.map(drop)
    }

    /// The same at the end of a poll that took so many requests; tells the pace from now on.
    pub(crate) async fn note_poll(
        &self,
        budget: BudgetHeaders,
        requests: u32,
    ) -> Result<Pace, Stop> {
        let budget = self.note(budget, Some(requests)).await?;
        let now = self.clock.now();
        let day_begin = budget.resets_at - TimeDelta::days(1);
        let mut pace = Pace {
            stretch: budget.stretch,
            resets_at: budget.resets_at,
        };
        if now - budget.paced_at >= PACE_AGE || budget.paced_at < day_begin {
            let demand = self.store.demand(self.account).await?;
            pace.stretch = stretch(demand, budget.poll_cost, self.supply(&budget, now));
            self.store
                .set_stretch(self.account, pace.stretch, now)
                .await?;
        }
        Ok(pace)
    }

    async fn note(&self, budget: BudgetHeaders, poll: Option<u32>) -> Result<Budget, Stop> {
        let note = Note {
            limit: budget.limit,
            remaining: budget.remaining,
            poll,
            day_turns_at: self.config.day_turns_at,
        };
        let now = self.clock.now();
        let budget = self.store.note_budget(self.account, note, now).await?;
        Ok(budget.at(now))
    }

    fn supply(&self, budget: &Budget, now: DateTime<Utc>) -> Supply {
        let rate = self.rate();
        let ours = rate.per_day.map(|limit| limit.saturating_sub(budget.used));
        Supply {
            left: budget.left().into_iter().chain(ours).min(),
            reserve: rate.reserve,
            per_second: rate.per_second,
            rest: (budget.resets_at - now).to_std().unwrap_or_default(),
        }
    }

    /// The stricter of what the operator and the instance's owner say.
    pub(crate) fn rate(&self) -> Rate {
        let Self {
            config, settings, ..
        } = self;
        let own = settings
            .requests_per_second
            .map_or(f64::INFINITY, f64::from);
        let operators = Some(config.requests_per_day).filter(|limit| *limit > 0);
        Rate {
            per_day: operators.into_iter().chain(settings.requests_per_day).min(),
            reserve: config.day_reserve,
            day_turns_at: config.day_turns_at,
            ..Rate::per_second(config.requests_per_second.min(own))
        }
    }

    /// A walk under way waits long, since giving way would waste what it has read. One that has not begun does not:
    /// it would keep others from this worker.
    fn patience(&self, begins: bool) -> Duration {
        let crowded = self.seat.is_some_and(Seat::is_crowded);
        match (begins, crowded) {
            _ if self.beside => self.config.wait_limit,
            (true, true) => Duration::ZERO,
            (true, false) => self.config.wait_limit,
            (false, _) => self.config.wait_limit.max(self.config.lease / 2),
        }
    }

    /// Gives way when the poll turns out to be a long walk and too many of the account's are under way here.
    pub(crate) fn walk_on(&self) -> Result<(), Stop> {
        if self.seat.is_none_or(Seat::may_walk) {
            return Ok(());
        }
        Err(Stop::NotYet {
            until: self.clock.now() + WALK_PAUSE,
        })
    }

    async fn ask<T, F>(&self, patience: Duration, call: impl Fn() -> F) -> Result<Answer<T>, Stop>
    where
        F: Future<Output = Result<Answer<T>, Refusal>> + Send,
    {
        let mut bursts = 0;
        loop {
            self.wait_for_permit(patience).await?;
            let result = call().await;
            count(&result);
            match result {
                Err(Refusal::RateLimited {
                    retry_after,
                    day_spent: false,
                }) if bursts < MAX_BURSTS => {
                    bursts += 1;
                    let wait = retry_after.unwrap_or(Duration::from_secs(1));
                    self.store
                        .hold_account(self.account, self.clock.now() + wait)
                        .await?;
                }
                result => return Ok(result?),
            }
        }
    }

    /// Waits for the moment that the account's budget grants.
    ///
    /// A moment that is missed, because this process was busy, is given up for another one: a request that leaves late
    /// would be too close to those after it. So is one within a hold that came after it was granted.
    async fn wait_for_permit(&self, patience: Duration) -> Result<(), Stop> {
        let rate = self.rate();
        let (mut counted, mut missed, mut lead) = (false, 0, Duration::ZERO);
        loop {
            let asked = self.clock.now();
            let ask = Ask {
                lead,
                patience,
                counted,
                ..Ask::at_once(asked)
            };
            let at = match self.store.take_permit(self.account, rate, ask).await? {
                Permit::Granted { at } => at,
                Permit::Later { at } => return Err(Stop::NotYet { until: at }),
                Permit::DaySpent { until } => return Err(Stop::OutOfBudget { until }),
            };
            counted = true;
            let answered = self.clock.now();
            // No moment is granted further ahead: where it seems so, our clock was put back since.
            let until = || self.until(at).min(patience.max(lead));
            if until().saturating_sub(LOOK) > LONG_WAIT {
                // Looked up before the moment comes, since the look takes time as well.
                self.clock.sleep(until().saturating_sub(LOOK)).await;
                if self.is_held(at).await? {
                    continue;
                }
            }
            self.clock.sleep(until()).await;
            let late = (self.clock.now() - at).to_std().unwrap_or_default();
            if late <= tolerance(rate.per_second) || missed == MAX_MISSED {
                return Ok(());
            }
            missed += 1;
            counter!("ie_insightly_permits_missed_total").increment(1);
            let taken = (answered - asked).to_std().unwrap_or_default();
            lead = (taken * 2).min(LONGEST_LEAD);
        }
    }

    fn until(&self, at: DateTime<Utc>) -> Duration {
        (at - self.clock.now()).to_std().unwrap_or_default()
    }

    async fn is_held(&self, at: DateTime<Utc>) -> Result<bool, Stop> {
        let budget = self.store.budget(self.account).await?;
        Ok(budget
            .and_then(|budget| budget.held_until)
            .is_some_and(|until| until > at))
    }
}

/// How late a request may leave without one too many in any second.
///
/// A limit of 10 and a rate of 9.7 leave 31 ms: 10 intervals are that much longer than a second. Half of it is for us,
/// the other half for the network. A whole rate leaves nothing, so that nothing can be kept.
fn tolerance(per_second: f64) -> Duration {
    let spare = per_second.ceil() / per_second - 1.0;
    if spare > 0.0 && spare.is_finite() {
        Duration::from_secs_f64(spare / 2.0)
    } else {
        Duration::MAX
    }
}

fn count_page(answer: &Answer<Page>) {
    counter!("ie_pages_read_total").increment(1);
    counter!("ie_records_read_total").increment(answer.body.records.len() as u64);
}

fn count<T>(result: &Result<Answer<T>, Refusal>) {
    let outcome = match result {
        Ok(_) => "ok",
        Err(Refusal::RateLimited { .. }) => "rate_limited",
        Err(Refusal::Unauthorized { .. } | Refusal::Forbidden { .. }) => "refused",
        Err(Refusal::NotFound { .. } | Refusal::NotAllowed { .. } | Refusal::BadRequest { .. }) => {
            "client_error"
        }
        Err(Refusal::Unavailable { .. }) => "unavailable",
        Err(Refusal::Unexpected { .. } | Refusal::BadAddress { .. } | Refusal::Moved { .. }) => {
            "unreadable"
        }
    };
    counter!("ie_insightly_requests_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_below_the_limit_tolerates_a_little_lateness() {
        let ms = |per_second| tolerance(per_second).as_millis();

        assert_eq!(ms(9.7), 15);
        assert_eq!(ms(9.5), 26);
    }

    #[test]
    fn a_rate_that_is_the_limit_tolerates_anything_since_nothing_can_be_kept() {
        for whole in [10.0, 500.0] {
            assert_eq!(tolerance(whole), Duration::MAX);
        }
    }
}
