//! JSON with colours: spans around escaped text.

use maud::{Markup, html};
use serde_json::Value;

/// A text that is longer is shown as it is: colours would cost more than they help.
const LONGEST: usize = 256 * 1024;

/// The value in lines, or its text when that is very long.
pub(super) fn show(value: &Value, text: &str) -> Markup {
    html! {
        pre.json tabindex="0" aria-label="JSON" {
            @if text.len() > LONGEST || value.is_null() { (text) } @else { (lines(value, 0)) }
        }
    }
}

fn lines(value: &Value, depth: usize) -> Markup {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let members = map.iter().enumerate();
            html! {
                "{\n"
                @for (place, (key, value)) in members {
                    (indent(depth + 1)) span.k { (quoted(key)) } ": " (lines(value, depth + 1))
                    @if place + 1 < map.len() { "," } "\n"
                }
                (indent(depth)) "}"
            }
        }
        Value::Array(list) if !list.is_empty() => html! {
            "[\n"
            @for (place, value) in list.iter().enumerate() {
                (indent(depth + 1)) (lines(value, depth + 1))
                @if place + 1 < list.len() { "," } "\n"
            }
            (indent(depth)) "]"
        },
        Value::String(text) => html! { span.s { (quoted(text)) } },
        Value::Number(number) => html! { span.n { (number) } },
        Value::Bool(_) | Value::Null => html! { span.w { (value) } },
        empty => html! { (empty) },
    }
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The text without the tags.
    fn text(html: &str) -> String {
        let parts = html
            .split('<')
            .map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        let text: String = parts.collect();
        text.replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
    }

    #[test]
    fn what_is_shown_is_the_same_json() {
        let value =
            json!({"a": [1, true, null, {}, []], "b": {"c": "<script>alert(\"x\")</script>"}});

        let html = lines(&value, 0).into_string();

        assert_eq!(text(&html), format!("{value:#}"));
        assert!(!html.contains("<script"), "{html}");
    }

    #[test]
    fn a_very_long_text_is_shown_without_colours() {
        let long = format!("\"{}\"", "x".repeat(LONGEST));

        let html = show(&Value::from("x"), &long).into_string();

        assert!(!html.contains("<span"), "no colours");
    }
}
