//! What receivers in other languages make of deliveries, by the official libraries of the two standards.

use anyhow::Context as _;
use ie_simulator::{Change, Settings};
use ie_tests::eventually::eventually;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use ie_tests::verifier::{Language, Verifier};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

/// An instance of the verifier's callback; gives its id and its webhook secret.
async fn instance(rig: &Rig, verifier: &Verifier, entries: Value) -> anyhow::Result<(i64, String)> {
    let mut body = rig.body(&["contacts"]);
    body["configuration"]["event.notification.callback.url"] = json!(verifier.url());
    for (key, value) in entries.as_object().context("entries")? {
        body["configuration"][key] = value.clone();
    }
    let answer = rig.client.must(Method::POST, "/instances", Some(body));
    let answer = answer.await?;
    let secret = answer["webhookSecret"].as_str().context("no secret")?;
    Ok((answer["id"].as_i64().context("no id")?, secret.to_owned()))
}

/// Polls until the verdicts say what `wanted` looks for.
async fn until<T>(
    rig: &Rig,
    instance: i64,
    verifier: &Verifier,
    secrets: &[(&str, &str)],
    wanted: impl Fn(&[Value]) -> Option<T>,
) -> anyhow::Result<T> {
    eventually("the verdict", PATIENCE, async || {
        rig.poll_now(instance).await?;
        Ok(wanted(&verifier.verdicts(secrets).await?))
    })
    .await
}

fn write(rig: &Rig) -> anyhow::Result<()> {
    rig.world().change(&Change::create("Contacts"))?;
    Ok(())
}

#[rstest]
#[case::python(Language::Python)]
#[case::javascript(Language::JavaScript)]
#[tokio::test(flavor = "multi_thread")]
async fn a_library_verifies_deliveries_through_a_rotation_and_refuses_another_secret(
    #[case] language: Language,
) -> anyhow::Result<()> {
    let rig = Rig::start(Mode::Embedded, Settings::empty().without_limits()).await?;
    let verifier = Verifier::start(language)?;
    let compressed = json!({"event.notification.gzip": true});
    let (id, old) = instance(&rig, &verifier, compressed).await?;
    let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

    write(&rig)?;
    let secrets = [("old", old.as_str()), ("other", other)];
    let first = until(&rig, id, &verifier, &secrets, |all| all.first().cloned()).await?;
    assert_eq!(first["verified"], json!({"old": true, "other": false}));
    assert_eq!(first["contentEncoding"], "gzip");
    assert_eq!(first["contentType"], "application/json");

    let path = format!("/instances/{id}/secrets/rotate");
    let body = json!({"secret": "webhook", "grace": "1h"});
    let rotated = rig.client.must(Method::POST, &path, Some(body)).await?;
    let new = rotated["webhookSecret"].as_str().context("no secret")?;
    let secrets = [("old", old.as_str()), ("new", new), ("other", other)];
    // A dispatcher remembers a callback for a moment, so that the first may be signed as before.
    let rotated = until(&rig, id, &verifier, &secrets, |all| {
        drop(write(&rig));
        let last = all.last().filter(|last| last["verified"]["new"] == true);
        last.cloned()
    })
    .await?;
    assert_eq!(rotated["signatures"], 2);
    assert_eq!(
        rotated["verified"],
        json!({"old": true, "new": true, "other": false})
    );

    let body = json!({"secret": "webhook", "grace": "0s"});
    let last = rig.client.must(Method::POST, &path, Some(body)).await?;
    let last = last["webhookSecret"].as_str().context("no secret")?;
    let secrets = [("new", new), ("last", last)];
    let alone = until(&rig, id, &verifier, &secrets, |all| {
        drop(write(&rig));
        let found = all.last().filter(|found| found["verified"]["last"] == true);
        found.cloned()
    })
    .await?;
    assert_eq!(alone["signatures"], 1);
    assert_eq!(alone["verified"], json!({"new": false, "last": true}));
    rig.stop().await
}

#[rstest]
#[case::whole(json!({}), true)]
#[case::compressed_and_without_records(json!({"event.notification.gzip": true, "event.raw.enabled": false}), false)]
#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_of_cloudevents_reads_one_event_and_several(
    #[case] entries: Value,
    #[case] has_records: bool,
) -> anyhow::Result<()> {
    let rig = Rig::start(Mode::Embedded, Settings::empty().without_limits()).await?;
    let verifier = Verifier::start(Language::Python)?;
    let mut wanted = json!({
        "event.notification.format": "cloudevents",
        "event.notification.batch": 2,
        "event.poller.initial": "snapshot",
    });
    for (key, value) in entries.as_object().context("entries")? {
        wanted[key] = value.clone();
    }
    for _ in 0..5 {
        write(&rig)?;
    }

    let (id, secret) = instance(&rig, &verifier, wanted).await?;

    let secrets = [("own", secret.as_str())];
    let verdicts = until(&rig, id, &verifier, &secrets, |all| {
        let events = all.iter().filter_map(|one| one["events"].as_array());
        (events.map(Vec::len).sum::<usize>() >= 5).then(|| all.to_vec())
    })
    .await?;
    let mut ids = std::collections::BTreeSet::new();
    for verdict in &verdicts {
        let events = verdict["events"].as_array().context("events")?;
        let expected = match events.len() {
            1 => "application/cloudevents+json",
            2 => "application/cloudevents-batch+json",
            other => anyhow::bail!("{other} events in one body"),
        };
        assert_eq!(verdict["contentType"], expected);
        assert_eq!(verdict["verified"], json!({"own": true}));
        for event in events {
            let (attributes, data) = (&event["attributes"], &event["data"]);
            assert_eq!(
                attributes["source"],
                format!("/elements/api-v2/instances/{id}")
            );
            assert_eq!(attributes["subject"], data["objectId"]);
            let kind = attributes["type"].as_str().context("type")?;
            assert!(kind.starts_with("com.insightly.contacts."), "{kind}");
            assert_eq!(data.get("record").is_some(), has_records);
            assert!(ids.insert(attributes["id"].to_string()), "an id twice");
        }
    }
    assert_eq!(ids.len(), 5);
    let sizes: Vec<usize> = verdicts
        .iter()
        .filter_map(|one| Some(one["events"].as_array()?.len()))
        .collect();
    assert!(sizes.contains(&1) && sizes.contains(&2), "{sizes:?}");
    rig.stop().await
}
