//! What went wrong with an instance's deliveries lately, in plain words and with what to do.

use ie_model::{Attempt, ErrorClass, Instance, NotificationStatus, StoredNotification};
use ie_store::{NotificationFilter, Page as Part};
use maud::{Markup, html};

use super::BASE;
use super::dead_letters;
use super::failure::Result;
use super::kinds::words;
use super::parts::{count, relative};
use crate::app::App;

/// Failed events that are looked at, of those that are tried again and of dead letters each.
const LOOKED_AT: u32 = 50;
/// Events among which those are looked for that are tried again: they may be rare.
const STRETCH: i64 = 5_000;

/// Failures of one kind, of which the newest is shown.
#[derive(Clone, Debug)]
struct Kind {
    class: Option<ErrorClass>,
    newest: StoredNotification,
    events: u64,
    /// Whether one of them is a dead letter.
    dead: bool,
}

/// The card; nothing while nothing fails.
pub(super) async fn card(app: &App, instance: &Instance, newest: i64) -> Result<Markup> {
    let mut failing = failed(app, instance, (NotificationStatus::Failed, None)).await?;
    let again = (NotificationStatus::Dispatched, Some(newest - STRETCH));
    failing.extend(failed(app, instance, again).await?);
    let ids: Vec<_> = failing
        .iter()
        .map(|stored| stored.notification.id)
        .collect();
    let attempts = app.store.attempts(&ids).await?;
    let kinds = kinds(failing, &attempts);
    Ok(html! {
        @if !kinds.is_empty() {
            section.card aria-labelledby="errors" {
                header { h2 #errors { "Recent errors" } p { "of deliveries, with what helps" } }
                ul.errors { @for kind in &kinds { (shown(instance, kind)) } }
            }
        }
    })
}

async fn failed(
    app: &App,
    instance: &Instance,
    (status, above): (NotificationStatus, Option<i64>),
) -> Result<Vec<StoredNotification>> {
    let filter = NotificationFilter {
        organization: Some(instance.organization),
        instance: Some(instance.id),
        status: Some(status),
        above,
        ..NotificationFilter::default()
    };
    let part = Part {
        after: None,
        limit: LOOKED_AT,
    };
    Ok(app.store.newest_notifications(&filter, part).await?)
}

/// By how their last attempts failed; the kind that happened last comes first.
fn kinds(mut failed: Vec<StoredNotification>, attempts: &[Attempt]) -> Vec<Kind> {
    failed.sort_by_key(|stored| std::cmp::Reverse(stored.notification.id));
    let mut kinds: Vec<Kind> = Vec::new();
    for stored in failed {
        let last = attempts
            .iter()
            .rfind(|attempt| attempt.notification == stored.notification.id);
        let class = last.and_then(|attempt| attempt.error_class);
        let dead = stored.status == NotificationStatus::Failed;
        match kinds.iter_mut().find(|kind| kind.class == class) {
            Some(kind) => {
                kind.events += 1;
                kind.dead |= dead;
            }
            None => kinds.push(Kind {
                class,
                newest: stored,
                events: 1,
                dead,
            }),
        }
    }
    kinds
}

fn shown(instance: &Instance, kind: &Kind) -> Markup {
    let (title, advice) = words(kind.class);
    let newest = &kind.newest.notification;
    html! {
        li {
            p { strong { (title) } span.muted { " · " (count(kind.events, "event")) ", last " (relative(newest.created_at)) } }
            @if let Some(error) = &kind.newest.last_error { p.small { code { (error) } } }
            p { (advice) }
            p.small {
                a href={ (BASE) "/events/" (newest.id) } { "The last one" }
                @if kind.dead { " · " a href=(dead_letters::path(instance.id.get(), kind.class)) { "Its dead letters" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ie_model::{InstanceId, MediaType, Notification, NotificationId, Purpose};
    use serde_json::value::RawValue;

    use super::*;

    fn stored(id: i64, status: NotificationStatus) -> StoredNotification {
        StoredNotification {
            notification: Notification {
                id: NotificationId(id),
                instance: InstanceId(1),
                resource: "leads".to_owned(),
                created_at: chrono::DateTime::UNIX_EPOCH,
                body: RawValue::from_string("{}".to_owned()).unwrap(),
                purpose: Purpose::Changes,
                media_type: MediaType::default(),
            },
            status,
            attempts: 1,
            due_at: None,
            last_error: None,
            traceparent: None,
        }
    }

    fn attempt(id: i64, number: u32, class: ErrorClass) -> Attempt {
        Attempt {
            notification: NotificationId(id),
            number,
            at: chrono::DateTime::UNIX_EPOCH,
            duration_ms: 1,
            status_code: None,
            error: None,
            error_class: Some(class),
            response: None,
            headers: None,
        }
    }

    #[test]
    fn failures_are_told_by_kind_and_the_last_attempt_counts() {
        use NotificationStatus::{Dispatched, Failed};
        let failed = vec![stored(1, Failed), stored(2, Failed), stored(9, Dispatched)];
        let attempts = [
            attempt(1, 1, ErrorClass::Dns),
            attempt(1, 2, ErrorClass::Server),
            attempt(9, 1, ErrorClass::Server),
        ];

        let kinds = kinds(failed, &attempts);

        let told: Vec<_> = kinds
            .iter()
            .map(|kind| (kind.class, kind.newest.notification.id.get(), kind.events))
            .collect();
        assert_eq!(told, [(Some(ErrorClass::Server), 9, 2), (None, 2, 1)]);
        assert!(kinds[0].dead, "one of them is a dead letter");
    }
}
