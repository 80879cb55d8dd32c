//! Records that cannot be read.

use std::time::Duration;

use ie_model::EventType;
use ie_platform::Clock as _;
use ie_simulator::Change;
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Backend, Rig, Wish};

/// What was written so long before a poll is not in the window of the next one.
const BEYOND_OVERLAP: Duration = Duration::from_secs(180);

fn without_date(record: &mut Value) {
    record["DATE_UPDATED_UTC"] = Value::Null;
}

fn with_odd_date(record: &mut Value) {
    record["DATE_UPDATED_UTC"] = json!("24.11.2026");
}

fn without_id(record: &mut Value) {
    record["CONTACT_ID"] = Value::Null;
}

fn with_a_number_too_big(record: &mut Value) {
    // As the client hands out what JSON's readers refuse.
    *record = json!(format!(
        r#"{{"CONTACT_ID": {}, "SALARY": 1e999}}"#,
        record["CONTACT_ID"]
    ));
}

async fn event_ids(rig: &Rig) -> Vec<i64> {
    rig.events().await.iter().map(|event| event.id).collect()
}

#[rstest]
#[case::without_its_date(without_date, "DATE_UPDATED_UTC is missing")]
#[case::with_another_form_of_date(with_odd_date, "DATE_UPDATED_UTC: ")]
#[case::with_a_number_too_big(
    with_a_number_too_big,
    "is beyond what can be read: number out of range"
)]
#[tokio::test]
async fn a_bad_record_is_put_aside_and_the_rest_of_the_page_goes_on(
    #[case] how: fn(&mut Value),
    #[case] reason: &str,
) {
    let rig = Rig::start(Wish::default()).await;
    let ids = [rig.create(), rig.create(), rig.create()];
    rig.spoiler.spoil(ids[1], how);

    let poller = rig.poll().await;

    assert_eq!(event_ids(&rig).await, [ids[0], ids[2]]);
    assert_eq!((poller.quarantined, poller.failures), (1, 0));
    assert!(poller.cursor > poller.baseline, "the cursor moves on");
    let aside = rig.quarantine().await;
    assert_eq!(aside.len(), 1);
    assert_eq!(aside[0].object_id, Some(ids[1].to_string()));
    assert!(aside[0].reason.starts_with(reason), "{}", aside[0].reason);
    assert!(
        aside[0]
            .content
            .as_deref()
            .unwrap()
            .contains(&ids[1].to_string())
    );
}

#[rstest]
#[tokio::test]
async fn a_bad_record_is_read_again_by_its_id_and_is_an_event_once_it_is_readable(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let rig = Rig::start(Wish {
        backend,
        ..Wish::default()
    })
    .await;
    let id = rig.create();
    rig.spoiler.spoil(id, without_date);
    rig.clock.advance(BEYOND_OVERLAP);
    rig.poll().await;
    assert_eq!(rig.spoiler.requests(), ["search"]);
    // Still bad: it is looked at again, and later still.
    rig.poll().await;
    assert_eq!(
        rig.spoiler.requests(),
        ["search".to_owned(), format!("get {id}")]
    );
    assert_eq!(rig.quarantine().await[0].times, 2);

    rig.spoiler.heal();
    let poller = rig.poll().await;

    let events = rig.events().await;
    assert_eq!(event_ids(&rig).await, [id]);
    assert_eq!(events[0].kind, EventType::Created);
    assert_eq!((poller.quarantined, rig.quarantine().await.len()), (0, 0));
    // From here on it is a record like any other, and an idle poll is one request.
    rig.spoiler.requests();
    rig.poll().await;
    assert_eq!(rig.spoiler.requests(), ["search"]);
    assert_eq!(event_ids(&rig).await, [id]);
}

