//! `/instances/{id}/secrets/rotate`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use humantime_serde::re::humantime::parse_duration;
use ie_model::instance::secret;
use ie_platform::secret::ExposeSecret as _;
use serde_json::{Value, json};

use super::answer;
use super::body::{Body, members};
use super::subject::Subject;
use crate::app::App;
use crate::draft::{Problems, Reader, shown};
use crate::error::Result;
use crate::instances::{Rotation, rotate_webhook_secret};
use crate::openapi::parameters::OneInstance;
use crate::openapi::refusals::OfChange;
use crate::openapi::schemas::{Rotated, RotationRequest};
use crate::openapi::tags;

/// The secret that can be rotated here.
const WEBHOOK: &str = "webhook";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the secret before goes on signing, unless the client says otherwise.
const DEFAULT_GRACE: Duration = DAY;
const MAX_GRACE: Duration = DAY.saturating_mul(30);

/// Gives an instance another webhook secret, and tells it this once.
#[utoipa::path(
    post, path = "/instances/{id}/secrets/rotate", tag = tags::INSTANCES, operation_id = "rotateSecret",
    params(OneInstance), request_body = RotationRequest,
    responses((status = 200, description = "The secret from this time on.", body = Rotated), OfChange)
)]
pub(super) async fn rotate(
    State(app): State<App>,
    Subject(instance): Subject,
    Body(body): Body,
) -> Result<Json<Value>> {
    let rotation = rotation(&body)?;
    let rotated = rotate_webhook_secret(&app, instance, rotation).await?;
    Ok(Json(json!({
        "secret": WEBHOOK,
        "webhookSecret": rotated.secret.expose_secret(),
        "previousUntil": rotated.previous_until.map(answer::date),
    })))
}

fn rotation(body: &Value) -> Result<Rotation, Problems> {
    members(Some(body), &["secret", "grace"], |reader| {
        which(reader);
        Rotation {
            grace: grace(reader),
        }
    })
}

fn which(reader: &mut Reader<'_>) {
    let problem = match reader.given("secret") {
        Some(Value::String(text)) if text == WEBHOOK => return,
        Some(Value::String(text)) if text == secret::SIGNATURE_KEY => format!(
            "expected \"{WEBHOOK}\": its header carries one signature, so {text} is changed by PATCH, without a grace"
        ),
        other => {
            let got = other.map_or("nothing".to_owned(), shown);
            format!("expected \"{WEBHOOK}\", the secret of the webhook-signature header, got {got}")
        }
    };
    reader.refuse("secret", problem);
}

fn grace(reader: &mut Reader<'_>) -> Duration {
    let expected = "a time such as \"24h\" or \"0s\"";
    let Some(text) = reader.text("grace", expected) else {
        return DEFAULT_GRACE;
    };
    match parse_duration(text) {
        Ok(grace) if grace <= MAX_GRACE => grace,
        _ => {
            let got = shown(&Value::from(text));
            reader.refuse(
                "grace",
                format!("expected {expected}, 30 days at the most, got {got}"),
            );
            DEFAULT_GRACE
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(json!({"secret": "webhook"}), DAY)]
    #[case(json!({"secret": "webhook", "grace": null}), DAY)]
    #[case(json!({"secret": "webhook", "grace": "90m"}), Duration::from_secs(5400))]
    #[case(json!({"secret": "webhook", "grace": "0s"}), Duration::ZERO)]
    #[case(json!({"secret": "webhook", "grace": "0"}), Duration::ZERO)]
    #[case(json!({"secret": "webhook", "grace": "30d"}), MAX_GRACE)]
    fn a_rotation_is_read(#[case] body: Value, #[case] grace: Duration) {
        assert_eq!(rotation(&body), Ok(Rotation { grace }));
    }

    #[rstest]
    #[case(json!("webhook"), "$: expected an object")]
    #[case(json!({}), "$.secret: expected \"webhook\"")]
    #[case(json!({"secret": "token"}), "got \"token\"")]
    #[case(json!({"secret": "event.notification.signature.key"}), "is changed by PATCH")]
    #[case(json!({"secret": "webhook", "grace": "31d"}), "$.grace: expected a time such as \"24h\" or \"0s\", 30 days at the most, got \"31d\"")]
    #[case(json!({"secret": "webhook", "grace": "soon"}), "got \"soon\"")]
    #[case(json!({"secret": "webhook", "grace": 24}), "$.grace: expected a time")]
    #[case(json!({"secret": "webhook", "Grace": "0s"}), "$.Grace: is not known here")]
    fn a_mistake_is_told_with_its_place(#[case] body: Value, #[case] expected: &str) {
        let problems = rotation(&body).unwrap_err().to_string();

        assert!(problems.contains(expected), "{problems}");
    }
}
