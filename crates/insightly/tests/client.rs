//! The client against a scripted server: one test per kind of answer.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test fail it as the test itself does"
)]

use std::time::Duration;

use ie_insightly::{Client, Error, Search, identify};
use ie_platform::http::{ClientSettings, client as http_client};
use ie_platform::secret::SecretString;
use rstest::rstest;
use serde_json::json;
use wiremock::matchers::{body_json, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

const DATE: &str = "Tue, 24 Nov 2026 10:00:00 GMT";

async fn server(response: ResponseTemplate) -> (MockServer, Client) {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(response.insert_header("date", DATE))
        .mount(&server)
        .await;
    let client = client(&server.uri());
    (server, client)
}

fn client(uri: &str) -> Client {
    let http = http_client(&ClientSettings::default()).unwrap();
    Client::new(http, &format!("{uri}/v3.1/"), SecretString::from("key-1")).unwrap()
}

fn page() -> Search {
    Search {
        top: 500,
        count_total: true,
        ..Search::default()
    }
}

#[tokio::test]
async fn a_search_sends_key_window_and_place_and_reads_page_total_clock_and_budget() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200)
        .set_body_json(json!([{"CONTACT_ID": 1}]))
        .insert_header("date", DATE)
        .insert_header("X-Total-Count", "1234")
        .insert_header("X-RateLimit-Limit", "1000")
        .insert_header("X-RateLimit-Remaining", "998");
    Mock::given(method("GET"))
        .and(path("/v3.1/Contacts/Search"))
        .and(header("authorization", "Basic a2V5LTE6"))
        .and(query_param("updated_after_utc", "2026-04-09T16:58:14Z"))
        .and(query_param("skip", "499"))
        .and(query_param("top", "500"))
        .and(query_param("count_total", "true"))
        .respond_with(answer)
        .mount(&server)
        .await;

    let search = Search {
        updated_after: Some("2026-04-09T16:58:14Z".parse().unwrap()),
        skip: 499,
        ..page()
    };
    let answer = client(&server.uri())
        .search("Contacts", &search)
        .await
        .unwrap();

    assert_eq!(answer.body.records.len(), 1);
    assert_eq!(answer.body.total, Some(1234));
    assert_eq!(answer.server_date.to_rfc3339(), "2026-11-24T10:00:00+00:00");
    assert_eq!(
        (answer.budget.limit, answer.budget.remaining),
        (Some(1000), Some(998))
    );
}

#[tokio::test]
async fn a_list_sends_its_place_and_no_condition() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200)
        .set_body_json(json!([{"CONTACT_ID": 1}, {"CONTACT_ID": 2}]))
        .insert_header("date", DATE)
        .insert_header("X-Total-Count", "2");
    Mock::given(method("GET"))
        .and(path("/v3.1/Contacts"))
        .and(query_param("skip", "499"))
        .and(query_param("top", "500"))
        .and(query_param("brief", "true"))
        .and(query_param("count_total", "true"))
        .and(query_param_is_missing("updated_after_utc"))
        .and(query_param_is_missing("field_name"))
        .respond_with(answer)
        .mount(&server)
        .await;

    let search = Search {
        updated_after: Some("2026-04-09T16:58:14Z".parse().unwrap()),
        equals: Some(("FIRST_NAME".to_owned(), "Ada".to_owned())),
        skip: 499,
        brief: true,
        ..page()
    };
    let answer = client(&server.uri()).list("Contacts", &search).await;

    let page = answer.unwrap().body;
    assert_eq!((page.records.len(), page.total), (2, Some(2)));
}

#[tokio::test]
async fn a_record_that_is_gone_is_an_answer_with_insightlys_time() {
    let (_server, client) = server(ResponseTemplate::new(404)).await;

    let answer = client.find("Contacts", "7").await.unwrap();

    assert_eq!(answer.body, None);
    assert_eq!(answer.server_date.to_rfc3339(), "2026-11-24T10:00:00+00:00");
}

