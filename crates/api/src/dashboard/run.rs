//! All dead letters of a kind, a part at a time: how far it is stands in the page's address, so that a reload goes on, and
//! leaving the page stops it. What was not reached stays a dead letter.

use std::str::FromStr;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono::{DateTime, Utc};
use ie_model::{ErrorClass, Instance};
use ie_store::NotificationFilter;
use maud::{Markup, html};
use serde::Deserialize;

use super::BASE;
use super::dead_letters::{named, path, search, title_of};
use super::failure::{Result, is_partial};
use super::guard::Form;
use super::kinds::words;
use super::layout::{Page, csrf};
use super::parts::number;
use super::session::Session;
use crate::app::App;
use crate::dead_letters::{self, Rest, Which};
use crate::error::ApiError;

/// The mark of a run that a page of this session began: only that goes on by itself.
const PURPOSE: &str = "run";

/// What is done to dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// They get a second chance.
    Redrive,
    /// They are given up.
    Discard,
}

impl Act {
    fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Discard => "discard",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Redrive => "redriven",
            Self::Discard => "discarded",
        }
    }
}

impl FromStr for Act {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        match text {
            "redrive" => Ok(Self::Redrive),
            "discard" => Ok(Self::Discard),
            other => Err(ApiError::bad_request(format!(
                "do: expected redrive, redrive-all, discard or discard-all, got {other:?}"
            ))),
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    act: Act,
    /// How many there were at its begin, and how many of them are behind.
    total: u64,
    done: u64,
    /// The last one that was taken.
    after: i64,
    /// Its begin: what dies later is not meant.
    began: DateTime<Utc>,
    /// How long the next part waits, so that together they keep the rate.
    wait: Duration,
}

/// The same as an address or a form has it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sent {
    #[serde(rename = "do")]
    act: String,
    total: u64,
    done: u64,
    after: i64,
    began: i64,
    #[serde(default)]
    mark: String,
}

impl Run {
    /// Counts what there is, and does nothing yet.
    pub(super) async fn begin(app: &App, act: Act, filter: NotificationFilter) -> Result<Self> {
        let which = Which {
            filter: &filter,
            ids: None,
            limit: 0,
        };
        Ok(Self {
            act,
            total: dead_letters::count(app, which).await?,
            done: 0,
            after: 0,
            began: app.clock.now(),
            wait: Duration::ZERO,
        })
    }

    fn sent(sent: &Sent) -> Result<Self, ApiError> {
        let began = DateTime::from_timestamp_millis(sent.began);
        Ok(Self {
            act: sent.act.parse()?,
            total: sent.total,
            done: sent.done,
            after: sent.after,
            began: began.ok_or_else(|| ApiError::bad_request("began: expected a time"))?,
            wait: Duration::ZERO,
        })
    }

    /// Where it goes on.
    pub(super) fn path(&self, group: &str, session: &Session) -> String {
        let (act, total, done, after) = (self.act.as_str(), self.total, self.done, self.after);
        let (began, mark) = (self.began.timestamp_millis(), session.mark(PURPOSE));
        format!(
            "{group}/run?do={act}&total={total}&done={done}&after={after}&began={began}&mark={mark}"
        )
    }

    /// The next part.
    async fn step(self, app: &App, filter: NotificationFilter) -> Result<Self> {
        let filter = NotificationFilter {
            above: Some(self.after),
            to: Some(self.began),
            ..filter
        };
        let which = Which {
            filter: &filter,
            ids: None,
            limit: app.config.redrive_limit,
        };
        let (rest, wait) = match self.act {
            Act::Redrive => {
                let done = dead_letters::redrive(app, which).await?;
                (done.rest, done.wait)
            }
            Act::Discard => (
                dead_letters::discard(app, which).await?.rest,
                Duration::ZERO,
            ),
        };
        Ok(self.after(rest, wait))
    }

    /// How far it is when this is left. Nothing taken means that nothing is.
    fn after(self, rest: Rest, wait: Duration) -> Self {
        let remaining = rest.last.map_or(0, |_| rest.remaining);
        let total = self.total.max(remaining);
        Self {
            total,
            done: total - remaining,
            after: rest.last.map_or(self.after, |last| last.get()),
            wait,
            ..self
        }
    }

    fn is_over(&self) -> bool {
        self.done >= self.total
    }

    /// The bar, and what moves it: a page of ours by itself, another's link only when somebody presses the button.
    fn show(&self, group: &str, session: &Session, goes_on: bool) -> Markup {
        let done = self.act.done();
        let wait = format!("load delay:{}ms", self.wait.as_millis().max(100));
        let moves = (goes_on && !self.is_over()).then_some(wait);
        html! {
            section.card #run aria-labelledby="progress" data-address=(self.path(group, session)) {
                header { h2 #progress { @if self.is_over() { "All " (done) } @else { (number(self.done)) " of " (number(self.total)) " " (done) } } }
                div.pad.stack {
                    progress.bar max=(self.total.max(1)) value=(if self.is_over() { self.total.max(1) } else { self.done })
                        aria-labelledby="progress" {}
                    @if self.is_over() {
                        p { (number(self.total)) " dead letters were " (done) "."
                            @if self.act == Act::Redrive { " " a href={ (BASE) "/events" } { "Watch them" } "." } }
                        div.actions { a.button.primary href=(group) { "Back to the dead letters" } }
                    } @else {
                        (self.form(group, session, moves.as_deref()))
                    }
                }
            }
        }
    }

