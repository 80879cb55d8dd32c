//! `/hubs/crm/…`.

use ie_model::catalog;
use ie_simulator::{Change, Seed};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Answer, Rig};

/// A rig whose clock stands still and whose account may ask as often as a test does.
async fn start() -> Rig {
    Rig::with(&[("HUB_REQUESTS_PER_SECOND", "1000")]).await
}

/// An instance and the `Authorization` with its Element token.
async fn element(rig: &Rig, entries: &Value) -> String {
    let instance = rig.instance(entries).await;
    let token = instance["token"].as_str().unwrap();
    format!("{}, Element {token}", rig.credentials())
}

async fn get(rig: &Rig, element: &str, path: &str) -> Answer {
    let path = format!("/hubs/crm/{path}");
    rig.send(Method::GET, &path, Some(element), "").await
}

async fn send(rig: &Rig, method: Method, element: &str, path: &str, body: &Value) -> Answer {
    let path = format!("/hubs/crm/{path}");
    rig.send(method, &path, Some(element), &body.to_string())
        .await
}

fn seed(rig: &Rig, object: &str, count: usize) -> i64 {
    let seeded = rig.insightly.control().seed(&Seed::of(object, count));
    seeded.unwrap().first_id
}

/// What every record of a list says under that name.
#[track_caller]
fn each<'a>(records: &'a Value, name: &str) -> Vec<&'a Value> {
    let records = records.as_array().unwrap().iter();
    records.map(|record| &record[name]).collect()
}

#[tokio::test]
async fn every_object_of_the_catalog_is_listed_under_its_hub_name() {
    let rig = start().await;
    let element = element(&rig, &json!({})).await;
    for object in catalog::catalog() {
        let (name, id_field) = (&object.hub_resource, &object.id_field);
        if get(&rig, &element, name).await.ok() == json!([]) {
            seed(&rig, &object.object, 2);
        }

        let records = get(&rig, &element, &format!("{name}?pageSize=2"))
            .await
            .ok();

        assert!(!records.as_array().unwrap().is_empty(), "{name}");
        for record in records.as_array().unwrap() {
            let own = &record[id_field];
            let own = own.as_str().map_or_else(|| own.to_string(), str::to_owned);
            assert_eq!(record["id"], own, "{name}");
            let one = get(&rig, &element, &format!("{name}/{own}")).await.ok();
            assert_eq!(&one, record, "{name}");
        }
    }
}

#[tokio::test]
async fn the_user_of_the_key_and_custom_objects_are_resources_too() {
    let rig = start().await;
    let element = element(&rig, &json!({})).await;

    let me = get(&rig, &element, "me").await.ok();
    let sites = get(&rig, &element, "Project_Site__c").await;
    let unknown = get(&rig, &element, "Nothing__c").await;
    let misspelt = get(&rig, &element, "contact").await;

    assert_eq!(me["id"], me["USER_ID"].to_string());
    sites.ok();
    unknown.refused(StatusCode::NOT_FOUND);
    let hint = misspelt.refused(StatusCode::NOT_FOUND);
    assert!(hint.contains("did you mean contacts?"), "{hint}");
}

#[tokio::test]
async fn nulls_are_left_out_unless_the_instance_keeps_them() {
    let rig = start().await;
    let short = element(&rig, &json!({})).await;
    let whole = element(&rig, &json!({"filter.response.nulls": "false"})).await;
    let body = json!({"FIRST_NAME": "Ada"});

    let id = send(&rig, Method::POST, &short, "contacts", &body)
        .await
        .ok()["id"]
        .clone();
    let path = format!("contacts/{}", id.as_str().unwrap());

    let short = get(&rig, &short, &path).await.ok();
    let whole = get(&rig, &whole, &path).await.ok();
    assert_eq!(short.get("LAST_NAME"), None);
    assert_eq!(whole.get("LAST_NAME"), Some(&Value::Null));
}

#[tokio::test]
async fn where_finds_by_a_field_and_by_the_time_of_the_update() {
    let rig = start().await;
    let element = element(&rig, &json!({})).await;
    let first = seed(&rig, "Contacts", 5);
    let change = Change::update("Contacts", first + 2).with("FIRST_NAME", "Jane D'Arc");
    rig.insightly.control().change(&change).unwrap();

    let named = get(&rig, &element, "contacts?where=FIRST_NAME='Jane%20D''Arc'").await;
    let updated = "contacts?where=updated_after_utc%20=%20'2026-11-24%2009:58:00'";
    let updated = get(&rig, &element, updated).await;
    let both =
        "contacts?where=updated_after_utc='2026-11-25 00:00:00' and FIRST_NAME='Jane D''Arc'";
    let both = get(&rig, &element, both).await;

    let jane = json!((first + 2).to_string());
    assert_eq!(each(&named.ok(), "id"), [&jane]);
    assert_eq!(each(&updated.ok(), "id"), [&jane]);
    assert_eq!(both.ok(), json!([]));
}

