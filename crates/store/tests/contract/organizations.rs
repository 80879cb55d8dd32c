//! Organizations, and the replacement of their secrets.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::OrganizationId;
use ie_store::{Error, Page, Store};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{ALL, at, kept, user};

/// Gives an organization a fresh secret; whether there is such an organization.
async fn rotate(
    store: &Store,
    id: OrganizationId,
    secret: &str,
    until: Option<DateTime<Utc>>,
) -> bool {
    let secret = kept(secret);
    let rotated = store.rotate_organization_secret(id, &secret, until).await;
    rotated.unwrap()
}

#[rstest]
#[tokio::test]
async fn organizations_are_listed_in_pages_and_found_by_name(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let mut made = Vec::new();
    for name in ["acme", "globex", "initech"] {
        made.push(
            db.store
                .create_organization(name, &kept(name))
                .await
                .unwrap(),
        );
    }

    let taken = db.store.create_organization("acme", &kept("other")).await;
    let second = Page {
        after: Some(made[0].get()),
        limit: 1,
    };

    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    let page = db.store.organizations(None, second).await.unwrap();
    let found: Vec<_> = page.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(found, ["globex"]);
    let named = db.store.organizations(Some("initech"), ALL).await.unwrap();
    assert_eq!(named[0].id, made[2]);
    assert!(db.store.has_organization(made[2]).await.unwrap());
    let unknown = OrganizationId(made[2].get() + 1);
    assert!(!db.store.has_organization(unknown).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_replaced_secret_is_good_until_its_time(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let acme = db.store.create_organization("acme", &kept("o1")).await;
    let acme = acme.unwrap();
    let lee = user(acme, "lee", ie_model::Role::Admin);
    let lee = db.store.create_user(&lee).await.unwrap();
    let until = Some(at(60));

    let store = &db.store;
    assert!(rotate(store, acme, "o2", until).await);
    let fresh = kept("u2");
    let rotated = store.rotate_user_secret(lee, &fresh, until).await;
    assert!(rotated.unwrap());

    let known = async |organization: &str, user: &str| {
        let found = store.principal(organization, user).await.unwrap();
        let member = store.member(acme, user).await.unwrap();
        (found.is_some(), member.is_some())
    };
    let old = ("o1", "secret of lee");
    assert_eq!(known(old.0, old.1).await, (true, true));
    assert_eq!(known("o2", "u2").await, (true, true));
    assert_eq!(known("o1", "u2").await, (true, true));
    db.clock.advance(Duration::from_secs(60));
    assert_eq!(known(old.0, "u2").await, (false, true));
    assert_eq!(known("o2", old.1).await, (false, false));
    assert_eq!(known("o2", "u2").await, (true, true));
}

#[rstest]
#[tokio::test]
async fn of_two_rotations_only_the_last_secret_before_is_good(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let acme = db.store.create_organization("acme", &kept("o1")).await;
    let acme = acme.unwrap();
    let lee = user(acme, "lee", ie_model::Role::Admin);
    db.store.create_user(&lee).await.unwrap();

    for (secret, until) in [("o2", Some(at(60))), ("o3", Some(at(60))), ("o4", None)] {
        assert!(rotate(&db.store, acme, secret, until).await);
        let first = db.store.principal("o1", "secret of lee").await.unwrap();
        assert_eq!(first.is_some(), secret == "o2", "after {secret}");
    }

    let without_grace = db.store.principal("o3", "secret of lee").await.unwrap();
    assert_eq!(without_grace, None);
    let unknown = OrganizationId(acme.get() + 1);
    assert!(!rotate(&db.store, unknown, "o5", None).await);
}