#[tokio::test]
async fn a_record_that_is_there_is_found() {
    let record = json!({"CONTACT_ID": 7});
    let (_server, client) = server(ResponseTemplate::new(200).set_body_json(&record)).await;

    assert_eq!(
        client.find("Contacts", "7").await.unwrap().body,
        Some(record)
    );
}

#[rstest]
#[case::forbidden(403, "")]
#[case::wrong_spelling(405, "")]
#[case::failing(500, "")]
#[case::somebody_elses_page(404, " <html>no such host</html>")]
#[tokio::test]
async fn whatever_else_is_no_word_about_a_record(#[case] status: u16, #[case] body: &str) {
    let (_server, client) = server(ResponseTemplate::new(status).set_body_string(body)).await;

    assert!(client.find("Contacts", "7").await.is_err());
}

#[tokio::test]
async fn a_refused_key_keeps_insightlys_words() {
    let words = "Authorization has been denied for this request.";
    let (_server, client) =
        server(ResponseTemplate::new(401).set_body_json(json!({"Message": words}))).await;
    let error = client.me().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    assert_eq!(error.provider_message(), Some(words));
}

#[tokio::test]
async fn a_burst_is_told_from_a_spent_day() {
    let burst = ResponseTemplate::new(429)
        .insert_header("X-RateLimit-Remaining", "7")
        .insert_header("Retry-After", "3");
    let (_server, client) = server(burst).await;
    let error = client.search("Contacts", &page()).await.unwrap_err();
    assert!(
        matches!(error, Error::RateLimited { retry_after: Some(wait), day_spent: false } if wait == Duration::from_secs(3)),
        "{error}"
    );

    let (_server, client) =
        self::server(ResponseTemplate::new(429).insert_header("X-RateLimit-Remaining", "0")).await;
    let error = client.search("Contacts", &page()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::RateLimited {
                day_spent: true,
                ..
            }
        ),
        "{error}"
    );
}

#[rstest]
#[case::forbidden(403, "insightly does not allow this object for the key's user: no")]
#[case::not_found(404, "insightly has no such record or object")]
#[case::wrong_spelling(405, "insightly does not offer this object under this name")]
#[case::bad_request(400, "insightly refuses the request: no")]
#[case::failing(
    503,
    "insightly cannot be reached or is failing: it answered 503 Service Unavailable"
)]
#[case::moved(
    302,
    "insightly's API is not at this address: compare base.url with the API address that Insightly's User Settings show"
)]
#[tokio::test]
async fn each_status_has_its_meaning(#[case] status: u16, #[case] text: &str) {
    let (_server, client) =
        server(ResponseTemplate::new(status).set_body_json(json!({"Message": "no"}))).await;
    assert_eq!(
        client.get("Contacts", "7").await.unwrap_err().to_string(),
        text
    );
}

#[rstest]
#[case::forbidden(403)]
#[case::not_found(404)]
#[case::wrong_spelling(405)]
#[case::bad_request(400)]
#[tokio::test]
async fn a_refusal_keeps_as_many_of_insightlys_words_as_somebody_reads(#[case] status: u16) {
    let words = "no ".repeat(100_000);
    let (_server, client) =
        server(ResponseTemplate::new(status).set_body_json(json!({"Message": words}))).await;

    let error = client.get("Contacts", "7").await.unwrap_err();

    assert_eq!(error.provider_message(), Some(&words[..2_000]));
}

#[rstest]
#[case::maintenance(
    "<html>We'll be back</html>",
    "an HTML page instead of JSON, as during maintenance"
)]
#[case::empty("", "an empty body")]
#[case::truncated("[{\"CONTACT_ID\": 1}, {\"CON", "JSON that ends after 25 bytes")]
#[case::malformed("[{\"CONTACT_ID\" 1}]", "JSON that breaks at line 1, column 16")]
#[tokio::test]
async fn a_body_that_is_no_page_says_what_it_looks_like(#[case] body: &str, #[case] what: &str) {
    let (_server, client) = server(ResponseTemplate::new(200).set_body_string(body)).await;
    let error = client.search("Contacts", &page()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("insightly's answer is not readable: {what}")
    );
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unavailable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = client(&format!("http://{free}")).me().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unavailable {
                source: Some(_),
                ..
            }
        ),
        "{error}"
    );
}

