//! What the entries of `configuration` mean, apart from the polled resources.

use ie_model::dates::Zone;
use ie_model::{Initial, Settings};
use serde_json::{Map, Value};

use super::Rules;
use super::address::{called_address, pod_address, web_address};
use super::delivery;
use super::problem::{Path, Problems, shown};
use super::reader::Reader;

/// The vendor's way of telling changes: the only one that Insightly has.
const POLLING: &str = "polling";
/// Minutes between two polls, unless the client says otherwise.
const DEFAULT_REFRESH_INTERVAL: u32 = 15;
/// 30 days in minutes.
const MAX_REFRESH_INTERVAL: u32 = 30 * 24 * 60;
/// An hour in seconds: a larger overlap only reads the same records again.
const MAX_OVERLAP: u32 = 60 * 60;
/// Events in one notification, as in Open Connectors.
const DEFAULT_BATCH: u16 = 10;
/// As many events as a page of Insightly has records.
const MAX_BATCH: u32 = 500;

/// More than Insightly allows to anybody.
const MAX_PER_SECOND: u32 = 1000;
/// The same for a day.
const MAX_PER_DAY: u32 = 10_000_000;

const ENABLED: &str = "event.notification.enabled";
const VENDOR_TYPE: &str = "event.vendor.type";
const CALLBACK: &str = "event.notification.callback.url";
const REFRESH: &str = "event.poller.refresh_interval";
const TIMEZONE: &str = "event.poller.timezone";
const OVERLAP: &str = "event.poller.overlap";
const DELETES: &str = "event.poller.deletes.interval";
const INITIAL: &str = "event.poller.initial";
const BATCH: &str = "event.notification.batch";
const RAW: &str = "event.raw.enabled";
const CHANGES: &str = "event.changes";
const SKIP_UNCHANGED: &str = "event.skip.unchanged";
const NULLS: &str = "filter.response.nulls";
const USERNAME: &str = "username";
const BASIC_USERNAME: &str = "event.notification.basic.username";
const BASIC_PASSWORD: &str = ie_model::instance::secret::BASIC_PASSWORD;
const POD: &str = "insightly.pod";
const BASE_URL: &str = "base.url";
const PER_SECOND: &str = "insightly.requests.per.second";
const PER_DAY: &str = "insightly.requests.per.day";

/// The entries read here.
pub(super) const KEYS: &[&str] = &[
    ENABLED,
    VENDOR_TYPE,
    CALLBACK,
    REFRESH,
    TIMEZONE,
    OVERLAP,
    DELETES,
    INITIAL,
    BATCH,
    RAW,
    CHANGES,
    SKIP_UNCHANGED,
    NULLS,
    USERNAME,
    BASIC_USERNAME,
    POD,
    BASE_URL,
    PER_SECOND,
    PER_DAY,
];

/// Reads the settings; what is wrong is noted and has its default.
pub(super) fn read(reader: &mut Reader<'_>, rules: &Rules) -> Settings {
    vendor_type(reader);
    credentials(reader);
    // Read for its problems only, see `drops_nulls`.
    reader.boolean(NULLS);
    let events_enabled = reader.boolean(ENABLED).unwrap_or(false);
    Settings {
        base_url: base_url(reader, rules),
        events_enabled,
        callback_url: callback_url(reader, events_enabled, rules),
        refresh_interval: reader
            .whole(REFRESH, 1..=MAX_REFRESH_INTERVAL, "minutes")
            .unwrap_or(DEFAULT_REFRESH_INTERVAL),
        zone: zone(reader),
        overlap: reader
            .whole(OVERLAP, 0..=MAX_OVERLAP, "seconds")
            .unwrap_or(rules.overlap),
        batch: reader
            .whole(BATCH, 1..=MAX_BATCH, "events")
            .and_then(|batch| u16::try_from(batch).ok())
            .unwrap_or(DEFAULT_BATCH),
        raw_enabled: reader.boolean(RAW).unwrap_or(true),
        deletes_interval: reader
            .whole(DELETES, 0..=MAX_REFRESH_INTERVAL, "minutes")
            .unwrap_or(0),
        initial: initial(reader),
        changes: reader.boolean(CHANGES).unwrap_or(false),
        skip_unchanged: reader.boolean(SKIP_UNCHANGED).unwrap_or(false),
        requests_per_second: reader.whole(PER_SECOND, 1..=MAX_PER_SECOND, "requests"),
        requests_per_day: reader.whole(PER_DAY, 1..=MAX_PER_DAY, "requests"),
        delivery: delivery::read(reader, rules),
    }
}

