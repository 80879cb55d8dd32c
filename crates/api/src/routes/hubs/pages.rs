//! Pages of the hub: `pageSize` with `page`, or with the token of the page before.

use axum::http::HeaderMap;
use ie_insightly::MAX_PAGE;

use super::super::paging;
use super::super::query::Query;
use crate::config::Config;
use crate::error::{ApiError, Result};

/// Which records of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) skip: u64,
    pub(super) top: u32,
}

/// The place that a request wants. Insightly's pages hold no more than [`MAX_PAGE`] records.
pub(super) fn place(query: &Query, config: &Config) -> Result<Place> {
    let wanted = paging::wanted(query, config)?;
    let top = wanted.limit.min(MAX_PAGE);
    let number = query.get("page").map(page).transpose()?;
    let skip = match (number, wanted.after) {
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_request(format!(
                "page and {} name a page each; expected one of them",
                paging::TOKEN
            )));
        }
        (Some(number), None) => u64::from(number - 1) * u64::from(top),
        // A token is a place that we gave; one before the first record is none.
        (None, after) => u64::try_from(after.unwrap_or(0)).map_err(|_| {
            ApiError::bad_request(format!(
                "{}: expected the token of the page before, and this is none",
                paging::TOKEN
            ))
        })?,
    };
    Ok(Place { skip, top })
}

/// The header for the page after this one, when there is one. Without a total a full page says that there may be.
pub(super) fn next(place: Place, found: usize, total: Option<u64>) -> HeaderMap {
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    let end = place.skip.saturating_add(found);
    let more = match total {
        Some(total) => found > 0 && end < total,
        None => found >= u64::from(place.top),
    };
    paging::next(i64::try_from(end).ok().filter(|_| more))
}

fn page(text: &str) -> Result<u32> {
    let number = text.parse::<u32>().ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        ApiError::bad_request(format!(
            "page: expected a whole number from 1 on, got {text:?}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::more_by_the_total(0, 10, Some(11), true)]
    #[case::the_last_is_full(10, 10, Some(20), false)]
    #[case::a_page_cut_by_insightly(0, 4, Some(20), true)]
    #[case::nothing_found_although_counted(0, 0, Some(20), false)]
    #[case::a_full_page_without_a_total(0, 10, None, true)]
    #[case::a_short_page_without_a_total(0, 9, None, false)]
    fn there_is_a_next_page_while_records_are_left(
        #[case] skip: u64,
        #[case] found: usize,
        #[case] total: Option<u64>,
        #[case] more: bool,
    ) {
        let headers = next(Place { skip, top: 10 }, found, total);

        assert_eq!(!headers.is_empty(), more);
    }
}
