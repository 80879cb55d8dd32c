//! Every sample configuration parses, so that the reference cannot rot.

use std::path::PathBuf;

use ie_platform::config::{Config, load_from};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/config")
}

fn parses<C: Config>(name: &str) {
    let path = folder().join(name);
    // Secrets are never in a file: they come from the environment, here as in production.
    let secrets = [
        (
            "IE__SECRETS__MASTER_KEY",
            "bm90IGEgc2VjcmV0OiBmb3IgYSBsYXB0b3Agb25seSE=",
        ),
        ("IE__STORE__URL", "postgres://ie:secret@postgres/ie"),
        ("IE__BROKER__URL", "amqp://ie:secret@rabbitmq/%2f"),
    ];
    let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    if let Err(error) = load_from::<C>(Some(&path), secrets) {
        panic!("{name}: {error}");
    }
}

#[test]
fn every_sample_parses() {
    let mut names: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in &names {
        match name.as_str() {
            "insightly-events.toml" => parses::<insightly_events::Config>(name),
            "ie-api.toml" => parses::<ie_api::process::Config>(name),
            "ie-dispatcher.toml" => parses::<ie_dispatcher::process::Config>(name),
            "ie-fetcher.toml" => parses::<ie_fetcher::process::Config>(name),
            "ie-scheduler.toml" => parses::<ie_scheduler::process::Config>(name),
            other => panic!("{other} is no process's sample"),
        }
    }
    assert_eq!(names.len(), 5, "a sample for each process");
}
