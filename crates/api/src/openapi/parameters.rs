//! What requests are narrowed by: parameters that several operations share.
#![expect(dead_code, reason = "types that are only described, never made")]

use utoipa::IntoParams;

use super::schemas::{ErrorClassName, IntervalName, StatusName};

/// An instance of the organization.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OneInstance {
    /// The instance's id, as `POST /instances` gave it.
    #[param(minimum = 1, example = 17)]
    id: i64,
}

/// An event.
#[derive(IntoParams)]
#[into_params(parameter_in = Path, rename_all = "camelCase")]
pub(crate) struct OneEvent {
    /// The event's id.
    #[param(example = "1042")]
    event_id: String,
}

/// An entry of an instance's configuration.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OneEntry {
    /// The entry's key.
    #[param(example = "event.poller.refresh_interval")]
    key: String,
}

/// A connector.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OneElement {
    /// The connector's key or id: `insightly` or `1`.
    #[param(example = "insightly")]
    element: String,
}

/// A page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct Paging {
    /// Entries in a page; more than `api.max_page_size` are that many.
    #[param(minimum = 1, maximum = 4294967295i64, example = 50)]
    page_size: Option<i64>,
    /// The token of the answer before, from its header `elements-next-page-token`.
    next_page: Option<String>,
}

/// What events are narrowed by.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct Narrowing {
    /// Only of this resource.
    #[param(example = "contacts")]
    object_type: Option<String>,
    /// Only those whose last attempt failed like this.
    #[param(inline)]
    error_class: Option<ErrorClassName>,
    /// Stored at this time or later: ISO-8601, a day, or milliseconds since 1970.
    #[param(example = "2026-11-24T10:00:00Z")]
    from: Option<String>,
    /// Stored before this time.
    #[param(example = "2026-11-25")]
    to: Option<String>,
}

/// The status of events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Status {
    /// Only those that stand so.
    #[param(inline)]
    status: Option<StatusName>,
}

/// The instance of events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct OfInstance {
    /// Only of this instance.
    #[param(minimum = 1)]
    instance_id: Option<i64>,
}

/// What instances are narrowed by.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindInstances {
    /// Only those with all of these tags.
    #[param(rename = "tags[]", style = Form, explode)]
    tags: Option<Vec<String>>,
    /// Only those with this text in their name.
    search: Option<String>,
}

/// A resource that is polled.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfResource {
    /// Only this resource.
    #[param(example = "contacts")]
    resource: Option<String>,
}

/// A hint's secret.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct HintToken {
    /// The secret of the instance's `hintUrl`.
    token: String,
}

/// The place where a stream goes on.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Continued {
    /// The id of the last event that was received.
    #[param(rename = "Last-Event-ID")]
    last_event_id: Option<i64>,
}

/// A resource of the hub.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct HubResource {
    /// The resource: a name of `GET /hubs/crm/objects`, or of a custom object.
    #[param(example = "contacts")]
    resource: String,
}

/// A record of the hub.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct HubRecord {
    /// The record's id in Insightly.
    #[param(example = "318219")]
    record: String,
}

/// An address of a record.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct HubAddress {
    /// The kind: `MAIL` or `OTHER` for contacts, `BILLING` or `SHIP` for accounts, `PRIMARY` for leads.
    #[param(example = "MAIL")]
    address: String,
}

/// A search of the hub.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct HubSearch {
    /// The value of one field and a time, as Insightly's search takes them.
    #[param(rename = "where", example = "updated_after_utc='2018-02-21 07:31:45'")]
    condition: Option<String>,
    /// Records in a page, 500 at the most.
    #[param(minimum = 1, maximum = 4294967295i64, example = 200)]
    page_size: Option<i64>,
    /// The number of the page, from 1 on; not together with `nextPage`.
    #[param(minimum = 1, maximum = 4294967295i64)]
    page: Option<i64>,
    /// The token of the answer before, from its header `elements-next-page-token`.
    next_page: Option<String>,
}

/// What is counted, and by which intervals.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Counted {
    /// From this time on: ISO-8601, a day, or milliseconds since 1970; a day before `to` without it.
    #[param(example = "2026-11-24T10:00:00Z")]
    from: Option<String>,
    /// Up to this time, its interval included; now without it.
    #[param(example = "2026-11-25")]
    to: Option<String>,
    /// The length of an interval; `hour` without it.
    #[param(inline)]
    interval: Option<IntervalName>,
    /// Only of these accounts, which have to be one's own.
    #[param(rename = "accountIds[]", style = Form, explode, example = json!([1]))]
    accounts: Option<Vec<i64>>,
}

/// An organization.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OneOrganization {
    /// The organization's id.
    #[param(minimum = 1, example = 1)]
    id: i64,
}

/// A user.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OneUser {
    /// The user's id.
    #[param(minimum = 1, example = 1)]
    id: i64,
}

/// A name.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Named {
    /// Only the one of this name.
    name: Option<String>,
}
