//! Every route of the API, and what of a request it reads.

/// Who a request is from, when it is not what is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The account.
    Account,
    /// The account with an instance's Element token.
    Element,
    /// Nobody: the address says it all.
    Nobody,
}

/// What a route takes as its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    /// What `POST` and `PUT /instances` take.
    Instance,
    /// What `PATCH /instances` takes.
    Changes,
    /// What `PATCH …/configuration/{key}` takes.
    Entry,
    /// Filters of dead letters; may be left out.
    Letters,
    /// What a replay takes; may be left out.
    Replay,
    /// A rotation of secrets.
    Rotation,
    /// A record of Insightly.
    Record,
    /// An address of a record.
    Address,
}

/// One method of one route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) method: &'static str,
    /// Below the API's base, unless it begins with `//`.
    pub(super) path: &'static str,
    pub(super) who: Who,
    /// The parameters of the query that are read, and that can be wrong.
    pub(super) params: &'static [&'static str],
    pub(super) takes: Takes,
}

const PAGED: &[&str] = &["pageSize", "nextPage"];
const EVENTS: &[&str] = &["pageSize", "nextPage", "status", "errorClass", "from", "to"];
const LETTERS: &[&str] = &[
    "pageSize",
    "nextPage",
    "errorClass",
    "from",
    "to",
    "instanceId",
];
const EXPORT: &[&str] = &["errorClass", "from", "to", "instanceId"];
const COUNTED: &[&str] = &["from", "to", "interval", "accountIds[]"];
const HUB: &[&str] = &["pageSize", "nextPage", "page", "where"];

const fn get(path: &'static str, who: Who, params: &'static [&'static str]) -> Endpoint {
    Endpoint {
        method: "GET",
        path,
        who,
        params,
        takes: Takes::Nothing,
    }
}

const fn does(method: &'static str, path: &'static str, who: Who, takes: Takes) -> Endpoint {
    Endpoint {
        method,
        path,
        who,
        params: &[],
        takes,
    }
}

use Takes::{Address, Changes, Entry, Instance, Letters, Nothing, Record, Replay, Rotation};
use Who::{Account, Element, Nobody};

/// All of them. What a new route does with hostile input is not known before it stands here: a test says so.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    get("/instances", Account, PAGED),
    does("POST", "/instances", Account, Instance),
    does("PUT", "/instances", Element, Instance),
    does("PATCH", "/instances", Element, Changes),
    does("DELETE", "/instances", Element, Nothing),
    get("/instances/{id}", Account, &[]),
    does("PUT", "/instances/{id}", Account, Instance),
    does("PATCH", "/instances/{id}", Account, Changes),
    does("DELETE", "/instances/{id}", Account, Nothing),
    does("PUT", "/instances/enabled", Element, Nothing),
    does("DELETE", "/instances/enabled", Element, Nothing),
    does("PUT", "/instances/{id}/enabled", Account, Nothing),
    does("DELETE", "/instances/{id}/enabled", Account, Nothing),
    get("/instances/event-poller-records", Element, &[]),
    get("/instances/{id}/event-poller-records", Account, &[]),
    get("/instances/budget", Element, &[]),
    get("/instances/{id}/budget", Account, &[]),
    does("POST", "/instances/hint/rotate", Element, Nothing),
    does("POST", "/instances/{id}/hint/rotate", Account, Nothing),
    does("POST", "/instances/secrets/rotate", Element, Rotation),
    does("POST", "/instances/{id}/secrets/rotate", Account, Rotation),
    does("POST", "/instances/poll", Element, Nothing),
    does("POST", "/instances/{id}/poll", Account, Nothing),
    does("POST", "/instances/test-event", Element, Nothing),
    does("POST", "/instances/{id}/test-event", Account, Nothing),
    get("/instances/configuration", Element, &[]),
    get("/instances/{id}/configuration", Account, &[]),
    get("/instances/configuration/{key}", Element, &[]),
    does("PATCH", "/instances/configuration/{key}", Element, Entry),
    get("/instances/{id}/configuration/{key}", Account, &[]),
    does(
        "PATCH",
        "/instances/{id}/configuration/{key}",
        Account,
        Entry,
    ),
    get("/instances/events", Account, EVENTS),
    get("/instances/events/analytics", Account, COUNTED),
    get("/instances/events/analytics/instances", Account, COUNTED),
    get("/instances/events/analytics/accounts", Account, COUNTED),
    get("/instances/events/dispositions", Account, EVENTS),
    get("/instances/events/{event_id}", Account, &[]),
    get("/instances/{id}/events", Account, EVENTS),
    does("POST", "/instances/{id}/events/replay", Account, Replay),
    get("/instances/{id}/events/{event_id}", Account, &[]),
    get("/instances/quarantine", Element, PAGED),
    get("/instances/{id}/quarantine", Account, PAGED),
    get("/events/stream", Account, &["instanceId", "status"]),
    get("/ping", Element, &[]),
    get("/objects", Element, &[]),
    get("/hubs/crm/objects", Element, &[]),
    get("/elements", Account, &[]),
    get("/elements/{element}", Account, &[]),
    get("/elements/{element}/metadata", Account, &[]),
    get("/dead-letters", Account, LETTERS),
    get("/dead-letters/export", Account, EXPORT),
    get("/dead-letters/{event_id}", Account, &[]),
    does("POST", "/dead-letters/redrive", Account, Letters),
    does("POST", "/dead-letters/discard", Account, Letters),
    get("/hubs/crm/me", Element, &[]),
    get("/hubs/crm/{resource}", Element, HUB),
    does("POST", "/hubs/crm/{resource}", Element, Record),
    get("/hubs/crm/{resource}/{record}", Element, &[]),
    does("PUT", "/hubs/crm/{resource}/{record}", Element, Record),
    does("PATCH", "/hubs/crm/{resource}/{record}", Element, Record),
    does("DELETE", "/hubs/crm/{resource}/{record}", Element, Nothing),
    get("/hubs/crm/{resource}/{record}/addresses", Element, &[]),
    does(
        "POST",
        "/hubs/crm/{resource}/{record}/addresses",
        Element,
        Address,
    ),
    does(
        "PUT",
        "/hubs/crm/{resource}/{record}/addresses/{address}",
        Element,
        Address,
    ),
    does(
        "PATCH",
        "/hubs/crm/{resource}/{record}/addresses/{address}",
        Element,
        Address,
    ),
    does(
        "DELETE",
        "/hubs/crm/{resource}/{record}/addresses/{address}",
        Element,
        Nothing,
    ),
    does("POST", "//events/insightly/{token}", Nobody, Nothing),
    does(
        "POST",
        "//events/insightly/{token}/{resource}",
        Nobody,
        Nothing,
    ),
];

/// Every path that the source code routes stands in the list.
#[test]
fn every_route_is_attacked() {
    let source = concat!(
        include_str!("../../../src/routes/mod.rs"),
        include_str!("../../../src/routes/analytics.rs"),
        include_str!("../../../src/routes/hubs/mod.rs"),
    );
    let routed: Vec<&str> = source
        .split(".route(")
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .filter(|path| *path != "/")
        .collect();
    assert!(routed.len() > 40, "{routed:?}");

    let missing: Vec<&&str> = routed
        .iter()
        .filter(|path| !ENDPOINTS.iter().any(|known| known.path == **path))
        .collect();

    assert!(missing.is_empty(), "not in ENDPOINTS: {missing:?}");
}
