//! Users with passwords, and their sessions.

use ie_model::Role;
use ie_store::{Store, UserChange};
use rstest::rstest;

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{at, principal, user};

/// Signs somebody in at time 0 until the 60th second.
async fn open(store: &Store, name: &str, token: &str) {
    let who = store.sign_in(name).await.unwrap().unwrap();
    let times = (at(0), at(60));
    store
        .open_session(token, who.principal.user, times)
        .await
        .unwrap();
}

#[rstest]
#[tokio::test]
async fn a_user_signs_in_by_name_and_has_a_role(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let owner = principal(&db.store).await;

    let id = db
        .store
        .create_user(&user(owner.organization, "lee", Role::ReadOnly))
        .await
        .unwrap();

    let found = db.store.sign_in("lee").await.unwrap().unwrap();
    assert_eq!(found.password_hash, "password of lee");
    assert_eq!(found.principal.user, id);
    assert_eq!(found.principal.organization, owner.organization);
    assert_eq!(found.principal.role, Role::ReadOnly);
    let by_secret = db.store.principal("aa", "secret of lee").await.unwrap();
    assert_eq!(by_secret, Some(found.principal));
    assert_eq!(
        db.store.sign_in("kim").await.unwrap(),
        None,
        "has no password"
    );
}

#[rstest]
#[tokio::test]
async fn a_session_ends_by_itself_and_when_it_is_closed(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let acme = principal(&db.store).await.organization;
    db.store
        .create_user(&user(acme, "lee", Role::Admin))
        .await
        .unwrap();
    open(&db.store, "lee", "first").await;
    open(&db.store, "lee", "second").await;

    let session = db.store.session("first", at(59)).await.unwrap().unwrap();

    assert_eq!(
        (session.user.as_str(), session.organization.as_str()),
        ("lee", "acme")
    );
    assert_eq!(db.store.session("first", at(60)).await.unwrap(), None);
    assert_eq!(db.store.session("third", at(0)).await.unwrap(), None);
    db.store.close_session("first").await.unwrap();
    assert_eq!(db.store.session("first", at(1)).await.unwrap(), None);
    assert!(db.store.session("second", at(1)).await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn another_password_ends_the_users_sessions(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let acme = principal(&db.store).await.organization;
    for name in ["lee", "max"] {
        db.store
            .create_user(&user(acme, name, Role::Admin))
            .await
            .unwrap();
        open(&db.store, name, name).await;
    }
    let lee = db.store.sign_in("lee").await.unwrap().unwrap();

    let change = UserChange {
        password_hash: Some("new".to_owned()),
        ..UserChange::default()
    };
    let changed = db.store.change_user(lee.principal.user, &change);
    assert!(changed.await.unwrap().is_some());

    assert_eq!(
        db.store
            .sign_in("lee")
            .await
            .unwrap()
            .unwrap()
            .password_hash,
        "new"
    );
    assert_eq!(db.store.session("lee", at(1)).await.unwrap(), None);
    assert!(db.store.session("max", at(1)).await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn a_password_is_given_once(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let kim = principal(&db.store).await.user;

    assert!(!db.store.has_password(kim).await.unwrap());
    assert!(db.store.give_password(kim, "first").await.unwrap());
    assert!(!db.store.give_password(kim, "second").await.unwrap());

    assert!(db.store.has_password(kim).await.unwrap());
    let kim = db.store.sign_in("kim").await.unwrap().unwrap();
    assert_eq!(kim.password_hash, "first");
}