#[tokio::test]
async fn a_bad_record_is_read_again_less_and_less_often() {
    let rig = Rig::start(Wish::default()).await;
    let id = rig.create();
    rig.spoiler.spoil(id, without_date);
    rig.poll().await;
    rig.spoiler.requests();

    let begin = rig.clock.now();
    let mut reads = Vec::new();
    for _ in 0..4 * 24 * 4 {
        rig.poll().await;
        if rig.spoiler.requests().len() > 1 {
            reads.push((rig.clock.now() - begin).num_hours());
        }
    }

    // Four days: pauses of 5, 10, 20 … minutes at first, of a day at the end.
    assert!((8..=14).contains(&reads.len()), "{reads:?}");
    let last = reads.len() - 1;
    assert!(reads[last] - reads[last - 1] >= 24, "{reads:?}");
    assert_eq!(rig.quarantine().await.len(), 1);
}

#[tokio::test]
async fn a_poll_reads_a_few_of_many_again() {
    let rig = Rig::start(Wish::default()).await;
    for _ in 0..12 {
        let id = rig.create();
        rig.spoiler.spoil(id, without_date);
    }
    rig.clock.advance(BEYOND_OVERLAP);
    rig.poll().await;
    rig.spoiler.heal();
    rig.spoiler.requests();

    let mut polls = 0;
    while rig.poll().await.quarantined > 0 {
        polls += 1;
        assert_eq!(
            rig.spoiler.requests().len(),
            6,
            "one search and five records"
        );
    }

    assert_eq!(polls, 2);
    assert_eq!(event_ids(&rig).await.len(), 12);
}

#[tokio::test]
async fn a_bad_record_that_is_written_again_leaves_with_its_page_and_is_one_event() {
    let rig = Rig::start(Wish::default()).await;
    let id = rig.create();
    rig.spoiler.spoil(id, without_date);
    rig.poll().await;

    rig.spoiler.heal();
    rig.write(&Change::update("Contacts", id).with("FIRST_NAME", "Ada"));
    let poller = rig.poll().await;

    assert_eq!(poller.quarantined, 0);
    let events = rig.events().await;
    assert_eq!(event_ids(&rig).await, [id]);
    assert_eq!(events[0].record["FIRST_NAME"], "Ada");
}

#[tokio::test]
async fn a_known_record_that_was_bad_for_a_while_tells_what_changed_meanwhile() {
    let rig = Rig::start(Wish {
        settings: json!({"changes": true}),
        ..Wish::default()
    })
    .await;
    let id = rig.create();
    rig.put(id, json!({"FIRST_NAME": "Ada"})).await;
    rig.poll().await;
    rig.spoiler.spoil(id, without_date);
    rig.put(id, json!({"FIRST_NAME": "Grace"})).await;
    rig.poll().await;
    assert_eq!(event_ids(&rig).await, [id]);

    rig.spoiler.heal();
    rig.poll().await;

    let events = rig.events().await;
    assert_eq!(events.len(), 2);
    let expected = json!({"FIRST_NAME": {"from": "Ada", "to": "Grace"}});
    assert_eq!(events[1].changes, Some(expected));
}

#[tokio::test]
async fn a_bad_record_that_is_deleted_leaves_without_an_event() {
    let rig = Rig::start(Wish::default()).await;
    let id = rig.create();
    rig.spoiler.spoil(id, without_date);
    rig.poll().await;

    rig.write(&Change::delete("Contacts", id));
    let poller = rig.poll().await;

    assert_eq!((poller.quarantined, poller.failures), (0, 0));
    assert_eq!(event_ids(&rig).await, [0; 0]);
}

#[tokio::test]
async fn a_record_that_insightly_does_not_hand_out_waits_and_the_poll_succeeds() {
    let rig = Rig::start(Wish::default()).await;
    let id = rig.create();
    rig.spoiler.spoil(id, without_date);
    rig.clock.advance(BEYOND_OVERLAP);
    rig.poll().await;
    rig.spoiler.heal();
    rig.spoiler.refuse(true);

    let refused = rig.poll().await;

    assert_eq!((refused.quarantined, refused.failures), (1, 0));
    let aside = rig.quarantine().await;
    assert_eq!(
        (aside[0].times, aside[0].reason.as_str()),
        (2, "DATE_UPDATED_UTC is missing")
    );
    rig.spoiler.refuse(false);
    rig.poll().await;
    assert_eq!(event_ids(&rig).await, [id]);
}