/// Whether null fields are left out of the hub's answers, by a stored configuration.
pub(crate) fn drops_nulls(configuration: &Map<String, Value>) -> bool {
    let mut problems = Problems::default();
    let mut reader = Reader::new(configuration, Path::root(), &mut problems);
    reader.boolean(NULLS).unwrap_or(true)
}

fn vendor_type(reader: &mut Reader<'_>) {
    let given = reader.text(VENDOR_TYPE, "\"polling\"");
    if let Some(text) = given.filter(|text| *text != POLLING) {
        let got = shown(&Value::from(text));
        reader.refuse(
            VENDOR_TYPE,
            format!("expected \"polling\", which is how changes of Insightly are found, got {got}"),
        );
    }
}

fn credentials(reader: &mut Reader<'_>) {
    reader.text(USERNAME, "the Insightly user name or e-mail address");
    let username = reader.text(BASIC_USERNAME, "the user name for the callback");
    if username.is_some_and(|name| name.contains(':')) {
        reader.refuse(
            BASIC_USERNAME,
            "expected a user name without a colon: basic authentication cannot carry one",
        );
    }
    if username.is_none() && reader.given(BASIC_PASSWORD).is_some() {
        reader.refuse(
            BASIC_USERNAME,
            format!("expected the user name that belongs to {BASIC_PASSWORD}"),
        );
    }
}

fn callback_url(reader: &mut Reader<'_>, events_enabled: bool, rules: &Rules) -> Option<String> {
    let given = reader.given(CALLBACK).is_some();
    let text = reader.text(CALLBACK, "an http or https address");
    if !given && events_enabled {
        reader.refuse(
            CALLBACK,
            format!("expected the address that events are sent to, since {ENABLED} is true"),
        );
    }
    match called_address(text?, rules) {
        Ok(()) => text.map(str::to_owned),
        Err(problem) => {
            reader.refuse(CALLBACK, problem);
            None
        }
    }
}

fn initial(reader: &mut Reader<'_>) -> Initial {
    match reader.text(INITIAL, "\"none\" or \"snapshot\"") {
        None | Some("none") => Initial::None,
        Some("snapshot") => Initial::Snapshot,
        Some(text) => {
            let got = shown(&Value::from(text));
            let expected = "expected \"none\", for changes from now on, or \"snapshot\", for every existing record first";
            reader.refuse(INITIAL, format!("{expected}, got {got}"));
            Initial::None
        }
    }
}

fn zone(reader: &mut Reader<'_>) -> String {
    let given = reader.text(TIMEZONE, "the name of a time zone");
    if let Some(name) = given {
        match name.parse::<Zone>() {
            Ok(_) => return name.to_owned(),
            Err(error) => reader.refuse(TIMEZONE, error.to_string()),
        }
    }
    Zone::UTC.to_string()
}

/// Insightly's API: the address when it is given, else the pod's, else the operator's default.
fn base_url(reader: &mut Reader<'_>, rules: &Rules) -> String {
    let pod = reader
        .text(POD, "the name of an Insightly pod")
        .and_then(|pod| {
            let address = pod_address(pod).and_then(|address| allowed(&address, rules));
            noted(reader, POD, address)
        });
    let base = reader
        .text(BASE_URL, "the address of Insightly's API")
        .and_then(|text| {
            let address = web_address(text).and_then(|_| allowed(text, rules));
            noted(reader, BASE_URL, address)
        });
    base.or(pod).unwrap_or_else(|| rules.default_url.clone())
}

fn noted(reader: &mut Reader<'_>, key: &str, read: Result<String, String>) -> Option<String> {
    read.map_err(|problem| reader.refuse(key, problem)).ok()
}

/// The address without its end, if the operator allows it; the default always is.
fn allowed(text: &str, rules: &Rules) -> Result<String, String> {
    let mut url = web_address(text)?;
    url.set_query(None);
    url.set_fragment(None);
    let address = url.as_str().trim_end_matches('/').to_owned();
    let known = address == rules.default_url.trim_end_matches('/')
        || rules
            .allowed_urls
            .iter()
            .any(|pattern| pattern.matches(&url));
    if known {
        return Ok(address);
    }
    let allowed: Vec<String> = rules.allowed_urls.iter().map(ToString::to_string).collect();
    Err(format!(
        "expected an address that this service's operator allows ({}), got {}",
        allowed.join(", "),
        shown(&Value::from(text))
    ))
}
