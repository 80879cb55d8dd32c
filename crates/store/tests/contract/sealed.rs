//! What is sealed is sealed anew with another key, a step at a time, whatever goes on beside.

use std::collections::BTreeMap;

use ie_model::Instance;
use ie_model::instance::secret;
use ie_platform::seal::{Sealer, key_id_of};
use ie_store::{PollerChanges, SealedPlace, SealedStep, Store};
use rstest::rstest;
use secrecy::{ExposeSecret, SecretString};

use crate::harness::Backend;
use crate::harness::Backend::{Postgres, Sqlite};
use crate::samples::{token_hash, unsaved};

/// A name that looks like a sealed value, as a client may choose one.
const TRAP: &str = "configuration:x\":\"v1.trap.token";

fn sealer(key: &SecretString) -> Sealer {
    Sealer::from_base64(key).unwrap()
}

/// An instance with secrets of this key.
async fn instance(store: &Store, sealer: &Sealer) -> Instance {
    let mut instance = unsaved(store).await;
    let names = [secret::API_KEY, secret::TOKEN, TRAP].into_iter();
    instance.secrets = names
        .map(|name| {
            let context = secret::context(instance.id, name);
            (name.to_owned(), sealer.seal(name, &context))
        })
        .collect();
    let hash = token_hash(instance.id);
    store.create_instance(&instance, &hash, &[]).await.unwrap();
    instance
}

async fn walk(
    store: &Store,
    sealer: &Sealer,
    limit: u32,
) -> (Vec<SealedStep>, BTreeMap<String, u64>) {
    let (mut steps, mut next) = (Vec::new(), Some(SealedPlace::default()));
    while let Some(place) = next {
        let step = store.reseal(sealer, place, limit).await.unwrap();
        next = step.next.clone();
        steps.push(step);
    }
    (steps, counted(store).await)
}

async fn counted(store: &Store) -> BTreeMap<String, u64> {
    let (mut keys, mut next) = (BTreeMap::new(), Some(SealedPlace::default()));
    while let Some(place) = next {
        let step = store.count_sealed(place, 2).await.unwrap();
        for (key, count) in step.keys {
            *keys.entry(key).or_default() += count;
        }
        next = step.next;
    }
    keys
}

#[rstest]
#[tokio::test]
async fn everything_is_sealed_anew_in_bounded_steps_and_opens_as_before(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (old_key, new_key) = (Sealer::generate_key(), Sealer::generate_key());
    let (old, new) = (sealer(&old_key), sealer(&new_key));
    let mut instances = Vec::new();
    for _ in 0..5 {
        instances.push(instance(&db.store, &old).await);
    }
    let both = sealer(&new_key).accepting(&old_key).unwrap();

    let first = db.store.reseal(&both, SealedPlace::default(), 2).await;
    assert_eq!(first.unwrap().resealed, 6);
    let halfway = counted(&db.store).await;
    assert_eq!(
        halfway,
        BTreeMap::from([(old.key_id().to_owned(), 9), (new.key_id().to_owned(), 6)])
    );

    let (steps, keys) = walk(&db.store, &both, 2).await;
    assert_eq!(steps.iter().map(|step| step.resealed).sum::<u64>(), 9);
    assert_eq!(keys, BTreeMap::from([(new.key_id().to_owned(), 15)]));
    for instance in &instances {
        let stored = db.store.instance(instance.id).await.unwrap().unwrap();
        for (name, sealed) in &stored.secrets {
            assert_eq!(key_id_of(sealed), Ok(new.key_id()));
            let opened = new.open(sealed, &secret::context(instance.id, name));
            assert_eq!(opened.unwrap().expose_secret(), name);
        }
    }
    let (again, _) = walk(&db.store, &both, 100).await;
    assert!(
        again
            .iter()
            .all(|step| step.resealed == 0 && step.unreadable.is_empty())
    );
}

#[rstest]
#[tokio::test]
async fn a_change_that_was_read_before_the_rotation_does_not_undo_it(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (old_key, new_key) = (Sealer::generate_key(), Sealer::generate_key());
    let mut read = instance(&db.store, &sealer(&old_key)).await;
    let both = sealer(&new_key).accepting(&old_key).unwrap();
    walk(&db.store, &both, 10).await;

    read.name = "another".to_owned();
    let kept = PollerChanges {
        upsert: Vec::new(),
        keep_others: true,
    };
    let written = db.store.update_instance(&read, &kept).await;

    assert!(
        matches!(written, Err(ie_store::Error::Overtaken)),
        "{written:?}"
    );
    assert_eq!(
        counted(&db.store).await,
        BTreeMap::from([(both.key_id().to_owned(), 3)])
    );
}

#[rstest]
#[tokio::test]
async fn what_no_key_opens_is_told_and_passed_over(#[values(Sqlite, Postgres)] backend: Backend) {
    let db = backend.start().await;
    let (old_key, new_key) = (Sealer::generate_key(), Sealer::generate_key());
    let lost = instance(&db.store, &sealer(&Sealer::generate_key())).await;
    instance(&db.store, &sealer(&old_key)).await;
    let both = sealer(&new_key).accepting(&old_key).unwrap();

    let (steps, _) = walk(&db.store, &both, 10).await;

    assert_eq!(steps[0].resealed, 3);
    assert_eq!(steps[0].unreadable.len(), 3);
    let place = format!("instances.secrets of {} password", lost.id);
    assert!(
        steps[0].unreadable[0].contains("sealed with key"),
        "{steps:?}"
    );
    assert!(
        steps[0]
            .unreadable
            .iter()
            .any(|told| told.starts_with(&place)),
        "{steps:?}"
    );
}

#[rstest]
#[tokio::test]
async fn keys_are_checked_against_everything_that_is_sealed(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let db = backend.start().await;
    let (old_key, new_key) = (Sealer::generate_key(), Sealer::generate_key());
    let (old, new) = (sealer(&old_key), sealer(&new_key));
    db.store.check_keys(&new).await.unwrap();
    instance(&db.store, &new).await;
    instance(&db.store, &old).await;

    let both = sealer(&new_key).accepting(&old_key).unwrap();
    db.store.check_keys(&both).await.unwrap();
    for wrong in [&new, &old] {
        let error = db.store.check_keys(wrong).await.unwrap_err().to_string();
        assert!(
            error.contains("the master key is not the one of this store"),
            "{error}"
        );
        assert!(error.contains("secrets.accepted_keys"), "{error}");
    }
    walk(&db.store, &both, 10).await;
    db.store.check_keys(&new).await.unwrap();
}
