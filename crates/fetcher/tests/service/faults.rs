//! What each of Insightly's misbehaviours does to a poller, and what is said of it: the table of `docs/operations.md`.

use std::time::Duration;

use chrono::TimeDelta;
use ie_model::{InstanceId, Poller, Waiting};
use ie_simulator::{Change, Fault, KeyChange, LimitsChange, Rule, Settings};
use ie_store::{NotificationFilter, Page};
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::rig::{Backend, KEY, Rig, account};

/// Pauses that are told apart, and none that a test waits for.
const PAUSES: [(&str, &str); 5] = [
    ("RETRY_MIN", "10m"),
    ("RETRY_MAX", "40m"),
    ("FORBIDDEN_RETRY", "6h"),
    ("REFUSED_RETRY", "2h"),
    ("TIMEOUT", "2s"),
];

/// A fetcher, and an instance that polls contacts, of which one has changed.
async fn scene() -> (Rig, InstanceId) {
    let world = Settings::empty().with_records("Contacts", 3);
    let rig = Rig::start(Backend::Sqlite, world, &PAUSES).await;
    let before = rig.context.clock.now() - TimeDelta::seconds(5);
    let id = rig.instance(&["Contacts"], before).await;
    let control = rig.insightly.control();
    control.change(&Change::update("Contacts", None)).unwrap();
    rig.fetcher().await;
    (rig, id)
}

/// Another address of Insightly's API; gives where the poller stands after a poll.
async fn poll_at(base_url: &str) -> Poller {
    let rig = Rig::start(Backend::Sqlite, Settings::empty(), &PAUSES).await;
    let now = rig.context.clock.now();
    let id = rig.instance_at(base_url, &["Contacts"], now).await;
    rig.fetcher().await;
    rig.poll(id).await
}

/// A server that gives every request this answer; where it is.
async fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    ie_platform::Lifecycle::new().spawn_detail(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok() {
                drop(stream.write_all(answer).await);
            }
        }
    });
    format!("http://{address}/v3.1")
}

/// The minutes until the poller is due again.
fn pause(poller: &Poller) -> i64 {
    (poller.due_at - poller.last_poll_at.unwrap()).num_minutes()
}

/// A failed poll, repeated after the shortest pause, which is spread a little.
#[track_caller]
fn assert_failing(poller: &Poller, text: &str) {
    let error = poller.last_error.as_deref().unwrap();
    assert!(error.contains(text), "{error}");
    assert_eq!((poller.failures, poller.waiting), (1, None));
    assert!((9..=11).contains(&pause(poller)), "{} min", pause(poller));
}

#[track_caller]
fn assert_waiting(poller: &Poller, waiting: Waiting, text: &str) {
    let error = poller.last_error.as_deref().unwrap();
    assert!(error.contains(text), "{error}");
    assert_eq!(poller.waiting, Some(waiting));
}

/// Once Insightly behaves again the next poll finds the change: nothing was lost, and the instance is valid.
async fn assert_recovers(rig: &Rig, id: InstanceId) {
    rig.insightly.control().behave();
    rig.urge(id).await;

    let poller = rig.poll(id).await;

    assert_eq!((poller.last_error.as_deref(), poller.failures), (None, 0));
    assert_eq!(poller.waiting, None);
    assert_eq!(notifications(rig, id).await, 1);
    let instance = rig.store.instance(id).await.unwrap().unwrap();
    assert_eq!((instance.valid, instance.reason), (true, None));
}

async fn notifications(rig: &Rig, id: InstanceId) -> usize {
    let filter = NotificationFilter {
        instance: Some(id),
        ..NotificationFilter::default()
    };
    let page = Page {
        after: None,
        limit: 10,
    };
    let found = rig.store.notifications(&filter, page).await;
    found.unwrap().len()
}

#[rstest]
#[case::server_error(Fault::Status { status: 500, retry_after: None }, "is failing: it answered 500")]
#[case::bad_request(Fault::Status { status: 400, retry_after: None }, "refuses the request")]
#[case::maintenance(Fault::Maintenance { status: 200 }, "an HTML page instead of JSON, as during maintenance")]
#[case::maintenance_that_says_so(Fault::Maintenance { status: 503 }, "it answered 503")]
#[case::empty_body(Fault::EmptyBody, "not readable: an empty body")]
#[case::truncated(Fault::TruncatedJson, "not readable: JSON that ends after")]
#[case::malformed(Fault::MalformedJson, "not readable: JSON that breaks at line")]
#[case::cut_before(Fault::CutBefore, "the connection broke")]
#[case::cut_in_the_body(Fault::CutMid, "the connection broke")]
#[case::too_slow(Fault::Latency { min_ms: 5000, max_ms: 5000 }, "no answer within the time limit")]
#[tokio::test]
async fn what_may_pass_is_repeated_with_growing_pauses(#[case] fault: Fault, #[case] text: &str) {
    let (rig, id) = scene().await;
    rig.insightly.control().misbehave(Rule::always(fault));

    assert_failing(&rig.poll(id).await, text);

    assert_eq!(notifications(&rig, id).await, 0);
    let instance = rig.store.instance(id).await.unwrap().unwrap();
    assert!(instance.valid, "a passing trouble is not the instance's");
    assert_recovers(&rig, id).await;
}

#[tokio::test]
async fn a_server_error_that_says_when_to_come_back_holds_the_account() {
    let (rig, id) = scene().await;
    let busy = Fault::Status {
        status: 503,
        retry_after: Some(900),
    };
    rig.insightly.control().misbehave(Rule::always(busy));

    let poller = rig.poll(id).await;

    assert!((13..=17).contains(&pause(&poller)), "{poller:?}");
    let now = rig.context.clock.now();
    let budget = rig.store.budget(&account()).await.unwrap().unwrap();
    assert!(budget.held_until.unwrap() - now > TimeDelta::minutes(14));
}