    fn form(&self, group: &str, session: &Session, moves: Option<&str>) -> Markup {
        let fields = [
            ("total", i64::try_from(self.total).unwrap_or(i64::MAX)),
            ("done", i64::try_from(self.done).unwrap_or(i64::MAX)),
            ("after", self.after),
            ("began", self.began.timestamp_millis()),
        ];
        let to = format!("{group}/run");
        html! {
            p.muted { "Leaving this page stops it; what was not reached stays a dead letter. Loading it again goes on." }
            form.actions method="post" action=(to) hx-post=[moves.map(|_| &to)] hx-trigger=[moves.map(|moves| format!("{moves}, submit"))]
                hx-target="#run" hx-swap="outerHTML" {
                (csrf(session))
                input type="hidden" name="do" value=(self.act.as_str());
                @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                @if moves.is_some() { noscript { button type="submit" { "Go on" } } }
                @else { button.primary type="submit" { "Go on" } }
                a.button href={ (group) "?" (self.act.done()) "=" (self.done) } { "Stop" }
            }
        }
    }
}

/// `GET /dead-letters/{instance}/{class}/run`.
pub(super) async fn page(
    State(app): State<App>,
    session: Session,
    Path((id, class)): Path<(String, String)>,
    Query(sent): Query<Sent>,
) -> Result<Markup> {
    let (instance, class) = named(&app, &session, &id, &class).await?;
    let run = Run::sent(&sent)?;
    let goes_on = session.bears(PURPOSE, &sent.mark);
    Ok(shown(&session, (&instance, class), &run, goes_on))
}

/// `POST /dead-letters/{instance}/{class}/run`: the next part.
pub(super) async fn step(
    State(app): State<App>,
    session: Session,
    Path((id, class)): Path<(String, String)>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response> {
    let (instance, class) = named(&app, &session, &id, &class).await?;
    let number = |name: &str| {
        let expected = || ApiError::bad_request(format!("{name}: expected a whole number"));
        form.text(name).parse::<i64>().map_err(|_| expected())
    };
    let sent = Sent {
        act: form.text("do").to_owned(),
        total: number("total")?.unsigned_abs(),
        done: number("done")?.unsigned_abs(),
        after: number("after")?,
        began: number("began")?,
        mark: String::new(),
    };
    let run = Run::sent(&sent)?
        .step(&app, search(&instance, class))
        .await?;
    let group = path(instance.id.get(), class);
    if is_partial(&headers) {
        return Ok(run.show(&group, &session, true).into_response());
    }
    Ok(Redirect::to(&run.path(&group, &session)).into_response())
}

fn shown(
    session: &Session,
    (instance, class): (&Instance, Option<ErrorClass>),
    run: &Run,
    goes_on: bool,
) -> Markup {
    let (title, _) = words(class);
    let content = html! {
        div.head { (title_of(instance, title)) }
        (run.show(&path(instance.id.get(), class), session, goes_on))
    };
    Page::new(session, title)
        .within("/dead-letters")
        .show(&content)
}

#[cfg(test)]
mod tests {
    use ie_model::NotificationId;

    use super::*;

    fn run(total: u64) -> Run {
        Run {
            act: Act::Redrive,
            total,
            done: 0,
            after: 0,
            began: DateTime::UNIX_EPOCH,
            wait: Duration::ZERO,
        }
    }

    fn rest(last: i64, remaining: u64) -> Rest {
        Rest {
            last: Some(NotificationId(last)),
            remaining,
        }
    }

    #[test]
    fn the_bar_moves_by_what_is_left() {
        let second = Duration::from_secs(1);
        let first = run(5).after(rest(12, 3), second);

        assert_eq!((first.done, first.total, first.after), (2, 5, 12));
        assert_eq!(first.wait, second);
        assert!(!first.is_over());
        let last = first.after(rest(19, 0), second);
        assert_eq!((last.done, last.is_over()), (5, true));
    }

    #[test]
    fn nothing_taken_is_the_end() {
        let ended = run(5).after(Rest::default(), Duration::ZERO);

        assert!(ended.is_over());
        assert_eq!(ended.after, 0);
    }

    #[test]
    fn more_than_could_be_counted_make_it_longer() {
        let run = run(100_000).after(rest(7, 100_000), Duration::ZERO);

        assert_eq!((run.done, run.is_over()), (0, false));
    }
}
