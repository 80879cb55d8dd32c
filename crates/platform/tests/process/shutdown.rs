//! How a process ends: nothing lost, prompt, with the right exit code.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rstest::rstest;

use crate::probe::{Probe, command, output};

/// Far less than `lifecycle.drain`.
const PROMPT: Duration = Duration::from_secs(10);

#[rstest]
#[case::terminate(Signal::SIGTERM)]
#[case::interrupt(Signal::SIGINT)]
fn a_signal_lets_work_under_way_finish(#[case] signal: Signal) {
    let probe = Probe::up(&[("IE__PROBE__WORK", "300ms")]);

    probe.signal(signal);

    let ended = probe.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(ended.said("work is done"), "{}", ended.text());
    assert_eq!(ended.stdout, "");
}

#[test]
fn work_that_does_not_finish_is_dropped_at_the_limit() {
    let probe = Probe::up(&[
        ("IE__PROBE__TASK", "endless"),
        ("IE__LIFECYCLE__DRAIN", "200ms"),
    ]);

    probe.signal(Signal::SIGTERM);

    let ended = probe.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(
        ended.said("what was still under way was dropped"),
        "{}",
        ended.text()
    );
}

#[test]
fn a_second_signal_aborts_at_once() {
    let mut probe = Probe::up(&[("IE__PROBE__TASK", "endless")]);
    probe.signal(Signal::SIGTERM);
    probe.says("stopping: no new work, waiting for what is under way");
    let start = Instant::now();

    probe.signal(Signal::SIGTERM);

    let ended = probe.ended();
    assert_eq!(ended.code, Some(130), "{}", ended.text());
    assert!(start.elapsed() < PROMPT, "{:?}", start.elapsed());
}

#[test]
fn a_signal_ends_a_start_that_waits() {
    let mut probe = Probe::start(&[("IE__PROBE__TASK", "waiting")]);
    probe.says("component is not ready");

    probe.signal(Signal::SIGTERM);

    let ended = probe.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
}

#[rstest]
#[case::a_task_fails("failing", "the cursor is gone")]
#[case::a_task_panics("panicking", "a bug")]
#[case::the_service_fails("not-starting", "the store is of a later version")]
#[case::the_service_panics("not-reaching", "an invariant of the store")]
fn a_failure_ends_the_process_with_its_reason_in_the_log(#[case] task: &str, #[case] reason: &str) {
    let ended = Probe::start(&[("IE__PROBE__TASK", task)]).ended();

    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(ended.text().contains(reason), "{}", ended.text());
    for line in &ended.log {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn a_service_may_stop_its_process() {
    let ended = Probe::start(&[("IE__PROBE__TASK", "finishing")]).ended();

    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(ended.said("work is done"), "{}", ended.text());
}

#[test]
fn a_bad_configuration_is_refused_before_any_port_is_bound() {
    // Were the port tried first, the process would end with 1, since it is taken.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let refused = output(&mut command(&[
        ("IE__HEALTH__ADDRESS", &address),
        ("IE__PROBE__TASK", "stedy"),
        ("IE__LIFECYCLE__DRAIN", "soon"),
    ]));

    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(64), "{stderr}");
    assert!(stderr.contains("probe.task: "), "{stderr}");
    assert!(
        stderr.contains("did you mean `steady`? (environment variable IE__PROBE__TASK)"),
        "{stderr}"
    );
    assert!(stderr.contains("lifecycle.drain: "), "{stderr}");
    assert!(refused.stdout.is_empty());
}

#[test]
fn a_port_that_is_taken_ends_the_process() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let ended = Probe::start(&[("IE__HEALTH__ADDRESS", &address)]).ended();

    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(ended.text().contains("health.address"), "{}", ended.text());
}

#[test]
fn an_unknown_option_is_a_usage_error() {
    let refused = output(command(&[]).arg("--confg=x.toml"));

    assert_eq!(refused.status.code(), Some(64));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("--config")
    );
}
