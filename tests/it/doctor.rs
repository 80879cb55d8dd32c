//! The doctor names what is wrong: each fault of the outside world, of RabbitMQ and of PostgreSQL.

use std::time::Duration;

use anyhow::Context as _;
use axum::http::StatusCode;
use chrono::TimeDelta;
use ie_simulator::{Change, Fault, KeyChange, Rule, Settings};
use ie_store::testing::Database;
use ie_tests::chaos::{Conduct, Proxy, host_and_port};
use ie_tests::eventually::eventually;
use ie_tests::rig::{Mode, PATIENCE, Rig, server};

use crate::command_line::{Served, write_body};

/// Waits until the doctor finds a problem with all of these words in one line.
async fn finds(served: &Served, words: &[&str]) -> anyhow::Result<()> {
    let mut last = String::new();
    let found = eventually("the diagnosis", PATIENCE, async || {
        // A poll that fails is what the doctor hears of.
        drop(served.run(&["instance", "poll", "1"])?);
        let output = served.run(&["doctor"])?;
        last = String::from_utf8_lossy(&output.stdout).into_owned();
        let problem = |line: &str| {
            line.starts_with("PROBLEM") && words.iter().all(|word| line.contains(word))
        };
        Ok((last.lines().any(problem) && !output.status.success()).then_some(()))
    });
    found.await.with_context(|| format!("{words:?} in {last}"))
}

/// A server with one instance that watches this rig's Insightly.
async fn served(rig: &Rig) -> anyhow::Result<Served> {
    let served = Served::start().await?;
    let body = write_body(rig, served.data.path())?;
    served.says(&["instance", "create", "-f", &body])?;
    Ok(served)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_what_insightly_does() -> anyhow::Result<()> {
    let rig = Rig::start(Mode::Embedded, Settings::empty().without_limits()).await?;
    let served = served(&rig).await?;
    let status = |status| {
        Rule::always(Fault::Status {
            status,
            retry_after: None,
        })
    };

    rig.world().misbehave(status(503));
    finds(
        &served,
        &["contacts", "cannot be reached or is failing", "status page"],
    )
    .await?;
    rig.world().behave();
    rig.world().misbehave(Rule::always(Fault::MalformedJson));
    finds(&served, &["contacts", "not readable", "maintenance"]).await?;
    rig.world().behave();
    rig.world().misbehave(status(429));
    finds(&served, &["contacts", "429"]).await?;
    rig.world().behave();

    rig.world().set_clock_offset(TimeDelta::minutes(5));
    finds(&served, &["Insightly's clock", "behind it", "NTP"]).await?;
    rig.world().set_clock_offset(TimeDelta::zero());

    rig.world().set_key(&KeyChange {
        key: "demo-key".to_owned(),
        revoked: Some(true),
        ..KeyChange::default()
    })?;
    finds(&served, &["refuses its API key", "configuration.password"]).await?;
    rig.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_a_callback_that_fails() -> anyhow::Result<()> {
    let rig = Rig::start(Mode::Embedded, Settings::empty().without_limits()).await?;
    let served = served(&rig).await?;
    rig.receiver.answer_with(StatusCode::SERVICE_UNAVAILABLE);

    // Its breaker opens after five failures in a row.
    for failures in 1..=5 {
        rig.world().change(&Change::create("Contacts"))?;
        eventually("another attempt", PATIENCE, async || {
            served.says(&["instance", "poll", "1"])?;
            Ok((rig.receiver.received().len() >= failures).then_some(()))
        })
        .await?;
    }

    finds(&served, &["instance 1, its callback", "only failed since"]).await?;
    rig.stop().await
}

/// A server on RabbitMQ and PostgreSQL, with the ways to them.
async fn distributed() -> anyhow::Result<(Served, [Proxy; 2], Database)> {
    let (amqp, postgres) = (server("TEST_AMQP_URL")?, server("TEST_DATABASE_URL")?);
    let database = Database::create(&postgres).await?;
    let to_rabbitmq = Proxy::to(host_and_port(&amqp), 1).await?;
    let to_postgresql = Proxy::to(host_and_port(&postgres), 2).await?;
    let prefix = format!("doctor-{}", uuid::Uuid::new_v4().simple());
    let served = Served::start_with(&[
        ("IE__BROKER__URL", &to_rabbitmq.url(&amqp)),
        ("IE__BROKER__PREFIX", &prefix),
        ("IE__STORE__URL", &to_postgresql.url(database.url())),
    ])
    .await?;
    Ok((served, [to_rabbitmq, to_postgresql], database))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_a_broker_and_a_database_that_are_away_or_slow() -> anyhow::Result<()> {
    let (mut served, [to_rabbitmq, to_postgresql], database) = distributed().await?;
    let well = served.says(&["doctor"])?;
    assert!(well.contains("ok       the database's clock"), "{well}");

    to_rabbitmq.behave(Conduct::REFUSED);
    finds(&served, &["broker", "broker.url"]).await?;
    to_rabbitmq.behave(Conduct::OPEN);

    to_postgresql.behave(Conduct::late(Duration::from_millis(400)));
    finds(&served, &["database", "slow"]).await?;
    to_postgresql.behave(Conduct::REFUSED);
    finds(&served, &["database", "store.url"]).await?;

    served.kill()?;
    drop(served);
    database.remove().await?;
    Ok(())
}
