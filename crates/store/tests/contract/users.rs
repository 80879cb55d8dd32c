//! Users as their operator manages them.

use ie_model::{Role, UserId};
use ie_store::{Error, NewUser, UserChange};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{ALL, at, kept, principal, user};

#[rstest]
#[tokio::test]
async fn a_name_signs_in_one_user_of_all_organizations(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let acme = principal(&db.store).await.organization;
    let other = db.store.create_organization("other", &kept("cc")).await;
    let other = other.unwrap();
    let lee = user(acme, "lee", Role::Admin);
    db.store.create_user(&lee).await.unwrap();

    let elsewhere = user(other, "lee", Role::Admin);
    let nowhere = user(
        ie_model::OrganizationId(other.get() + 1),
        "max",
        Role::Admin,
    );
    let without_password = NewUser {
        password_hash: None,
        ..elsewhere.clone()
    };

    for taken in [&lee, &elsewhere] {
        let refused = db.store.create_user(taken).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }
    let refused = db.store.create_user(&nowhere).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let id = db.store.create_user(&without_password).await.unwrap();
    let password = UserChange {
        password_hash: Some("first".to_owned()),
        ..UserChange::default()
    };
    let refused = db.store.change_user(id, &password).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

#[rstest]
#[tokio::test]
async fn users_are_listed_by_organization_and_changed(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let acme = principal(&db.store).await.organization;
    let other = db.store.create_organization("other", &kept("cc")).await;
    let other = other.unwrap();
    let lee = user(acme, "lee", Role::Admin);
    let lee = db.store.create_user(&lee).await.unwrap();

    let change = UserChange {
        role: Some(Role::ReadOnly),
        ..UserChange::default()
    };
    let changed = db.store.change_user(lee, &change).await.unwrap().unwrap();

    assert_eq!((changed.role, changed.disabled), (Role::ReadOnly, false));
    let all = db.store.users(acme, None, ALL).await.unwrap();
    let names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["kim", "lee"]);
    assert_eq!((all[0].has_password, all[1].has_password), (false, true));
    let named = db.store.users(acme, Some("lee"), ALL).await.unwrap();
    assert_eq!(named, [changed]);
    assert_eq!(db.store.users(other, None, ALL).await.unwrap(), []);
    let unknown = db.store.change_user(UserId(lee.get() + 1), &change).await;
    assert_eq!(unknown.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn a_disabled_user_is_known_by_nothing_until_it_is_enabled(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let acme = principal(&db.store).await.organization;
    let lee = user(acme, "lee", Role::Admin);
    let lee = db.store.create_user(&lee).await.unwrap();
    let times = (at(0), at(60));
    db.store.open_session("token", lee, times).await.unwrap();
    let secret = "secret of lee";
    let (fresh, until) = (kept("u2"), Some(at(60)));
    let rotated = db.store.rotate_user_secret(lee, &fresh, until).await;
    assert!(rotated.unwrap());

    let set = async |disabled: bool| {
        let change = UserChange {
            disabled: Some(disabled),
            ..UserChange::default()
        };
        db.store.change_user(lee, &change).await.unwrap().unwrap()
    };
    assert!(set(true).await.disabled);

    for hash in [secret, "u2"] {
        assert_eq!(db.store.principal("aa", hash).await.unwrap(), None);
        assert_eq!(db.store.member(acme, hash).await.unwrap(), None);
    }
    assert_eq!(db.store.sign_in("lee").await.unwrap(), None);
    assert_eq!(db.store.session("token", at(1)).await.unwrap(), None);
    set(false).await;
    assert!(db.store.principal("aa", "u2").await.unwrap().is_some());
    assert!(db.store.sign_in("lee").await.unwrap().is_some());
    let session = db.store.session("token", at(1)).await.unwrap();
    assert_eq!(session, None, "it has ended");
}

#[rstest]
#[tokio::test]
async fn a_deleted_users_name_is_free_and_its_instances_stay(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let instance = crate::samples::instance(&db.store, &["contacts"]).await;

    assert!(db.store.delete_user(instance.user).await.unwrap());
    assert!(!db.store.delete_user(instance.user).await.unwrap());

    assert_eq!(db.store.principal("aa", "bb").await.unwrap(), None);
    assert_eq!(db.store.principal("aa", "").await.unwrap(), None);
    let acme = instance.organization;
    assert_eq!(db.store.users(acme, None, ALL).await.unwrap(), []);
    let fresh = kept("u");
    let rotated = db.store.rotate_user_secret(instance.user, &fresh, None);
    assert!(!rotated.await.unwrap());
    assert!(db.store.instance(instance.id).await.unwrap().is_some());
    let kim = user(acme, "kim", Role::Admin);
    let kim = db.store.create_user(&kim).await.unwrap();
    assert_ne!(kim, instance.user);
}
