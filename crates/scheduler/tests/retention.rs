//! The chore of forgetting, by one process at a time, beside deliveries that go on.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use ie_model::UserId;
use ie_platform::config::{self, Section as _};
use ie_platform::{Context, Process, TestClock};
use ie_scheduler::process::Config;
use ie_scheduler::retention::{self, Forgetting};
use ie_store::testing::Database;
use ie_store::{Claim, Claimed, NotificationFilter, Page, Store};
use rstest::rstest;
use tempfile::TempDir;

const COUNT: u32 = 1_050;

struct Rig {
    forgetting: Forgetting,
    clock: TestClock,
    _place: (TempDir, Option<Database>),
}

#[derive(Clone, Copy, Debug)]
enum Backend {
    Sqlite,
    Postgres,
}

impl Rig {
    async fn start(backend: Backend) -> Self {
        let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
        let context = Context {
            clock: Arc::new(clock.clone()),
            ..Context::new(Process {
                name: "ie-scheduler-tests",
                version: "0",
            })
        };
        let folder = tempfile::tempdir().unwrap();
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => {
                let server = config::env("TEST_DATABASE_URL")
                    .expect("TEST_DATABASE_URL is not set: run `make test`");
                Some(Database::create(&server).await.unwrap())
            }
        };
        let file = format!("sqlite:{}", folder.path().join("state.db").display());
        let url = database.as_ref().map_or(file, |one| one.url().to_owned());
        let variables = vec![
            ("IE__STORE__URL".to_owned(), url),
            ("IE__RETENTION__PAUSE".to_owned(), "0s".to_owned()),
        ];
        let config: Config = config::load_from(None, variables).unwrap();
        let store = Store::open(&config.store, &context).await.unwrap();
        store
            .fill_with_notified(COUNT, context.clock.now())
            .await
            .unwrap();
        let forgetting = Forgetting {
            config: config.retention,
            store,
            clock: context.clock.clone(),
        };
        Self {
            forgetting,
            clock,
            _place: (folder, database),
        }
    }

    async fn left(&self) -> usize {
        let page = Page {
            after: None,
            limit: 10_000,
        };
        let filter = NotificationFilter::default();
        self.forgetting
            .store
            .notifications(&filter, page)
            .await
            .unwrap()
            .len()
    }
}

#[rstest]
#[tokio::test]
async fn what_is_older_than_a_month_goes_in_small_steps(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let rig = Rig::start(backend).await;

    rig.clock.advance(Duration::from_secs(29 * 86_400));
    let young = rig.forgetting.round().await.unwrap();
    rig.clock.advance(Duration::from_secs(2 * 86_400));
    let (one, two) = tokio::join!(rig.forgetting.round(), rig.forgetting.round());
    let at_once = rig.forgetting.round().await.unwrap();

    assert_eq!(young.events, 0);
    let forgotten = one.unwrap().events + two.unwrap().events;
    assert_eq!(forgotten, u64::from(COUNT), "by one of the two");
    assert_eq!(at_once.events, 0, "it rests until its next time");
    assert_eq!(rig.left().await, 0);
}

#[rstest]
#[tokio::test]
async fn answers_of_requests_with_a_key_go_when_their_time_is_over(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let rig = Rig::start(backend).await;
    let store = &rig.forgetting.store;
    let begin = rig.forgetting.clock.now();
    let claim = |user: i64, days: i64| Claim {
        user: UserId(user),
        key_hash: "key".to_owned(),
        request_hash: "request".to_owned(),
        token: "token".to_owned(),
        began_at: begin,
        resumable_at: None,
        expires_at: begin + TimeDelta::days(days),
    };
    store.claim_key(&claim(1, 1)).await.unwrap();
    store.claim_key(&claim(2, 3)).await.unwrap();

    rig.clock.advance(Duration::from_secs(2 * 86_400));
    rig.forgetting.round().await.unwrap();

    let first = store.claim_key(&claim(1, 1)).await.unwrap();
    assert_eq!(first, Claimed::Fresh, "it was forgotten");
    let second = store.claim_key(&claim(2, 3)).await.unwrap();
    assert!(matches!(second, Claimed::UnderWay { .. }), "{second:?}");
}

#[test]
fn the_defaults_are_valid_and_a_zero_is_told_by_its_key() {
    assert!(retention::Config::DEFAULTS.contains("events = \"30d\""));
    let zero = vec![("IE__RETENTION__EVENTS".to_owned(), "0s".to_owned())];

    let error = config::load_from::<Config>(None, zero).unwrap_err();

    assert!(error.to_string().contains("retention.events"), "{error}");
}
