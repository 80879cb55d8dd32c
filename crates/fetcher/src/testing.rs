//! What tests of decisions begin with.

use chrono::{DateTime, Utc};
use ie_model::{
    DateField, Epoch, Initial, InstanceId, Poller, PollerId, PollerStatus, ResourceConfig, Settings,
};
use ie_platform::config::Section as _;

use crate::Config;

/// A poller that was due by plan at that time.
pub(crate) fn poller(interval_minutes: u32, planned_at: DateTime<Utc>) -> Poller {
    Poller {
        id: PollerId(1),
        instance: InstanceId(1),
        resource: "contacts".to_owned(),
        object: "Contacts".to_owned(),
        config: ResourceConfig {
            url: "/hubs/crm/contacts".to_owned(),
            id_field: "CONTACT_ID".to_owned(),
            updated: DateField {
                path: "DATE_UPDATED_UTC".to_owned(),
                format: "yyyy-MM-dd HH:mm:ss".to_owned(),
                zone: "GMT".to_owned(),
            },
            created: None,
            filter_by_updated_date: true,
            created_check_tolerance: 10,
            page_size: None,
            poll_delay: 0,
        },
        interval_minutes,
        due_at: planned_at,
        lease_until: None,
        epoch: Epoch(1),
        revision: 0,
        cursor: planned_at,
        baseline: planned_at,
        status: PollerStatus::Active,
        last_poll_at: None,
        last_error: None,
        failures: 0,
        quarantined: 0,
        planned_at,
        waiting: None,
    }
}

/// The settings of an instance that asks for nothing special.
pub(crate) fn settings() -> Settings {
    Settings {
        base_url: "https://api.na1.insightly.com/v3.1".to_owned(),
        events_enabled: true,
        callback_url: None,
        refresh_interval: 15,
        zone: "UTC".to_owned(),
        overlap: 120,
        batch: 10,
        raw_enabled: true,
        deletes_interval: 0,
        initial: Initial::None,
        changes: false,
        skip_unchanged: false,
        requests_per_second: None,
        requests_per_day: None,
        delivery: ie_model::DeliverySettings::default(),
    }
}

/// The fetcher as it is by default.
pub(crate) fn config() -> Config {
    #[derive(serde::Deserialize)]
    struct File {
        fetcher: Config,
    }
    toml::from_str::<File>(Config::DEFAULTS).unwrap().fetcher
}
