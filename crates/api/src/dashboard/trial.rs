//! Trying what stands in the form before it is saved: the key at Insightly, and the callback with a signed sample.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use ie_insightly::Identity;
use ie_model::{Instance, UserId};
use ie_platform::throttle::Throttle;
use maud::{Markup, html};
use serde_json::Value;

use super::actions::told;
use super::failure::{Failure, Result, notice};
use super::form::{self, Body};
use super::guard::Form;
use super::parts::number;
use super::session::Session;
use crate::app::App;
use crate::error::ApiError;
use crate::instances::{self, Written};
use crate::routes::subject::owned;

/// What a key is asked for with.
const KEY_FIELDS: [&str; 4] = ["username", "password", "pod", "base_url"];
/// What a callback is called with.
const CALLBACK_FIELDS: [&str; 2] = ["callback", "signature_key"];

/// So many tries of a user may come at once.
const BURST: u32 = 10;
/// From then on one in this time.
const BETWEEN: Duration = Duration::from_secs(30);

/// What is known of recent tries: each costs requests, at Insightly or at whatever address somebody enters.
#[derive(Debug)]
pub(crate) struct Trials(Throttle<UserId>);

impl Default for Trials {
    fn default() -> Self {
        Self(Throttle::new(BURST, BETWEEN))
    }
}

impl Trials {
    fn admit(&self, app: &App, session: &Session) -> Result<()> {
        let user = session.principal.user;
        let Err(wait) = self.0.try_now(&user, app.clock.now()) else {
            return Ok(());
        };
        let seconds = wait.as_secs().max(1);
        let text = format!("These were many tests at once. Wait {seconds} seconds and try again.");
        let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, text).retry_after(Some(wait));
        Err(error.into())
    }
}

/// `POST /instances/test-key`: whose key it is, or why it is refused.
pub(super) async fn key(State(app): State<App>, session: Session, sent: Form) -> Result<Markup> {
    let stored = changed(&app, &session, &sent).await?;
    let body = form::part(&sent, &KEY_FIELDS, stored.as_ref())?;
    if let Some(mends) = mends(&app, &body, stored.as_ref()) {
        return Ok(mends);
    }
    app.trials.admit(&app, &session)?;
    let written = Written {
        body: &body,
        stored: stored.as_ref(),
    };
    match instances::try_key(&app, written).await {
        Ok(identity) => Ok(accepted(&identity)),
        Err(error) => refused(error),
    }
}

/// `POST /instances/test-callback`: what the callback says to a sample.
pub(super) async fn callback(
    State(app): State<App>,
    session: Session,
    sent: Form,
) -> Result<Markup> {
    let stored = changed(&app, &session, &sent).await?;
    if sent.text("callback").is_empty() {
        return Ok(html! { p.notice.warn { "Enter the callback URL first." } });
    }
    let body = form::part(&sent, &CALLBACK_FIELDS, stored.as_ref())?;
    if let Some(mends) = mends(&app, &body, stored.as_ref()) {
        return Ok(mends);
    }
    app.trials.admit(&app, &session)?;
    let written = Written {
        body: &body,
        stored: stored.as_ref(),
    };
    match instances::try_callback(&app, session.principal, written).await {
        Ok(outcome) => Ok(told(&outcome, false)),
        Err(error) => refused(error),
    }
}

/// The instance that the form is to change.
async fn changed(app: &App, session: &Session, sent: &Form) -> Result<Option<Instance>> {
    let id = sent.text("instance");
    if id.is_empty() {
        return Ok(None);
    }
    Ok(Some(owned(app, session.principal.organization, id).await?))
}

/// What has to be mended before there is something to try.
fn mends(app: &App, body: &Value, stored: Option<&Instance>) -> Option<Markup> {
    let names = stored.map(|stored| stored.secrets.keys().cloned().collect());
    let names: Vec<String> = names.unwrap_or_default();
    let as_sent = Body {
        json: body.clone(),
        mends: Vec::new(),
    };
    let mends = form::check(&as_sent, body, &names, &app.rules);
    (!mends.is_empty()).then(|| {
        html! { div.notice.warn { @for mend in &mends { p { (label(&mend.field)) (mend.text) } } } }
    })
}

/// What a field is called in the form, before what is wrong with it.
fn label(field: &str) -> &'static str {
    match field {
        "username" => "User name: ",
        "password" => "API key: ",
        "pod" => "Pod: ",
        "base_url" => "API address: ",
        "callback" => "Callback URL: ",
        "signature_key" => "Signature key: ",
        _ => "",
    }
}

fn accepted(identity: &Identity) -> Markup {
    let budget = identity.budget;
    html! {
        div.notice.good {
            p { strong { "Insightly accepts the key." } }
            dl.told {
                dt { "Account" } dd { (identity.account_name.as_deref().unwrap_or("its user may not see the name")) }
                dt { "User" } dd { (identity.user.as_deref().unwrap_or("without a name")) }
                @if let Some(remaining) = budget.remaining {
                    dt { "Left today" }
                    dd.num { (number(remaining.into())) " requests" @if let Some(limit) = budget.limit { " of " (number(limit.into())) } }
                }
            }
        }
    }
}

/// What was found out is what was asked for, also when it is a refusal; what goes wrong here is not.
fn refused(error: ApiError) -> Result<Markup> {
    if error.status() == StatusCode::INTERNAL_SERVER_ERROR {
        return Err(Failure::from(error));
    }
    error.log();
    Ok(notice(&error))
}
