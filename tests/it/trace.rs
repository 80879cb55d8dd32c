//! One change is one trace: four processes, RabbitMQ, PostgreSQL, and a collector that is told of all of it.

use anyhow::{Context as _, ensure};
use axum::http::StatusCode;
use ie_platform::Lifecycle;
use ie_simulator::{Change, Settings};
use ie_tests::collector::{Collector, Span, SpanKind};
use ie_tests::eventually::eventually;
use ie_tests::receiver::Received;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use crate::outage::wait_for;

/// A system whose processes send every trace to a collector.
struct Scene {
    lifecycle: Lifecycle,
    collector: Collector,
    rig: Rig,
    instance: i64,
}

impl Scene {
    async fn start(protocol: &str) -> anyhow::Result<Self> {
        let lifecycle = Lifecycle::new();
        let collector = Collector::start(&lifecycle).await?;
        let telemetry = [
            ("TELEMETRY__EXPORTER", "otlp"),
            ("TELEMETRY__PROTOCOL", protocol),
            ("TELEMETRY__ENDPOINT", &collector.endpoint()),
        ];
        let world = Settings::empty().without_limits();
        let rig = Box::pin(Rig::start_with(Mode::Processes, world, &telemetry)).await?;
        let (instance, _) = rig.create_instance(&["contacts"]).await?;
        Ok(Self {
            lifecycle,
            collector,
            rig,
            instance,
        })
    }

    /// The trace that the callback was told of, once it is whole: a schedule, a poll, and all calls of the callback.
    async fn whole_trace(&self, received: &[Received]) -> anyhow::Result<Trace> {
        let (id, _) = parts(received.last().context("no request")?)?;
        let prefix = self.rig.broker_config()?.prefix;
        let wanted = [
            ("ie-scheduler", "schedule".to_owned(), 1),
            ("ie-fetcher", format!("process {prefix}.poll"), 1),
            (
                "ie-dispatcher",
                "deliver notification".to_owned(),
                received.len(),
            ),
            (
                "ie-dispatcher",
                format!("process {prefix}.changes"),
                received.len(),
            ),
        ];
        let spans = eventually("the whole trace", PATIENCE, async || {
            let spans = self.collector.trace(&id);
            let count = |service: &str, name: &str| {
                let found = spans.iter().filter(|span| span.service == service);
                found.filter(|span| span.name == name).count()
            };
            let whole = wanted
                .iter()
                .all(|(service, name, least)| count(service, name) >= *least);
            Ok(whole.then_some(spans))
        })
        .await?;
        Ok(Trace { spans, prefix })
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.rig.stop().await?;
        self.lifecycle.stop();
        Ok(())
    }
}

/// Trace and span of the header `traceparent`.
fn parts(received: &Received) -> anyhow::Result<(String, String)> {
    let header = received.traceparent.as_deref().context("no traceparent")?;
    let parts: Vec<_> = header.split('-').collect();
    ensure!(parts.len() == 4 && parts[3] == "01", "{header}");
    Ok((parts[1].to_owned(), parts[2].to_owned()))
}

/// The spans of one trace.
struct Trace {
    spans: Vec<Span>,
    prefix: String,
}

impl Trace {
    /// The children of a span that have this name, in this service and of this kind.
    fn children(&self, parent: &Span, (service, name, kind): (&str, &str, SpanKind)) -> Vec<&Span> {
        let children = self.spans.iter().filter(|span| span.parent == parent.id);
        children
            .filter(|span| span.service == service && span.name == name && span.kind == kind)
            .collect()
    }

    /// The one child that it has of these.
    fn child(&self, parent: &Span, which: (&str, &str, SpanKind)) -> anyhow::Result<&Span> {
        let children = self.children(parent, which);
        ensure!(
            children.len() == 1,
            "{} of {which:?} below {}: {:#?}",
            children.len(),
            parent.name,
            self.spans
        );
        Ok(children[0])
    }

