//! Records with defaults: a test writes only what it is about.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::{
    AccountKey, Attempt, DateField, Digest, Instance, InstanceId, MediaType, Notification,
    NotificationId, NotificationStatus, OrganizationId, PollJob, Poller, PollerStatus,
    ResourceConfig, Role, Settings, Version,
};
use ie_store::{
    AttemptRecord, KeptSecret, NewAccount, NewNotification, NewPoller, NewUser, Page, PageCommit,
    Principal, Progress, Store,
};
use serde_json::value::RawValue;

/// Everything that there is, for a small test.
pub(crate) const ALL: Page = Page {
    after: None,
    limit: 1000,
};

/// So many seconds after the tests' begin of time, 2026-11-24 08:00 UTC.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    let begin: DateTime<Utc> = "2026-11-24T08:00:00Z".parse().unwrap();
    begin + TimeDelta::seconds(seconds)
}

pub(crate) async fn principal(store: &Store) -> Principal {
    let account = NewAccount {
        organization: "acme".to_owned(),
        user: "kim".to_owned(),
        organization_secret_hash: "aa".to_owned(),
        user_secret_hash: "bb".to_owned(),
    };
    store.ensure_account(&account).await.unwrap()
}

/// A secret as it is kept.
pub(crate) fn kept(hash: &str) -> KeptSecret {
    KeptSecret {
        hash: hash.to_owned(),
        sealed: format!("sealed {hash}"),
    }
}

/// A user with a password.
pub(crate) fn user(organization: OrganizationId, name: &str, role: Role) -> NewUser {
    NewUser {
        organization,
        name: name.to_owned(),
        secret: kept(&format!("secret of {name}")),
        password_hash: Some(format!("password of {name}")),
        role,
    }
}

