//! Lists, searches, records by id, keys.

use ie_simulator::{BehaviourChange, Change, KeyChange, Order, Settings};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::Rig;

#[tokio::test]
async fn a_list_gives_a_hundred_records_unless_asked_for_another_number() {
    let rig = Rig::with_contacts(600).await;

    let unasked = rig.get("/Contacts").await;
    let asked = rig.get("/Contacts?top=7&skip=3").await;

    assert_eq!(unasked.records().len(), 100);
    assert_eq!(asked.ids("CONTACT_ID"), unasked.ids("CONTACT_ID")[3..10]);
}

#[tokio::test]
async fn more_than_five_hundred_are_cut_silently() {
    let rig = Rig::with_contacts(600).await;

    let answer = rig.get("/Contacts?top=5000").await;

    assert_eq!(answer.records().len(), 500);
}

#[tokio::test]
async fn the_total_is_told_only_when_asked_for() {
    let rig = Rig::with_contacts(30).await;

    let with = rig.get("/Contacts/Search?top=5&count_total=true").await;
    let without = rig.get("/Contacts/Search?top=5").await;

    assert_eq!(with.header("x-total-count"), Some("30"));
    assert_eq!(without.header("x-total-count"), None);
}

#[tokio::test]
async fn brief_leaves_the_nested_lists_out() {
    let rig = Rig::with_contacts(1).await;

    let full = rig.get("/Contacts").await.records().remove(0);
    let brief = rig.get("/Contacts?brief=true").await.records().remove(0);

    for list in ["CUSTOMFIELDS", "TAGS", "LINKS", "DATES"] {
        assert!(full[list].is_array(), "{list}");
        assert_eq!(brief.get(list), None, "{list}");
    }
    assert_eq!(full["CONTACT_ID"], brief["CONTACT_ID"]);
}

#[tokio::test]
async fn a_search_finds_what_was_updated_in_the_second_or_after() {
    let rig = Rig::with_contacts(20).await;
    let changed = rig
        .control
        .change(&Change::update("Contacts", None))
        .unwrap();
    let path = "/Contacts/Search?updated_after_utc=2026-06-01T12:00:00Z";

    let inclusive = rig.get(path).await;
    rig.control.set_behaviour(&BehaviourChange {
        updated_after: Some(ie_simulator::After::Exclusive),
        ..BehaviourChange::default()
    });
    let exclusive = rig.get(path).await;

    assert_eq!(inclusive.records().len(), 1);
    assert_eq!(inclusive.records()[0]["CONTACT_ID"], changed.id);
    assert_eq!(
        inclusive.records()[0]["DATE_UPDATED_UTC"],
        "2026-06-01 12:00:00"
    );
    assert_eq!(exclusive.records().len(), 0);
}

#[tokio::test]
async fn a_list_ignores_the_time_filter() {
    let rig = Rig::with_contacts(20).await;

    let answer = rig
        .get("/Contacts?updated_after_utc=2026-06-01T12:00:00Z")
        .await;

    assert_eq!(answer.records().len(), 20);
}

#[rstest]
#[case::body_form("2026-06-01%2012:00:00")]
#[case::words("yesterday")]
#[case::empty("")]
#[tokio::test]
async fn a_query_date_that_is_not_iso_8601_is_a_400(#[case] date: &str) {
    let rig = Rig::with_contacts(1).await;

    let answer = rig
        .get(&format!("/Contacts/Search?updated_after_utc={date}"))
        .await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.json()["Message"]
            .as_str()
            .unwrap()
            .contains("updated_after_utc")
    );
}

#[tokio::test]
async fn lenient_dates_admit_the_form_of_bodies() {
    let settings = Settings {
        lenient_dates: true,
        ..Settings::empty().with_records("Contacts", 4)
    };
    let rig = Rig::start(settings).await;

    let answer = rig
        .get("/Contacts/Search?updated_after_utc=2020-01-01%2012:00:00")
        .await;

    assert_eq!(answer.records().len(), 4);
}

