//! The JSON log with the trace in it.

use std::fmt;

use opentelemetry::trace::TraceContextExt as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// Writes what the inner JSON format writes, with `trace_id` and `span_id` of the current span when there is a trace.
pub(super) struct WithTrace<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for WithTrace<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let span = opentelemetry::Context::map_current(|cx| cx.span().span_context().clone());
        if !span.is_valid() {
            return self.0.format_event(ctx, writer, event);
        }

        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        let open = line.trim_end().strip_suffix('}').ok_or(fmt::Error)?;
        writeln!(
            writer,
            r#"{open},"trace_id":"{}","span_id":"{}"}}"#,
            span.trace_id(),
            span.span_id()
        )
    }
}
