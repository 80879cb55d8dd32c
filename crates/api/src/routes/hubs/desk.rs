//! One request to Insightly for a client, within the budget that the account's polls have as well.

use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use ie_insightly::{Answer, BudgetHeaders, Client, Error};
use ie_model::Settings;
use ie_store::{Ask, Budget, Demand, Note, Permit, Rate};

use super::refusals::{self, Doing};
use super::target::Target;
use crate::app::App;
use crate::config::Config;
use crate::error::Result;
use crate::instances;

/// The pause of an account after a refusal that names none.
const PAUSE: Duration = Duration::from_secs(1);

const DAY_SECONDS: f64 = 86_400.0;

/// Asks on behalf of one instance: no request leaves without a permit of its account's budget.
pub(super) struct Desk<'a> {
    app: &'a App,
    target: &'a Target,
    pub(super) insightly: Client,
}

impl<'a> Desk<'a> {
    /// A desk with the instance's key.
    pub(super) fn new(app: &'a App, target: &'a Target) -> Result<Self> {
        let insightly = instances::insightly(app, &target.instance)?;
        Ok(Self {
            app,
            target,
            insightly,
        })
    }

    /// What Insightly answers. Nothing is sent twice: a client knows best whether to ask again.
    pub(super) async fn ask<T>(
        &self,
        request: impl Future<Output = Result<Answer<T>, Error>>,
    ) -> Result<T> {
        let doing = Doing {
            resource: &self.target.object.hub_resource,
            changes: self.target.changes,
        };
        let day_turns_at = self.wait_for_permit().await?;
        let limit = self.app.config.insightly_timeout;
        let answered = tokio::time::timeout(limit, request).await;
        match answered.map_err(|elapsed| doing.too_late(elapsed))? {
            Ok(answer) => {
                self.note(answer.budget, day_turns_at).await?;
                Ok(answer.body)
            }
            Err(error) => {
                let wait = self.settle(&error, day_turns_at).await?;
                Err(doing.refused(error, wait))
            }
        }
    }

    /// Waits for the moment that the account grants; says when its day turns.
    async fn wait_for_permit(&self) -> Result<Duration> {
        let Self { app, target, .. } = self;
        let account = &target.instance.account;
        let now = app.clock.now();
        let standing = Standing {
            budget: app
                .store
                .budget(account)
                .await?
                .map(|budget| budget.at(now)),
            demand: app.store.demand(account).await?,
            now,
        };
        let rate = standing.rate(&app.config, &target.instance.settings);
        let ask = Ask {
            patience: app.config.hub_wait,
            queues: false,
            ..Ask::at_once(now)
        };
        let until = |at: DateTime<Utc>| (at - app.clock.now()).to_std().unwrap_or_default();
        match app.store.take_permit(account, rate, ask).await? {
            Permit::Granted { at } => {
                app.clock.sleep(until(at)).await;
                Ok(rate.day_turns_at)
            }
            Permit::Later { at } => Err(refusals::crowded(until(at))),
            Permit::DaySpent { until: at } => Err(refusals::spent(until(at), rate.reserve)),
        }
    }

    /// What a refusal tells about the account, for all who ask; gives the time to wait, when there is one.
    async fn settle(&self, error: &Error, day_turns_at: Duration) -> Result<Option<Duration>> {
        let account = &self.target.instance.account;
        let now = self.app.clock.now();
        match error {
            Error::RateLimited {
                day_spent: true,
                retry_after,
            } => {
                let nothing = BudgetHeaders {
                    limit: None,
                    remaining: Some(0),
                };
                let budget = self.note(nothing, day_turns_at).await?;
                let rest = (budget.at(now).resets_at - now).to_std().ok();
                Ok(retry_after.or(rest))
            }
            Error::RateLimited { retry_after, .. } => {
                let wait = retry_after.unwrap_or(PAUSE);
                self.app.store.hold_account(account, now + wait).await?;
                Ok(Some(wait))
            }
            Error::Unavailable { retry_after, .. } => Ok(*retry_after),
            _ => Ok(None),
        }
    }

    async fn note(&self, said: BudgetHeaders, day_turns_at: Duration) -> Result<Budget> {
        let note = Note {
            limit: said.limit,
            remaining: said.remaining,
            poll: None,
            day_turns_at,
        };
        let (account, now) = (&self.target.instance.account, self.app.clock.now());
        Ok(self.app.store.note_budget(account, note, now).await?)
    }
}

/// How an account stands.
struct Standing {
    budget: Option<Budget>,
    demand: Demand,
    now: DateTime<Utc>,
}

impl Standing {
    /// What the hub may ask for: at the polls' rate, and of the day what they will not need.
    fn rate(&self, config: &Config, settings: &Settings) -> Rate {
        let own_rate = settings
            .requests_per_second
            .map_or(f64::INFINITY, f64::from);
        let operators = Some(config.hub_requests_per_day).filter(|limit| *limit > 0);
        let ours = operators.into_iter().chain(settings.requests_per_day).min();
        let told = self.budget.and_then(|budget| budget.limit);
        let kept = self.kept_for_polls(told.into_iter().chain(ours).min(), config.hub_share);
        Rate {
            per_day: ours.map(|limit| limit.saturating_sub(kept)),
            reserve: kept,
            day_turns_at: self.day_turns_at(),
            ..Rate::per_second(config.hub_requests_per_second.min(own_rate))
        }
    }

    /// The requests that polls take until the day turns, and at most their share of the day's limit for that time.
    fn kept_for_polls(&self, limit: Option<u32>, hub_share: f64) -> u32 {
        let Some(budget) = self.budget else {
            return 0;
        };
        let need = self.demand.polls_per_day * budget.poll_cost;
        let share = limit.map_or(f64::INFINITY, |limit| f64::from(limit) * (1.0 - hub_share));
        let rest = (budget.resets_at - self.now).num_seconds().max(0) as f64 / DAY_SECONDS;
        // `as` keeps to the range of the type.
        (need.min(share) * rest).ceil() as u32
    }

    /// As the account's polls have it.
    fn day_turns_at(&self) -> Duration {
        let turns_at = self.budget.map_or(TimeDelta::zero(), |budget| {
            budget.resets_at.time() - NaiveTime::MIN
        });
        turns_at.to_std().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// A limit of 1000, of which 6 hours are left; so many polls a day, of 2 requests each.
    fn standing(polls_per_day: f64) -> Standing {
        let now: DateTime<Utc> = "2026-11-24T02:00:00Z".parse().unwrap();
        Standing {
            budget: Some(Budget {
                day: now.date_naive(),
                resets_at: now + TimeDelta::hours(6),
                used: 100,
                limit: Some(1000),
                remaining: Some(700),
                per_second: None,
                held_until: None,
                poll_cost: 2.0,
                stretch: 1.0,
                paced_at: now,
            }),
            demand: Demand {
                pollers: 1,
                polls_per_day,
            },
            now,
        }
    }

    #[rstest]
    #[case::no_polls(0.0, 0)]
    #[case::what_they_need(96.0, 48)]
    #[case::at_most_their_share(10_000.0, 125)]
    fn polls_keep_what_they_need(#[case] polls_per_day: f64, #[case] kept: u32) {
        assert_eq!(
            standing(polls_per_day).kept_for_polls(Some(1000), 0.5),
            kept
        );
    }

    #[test]
    fn the_day_turns_as_it_does_for_polls() {
        let hours = Duration::from_secs(8 * 3600);

        assert_eq!(standing(0.0).day_turns_at(), hours);
    }
}