#[rstest]
#[case::forbidden(403, "insightly does not allow this object for the key's user")]
#[case::not_allowed(405, "insightly does not offer this object under this name")]
#[case::not_there(404, "insightly has no such record or object")]
#[tokio::test]
async fn an_object_that_the_account_may_not_read_is_skipped(
    #[case] status: u16,
    #[case] text: &str,
) {
    let (rig, id) = scene().await;
    let retry_after = None;
    let fault = Fault::Status {
        status,
        retry_after,
    };
    rig.insightly.control().misbehave(Rule::always(fault));

    let poller = rig.poll(id).await;

    assert_waiting(&poller, Waiting::Skipped, &format!("skipped: {text}"));
    assert!((320..=400).contains(&pause(&poller)), "{poller:?}");
    let instance = rig.store.instance(id).await.unwrap().unwrap();
    assert!(instance.valid, "one object is not the instance");
    assert_recovers(&rig, id).await;
}

#[tokio::test]
async fn a_refused_key_marks_the_instance_and_is_tried_rarely() {
    let (rig, id) = scene().await;
    let control = rig.insightly.control();
    let revoked = |revoked| KeyChange {
        key: KEY.to_owned(),
        revoked: Some(revoked),
        ..KeyChange::default()
    };
    control.set_key(&revoked(true)).unwrap();

    rig.poll(id).await;

    // The instance is marked after the poller.
    let marked = async || rig.store.instance(id).await.unwrap().unwrap();
    let limit = tokio::time::Instant::now() + Duration::from_secs(20);
    while marked().await.valid {
        assert!(tokio::time::Instant::now() < limit, "it is still valid");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let reason = marked().await.reason.unwrap();
    assert!(
        reason.contains("refuses the API key: Authorization has been denied"),
        "{reason}"
    );
    let poller = rig.store.pollers(id).await.unwrap().remove(0);
    assert_waiting(&poller, Waiting::RefusedKey, "refuses the API key");
    assert!((105..=135).contains(&pause(&poller)), "{poller:?}");
    control.set_key(&revoked(false)).unwrap();
    rig.urge(id).await;
    rig.poll(id).await;
    while !marked().await.valid {
        assert!(tokio::time::Instant::now() < limit, "it is still refused");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(notifications(&rig, id).await, 1);
}

#[tokio::test]
async fn a_burst_that_is_refused_waits_and_the_poll_goes_on() {
    let (rig, id) = scene().await;
    let burst = Fault::Status {
        status: 429,
        retry_after: Some(1),
    };
    let control = rig.insightly.control();
    control.misbehave(Rule::always(burst).times(2));

    let poller = rig.poll(id).await;

    assert_eq!((poller.failures, poller.last_error), (0, None));
    assert_eq!(notifications(&rig, id).await, 1);
    assert_eq!(control.statistics().count(" 429"), 2);
}

#[tokio::test]
async fn a_spent_day_asks_nothing_before_the_next() {
    let (rig, id) = scene().await;
    let control = rig.insightly.control();
    let spent = LimitsChange {
        per_day: Some(100),
        used_today: Some(100),
        ..LimitsChange::default()
    };
    control.set_limits(&spent).unwrap();

    let poller = rig.poll(id).await;

    assert_waiting(&poller, Waiting::Budget, "the day's requests are used up");
    assert_eq!(poller.failures, 0);
    let midnight = rig
        .store
        .budget(&account())
        .await
        .unwrap()
        .unwrap()
        .resets_at;
    let late = poller.due_at - midnight;
    assert!(
        late >= TimeDelta::zero() && late <= TimeDelta::minutes(15),
        "{late}"
    );
    // Its owner may ask for a poll as often as they like.
    rig.urge(id).await;
    let poller = rig.poll(id).await;
    assert_waiting(
        &poller,
        Waiting::Budget,
        "requests of the day are used up until",
    );
    assert_eq!(control.statistics().count("/Search"), 1);
}

#[tokio::test]
async fn an_api_that_has_moved_is_not_followed_there() {
    let moved = b"HTTP/1.1 302 Found\r\nLocation: https://login.insightly.com/?secret=1\r\n\
        Content-Length: 0\r\nConnection: close\r\n\r\n";

    let poller = poll_at(&server(moved).await).await;

    let error = poller.last_error.as_deref().unwrap();
    assert!(
        error.contains("which points to login.insightly.com: compare base.url"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
    assert!((36..=44).contains(&pause(&poller)), "{poller:?}");
}

#[tokio::test]
async fn a_host_that_is_not_known_is_told_from_one_that_is_down() {
    let unknown = poll_at("http://api.na9.insightly.invalid/v3.1").await;
    assert_failing(&unknown, "its host's name is not known; compare base.url");

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let down = poll_at(&format!("http://{address}/v3.1")).await;
    assert_failing(&down, "no connection");
}

#[rstest]
#[case::no_date(
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]",
    "a Date header"
)]
#[case::broken_gzip(
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope",
    "the connection broke"
)]
#[case::no_http(b"SSH-2.0-OpenSSH_9.9\r\n", "the connection broke")]
#[tokio::test]
async fn an_answer_that_is_none_of_insightlys_fails_the_poll(
    #[case] answer: &'static [u8],
    #[case] text: &str,
) {
    assert_failing(&poll_at(&server(answer).await).await, text);
}
