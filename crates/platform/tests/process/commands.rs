//! `healthcheck`, `check-config`, and the file that `--config` names.

use nix::sys::signal::Signal;

use crate::probe::{Probe, command, output};

#[test]
fn a_healthcheck_of_a_ready_process_succeeds() {
    let mut probe = Probe::start(&[]);
    let address = probe.address().to_string();
    probe.logs(|line| line["fields"]["health.component"] == "process");

    let checked = output(command(&[("IE__HEALTH__ADDRESS", &address)]).arg("healthcheck"));

    assert_eq!(checked.status.code(), Some(0));
    assert_eq!(checked.stdout, b"ready\n");
    probe.signal(Signal::SIGTERM);
    assert_eq!(probe.ended().code, Some(0));
}

#[test]
fn a_healthcheck_of_a_process_that_waits_says_what_for() {
    let mut probe = Probe::start(&[("IE__PROBE__TASK", "waiting")]);
    let address = probe.address().to_string();
    probe.says("component is not ready");

    let checked = output(command(&[("IE__HEALTH__ADDRESS", &address)]).arg("healthcheck"));

    let stderr = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(1));
    assert!(stderr.contains("connection refused"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_healthcheck_of_nobody_fails_in_one_line() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);

    let checked = output(command(&[("IE__HEALTH__ADDRESS", &address)]).arg("healthcheck"));

    let stderr = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(1));
    assert!(stderr.starts_with("not ready: "), "{stderr}");
    assert!(stderr.contains(&address), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_healthcheck_without_a_health_address_says_so() {
    let checked = output(command(&[("IE__HEALTH__ADDRESS", "")]).arg("healthcheck"));

    assert_eq!(checked.status.code(), Some(1));
    assert!(
        String::from_utf8(checked.stderr)
            .unwrap()
            .contains("health.address")
    );
}

#[test]
fn the_effective_configuration_is_shown_as_a_file_that_can_be_used_without_its_secrets() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "[probe]\nwork = \"3s\"\n[lifecycle]\ndrain = \"7s\"\n",
    )
    .unwrap();
    let variables = [
        ("IE__PROBE__PASSWORD", "s3cr3t"),
        ("IE__LIFECYCLE__DRAIN", "8s"),
    ];

    let shown = output(
        command(&variables)
            .arg("check-config")
            .arg("--config")
            .arg(file.path()),
    );

    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(0), "{text}");
    let parsed: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(parsed["probe"]["work"].as_str(), Some("3s"));
    assert_eq!(parsed["probe"]["password"].as_str(), Some("********"));
    assert_eq!(parsed["lifecycle"]["drain"].as_str(), Some("8s"));
    assert_eq!(parsed["telemetry"]["exporter"].as_str(), Some("none"));
    assert!(!text.contains("s3cr3t"), "{text}");
}

#[test]
fn problems_of_the_configuration_are_shown_instead() {
    let shown = output(command(&[("IE__PROBE__WORK", "2h")]).arg("check-config"));

    let stderr = String::from_utf8(shown.stderr).unwrap();
    assert_eq!(shown.status.code(), Some(64));
    assert!(
        stderr.contains("probe.work: must be at most 60s (environment variable IE__PROBE__WORK)"),
        "{stderr}"
    );
}

#[test]
fn a_configuration_file_that_is_not_there_is_a_configuration_error() {
    let shown = output(command(&[]).args(["--config", "/nowhere/ie.toml"]));

    assert_eq!(shown.status.code(), Some(64));
    assert!(
        String::from_utf8(shown.stderr)
            .unwrap()
            .contains("cannot read /nowhere/ie.toml")
    );
}

#[test]
fn the_log_filter_is_shown_and_changed_from_the_command_line() {
    let token = ("IE__HEALTH__TOKEN", "0123456789abcdef");
    let mut probe = Probe::start(&[token, ("IE__TELEMETRY__FILTER", "info")]);
    let address = probe.address().to_string();
    let variables = [token, ("IE__HEALTH__ADDRESS", address.as_str())];
    let run = |arguments: &[&str]| output(command(&variables).args(arguments));
    let url = format!("http://{address}/");

    let shown = run(&["log-filter"]);
    let changed = run(&["log-filter", "info,probe=off"]);
    let refused = run(&["log-level", "ie=loud"]);
    let elsewhere = output(command(&[token]).args(["log-filter", "--url", &url]));
    let without = output(command(&[]).args(["log-filter", "debug", "--url", &url]));

    assert_eq!(
        (shown.status.code(), shown.stdout),
        (Some(0), b"info\n".to_vec())
    );
    assert_eq!(changed.stdout, b"info,probe=off\n");
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("info,ie_broker=debug"), "{stderr}");
    assert_eq!(elsewhere.stdout, b"info,probe=off\n");
    let stderr = String::from_utf8(without.stderr).unwrap();
    assert_eq!(without.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("401") && stderr.contains("health.token"),
        "{stderr}"
    );
    probe.signal(Signal::SIGTERM);
    let ended = probe.ended();
    assert!(!ended.said("work is done"), "{}", ended.text());
}
