//! How a notification and its attempts stand in their tables.

use std::str::FromStr;

use ie_model::{
    Attempt, ErrorClass, InstanceId, MediaType, Notification, NotificationId, NotificationStatus,
    Purpose, StoredNotification,
};
use serde_json::value::RawValue;

use crate::poller_row::to_u32;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::{Error, Result, time};

/// What is delivered, and where it stands.
pub(crate) const SELECT_NOTIFICATIONS: &str = "SELECT notifications.id, notifications.instance_id, notifications.resource, \
     notifications.created_at, notifications.body, notifications.traceparent, notifications.purpose, notifications.media_type, \
     deliveries.status, deliveries.attempts, deliveries.due_at, deliveries.last_error \
     FROM notifications JOIN deliveries ON deliveries.notification_id = notifications.id";

/// The notifications of these ids, by id.
pub(crate) fn select_by_ids(ids: impl IntoIterator<Item = i64>) -> Sql {
    let mut sql = Sql::new(SELECT_NOTIFICATIONS);
    sql.push(" WHERE notifications.id IN (SELECT id FROM rows) ORDER BY notifications.id");
    sql.rows(Rows::new().int("id", ids))
}

#[derive(Debug, sqlx::FromRow)]
pub(crate) struct NotificationRow {
    id: i64,
    instance_id: i64,
    resource: String,
    created_at: i64,
    body: String,
    media_type: String,
    traceparent: Option<String>,
    purpose: String,
    status: String,
    attempts: i64,
    due_at: Option<i64>,
    last_error: Option<String>,
}

impl TryFrom<NotificationRow> for StoredNotification {
    type Error = Error;

    fn try_from(row: NotificationRow) -> Result<Self> {
        let body = RawValue::from_string(row.body)
            .map_err(|error| Error::corrupt("a notification's body", error))?;
        Ok(Self {
            notification: Notification {
                id: NotificationId(row.id),
                instance: InstanceId(row.instance_id),
                resource: row.resource,
                created_at: time::from_ms(row.created_at)?,
                body,
                purpose: Purpose::from_str(&row.purpose)
                    .map_err(|error| Error::corrupt("a notification's purpose", error))?,
                media_type: MediaType::from_str(&row.media_type)
                    .map_err(|error| Error::corrupt("a notification's media type", error))?,
            },
            status: status(&row.status)?,
            attempts: to_u32("a notification's attempts", row.attempts)?,
            due_at: time::from_optional_ms(row.due_at)?,
            last_error: row.last_error,
            traceparent: row.traceparent,
        })
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(crate) struct AttemptRow {
    notification_id: i64,
    number: i64,
    at: i64,
    duration_ms: i64,
    status_code: Option<i64>,
    error: Option<String>,
    error_class: Option<String>,
    response: Option<String>,
    headers: Option<String>,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = Error;

    fn try_from(row: AttemptRow) -> Result<Self> {
        let status_code = row.status_code.map(u16::try_from).transpose();
        let error_class = row.error_class.as_deref().map(ErrorClass::from_str);
        let error_class = error_class.transpose();
        Ok(Self {
            notification: NotificationId(row.notification_id),
            number: to_u32("an attempt's number", row.number)?,
            at: time::from_ms(row.at)?,
            duration_ms: u64::try_from(row.duration_ms)
                .map_err(|error| Error::corrupt("an attempt's duration", error))?,
            status_code: status_code
                .map_err(|error| Error::corrupt("an attempt's status code", error))?,
            error: row.error,
            error_class: error_class
                .map_err(|error| Error::corrupt("an attempt's error class", error))?,
            response: row.response,
            headers: row.headers,
        })
    }
}

pub(crate) fn status(text: &str) -> Result<NotificationStatus> {
    NotificationStatus::from_str(text)
        .map_err(|error| Error::corrupt("a notification's status", error))
}
