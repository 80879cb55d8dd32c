//! Configuration: three layers, and what a variable may say.

use std::time::Duration;

use proptest::prelude::{any, proptest};
use rstest::rstest;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::secret::{self, ExposeSecret as _, SecretString};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Broker {
    #[serde(with = "secret::redacted_url")]
    url: SecretString,
    pub(super) prefetch: u16,
    #[serde(with = "humantime_serde")]
    patience: Duration,
    prefix: String,
    order: Order,
    retry: Vec<u32>,
    tls: Tls,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Order {
    Unordered,
    PerObject,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    #[serde(with = "secret::redacted_option", default)]
    password: Option<SecretString>,
    #[serde(default)]
    roots_file: Option<String>,
}

impl Section for Broker {
    const NAME: &'static str = "broker";
    const DEFAULTS: &'static str = r#"
        [broker]
        url = "memory:"
        prefetch = 16
        patience = "5s"
        prefix = "ie"
        order = "unordered"
        retry = [1, 5]
        [broker.tls]
    "#;

    fn validate(&self, problems: &mut Problems) {
        if self.prefetch == 0 {
            problems.add("broker.prefetch", "must be at least 1");
        }
        if self.retry.is_empty() {
            problems.add("broker.retry", "must hold at least one delay");
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Root {
    pub(super) broker: Broker,
}

impl Config for Root {
    fn defaults() -> Vec<&'static str> {
        vec![Broker::DEFAULTS]
    }

    fn validate(&self, problems: &mut Problems) {
        self.broker.validate(problems);
    }
}

/// A file with `text`, kept until it is dropped.
pub(super) fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

pub(super) fn from_variables(variables: &[(&str, &str)]) -> Result<Broker, ConfigError> {
    let owned = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_from::<Root>(None, owned).map(|root| root.broker)
}

#[test]
fn the_defaults_alone_are_a_configuration() {
    let broker = from_variables(&[]).unwrap();

    assert_eq!(broker.url.expose_secret(), "memory:");
    assert_eq!(broker.prefetch, 16);
    assert_eq!(broker.patience, Duration::from_secs(5));
}

#[test]
fn the_environment_overrides_the_file_and_the_file_the_defaults() {
    let file = file("[broker]\nprefetch = 32\nprefix = \"file\"\n[somebody.elses]\nsection = 1\n");
    let variables = [("IE__BROKER__PREFETCH".to_owned(), "64".to_owned())];

    let broker = load_from::<Root>(Some(file.path()), variables)
        .unwrap()
        .broker;

    assert_eq!((broker.prefetch, broker.prefix.as_str()), (64, "file"));
    assert_eq!(broker.retry, [1, 5]);
}

#[test]
fn a_variable_sets_a_field_of_any_type() {
    let broker = from_variables(&[
        ("IE__BROKER__PATIENCE", "2m"),
        ("IE__BROKER__ORDER", "per-object"),
        ("IE__BROKER__RETRY", "[1, 2, 3]"),
        ("IE__BROKER__TLS__PASSWORD", "s3cr3t"),
        ("IE__BROKER__URL", "amqp://ie:pw@rabbit:5672/%2f"),
        ("IE__ELSEWHERE__FIELD", "of another process"),
        ("IE_UNRELATED", "not a setting"),
    ])
    .unwrap();

    assert_eq!(broker.patience, Duration::from_secs(120));
    assert_eq!(broker.order, Order::PerObject);
    assert_eq!(broker.retry, [1, 2, 3]);
    assert_eq!(broker.tls.password.unwrap().expose_secret(), "s3cr3t");
    assert_eq!(broker.url.expose_secret(), "amqp://ie:pw@rabbit:5672/%2f");
}

#[rstest]
#[case::digits("0123456")]
#[case::a_truth_value("true")]
#[case::a_list("[1, 2]")]
#[case::a_number_with_exponent("1e5")]
fn a_text_that_looks_like_something_else_stays_text(#[case] text: &str) {
    let broker = from_variables(&[
        ("IE__BROKER__PREFIX", text),
        ("IE__BROKER__TLS__PASSWORD", text),
    ])
    .unwrap();

    assert_eq!(broker.prefix, text);
    assert_eq!(broker.tls.password.unwrap().expose_secret(), text);
}

#[rstest]
#[case::toml("[1, 2, 3]")]
#[case::without_brackets("1,2, 3")]
#[case::spaced(" [ 1,2 ,3, ] ")]
fn a_list_is_read_with_or_without_brackets(#[case] text: &str) {
    let broker = from_variables(&[("IE__BROKER__RETRY", text)]).unwrap();

    assert_eq!(broker.retry, [1, 2, 3]);
}

#[test]
fn a_list_of_durations_needs_no_quotes() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Delays {
        broker: List,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct List {
        delays: Vec<String>,
    }
    impl Config for Delays {
        fn defaults() -> Vec<&'static str> {
            Vec::new()
        }
        fn validate(&self, _: &mut Problems) {}
    }

    for text in ["5s,30s", "[5s, 30s]", r#"["5s", "30s"]"#] {
        let variable = ("IE__BROKER__DELAYS".to_owned(), text.to_owned());
        let config: Delays = load_from(None, [variable]).unwrap();
        assert_eq!(config.broker.delays, ["5s", "30s"], "{text}");
    }
}

#[test]
fn a_table_is_read_as_toml() {
    let broker = from_variables(&[("IE__BROKER__TLS", "{ roots_file = \"x.pem\" }")]).unwrap();

    assert_eq!(broker.tls.roots_file.as_deref(), Some("x.pem"));
}

proptest! {
    #[test]
    fn a_secret_from_a_variable_is_never_changed_and_never_shown(text in "[ -~é¡]{1,40}") {
        let variables = [("IE__BROKER__TLS__PASSWORD", text.as_str()), ("IE__BROKER__PREFETCH", "many")];

        let shown = from_variables(&variables).unwrap_err().to_string();
        let broker = from_variables(&variables[..1]).unwrap();

        assert!(!shown.contains("tls.password"), "{shown}");
        assert_eq!(broker.tls.password.unwrap().expose_secret(), text);
    }

    #[test]
    fn no_text_makes_loading_panic(name in any::<String>(), value in any::<String>(), toml in any::<String>()) {
        let file = file(&toml);
        let variable = (format!("IE__BROKER__{name}"), value);

        // Whether it loads is not the question.
        drop(load_from::<Root>(Some(file.path()), [variable]));
    }
}

#[test]
fn a_variable_may_name_a_file_that_holds_the_value() {
    let secret = file("s3cr3t\n");
    let path = secret.path().to_str().unwrap();

    let broker = from_variables(&[("IE__BROKER__TLS__PASSWORD_FILE", path)]).unwrap();

    assert_eq!(broker.tls.password.unwrap().expose_secret(), "s3cr3t");
}

#[test]
fn a_field_that_is_itself_a_file_gets_the_path() {
    let broker = from_variables(&[("IE__BROKER__TLS__ROOTS_FILE", "/etc/roots.pem")]).unwrap();

    assert_eq!(broker.tls.roots_file.as_deref(), Some("/etc/roots.pem"));
}

#[test]
fn what_is_shown_holds_no_secret() {
    let broker = from_variables(&[
        ("IE__BROKER__URL", "amqp://ie:s3cr3t@rabbit:5672/%2f"),
        ("IE__BROKER__TLS__PASSWORD", "s3cr3t"),
    ])
    .unwrap();

    let shown = redacted(&broker);

    assert_eq!(shown["url"], json!("amqp://ie:********@rabbit:5672/%2f"));
    assert_eq!(shown["tls"]["password"], json!("********"));
    assert!(!shown.to_string().contains("s3cr3t"), "{shown}");
    assert!(!format!("{broker:?}").contains("s3cr3t"), "{broker:?}");
}

#[test]
fn a_variable_that_is_not_set_is_none() {
    assert_eq!(env("IE_THIS_IS_SET_NOWHERE"), None);
    assert!(env("PATH").is_some());
}
