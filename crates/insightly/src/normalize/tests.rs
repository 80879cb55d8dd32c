//! Tests of reading records.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn contacts() -> ResourceConfig {
    let date = |path: &str| DateField {
        path: path.to_owned(),
        format: "yyyy-MM-dd HH:mm:ss".to_owned(),
        zone: "GMT".to_owned(),
    };
    ResourceConfig {
        url: "/hubs/crm/contacts".to_owned(),
        id_field: "CONTACT_ID".to_owned(),
        updated: date("DATE_UPDATED_UTC"),
        created: Some(date("DATE_CREATED_UTC")),
        filter_by_updated_date: true,
        created_check_tolerance: 10,
        page_size: None,
        poll_delay: 0,
    }
}

#[test]
fn a_record_is_read() {
    let record = json!({
        "CONTACT_ID": 318219, "FIRST_NAME": "Zoë",
        "DATE_UPDATED_UTC": "2026-04-10 21:15:00", "DATE_CREATED_UTC": "2026-04-10 21:14:55"
    });
    let observed = Reader::new(&contacts()).unwrap().read(record).unwrap();
    assert_eq!(observed.object_id, "318219");
    assert_eq!(observed.updated.to_rfc3339(), "2026-04-10T21:15:00+00:00");
    assert_eq!(
        (observed.updated - observed.created.unwrap()).num_seconds(),
        5
    );
}

#[rstest]
#[case::no_id(json!({"DATE_UPDATED_UTC": "2026-04-10 21:15:00"}), "CONTACT_ID is missing")]
#[case::null_id(json!({"CONTACT_ID": null}), "CONTACT_ID is missing")]
#[case::empty_id(json!({"CONTACT_ID": ""}), "CONTACT_ID is missing")]
#[case::id_too_big(json!({"CONTACT_ID": 1e30}), "CONTACT_ID is a number with a fraction, or too big for an id")]
#[case::id_of_another_type(json!({"CONTACT_ID": [1]}), "CONTACT_ID is neither a number nor a text")]
#[case::id_too_long(json!({"CONTACT_ID": "x".repeat(256)}), "CONTACT_ID is longer than 255 bytes")]
#[case::id_with_nul(json!({"CONTACT_ID": "1\u{0}"}), "CONTACT_ID holds a control character")]
#[case::some_number(json!(7), "is no record but some other JSON")]
#[case::some_text(json!("[1]"), "is no record but some other JSON")]
fn what_has_no_id_says_why(#[case] record: Value, #[case] reason: &str) {
    let bad = Reader::new(&contacts()).unwrap().read(record).unwrap_err();
    assert_eq!(bad.reason, reason);
    assert_eq!(bad.object_id, None);
}

#[rstest]
#[case::no_date(json!({"CONTACT_ID": 1}), "DATE_UPDATED_UTC is missing")]
#[case::null_date(json!({"CONTACT_ID": 1, "DATE_UPDATED_UTC": null}), "DATE_UPDATED_UTC is missing")]
#[case::date_of_another_type(
    json!({"CONTACT_ID": 1, "DATE_UPDATED_UTC": 5}),
    "DATE_UPDATED_UTC: not a date of the form yyyy-MM-dd HH:mm:ss: expected a text; for a number the format is milliseconds or seconds"
)]
#[case::created_of_another_type(
    json!({"CONTACT_ID": 1, "DATE_UPDATED_UTC": "2026-04-10 21:15:00", "DATE_CREATED_UTC": {}}),
    "DATE_CREATED_UTC: not a date of the form yyyy-MM-dd HH:mm:ss: expected a text; for a number the format is milliseconds or seconds"
)]
#[case::date_too_far(
    json!({"CONTACT_ID": 1, "DATE_UPDATED_UTC": "12026-04-10 21:15:00"}),
    "DATE_UPDATED_UTC is beyond the year 9999"
)]
fn a_record_without_dates_says_why_and_keeps_its_id(#[case] record: Value, #[case] reason: &str) {
    let content = record.to_string();
    let bad = Reader::new(&contacts()).unwrap().read(record).unwrap_err();
    assert_eq!(bad.reason, reason);
    assert_eq!(bad.object_id.as_deref(), Some("1"));
    assert_eq!(bad.content, content);
}

#[test]
fn a_record_beyond_what_can_be_read_still_tells_its_id() {
    let text = r#"{"CONTACT_ID": 318219, "SALARY": 1e999}"#;
    let bad = Reader::new(&contacts())
        .unwrap()
        .read(json!(text))
        .unwrap_err();
    assert_eq!(bad.object_id.as_deref(), Some("318219"));
    assert_eq!(bad.content, text);
    assert_eq!(
        bad.reason,
        "is beyond what can be read: number out of range at line 1 column 38"
    );
}

#[test]
fn a_date_that_does_not_parse_names_its_field() {
    let record = json!({"CONTACT_ID": 1, "DATE_UPDATED_UTC": "yesterday"});
    let bad = Reader::new(&contacts()).unwrap().read(record).unwrap_err();
    assert_eq!(bad.object_id.as_deref(), Some("1"));
    assert!(
        bad.reason.starts_with("DATE_UPDATED_UTC: "),
        "{}",
        bad.reason
    );
}

#[test]
fn a_dotted_path_leads_into_nested_objects() {
    let mut config = contacts();
    config.updated.path = "properties.updated".to_owned();
    config.updated.format = "milliseconds".to_owned();
    let record = json!({"CONTACT_ID": 1, "properties": {"updated": 1_500_000_000_000_i64}});
    let observed = Reader::new(&config).unwrap().read(record).unwrap();
    assert_eq!(observed.updated.timestamp(), 1_500_000_000);
    assert_eq!(observed.created, None);
}

#[test]
fn the_digest_ignores_the_order_of_fields_and_nothing_else() {
    let left = json!({"A": 1, "B": [{"X": null, "Y": "é"}]});
    let right = json!({"B": [{"Y": "é", "X": null}], "A": 1});
    assert_eq!(digest(&left), digest(&right));
    for other in [
        json!({"A": "1", "B": []}),
        json!({"A": 1, "B": [{"X": "", "Y": "é"}]}),
        json!({"A": 1}),
    ] {
        assert_ne!(digest(&left), digest(&other));
    }
}

proptest! {
    #[test]
    fn text_cannot_imitate_structure(left in ".*", right in ".*") {
        prop_assume!(left != right);
        prop_assert_ne!(digest(&json!([left])), digest(&json!([right])));
        prop_assert_ne!(digest(&json!([&left, &right])), digest(&json!([format!("{left}{right}")])));
    }
}
