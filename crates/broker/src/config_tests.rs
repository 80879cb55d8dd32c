//! Tests of the section `broker`: its defaults file, and what `validate` finds.

use ie_platform::config::{Config as _, Problems, Section as _, load_from};
use serde::{Deserialize, Serialize};

use super::Config;

#[derive(Serialize, Deserialize)]
struct Process {
    broker: Config,
}

impl ie_platform::config::Config for Process {
    fn defaults() -> Vec<&'static str> {
        vec![Config::DEFAULTS]
    }

    fn validate(&self, problems: &mut Problems) {
        self.broker.validate(problems);
    }
}

fn load(variables: &[(&str, &str)]) -> Process {
    let variables = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    load_from(None, variables).unwrap()
}

fn problems(change: impl FnOnce(&mut Config)) -> String {
    let mut process = Process {
        broker: Config::default(),
    };
    change(&mut process.broker);
    let mut problems = Problems::default();
    process.validate(&mut problems);
    problems.to_string()
}

#[test]
fn the_defaults_file_says_what_default_says() {
    let loaded = load(&[]).broker;

    assert_eq!(format!("{loaded:?}"), format!("{:?}", Config::default()));
}

#[test]
fn the_defaults_are_valid() {
    assert_eq!(problems(|_| ()), "");
}

#[test]
fn the_retry_schedule_can_come_from_the_environment() {
    let loaded = load(&[("IE__BROKER__RETRY", r#"["1s", "250ms"]"#)]).broker;

    let millis: Vec<_> = loaded.retry.iter().map(|delay| delay.as_millis()).collect();
    assert_eq!(millis, [1000, 250]);
}

#[test]
fn the_password_is_neither_in_debug_nor_serialized() {
    let loaded = load(&[("IE__BROKER__URL", "amqp://ie:hunter2@rabbitmq:5672/%2f")]).broker;

    let shown = format!("{loaded:?} {}", serde_json::to_string(&loaded).unwrap());

    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("rabbitmq:5672"), "{shown}");
}

#[test]
fn each_wrong_value_is_reported_with_its_key() {
    let text = problems(|config| {
        config.url = "http://rabbitmq".into();
        config.prefix = "with space".into();
        config.jitter = 2.0;
        config.delays.reverse();
        config.delivery_limit = 1;
        config.publish_window = 0;
        config.memory_bytes = 0;
        config.heartbeat = std::time::Duration::ZERO;
    });

    for field in [
        "url",
        "prefix",
        "jitter",
        "delays",
        "delivery_limit",
        "publish_window",
        "memory_bytes",
        "heartbeat",
    ] {
        assert!(
            text.contains(&format!("broker.{field}")),
            "{field} in {text}"
        );
    }
}

#[test]
fn an_in_process_queue_may_hold_gigabytes() {
    let loaded = load(&[("IE__BROKER__MEMORY_BYTES", "4000000000")]);

    assert_eq!(loaded.broker.memory_bytes, 4_000_000_000);
}

#[test]
fn a_retry_longer_than_the_longest_wait_queue_names_the_delay_to_add() {
    let text = problems(|config| config.retry.push(std::time::Duration::from_secs(48 * 3600)));

    assert!(text.contains("add \"48h\""), "{text}");
}
