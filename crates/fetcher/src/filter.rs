//! Changes that the instance's owner does not want to be told of: `event.filter`.
//!
//! They are remembered like all others, so that a later change is judged against what the record was last.

use ie_model::EventFilter;
use metrics::counter;

use crate::plan::Change;

/// The changes that are told of, in their order; the others are counted.
pub(crate) fn wanted<'a>(
    changes: &'a [Change],
    resource: &str,
    filter: Option<&EventFilter>,
) -> Vec<&'a Change> {
    let Some(filter) = filter else {
        return changes.iter().collect();
    };
    let wanted: Vec<&Change> = changes
        .iter()
        .filter(|change| {
            let record = change.observed.record.value();
            filter.lets_through(change.event_type, resource, &record)
        })
        .collect();
    let filtered = changes.len() - wanted.len();
    counter!("ie_events_filtered_total").increment(filtered as u64);
    wanted
}
