//! The trace across the queue.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ie_broker::{Failure, Outgoing};
use opentelemetry::trace::{SpanKind, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use rstest::rstest;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::rig::{Backend, note, with_rig};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Keeps the spans that ended.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

impl Kept {
    fn named(&self, beginning: &str) -> Vec<SpanData> {
        let spans = self.0.lock().unwrap();
        spans
            .iter()
            .filter(|span| span.name.starts_with(beginning))
            .cloned()
            .collect()
    }
}

/// Keeps the spans of this test: its runtime has one thread, whose subscriber sees the handlers too.
fn kept() -> (Kept, DefaultGuard) {
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(kept.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    (kept, guard)
}

#[rstest]
#[tokio::test]
async fn without_tracing_the_given_context_is_handed_on_also_to_retries(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    with_rig(backend, async |rig| {
        let message = note("a");
        let mut consumer = rig.consume(1, |_, delivery| {
            Box::pin(async move {
                match delivery.attempt {
                    1 => Err(Failure::retry("once more")),
                    _ => Ok(()),
                }
            })
        });

        let given = Some(PARENT.to_owned());
        let outgoing = Outgoing {
            traceparent: given,
            ..Outgoing::new(&message)
        };
        rig.broker.publish_one(outgoing).await.unwrap();
        let seen = consumer.take(2).await;

        let contexts: Vec<_> = seen
            .iter()
            .map(|s| s.delivery.traceparent.as_deref())
            .collect();
        assert_eq!(contexts, [Some(PARENT), Some(PARENT)]);
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn attempts_are_siblings_under_the_span_that_published_them(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    let (kept, _guard) = kept();

    with_rig(backend, async |rig| {
        let message = note("a");
        let mut consumer = rig.consume(1, |_, delivery| {
            Box::pin(async move {
                match delivery.attempt {
                    1 => Err(Failure::retry_after(Duration::from_millis(20), "once more")),
                    _ => Ok(()),
                }
            })
        });
        let given = Some(PARENT.to_owned());
        let outgoing = Outgoing {
            traceparent: given,
            ..Outgoing::new(&message)
        };
        rig.broker.publish_one(outgoing).await.unwrap();
        consumer.take(2).await;
        consumer.stop().await;

        let prefix = &rig.config.prefix;
        let published = kept.named(&format!("publish {prefix}.changes")).remove(0);
        assert_eq!(published.span_kind, SpanKind::Producer);
        assert_eq!(published.span_context.trace_id().to_string(), TRACE);
        assert_eq!(published.parent_span_id.to_string(), "00f067aa0ba902b7");
        let processed = kept.named(&format!("process {prefix}.changes"));
        assert_eq!(processed.len(), 2);
        for span in processed {
            assert_eq!(span.span_kind, SpanKind::Consumer);
            assert_eq!(span.span_context.trace_id().to_string(), TRACE);
            assert_eq!(span.parent_span_id, published.span_context.span_id());
            assert_eq!(
                span.links[0].span_context.span_id(),
                published.span_context.span_id()
            );
            let attribute = |name: &str| {
                let found = span.attributes.iter().find(|kv| kv.key.as_str() == name);
                found.map(|kv| kv.value.to_string()).unwrap_or_default()
            };
            let system = match backend {
                Backend::Memory => "memory",
                Backend::RabbitMq => "rabbitmq",
            };
            assert_eq!(attribute("messaging.system"), system);
            assert_eq!(attribute("messaging.operation.type"), "process");
            assert_eq!(attribute("messaging.message.id"), "a");
            let destination = format!("{prefix}:changes:{prefix}.changes");
            assert_eq!(attribute("messaging.destination.name"), destination);
            let key = match backend {
                Backend::Memory => "",
                Backend::RabbitMq => "changes",
            };
            assert_eq!(attribute("messaging.rabbitmq.destination.routing_key"), key);
        }
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn what_is_published_on_request_stays_in_its_trace_and_is_linked_to_the_request(
    #[values(Backend::Memory, Backend::RabbitMq)] backend: Backend,
) {
    let (kept, _guard) = kept();

    with_rig(backend, async |rig| {
        let message = note("a");
        let again = Outgoing {
            traceparent: Some(PARENT.to_owned()),
            ..Outgoing::new(&message)
        };
        let request = tracing::info_span!("request");
        let publishing = rig.broker.publish_one(again);
        tracing::Instrument::instrument(publishing, request)
            .await
            .unwrap();
        // In the trace that it belongs to there is nobody else to be linked to.
        let first = tracing::info_span!("first");
        let publishing = rig.broker.publish_one(Outgoing::new(&message));
        tracing::Instrument::instrument(publishing, first)
            .await
            .unwrap();
        let mut consumer = rig.consume(1, |_, _| Box::pin(async { Ok(()) }));
        consumer.take(2).await;
        consumer.stop().await;

        let request = kept.named("request").remove(0);
        let published = kept.named("publish ");
        let links = |span: &SpanData| -> Vec<_> {
            let links = span.links.iter();
            links.map(|link| link.span_context.span_id()).collect()
        };
        assert_eq!(published[0].span_context.trace_id().to_string(), TRACE);
        assert_eq!(links(&published[0]), [request.span_context.span_id()]);
        assert_ne!(published[1].span_context.trace_id().to_string(), TRACE);
        assert_eq!(links(&published[1]), []);
    })
    .await;
}
