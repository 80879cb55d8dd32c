//! `/instances/{id}/secrets`: other secrets in place of those that are known to too many, told this once.

use std::time::Duration;

use axum::extract::{Path, State};
use ie_model::Instance;
use ie_platform::secret::ExposeSecret as _;
use maud::{Markup, html};

use super::BASE;
use super::failure::Result;
use super::guard::Form;
use super::layout::{Page, csrf};
use super::parts::{copied, time};
use super::session::Session;
use crate::app::App;
use crate::error::ApiError;
use crate::instances::{self, Rotated, Rotation};
use crate::routes::subject::owned;

const HOUR: u64 = 60 * 60;
/// How long the webhook secret before goes on signing: in hours, and in words.
const GRACES: [(u64, &str); 4] = [
    (24, "for a day"),
    (1, "for an hour"),
    (7 * 24, "for a week"),
    (0, "not at all"),
];

/// `GET /instances/{id}/secrets`: what each rotation means, before it is done.
pub(super) async fn page(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Markup> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    let has_hint = instances::hint_url(&app, &instance)?.is_some();
    let content = html! {
        (head(&instance, "Secrets"))
        div.stack {
            @if session.may_change() {
                (webhook(&session, &instance))
                (hint(&session, &instance, has_hint))
                (others(&instance))
            } @else {
                p.notice { "Secrets are changed by an admin of the organization." }
            }
        }
    };
    Ok(
        Page::new(&session, &format!("Secrets of {}", instance.name))
            .within("/instances")
            .show(&content),
    )
}

/// `POST /instances/{id}/secrets`: `rotate` says which one.
pub(super) async fn rotate(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    sent: Form,
) -> Result<Markup> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    let path = path(&instance);
    let name = instance.name.clone();
    let (title, fresh) = match sent.text("rotate") {
        "webhook" => {
            let rotation = Rotation {
                grace: grace(sent.text("grace"))?,
            };
            let rotated = instances::rotate_webhook_secret(&app, instance, rotation).await?;
            ("The webhook secret is another now", webhook_told(&rotated))
        }
        "hint" => {
            let changed = instances::rotate_hint(&app, instance).await?;
            let url = instances::hint_url(&app, &changed)?.unwrap_or_default();
            let told = copied(
                "hint-url",
                "Hint URL",
                &url,
                "Put it into the workflow rules of Insightly: the one before is void.",
            );
            ("The hint URL is another now", told)
        }
        other => {
            let text = format!("rotate: expected webhook or hint, got {other:?}");
            return Err(ApiError::bad_request(text).into());
        }
    };
    let content = html! {
        div.head {
            div {
                p.crumbs { a href={ (BASE) "/instances" } { "Instances" } " / " a href=(path) { (name) } }
                h1 { (title) }
            }
            div.actions { a.button.primary href=(path) { "Back to the instance" } }
        }
        section.card aria-label="What is new" { div.pad.stack { (fresh) } }
    };
    Ok(Page::new(&session, title)
        .within("/instances")
        .show(&content))
}

fn grace(hours: &str) -> Result<Duration, ApiError> {
    let known = GRACES.iter().find(|(known, _)| known.to_string() == hours);
    let (hours, _) = known.ok_or_else(|| {
        ApiError::bad_request(format!(
            "grace: expected 24, 1, 168 or 0 hours, got {hours:?}"
        ))
    })?;
    Ok(Duration::from_secs(hours * HOUR))
}

fn head(instance: &Instance, title: &str) -> Markup {
    html! {
        div.head {
            div {
                p.crumbs { a href={ (BASE) "/instances" } { "Instances" } " / " a href=(path(instance)) { (instance.name) } }
                h1 { (title) }
            }
            div.actions { a.button href=(path(instance)) { "Back to the instance" } }
        }
    }
}

fn path(instance: &Instance) -> String {
    format!("{BASE}/instances/{}", instance.id)
}

fn webhook(session: &Session, instance: &Instance) -> Markup {
    html! {
        section.card aria-labelledby="webhook" {
            header { h2 #webhook { "Webhook secret" } }
            form.pad.stack method="post" action={ (path(instance)) "/secrets" } {
                (csrf(session))
                input type="hidden" name="rotate" value="webhook";
                p { "It makes the signatures of the Standard Webhooks headers. Give the new one to the receiver while the one before still signs as well." }
                div.field.short {
                    label for="grace" { "The one before signs as well" }
                    select id="grace" name="grace" { @for (hours, words) in GRACES { option value=(hours) { (words) } } }
                }
                div.actions {
                    button.danger type="submit" data-ask="Replace the webhook secret? The new one is shown once." { "Rotate webhook secret" }
                }
            }
        }
    }
}

fn hint(session: &Session, instance: &Instance, has_one: bool) -> Markup {
    html! {
        section.card aria-labelledby="hint" {
            header { h2 #hint { "Hint URL" } }
            form.pad.stack method="post" action={ (path(instance)) "/secrets" } {
                (csrf(session))
                input type="hidden" name="rotate" value="hint";
                p {
                    @if has_one { "The one before is void at once: workflow rules that call it no longer have anything polled, until they are given the new one." }
                    @else { "This instance has none yet." }
                }
                div.actions {
                    button.danger type="submit" data-ask="Replace the hint URL? The one before is void at once." { "Rotate hint URL" }
                }
            }
        }
    }
}

/// What is not made here, and where it is changed.
fn others(instance: &Instance) -> Markup {
    html! {
        section.card aria-labelledby="others" {
            header { h2 #others { "Others" } }
            div.pad.stack {
                p { "The signature key and Insightly's API key are yours to choose: "
                    a href={ (path(instance)) "/edit" } { "edit the instance" } " to replace them." }
                p.muted { "The header Elements-Webhook-Signature carries one signature, so a new key counts at once." }
            }
        }
    }
}

fn webhook_told(rotated: &Rotated) -> Markup {
    html! {
        (copied("webhook-secret", "Webhook secret", rotated.secret.expose_secret(), "Copy it now: it is not shown again."))
        p.notice {
            @match rotated.previous_until {
                Some(until) => { "The one before signs as well until " (time(until)) "." },
                None => "The one before signs no more.",
            }
        }
    }
}
