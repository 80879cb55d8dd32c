//! What somebody should look at now: what the alerts of `deploy/prometheus` say that the store and the queue know themselves.

use maud::{Markup, html};

use super::BASE;
use super::parts::{self, count};

/// Notifications that may wait to be published, poll jobs and notifications that may wait in the queue: as the alerts
/// `RelayBacklogGrows`, `PollJobsPileUp` and `NotificationsWait` have it.
const MANY_UNPUBLISHED: u64 = 1_000;
const MANY_POLLS: u64 = 1_000;
const MANY_CHANGES: u64 = 10_000;

/// What is known of the system and of an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Services of which no process was seen lately.
    pub(super) missing: Vec<&'static str>,
    /// Whether the queue answers.
    pub(super) queue_lost: bool,
    /// Stored and not in the queue.
    pub(super) unpublished: u64,
    /// Poll jobs and notifications in the queue, to be handed out.
    pub(super) polls: u64,
    /// The same for notifications.
    pub(super) changes: u64,
    /// Dead letters of the last hour.
    pub(super) dead: u64,
    /// Instances whose key is refused.
    pub(super) refused: u64,
    /// Instances whose callback only fails.
    pub(super) failing: u64,
    /// Instances that we have switched off.
    pub(super) switched_off: u64,
    /// Pollers that are late.
    pub(super) late: u64,
    /// Accounts whose requests are short.
    pub(super) stretched: u64,
}

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alert {
    /// `bad` when nothing moves, `warn` when a part of it does not.
    pub(super) tone: &'static str,
    /// What is so.
    pub(super) text: String,
    /// What to do.
    pub(super) advice: &'static str,
    /// Where it is seen: a path of the dashboard, or nothing.
    pub(super) path: &'static str,
}

/// Everything that somebody should look at, the worst first.
pub(super) fn alerts(facts: &Facts) -> Vec<Alert> {
    let mut alerts = of_system(facts);
    alerts.extend(of_organization(facts));
    alerts.sort_by_key(|alert| alert.tone != "bad");
    alerts
}

fn of_system(facts: &Facts) -> Vec<Alert> {
    let alert = |tone, text, advice| Alert {
        tone,
        text,
        advice,
        path: "",
    };
    let missing = facts.missing.iter().map(|service| {
        let text = format!("No {service} has been seen for 45 seconds");
        alert(
            "bad",
            text,
            "Start one, or look at its log: it may have lost the store.",
        )
    });
    let mut alerts: Vec<Alert> = missing.collect();
    if facts.queue_lost {
        alerts.push(alert(
            "bad",
            "The queue cannot be reached".to_owned(),
            "Look at RabbitMQ and at the log of the api. What is stored is published once it is back.",
        ));
    }
    for (number, limit, what, advice) in [
        (
            facts.unpublished,
            MANY_UNPUBLISHED,
            "notification",
            "They are stored and not in the queue: look at RabbitMQ and at the fetchers' log.",
        ),
        (
            facts.polls,
            MANY_POLLS,
            "poll job",
            "They wait in the queue, so changes are found late. More fetchers help when that lasts.",
        ),
        (
            facts.changes,
            MANY_CHANGES,
            "notification",
            "They wait in the queue. More dispatchers help, unless the callbacks are slow.",
        ),
    ] {
        if number > limit {
            alerts.push(alert(
                "warn",
                format!("{} wait", count(number, what)),
                advice,
            ));
        }
    }
    alerts
}

/// How bad it is, how many there are, what one of them and what several are, what helps, and where they are seen.
type Known = (
    &'static str,
    u64,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

fn of_organization(facts: &Facts) -> Vec<Alert> {
    let told = known(facts).into_iter();
    let told = told.filter(|(_, number, ..)| *number > 0);
    told.map(|(tone, number, one, several, advice, path)| Alert {
        tone,
        text: format!(
            "{} {}",
            parts::number(number),
            if number == 1 { one } else { several }
        ),
        advice,
        path,
    })
    .collect()
}

fn known(facts: &Facts) -> [Known; 6] {
    [
        (
            "bad",
            facts.refused,
            "instance has a key that Insightly refuses",
            "instances have keys that Insightly refuses",
            "Give each the key that Insightly shows in User Settings, under API.",
            "/instances?state=refused",
        ),
        (
            "warn",
            facts.switched_off,
            "instance was switched off since its callback failed too long or is gone",
            "instances were switched off since their callbacks failed too long or are gone",
            "Mend the callback, resume the instance and redrive its dead letters.",
            "/instances?state=paused",
        ),
        (
            "warn",
            facts.failing,
            "callback only fails",
            "callbacks only fail",
            "A test event shows what it says. Its events are kept and tried again.",
            "/instances?state=failing",
        ),
        (
            "warn",
            facts.dead,
            "event became a dead letter within the last hour",
            "events became dead letters within the last hour",
            "See what failed, mend it and redrive them.",
            "/dead-letters",
        ),
        (
            "warn",
            facts.late,
            "poll is late",
            "polls are late",
            "The page of the instance says what each waits for.",
            "/instances",
        ),
        (
            "warn",
            facts.stretched,
            "Insightly account is short of requests, so its polls are further apart",
            "Insightly accounts are short of requests, so their polls are further apart",
            "Longer intervals, fewer resources or a larger plan help.",
            "/instances",
        ),
    ]
}

/// The card.
pub(super) fn card(alerts: &[Alert]) -> Markup {
    html! {
        section.card aria-labelledby="alerts" {
            header { h2 #alerts { "Alerts" } p { "of the queues and of your organization" } }
            div.pad.stack {
                @if alerts.is_empty() { p.notice.good { "Nothing needs to be looked at." } }
                @for alert in alerts {
                    div.notice.(alert.tone) {
                        p { strong { (alert.text) "." } }
                        p { (alert.advice) @if !alert.path.is_empty() { " " a href={ (BASE) (alert.path) } { "Look at it" } "." } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_well_while_nothing_is_wrong() {
        let busy = Facts {
            unpublished: MANY_UNPUBLISHED,
            polls: MANY_POLLS,
            changes: MANY_CHANGES,
            ..Facts::default()
        };

        assert_eq!(alerts(&busy), []);
    }

    #[test]
    fn each_fact_is_one_alert_and_the_worst_come_first() {
        let facts = Facts {
            missing: vec!["fetcher"],
            queue_lost: true,
            unpublished: MANY_UNPUBLISHED + 1,
            polls: MANY_POLLS + 1,
            changes: MANY_CHANGES + 1,
            dead: 1,
            refused: 2,
            failing: 3,
            switched_off: 4,
            late: 5,
            stretched: 6,
        };

        let alerts = alerts(&facts);

        assert_eq!(alerts.len(), 11);
        let bad = alerts.iter().take_while(|alert| alert.tone == "bad");
        assert_eq!(bad.count(), 3);
        let says = |text: &str| alerts.iter().any(|alert| alert.text.starts_with(text));
        assert!(says("No fetcher"), "{alerts:#?}");
        assert!(says("2 instances have keys"), "{alerts:#?}");
        assert!(says("1 event became a dead letter"), "{alerts:#?}");
    }
}
