//! What was written against what was handed out.

use std::collections::HashMap;
use std::time::Duration;

use ie_simulator::{Change, Entry, Fault, Kind, Rule, Settings, digest};
use serde_json::Value;

use crate::rig::Rig;

#[tokio::test]
async fn a_record_read_over_http_has_the_digest_of_its_version() {
    let mut settings = Settings::empty().without_limits();
    for object in ie_model::catalog::catalog() {
        settings = settings.with_records(&object.object, 20);
    }
    let rig = Rig::start(settings).await;

    for object in ie_model::catalog::catalog() {
        let name = &object.object;
        rig.control.change(&Change::update(name, None)).unwrap();
        let records = rig.get(&format!("/{name}")).await.records();

        let state = rig.control.state(name).unwrap();
        assert_eq!(records.len(), state.len(), "{name}");
        for (record, entry) in records.iter().zip(state) {
            assert_eq!(record[&object.id_field], entry.id, "{name}");
            assert_eq!(Some(digest(record)), entry.digest, "{name} {record}");
        }
    }
}

#[test]
fn a_digest_does_not_mind_order_nulls_or_the_hubs_id() {
    let one: Value = serde_json::from_str(r#"{"A": 1, "B": "x", "C": null}"#).unwrap();
    let two: Value = serde_json::from_str(r#"{"id": "1", "B": "x", "A": 1}"#).unwrap();
    let three: Value = serde_json::from_str(r#"{"A": 1, "B": "y"}"#).unwrap();

    assert_eq!(digest(&one), digest(&two));
    assert_ne!(digest(&one), digest(&three));
}

#[tokio::test]
async fn every_write_is_in_the_ledger_with_its_revision() {
    let rig = Rig::with_contacts(1).await;
    let id = rig.get("/Contacts").await.ids("CONTACT_ID")[0];
    rig.control.change(&Change::update("Contacts", id)).unwrap();
    rig.send_json(
        reqwest::Method::PUT,
        &format!("/Contacts/{id}"),
        serde_json::json!({"FIRST_NAME": "Ada"}),
    )
    .await;
    rig.control.change(&Change::delete("Contacts", id)).unwrap();
    rig.control.change(&Change::create("Contacts")).unwrap();

    let ledger = rig.control.ledger("Contacts").unwrap();

    let kinds: Vec<(u32, Kind)> = ledger
        .iter()
        .map(|entry| (entry.revision, entry.kind))
        .collect();
    let expected = [
        (1, Kind::Seeded),
        (2, Kind::Updated),
        (3, Kind::Updated),
        (4, Kind::Deleted),
        (1, Kind::Created),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(ledger[4].id, id + 1);
    let state: Vec<Kind> = rig
        .control
        .state("Contacts")
        .unwrap()
        .iter()
        .map(|entry| entry.kind)
        .collect();
    assert_eq!(state, [Kind::Deleted, Kind::Created]);
}

#[tokio::test]
async fn versions_are_noted_when_handed_out_and_only_then() {
    let rig = Rig::with_contacts(2).await;
    let served = |rig: &Rig| -> Vec<bool> {
        let ledger = rig.control.ledger("Contacts").unwrap();
        ledger
            .iter()
            .map(|entry| entry.first_served_at.is_some())
            .collect()
    };
    let id = rig.control.ledger("Contacts").unwrap()[1].id.as_i64();
    rig.control.change(&Change::update("Contacts", id)).unwrap();
    assert_eq!(served(&rig), [false, false, false]);

    rig.get("/Contacts?top=1").await;
    assert_eq!(served(&rig), [true, false, false]);

    rig.clock.advance(Duration::from_secs(4));
    rig.get("/Contacts/Search?updated_after_utc=2026-06-01T12:00:00Z")
        .await;
    assert_eq!(served(&rig), [true, false, true]);
    let seen = rig.control.ledger("Contacts").unwrap()[2]
        .first_served_at
        .unwrap();
    assert_eq!((seen - crate::rig::noon()).num_seconds(), 4);
}

#[tokio::test]
async fn damaged_answers_and_refused_requests_hand_nothing_out() {
    let rig = Rig::with_contacts(1).await;
    for fault in [
        Fault::CutMid,
        Fault::CutBefore,
        Fault::TruncatedJson,
        Fault::MalformedJson,
        Fault::EmptyBody,
        Fault::Maintenance { status: 200 },
    ] {
        rig.control.misbehave(Rule::always(fault).times(1));
        drop(
            rig.try_send(rig.request(reqwest::Method::GET, "/Contacts"))
                .await,
        );
    }

    assert_eq!(
        rig.control.ledger("Contacts").unwrap()[0].first_served_at,
        None
    );
}

#[tokio::test]
async fn a_version_overwritten_before_anybody_looked_is_never_handed_out() {
    let rig = Rig::with_contacts(1).await;
    let id = rig.control.ledger("Contacts").unwrap()[0].id.as_i64();
    for _ in 0..3 {
        rig.control.change(&Change::update("Contacts", id)).unwrap();
    }

    let record = rig.get("/Contacts").await.records().remove(0);

    let ledger = rig.control.ledger("Contacts").unwrap();
    let served: Vec<&Entry> = ledger
        .iter()
        .filter(|entry| entry.first_served_at.is_some())
        .collect();
    assert_eq!(served.len(), 1);
    assert_eq!(served[0].revision, 4);
    assert_eq!(served[0].digest, Some(digest(&record)));
    let distinct: HashMap<_, _> = ledger
        .iter()
        .map(|entry| (entry.digest.clone(), entry.revision))
        .collect();
    assert_eq!(distinct.len(), 4);
}