    /// The way from the schedule to the publishing of the notification; gives that.
    fn way_of_the_change(&self) -> anyhow::Result<&Span> {
        let prefix = &self.prefix;
        let is_schedule = |span: &&Span| span.service == "ie-scheduler" && span.name == "schedule";
        let schedules: Vec<_> = self.spans.iter().filter(is_schedule).collect();
        ensure!(schedules.len() == 1, "{schedules:#?}");
        let schedule = schedules[0];
        // A poll that somebody asked for goes on with the trace of that request.
        let is_asked = |span: &Span| span.id == schedule.parent && span.service == "ie-api";
        ensure!(
            schedule.parent.is_empty() || self.spans.iter().any(is_asked),
            "{:#?}",
            self.spans
        );
        let publish = format!("publish {prefix}.poll");
        let published = self.child(schedule, ("ie-scheduler", &publish, SpanKind::Producer))?;
        self.is_messaging(published, ("publish", "send"), &format!("{prefix}:poll"))?;

        let process = format!("process {prefix}.poll");
        let polled = self.child(published, ("ie-fetcher", &process, SpanKind::Consumer))?;
        let place = format!("{prefix}:poll:{prefix}.poll");
        self.is_messaging(polled, ("process", "process"), &place)?;
        self.is_linked(polled, published)?;
        ensure!(
            polled.attribute("messaging.message.id") == published.attribute("messaging.message.id"),
            "{polled:#?}"
        );

        let search = self.children(polled, ("ie-fetcher", "GET Search", SpanKind::Client));
        ensure!(
            !search.is_empty(),
            "no request to Insightly: {:#?}",
            self.spans
        );
        for request in search {
            is_http(request, "GET", "200")?;
        }
        let page = self.child(polled, ("ie-fetcher", "commit page", SpanKind::Client))?;
        ensure!(
            page.attribute("db.system.name") == "postgresql",
            "{page:#?}"
        );
        ensure!(
            page.attribute("db.query.summary") == "commit page",
            "{page:#?}"
        );

        let publish = format!("publish {prefix}.changes");
        let published = self.child(polled, ("ie-fetcher", &publish, SpanKind::Producer))?;
        self.is_messaging(published, ("publish", "send"), &format!("{prefix}:changes"))?;
        Ok(published)
    }

    /// A delivery is handled below `published`, and its call's span is the one that the callback was told of.
    fn is_delivered(&self, published: &Span, received: &Received) -> anyhow::Result<()> {
        let (trace, call) = parts(received)?;
        let call = self.spans.iter().find(|span| span.id == call);
        let call = call.context("the callback was told of a span that nobody has")?;
        ensure!(
            call.trace == trace && call.name == "deliver notification",
            "{call:#?}"
        );
        is_http(call, "POST", received.answered.as_str())?;
        let process = format!("process {}.changes", self.prefix);
        let which = ("ie-dispatcher", process.as_str(), SpanKind::Consumer);
        let processed = self.children(published, which);
        let handled = processed.iter().find(|span| span.id == call.parent);
        let handled =
            handled.with_context(|| format!("not below {published:#?}: {:#?}", self.spans))?;
        let place = format!("{prefix}:changes:{prefix}.changes", prefix = self.prefix);
        self.is_messaging(handled, ("process", "process"), &place)?;
        self.is_linked(handled, published)
    }

    fn is_messaging(
        &self,
        span: &Span,
        (name, kind): (&str, &str),
        destination: &str,
    ) -> anyhow::Result<()> {
        let key = destination.split(':').nth(1).unwrap_or_default();
        let expected = [
            ("messaging.system", "rabbitmq"),
            ("messaging.operation.name", name),
            ("messaging.operation.type", kind),
            ("messaging.destination.name", destination),
            ("messaging.rabbitmq.destination.routing_key", key),
        ];
        for (attribute, value) in expected {
            ensure!(
                span.attribute(attribute) == value,
                "{attribute} is not {value}: {span:#?}"
            );
        }
        ensure!(
            !span.attribute("messaging.message.id").is_empty(),
            "{span:#?}"
        );
        Ok(())
    }

    fn is_linked(&self, span: &Span, to: &Span) -> anyhow::Result<()> {
        let link = (to.trace.clone(), to.id.clone());
        ensure!(
            span.links.contains(&link),
            "not linked to {}: {span:#?}",
            to.name
        );
        Ok(())
    }
}

fn is_http(span: &Span, method: &str, status: &str) -> anyhow::Result<()> {
    let error = if status.starts_with('2') { "" } else { status };
    let expected = [
        ("http.request.method", method),
        ("http.response.status_code", status),
        ("server.address", "127.0.0.1"),
        ("url.scheme", "http"),
        ("error.type", error),
    ];
    for (attribute, value) in expected {
        ensure!(
            span.attribute(attribute) == value,
            "{attribute} is not {value}: {span:#?}"
        );
    }
    ensure!(!span.attribute("server.port").is_empty(), "{span:#?}");
    Ok(())
}

