//! Misbehaviour on demand: what goes wrong, for which requests, how often.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::dice::Dice;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The answer takes that long, evenly spread.
    Latency {
        /// At least.
        min_ms: u64,
        /// At most; `min_ms` when absent.
        #[serde(default)]
        max_ms: u64,
    },
    /// An error instead of the answer.
    Status {
        /// 429, 500, 503, …
        status: u16,
        /// Seconds for `Retry-After`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// A page of HTML instead of the answer.
    Maintenance {
        /// With that status, 200 when absent.
        #[serde(default = "ok")]
        status: u16,
    },
    /// The connection ends before the answer.
    CutBefore,
    /// The connection ends within the body.
    CutMid,
    /// The answer ends early, though HTTP says that it is complete.
    TruncatedJson,
    /// The answer is not JSON.
    MalformedJson,
    /// The answer is empty.
    EmptyBody,
    /// Writes are seen by readers that much later.
    LateWrites {
        /// At least.
        min_ms: u64,
        /// At most; `min_ms` when absent.
        #[serde(default)]
        max_ms: u64,
    },
    /// Pages hold no more records than that.
    PageCap {
        /// How many.
        records: usize,
    },
}

fn ok() -> u16 {
    200
}

/// A fault and when it happens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// How likely, from 0 to 1.
    pub probability: f64,
    /// How often at most; for ever when absent.
    pub count: Option<u64>,
    /// Only for that object.
    pub object: Option<String>,
    /// Only for that account.
    pub account: Option<String>,
}

impl Rule {
    /// Always, everywhere, until taken back.
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            probability: 1.0,
            count: None,
            object: None,
            account: None,
        }
    }

    /// The next so many times.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// That likely, from 0 to 1.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Only for that object.
    #[must_use]
    pub fn on(mut self, object: &str) -> Self {
        self.object = Some(object.to_owned());
        self
    }

    /// Only for that account.
    #[must_use]
    pub fn of_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    fn concerns(&self, account: &str, object: &str) -> bool {
        self.object.as_deref().is_none_or(|only| only == object)
            && self.account.as_deref().is_none_or(|only| only == account)
    }

    /// Rolls the dice, and counts down when it happens.
    fn fires(&mut self, dice: &mut Dice) -> bool {
        if self.count == Some(0) || dice.fraction() >= self.probability {
            return false;
        }
        self.count = self.count.map(|left| left - 1);
        true
    }
}

/// By hand, since serde cannot refuse unknown fields beside a flattened one.
impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Scope {
            #[serde(default = "certain")]
            probability: f64,
            count: Option<u64>,
            object: Option<String>,
            account: Option<String>,
        }
        fn certain() -> f64 {
            1.0
        }

        let mut fault = Map::deserialize(deserializer)?;
        let scope: Map<String, Value> = ["probability", "count", "object", "account"]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), fault.shift_remove(key)?)))
            .collect();
        let scope: Scope = serde_json::from_value(scope.into()).map_err(D::Error::custom)?;
        Ok(Self {
            fault: serde_json::from_value(fault.into()).map_err(D::Error::custom)?,
            probability: scope.probability,
            count: scope.count,
            object: scope.object,
            account: scope.account,
        })
    }
}

/// What becomes of the answer to one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) latency: Duration,
    /// At most one, besides the latency.
    pub(crate) fault: Option<Fault>,
}

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Vec<(u64, Rule)>,
    last: u64,
    dice: Dice,
}

impl Faults {
    pub(crate) fn new(dice: Dice) -> Self {
        Self {
            rules: Vec::new(),
            last: 0,
            dice,
        }
    }

    pub(crate) fn add(&mut self, rule: Rule) -> u64 {
        self.last += 1;
        self.rules.push((self.last, rule));
        self.last
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(of, _)| *of != id);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &(u64, Rule)> {
        self.rules.iter()
    }