#[rstest]
#[case(
    "contacts?where=lastModifiedDate>='2026-11-24'",
    "expected = after the field lastModifiedDate"
)]
#[case(
    "contacts?where=FIRST_NAME='a' and LAST_NAME='b'",
    "Insightly's search takes the value of one field"
)]
#[case("contacts?where=FIRST_NAM='a'", "the nearest is FIRST_NAME")]
#[case("countries?where=COUNTRY_NAME='Chad'", "cannot search countries")]
#[case("contacts?pageSize=0", "pageSize: expected")]
#[case("contacts?page=0", "page: expected")]
#[case("contacts?page=1&nextPage=MTA", "expected one of them")]
#[case("contacts?nextPage=LTE", "nextPage: expected")]
#[case("contacts/Search", "id: expected the whole number that CONTACT_ID has")]
#[case("contacts/7%2FNotes", "id: expected")]
#[case("contacts/%FF", "no text")]
#[tokio::test]
async fn what_insightly_cannot_be_asked_is_refused_without_asking(
    #[case] path: &str,
    #[case] why: &str,
) {
    let rig = start().await;
    let element = element(&rig, &json!({})).await;
    rig.insightly.control().reset_statistics();

    let answer = get(&rig, &element, path).await;

    let message = answer.refused(StatusCode::BAD_REQUEST);
    assert!(message.contains(why), "{message}");
    assert_eq!(rig.insightly.control().statistics().total(), 0);
}

#[tokio::test]
async fn pages_are_walked_by_token_and_by_number() {
    let rig = start().await;
    let element = element(&rig, &json!({})).await;
    seed(&rig, "Contacts", 7);
    let all = get(&rig, &element, "contacts").await;
    assert_eq!(all.headers.get("elements-next-page-token"), None);
    let all = all.ok();
    let ids = each(&all, "id");
    assert_eq!(ids.len(), 7);

    let mut by_token = Vec::new();
    let mut path = "contacts?pageSize=3".to_owned();
    loop {
        let page = get(&rig, &element, &path).await;
        let token = page.headers.get("elements-next-page-token").cloned();
        by_token.push(page.ok());
        let Some(token) = token else { break };
        path = format!("contacts?pageSize=3&nextPage={}", token.to_str().unwrap());
    }
    let by_token: Vec<&Value> = by_token.iter().flat_map(|page| each(page, "id")).collect();
    assert_eq!(by_token, ids);

    for (page, expected) in [(1, &ids[..3]), (2, &ids[3..6]), (3, &ids[6..]), (4, &[])] {
        let path = format!("contacts?pageSize=3&page={page}");
        let found = get(&rig, &element, &path).await.ok();
        assert_eq!(each(&found, "id"), expected, "page {page}");
    }
}

