//! Lists in pages: `pageSize`, `nextPage`, and the header `elements-next-page-token`.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ie_store::Page;

use super::query::Query;
use crate::config::Config;
use crate::error::{ApiError, Result};

/// The header that names the next page; absent on the last.
const NEXT_PAGE: HeaderName = HeaderName::from_static("elements-next-page-token");

/// The parameter with that header's token.
pub(super) const TOKEN: &str = "nextPage";

/// Which page a request wants. A larger `pageSize` than the operator's limit gets the limit.
pub(super) fn wanted(query: &Query, config: &Config) -> Result<Page> {
    let limit = match query.get("pageSize") {
        None => config.page_size,
        Some(text) => text
            .parse::<u32>()
            .ok()
            .filter(|size| *size > 0)
            .ok_or_else(|| {
                ApiError::bad_request(format!(
                    "pageSize: expected a whole number from 1 to {}, got {text:?}",
                    config.max_page_size
                ))
            })?,
    };
    let after = query.get(TOKEN).map(read_token).transpose()?;
    Ok(Page {
        after,
        limit: limit.min(config.max_page_size),
    })
}

/// The header for the page after `last`, when there is one.
pub(super) fn next(last: Option<i64>) -> HeaderMap {
    let token = last.map(|id| URL_SAFE_NO_PAD.encode(id.to_string()));
    let value = token.and_then(|token| HeaderValue::from_str(&token).ok());
    value.into_iter().map(|value| (NEXT_PAGE, value)).collect()
}

/// One record more than wanted was read: whether there is a next page, and the records of this one.
pub(super) fn cut<T>(
    mut records: Vec<T>,
    page: Page,
    id: impl Fn(&T) -> i64,
) -> (Vec<T>, HeaderMap) {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = records.len() > limit;
    records.truncate(limit);
    let last = records.last().map(id).filter(|_| more);
    (records, next(last))
}

/// The page with room for the record that tells whether there is another.
pub(super) fn one_more(page: Page) -> Page {
    Page {
        limit: page.limit.saturating_add(1),
        ..page
    }
}

fn read_token(token: &str) -> Result<i64> {
    let read = URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.parse().ok());
    read.ok_or_else(|| {
        ApiError::bad_request(format!(
            "{TOKEN}: expected the token of the elements-next-page-token header of the page before, got {token:?}"
        ))
    })
}