#[tokio::test]
async fn a_record_without_an_id_holds_the_cursor_and_is_an_event_once_it_has_one() {
    let rig = Rig::start(Wish::default()).await;
    let (first, id) = (rig.create(), rig.create());
    rig.spoiler.spoil(id, without_id);
    let held = rig.poll().await;
    assert_eq!(event_ids(&rig).await, [first]);
    assert_eq!((held.cursor, held.quarantined), (held.baseline, 1));
    assert_eq!(rig.quarantine().await[0].object_id, None);

    rig.spoiler.heal();
    let moved = rig.poll().await;

    assert_eq!(event_ids(&rig).await, [first, id], "each of them once");
    assert_eq!(moved.quarantined, 0);
    assert!(moved.cursor > moved.baseline);
}

#[tokio::test]
async fn a_record_that_stays_without_an_id_does_not_hold_the_cursor_for_ever_and_stays_visible() {
    let rig = Rig::start(Wish::default()).await;
    let id = rig.create();
    rig.spoiler.spoil(id, without_id);

    let mut polls = 0;
    while rig.poll().await.cursor == rig.poller().await.baseline {
        polls += 1;
        assert!(polls < 10);
    }

    // An hour, at a poll each quarter of it.
    assert_eq!(polls, 4);
    for _ in 0..4 {
        assert_eq!(rig.poll().await.quarantined, 1);
    }
    let aside = rig.quarantine().await;
    assert_eq!((aside.len(), aside[0].times), (1, 5));
    // A month later nobody is told of it any more.
    rig.clock.advance(Duration::from_secs(31 * 86_400));
    assert_eq!(rig.poll().await.quarantined, 0);
}

#[tokio::test]
async fn too_many_bad_records_stop_the_poller_and_nothing_is_passed_over() {
    let rig = Rig::start(Wish {
        quarantine_limit: 3,
        ..Wish::default()
    })
    .await;
    let ids: Vec<i64> = (0..5).map(|_| rig.create()).collect();
    for id in &ids[..4] {
        rig.spoiler.spoil(*id, with_odd_date);
    }

    let stopped = rig.poll().await;

    assert_eq!((stopped.failures, stopped.quarantined), (1, 0));
    assert_eq!(stopped.cursor, stopped.baseline);
    let error = stopped.last_error.unwrap();
    let begin = "more than 3 records cannot be read, such as one whose DATE_UPDATED_UTC: ";
    assert!(error.starts_with(begin), "{error}");
    assert_eq!(event_ids(&rig).await, [0; 0]);
    rig.spoiler.heal();
    rig.clock.advance(Duration::from_secs(3_600));
    let healed = rig.poll().await;
    assert_eq!((healed.failures, healed.last_error), (0, None));
    assert_eq!(event_ids(&rig).await, ids);
}

#[tokio::test]
async fn a_bad_record_is_remembered_past_the_end_of_all_windows() {
    let rig = Rig::start(Wish {
        settings: json!({"overlap": 3_600}),
        ..Wish::default()
    })
    .await;
    let id = rig.create();
    rig.poll().await;
    // The same version, met again within the overlap, and bad this time.
    rig.spoiler.spoil(id, without_date);
    assert_eq!(rig.poll().await.quarantined, 1);

    rig.clock.advance(Duration::from_secs(20 * 86_400));
    rig.poll().await;
    rig.spoiler.heal();
    rig.clock.advance(Duration::from_secs(86_400));
    let poller = rig.poll().await;

    assert_eq!(poller.quarantined, 0);
    assert_eq!(event_ids(&rig).await, [id], "its event is not repeated");
}
