//! Every route that is served, and what it does with what is another's.

use self::Kind::{
    Common, Element, Event, Instance, Narrowed, NarrowedPage, Operator, Own, OwnPage, Page, Public,
};

/// What a route does with what is another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The path names an instance: 404.
    Instance,
    /// It is about the instance of the Element token: 401 with another's, 400 without one.
    Element,
    /// The path names an event: 404.
    Event,
    /// A list that may be narrowed to an instance: 404 for another's; else it holds only one's own.
    Narrowed,
    /// It holds only one's own.
    Own,
    /// The same for everybody who has an account.
    Common,
    /// For the operator: 401.
    Operator,
    /// For everybody: whoever has the token in the path, a name and a password, or nothing at all.
    Public,
    /// A page about an instance or an event: 404.
    Page,
    /// A page that may be narrowed to an instance: 404.
    NarrowedPage,
    /// A page of one's own.
    OwnPage,
}

/// Each route: its methods, and its kind. `/instances…` stands below `/elements/{element}` as well.
const TABLE: [(&str, &str, Kind); 95] = [
    ("/instances", "GET POST", Own),
    ("/instances", "DELETE PATCH PUT", Element),
    ("/instances/{id}", "DELETE GET PATCH PUT", Instance),
    ("/instances/enabled", "DELETE PUT", Element),
    ("/instances/{id}/enabled", "DELETE PUT", Instance),
    ("/instances/event-poller-records", "GET", Element),
    ("/instances/{id}/event-poller-records", "GET", Instance),
    ("/instances/budget", "GET", Element),
    ("/instances/{id}/budget", "GET", Instance),
    ("/instances/hint/rotate", "POST", Element),
    ("/instances/{id}/hint/rotate", "POST", Instance),
    ("/instances/secrets/rotate", "POST", Element),
    ("/instances/{id}/secrets/rotate", "POST", Instance),
    ("/instances/poll", "POST", Element),
    ("/instances/{id}/poll", "POST", Instance),
    ("/instances/test-event", "POST", Element),
    ("/instances/{id}/test-event", "POST", Instance),
    ("/instances/configuration", "GET", Element),
    ("/instances/{id}/configuration", "GET", Instance),
    ("/instances/configuration/{key}", "GET PATCH", Element),
    ("/instances/{id}/configuration/{key}", "GET PATCH", Instance),
    ("/instances/events", "GET", Own),
    ("/instances/events/analytics", "GET", Own),
    ("/instances/events/analytics/instances", "GET", Own),
    ("/instances/events/analytics/accounts", "GET", Own),
    ("/instances/events/dispositions", "GET", Own),
    ("/instances/events/{eventId}", "GET", Event),
    ("/instances/{id}/events", "GET", Instance),
    ("/instances/{id}/events/replay", "POST", Instance),
    ("/instances/{id}/events/{eventId}", "GET", Instance),
    ("/instances/quarantine", "GET", Element),
    ("/instances/{id}/quarantine", "GET", Instance),
    ("/hubs/crm/me", "GET", Element),
    ("/hubs/crm/objects", "GET", Element),
    ("/hubs/crm/{resource}", "GET POST", Element),
    (
        "/hubs/crm/{resource}/{record}",
        "DELETE GET PATCH PUT",
        Element,
    ),
    (
        "/hubs/crm/{resource}/{record}/addresses",
        "GET POST",
        Element,
    ),
    (
        "/hubs/crm/{resource}/{record}/addresses/{address}",
        "DELETE PATCH PUT",
        Element,
    ),
    ("/events/stream", "GET", Narrowed),
    ("/ping", "GET", Element),
    ("/objects", "GET", Element),
    ("/elements", "GET", Common),
    ("/elements/{element}", "GET", Common),
    ("/elements/{element}/metadata", "GET", Common),
    ("/dead-letters", "GET", Narrowed),
    ("/dead-letters/export", "GET", Narrowed),
    ("/dead-letters/{eventId}", "GET", Event),
    ("/dead-letters/redrive", "POST", Narrowed),
    ("/dead-letters/discard", "POST", Narrowed),
    ("/admin/organizations", "GET POST", Operator),
    ("/admin/organizations/{id}/secret", "POST", Operator),
    ("/admin/organizations/{id}/users", "GET POST", Operator),
    ("/admin/users/{id}", "DELETE PATCH", Operator),
    ("/admin/users/{id}/secret", "POST", Operator),
    ("/authentication", "POST", Public),
    ("/authentication/secrets", "GET", Operator),
    ("/openapi.json", "GET", Public),
    ("//openapi.json", "GET", Public),
    ("//api-docs", "GET", Public),
    ("//api-docs/api-docs.js", "GET", Public),
    ("//api-docs/mark.svg", "GET", Public),
    ("//api-docs/swagger-ui.js", "GET", Public),
    ("//api-docs/swagger-ui.css", "GET", Public),
    ("//", "GET", Public),
    ("//events/insightly/{token}", "POST", Public),
    ("//events/insightly/{token}/{resource}", "POST", Public),
    ("//dashboard/sign-in", "GET POST", Public),
    ("//dashboard/assets/{name}", "GET", Public),
    ("//dashboard", "GET", OwnPage),
    ("//dashboard/sign-out", "POST", OwnPage),
    ("//dashboard/instances", "GET POST", OwnPage),
    ("//dashboard/instances/new", "GET", OwnPage),
    ("//dashboard/instances/check", "POST", NarrowedPage),
    ("//dashboard/instances/test-key", "POST", NarrowedPage),
    ("//dashboard/instances/test-callback", "POST", NarrowedPage),
    ("//dashboard/instances/{id}", "GET", Page),
    ("//dashboard/instances/{id}/status", "GET", Page),
    ("//dashboard/instances/{id}/chart", "GET", Page),
    ("//dashboard/instances/{id}/lag", "GET", Page),
    ("//dashboard/instances/{id}/secrets", "GET POST", Page),
    ("//dashboard/instances/{id}/edit", "GET POST", Page),
    ("//dashboard/instances/{id}/poll", "POST", Page),
    ("//dashboard/instances/{id}/test", "POST", Page),
    ("//dashboard/instances/{id}/pause", "POST", Page),
    ("//dashboard/instances/{id}/resume", "POST", Page),
    ("//dashboard/instances/{id}/delete", "GET POST", Page),
    ("//dashboard/events", "GET", NarrowedPage),
    ("//dashboard/events/live", "GET", NarrowedPage),
    ("//dashboard/events/{id}", "GET", Page),
    ("//dashboard/events/{id}/redeliver", "POST", Page),
    ("//dashboard/dead-letters", "GET", OwnPage),
    ("//dashboard/dead-letters/export", "GET", OwnPage),
    (
        "//dashboard/dead-letters/{instance}/{class}",
        "GET POST",
        Page,
    ),
    (
        "//dashboard/dead-letters/{instance}/{class}/run",
        "GET POST",
        Page,
    ),
    (
        "//dashboard/dead-letters/{instance}/{class}/export",
        "GET",
        Page,
    ),
];
/// Pages about the whole system, the same for everybody who has signed in.
const SYSTEM_PAGES: [&str; 5] = [
    "//dashboard/system",
    "//dashboard/system/numbers",
    "//dashboard/system/chart",
    "//dashboard/system/throughput",
    "//dashboard/system/lag",
];
/// The copies below `/elements/{element}`.
const OF_ELEMENT: &str = "/elements/{element}";

/// The table with the copies of its routes, and the pages of the system.
pub(super) fn rows() -> Vec<(String, &'static str, Kind)> {
    let mut rows = Vec::new();
    for (path, methods, kind) in TABLE {
        rows.push((path.to_owned(), methods, kind));
        if path.starts_with("/instances") {
            rows.push((format!("{OF_ELEMENT}{path}"), methods, kind));
        }
    }
    rows.extend(SYSTEM_PAGES.map(|path| (path.to_owned(), "GET", OwnPage)));
    rows
}
