//! How many requests each user may send: `api.requests_per_second`, kept by each process of the API for itself.

use std::time::Duration;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use ie_model::UserId;
use ie_platform::throttle::Throttle;

use crate::error::{ApiError, Result};

/// So many seconds' requests may come at once.
const BURST_SECONDS: u32 = 10;

/// What is known of the users' recent requests; nothing, when there is no limit.
#[derive(Debug)]
pub(crate) struct Limits(Option<Throttle<UserId>>);

impl Limits {
    /// So many per second and user; 0 is no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        let throttle = (per_second > 0).then(|| {
            let between = Duration::from_secs(1) / per_second;
            Throttle::new(per_second.saturating_mul(BURST_SECONDS), between)
        });
        Self(throttle)
    }

    /// Counts a request of this user, or refuses it.
    pub(crate) fn admit(&self, user: UserId, now: DateTime<Utc>) -> Result<()> {
        let Some(throttle) = &self.0 else {
            return Ok(());
        };
        throttle.try_now(&user, now).map_err(|wait| {
            ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "this user sends more requests than api.requests_per_second allows; wait for as long as Retry-After says",
            )
            .retry_after(Some(wait))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_has_its_own_limit_and_zero_is_none() {
        let now = DateTime::from_timestamp(1_795_514_400, 0).unwrap();
        let count = |limits: &Limits, user| {
            let admitted = (0..1000).take_while(|_| limits.admit(UserId(user), now).is_ok());
            admitted.count()
        };

        let limits = Limits::new(5);

        assert_eq!(count(&limits, 1), 50);
        assert_eq!(count(&limits, 2), 50);
        assert_eq!(count(&Limits::new(0), 1), 1000);
    }
}
