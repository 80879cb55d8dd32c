//! Misbehaviour on demand.

use std::time::{Duration, Instant};

use ie_simulator::{Change, Fault, Rule, Settings};
use reqwest::StatusCode;
use rstest::rstest;

use crate::rig::Rig;

#[rstest]
#[case(429, Some(7))]
#[case(500, None)]
#[case(503, Some(1))]
#[tokio::test]
async fn an_error_comes_as_often_as_asked(#[case] status: u16, #[case] retry_after: Option<u64>) {
    let rig = Rig::with_contacts(1).await;
    rig.control.misbehave(
        Rule::always(Fault::Status {
            status,
            retry_after,
        })
        .times(2),
    );

    let answers = [
        rig.get("/Contacts").await,
        rig.get("/Contacts").await,
        rig.get("/Contacts").await,
    ];

    assert_eq!(
        answers.each_ref().map(|answer| answer.status.as_u16()),
        [status, status, 200]
    );
    let told = answers[0].header("retry-after").map(str::to_owned);
    assert_eq!(told, retry_after.map(|seconds| seconds.to_string()));
    assert!(answers[0].header("x-ratelimit-remaining").is_some());
}

#[tokio::test]
async fn maintenance_is_html_with_a_200() {
    let rig = Rig::with_contacts(1).await;
    rig.control
        .misbehave(Rule::always(Fault::Maintenance { status: 200 }));

    let answer = rig.get("/Contacts").await;

    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(answer.text.contains("maintenance"));
}

#[rstest]
#[case(Fault::TruncatedJson)]
#[case(Fault::MalformedJson)]
#[case(Fault::EmptyBody)]
#[tokio::test]
async fn a_damaged_body_is_complete_http_and_no_json(#[case] fault: Fault) {
    let rig = Rig::with_contacts(50).await;
    rig.control.misbehave(Rule::always(fault.clone()));

    let answer = rig.get("/Contacts").await;

    assert_eq!(answer.status, StatusCode::OK);
    assert!(serde_json::from_str::<serde_json::Value>(&answer.text).is_err());
    assert_eq!(answer.text.is_empty(), fault == Fault::EmptyBody);
}

#[rstest]
#[case(Fault::CutBefore, false)]
#[case(Fault::CutMid, true)]
#[tokio::test]
async fn a_cut_connection_fails_the_request_and_the_next_one_works(
    #[case] fault: Fault,
    #[case] began: bool,
) {
    let rig = Rig::with_contacts(200).await;
    rig.control.misbehave(Rule::always(fault).times(1));

    let cut = rig
        .try_send(rig.request(reqwest::Method::GET, "/Contacts"))
        .await;
    let next = rig.get("/Contacts").await;

    let error = cut.err().unwrap();
    assert_eq!(error.is_body() || error.is_decode(), began, "{error:?}");
    assert_eq!(next.records().len(), 100);
    assert_eq!(rig.control.statistics().count(" cut"), 1);
}

#[tokio::test]
async fn latency_delays_the_answer() {
    let rig = Rig::with_contacts(1).await;
    let wait = Fault::Latency {
        min_ms: 60,
        max_ms: 80,
    };
    rig.control.misbehave(Rule::always(wait).on("Contacts"));
    let start = Instant::now();

    rig.get("/Contacts").await;

    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn a_fault_of_one_object_or_account_leaves_the_others_alone() {
    let rig = Rig::with_contacts(1).await;
    let fault = Fault::Status {
        status: 500,
        retry_after: None,
    };
    rig.control
        .misbehave(Rule::always(fault.clone()).on("Leads"));
    rig.control
        .misbehave(Rule::always(fault).of_account("another"));

    assert_eq!(rig.get("/Contacts").await.status, StatusCode::OK);
    assert_eq!(
        rig.get("/Leads").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    rig.control.behave();
    assert_eq!(rig.get("/Leads").await.status, StatusCode::OK);
}

#[tokio::test]
async fn pages_can_be_smaller_than_five_hundred() {
    let rig = Rig::with_contacts(30).await;
    rig.control
        .misbehave(Rule::always(Fault::PageCap { records: 7 }));

    let answer = rig.get("/Contacts/Search?top=500&count_total=true").await;

    assert_eq!(answer.records().len(), 7);
    assert_eq!(answer.header("x-total-count"), Some("30"));
}

#[tokio::test]
async fn late_writes_are_seen_later_under_their_old_time() {
    let rig = Rig::start(Settings::empty().with_records("Contacts", 1)).await;
    let id = rig.get("/Contacts").await.ids("CONTACT_ID")[0];
    let late = Fault::LateWrites {
        min_ms: 3_000,
        max_ms: 3_000,
    };
    rig.control.misbehave(Rule::always(late).times(1));

    let entry = rig
        .control
        .change(&Change::update("Contacts", id).with("FIRST_NAME", "Late"))
        .unwrap();
    let before = rig.get("/Contacts").await.records().remove(0);
    rig.clock.advance(Duration::from_secs(3));
    let after = rig.get("/Contacts").await.records().remove(0);

    assert_eq!((entry.visible_at - entry.updated).num_seconds(), 3);
    assert_ne!(before["FIRST_NAME"], "Late");
    assert_eq!(after["FIRST_NAME"], "Late");
    assert_eq!(after["DATE_UPDATED_UTC"], "2026-06-01 12:00:00");
}
