//! Organizations, users and their secrets.

use ie_store::NewAccount;
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::kept;

fn account(organization: &str, user: &str, secrets: (&str, &str)) -> NewAccount {
    NewAccount {
        organization: organization.to_owned(),
        user: user.to_owned(),
        organization_secret_hash: secrets.0.to_owned(),
        user_secret_hash: secrets.1.to_owned(),
    }
}

#[rstest]
#[tokio::test]
async fn an_account_is_found_by_both_of_its_secrets(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let kim = account("acme", "kim", ("o1", "u1"));
    let kim = db.store.ensure_account(&kim).await.unwrap();
    let lee = account("other", "lee", ("o2", "u2"));
    let lee = db.store.ensure_account(&lee).await.unwrap();

    let found = db.store.principal("o1", "u1").await.unwrap();

    assert_eq!(found, Some(kim));
    assert_ne!(kim.organization, lee.organization);
    assert_eq!(db.store.principal("o2", "u1").await.unwrap(), None);
    assert_eq!(db.store.principal("o1", "").await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn an_account_is_made_once_and_takes_new_secrets(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let first = account("acme", "kim", ("o1", "u1"));
    let first = db.store.ensure_account(&first).await.unwrap();

    let again = account("acme", "kim", ("o9", "u9"));
    let again = db.store.ensure_account(&again).await.unwrap();

    assert_eq!(again, first);
    assert_eq!(db.store.principal("o9", "u9").await.unwrap(), Some(first));
    assert_eq!(db.store.principal("o1", "u1").await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn two_users_share_an_organization(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let kim = account("acme", "kim", ("o1", "u1"));
    let lee = account("acme", "lee", ("o1", "u2"));

    let kim = db.store.ensure_account(&kim).await.unwrap();
    let lee = db.store.ensure_account(&lee).await.unwrap();

    assert_eq!(kim.organization, lee.organization);
    assert_ne!(kim.user, lee.user);
    assert_eq!(db.store.principal("o1", "u1").await.unwrap(), Some(kim));
}

#[rstest]
#[tokio::test]
async fn a_new_store_has_no_accounts(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    assert!(!db.store.has_accounts().await.unwrap());

    let kim = account("acme", "kim", ("o1", "u1"));
    db.store.ensure_account(&kim).await.unwrap();

    assert!(db.store.has_accounts().await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_secret_that_was_rotated_survives_the_configuration_and_gives_way_to_another(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let configured = account("acme", "kim", ("o1", "u1"));
    let kim = db.store.ensure_account(&configured).await.unwrap();
    let fresh = kept("u2");
    db.store
        .rotate_user_secret(kim.user, &fresh, None)
        .await
        .unwrap();

    db.store.ensure_account(&configured).await.unwrap();
    assert_eq!(db.store.principal("o1", "u2").await.unwrap(), Some(kim));
    assert_eq!(db.store.principal("o1", "u1").await.unwrap(), None);

    let other = account("acme", "kim", ("o1", "u3"));
    db.store.ensure_account(&other).await.unwrap();
    assert_eq!(db.store.principal("o1", "u3").await.unwrap(), Some(kim));
    assert_eq!(db.store.principal("o1", "u2").await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn copies_are_kept_of_the_secrets_that_are_in_use(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let kim = account("acme", "kim", ("o1", "u1"));
    let kim = db.store.ensure_account(&kim).await.unwrap();
    let none = db.store.own_secrets(kim.user).await.unwrap().unwrap();
    assert_eq!(none.user, ("u1".to_owned(), None));

    db.store
        .keep_copies(kim, &kept("o1"), &kept("u0"))
        .await
        .unwrap();

    let own = db.store.own_secrets(kim.user).await.unwrap().unwrap();
    let copy = Some("sealed o1".to_owned());
    assert_eq!(own.organization, ("o1".to_owned(), copy));
    assert_eq!(
        own.user,
        ("u1".to_owned(), None),
        "u0 is not in use any more"
    );
}
