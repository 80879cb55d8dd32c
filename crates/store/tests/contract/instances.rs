//! Instances and their pollers, as clients manage them.

use std::collections::HashSet;

use chrono::TimeDelta;
use ie_model::{Instance, InstanceId, NotificationStatus, OrganizationId, PollerStatus};
use ie_store::{Error, Page, PollerChanges, Progress, Urge};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{
    ALL, at, attempt, claim, claimed_poller, instance, only_poller, page, poller, status,
    stored_notifications, token_hash, unsaved, version,
};

#[rstest]
#[tokio::test]
async fn an_instance_is_read_as_it_was_stored(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts", "leads"]).await;

    let by_id = db.store.instance(stored.id).await.unwrap();
    let by_token = db.store.instance_by_token(&token_hash(stored.id)).await;

    assert_eq!(by_id.as_ref(), Some(&stored));
    assert_eq!(by_token.unwrap(), Some(stored.clone()));
    let keys: Vec<&String> = stored.configuration.keys().collect();
    assert_eq!(
        by_id.unwrap().configuration.keys().collect::<Vec<_>>(),
        keys
    );
    let nobody = db.store.instance_by_token("another").await.unwrap();
    assert_eq!(nobody, None);
}

#[rstest]
#[tokio::test]
async fn pollers_begin_at_their_cursor(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["leads", "contacts"]).await;

    let pollers = db.store.pollers(stored.id).await.unwrap();

    let resources: HashSet<&str> = pollers.iter().map(|p| p.resource.as_str()).collect();
    assert_eq!(resources, HashSet::from(["contacts", "leads"]));
    for found in pollers {
        let new = poller(&found.resource);
        assert_eq!((found.cursor, found.baseline), (new.cursor, new.cursor));
        assert_eq!((found.object, found.config), (new.object, new.config));
        assert_eq!((found.due_at, found.lease_until), (new.due_at, None));
        assert_eq!((found.interval_minutes, found.failures), (15, 0));
        assert_eq!((found.epoch.get(), found.revision), (0, 0));
        assert_eq!(found.status, PollerStatus::Active);
    }
}

