//! The trace context of a message: out of the current span, and into the span that handles it.
//!
//! The span that handles a message is a child of the one that published it, so that one change is one trace, and linked
//! to it as the messaging conventions ask. A retry keeps the context it came with: its attempts are siblings. So does a
//! redrive, which is linked to the request that asked for it.

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// W3C trace context as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) traceparent: Option<String>,
    pub(crate) tracestate: Option<String>,
}

impl TraceContext {
    /// A context that was kept as text, such as in a row of the store.
    pub(crate) fn stored(traceparent: String) -> Self {
        Self {
            traceparent: Some(traceparent),
            tracestate: None,
        }
    }

    /// The context of a span; `None` when nothing is traced.
    pub(crate) fn of(span: &Span) -> Option<Self> {
        let context = span.context();
        let current = context.span();
        let current = current.span_context();
        if !current.is_valid() {
            return None;
        }
        let state = current.trace_state().header();
        Some(Self {
            traceparent: Some(format!(
                "00-{}-{}-{:02x}",
                current.trace_id(),
                current.span_id(),
                current.trace_flags() & TraceFlags::SAMPLED
            )),
            tracestate: (!state.is_empty()).then_some(state),
        })
    }

    /// Makes `span` a child of this context; to be called before the span is entered.
    pub(crate) fn set_as_parent_of(&self, span: &Span) {
        if let Some(remote) = self.parse() {
            let parent = Context::new().with_remote_span_context(remote);
            if let Err(error) = span.set_parent(parent) {
                tracing::trace!(%error, "the span has no parent from elsewhere");
            }
        }
    }

    /// Links `span` to this context.
    pub(crate) fn link_to(&self, span: &Span) {
        if let Some(remote) = self.parse() {
            span.add_link(remote);
        }
    }

    /// Links `span`, which goes on in this context, to the one that publishes it, if that is of another trace: a redrive
    /// belongs to the change's trace, and whoever asked for it is found from there.
    pub(crate) fn link_if_other(&self, span: &Span, publisher: &Self) {
        let trace = |context: &Self| context.parse().map(|context| context.trace_id());
        if trace(self).is_some() && trace(self) != trace(publisher) {
            publisher.link_to(span);
        }
    }

    /// What is not a trace context is ignored: a trace is worth less than the work that it describes.
    fn parse(&self) -> Option<SpanContext> {
        let mut parts = self.traceparent.as_deref()?.split('-');
        let version = parts
            .next()
            .filter(|text| text.len() == 2 && *text != "ff")?;
        let trace = parts.next().filter(|text| text.len() == 32)?;
        let span = parts.next().filter(|text| text.len() == 16)?;
        let flags = parts.next().filter(|text| text.len() == 2)?;
        if version == "00" && parts.next().is_some() {
            return None;
        }
        let state = self.tracestate.as_deref().unwrap_or_default();
        let context = SpanContext::new(
            TraceId::from_hex(trace).ok()?,
            SpanId::from_hex(span).ok()?,
            TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED,
            true,
            state.parse::<TraceState>().unwrap_or_default(),
        );
        context.is_valid().then_some(context)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_with_its_state() {
        let context = TraceContext {
            traceparent: Some(VALID.into()),
            tracestate: Some("vendor=1".into()),
        };

        let parsed = context.parse().unwrap();

        assert_eq!(
            parsed.trace_id().to_string(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert_eq!(parsed.span_id().to_string(), "00f067aa0ba902b7");
        assert!(parsed.is_sampled() && parsed.is_remote());
        assert_eq!(parsed.trace_state().header(), "vendor=1");
    }

    #[rstest]
    #[case("")]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7")]
    #[case("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    #[case("00-00000000000000000000000000000000-00f067aa0ba902b7-01")]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")]
    #[case("00-xyf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    fn what_is_not_a_traceparent_is_ignored(#[case] text: &str) {
        assert_eq!(TraceContext::stored(text.into()).parse(), None);
    }

    #[test]
    fn without_tracing_a_span_has_no_context() {
        assert_eq!(TraceContext::of(&Span::none()), None);
    }
}
