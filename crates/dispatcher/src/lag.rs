//! How late accepted changes are: since Insightly saved them, and the part of it that is ours, since they were stored.

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::Notification;
use metrics::histogram;

use crate::classify::Class;
use crate::deliver::Attempted;

/// How late a notification was accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lag {
    /// Seconds since the oldest of its changes, by Insightly's clock and ours.
    change: f64,
    /// Seconds since a fetcher stored it.
    notification: f64,
}

/// Names and explains the metrics.
pub(crate) fn describe() {
    metrics::describe_histogram!(
        "ie_change_lag_seconds",
        "From a change in Insightly until its callback has accepted it"
    );
    metrics::describe_histogram!(
        "ie_notification_lag_seconds",
        "The part of it that is ours: since the change was read and stored"
    );
}

/// Notes how late a notification is that has been accepted and recorded; what tells of no change is never late.
pub(crate) fn note(attempted: &Attempted, notification: &Notification) {
    if attempted.class != Class::Accepted {
        return;
    }
    let attempt = &attempted.attempt;
    let took = TimeDelta::milliseconds(i64::try_from(attempt.duration_ms).unwrap_or(i64::MAX / 2));
    if let Some(lag) = lag(notification, attempt.at + took) {
        histogram!("ie_change_lag_seconds").record(lag.change);
        histogram!("ie_notification_lag_seconds").record(lag.notification);
    }
}

fn lag(notification: &Notification, accepted: DateTime<Utc>) -> Option<Lag> {
    let changed = notification.oldest_change()?;
    // Two clocks are never the same, and Insightly's has whole seconds.
    let since = |at: DateTime<Utc>| ((accepted - at).as_seconds_f64()).max(0.0);
    Some(Lag {
        change: since(changed),
        notification: since(notification.created_at),
    })
}

#[cfg(test)]
mod tests {
    use ie_model::{InstanceId, MediaType, NotificationId, Purpose};
    use serde_json::value::RawValue;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn notification(purpose: Purpose) -> Notification {
        let body = r#"{"message":{"events":[{"date":"2026-11-24T10:00:00Z"}]}}"#;
        Notification {
            id: NotificationId(1042),
            instance: InstanceId(17),
            resource: "contacts".to_owned(),
            created_at: at("2026-11-24T10:05:00.250Z"),
            body: RawValue::from_string(body.to_owned()).unwrap(),
            purpose,
            media_type: MediaType::Json,
        }
    }

    #[test]
    fn a_lag_is_told_in_seconds_and_so_is_our_part_of_it() {
        let accepted = at("2026-11-24T10:05:01.750Z");

        let lag = lag(&notification(Purpose::Changes), accepted).unwrap();

        assert_eq!((lag.change, lag.notification), (301.75, 1.5));
    }

    #[test]
    fn a_clock_that_is_ahead_of_ours_gives_no_negative_lag() {
        let lag = lag(&notification(Purpose::Changes), at("2026-11-24T09:59:59Z"));

        assert_eq!(
            lag.map(|lag| (lag.change, lag.notification)),
            Some((0.0, 0.0))
        );
    }

    #[test]
    fn what_tells_of_no_change_is_never_late() {
        assert_eq!(
            lag(&notification(Purpose::Test), at("2026-11-24T11:00:00Z")),
            None
        );
    }
}
