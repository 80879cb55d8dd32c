//! No statement of a hot path scans a table: SQLite is asked how it would run each of them.
//!
//! PostgreSQL has the same indexes, but chooses by its statistics.

use ie_model::{Fence, PollerId};
use secrecy::SecretString;
use sqlx::AssertSqlSafe;

use crate::database::{Database, Lock};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::{
    Config, Interval, Span, analytics, budget, deliveries, discard, hints, idempotency, notices,
    notification_row, order, pages, polls, prune, quarantine, relay, reschedule, walks,
};

/// The tables that grow.
const TABLES: [&str; 12] = [
    "idempotency_keys",
    "unsettled",
    "walks",
    "presences",
    "quarantine",
    "instances",
    "pollers",
    "versions",
    "notifications",
    "deliveries",
    "attempts",
    "budgets",
];

fn ids() -> Rows {
    Rows::new().int("id", [1, 2])
}

fn keys() -> Rows {
    Rows::new().text("record_key", ["id:1", "id:2"])
}

fn objects() -> Rows {
    Rows::new().text("object_id", ["1", "2"])
}

fn claims() -> Rows {
    ids().int("epoch", [1, 2])
}

fn states() -> Rows {
    ids()
        .int("number", [1, 1])
        .text("status", ["NOTIFIED", "FAILED"])
        .int("due_at", [1, 2])
        .text("error", ["", ""])
        .int("ended_at", [1, 2])
}

fn whole_backlog(instance: Option<ie_model::InstanceId>) -> reschedule::Rescheduled {
    reschedule::Rescheduled {
        instance,
        after: None,
        limit: 10,
    }
}

fn urge(text: &'static str) -> Sql {
    let sql = Sql::new(text).bind(1_i64).bind(1_i64).bind(1_i64);
    sql.bind(Some("contacts")).bind(true)
}

/// Every statement that runs per tick, per poll, per page, per request or per delivery.
fn hot_statements() -> Vec<Sql> {
    let fence = Fence {
        poller: PollerId(1),
        epoch: ie_model::Epoch(1),
        revision: 1,
    };
    let under_way = pages::Progress::UnderWay {
        lease_until: chrono::DateTime::UNIX_EPOCH,
    };
    vec![
        Sql::new(polls::SELECT_DUE).bind(1_i64).bind(10_i64),
        Sql::new(polls::SELECT_FIRST_DUE).bind(1_i64),
        Sql::new(polls::CLAIM).bind(1_i64).rows(ids()),
        Sql::new(polls::EXTEND).bind(1_i64).rows(claims()),
        Sql::new(polls::RELEASE).bind(1_i64).rows(claims()),
        Sql::new(pages::SELECT_VERSIONS)
            .bind(1_i64)
            .rows(Rows::new().text("object_id", ["1", "2"])),
        pages::progress(fence, &under_way),
        Sql::new(relay::MARK_RECEIVED).bind(1_i64).rows(ids()),
        Sql::new(relay::SELECT_UNPUBLISHED).bind(1_i64).bind(10_i64),
        Sql::new(relay::COUNT_UNPUBLISHED).bind(10_i64),
        notification_row::select_by_ids([1, 2]),
        Sql::new(deliveries::UPDATE_STATES).rows(states()),
        Sql::new(deliveries::COUNT_ATTEMPTS).rows(states()),
        Sql::new(notices::COUNT_DEAD).rows(ids()),
        Sql::new(order::LOCK_OBJECTS)
            .bind(1_i64)
            .bind("contacts")
            .rows(objects()),
        Sql::new(order::HOLD).rows(ids()),
        Sql::new(order::LOCK_SETTLED).rows(ids()),
        Sql::new(order::SELECT_NEXT).rows(ids()),
        Sql::new(order::SELECT_HEADS).rows(ids()),
        Sql::new(order::REMOVE).rows(ids()),
        Sql::new(order::FREE).bind(1_i64).rows(ids()),
        Sql::new(order::SELECT_HELD).bind(1_i64).bind(10_i64),
        reschedule::select_waiting(whole_backlog(None)),
        reschedule::select_waiting(whole_backlog(Some(ie_model::InstanceId(1)))),
        Sql::new(reschedule::MOVE).rows(ids().int("attempts", [1, 1]).int("due_at", [1, 1])),
        Sql::new(deliveries::FAIL)
            .bind("why")
            .bind(1_i64)
            .rows(ids()),
        Sql::new(discard::DISCARD).bind(1_i64).rows(ids()),
        budget::select_budget(&ie_model::AccountKey("account".to_owned())),
        Sql::new(budget::DEMAND).bind("account"),
        Sql::new(hints::SELECT_HINTED).bind("hash").bind(1_i64),
        urge(hints::SELECT_CONCERNED),
        urge(hints::URGE),
        Sql::new(Lock::Pollers.text()).rows(ids()),
        Sql::new(Lock::PollersOfInstances.text()).rows(ids()),
        Sql::new(Lock::Deliveries.text()).rows(ids()),
    ]
}

