//! Whether it is this copy's turn: messages come at least once, and the store knows what has been done.

use ie_store::DeliveryState;

use ie_model::NotificationStatus;

/// What to do with a copy of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Call, as attempt of this number.
    Call(u32),
    /// Its attempt has been recorded as failed, but perhaps its retry is not in the queue: give it back for the retry.
    ///
    /// That is where a dispatcher dies between the record and the broker's confirmation. The other reading is that the
    /// retry is in the queue and only the acknowledgement was lost; then two copies go on side by side, of which the
    /// second finds each attempt recorded by the first.
    Resume(u32),
    /// Nothing: it is done, or a later copy has gone on without this one.
    Stale,
}

/// Decides by the attempt that the copy carries (from 1) and by what the store knows.
pub(crate) fn turn(attempt: u32, known: Option<DeliveryState>) -> Turn {
    let Some(known) = known else {
        return Turn::Call(attempt);
    };
    if known.status.is_final() {
        return Turn::Stale;
    }
    let waits_for_retry = known.status == NotificationStatus::Dispatched;
    if waits_for_retry && known.attempts > attempt {
        return Turn::Stale;
    }
    if waits_for_retry && known.attempts == attempt {
        return Turn::Resume(attempt);
    }
    // A notification that was redriven has attempts of its former life: the numbers go on.
    Turn::Call(attempt.max(known.attempts.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use NotificationStatus::{Consumed, Dispatched, Failed, New, Notified, Received};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::first(1, Received, 0, Turn::Call(1))]
    #[case::published_but_not_marked(1, New, 0, Turn::Call(1))]
    #[case::retry(2, Dispatched, 1, Turn::Call(2))]
    #[case::retry_whose_former_attempt_was_not_recorded(3, Dispatched, 1, Turn::Call(3))]
    #[case::accepted(1, Notified, 1, Turn::Stale)]
    #[case::retry_of_an_accepted(2, Notified, 1, Turn::Stale)]
    #[case::taken_otherwise(1, Consumed, 0, Turn::Stale)]
    #[case::given_up(4, Failed, 4, Turn::Stale)]
    #[case::overtaken(1, Dispatched, 2, Turn::Stale)]
    #[case::recorded_but_not_given_back(2, Dispatched, 2, Turn::Resume(2))]
    #[case::redriven(11, Received, 10, Turn::Call(11))]
    #[case::redriven_from_the_beginning(1, Received, 10, Turn::Call(11))]
    #[case::republished_after_a_restart(2, New, 2, Turn::Call(3))]
    fn a_copy_is_called_resumed_or_dropped(
        #[case] attempt: u32,
        #[case] status: NotificationStatus,
        #[case] attempts: u32,
        #[case] expected: Turn,
    ) {
        assert_eq!(
            turn(
                attempt,
                Some(DeliveryState {
                    status,
                    attempts,
                    earlier: 0
                })
            ),
            expected
        );
    }

    #[test]
    fn a_notification_that_the_store_does_not_know_is_called() {
        assert_eq!(turn(3, None), Turn::Call(3));
    }
}
