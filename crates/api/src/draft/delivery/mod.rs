//! What the entries of `configuration` say of deliveries: one file for each concern.

use ie_model::DeliverySettings;

use super::reader::Reader;

/// The entries read here.
pub(super) const KEYS: &[&str] = &[];

/// Reads the settings; what is wrong is noted and has its default.
pub(super) fn read(_reader: &mut Reader<'_>) -> DeliverySettings {
    DeliverySettings {}
}
