//! How an instance is, at a glance and in plain words.

use chrono::{DateTime, Utc};
use ie_model::{Instance, Poller, Reason, Waiting};
use maud::{Markup, html};

use super::parts::{State, time};

const HEALTHY: State = State::new("Healthy", "good");
const LATE: State = State::new("Late", "warn");
const POLLS_FAIL: State = State::new("Polls failing", "warn");
const REFUSED: State = State::new("Key refused", "bad");
const CALLBACK_FAILS: State = State::new("Callback failing", "bad");
const PAUSED: State = State::new("Paused", "off");
const EVENTS_OFF: State = State::new("Events off", "off");

/// The one thing that matters most.
pub(super) fn state(instance: &Instance, pollers: &[&Poller], now: DateTime<Utc>) -> State {
    if instance.disabled {
        PAUSED
    } else if !instance.valid {
        REFUSED
    } else if instance.failing_since.is_some() {
        CALLBACK_FAILS
    } else if !instance.settings.events_enabled {
        EVENTS_OFF
    } else if pollers.iter().any(|poller| poller.last_error.is_some()) {
        POLLS_FAIL
    } else if pollers.iter().any(|poller| poller.late(now).is_some()) {
        LATE
    } else {
        HEALTHY
    }
}

/// What is wrong, and what to do about it.
pub(super) fn advice(instance: &Instance, pollers: &[&Poller], now: DateTime<Utc>) -> Markup {
    let reason = instance.reason.as_deref();
    let quarantined: u32 = pollers.iter().map(|poller| poller.quarantined).sum();
    html! {
        @if instance.disabled {
            div.notice role="status" {
                p { strong { "Paused: " } (reason.unwrap_or("it was switched off")) "." }
                p { "Nothing is polled. Resume it when it may go on; changes made meanwhile are read then." }
            }
        }
        @if !instance.valid {
            div.notice.bad role="status" {
                p { strong { "Insightly refuses the key. " } (reason.unwrap_or_default()) }
                p { "Edit the instance and give it the key that Insightly shows in User Settings, under API. No change is lost meanwhile." }
            }
        }
        @if let Some(since) = instance.failing_since && !instance.disabled {
            div.notice.bad role="status" {
                p { strong { "The callback fails. " } "It has accepted nothing since " (time(since)) "." }
                p { "Send a test event to see what it says. Events are kept and tried again; those that ran out of tries are dead letters." }
            }
        }
        @if !instance.settings.events_enabled && !instance.disabled {
            div.notice role="status" { p { strong { "Events are off. " } "Edit the instance and turn them on to have changes delivered." } }
        }
        @for poller in pollers {
            @if let Some(error) = &poller.last_error && instance.valid && !instance.disabled {
                div.notice.warn role="status" {
                    p { strong { (poller.resource) ": " } (error) }
                    p { "It is tried again by itself"
                        @if poller.failures > 1 { ", after " (poller.failures) " failures in a row" }
                        "; the cursor stays, so nothing is missed." }
                }
            } @else if let Some(late) = poller.late(now) {
                div.notice.warn role="status" {
                    p { strong { (poller.resource) " is late: " } (why(late.reason)) }
                }
            }
        }
        @if quarantined > 0 {
            div.notice.warn role="status" {
                p { strong { (quarantined) " records cannot be read. " } "They are put aside and read again by themselves; the API's "
                    code { "/instances/" (instance.id) "/quarantine" } " shows why." }
            }
        }
    }
}

fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Waiting(Waiting::Budget) => {
            "the account's requests of the day are short or used up. A longer interval or fewer resources help."
        }
        Reason::Waiting(Waiting::Rate) => {
            "other polls of the account go first. A longer interval helps when that lasts."
        }
        Reason::Waiting(Waiting::RefusedKey) => "it waits for a key that Insightly accepts.",
        Reason::Waiting(Waiting::Skipped) => {
            "Insightly does not let the key's user read it. Give the user that right, or leave the resource out."
        }
        Reason::Lease => {
            "a worker has it; if the worker died, another takes over when its lease runs out."
        }
        Reason::Failing => "it failed and is tried again after a pause.",
        Reason::Queue => "no worker has taken it yet. More fetchers help when that lasts.",
    }
}
