//! Instances and notifications, as the API and the fetcher store them.

use std::collections::BTreeMap;
use std::time::Duration;

use ie_model::instance::secret;
use ie_model::{
    AccountKey, DateField, DeliverySettings, Instance, InstanceId, Notification, OrganizationId,
    PollerStatus, ResourceConfig, Settings, UserId,
};
use ie_platform::seal::Sealer;
use ie_store::{NewAccount, NewNotification, NewPoller, PageCommit, Progress, Store};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::now;

const LEASE: Duration = Duration::from_secs(600);

/// Who owns the instances of a test.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    organization: OrganizationId,
    user: UserId,
}

/// An instance to be created.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewInstance {
    callback: Option<String>,
    configuration: Map<String, Value>,
    secrets: BTreeMap<&'static str, String>,
    disabled: bool,
    delivery: DeliverySettings,
}

impl NewInstance {
    pub(crate) fn notifying(callback: &str) -> Self {
        Self {
            callback: Some(callback.to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn with_secret(mut self, name: &'static str, value: &str) -> Self {
        self.secrets.insert(name, value.to_owned());
        self
    }

    pub(crate) fn with_configuration(mut self, key: &str, value: &str) -> Self {
        self.configuration.insert(key.to_owned(), json!(value));
        self
    }

    pub(crate) fn with_delivery(mut self, delivery: DeliverySettings) -> Self {
        self.delivery = delivery;
        self
    }

    pub(crate) fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }
}

pub(crate) async fn owner(store: &Store) -> Owner {
    let account = NewAccount {
        organization: "test".to_owned(),
        user: "test".to_owned(),
        organization_secret_hash: "organization".to_owned(),
        user_secret_hash: "user".to_owned(),
    };
    let principal = store.ensure_account(&account).await.unwrap();
    Owner {
        organization: principal.organization,
        user: principal.user,
    }
}

pub(crate) async fn create(
    store: &Store,
    sealer: &Sealer,
    owner: Owner,
    new: NewInstance,
) -> InstanceId {
    let id = store.next_instance_id().await.unwrap();
    let seal = |(name, value): (&'static str, String)| {
        let sealed = sealer.seal(&value, &secret::context(id, name));
        (name.to_owned(), sealed)
    };
    let instance = Instance {
        id,
        organization: owner.organization,
        user: owner.user,
        name: "My CRM".to_owned(),
        tags: Vec::new(),
        configuration: new.configuration,
        secrets: new.secrets.into_iter().map(seal).collect(),
        settings: Settings {
            base_url: "https://api.na1.insightly.com/v3.1".to_owned(),
            events_enabled: true,
            callback_url: new.callback,
            refresh_interval: 15,
            zone: "UTC".to_owned(),
            overlap: 5,
            batch: 10,
            raw_enabled: true,
            deletes_interval: 0,
            initial: ie_model::Initial::None,
            changes: false,
            skip_unchanged: false,
            requests_per_second: None,
            requests_per_day: None,
            delivery: new.delivery,
        },
        account: AccountKey("1".to_owned()),
        valid: true,
        disabled: new.disabled,
        reason: None,
        hint_hash: None,
        failing_since: None,
        created_at: now(),
        updated_at: now(),
    };
    let token_hash = format!("token {id}");
    let pollers = [contacts()];
    let created = store.create_instance(&instance, &token_hash, &pollers);
    created.await.unwrap();
    id
}

fn contacts() -> NewPoller {
    NewPoller {
        resource: "contacts".to_owned(),
        object: "Contacts".to_owned(),
        config: ResourceConfig {
            url: "/hubs/crm/contacts?where=updated_after_utc='${date:yyyy-MM-dd HH:mm:ss}'"
                .to_owned(),
            id_field: "CONTACT_ID".to_owned(),
            updated: DateField {
                path: "DATE_UPDATED_UTC".to_owned(),
                format: "yyyy-MM-dd HH:mm:ss".to_owned(),
                zone: "UTC".to_owned(),
            },
            created: None,
            filter_by_updated_date: true,
            created_check_tolerance: 10,
            page_size: None,
            poll_delay: 0,
        },
        interval_minutes: 15,
        cursor: now(),
        due_at: now(),
        status: PollerStatus::Active,
    }
}

/// Stores one notification through a poll of the instance's contacts.
pub(crate) async fn notify(store: &Store, instance: InstanceId) -> Notification {
    let id = store.reserve_notification_ids(1).await.unwrap()[0];
    // Spaces, order and letters beyond ASCII: whatever is made is posted byte for byte.
    let body = format!(r#"{{ "id": {id},  "b": 1.50, "a": ["é", "\u00e9"] }}"#);
    let notification = Notification {
        id,
        instance,
        resource: "contacts".to_owned(),
        created_at: now(),
        body: RawValue::from_string(body).unwrap(),
        purpose: ie_model::Purpose::Changes,
        media_type: ie_model::MediaType::default(),
    };
    let page = PageCommit {
        notifications: vec![NewNotification {
            notification: notification.clone(),
            traceparent: None,
            due_at: now() + LEASE,
            ordered: None,
        }],
        ..PageCommit::new(Progress::UnderWay {
            lease_until: now() + LEASE,
        })
    };
    let pollers = store.pollers(instance).await.unwrap();
    store.commit_page(pollers[0].fence(), &page).await.unwrap();
    notification
}
