//! The trace context as text, for message headers and rows of the store.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "traceparent";

/// The current span as a W3C `traceparent`; `None` when there is no trace.
pub fn current_traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Makes `span` a child of the span that `traceparent` names, which may live in another process.
///
/// To be called before the span is entered. A text that is not a `traceparent` is ignored: a trace is worth less than
/// the work that it describes.
pub fn set_parent(span: &Span, traceparent: &str) {
    let context = extract(traceparent);
    if context.span().span_context().is_valid()
        && let Err(error) = span.set_parent(context)
    {
        tracing::trace!(%error, "the span has no parent from elsewhere");
    }
}

/// Links `span` to the span that `traceparent` names, without making it a child.
pub fn add_link(span: &Span, traceparent: &str) {
    span.add_link(extract(traceparent).span().span_context().clone());
}

fn extract(traceparent: &str) -> opentelemetry::Context {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract_with_context(&opentelemetry::Context::new(), &carrier)
}
