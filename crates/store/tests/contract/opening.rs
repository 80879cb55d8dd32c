//! Opening: configuration, migrations, waiting for the database, health.

use std::time::{Duration, Instant};

use futures::future::join_all;
use ie_model::NotificationStatus::Notified;
use ie_platform::TestClock;
use ie_platform::config::{self, Problems, Section};
use ie_store::{Config, Error, Store};
use rstest::rstest;
use secrecy::ExposeSecret;
use sqlx::{Connection as _, Executor as _};

use crate::harness::Backend::{Postgres, Sqlite};
use crate::harness::{self, Backend};
use crate::samples::{ALL, at, attempt, instance, status, stored_notifications};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_share_one_migration(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let blank = backend.blank().await;

    let opened = join_all((0..4).map(|_| blank.open())).await;

    for store in &opened {
        let store = store.as_ref().unwrap();
        store.ping().await.unwrap();
        store.next_instance_id().await.unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn what_was_stored_is_there_after_opening_again(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;

    let reopened = db.another().await;

    let found = reopened.instances(stored.organization, ALL).await.unwrap();
    assert_eq!(found, [stored]);
}

/// What the next version does to the database: it adds, and leaves what is there.
async fn migrate_to_the_next_version(url: &str) {
    let next = [
        "ALTER TABLE instances ADD COLUMN mood TEXT",
        "ALTER TABLE notifications ADD COLUMN weight INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE deliveries ADD COLUMN lane TEXT NOT NULL DEFAULT 'fast'",
        "CREATE TABLE moods (id INTEGER PRIMARY KEY)",
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 9999, 'moods', success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
    ];
    if url.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        for statement in next {
            connection.execute(statement).await.unwrap();
        }
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        for statement in next {
            connection.execute(statement).await.unwrap();
        }
    }
}

#[rstest]
#[tokio::test]
async fn processes_of_this_version_run_and_start_beside_those_of_the_next(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    // Given a process of this version that runs while the next one migrates,
    let db = backend.start().await;
    let before = instance(&db.store, &["contacts"]).await;
    migrate_to_the_next_version(db.url()).await;

    // when it goes on, and another of this version starts,
    let started = db.another().await;
    let after = instance(&started, &["contacts"]).await;

    // then both read and write everything that they know.
    for store in [&db.store, &started] {
        let found = store.instances(before.organization, ALL).await.unwrap();
        assert_eq!(found, [before.clone(), after.clone()]);
    }
    let id = stored_notifications(&started, after.id, 1).await[0];
    let accepted = attempt(id, 1, Notified);
    db.store.record_attempts(&[accepted]).await.unwrap();
    assert_eq!(status(&started, id).await, Notified);
}

#[rstest]
#[tokio::test]
async fn the_component_store_is_ready_once_open(#[values(Sqlite, Postgres)] backend: Backend) {
    let blank = backend.blank().await;
    let context = harness::context(&TestClock::at(at(0)));

    let store = Store::open(&harness::config(&blank.url), &context).await;

    store.unwrap();
    assert!(context.health.is_ready());
}

#[tokio::test]
async fn the_time_of_each_operation_is_measured() {
    let numbers = ie_platform::metrics::install();
    let db = Sqlite.start().await;

    db.store.next_instance_id().await.unwrap();

    let shown = numbers.render();
    let counted = r#"ie_store_seconds_count{operation="next_instance_id"}"#;
    assert!(shown.contains(counted), "{shown}");
}

#[tokio::test]
async fn a_database_that_does_not_come_is_given_up_in_time() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut config = harness::config(&format!("postgres://ie@127.0.0.1:{port}/ie"));
    config.connect_timeout = Duration::from_millis(500);
    let context = harness::context(&TestClock::at(at(0)));
    let begin = Instant::now();

    let error = Store::open(&config, &context).await.unwrap_err();

    assert!(error.is_transient(), "{error}");
    assert!(!context.health.is_ready());
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn waiting_for_a_database_ends_when_the_process_stops() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let config = harness::config(&format!("postgres://ie@127.0.0.1:{port}/ie"));
    let context = harness::context(&TestClock::at(at(0)));
    context.lifecycle.stop();

    let error = Store::open(&config, &context).await.unwrap_err();

    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn a_wrong_database_name_is_reported_at_once() {
    let url = harness::on_server(&harness::server_url(), "ie_there_is_no_such_database");
    let context = harness::context(&TestClock::at(at(0)));

    let error = Store::open(&harness::config(&url), &context)
        .await
        .unwrap_err();

    assert!(matches!(error, Error::Url(_)), "{error}");
    assert!(error.to_string().contains("ie_there_is_no_such_database"));
}

#[rstest]
#[case::another_product("mysql://localhost/ie")]
#[case::nothing("")]
#[case::memory("sqlite::memory:")]
#[case::shared_memory("sqlite:file:x?mode=memory")]
#[tokio::test]
async fn a_url_that_cannot_be_used_is_refused(#[case] url: &str) {
    let context = harness::context(&TestClock::at(at(0)));

    let opened = Store::open(&harness::config(url), &context).await;

    assert!(matches!(opened, Err(Error::Url(_))));
}

#[tokio::test]
async fn the_folder_of_a_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data/deep/state.db");
    let context = harness::context(&TestClock::at(at(0)));

    let url = format!("sqlite:{}", file.display());
    Store::open(&harness::config(&url), &context).await.unwrap();

    assert!(file.exists());
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Root {
    store: Config,
}

impl config::Config for Root {
    fn defaults() -> Vec<&'static str> {
        vec![Config::DEFAULTS]
    }

    fn validate(&self, problems: &mut Problems) {
        self.store.validate(problems);
    }
}

#[test]
fn the_defaults_need_only_a_url() {
    let url = ("IE__STORE__URL".to_owned(), "sqlite:state.db".to_owned());

    let root: Root = config::load_from(None, [url]).unwrap();

    assert_eq!(root.store.url.expose_secret(), "sqlite:state.db");
    assert_eq!(root.store.refused_retry, Duration::from_secs(3600));
}

#[test]
fn every_wrong_value_is_named() {
    let mut config = harness::config("ftp://x");
    config.max_connections = 0;
    config.connect_timeout = Duration::ZERO;
    let mut problems = Problems::default();

    config.validate(&mut problems);

    let keys: Vec<&str> = problems.keys().collect();
    let expected = [
        "store.url",
        "store.max_connections",
        "store.connect_timeout",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn the_password_is_not_shown() {
    let config = harness::config("postgres://ie:hunter2@db/ie");

    let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());

    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("@db/ie"), "{shown}");
}