#[rstest]
#[case::grpc("grpc")]
#[case::http("http")]
#[tokio::test(flavor = "multi_thread")]
async fn one_change_is_one_trace_from_the_schedule_to_the_callback(
    #[case] protocol: &str,
) -> anyhow::Result<()> {
    // Given four processes that send their spans to a collector, and a callback that is down,
    let scene = Scene::start(protocol).await?;
    let rig = &scene.rig;
    rig.receiver.answer_with(StatusCode::SERVICE_UNAVAILABLE);

    // when a record changes, and the callback is back for a later attempt,
    rig.world().change(&Change::create("Contacts"))?;
    wait_for(rig, scene.instance, "DISPATCHED", 1).await?;
    rig.receiver.answer_with(StatusCode::OK);
    wait_for(rig, scene.instance, "NOTIFIED", 1).await?;

    // then one trace leads from the schedule to each attempt, which are siblings.
    let received = rig.receiver.received();
    ensure!(received.len() >= 2, "{} attempts", received.len());
    let trace = scene.whole_trace(&received).await?;
    let published = trace.way_of_the_change()?;
    for attempt in &received {
        trace.is_delivered(published, attempt)?;
    }
    scene.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_goes_on_in_the_changes_trace_and_is_linked_to_the_request_for_it()
-> anyhow::Result<()> {
    // Given a dead letter,
    let scene = Scene::start("grpc").await?;
    let rig = &scene.rig;
    rig.receiver.answer_with(StatusCode::BAD_REQUEST);
    rig.world().change(&Change::create("Contacts"))?;
    wait_for(rig, scene.instance, "FAILED", 1).await?;

    // when it is redriven,
    rig.receiver.answer_with(StatusCode::OK);
    let body = json!({"instanceId": scene.instance});
    let redrive = rig
        .client
        .must(Method::POST, "/dead-letters/redrive", Some(body));
    ensure!(redrive.await?["redriven"] == 1);
    wait_for(rig, scene.instance, "NOTIFIED", 1).await?;

    // then its attempt is in the trace of the change, below a publishing of the api's that names the request.
    let received = rig.receiver.received();
    let trace = scene.whole_trace(&received).await?;
    let (failed, accepted) = (&received[0], received.last().context("no request")?);
    let first = trace.way_of_the_change()?;
    trace.is_delivered(first, failed)?;
    ensure!(parts(failed)?.0 == parts(accepted)?.0, "another trace");
    let is_request = |span: &Span| {
        span.service == "ie-api"
            && span.kind == SpanKind::Server
            && span
                .attribute("http.route")
                .ends_with("/dead-letters/redrive")
    };
    let again = eventually("the redrive's spans", PATIENCE, async || {
        let request = scene.collector.spans(is_request).pop();
        let spans = scene.collector.trace(&parts(accepted)?.0);
        let published = |span: &Span| span.service == "ie-api" && span.kind == SpanKind::Producer;
        let again = spans.into_iter().find(published);
        Ok(again.zip(request))
    })
    .await?;
    let (again, request) = again;
    ensure!(request.trace != again.trace, "{request:#?}");
    trace.is_linked(&again, &request)?;
    trace.is_delivered(&again, accepted)?;
    scene.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_request_is_that_of_its_trace() -> anyhow::Result<()> {
    let scene = Scene::start("http").await?;

    let asked = scene
        .rig
        .client
        .ask(Method::GET, "/instances/4711", None)
        .await?;

    let id = asked.1["requestId"]
        .as_str()
        .context("no requestId")?
        .to_owned();
    let spans = eventually("the request's span", PATIENCE, async || {
        let spans = scene.collector.trace(&id);
        Ok((!spans.is_empty()).then_some(spans))
    })
    .await?;
    let span = &spans[0];
    ensure!(
        span.service == "ie-api" && span.kind == SpanKind::Server,
        "{span:#?}"
    );
    ensure!(
        span.name == "GET /elements/api-v2/instances/{id}",
        "{span:#?}"
    );
    ensure!(
        span.attribute("http.response.status_code") == "404",
        "{span:#?}"
    );
    scene.stop().await
}
