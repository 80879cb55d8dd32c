//! Hints, and what becomes of polls that must wait.

use std::time::Duration;

use ie_model::{InstanceId, PollerStatus, Reason, Waiting};
use ie_store::{Note, PageCommit, PollerChanges, Progress, Store, Urge};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, claim, claimed_poller, instance, only_poller, poller, unsaved};

const GAP: Duration = Duration::from_secs(2);

fn urge(second: i64) -> Urge<'static> {
    Urge {
        resource: None,
        now: at(second),
        gap: GAP,
        modest: true,
        traceparent: None,
    }
}

async fn commit(store: &Store, fence: ie_model::Fence, progress: Progress) {
    let page = PageCommit::new(progress);
    store.commit_page(fence, &page).await.unwrap();
}

fn finished(second: i64) -> Progress {
    Progress::Finished {
        cursor: at(second),
        next_due: at(second + 900),
        planned: None,
        at: at(second),
    }
}

fn postponed(waiting: Waiting, due: i64, now: i64) -> Progress {
    Progress::Postponed {
        waiting,
        error: "why".to_owned(),
        next_due: at(due),
        at: at(now),
    }
}

#[rstest]
#[tokio::test]
async fn a_hint_makes_a_poller_due_a_gap_after_its_last_poll(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = claimed_poller(&db.store, 0).await.fence();
    commit(&db.store, fence, finished(10)).await;

    // Right after a poll, and long after it.
    assert_eq!(db.store.make_due(stored.id, urge(11)).await.unwrap(), 1);
    assert_eq!(only_poller(&db.store, stored.id).await.due_at, at(12));
    assert_eq!(db.store.make_due(stored.id, urge(500)).await.unwrap(), 1);

    // It was due already: nothing has changed.
    let poller = only_poller(&db.store, stored.id).await;
    assert_eq!((poller.due_at, poller.planned_at), (at(12), at(11)));
}

#[rstest]
#[tokio::test]
async fn hints_during_a_poll_are_followed_by_one_more(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = claimed_poller(&db.store, 0).await.fence();

    for second in 1..20 {
        assert_eq!(db.store.make_due(stored.id, urge(second)).await.unwrap(), 1);
    }
    let under_way = only_poller(&db.store, stored.id).await;
    assert_eq!(under_way.due_at, at(60));
    commit(&db.store, fence, finished(20)).await;

    assert_eq!(only_poller(&db.store, stored.id).await.due_at, at(22));
    let fence = claimed_poller(&db.store, 22).await.fence();
    commit(&db.store, fence, finished(23)).await;
    assert_eq!(only_poller(&db.store, stored.id).await.due_at, at(923));
}

#[rstest]
#[tokio::test]
async fn a_hint_before_the_claim_is_seen_by_the_poll_that_it_begins(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    // Its worker died: the lease of the first claim runs out.
    claim(&db.store, 0).await;
    db.store.make_due(stored.id, urge(1)).await.unwrap();

    let fence = claimed_poller(&db.store, 60).await.fence();
    commit(&db.store, fence, finished(61)).await;

    assert_eq!(only_poller(&db.store, stored.id).await.due_at, at(961));
}

#[rstest]
#[tokio::test]
async fn a_hint_concerns_its_resource_only(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts", "leads"]).await;
    for job in claim(&db.store, 0).await {
        let (poller, _) = db.store.poll_context(&job).await.unwrap().unwrap();
        commit(&db.store, poller.fence(), finished(1)).await;
    }
    let named = |resource| Urge {
        resource: Some(resource),
        ..urge(100)
    };

    assert_eq!(
        db.store.make_due(stored.id, named("leads")).await.unwrap(),
        1
    );
    assert_eq!(
        db.store.make_due(stored.id, named("tasks")).await.unwrap(),
        0
    );

    let due = db.store.pollers(stored.id).await.unwrap();
    let due: Vec<_> = due.iter().map(|poller| poller.due_at).collect();
    assert_eq!(due, [at(901), at(100)]);
}