#[rstest]
#[tokio::test]
async fn an_instance_that_clashes_leaves_nothing_behind(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let first = instance(&db.store, &["contacts"]).await;
    let second = unsaved(&db.store).await;

    let same_token = token_hash(first.id);
    let pollers = [poller("leads")];
    let clash = db.store.create_instance(&second, &same_token, &pollers);

    assert!(matches!(clash.await, Err(Error::Conflict(_))));
    assert_eq!(db.store.instance(second.id).await.unwrap(), None);
    assert!(db.store.pollers(second.id).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn instances_are_listed_page_by_page_to_their_owner(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(instance(&db.store, &[]).await);
    }
    let owner = all[0].organization;

    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = Page { after, limit: 2 };
        let part = db.store.instances(owner, page).await.unwrap();
        assert!(part.len() <= 2);
        let Some(last) = part.last() else { break };
        after = Some(last.id.get());
        listed.extend(part);
    }

    assert_eq!(listed, all);
    let stranger = OrganizationId(owner.get() + 1);
    assert!(db.store.instances(stranger, ALL).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn an_update_keeps_what_the_pollers_have_read(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let mut changed = instance(&db.store, &["contacts"]).await;
    let before = claimed_poller(&db.store, 1).await;
    let progress = Progress::Finished {
        cursor: at(5),
        next_due: at(900),
        planned: None,
        at: at(6),
    };
    let known = vec![("7".to_owned(), version(3, 1))];
    let finished = page(known, Vec::new(), progress);
    db.store
        .commit_page(before.fence(), &finished)
        .await
        .unwrap();

    changed.name = "renamed".to_owned();
    let mut new = poller("contacts");
    new.interval_minutes = 60;
    new.config.page_size = None;
    new.cursor = at(100);
    new.due_at = at(2000);
    new.status = PollerStatus::Paused;
    let changes = PollerChanges {
        upsert: vec![new.clone(), poller("leads")],
        keep_others: false,
    };
    changed.updated_at = crate::samples::update(&db.store, &changed, &changes).await;

    let found = db.store.instance(changed.id).await.unwrap();
    assert_eq!(found, Some(changed.clone()));
    let pollers = db.store.pollers(changed.id).await.unwrap();
    let after = pollers.iter().find(|p| p.id == before.id).unwrap();
    assert_eq!((after.cursor, after.baseline), (at(5), before.baseline));
    assert_eq!((after.epoch, after.due_at), (before.epoch, at(900)));
    assert_eq!(
        (after.interval_minutes, after.status),
        (60, PollerStatus::Paused)
    );
    assert_eq!(after.config, new.config);
    let seven = ["7".to_owned()];
    let versions = db.store.known_versions(before.id, &seven).await.unwrap();
    assert_eq!(versions["7"], version(3, 1));
    assert!(pollers.iter().any(|p| p.resource == "leads"));
}

#[rstest]
#[tokio::test]
async fn an_update_brings_the_due_time_forward(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    db.store
        .set_validity(stored.id, false, Some("refused"), at(0))
        .await
        .unwrap();

    let changes = PollerChanges {
        upsert: vec![poller("contacts")],
        keep_others: true,
    };
    crate::samples::update(&db.store, &stored, &changes).await;

    let due = only_poller(&db.store, stored.id).await.due_at;
    assert_eq!(due, poller("contacts").due_at);
}

#[rstest]
#[tokio::test]
async fn an_update_removes_the_pollers_it_does_not_name(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts", "leads"]).await;
    let job = claim(&db.store, 0).await.remove(0);

    let kept = PollerChanges {
        upsert: Vec::new(),
        keep_others: true,
    };
    crate::samples::update(&db.store, &stored, &kept).await;
    assert_eq!(db.store.pollers(stored.id).await.unwrap().len(), 2);
    let removed = PollerChanges::default();
    crate::samples::update(&db.store, &stored, &removed).await;

    assert!(db.store.pollers(stored.id).await.unwrap().is_empty());
    assert_eq!(db.store.poll_context(&job).await.unwrap(), None);
}

/// Of two that read the same, the second would undo what the first has changed.
#[rstest]
#[tokio::test]
async fn an_update_of_what_another_has_changed_is_refused(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let read = instance(&db.store, &["contacts"]).await;
    let kept = PollerChanges {
        upsert: Vec::new(),
        keep_others: true,
    };
    let renamed = Instance {
        name: "renamed".to_owned(),
        ..read.clone()
    };

    let first = db.store.update_instance(&renamed, &kept).await.unwrap();
    let second = db.store.update_instance(&read, &kept).await;

    assert!(first > read.updated_at, "also within one millisecond");
    assert!(matches!(second, Err(Error::Overtaken)), "{second:?}");
    let found = db.store.instance(read.id).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.updated_at), ("renamed", first));
}

