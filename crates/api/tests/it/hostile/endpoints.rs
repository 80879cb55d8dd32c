//! Every route of the API, and what of a request it reads.

use crate::rig::Rig;

/// Who a request is from, when it is not what is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The account.
    Account,
    /// The account with an instance's Element token.
    Element,
    /// The operator, by `api.admin_token`.
    Operator,
    /// Nobody: the address says it all, or the body does.
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
    /// A name and a password.
    SignIn,
    /// What an organization is made of.
    Organization,
    /// What a user is made of.
    User,
    /// What of a user changes.
    UserChange,
    /// How long a replaced secret stays good; may be left out.
    Grace,
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

use Takes::{
    Address, Changes, Entry, Grace, Instance, Letters, Nothing, Organization, Record, Replay,
    Rotation, SignIn, User, UserChange,
};
use Who::{Account, Element, Nobody, Operator};

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
    get("/instances/events/{eventId}", Account, &[]),
    get("/instances/{id}/events", Account, EVENTS),
    does("POST", "/instances/{id}/events/replay", Account, Replay),
    get("/instances/{id}/events/{eventId}", Account, &[]),
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
    get("/dead-letters/{eventId}", Account, &[]),
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
    does("POST", "/authentication", Nobody, SignIn),
    get("/authentication/secrets", Account, &[]),
    get("/admin/organizations", Operator, PAGED),
    does("POST", "/admin/organizations", Operator, Organization),
    does("POST", "/admin/organizations/{id}/secret", Operator, Grace),
    get("/admin/organizations/{id}/users", Operator, PAGED),
    does("POST", "/admin/organizations/{id}/users", Operator, User),
    does("PATCH", "/admin/users/{id}", Operator, UserChange),
    does("DELETE", "/admin/users/{id}", Operator, Nothing),
    does("POST", "/admin/users/{id}/secret", Operator, Grace),
    does("POST", "//events/insightly/{token}", Nobody, Nothing),
    does(
        "POST",
        "//events/insightly/{token}/{resource}",
        Nobody,
        Nothing,
    ),
];

/// Every path that is served stands in the list, but for people's pages.
#[tokio::test]
async fn every_route_is_attacked() {
    let rig = Rig::start().await;
    let served = rig.routes.iter().filter_map(|path| {
        let below = path.strip_prefix("/elements/api-v2");
        let outside = path.starts_with("/events/").then(|| format!("/{path}"));
        // What stands below an element is the same a second time.
        below
            .filter(|path| !path.starts_with("/elements/{element}/instances"))
            .filter(|path| *path != "/openapi.json")
            .map(str::to_owned)
            .or(outside)
    });
    let served: Vec<String> = served.collect();
    assert!(served.len() > 40, "{served:?}");

    let missing: Vec<&String> = served
        .iter()
        .filter(|path| !ENDPOINTS.iter().any(|known| known.path == **path))
        .collect();

    assert!(missing.is_empty(), "not in ENDPOINTS: {missing:?}");
}