#[rstest]
#[case(Waiting::Budget)]
#[case(Waiting::Rate)]
#[case(Waiting::RefusedKey)]
#[case(Waiting::Skipped)]
#[tokio::test]
async fn who_waits_for_something_is_not_hurried_by_a_hint_but_by_its_owner(
    #[values(Sqlite, Postgres)] backend: Backend,
    #[case] waiting: Waiting,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = claimed_poller(&db.store, 0).await.fence();
    commit(&db.store, fence, postponed(waiting, 5000, 1)).await;

    assert_eq!(db.store.make_due(stored.id, urge(10)).await.unwrap(), 0);
    let poller = only_poller(&db.store, stored.id).await;
    assert_eq!(
        (poller.due_at, poller.waiting, poller.cursor),
        (at(5000), Some(waiting), at(-60))
    );
    assert_eq!(poller.last_error.as_deref(), Some("why"));
    // Waiting for requests is no failure.
    let asked = matches!(waiting, Waiting::RefusedKey | Waiting::Skipped);
    assert_eq!(poller.failures, u32::from(asked));
    let late = poller.late(at(1000)).unwrap();
    assert_eq!(
        (late.due_at, late.reason),
        (at(0), Reason::Waiting(waiting))
    );

    let owner = Urge {
        modest: false,
        ..urge(10)
    };
    assert_eq!(db.store.make_due(stored.id, owner).await.unwrap(), 1);
    assert_eq!(only_poller(&db.store, stored.id).await.due_at, at(10));
    let fence = claimed_poller(&db.store, 10).await.fence();
    commit(&db.store, fence, finished(11)).await;
    let poller = only_poller(&db.store, stored.id).await;
    assert_eq!((poller.waiting, poller.late(at(20))), (None, None));
}

#[rstest]
#[tokio::test]
async fn the_next_poll_goes_on_with_the_trace_of_whoever_asked_for_it(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = claimed_poller(&db.store, 0).await.fence();
    let asked = Urge {
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ..urge(10)
    };

    // During a poll: it belongs to the one that follows.
    db.store.make_due(stored.id, asked).await.unwrap();
    commit(&db.store, fence, finished(11)).await;
    let claim = async |second| {
        let claims = db.store.claim_due(at(second), 9, GAP).await.unwrap();
        claims
            .into_iter()
            .map(|claim| claim.traceparent)
            .collect::<Vec<_>>()
    };
    let (first, later) = (claim(100).await, claim(10_000).await);

    assert_eq!(first, [asked.traceparent.map(str::to_owned)]);
    assert_eq!(later, [None]);
}

#[rstest]
#[tokio::test]
async fn a_stretched_poll_is_late_because_of_the_budget(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    let fence = claimed_poller(&db.store, 0).await.fence();
    let progress = Progress::Finished {
        cursor: at(1),
        next_due: at(9000),
        planned: Some(at(901)),
        at: at(1),
    };
    commit(&db.store, fence, progress).await;

    let late = only_poller(&db.store, stored.id).await.late(at(10));

    let late = late.unwrap();
    assert_eq!(late.due_at, at(901));
    assert_eq!(late.reason, Reason::Waiting(Waiting::Budget));
}

/// An instance whose hint token has this hash.
async fn hinted(store: &Store, hash: &str) -> ie_model::Instance {
    let mut instance = unsaved(store).await;
    instance.hint_hash = Some(hash.to_owned());
    let mut contacts = poller("contacts");
    contacts.due_at = at(900);
    store
        .create_instance(&instance, "token", &[contacts])
        .await
        .unwrap();
    instance
}

async fn due(store: &Store, id: InstanceId) -> i64 {
    (only_poller(store, id).await.due_at - at(0)).num_seconds()
}