#[rstest]
#[tokio::test]
async fn what_is_not_there_cannot_be_updated(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let never_stored = unsaved(&db.store).await;

    let changes = PollerChanges {
        upsert: vec![poller("contacts")],
        keep_others: true,
    };
    let update = db.store.update_instance(&never_stored, &changes).await;

    assert!(matches!(update, Err(Error::NotFound)));
    assert!(db.store.pollers(never_stored.id).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn deleting_an_instance_ends_everything_of_it(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let doomed = instance(&db.store, &["contacts"]).await;
    let other = instance(&db.store, &["contacts"]).await;
    let ids = stored_notifications(&db.store, doomed.id, 3).await;
    let others = stored_notifications(&db.store, other.id, 1).await;
    let accepted = attempt(ids[0], 1, NotificationStatus::Notified);
    db.store.record_attempts(&[accepted]).await.unwrap();
    db.store.mark_received(&ids[1..2], at(60)).await.unwrap();
    let fence = only_poller(&db.store, doomed.id).await.fence();

    assert!(db.store.delete_instance(doomed.id).await.unwrap());

    assert_eq!(db.store.instance(doomed.id).await.unwrap(), None);
    let token = token_hash(doomed.id);
    assert_eq!(db.store.instance_by_token(&token).await.unwrap(), None);
    let listed = db.store.instances(doomed.organization, ALL).await.unwrap();
    assert_eq!(listed, [other]);
    assert!(db.store.pollers(doomed.id).await.unwrap().is_empty());
    let late = page(Vec::new(), Vec::new(), crate::samples::under_way(90));
    let late = db.store.commit_page(fence, &late).await;
    assert!(matches!(late, Err(Error::Fenced)));
    assert_eq!(
        status(&db.store, ids[0]).await,
        NotificationStatus::Notified
    );
    for id in &ids[1..] {
        let failed = db.store.notification(*id).await.unwrap().unwrap();
        assert_eq!(failed.status, NotificationStatus::Failed);
        assert_eq!(failed.last_error.as_deref(), Some("instance deleted"));
        assert_eq!(failed.due_at, None);
    }
    assert_eq!(status(&db.store, others[0]).await, NotificationStatus::New);
}

#[rstest]
#[tokio::test]
async fn an_instance_is_deleted_once(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let doomed = instance(&db.store, &["contacts"]).await;

    assert!(db.store.delete_instance(doomed.id).await.unwrap());

    assert!(!db.store.delete_instance(doomed.id).await.unwrap());
    assert!(!db.store.delete_instance(InstanceId(4711)).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_token_is_free_again_after_a_deletion(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let doomed = instance(&db.store, &[]).await;
    db.store.delete_instance(doomed.id).await.unwrap();
    let next = unsaved(&db.store).await;

    let token = token_hash(doomed.id);
    db.store.create_instance(&next, &token, &[]).await.unwrap();

    let found = db.store.instance_by_token(&token).await.unwrap();
    assert_eq!(found.unwrap().id, next.id);
}

#[rstest]
#[tokio::test]
async fn a_refused_key_is_tried_again_rarely(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let refused = instance(&db.store, &["contacts", "leads"]).await;
    let other = instance(&db.store, &["contacts"]).await;

    db.store
        .set_validity(refused.id, false, Some("401 Unauthorized"), at(10))
        .await
        .unwrap();

    let found = db.store.instance(refused.id).await.unwrap().unwrap();
    assert_eq!(
        (found.valid, found.reason.as_deref()),
        (false, Some("401 Unauthorized"))
    );
    for poller in db.store.pollers(refused.id).await.unwrap() {
        assert_eq!(poller.due_at, at(10) + TimeDelta::hours(1));
    }
    assert_eq!(only_poller(&db.store, other.id).await.due_at, at(0));
}

#[rstest]
#[tokio::test]
async fn a_key_that_is_accepted_again_is_polled_at_once(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;
    db.store
        .set_validity(stored.id, false, Some("refused"), at(10))
        .await
        .unwrap();

    db.store
        .set_validity(stored.id, true, None, at(20))
        .await
        .unwrap();

    let found = db.store.instance(stored.id).await.unwrap().unwrap();
    assert_eq!((found.valid, found.reason), (true, None));
    assert_eq!(only_poller(&db.store, stored.id).await.due_at, at(20));
}

#[rstest]
#[tokio::test]
async fn a_disabled_instance_is_not_polled_until_its_owner_says_so(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let stored = instance(&db.store, &["contacts"]).await;

    db.store
        .disable_instance(stored.id, "the callback is gone", at(10))
        .await
        .unwrap();
    db.store
        .disable_instance(stored.id, "once more", at(11))
        .await
        .unwrap();

    let found = db.store.instance(stored.id).await.unwrap().unwrap();
    assert_eq!((found.disabled, found.updated_at), (true, at(10)));
    assert_eq!(found.reason.as_deref(), Some("the callback is gone"));
    assert!(claim(&db.store, 100).await.is_empty());
    let now = Urge {
        resource: None,
        now: at(5),
        gap: std::time::Duration::ZERO,
        modest: false,
        traceparent: None,
    };
    assert_eq!(db.store.make_due(stored.id, now).await.unwrap(), 0);
    let enabled = PollerChanges {
        upsert: vec![poller("contacts")],
        keep_others: true,
    };
    crate::samples::update(&db.store, &stored, &enabled).await;
    assert_eq!(claim(&db.store, 100).await.len(), 1);
}
