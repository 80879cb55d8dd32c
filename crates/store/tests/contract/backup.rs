//! Copies of the SQLite database: taken while it is used, put back, refused.

use std::path::{Path, PathBuf};

use ie_store::{BackupError, Config, back_up, restore};
use tempfile::TempDir;

use crate::harness::Backend::{Postgres, Sqlite};
use crate::harness::{Db, config};
use crate::samples::{ALL, instance};

/// A database with an instance, and a folder for copies.
async fn stage() -> (Db, TempDir, PathBuf) {
    let db = Sqlite.start().await;
    instance(&db.store, &["contacts"]).await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    (db, folder, copy)
}

fn at(path: &Path) -> Config {
    config(&format!("sqlite:{}", path.display()))
}

#[tokio::test]
async fn a_copy_of_a_database_in_use_is_put_back_and_its_ids_go_on_far_ahead() {
    // Given a copy, after which an instance and an id are made,
    let (db, folder, copy) = stage().await;
    back_up(&config(db.url()), &copy).await.unwrap();
    let later = instance(&db.store, &["leads"]).await;
    let last = db.store.reserve_notification_ids(1).await.unwrap()[0];

    // when it is put where there is none,
    let place = folder.path().join("new").join("state.db");
    restore(&at(&place), &copy, false).await.unwrap();

    // then it has what there was then, and gives no id again.
    let context = crate::harness::context(&db.clock);
    let restored = ie_store::Store::open(&at(&place), &context).await.unwrap();
    let organization = later.organization;
    let instances = restored.instances(organization, ALL).await.unwrap();
    assert_eq!(instances.len(), 1);
    assert_ne!(instances[0].id, later.id);
    let next = restored.reserve_notification_ids(1).await.unwrap()[0];
    assert!(next > last, "{next:?} after {last:?}");
    assert!(restored.next_instance_id().await.unwrap() > later.id);
}

#[cfg(unix)]
#[tokio::test]
async fn a_copy_is_its_owner_s_alone_and_overwrites_nothing() {
    use std::os::unix::fs::PermissionsExt as _;

    let (db, _folder, copy) = stage().await;

    back_up(&config(db.url()), &copy).await.unwrap();
    let again = back_up(&config(db.url()), &copy).await;

    let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(again, Err(BackupError::Exists(_))), "{again:?}");
}

#[tokio::test]
async fn a_database_that_is_there_is_replaced_only_by_force_and_only_when_nobody_uses_it() {
    let (db, folder, copy) = stage().await;
    back_up(&config(db.url()), &copy).await.unwrap();
    let place = folder.path().join("state.db");
    restore(&at(&place), &copy, false).await.unwrap();

    let occupied = restore(&at(&place), &copy, false).await;
    let in_use = restore(&config(db.url()), &copy, true).await;
    let replaced = restore(&at(&place), &copy, true).await;

    assert!(matches!(occupied, Err(BackupError::Occupied(_))));
    assert!(matches!(in_use, Err(BackupError::InUse(_))), "{in_use:?}");
    replaced.unwrap();
    db.store.ping().await.unwrap();
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_changes_nothing() {
    let (_db, folder, _) = stage().await;
    let file = folder.path().join("text");
    std::fs::write(&file, "not a database, but long enough to be looked at").unwrap();
    let place = folder.path().join("state.db");

    let refused = restore(&at(&place), &file, false).await;

    let no_backup = matches!(refused, Err(BackupError::NoBackup { .. }));
    assert!(no_backup, "{refused:?}");
    assert!(!place.exists());
}

#[tokio::test]
async fn postgresql_is_left_to_its_own_means() {
    let db = Postgres.start().await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");

    let refused = back_up(&config(db.url()), &copy).await;

    assert!(matches!(refused, Err(BackupError::NotEmbedded)));
}
