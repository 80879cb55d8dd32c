//! Tests of [`super`]: what becomes of a message when the store does not do its part.

use chrono::DateTime;
use ie_broker::Decision;
use ie_model::NotificationId;
use ie_platform::OutgoingConfig;
use ie_platform::config::{self, Problems, Section};
use ie_platform::seal::Sealer;
use ie_platform::{Context, Process};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::*;
use crate::recorder::{self, AttemptLog};

#[derive(Deserialize, Serialize)]
struct Sections {
    store: ie_store::Config,
    dispatcher: crate::Config,
}

impl config::Config for Sections {
    fn defaults() -> Vec<&'static str> {
        vec![ie_store::Config::DEFAULTS, crate::Config::DEFAULTS]
    }

    fn validate(&self, _: &mut Problems) {}
}

/// A store that is away, or refuses.
struct Broken(fn() -> ie_store::Error);

#[async_trait]
impl AttemptLog for Broken {
    async fn record(&self, _: &[AttemptRecord]) -> Result<(), ie_store::Error> {
        Err(self.0())
    }
}

fn away() -> ie_store::Error {
    ie_store::Error::Unavailable("away".into())
}

/// A deliverer whose attempts cannot be recorded.
async fn deliverer(broken: Broken) -> (Deliverer, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let context = Context::new(Process {
        name: "ie-dispatcher",
        version: "test",
    });
    let mut sections: Sections = config::load_from(None, []).unwrap();
    let file = folder.path().join("store.db");
    sections.store.url = format!("sqlite:{}", file.display()).into();
    let store = Store::open(&sections.store, &context).await.unwrap();
    let sealer = Sealer::from_base64(&Sealer::generate_key()).unwrap();
    let config = sections.dispatcher;
    let rules = config.rules(OutgoingConfig { allow_http: true });
    let deliverer = crate::run::build(&context, store, sealer, rules, (&config, 128)).unwrap();
    let settings = recorder::Settings {
        batch: 1,
        linger: Duration::ZERO,
        limit: Duration::ZERO,
    };
    let recorder = Recorder::start(broken, settings, &context.lifecycle);
    let deliverer = Deliverer {
        recorder,
        ..deliverer
    };
    (deliverer, folder)
}

fn attempted(class: Class, status: u16) -> Attempted {
    Attempted {
        instance: InstanceId(17),
        lane: Lane::changes(17),
        schedule: Schedule {
            delays: ie_model::RetrySchedule(vec![Duration::from_secs(5)]),
            retry_after_cap: Duration::from_secs(60),
            earlier: 0,
        },
        failing_since: None,
        attempt: Attempt {
            notification: NotificationId(1042),
            number: 1,
            at: DateTime::UNIX_EPOCH,
            duration_ms: 5,
            status_code: Some(status),
            error: None,
            response: None,
            error_class: None,
            headers: None,
        },
        class,
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_goes_back_to_the_queue_and_is_looked_up_then() {
    for broken in [away, || ie_store::Error::NotFound] {
        let (deliverer, _folder) = deliverer(Broken(broken)).await;

        for (class, status) in [
            (Class::Accepted, 200),
            (Class::Failed, 500),
            (Class::Gone, 410),
        ] {
            let failure = deliverer
                .settle(&attempted(class, status))
                .await
                .unwrap_err();

            // The attempt's number rises, and with a number above 1 a message is looked up.
            assert_eq!(
                failure.decision(),
                Decision::RetryAfter(STORE_AWAY),
                "{class:?}"
            );
        }
    }
}

#[test]
fn a_store_that_is_away_costs_no_attempt() {
    let failure = store_failure(away());

    assert_eq!(failure.decision(), Decision::Park(STORE_AWAY));
}

#[test]
fn a_stored_value_that_cannot_be_read_is_retried_and_at_last_a_dead_letter() {
    let failure = store_failure(ie_store::Error::Corrupt {
        what: "an instance",
        source: "not JSON".into(),
    });

    assert_eq!(failure.decision(), Decision::Retry);
}
