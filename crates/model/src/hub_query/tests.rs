//! Hub paths as the reference writes them, and what is wrong with others.

use chrono::{DateTime, Utc};
use rstest::rstest;

use super::{HubQuery, Where};

fn time() -> DateTime<Utc> {
    "2018-02-21T07:31:45Z".parse().unwrap()
}

fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(field, value): &(&str, &str)| ((*field).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[rstest]
#[case("/hubs/crm/contacts?where=updated_after_utc='2018-02-21 07:31:45'")]
#[case("/hubs/crm/contacts?where=updated_after_utc='2018-02-21 07:31:45' ")]
#[case("/hubs/crm/contacts?where= Updated_After_UTC = '2018-02-21 07:31:45'")]
#[case("/hubs/crm/contacts?where=updated_after_utc%20%3D%20%272018-02-21%2007%3A31%3A45%27")]
#[case("/hubs/crm/contacts?where=updated_after_utc='2018-02-21T07:31:45Z'")]
#[case("/hubs/crm/contacts?where=updated_after_utc='2018-02-21T07:31:45.000Z'")]
#[case("/hubs/crm/contacts?where=updated_after_utc='2018-02-21T09:31:45+02:00'")]
#[case("/hubs/crm/contacts?where=updated_after_utc='2018-02-21T09:31:45+0200'")]
#[case("/hubs/crm/contacts?where=updated_after_utc='2018-02-21T09:31:45+02'")]
#[case("/hubs/crm/contacts?where=updated_after_utc='1519198305000'")]
#[case("/hubs/crm/contacts?where=updated_after_utc=1519198305000")]
fn the_time_may_be_written_in_each_of_its_forms(#[case] path: &str) {
    let expected = HubQuery {
        resource: "contacts".to_owned(),
        updated_after: Some(time()),
        equals: vec![],
        page_size: None,
    };
    assert_eq!(path.parse(), Ok(expected));
}

#[rstest]
#[case("/hubs/crm/leads", &[], None)]
#[case("/hubs/crm/leads?", &[], None)]
#[case("/hubs/crm/leads?pageSize=50", &[], Some(50))]
#[case("/hubs/crm/leads?where=EMAIL_ADDRESS = 'a@b.c'&pageSize=50", &[("EMAIL_ADDRESS", "a@b.c")], Some(50))]
#[case("/hubs/crm/leads?where=NAME='O''Brien & Söhne'&pageSize=7", &[("NAME", "O'Brien & Söhne")], Some(7))]
#[case("/hubs/crm/leads?where=NAME=%27S%C3%B6hne%20%26%20Co%27", &[("NAME", "Söhne & Co")], None)]
#[case("/hubs/crm/leads?where=A='1' and B=2 AND C=''", &[("A", "1"), ("B", "2"), ("C", "")], None)]
#[case("/hubs/crm/leads?where=EMAIL='a+b@c.d'", &[("EMAIL", "a+b@c.d")], None)]
fn fields_and_the_page_size_are_read(
    #[case] path: &str,
    #[case] equals: &[(&str, &str)],
    #[case] page_size: Option<u32>,
) {
    let query: HubQuery = path.parse().unwrap();
    assert_eq!((query.equals, query.page_size), (fields(equals), page_size));
    assert_eq!(
        (query.resource.as_str(), query.updated_after),
        ("leads", None)
    );
}

#[test]
fn a_field_and_the_time_are_joined_by_and() {
    let found: Where = "EMAIL_ADDRESS = 'a@b.c' and updated_after_utc='2018-02-21 07:31:45'"
        .parse()
        .unwrap();
    assert_eq!(found.equals, fields(&[("EMAIL_ADDRESS", "a@b.c")]));
    assert_eq!(found.updated_after, Some(time()));
}

#[rstest]
#[case("contacts", "expected a path such as /hubs/crm/contacts", 1)]
#[case("/hubs/erp/contacts", "expected a path such as /hubs/crm/contacts", 1)]
#[case("/hubs/crm/?where=A='1'", "expected the name of a resource", 11)]
#[case("/hubs/crm/leads/12", "expected the name of a resource", 16)]
#[case(
    "/hubs/crm/leads?page=2",
    "there is no parameter \"page\" here, allowed are where and pageSize",
    17
)]
#[case(
    "/hubs/crm/leads?pageSize=0",
    "pageSize is a whole number from 1 on",
    26
)]
#[case("/hubs/crm/leads?pageSize=1&pageSize=2", "pageSize is given twice", 28)]
#[case("/hubs/crm/leads?where=", "expected a condition", 23)]
#[case("/hubs/crm/leads?where=A='1' and", "expected a condition", 32)]
#[case("/hubs/crm/leads?where=A>'1'", "expected = after the field A", 24)]
#[case("/hubs/crm/leads?where=A=", "expected a value in single quotes", 25)]
#[case(
    "/hubs/crm/leads?where=A=\"1\"",
    "expected a value in single quotes",
    25
)]
#[case("/hubs/crm/leads?where=A='1", "the single quote is never closed", 25)]
#[case(
    "/hubs/crm/leads?where=A='1' or B='2'",
    "expected and with another condition",
    29
)]
#[case(
    "/hubs/crm/leads?where=A=1 2",
    "expected and with another condition",
    27
)]
#[case(
    "/hubs/crm/leads?where=A='50%'",
    "a % is followed by two hexadecimal digits",
    28
)]
#[case(
    "/hubs/crm/leads?where=A='%C3'",
    "the percent-encoded bytes are not UTF-8",
    26
)]
#[case(
    "/hubs/crm/leads?where=%41%42%20%3E%201",
    "expected = after the field AB",
    32
)]
#[case(
    "/hubs/crm/leads?where=updated_after_utc='2018-13-21 07:31:45'",
    "not a date of the form yyyy-MM-dd HH:mm:ss: the month 13 is not within 1 to 12, at character 6; a time is",
    41
)]
#[case(
    "/hubs/crm/leads?where=updated_after_utc='2018-02-21T07:31:45'",
    "not a date of the form yyyy-MM-dd HH:mm:ss: expected \" \", found 'T', at character 11; a time is",
    41
)]
#[case(
    "/hubs/crm/leads?where=updated_after_utc='1519198305'",
    "too few digits for epoch milliseconds",
    41
)]
#[case(
    "/hubs/crm/leads?where=updated_after_utc=''",
    "not a date of the form",
    41
)]
#[case(
    "/hubs/crm/leads?where=updated_after_utc=0 and updated_after_utc=0",
    "updated_after_utc is given twice",
    47
)]
fn a_bad_path_says_what_is_wrong_and_where(
    #[case] path: &str,
    #[case] expected: &str,
    #[case] position: usize,
) {
    let error = path.parse::<HubQuery>().unwrap_err();
    assert!(error.to_string().starts_with(expected), "{error}");
    assert!(
        error
            .to_string()
            .ends_with(&format!(", at character {position}")),
        "{error}"
    );
}
