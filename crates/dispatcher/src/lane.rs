//! The lane of a notification: what stands at its other end. Each lane has slots, a breaker and a rate of its own, so that
//! a notice or a test does not wait behind a dead callback's changes.

use ie_model::{InstanceId, Notification, Purpose};

/// Everything that goes to one address for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lane {
    /// Whose; of the operator there is one for all instances.
    pub(crate) instance: InstanceId,
    /// What for.
    pub(crate) purpose: Purpose,
}

impl Lane {
    /// Where this notification goes.
    pub(crate) fn of(notification: &Notification) -> Self {
        let instance = match notification.purpose {
            Purpose::Operator => InstanceId(0),
            Purpose::Changes | Purpose::Operational | Purpose::Test => notification.instance,
        };
        Self {
            instance,
            purpose: notification.purpose,
        }
    }

    /// The changes of an instance.
    #[cfg(test)]
    pub(crate) fn changes(instance: i64) -> Self {
        Self {
            instance: InstanceId(instance),
            purpose: Purpose::Changes,
        }
    }
}
