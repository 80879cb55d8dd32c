//! Where a rig's system runs, and the settings that it has there.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ie_platform::Context;

use crate::client::{ORGANIZATION_SECRET, PASSWORD, USER_SECRET};
use crate::process::{Program, Recipe, free_ports};
use crate::rig::{PATIENCE, server};

/// The services, by the names of their programs.
pub const SERVICES: [&str; 4] = ["ie-api", "ie-scheduler", "ie-fetcher", "ie-dispatcher"];

/// Settings such as `API__ADDRESS`, as environment variables.
pub fn variables(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings
        .iter()
        .map(|(name, value)| (format!("IE__{name}"), (*value).to_owned()))
        .collect()
}

/// Settings that every process of a rig has, and more of a test's own, as environment variables.
pub fn environment(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let master_key = STANDARD.encode(rand::random::<[u8; 32]>());
    let settings = [
        ("SECRETS__MASTER_KEY", master_key.as_str()),
        ("SCHEDULER__TICK", "200ms"),
        ("FETCHER__REQUESTS_PER_SECOND", "500"),
        ("FETCHER__RETRY_MIN", "500ms"),
        ("FETCHER__RETRY_MAX", "2s"),
        ("OUTGOING__ALLOW_HTTP", "true"),
        ("DISPATCHER__ALLOW_NETWORKS", "[\"127.0.0.0/8\"]"),
        (
            "DISPATCHER__SCHEDULE",
            "[\"1s\", \"1s\", \"1s\", \"1s\", \"1s\"]",
        ),
        ("DISPATCHER__BREAKER_PAUSE", "200ms"),
        ("DISPATCHER__BREAKER_LONGEST_PAUSE", "1s"),
        ("API__BOOTSTRAP_USER_SECRET", USER_SECRET),
        ("API__BOOTSTRAP_ORGANIZATION_SECRET", ORGANIZATION_SECRET),
        ("API__BOOTSTRAP_USER_PASSWORD", PASSWORD),
        ("API__INSIGHTLY_URLS", "[\"http://127.0.0.1:*\"]"),
        ("API__FIRST_POLL_SPREAD", "100ms"),
        ("API__HINT_GAP", "100ms"),
        ("TELEMETRY__FILTER", "info"),
    ];
    [variables(&settings), variables(more)].concat()
}

/// The four services in this process, for instances of this Insightly; gives the API's address.
pub(crate) async fn embedded(
    context: &Context,
    data: &tempfile::TempDir,
    (mut variables, insightly): (Vec<(String, String)>, String),
) -> anyhow::Result<SocketAddr> {
    variables.push(("IE__API__DEFAULT_INSIGHTLY_URL".to_owned(), insightly));
    variables.push(("IE__API__ADDRESS".to_owned(), "127.0.0.1:0".to_owned()));
    variables.push((
        "IE__STORE__URL".to_owned(),
        format!("sqlite:{}", data.path().join("rig.db").display()),
    ));
    let config: insightly_events::Config = ie_platform::config::load_from(None, variables)?;
    Ok(insightly_events::start(context, config).await?.address)
}

/// The one program with its data in this folder; gives the API's address.
pub(crate) async fn program(
    data: &tempfile::TempDir,
    mut variables: Vec<(String, String)>,
) -> anyhow::Result<(SocketAddr, Vec<(Recipe, Program)>)> {
    let [api, health] = free_ports::<2>()?;
    for (name, value) in [
        ("IE_DATA", data.path().display().to_string()),
        ("IE__API__ADDRESS", api.to_string()),
    ] {
        variables.push((name.to_owned(), value));
    }
    let recipe = Recipe {
        name: "insightly-events".to_owned(),
        environment: variables,
        health,
    };
    let mut program = recipe.start()?;
    program.ready(PATIENCE).await?;
    Ok((api, vec![(recipe, program)]))
}

/// The four services as processes on this RabbitMQ and on PostgreSQL; gives the API's address.
pub(crate) async fn processes(
    amqp: String,
    mut variables: Vec<(String, String)>,
) -> anyhow::Result<(
    SocketAddr,
    Vec<(Recipe, Program)>,
    ie_store::testing::Database,
)> {
    let database = ie_store::testing::Database::create(&server("TEST_DATABASE_URL")?).await?;
    let [api, health @ ..] = free_ports::<5>()?;
    for (name, value) in [
        ("BROKER__URL", amqp),
        (
            "BROKER__PREFIX",
            format!("rig-{}", uuid::Uuid::new_v4().simple()),
        ),
        ("STORE__URL", database.url().to_owned()),
        ("API__ADDRESS", api.to_string()),
    ] {
        variables.push((format!("IE__{name}"), value));
    }
    let mut programs = Vec::new();
    for (name, health) in SERVICES.into_iter().zip(health) {
        let recipe = Recipe {
            name: name.to_owned(),
            environment: variables.clone(),
            health,
        };
        programs.push((recipe.clone(), recipe.start()?));
    }
    for (_, program) in &mut programs {
        program.ready(PATIENCE).await?;
    }
    Ok((api, programs, database))
}
