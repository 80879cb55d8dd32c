//! Scripts, styles and fonts: compiled in, so that no page asks another host. `assets/VENDORED.md` says whose they are.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::BASE;
use super::failure::{Failure, Result};

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const FONT: &str = "font/woff2";

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $kind:expr, $path:literal) => {
        Asset {
            name: $name,
            kind: $kind,
            content: include_bytes!(concat!("../../assets/", $path)),
        }
    };
}

static ASSETS: [Asset; 9] = [
    asset!("dashboard.css", STYLE, "dashboard.css"),
    asset!("dashboard.js", SCRIPT, "dashboard.js"),
    asset!("mark.svg", "image/svg+xml", "mark.svg"),
    asset!("htmx.js", SCRIPT, "vendor/htmx/htmx.min.js"),
    asset!("sse.js", SCRIPT, "vendor/htmx/hx-sse.min.js"),
    asset!("uplot.js", SCRIPT, "vendor/uplot/uPlot.iife.min.js"),
    asset!("uplot.css", STYLE, "vendor/uplot/uPlot.min.css"),
    asset!(
        "inter.woff2",
        FONT,
        "vendor/inter/inter-latin-wght-normal.woff2"
    ),
    asset!(
        "mono.woff2",
        FONT,
        "vendor/jetbrains-mono/jetbrains-mono-latin-wght-normal.woff2"
    ),
];

/// Changes with any of the files, so that browsers may keep them for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all = ASSETS.iter().fold(Sha256::new(), |hash, asset| {
        hash.chain_update(asset.content)
    });
    hex::encode(&all.finalize()[..6])
});

/// Where a page finds an asset.
pub(super) fn url(name: &str) -> String {
    format!("{BASE}/assets/{name}?v={}", *VERSION)
}

/// `GET /assets/{name}`.
pub(super) async fn get(Path(name): Path<String>) -> Result<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    let asset = asset.ok_or_else(|| Failure::not_found("there is no such file"))?;
    let headers = [
        (CONTENT_TYPE, asset.kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.content).into_response())
}