/// What is asked over a long time, of few among many.
fn analytics_statements() -> Vec<Sql> {
    let span = |instance| Span {
        organization: ie_model::OrganizationId(1),
        instance,
        from: chrono::DateTime::UNIX_EPOCH,
        to: chrono::DateTime::UNIX_EPOCH,
        interval: Interval::Minute,
    };
    [None, Some(ie_model::InstanceId(1))]
        .map(span)
        .iter()
        .flat_map(|span| [analytics::count(span), analytics::outcomes(span, 10)])
        .collect()
}

/// What a page may write of the quarantine and of the memory of versions.
fn record_statements() -> Vec<Sql> {
    vec![
        Sql::new(quarantine::SELECT_DUE)
            .bind(1_i64)
            .bind(1_i64)
            .bind(5_i64),
        Sql::new(quarantine::RELEASE).bind(1_i64).rows(keys()),
        Sql::new(quarantine::RELEASE_UNMET)
            .bind(1_i64)
            .bind(1_i64)
            .bind(1_i64)
            .bind(1_i64),
        Sql::new(quarantine::POSTPONE)
            .bind(1_i64)
            .rows(keys().int("retry_at", [1, 2])),
        Sql::new(prune::SELECT_STRETCH)
            .bind(1_i64)
            .bind("7")
            .bind(100_i64),
        Sql::new(prune::FORGET)
            .bind(1_i64)
            .bind("7")
            .bind("8")
            .bind(1_i64),
        Sql::new(walks::SELECT_WALKS).rows(ids()),
        Sql::new(walks::SELECT_MISSING)
            .bind(1_i64)
            .bind(1_i64)
            .bind(1_i64),
        Sql::new(walks::SELECT_GONE).bind(1_i64).rows(objects()),
        Sql::new(walks::DELETE_PRESENCES)
            .bind(1_i64)
            .rows(objects()),
    ]
}

/// What a request with an `Idempotency-Key` asks, and what forgets it.
fn key_statements() -> Vec<Sql> {
    let key = Sql::new(idempotency::SELECT_KEY).bind(1_i64).bind("key");
    let forget = Sql::new(idempotency::FORGET).bind(1_i64).bind(10_i64);
    vec![key, forget]
}

#[tokio::test]
async fn no_hot_statement_scans_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    let config = Config {
        url: SecretString::from(format!("sqlite:{}", file.display())),
        max_connections: 1,
        connect_timeout: std::time::Duration::from_secs(10),
        acquire_timeout: std::time::Duration::from_secs(10),
        call_timeout: std::time::Duration::from_secs(10),
        refused_retry: std::time::Duration::from_secs(10),
    };
    let Database::Sqlite { readers, .. } = Database::open(&config).await.unwrap() else {
        panic!("the URL names SQLite");
    };

    let statements = [
        hot_statements(),
        record_statements(),
        key_statements(),
        analytics_statements(),
    ];
    for statement in statements.into_iter().flatten() {
        let ready = statement.sqlite().unwrap();
        let question = format!("EXPLAIN QUERY PLAN {}", ready.text.0);
        let asked = sqlx::query_as_with(AssertSqlSafe(question.clone()), ready.arguments);
        let steps: Vec<(i64, i64, i64, String)> = asked.fetch_all(&readers).await.unwrap();
        assert!(!steps.is_empty(), "{question}");
        for (.., step) in steps {
            let scans = TABLES
                .iter()
                .any(|table| step.starts_with(&format!("SCAN {table}")));
            // The backlog itself is counted in its own small index, up to a limit.
            assert!(
                !scans || step.contains("deliveries_new") || step.contains("deliveries_waiting"),
                "{step}: {question}"
            );
        }
    }
}
