//! The API as this user sees it: instances, their callbacks and pollers, Insightly's clock, dead letters.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use ie_platform::clock::{Clock as _, SystemClock};
use ie_platform::http::{self, ClientSettings};
use serde_json::Value;

use super::{Findings, LIMIT, advice};
use crate::commands::instances::state;
use crate::commands::text;
use crate::remote::Remote;

/// Looks at all of it.
pub(super) async fn look(remote: &Remote, findings: &mut Findings) {
    let instances = match remote.list("/instances", &[]).await {
        Ok(instances) => instances,
        Err(error) => {
            return findings.problem(format!("api at {}", remote.base()), format!("{error:#}"));
        }
    };
    findings.well(format!(
        "api at {} with {} instances",
        remote.base(),
        instances.len()
    ));
    for instance in &instances {
        health(instance, findings);
        pollers(remote, instance, findings).await;
    }
    clocks(&instances, findings).await;
    match remote.list("/dead-letters", &[]).await {
        Ok(letters) if letters.is_empty() => findings.well("no dead letters"),
        Ok(letters) => findings.problem(
            format!("{} dead letters", letters.len()),
            "see `dead-letters list`, mend the callback, then `dead-letters redrive`",
        ),
        Err(error) => findings.problem("dead letters", format!("{error:#}")),
    }
}

fn health(instance: &Value, findings: &mut Findings) {
    let id = text(&instance["id"]);
    let what = format!("instance {id} ({})", text(&instance["name"]));
    match state(instance).as_str() {
        "key refused" => findings.problem(
            what,
            "Insightly refuses its API key: give it a new one with PATCH /instances/{id}, configuration.password",
        ),
        "disabled" => {
            findings.problem(what, "it is disabled: enable it with PUT /instances/{id}/enabled");
        }
        state => findings.well(format!("{what}: {state}")),
    }
    let since = text(&instance["failingSince"]);
    if !since.is_empty() {
        findings.problem(
            format!("instance {id}, its callback"),
            format!(
                "it has only failed since {since}: `insightly-events instance test {id}` says what it answers. What waits \
                 is delivered by itself when it is mended"
            ),
        );
    }
}

async fn pollers(remote: &Remote, instance: &Value, findings: &mut Findings) {
    let id = text(&instance["id"]);
    let path = format!("/instances/{id}/event-poller-records");
    let pollers = match remote.list(&path, &[]).await {
        Ok(pollers) => pollers,
        Err(error) => return findings.problem(format!("instance {id}"), format!("{error:#}")),
    };
    for poller in &pollers {
        if let Some(problem) = poll_problem(poller) {
            findings.problem(format!("instance {id}, {}", text(&poller["name"])), problem);
        }
    }
}

/// What is wrong with a poller: what it failed with, or that Insightly does not let it have its turn.
fn poll_problem(poller: &Value) -> Option<String> {
    let error = match (
        text(&poller["lastError"]),
        poller["late"]["reason"].as_str(),
    ) {
        (error, _) if !error.is_empty() => error,
        (_, Some("rate")) => "insightly limits the rate of requests".to_owned(),
        (_, Some("budget")) => "the day's requests are used up, or short".to_owned(),
        _ => return None,
    };
    let advice = advice::of_poll(&error);
    let advice = advice.map_or_else(String::new, |advice| format!(". {advice}"));
    let next = match text(&poller["nextPollDate"]) {
        next if next.is_empty() => "being polled".to_owned(),
        next => format!("polled again at {next}"),
    };
    Some(format!("{error}; {next}{advice}"))
}

/// Compares our clock with that of every Insightly that is polled, by the `Date` of an answer that needs no key.
async fn clocks(instances: &[Value], findings: &mut Findings) {
    let settings = ClientSettings {
        timeout: LIMIT,
        ..ClientSettings::default()
    };
    let Ok(client) = http::client(&settings) else {
        return findings.problem("Insightly's clock", "the HTTP client cannot be made");
    };
    let addresses: BTreeSet<&str> = instances
        .iter()
        .filter_map(|instance| instance["configuration"]["base.url"].as_str())
        .collect();
    for address in addresses {
        let what = format!("Insightly's clock at {address}");
        match time(&client, address).await {
            None => findings.problem(
                format!("Insightly at {address}"),
                "no answer from here: see its status page, then DNS, proxy and firewall",
            ),
            Some(time) => match advice::of_clock(time - SystemClock.now()) {
                None => findings.well(what),
                Some(problem) => findings.problem(what, problem),
            },
        }
    }
}

async fn time(client: &reqwest::Client, address: &str) -> Option<DateTime<Utc>> {
    let answer = http::send(client.get(address), client, "doctor").await;
    let answer = answer.ok()?;
    let date = answer.headers().get("date")?.to_str().ok()?;
    Some(DateTime::parse_from_rfc2822(date).ok()?.to_utc())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_poller_that_waits_for_its_turn_is_a_429() {
        let waiting =
            json!({"lastError": null, "late": {"reason": "rate"}, "nextPollDate": "soon"});

        let problem = poll_problem(&waiting).unwrap();

        assert!(
            problem.contains("429") && problem.contains("again at soon"),
            "{problem}"
        );
    }

    #[test]
    fn a_poller_that_is_late_for_our_own_reasons_is_no_fault_of_insightly() {
        assert_eq!(poll_problem(&json!({"late": {"reason": "queue"}})), None);
        assert_eq!(poll_problem(&json!({"late": null})), None);
    }
}