#[rstest]
#[tokio::test]
async fn a_hint_finds_its_instance_by_the_hash_of_its_token(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let mut stored = hinted(&db.store, "old").await;
    assert!(db.store.hint("old", urge(5)).await.unwrap());
    assert_eq!(due(&db.store, stored.id).await, 5);
    assert!(!db.store.hint("unknown", urge(5)).await.unwrap());

    stored.hint_hash = Some("new".to_owned());
    let keep = PollerChanges {
        upsert: Vec::new(),
        keep_others: true,
    };
    crate::samples::update(&db.store, &stored, &keep).await;
    assert!(!db.store.hint("old", urge(5)).await.unwrap());
    assert!(db.store.hint("new", urge(5)).await.unwrap());

    db.store.delete_instance(stored.id).await.unwrap();
    assert!(!db.store.hint("new", urge(5)).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn while_requests_are_short_a_hint_has_no_effect(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = hinted(&db.store, "hash").await;
    let account = &stored.account;
    db.store
        .note_budget(account, Note::default(), at(0))
        .await
        .unwrap();
    db.store.set_stretch(account, 2.0, at(0)).await.unwrap();

    assert!(db.store.hint("hash", urge(5)).await.unwrap());
    assert_eq!(due(&db.store, stored.id).await, 900);

    // The next day there is enough again.
    assert!(db.store.hint("hash", urge(16 * 3600 + 1)).await.unwrap());
    assert_eq!(due(&db.store, stored.id).await, 900);
    db.store.set_stretch(account, 1.0, at(0)).await.unwrap();
    assert!(db.store.hint("hash", urge(5)).await.unwrap());
    assert_eq!(due(&db.store, stored.id).await, 5);
    let budget = db.store.budget(account).await.unwrap().unwrap();
    assert_eq!((budget.stretch, budget.paced_at), (1.0, at(0)));
}

#[rstest]
#[tokio::test]
async fn demand_is_that_of_the_accounts_pollers_that_run(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let first = instance(&db.store, &["contacts", "leads"]).await;
    let mut second = unsaved(&db.store).await;
    second.account = first.account.clone();
    let mut paused = poller("tasks");
    paused.status = PollerStatus::Paused;
    let mut hourly = poller("events");
    hourly.interval_minutes = 60;
    let pollers = [paused, hourly];
    db.store
        .create_instance(&second, "second", &pollers)
        .await
        .unwrap();
    instance(&db.store, &["contacts"]).await;

    let demand = db.store.demand(&first.account).await.unwrap();
    assert_eq!((demand.pollers, demand.polls_per_day), (3, 216.0));

    let job = claim(&db.store, 0).await.remove(0);
    let (poller, _) = db.store.poll_context(&job).await.unwrap().unwrap();
    commit(
        &db.store,
        poller.fence(),
        postponed(Waiting::Skipped, 900, 0),
    )
    .await;
    let demand = db.store.demand(&first.account).await.unwrap();
    assert_eq!(demand.pollers, 2);
}

#[rstest]
#[tokio::test]
async fn a_poller_that_goes_on_after_a_pause_is_due_and_stands_where_it_stood(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    // Paused while its job is in the queue, where it is dropped.
    let job = claim(&db.store, 0).await.remove(0);
    db.store
        .extend_claims(std::slice::from_ref(&job), at(600))
        .await
        .unwrap();
    let change = async |status, second| {
        let mut changed = poller("contacts");
        (changed.status, changed.due_at, changed.cursor) = (status, at(second), at(second));
        let changes = PollerChanges {
            upsert: vec![changed],
            keep_others: true,
        };
        crate::samples::update(&db.store, &stored, &changes).await;
    };
    change(PollerStatus::Paused, 10).await;
    assert_eq!(only_poller(&db.store, stored.id).await.late(at(9000)), None);

    change(PollerStatus::Active, 100).await;

    let found = only_poller(&db.store, stored.id).await;
    assert_eq!((found.due_at, found.lease_until), (at(100), None));
    assert_eq!((found.cursor, found.planned_at), (at(-60), at(100)));
    assert_eq!(claim(&db.store, 100).await.len(), 1);
    assert!(db.store.poll_context(&job).await.unwrap().is_none());
}