#[tokio::test]
async fn a_search_by_field_compares_without_case() {
    let rig = Rig::with_contacts(50).await;
    let entry = rig
        .control
        .change(&Change::update("Contacts", None).with("EMAIL_ADDRESS", "Ada@Example.com"))
        .unwrap();

    let found = rig
        .get("/Contacts/Search?field_name=EMAIL_ADDRESS&field_value=ada@example.com&count_total=true")
        .await;
    let unknown = rig
        .get("/Contacts/Search?field_name=NO_SUCH&field_value=1")
        .await;
    let half = rig.get("/Contacts/Search?field_name=EMAIL_ADDRESS").await;

    assert_eq!(found.ids("CONTACT_ID"), [entry.id.as_i64().unwrap()]);
    assert_eq!(found.header("x-total-count"), Some("1"));
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert_eq!(half.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_record_is_found_by_its_id_until_it_is_deleted() {
    let rig = Rig::with_contacts(3).await;
    let listed = rig.get("/Contacts").await.records().remove(1);
    let path = format!("/Contacts/{}", listed["CONTACT_ID"]);

    let before = rig.get(&path).await;
    rig.control
        .change(&Change::delete("Contacts", listed["CONTACT_ID"].as_i64()))
        .unwrap();
    let after = rig.get(&path).await;

    assert_eq!(before.json(), listed);
    assert_eq!(after.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/Contacts").await.records().len(), 2);
}

#[rstest]
#[case("/Contact", 405)]
#[case("/Tickets", 405)]
#[case("/Organisation/Search", 405)]
#[case("/PricebookEntries", 405)]
#[case("/Invoices", 404)]
#[case("/Countries/Search", 404)]
#[case("/Contacts/1/2/3", 404)]
#[case("/", 404)]
#[tokio::test]
async fn wrong_paths_are_refused_as_insightly_does(#[case] path: &str, #[case] status: u16) {
    let rig = Rig::with_contacts(0).await;

    let answer = rig.get(path).await;

    assert_eq!(answer.status.as_u16(), status);
    assert!(answer.json()["Message"].is_string());
}

#[tokio::test]
async fn every_object_of_the_catalog_is_listed_and_searched_where_it_can_be() {
    let mut settings = Settings::empty().without_limits();
    for object in ie_model::catalog::catalog() {
        settings = settings.with_records(&object.object, 3);
    }
    let rig = Rig::start(settings).await;

    for object in ie_model::catalog::catalog() {
        let list = rig.get(&format!("/{}", object.object)).await;
        let search = rig.get(&format!("/{}/Search", object.object)).await;

        let records = list.records();
        assert_eq!(records.len(), 3, "{}", object.object);
        for field in &object.fields {
            assert!(
                records[0].get(&field.name).is_some(),
                "{} {}",
                object.object,
                field.name
            );
        }
        let expected = if object.search { 200 } else { 404 };
        assert_eq!(search.status.as_u16(), expected, "{}", object.object);
    }
}

#[tokio::test]
async fn custom_objects_are_listed_and_searched_by_their_own_name() {
    let rig = Rig::start(Settings::empty().with_records("Project_Site__c", 2)).await;

    let names = rig.get("/CustomObjects").await.json();
    let list = rig.get("/Project_Site__c").await;
    let search = rig
        .get("/Project_Site__c/Search?updated_after_utc=2020-01-01T00:00:00Z")
        .await;

    assert_eq!(names[0]["OBJECT_NAME"], "Project_Site__c");
    assert_eq!(list.records().len(), 2);
    assert_eq!(search.ids("RECORD_ID"), list.ids("RECORD_ID"));
}

#[tokio::test]
async fn me_is_the_user_of_the_key_and_the_instance_names_the_account() {
    let rig = Rig::with_contacts(0).await;
    rig.control
        .set_key(&KeyChange {
            key: "second".to_owned(),
            user: Some(1),
            ..KeyChange::default()
        })
        .unwrap();
    let users = rig.get("/Users").await.ids("USER_ID");

    let me = rig.get("/Users/Me").await.json();
    let other = rig
        .send(rig.as_key("second", Method::GET, "/Users/Me"))
        .await
        .json();
    let instance = rig.get("/Instance").await.json();

    assert_eq!(me["USER_ID"], users[0]);
    assert_eq!(other["USER_ID"], users[1]);
    assert_eq!(me["INSTANCE_ID"], instance["INSTANCE_ID"]);
    assert_eq!(instance["INSTANCE_SUBDOMAIN"], "default");
}

#[tokio::test]
async fn a_missing_wrong_or_unencoded_key_gets_the_documented_401() {
    let rig = Rig::with_contacts(1).await;
    let unencoded = rig
        .anonymous("/Contacts")
        .header("authorization", "Basic demo-key");
    let requests = [
        rig.anonymous("/Contacts"),
        rig.as_key("wrong", Method::GET, "/Contacts"),
        unencoded,
    ];

    for request in requests {
        let answer = rig.send(request).await;

        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            answer.text,
            r#"{"Message": "Authorization has been denied for this request."}"#
        );
    }
}

#[tokio::test]
async fn a_key_can_be_revoked_and_kept_from_an_object() {
    let rig = Rig::with_contacts(1).await;
    let change = |revoked, forbidden: &[&str]| KeyChange {
        key: "demo-key".to_owned(),
        revoked: Some(revoked),
        forbidden: Some(
            forbidden
                .iter()
                .map(|object| (*object).to_owned())
                .collect(),
        ),
        ..KeyChange::default()
    };

    rig.control.set_key(&change(false, &["Leads"])).unwrap();
    let leads = rig.get("/Leads/Search").await;
    let contacts = rig.get("/Contacts").await;
    rig.control.set_key(&change(true, &[])).unwrap();
    let revoked = rig.get("/Contacts").await;

    assert_eq!(leads.status, StatusCode::FORBIDDEN);
    assert_eq!(contacts.status, StatusCode::OK);
    assert_eq!(revoked.status, StatusCode::UNAUTHORIZED);
}

#[rstest]
#[case(Order::Updated)]
#[case(Order::Shuffled)]
#[tokio::test]
async fn another_order_gives_the_same_records(#[case] order: Order) {
    let rig = Rig::with_contacts(80).await;
    let mut by_id = rig.get("/Contacts/Search").await.ids("CONTACT_ID");

    rig.control.set_behaviour(&BehaviourChange {
        order: Some(order),
        ..BehaviourChange::default()
    });
    let answer = rig.get("/Contacts/Search").await;
    let mut ids = answer.ids("CONTACT_ID");

    assert!(by_id.is_sorted());
    assert_ne!(ids, by_id);
    if order == Order::Updated {
        let updated = answer.records();
        assert!(updated.is_sorted_by_key(|record| record["DATE_UPDATED_UTC"].to_string()));
    }
    ids.sort_unstable();
    by_id.sort_unstable();
    assert_eq!(ids, by_id);
}

#[tokio::test]
async fn answers_are_compressed_when_asked_for() {
    let rig = Rig::with_contacts(100).await;

    // By hand, since the client takes the compression off before anybody can see it.
    let plain = rig.raw("/Contacts", "").await;
    let packed = rig.raw("/Contacts", "accept-encoding: gzip\r\n").await;

    let head = String::from_utf8_lossy(&packed).to_lowercase();
    assert!(head.contains("content-encoding: gzip"));
    assert!(
        !String::from_utf8_lossy(&plain)
            .to_lowercase()
            .contains("content-encoding")
    );
    assert!(
        packed.len() < plain.len() / 3,
        "{} of {}",
        packed.len(),
        plain.len()
    );
    assert_eq!(rig.get("/Contacts").await.records().len(), 100);
}

#[tokio::test]
async fn the_same_page_has_the_same_entity_tag_until_it_changes() {
    let rig = Rig::with_contacts(10).await;
    let tag = async || {
        rig.get("/Contacts")
            .await
            .header("etag")
            .unwrap()
            .to_owned()
    };

    let (first, second) = (tag().await, tag().await);
    rig.control
        .change(&Change::update("Contacts", None))
        .unwrap();
    let third = tag().await;

    assert_eq!(first, second);
    assert_ne!(first, third);
}

#[tokio::test]
async fn the_date_header_shows_the_simulators_clock() {
    let rig = Rig::with_contacts(0).await;
    let before = rig.get("/Contacts").await;

    rig.control
        .set_clock_offset(chrono::TimeDelta::seconds(-90));
    let after = rig.get("/Contacts").await;

    assert_eq!(before.header("date"), Some("Mon, 01 Jun 2026 12:00:00 GMT"));
    assert_eq!(after.header("date"), Some("Mon, 01 Jun 2026 11:58:30 GMT"));
}

#[tokio::test]
async fn countries_are_known_by_their_names() {
    let rig = Rig::with_contacts(0).await;

    let one = rig.get("/Countries/C%C3%B4te%20d'Ivoire").await;
    let none = rig.get("/Countries/Atlantis").await;

    assert_eq!(one.json(), json!({"COUNTRY_NAME": "Côte d'Ivoire"}));
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(
        rig.get("/Countries").await.records()[0]["COUNTRY_NAME"],
        Value::from("Argentina")
    );
}