    /// What happens to a request: the first latency and the first other fault that fire.
    pub(crate) fn plan(&mut self, account: &str, object: &str) -> Plan {
        let mut plan = Plan::default();
        let Self { rules, dice, .. } = self;
        for (_, rule) in rules {
            let wanted = match rule.fault {
                Fault::LateWrites { .. } | Fault::PageCap { .. } => false,
                Fault::Latency { .. } => plan.latency.is_zero(),
                _ => plan.fault.is_none(),
            };
            if !wanted || !rule.concerns(account, object) || !rule.fires(dice) {
                continue;
            }
            match rule.fault {
                Fault::Latency { min_ms, max_ms } => {
                    plan.latency = Duration::from_millis(between(dice, min_ms, max_ms));
                }
                ref fault => plan.fault = Some(fault.clone()),
            }
        }
        plan
    }

    /// How many milliseconds late a write becomes visible.
    pub(crate) fn lateness(&mut self, account: &str, object: &str) -> u64 {
        let Self { rules, dice, .. } = self;
        rules
            .iter_mut()
            .find_map(|(_, rule)| match rule.fault {
                Fault::LateWrites { min_ms, max_ms } if rule.concerns(account, object) => {
                    rule.fires(dice).then(|| between(dice, min_ms, max_ms))
                }
                _ => None,
            })
            .unwrap_or(0)
    }

    /// How many records a page may hold, if fewer than usual.
    pub(crate) fn page_cap(&mut self, account: &str, object: &str) -> Option<usize> {
        let Self { rules, dice, .. } = self;
        rules.iter_mut().find_map(|(_, rule)| match rule.fault {
            Fault::PageCap { records } if rule.concerns(account, object) => {
                rule.fires(dice).then_some(records)
            }
            _ => None,
        })
    }
}

fn between(dice: &mut Dice, min: u64, max: u64) -> u64 {
    min + dice.below(max.saturating_sub(min) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rules: Vec<Rule>) -> Faults {
        let mut faults = Faults::new(Dice::new(1));
        for rule in rules {
            faults.add(rule);
        }
        faults
    }

    #[test]
    fn a_rule_with_a_count_fires_that_often() {
        let mut faults = faults(vec![Rule::always(Fault::EmptyBody).times(2)]);

        let fired = (0..5).filter(|_| faults.plan("a", "Contacts").fault.is_some());

        assert_eq!(fired.count(), 2);
    }

    #[test]
    fn a_rule_of_one_object_leaves_the_others_alone() {
        let mut faults = faults(vec![Rule::always(Fault::CutMid).on("Leads")]);

        assert_eq!(faults.plan("a", "Contacts"), Plan::default());
        assert_eq!(faults.plan("a", "Leads").fault, Some(Fault::CutMid));
    }

    #[test]
    fn a_latency_and_another_fault_go_together() {
        let wait = Fault::Latency {
            min_ms: 5,
            max_ms: 9,
        };
        let mut faults = faults(vec![Rule::always(Fault::CutMid), Rule::always(wait)]);

        let plan = faults.plan("a", "Contacts");

        assert_eq!(plan.fault, Some(Fault::CutMid));
        assert!((5..=9).contains(&plan.latency.as_millis()));
    }

    #[test]
    fn half_a_chance_fires_about_half_the_time() {
        let mut faults = faults(vec![Rule::always(Fault::EmptyBody).with_probability(0.5)]);

        let fired = (0..1_000).filter(|_| faults.plan("a", "Contacts").fault.is_some());

        assert!((400..600).contains(&fired.count()));
    }

    #[test]
    fn a_misspelt_rule_is_refused() {
        let good = r#"{"kind": "status", "status": 503, "retry_after": 2, "count": 3}"#;
        let bad = r#"{"kind": "status", "status": 503, "cuont": 3}"#;

        let rule: Rule = serde_json::from_str(good).unwrap();

        assert_eq!(rule.count, Some(3));
        assert!(serde_json::from_str::<Rule>(bad).is_err());
    }
}
