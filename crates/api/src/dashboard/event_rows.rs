//! Events as rows of a table.

use ie_model::{InstanceId, Purpose, StoredNotification, told};
use maud::{Markup, html};
use serde_json::Value;

use super::BASE;
use super::parts::{badge, standing, time};

/// The names of the instances that rows are about.
pub(super) type Names = [(InstanceId, String)];

/// What an event is about, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gist {
    /// `UPDATED`, or what else it is.
    pub(super) kind: String,
    /// The record's id.
    pub(super) object: String,
    /// What the record is called, where it says so.
    pub(super) name: Option<String>,
    /// Further changes that it tells of.
    pub(super) more: usize,
}

/// What a notification is about.
pub(super) fn gist(stored: &StoredNotification) -> Gist {
    if stored.notification.purpose == Purpose::Operational {
        return Gist {
            kind: "NOTICE".to_owned(),
            ..Gist::default()
        };
    }
    let body = serde_json::from_str(stored.notification.body.get()).unwrap_or(Value::Null);
    let told = told::events(&body);
    let Some(first) = told.first() else {
        return Gist::default();
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Gist {
        kind: text(&first.event["eventType"]),
        object: text(&first.event["objectId"]),
        name: name(&first.record),
        more: told.len() - 1,
    }
}

/// What people call a record of Insightly.
fn name(record: &Value) -> Option<String> {
    let text = |key: &str| record[key].as_str().filter(|text| !text.is_empty());
    let person = [text("FIRST_NAME"), text("LAST_NAME")];
    let person: Vec<&str> = person.into_iter().flatten().collect();
    if !person.is_empty() {
        return Some(person.join(" "));
    }
    let names = [
        "ORGANISATION_NAME",
        "OPPORTUNITY_NAME",
        "PROJECT_NAME",
        "TITLE",
        "PRODUCT_NAME",
        "NAME",
    ];
    names.into_iter().find_map(text).map(str::to_owned)
}

/// The kind of a change, in its colour.
pub(super) fn kind(kind: &str) -> Markup {
    html! { span.type.(kind.to_lowercase()) { (kind) } }
}

/// The table; `is_live` has new rows put at its top.
pub(super) fn table(events: &[StoredNotification], names: &Names, is_live: bool) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "Stored" }
                th scope="col" { "Change" }
                @if !names.is_empty() || is_live { th.wide-only scope="col" { "Instance" } }
                th scope="col" { "Status" }
                th.wide-only.right scope="col" { "Attempts" }
                th.wide-only scope="col" { "Last error" }
            } }
            tbody #rows data-most=[is_live.then_some("200")] {
                @for stored in events { (row(stored, (!names.is_empty() || is_live).then_some(names), false)) }
            }
        }
    }
}

/// One event.
pub(super) fn row(stored: &StoredNotification, names: Option<&Names>, is_fresh: bool) -> Markup {
    let (id, instance) = (stored.notification.id, stored.notification.instance);
    let gist = gist(stored);
    html! {
        tr.fresh[is_fresh] id={ "event-" (id) } {
            td { (time(stored.notification.created_at)) }
            td {
                a.strong href={ (BASE) "/events/" (id) } {
                    @match &gist.name {
                        Some(name) => (name),
                        None => { (stored.notification.resource) " " (gist.object) },
                    }
                }
                span.under {
                    (kind(&gist.kind)) " " (stored.notification.resource)
                    @if gist.name.is_some() { " " (gist.object) }
                    @if gist.more > 0 { " and " (gist.more) " more" }
                    @if stored.notification.purpose == Purpose::Test { " · test" }
                }
            }
            @if let Some(names) = names {
                td.wide-only {
                    a href={ (BASE) "/instances/" (instance) } {
                        @match names.iter().find(|(of, _)| *of == instance) {
                            Some((_, name)) => (name),
                            None => { "#" (instance) },
                        }
                    }
                }
            }
            td { (badge(standing(stored.status))) }
            td.wide-only.right.num { (stored.attempts) }
            td.wide-only { @if let Some(error) = &stored.last_error { div.clip title=(error) { (error) } } }
        }
    }
}