#[tokio::test]
async fn a_page_is_never_larger_than_insightlys() {
    let rig = start().await;
    let element = element(&rig, &json!({})).await;
    seed(&rig, "Contacts", 501);

    let page = get(&rig, &element, "contacts?pageSize=2000").await;

    let token = page.headers["elements-next-page-token"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(page.ok().as_array().unwrap().len(), 500);
    let rest = get(
        &rig,
        &element,
        &format!("contacts?pageSize=2000&nextPage={token}"),
    )
    .await;
    assert_eq!(rest.ok().as_array().unwrap().len(), 1);
}

#[rstest]
#[case("contacts", "FIRST_NAME")]
#[case("accounts", "ORGANISATION_NAME")]
#[case("leads", "LAST_NAME")]
#[case("opportunities", "OPPORTUNITY_NAME")]
#[tokio::test]
async fn a_record_is_created_changed_and_deleted(#[case] resource: &str, #[case] field: &str) {
    let rig = start().await;
    let element = element(&rig, &json!({})).await;

    let created = send(
        &rig,
        Method::POST,
        &element,
        resource,
        &json!({field: "Ada"}),
    )
    .await
    .ok();
    let id = created["id"].as_str().unwrap();
    let path = format!("{resource}/{id}");
    let mut back = created.clone();
    back[field] = json!("Grace");
    let put = send(&rig, Method::PUT, &element, &path, &back).await.ok();
    let patched = send(
        &rig,
        Method::PATCH,
        &element,
        &path,
        &json!({field: "Edith"}),
    )
    .await
    .ok();
    let read = get(&rig, &element, &path).await.ok();
    let deleted = send(&rig, Method::DELETE, &element, &path, &Value::Null).await;
    let gone = get(&rig, &element, &path).await;

    assert_eq!(created[field], "Ada");
    assert_eq!(put[field], "Grace");
    assert_eq!(patched[field], "Edith");
    assert_eq!(read, patched);
    assert_eq!(deleted.status, StatusCode::OK);
    assert_eq!(gone.body["providerMessage"], "The record does not exist.");
    gone.refused(StatusCode::NOT_FOUND);
}

#[rstest]
#[case("contacts", "FIRST_NAME", "MAIL", "ADDRESS_MAIL_CITY")]
#[case("accounts", "ORGANISATION_NAME", "SHIP", "ADDRESS_SHIP_CITY")]
#[case("leads", "LAST_NAME", "PRIMARY", "ADDRESS_CITY")]
#[tokio::test]
async fn an_address_is_a_part_of_its_record(
    #[case] resource: &str,
    #[case] name: &str,
    #[case] kind: &str,
    #[case] field: &str,
) {
    let rig = start().await;
    let element = element(&rig, &json!({})).await;
    let record = send(
        &rig,
        Method::POST,
        &element,
        resource,
        &json!({name: "Ada"}),
    )
    .await
    .ok();
    let record = format!("{resource}/{}", record["id"].as_str().unwrap());
    let (all, own) = (
        format!("{record}/addresses"),
        format!("{record}/addresses/{kind}"),
    );

    let none = get(&rig, &element, &all).await.ok();
    let new = json!({"ADDRESS_TYPE": kind, "CITY": "Adelaide", "STREET": "1 King William St"});
    let created = send(&rig, Method::POST, &element, &all, &new).await.ok();
    let moved = send(
        &rig,
        Method::PATCH,
        &element,
        &own,
        &json!({"CITY": "Perth"}),
    )
    .await
    .ok();
    let listed = get(&rig, &element, &all).await.ok();
    let whole = get(&rig, &element, &record).await.ok();
    send(&rig, Method::DELETE, &element, &own, &Value::Null).await;
    let after = get(&rig, &element, &all).await.ok();

    assert_eq!((&none, &after), (&json!([]), &json!([])));
    assert_eq!(
        (&created["id"], &created["CITY"]),
        (&json!(kind), &json!("Adelaide"))
    );
    let expected =
        json!({"id": kind, "ADDRESS_TYPE": kind, "STREET": "1 King William St", "CITY": "Perth"});
    assert_eq!(moved, expected);
    assert_eq!(listed, json!([expected]));
    assert_eq!(
        (&whole[field], &whole[name]),
        (&json!("Perth"), &json!("Ada"))
    );
}

#[tokio::test]
async fn an_address_that_a_record_cannot_have_is_refused() {
    let rig = start().await;
    let element = element(&rig, &json!({})).await;
    let contact = format!("contacts/{}/addresses", seed(&rig, "Contacts", 1));

    let none = get(&rig, &element, "opportunities/7/addresses").await;
    let kind = send(
        &rig,
        Method::POST,
        &element,
        &contact,
        &json!({"ADDRESS_TYPE": "HOME"}),
    )
    .await;
    let path = format!("{contact}/HOME");
    let unknown = send(&rig, Method::PUT, &element, &path, &json!({})).await;
    let path = format!("{contact}/MAIL");
    let other = send(
        &rig,
        Method::PUT,
        &element,
        &path,
        &json!({"ADDRESS_TYPE": "OTHER"}),
    )
    .await;
    let part = send(
        &rig,
        Method::PUT,
        &element,
        &path,
        &json!({"TOWN": "Perth"}),
    )
    .await;

    none.refused(StatusCode::NOT_FOUND);
    let message = kind.refused(StatusCode::BAD_REQUEST);
    assert_eq!(
        message,
        "$.ADDRESS_TYPE: expected MAIL or OTHER, got \"HOME\""
    );
    unknown.refused(StatusCode::NOT_FOUND);
    other.refused(StatusCode::BAD_REQUEST);
    let message = part.refused(StatusCode::BAD_REQUEST);
    assert!(message.starts_with("$.TOWN: is no part"), "{message}");
}
