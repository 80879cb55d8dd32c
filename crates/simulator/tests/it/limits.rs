//! Requests per second and per day.

use ie_simulator::{AccountSettings, BehaviourChange, LimitsChange, Settings};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use std::time::Duration;

use crate::rig::Rig;

#[rstest]
#[case(true, Some("1"))]
#[case(false, None)]
#[tokio::test]
async fn the_eleventh_request_of_a_second_is_a_429_with_some_of_the_day_left(
    #[case] says: bool,
    #[case] retry_after: Option<&str>,
) {
    let settings = Settings {
        burst_retry_after: says,
        ..Settings::empty()
    };
    let rig = Rig::start(settings).await;

    for _ in 0..10 {
        assert_eq!(rig.get("/Instance").await.status, StatusCode::OK);
    }
    let refused = rig.get("/Instance").await;
    rig.clock.advance(Duration::from_secs(1));
    let after = rig.get("/Instance").await;

    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), retry_after);
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("99990"));
    assert_eq!(after.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_tells_the_days_limit_and_what_remains() {
    let rig = Rig::start(Settings::empty()).await;

    for (path, remaining) in [
        ("/Instance", "99999"),
        ("/Nowhere", "99998"),
        ("/Contacts/1", "99997"),
    ] {
        let answer = rig.get(path).await;

        assert_eq!(answer.header("x-ratelimit-limit"), Some("100000"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
    }
}

#[tokio::test]
async fn a_spent_day_is_a_429_with_nothing_left_until_the_day_turns() {
    let rig = Rig::start(Settings::empty()).await;
    rig.control
        .set_limits(&LimitsChange {
            per_day: Some(1_000),
            used_today: Some(999),
            ..LimitsChange::default()
        })
        .unwrap();

    let last = rig.get("/Instance").await;
    rig.clock.advance(Duration::from_secs(60));
    let refused = rig.get("/Instance").await;
    rig.clock.advance(Duration::from_secs(12 * 3600));
    let next_day = rig.get("/Instance").await;

    assert_eq!(last.status, StatusCode::OK);
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(next_day.header("x-ratelimit-remaining"), Some("999"));
}

#[tokio::test]
async fn the_day_can_turn_at_another_hour_and_say_when() {
    let rig = Rig::start(Settings {
        daily_limit: 1,
        ..Settings::empty()
    })
    .await;
    rig.control.set_behaviour(&BehaviourChange {
        day_turns_at: Some(Duration::from_secs(13 * 3600)),
        daily_retry_after: Some(true),
        ..BehaviourChange::default()
    });

    rig.get("/Instance").await;
    let refused = rig.get("/Instance").await;
    rig.clock.advance(Duration::from_secs(3600));
    let next_day = rig.get("/Instance").await;

    assert_eq!(refused.header("retry-after"), Some("3600"));
    assert_eq!(next_day.status, StatusCode::OK);
}

#[tokio::test]
async fn accounts_have_their_own_limits_records_and_keys() {
    let mut second = AccountSettings::new("second", &["key-a", "key-b"]);
    second.requests_per_second = Some(2);
    second.records = Some([("Contacts".to_owned(), 3)].into());
    let mut settings = Settings::empty().with_records("Contacts", 3);
    settings.accounts.push(second);
    let rig = Rig::start(settings).await;
    let ask = async |key| rig.send(rig.as_key(key, Method::GET, "/Contacts")).await;

    let (a, b, refused, other) = (
        ask("key-a").await,
        ask("key-b").await,
        ask("key-a").await,
        ask("demo-key").await,
    );

    assert_eq!(a.records(), b.records());
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(other.records().len(), 3);
    assert_ne!(other.records(), a.records());
}

#[tokio::test]
async fn statistics_tell_the_most_requests_of_a_second_and_the_connections() {
    let rig = Rig::start(Settings::empty()).await;
    for _ in 0..12 {
        rig.get("/Contacts/Search").await;
    }
    rig.clock.advance(Duration::from_secs(2));
    rig.get("/Contacts/5").await;

    let statistics = rig.control.statistics();

    assert_eq!(statistics.by_account["default"].max_in_one_second, 12);
    assert_eq!(statistics.by_account["default"].used_today, 11);
    assert_eq!(statistics.requests["GET /v3.1/Contacts/Search 200"], 10);
    assert_eq!(statistics.requests["GET /v3.1/Contacts/Search 429"], 2);
    assert_eq!(statistics.count("/{id} 404"), 1);
    assert_eq!(statistics.total(), 13);
    assert_eq!(statistics.connections, 1);
    assert_eq!(statistics.open_connections, 1);
}
