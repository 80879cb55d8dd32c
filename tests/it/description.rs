//! The API's description, judged by others: the specification's validator, a fuzzer, a browser.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::Context as _;
use ie_simulator::Settings;
use ie_tests::chrome::Chrome;
use ie_tests::client::{ORGANIZATION_SECRET, USER_SECRET};
use ie_tests::rig::{Mode, Rig};
use ie_tests::verifier::{api_verifier, output};
use reqwest::Method;
use serde_json::{Value, json};

/// What may be sent in all, in seconds.
const TIME: &str = "100";

/// The same requests in every run, as far as the time goes: what is found can be found again.
const SEED: &str = "20261127";

/// No limit that all its requests together would meet, and an operator, whose token they do not have.
const UNHINDERED: [(&str, &str); 2] = [
    ("API__REQUESTS_PER_SECOND", "100000"),
    ("API__ADMIN_TOKEN", "an operator's token, long enough"),
];

/// The largest id of an instance that examples name.
const NAMED: i64 = 17;

fn settings() -> Settings {
    Settings::empty()
        .with_records("Contacts", 20)
        .without_limits()
}

/// Runs a program of the verifiers to its end.
async fn run(name: &str, arguments: Vec<String>, folder: &Path) -> anyhow::Result<Output> {
    let mut command = Command::new(api_verifier(name)?);
    command.args(arguments).current_dir(folder);
    output(command).await
}

#[track_caller]
fn succeeds(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
}

#[tokio::test]
async fn the_description_is_valid_by_the_specification() -> anyhow::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");

    let output = run(
        "openapi-spec-validator",
        vec!["openapi.json".to_owned()],
        &docs,
    )
    .await?;

    succeeds(&output);
    Ok(())
}

/// The description as it is served, with examples that this rig's Insightly accepts, and without the one parameter that
/// ties a request to others: a key that was used for another request is refused, which crates/api/tests/it tests.
async fn description(rig: &Rig) -> anyhow::Result<Value> {
    let mut description = rig.client.must(Method::GET, "/openapi.json", None).await?;
    let paths = description["paths"].as_object_mut().context("paths")?;
    let operations = paths.values_mut().filter_map(Value::as_object_mut);
    for operation in operations.flat_map(serde_json::Map::values_mut) {
        let parameters = operation.get_mut("parameters");
        if let Some(parameters) = parameters.and_then(Value::as_array_mut) {
            parameters.retain(|parameter| parameter["name"] != "Idempotency-Key");
        }
    }
    let examples =
        "/paths/~1elements~1api-v2~1instances/post/requestBody/content/application~1json/examples";
    let examples = description
        .pointer_mut(examples)
        .context("examples of POST /instances")?;
    *examples = json!({ "rig": { "value": rig.body(&["contacts"]) } });
    Ok(description)
}

/// The token of an instance; those that examples name, and that may be deleted, exist beside it.
async fn token(rig: &Rig) -> anyhow::Result<String> {
    let body = rig.body(&["contacts"]);
    loop {
        let created = rig
            .client
            .must(Method::POST, "/instances", Some(body.clone()))
            .await?;
        if created["id"].as_i64() > Some(NAMED) {
            let token = created["token"].as_str().map(str::to_owned);
            return token.context("an instance has a token");
        }
    }
}

/// Every check, over every operation; `tests/verifiers/schemathesis.toml` says what is excepted, and why.
#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_fault() -> anyhow::Result<()> {
    let rig = Rig::start_with(Mode::Embedded, settings(), &UNHINDERED).await?;
    let token = token(&rig).await?;
    let credentials =
        format!("User {USER_SECRET}, Organization {ORGANIZATION_SECRET}, Element {token}");
    let folder = tempfile::tempdir()?;
    std::fs::write(
        folder.path().join("openapi.json"),
        description(&rig).await?.to_string(),
    )?;
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("verifiers/schemathesis.toml");

    let arguments = [
        "--config-file",
        config.to_str().context("a path that is no text")?,
        "run",
        "openapi.json",
        "--url",
        &rig.client.origin(),
        "--header",
        &format!("Authorization: {credentials}"),
        "--max-time",
        TIME,
        "--seed",
        SEED,
    ];
    let arguments = arguments.map(str::to_owned).to_vec();
    let output = run("schemathesis", arguments, folder.path()).await?;

    succeeds(&output);
    rig.stop().await
}

/// Under its policy, which lets it load nothing from elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_every_group_of_operations() -> anyhow::Result<()> {
    let rig = Rig::start(Mode::Embedded, settings()).await?;
    let chrome = Chrome::start().await?;

    chrome
        .goto(&format!("{}/api-docs", rig.client.origin()))
        .await?;
    for group in ["Instances", "Events", "Dead letters", "Connector", "Hub"] {
        chrome.sees(group).await?;
    }
    chrome.press("Authorize").await?;
    chrome.sees("Organization <organization secret>").await?;

    let complaints = chrome.complaints().await?;
    assert!(complaints.is_empty(), "{complaints:#?}");
    chrome.quit().await?;
    rig.stop().await
}
