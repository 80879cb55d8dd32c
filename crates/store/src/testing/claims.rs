//! Claims where a test is no scheduler.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::PollJob;

use crate::{Result, Store};

impl Store {
    /// The jobs of [`Store::claim_due`], whoever asked for them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn claim_jobs(
        &self,
        now: DateTime<Utc>,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<PollJob>> {
        let claims = self.claim_due(now, limit, lease).await?;
        Ok(claims.into_iter().map(|claim| claim.job).collect())
    }
}