#[rstest]
#[case("api.na1.insightly.com/v3.1")]
#[case("ftp://api.na1.insightly.com")]
#[case("")]
fn a_base_url_that_is_no_http_address_is_refused(#[case] address: &str) {
    let http = http_client(&ClientSettings::default()).unwrap();
    let error = Client::new(http, address, SecretString::from("key")).unwrap_err();
    assert!(error.to_string().starts_with("base.url "), "{error}");
}

#[tokio::test]
async fn two_keys_of_one_account_have_one_budget_and_a_key_without_account_its_own() {
    let server = MockServer::start().await;
    Mock::given(path("/v3.1/Users/Me"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"USER_ID": 1}))
                .insert_header("date", DATE),
        )
        .mount(&server)
        .await;
    let instance = Mock::given(path("/v3.1/Instance")).respond_with(
        ResponseTemplate::new(200)
            .set_body_json(json!({"INSTANCE_ID": 42, "INSTANCE_NAME": "Acme"}))
            .insert_header("date", DATE),
    );
    let guard = server.register_as_scoped(instance).await;
    let known = identify(&client(&server.uri())).await.unwrap();
    assert_eq!(known.account.0, format!("{}/42", server.address()));

    drop(guard);
    let unknown = identify(&client(&server.uri())).await.unwrap();
    assert!(
        unknown
            .account
            .0
            .starts_with(&format!("{}/key:", server.address()))
    );
    assert!(!unknown.account.0.contains("key-1"));
}

/// The fields of a record to send.
fn fields(json: &serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    json.as_object().unwrap().clone()
}

#[tokio::test]
async fn a_record_is_created_and_changed_by_its_fields_and_deleted_by_its_id() {
    let server = MockServer::start().await;
    let new = json!({"FIRST_NAME": "Ada"});
    let changed = json!({"CONTACT_ID": 7, "FIRST_NAME": null});
    let answers = [
        ("POST", "/v3.1/Contacts", Some(&new), 201),
        ("PUT", "/v3.1/Contacts", Some(&changed), 200),
        ("DELETE", "/v3.1/Contacts/7", None, 202),
    ];
    for (verb, at, body, status) in answers {
        let mut mock = Mock::given(method(verb))
            .and(path(at))
            .and(header("authorization", "Basic a2V5LTE6"));
        let mut answer = ResponseTemplate::new(status)
            .insert_header("date", DATE)
            .insert_header("X-RateLimit-Remaining", "998");
        if let Some(body) = body {
            mock = mock.and(body_json(body));
            answer = answer.set_body_json(json!({"CONTACT_ID": 7}));
        }
        mock.respond_with(answer).expect(1).mount(&server).await;
    }
    let client = client(&server.uri());

    let created = client.create("Contacts", &fields(&new)).await.unwrap();
    let updated = client.update("Contacts", &fields(&changed)).await.unwrap();
    let deleted = client.delete("Contacts", "7").await.unwrap();

    assert_eq!(created.body, json!({"CONTACT_ID": 7}));
    assert_eq!(updated.body, created.body);
    assert_eq!(deleted.budget.remaining, Some(998));
}

#[tokio::test]
async fn a_change_that_is_refused_keeps_insightlys_words() {
    let server = MockServer::start().await;
    let words = json!([{"Message": "LAST_NAME is too long."}, {"Message": "So is FIRST_NAME."}]);
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(400).set_body_json(words))
        .mount(&server)
        .await;

    let client = client(&server.uri());
    let created = client.create("Contacts", &fields(&json!({}))).await;

    assert_eq!(
        created.unwrap_err().provider_message(),
        Some("LAST_NAME is too long.; So is FIRST_NAME.")
    );
}
