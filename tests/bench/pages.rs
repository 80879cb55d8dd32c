//! The dashboard's pages, asked by a signed-in browser, with a million events of ten thousand instances in the store.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use chrono::Utc;
use ie_model::InstanceId;
use ie_platform::http::{self, ClientSettings};
use ie_scheduler::process::Config;
use ie_store::Store;
use ie_tests::client::PASSWORD;
use reqwest::header::{COOKIE, SET_COOKIE};

use crate::embedded::Embedded;
use crate::options::Sizes;
use crate::report::{Figure, Goal};
use crate::running::{PATIENCE, settings};
use crate::stage::{Stage, Watching, context, create_instance};
use crate::tally::{median, percentile};
use crate::world::World;
use crate::yardsticks::Measured;

/// Events of one instance.
const EVENTS_EACH: u32 = 100;

/// A page is there before somebody notices that it was not.
const GOAL_MS: f64 = 100.0;

/// Who may sign in.
const SIGN_IN: (&str, &str) = ("API__BOOTSTRAP_USER_PASSWORD", PASSWORD);

/// The first visits fill caches and prepare statements.
const WARM_UP: usize = 2;

/// Each page's name, and its path; `{instance}` and `{event}` are in the middle of what there is.
const PAGES: [(&str, &str); 13] = [
    ("instances", "/instances"),
    ("instances_searched", "/instances?search=bench+77"),
    ("instances_further_on", "/instances?after={instance}"),
    ("instance", "/instances/{instance}"),
    ("instance_chart", "/instances/{instance}/chart"),
    ("events", "/events"),
    ("events_failed", "/events?status=FAILED"),
    ("events_of_an_instance", "/events?instance={instance}"),
    ("events_further_back", "/events?before={event}"),
    ("event", "/events/{event}"),
    ("dead_letters", "/dead-letters"),
    ("system", "/system"),
    ("system_chart", "/system/chart"),
];

/// With PostgreSQL.
pub(crate) async fn distributed(sizes: Sizes) -> Measured {
    let stage = Stage::start_with(&[SIGN_IN]).await?;
    let seeded = seed(&stage.store, &stage.client, sizes).await?;
    let figures = visit(&stage.client.origin(), ("page", seeded), sizes).await?;
    stage.stop().await?;
    Ok(figures)
}

/// With SQLite, in one process.
pub(crate) async fn embedded(sizes: Sizes) -> Measured {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("pages.db").display());
    let store_url = ("STORE__URL", url.as_str());
    // Nothing is polled or delivered meanwhile.
    let quiet = ("SCHEDULER__TICK", "1h");
    let embedded = Embedded::start(&[SIGN_IN, store_url, quiet]).await?;
    let context = context();
    let config: Config = ie_platform::config::load_from(None, settings(&[store_url]))?;
    let store = Store::open(&config.store, &context).await?;
    let seeded = seed(&store, &embedded.client, sizes).await?;
    let origin = embedded.client.origin();
    let figures = visit(&origin, ("page_embedded", seeded), sizes).await?;
    context.lifecycle.stop();
    context.lifecycle.drain(PATIENCE).await;
    Ok(figures)
}

/// What there is to see.
#[derive(Clone, Copy, Debug)]
struct Seeded {
    instances: u32,
    events: u32,
    /// An instance in the middle.
    instance: i64,
}

/// One instance through the API, and the others like it.
async fn seed(
    store: &Store,
    client: &ie_tests::client::Client,
    sizes: Sizes,
) -> anyhow::Result<Seeded> {
    let clock = context().clock;
    let world = World::start(clock.clone(), &[("Contacts", 1)]).await?;
    let watching = Watching {
        insightly: &world.url(),
        callback: "http://127.0.0.1:9/callback",
        resources: &["contacts", "accounts", "leads", "opportunities"],
    };
    let first = create_instance(client, watching).await?;
    world.stop().await;
    let events = sizes.million;
    let instances = events / EVENTS_EACH;
    let now: chrono::DateTime<Utc> = clock.now();
    store
        .fill_with_events(InstanceId(first), (instances, events), now)
        .await?;
    Ok(Seeded {
        instances,
        events,
        instance: first + i64::from(instances / 2),
    })
}

/// A figure for each page.
async fn visit(origin: &str, (kind, seeded): (&str, Seeded), sizes: Sizes) -> Measured {
    let visitor = Visitor::sign_in(origin).await?;
    let mut figures = Vec::new();
    for (name, path) in PAGES {
        let path = path
            .replace("{instance}", &seeded.instance.to_string())
            .replace("{event}", &(seeded.events / 2).to_string());
        let (mut times, mut size) = (Vec::new(), 0);
        for visit in 0..WARM_UP + sizes.visits {
            let (took, length) = visitor.get(&path).await?;
            size = length;
            if visit >= WARM_UP {
                times.push(took);
            }
        }
        let name = format!("{kind}_{name}");
        let figure = Figure::new(&name, median(&times), Goal::AtMost(GOAL_MS), "ms")
            .part("slowest_of_twenty_ms", percentile(&times, 0.95))
            .part("visits", times.len())
            .part("bytes", size)
            .part("instances", seeded.instances)
            .part("events", seeded.events);
        figures.push(figure);
    }
    Ok(figures)
}

/// A browser that has signed in.
struct Visitor {
    http: reqwest::Client,
    base: String,
    cookie: String,
}

impl Visitor {
    async fn sign_in(origin: &str) -> anyhow::Result<Self> {
        let http = http::client(&ClientSettings::default())?;
        let base = format!("{origin}/dashboard");
        let form = format!("name=admin&password={}", PASSWORD.replace(' ', "+"));
        let request = http
            .post(format!("{base}/sign-in"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer = http.execute(request.build()?).await?;
        let cookie = answer
            .headers()
            .get(SET_COOKIE)
            .context("nobody signed in")?;
        let cookie = cookie.to_str()?.split(';').next().unwrap_or_default();
        let cookie = cookie.to_owned();
        Ok(Self { http, base, cookie })
    }

    /// Milliseconds from the request to the end of the page, over the loopback; and the page's length.
    async fn get(&self, path: &str) -> anyhow::Result<(f64, usize)> {
        let request = self.http.get(format!("{}{path}", self.base));
        let request = request.header(COOKIE, &self.cookie).build()?;
        let started = Instant::now();
        let answer = self.http.execute(request).await?;
        let status = answer.status();
        let page = answer.bytes().await?;
        let took = started.elapsed();
        ensure!(status.is_success(), "{path}: {status}");
        Ok((took.as_secs_f64() * 1000.0, page.len()))
    }
}
