//! Changes that keep coming.

use ie_simulator::{Kind, Stream};

use crate::rig::{Rig, eventually};

#[tokio::test]
async fn a_bounded_stream_makes_exactly_its_changes() {
    let rig = Rig::with_contacts(20).await;

    let stream = Stream::at_rate(2_000.0)
        .up_to(300)
        .of(&[("Contacts", 2.0), ("Leads", 1.0)]);
    rig.control
        .start_stream(stream.mixed(1.0, 2.0, 1.0))
        .unwrap();
    eventually("the end of the stream", || rig.control.streams()[0].done).await;

    let mut kinds = std::collections::BTreeMap::new();
    for object in ["Contacts", "Leads"] {
        for entry in rig.control.ledger(object).unwrap() {
            *kinds.entry(format!("{:?}", entry.kind)).or_insert(0) += 1;
        }
    }
    assert_eq!(kinds["Seeded"], 20);
    assert_eq!(kinds["Created"] + kinds["Updated"] + kinds["Deleted"], 300);
    assert!(kinds.values().all(|count| *count >= 20), "{kinds:?}");
    assert_eq!(rig.control.streams()[0].applied, 300);
}

#[tokio::test]
async fn a_stream_without_end_stops_when_told() {
    let rig = Rig::with_contacts(5).await;
    rig.control.start_stream(Stream::at_rate(500.0)).unwrap();
    eventually("some changes", || {
        rig.control.ledger("Contacts").unwrap().len() > 20
    })
    .await;

    rig.control.stop_streams();

    let after = rig.control.ledger("Contacts").unwrap().len();
    assert!(rig.control.streams().is_empty());
    rig.get("/Contacts").await;
    assert_eq!(rig.control.ledger("Contacts").unwrap().len(), after);
}

#[tokio::test]
async fn a_rate_in_the_settings_starts_a_stream() {
    let settings = ie_simulator::Settings {
        rate: 1_000.0,
        ..ie_simulator::Settings::empty().with_records("Leads", 3)
    };
    let rig = Rig::start(settings).await;

    eventually("a change of a lead", || {
        let ledger = rig.control.ledger("Leads").unwrap();
        ledger.iter().any(|entry| entry.kind == Kind::Updated)
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_cannot_be_is_refused() {
    let rig = Rig::with_contacts(0).await;

    assert!(rig.control.start_stream(Stream::at_rate(0.0)).is_err());
    assert!(
        rig.control
            .start_stream(Stream::at_rate(1.0).mixed(0.0, 0.0, 0.0))
            .is_err()
    );
    assert!(
        rig.control
            .start_stream(Stream::at_rate(1.0).of(&[("Contact", 1.0)]))
            .is_err()
    );
    assert!(rig.control.streams().is_empty());
}
