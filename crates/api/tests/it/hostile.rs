//! Ten thousand requests that are wrong: each is refused with a reason that can be acted upon, and nothing else happens.

mod attacks;
mod bodies;
mod endpoints;

use std::collections::BTreeMap;

use ie_platform::http::{self, ClientSettings};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};

use self::attacks::{Attack, Dice, Ground};
use crate::rig::{ADMIN_TOKEN, Rig, id};

const REQUESTS: usize = 10_000;

/// After so many requests everything that is made once has been made.
const WARM: usize = 2_000;

/// By how much the process may have grown since then. What each request would leave behind, a kilobyte of it, is seen.
const GROWTH: u64 = 8 * 1024 * 1024;

/// The same requests on every run.
const SEED: u64 = 20_261_127;

async fn ground(rig: &Rig) -> (Ground, String) {
    let instance = rig.instance(&json!({"event.objects": "contacts"})).await;
    let event = rig.notifications(id(&instance), 1).await[0];
    let ground = Ground {
        instance: instance["id"].to_string(),
        event: event.to_string(),
        account: rig.credentials().to_owned(),
        element: instance["token"].as_str().unwrap().to_owned(),
    };
    (ground, format!("/instances/{}", instance["id"]))
}

/// What is wrong with the answer to an attack; none when it is as it must be.
async fn complaint(client: &reqwest::Client, origin: &str, attack: &Attack) -> Option<String> {
    let method = Method::from_bytes(attack.method.as_bytes()).unwrap();
    let mut request = client
        .request(method, format!("{origin}{}", attack.path))
        .body(attack.body.clone());
    if let Some(authorization) = &attack.authorization {
        let value = HeaderValue::from_bytes(authorization).unwrap();
        request = request.header(AUTHORIZATION, value);
    }
    for (name, value) in &attack.headers {
        request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
    }
    let response = match http::send(request, client, "test").await {
        Ok(response) => response,
        Err(error) => return Some(format!("no answer: {error:?}")),
    };
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    if !status.is_client_error() {
        return Some(format!("{status}: {text}"));
    }
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    let message = answer["message"].as_str().unwrap_or_default();
    let is_named = attack.names.iter().any(|name| message.contains(name));
    let is_whole = answer["requestId"].is_string() && is_named;
    (!is_whole).then(|| format!("{status}: expected one of {:?} in {text}", attack.names))
}

/// The memory of this process that is in use.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn whatever_is_wrong_is_refused_by_its_name_and_changes_nothing() {
    // Given an instance with an event, and everything as it is stored,
    let settings = [("REQUESTS_PER_SECOND", "0"), ("ADMIN_TOKEN", ADMIN_TOKEN)];
    let rig = Rig::with(&settings).await;
    let (ground, path) = ground(&rig).await;
    let stored = rig.store.row_counts().await.unwrap();
    let instance = rig.get(&path).await.ok();
    let (client, origin) = (
        http::client(&ClientSettings::default()).unwrap(),
        rig.origin(),
    );

    // when ten thousand requests come that are wrong in one way each,
    let mut dice = Dice::new(SEED);
    let mut complaints: BTreeMap<String, String> = BTreeMap::new();
    let mut warm = 0;
    for number in 0..REQUESTS {
        let attack = ground.attack(&mut dice);
        if let Some(complaint) = complaint(&client, &origin, &attack).await {
            let Attack {
                endpoint,
                kind,
                method,
                ..
            } = &attack;
            let what = format!("{kind}: {method} {}", endpoint.path);
            let body = String::from_utf8_lossy(&attack.body);
            let body: String = body.chars().take(300).collect();
            let why = format!("{} {body} → {complaint}", attack.path);
            complaints.entry(what).or_insert(why);
        }
        if number == WARM {
            warm = resident();
        }
    }

    // then each was refused with the name of what is wrong, nothing is stored, and nothing is kept in memory.
    assert!(complaints.is_empty(), "seed {SEED}: {complaints:#?}");
    assert_eq!(rig.store.row_counts().await.unwrap(), stored);
    assert_eq!(rig.get(&path).await.ok(), instance);
    let grown = resident().saturating_sub(warm);
    assert!(grown <= GROWTH, "grown by {grown} bytes");
}
