//! The Postman collection, run by Postman's own runner.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use ie_simulator::Settings;
use ie_tests::client::{ORGANIZATION_SECRET, USER_SECRET};
use ie_tests::rig::{Mode, Rig};
use ie_tests::verifier::{collection_runner, output};
use serde_json::{Value, json};

/// Requests that need what a new service does not have, an operator's or a user's token, or that do not end.
const OTHERS: [&str; 6] = [
    ":eventId",
    ":record",
    ":token",
    "/admin/",
    "/authentication",
    "/stream",
];

/// What the others need.
const CREATE: &str = "Creates a connector instance.";

/// What changes something and is run as well.
const CHANGES: [&str; 4] = [
    CREATE,
    "Polls an instance's resources now instead of at their next due time.",
    "Gives an instance another webhook secret, and tells it this once.",
    "Gives an instance another hint URL.",
];

/// The collection as it is published, of the requests that anybody can send after creating an instance of this body.
fn collection(instance: &Value) -> anyhow::Result<Value> {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/postman.json");
    let mut collection: Value = serde_json::from_slice(&std::fs::read(published)?)?;
    let folders = collection["item"].as_array_mut().context("folders")?;
    for folder in folders.iter_mut() {
        let items = folder["item"].as_array_mut().context("requests")?;
        items.retain(is_run);
        items.sort_by_key(|item| item["name"] != CREATE);
        for item in items.iter_mut().filter(|item| item["name"] == CREATE) {
            item["request"]["body"]["raw"] = json!(instance.to_string());
        }
    }
    Ok(collection)
}

fn is_run(item: &Value) -> bool {
    let url = item["request"]["url"]["raw"].as_str().unwrap_or_default();
    let reads = item["request"]["method"] == "GET" && !OTHERS.iter().any(|part| url.contains(part));
    reads || CHANGES.iter().any(|name| item["name"] == *name)
}

/// Runs it; gives the runner's report.
async fn run(collection: &Value, origin: &str) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("collection.json");
    let report = folder.path().join("report.json");
    std::fs::write(&file, collection.to_string())?;
    let mut command = Command::new(collection_runner()?);
    command
        .arg("run")
        .arg(&file)
        .args(["--reporters", "json", "--reporter-json-export"])
        .arg(&report);
    for (name, value) in [
        ("base_url", origin),
        ("user_secret", USER_SECRET),
        ("organization_secret", ORGANIZATION_SECRET),
    ] {
        command.arg("--env-var").arg(format!("{name}={value}"));
    }
    let output = output(command).await?;
    let report = std::fs::read(&report)
        .with_context(|| format!("no report: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(serde_json::from_slice(&report)?)
}

/// A new service with nothing but its two secrets: each request is sent as it stands in the collection.
#[tokio::test(flavor = "multi_thread")]
async fn the_collection_works_after_its_three_variables_are_set() -> anyhow::Result<()> {
    let rig = Rig::start(
        Mode::Embedded,
        Settings::empty().with_records("Contacts", 3),
    )
    .await?;
    let collection = collection(&rig.body(&["contacts"]))?;

    let report = run(&collection, &rig.client.origin()).await?;

    let executions = report["run"]["executions"].as_array().context("no runs")?;
    let refused: Vec<_> = executions
        .iter()
        .filter(|run| run["response"]["code"] != 200 && run["response"]["code"] != 202)
        .map(|run| {
            (
                &run["item"]["name"],
                &run["response"]["code"],
                &run["requestError"],
            )
        })
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert_eq!(report["run"]["failures"], json!([]));
    assert!(executions.len() > 30, "only {} were run", executions.len());
    rig.stop().await
}
