//! Events, counted.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

/// Events of one interval.
#[derive(ToSchema)]
pub(crate) struct EventCount {
    /// The beginning of the interval.
    timestamp: DateTime<Utc>,
    /// How many.
    count: u64,
}

/// How the events of one interval ended, by instance.
#[derive(ToSchema)]
pub(crate) struct CountsOfInstances {
    /// The beginning of the interval.
    timestamp: DateTime<Utc>,
    /// How many events there are in all.
    total: u64,
    /// Those instances that have any.
    records: Vec<InstanceCount>,
}

/// How an instance's events ended.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct InstanceCount {
    /// The instance.
    instance_id: i64,
    /// How many.
    count: u64,
    /// How many were accepted.
    success: u64,
    /// How many are dead letters.
    failed: u64,
}

/// How the events of one interval ended, by account.
#[derive(ToSchema)]
pub(crate) struct CountsOfAccounts {
    /// The beginning of the interval.
    timestamp: DateTime<Utc>,
    /// How many events there are in all.
    total: u64,
    /// The account, if it has any.
    records: Vec<AccountCount>,
}

/// How an account's events ended.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct AccountCount {
    /// The organization.
    account_id: i64,
    /// How many.
    count: u64,
    /// How many were accepted.
    success: u64,
    /// How many are dead letters.
    failed: u64,
}

/// The length of an interval.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum IntervalName {
    Minute,
    Hour,
    Day,
}