/// An instance that is not stored yet.
pub(crate) async fn unsaved(store: &Store) -> Instance {
    let owner = principal(store).await;
    let id = store.next_instance_id().await.unwrap();
    Instance {
        id,
        organization: owner.organization,
        user: owner.user,
        name: format!("crm {id}"),
        tags: vec!["blue".to_owned()],
        configuration: serde_json::from_str(r#"{"b": "2", "a": 1}"#).unwrap(),
        secrets: BTreeMap::from([("password".to_owned(), "v1.k.sealed".to_owned())]),
        settings: settings(),
        account: AccountKey(format!("key {id}")),
        valid: true,
        disabled: false,
        reason: None,
        hint_hash: None,
        failing_since: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) fn token_hash(id: InstanceId) -> String {
    format!("token of {id}")
}

/// A stored instance with a poller per resource, each due at [`at`]`(0)`.
pub(crate) async fn instance(store: &Store, resources: &[&str]) -> Instance {
    let instance = unsaved(store).await;
    let pollers: Vec<NewPoller> = resources.iter().map(|resource| poller(resource)).collect();
    store
        .create_instance(&instance, &token_hash(instance.id), &pollers)
        .await
        .unwrap();
    instance
}

/// Changes an instance, whatever was changed since it was read; gives the time of the change.
pub(crate) async fn update(
    store: &Store,
    instance: &Instance,
    changes: &ie_store::PollerChanges,
) -> DateTime<Utc> {
    let stored = store.instance(instance.id).await.unwrap().unwrap();
    let instance = Instance {
        updated_at: stored.updated_at,
        ..instance.clone()
    };
    store.update_instance(&instance, changes).await.unwrap()
}

pub(crate) fn poller(resource: &str) -> NewPoller {
    NewPoller {
        resource: resource.to_owned(),
        object: resource.to_uppercase(),
        config: resource_config(),
        interval_minutes: 15,
        cursor: at(-60),
        due_at: at(0),
        status: PollerStatus::Active,
    }
}

/// The one poller of an instance that has one.
pub(crate) async fn only_poller(store: &Store, instance: InstanceId) -> Poller {
    let mut pollers = store.pollers(instance).await.unwrap();
    assert_eq!(pollers.len(), 1);
    pollers.remove(0)
}

/// Claims everything that is due at this second, for a minute.
pub(crate) async fn claim(store: &Store, second: i64) -> Vec<PollJob> {
    let lease = std::time::Duration::from_secs(60);
    store.claim_jobs(at(second), 1000, lease).await.unwrap()
}

/// Claims the one poller that is due, and reads it.
pub(crate) async fn claimed_poller(store: &Store, second: i64) -> Poller {
    let jobs = claim(store, second).await;
    assert_eq!(jobs.len(), 1);
    store.poll_context(&jobs[0]).await.unwrap().unwrap().0
}

pub(crate) fn under_way(second: i64) -> Progress {
    Progress::UnderWay {
        lease_until: at(second),
    }
}

pub(crate) fn page(
    versions: Vec<(String, Version)>,
    notifications: Vec<NewNotification>,
    progress: Progress,
) -> PageCommit {
    PageCommit {
        versions,
        notifications,
        ..PageCommit::new(progress)
    }
}

pub(crate) fn version(second: i64, sequence: i64) -> Version {
    Version {
        updated_at: at(second),
        digest: Digest([u8::try_from(sequence % 256).unwrap(); 16]),
        sequence,
        content: None,
    }
}

/// A notification to be stored, due to the relay at [`at`]`(30)`.
pub(crate) fn notification(id: NotificationId, instance: InstanceId) -> NewNotification {
    NewNotification {
        notification: Notification {
            id,
            instance,
            resource: "contacts".to_owned(),
            created_at: at(0),
            body: RawValue::from_string(format!(r#"{{"id":  {id}}}"#)).unwrap(),
            purpose: ie_model::Purpose::Changes,
            media_type: MediaType::CloudEvent,
        },
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        due_at: at(30),
        ordered: None,
    }
}

/// Stores this many notifications of an instance which has one poller, and returns their ids.
pub(crate) async fn stored_notifications(
    store: &Store,
    instance: InstanceId,
    count: u32,
) -> Vec<NotificationId> {
    let ids = store.reserve_notification_ids(count).await.unwrap();
    let notifications = ids.iter().map(|id| notification(*id, instance)).collect();
    let fence = only_poller(store, instance).await.fence();
    let page = page(Vec::new(), notifications, under_way(60));
    store.commit_page(fence, &page).await.unwrap();
    ids
}

pub(crate) fn attempt(
    id: NotificationId,
    number: u32,
    status: NotificationStatus,
) -> AttemptRecord {
    let refused = status != NotificationStatus::Notified;
    AttemptRecord {
        attempt: Attempt {
            notification: id,
            number,
            at: at(i64::from(number)),
            duration_ms: 120,
            status_code: Some(if refused { 503 } else { 200 }),
            error: refused.then(|| format!("attempt {number}: 503")),
            response: Some("busy".to_owned()),
            error_class: None,
            headers: None,
        },
        status,
        due_at: (status == NotificationStatus::Dispatched).then(|| at(i64::from(number) + 100)),
    }
}

/// The status of one notification.
pub(crate) async fn status(store: &Store, id: NotificationId) -> NotificationStatus {
    let state = store.delivery_state(id).await.unwrap();
    state.unwrap().status
}

fn settings() -> Settings {
    Settings {
        base_url: "https://api.na1.insightly.com/v3.1".to_owned(),
        events_enabled: true,
        callback_url: Some("https://example.com/hook".to_owned()),
        refresh_interval: 15,
        zone: "UTC".to_owned(),
        overlap: 60,
        batch: 10,
        raw_enabled: false,
        deletes_interval: 0,
        initial: ie_model::Initial::None,
        changes: false,
        skip_unchanged: false,
        requests_per_second: None,
        requests_per_day: None,
        delivery: ie_model::DeliverySettings::default(),
    }
}

fn resource_config() -> ResourceConfig {
    ResourceConfig {
        url: "/hubs/crm/contacts".to_owned(),
        id_field: "CONTACT_ID".to_owned(),
        updated: DateField {
            path: "DATE_UPDATED_UTC".to_owned(),
            format: "yyyy-MM-dd HH:mm:ss".to_owned(),
            zone: "UTC".to_owned(),
        },
        created: None,
        filter_by_updated_date: true,
        created_check_tolerance: 10,
        page_size: Some(500),
        poll_delay: 0,
    }
}
