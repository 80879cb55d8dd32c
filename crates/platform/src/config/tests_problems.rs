//! Configuration: every problem at once, each with its key and where the value came from.

use rstest::rstest;
use serde::Deserialize;

use super::tests::{Broker, Root, file, from_variables};
use super::*;

fn from_file(text: &str) -> Result<Broker, ConfigError> {
    load_from::<Root>(Some(file(text).path()), []).map(|root| root.broker)
}

/// The text of the one problem that is expected.
fn problem(result: Result<Broker, ConfigError>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.problems().keys().count(), 1, "{error}");
    error.problems().to_string().trim().to_owned()
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_variable() {
    let problem = problem(from_variables(&[("IE__BROKER__URL_FILE", "/nowhere/url")]));

    assert!(problem.contains("cannot read /nowhere/url"), "{problem}");
    assert!(
        problem.ends_with("(environment variable IE__BROKER__URL_FILE)"),
        "{problem}"
    );
}

#[test]
fn a_field_set_both_ways_is_refused() {
    let url = file("memory:");
    let problem = problem(from_variables(&[
        ("IE__BROKER__URL", "memory:"),
        ("IE__BROKER__URL_FILE", url.path().to_str().unwrap()),
    ]));

    assert!(problem.starts_with("broker.url: is set twice"), "{problem}");
    assert!(
        problem.contains("IE__BROKER__URL,") || problem.contains("or IE__BROKER__URL "),
        "{problem}"
    );
}

#[test]
fn every_problem_is_reported_at_once_with_where_it_came_from() {
    let file = file("[broker]\nprefetsh = 3\npatience = \"soon\"\nretry = [1, \"x\"]\n");
    let variables = [("IE__BROKER__ORDER".to_owned(), "per-objekt".to_owned())];

    let error = load_from::<Root>(Some(file.path()), variables).unwrap_err();

    let path = file.path().display();
    let text = error.to_string();
    let keys: Vec<_> = error.problems().keys().collect();
    assert_eq!(keys.len(), 4, "{text}");
    for expected in [
        format!("broker.prefetsh: there is no such setting; did you mean `prefetch`? (file {path})"),
        format!("broker.patience: expected a duration, found \"soon\" (file {path})"),
        format!("broker.retry.1: expected a whole number that is not negative, found text (file {path})"),
        "broker.order: expected one of `unordered`, `per-object`, found `per-objekt`; did you mean `per-object`? \
         (environment variable IE__BROKER__ORDER)"
            .to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected}\nis not in\n{text}");
    }
}

#[test]
fn values_are_validated_once_they_can_be_read() {
    let error =
        from_variables(&[("IE__BROKER__PREFETCH", "0"), ("IE__BROKER__RETRY", "[]")]).unwrap_err();

    let text = error.to_string();
    assert!(
        text.contains(
            "broker.prefetch: must be at least 1 (environment variable IE__BROKER__PREFETCH)"
        ),
        "{text}"
    );
    assert!(
        text.contains("broker.retry: must hold at least one delay"),
        "{text}"
    );
}

#[rstest]
#[case::a_number(
    "[broker]\nprefix = 77\n",
    "broker.prefix: expected text, found a whole number"
)]
#[case::a_list(
    "[broker]\nretry = 7\n",
    "expected a list, written [a, b], found a whole number"
)]
#[case::a_table("[broker]\ntls = \"on\"\n", "broker.tls: expected a table, found text")]
#[case::a_whole_section("broker = 7\n", "broker: expected a table, found a whole number")]
#[case::out_of_range(
    "[broker]\nprefetch = 70000\n",
    "broker.prefetch: expected a whole number from 0 to 65535, found 70000"
)]
#[case::far_from_any_name(
    "[broker]\nzzzzzz = 1\n",
    "there is no such setting; expected one of `url`"
)]
fn a_bad_value_in_the_file_is_explained(#[case] text: &str, #[case] says: &str) {
    let problem = problem(from_file(text));

    assert!(problem.contains(says), "{problem}");
}

#[test]
fn a_required_setting_that_nobody_set_is_named() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Bare {
        broker: Broker,
    }
    impl Config for Bare {
        fn defaults() -> Vec<&'static str> {
            vec!["[broker]\nurl = \"memory:\"\n"]
        }
        fn validate(&self, _: &mut Problems) {}
    }

    let error = load_from::<Bare>(None, []).unwrap_err();

    assert!(
        error.to_string().contains("broker.prefetch: must be set"),
        "{error}"
    );
}

#[rstest]
#[case::not_toml("[broker\n", "is not TOML")]
fn a_file_that_cannot_be_read_is_a_problem(#[case] text: &str, #[case] says: &str) {
    let problem = problem(from_file(text));

    assert!(problem.starts_with("--config: "), "{problem}");
    assert!(problem.contains(says), "{problem}");
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    let error = load_from::<Root>(Some(Path::new("/nowhere/ie.toml")), []).unwrap_err();

    assert!(
        error
            .to_string()
            .contains("--config: cannot read /nowhere/ie.toml"),
        "{error}"
    );
}

#[test]
fn a_section_whose_name_is_nearly_right_is_refused() {
    let problem = problem(from_file("[brokre]\nprefetch = 3\n"));

    assert!(
        problem.starts_with("brokre: there is no such section; did you mean `broker`? (file "),
        "{problem}"
    );
}

#[test]
fn a_section_of_another_process_is_left_alone() {
    let broker = from_file("[dispatcher]\nworkers = 3\n").unwrap();

    assert_eq!(broker.prefetch, 16);
}
