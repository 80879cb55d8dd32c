//! What the entries of `configuration` say of deliveries: one file for each concern.

mod filter;
mod format;
mod order;
mod retries;
mod tls;

use ie_model::DeliverySettings;

use super::Rules;
use super::reader::Reader;

pub(super) use filter::check_objects;
pub(super) use tls::check_key;
pub(crate) use tls::check_pair;

/// The entries read here.
pub(super) const KEYS: &[&str] = &[
    retries::SCHEDULE,
    retries::RATE,
    retries::OPERATIONAL_URL,
    format::FORMAT,
    format::GZIP,
    filter::FILTER,
    order::ORDER,
    order::DEAD_LETTER,
    tls::CA,
    tls::CERTIFICATE,
];

/// Reads the settings; what is wrong is noted and has its default.
pub(super) fn read(reader: &mut Reader<'_>, rules: &Rules) -> DeliverySettings {
    DeliverySettings {
        retry_schedule: retries::schedule(reader, rules.longest_delay),
        rate: retries::rate(reader),
        operational_url: retries::operational_url(reader, rules),
        format: format::format(reader),
        gzip: format::gzip(reader),
        filter: filter::read(reader),
        order: order::order(reader),
        dead_letter_order: order::dead_letter(reader),
        tls: tls::read(reader),
    }
}
