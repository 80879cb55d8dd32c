//! What clients write.

use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::rig::Rig;

#[tokio::test]
async fn a_created_record_holds_what_was_given_and_nulls() {
    let rig = Rig::with_contacts(2).await;
    let body = json!({"FIRST_NAME": "Ada \"Countess\"", "DATE_OF_BIRTH": "1815-12-10 00:00:00", "TAGS": [{"TAG_NAME": "x"}]});

    let created = rig.send_json(Method::POST, "/Contacts", body).await;
    let read = rig
        .get(&format!("/Contacts/{}", created.json()["CONTACT_ID"]))
        .await;

    assert_eq!(created.status, StatusCode::CREATED);
    let record = read.json();
    assert_eq!(record, created.json());
    assert_eq!(record["FIRST_NAME"], "Ada \"Countess\"");
    assert_eq!(record["DATE_OF_BIRTH"], "1815-12-10 00:00:00");
    assert_eq!(record["TAGS"], json!([{"TAG_NAME": "x"}]));
    assert_eq!(record["LINKS"], json!([]));
    assert!(record["LAST_NAME"].is_null());
    assert_eq!(record["DATE_CREATED_UTC"], "2026-06-01 12:00:00");
    assert_eq!(
        record["OWNER_USER_ID"],
        rig.get("/Users/Me").await.json()["USER_ID"]
    );
}

#[tokio::test]
async fn a_put_changes_the_given_fields_and_clears_with_null() {
    let rig = Rig::with_contacts(1).await;
    let before = rig.get("/Contacts").await.records().remove(0);
    rig.clock.advance(std::time::Duration::from_secs(5));
    let body =
        json!({"CONTACT_ID": before["CONTACT_ID"], "FIRST_NAME": "Ada", "EMAIL_ADDRESS": null});

    let put = rig.send_json(Method::PUT, "/Contacts", body).await;

    assert_eq!(put.status, StatusCode::OK);
    let mut expected = before;
    expected["FIRST_NAME"] = "Ada".into();
    expected["EMAIL_ADDRESS"] = json!(null);
    expected["DATE_UPDATED_UTC"] = "2026-06-01 12:00:05".into();
    let mut after = put.json();
    // Derived from the time of the update.
    expected["LAST_ACTIVITY_DATE_UTC"] = json!(null);
    after["LAST_ACTIVITY_DATE_UTC"] = json!(null);
    assert_eq!(after, expected);
}

#[tokio::test]
async fn a_deleted_record_is_gone() {
    let rig = Rig::with_contacts(1).await;
    let path = format!(
        "/Contacts/{}",
        rig.get("/Contacts").await.ids("CONTACT_ID")[0]
    );

    let deleted = rig.send(rig.request(Method::DELETE, &path)).await;
    let again = rig.send(rig.request(Method::DELETE, &path)).await;

    assert_eq!(deleted.status, StatusCode::ACCEPTED);
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/Contacts").await.records().len(), 0);
}

#[tokio::test]
async fn a_stale_if_match_is_a_400() {
    let rig = Rig::with_contacts(1).await;
    let path = format!(
        "/Contacts/{}",
        rig.get("/Contacts").await.ids("CONTACT_ID")[0]
    );
    let tag = rig.get(&path).await.header("etag").unwrap().to_owned();
    let put = || {
        rig.request(Method::PUT, &path)
            .header("if-match", &tag)
            .json(&json!({"FIRST_NAME": "Ada"}))
    };

    let fresh = rig.send(put()).await;
    let stale = rig.send(put()).await;

    assert_eq!(fresh.status, StatusCode::OK);
    assert_eq!(stale.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn notes_are_made_at_their_parent() {
    let rig = Rig::with_contacts(1).await;
    let contact = rig.get("/Contacts").await.ids("CONTACT_ID")[0];
    let body = json!({"TITLE": "Called", "BODY": "Wants the data sheet"});

    let own = rig.send_json(Method::POST, "/Notes", body.clone()).await;
    let note = rig
        .send_json(Method::POST, &format!("/Contacts/{contact}/Notes"), body)
        .await;

    assert_eq!(own.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(note.status, StatusCode::CREATED);
    assert_eq!(note.json()["LINKS"][0]["LINK_OBJECT_NAME"], "Contact");
    assert_eq!(note.json()["LINKS"][0]["LINK_OBJECT_ID"], contact);
    assert_eq!(rig.get("/Notes/Search").await.records(), [note.json()]);
}

#[rstest]
#[case::post("/Users", Method::POST)]
#[case::put("/Countries", Method::PUT)]
#[case::delete("/Pipelines/1", Method::DELETE)]
#[case::instance("/Instance", Method::POST)]
#[case::search("/Contacts/Search", Method::POST)]
#[tokio::test]
async fn what_cannot_be_written_is_a_405(#[case] path: &str, #[case] method: Method) {
    let rig = Rig::with_contacts(0).await;

    let answer = rig.send_json(method, path, json!({})).await;

    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[rstest]
#[case::no_json("{")]
#[case::no_object("[]")]
#[case::no_id("{}")]
#[case::wrong_type(r#"{"CONTACT_ID": 1, "FIRST_NAME": 5}"#)]
#[tokio::test]
async fn a_body_that_makes_no_sense_is_a_400(#[case] body: &str) {
    let rig = Rig::with_contacts(1).await;
    let id = rig.get("/Contacts").await.ids("CONTACT_ID")[0].to_string();
    let body = body.replace(": 1,", &format!(": {id},"));

    let answer = rig
        .send(rig.request(Method::PUT, "/Contacts").body(body))
        .await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.json()["Message"].is_string());
}
