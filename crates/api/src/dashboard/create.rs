//! Creating and changing an instance.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use ie_model::Instance;
use ie_platform::secret::{ExposeSecret as _, SecretString};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::BASE;
use super::editor::Editor;
use super::failure::{Result, notice};
use super::form::{self, Mend};
use super::guard::Form;
use super::layout::Page;
use super::parts::copied;
use super::session::Session;
use crate::app::App;
use crate::draft;
use crate::error::ApiError;
use crate::instances::{self, Stored};
use crate::routes::subject::owned;

/// `GET /instances/new`.
pub(super) async fn new(session: Session) -> Markup {
    page(&session, "Create instance", &Editor::new(), None)
}

/// `POST /instances`: creates it and tells its secrets, this once.
pub(super) async fn create(
    State(app): State<App>,
    session: Session,
    sent: Form,
) -> Result<Response> {
    let title = "Create instance";
    let body = form::body(&sent);
    let mends = form::check(&body, &body.json, &[], &app.rules);
    let editor = Editor::new().refilled(&sent, mends);
    if !editor.mends.is_empty() {
        return Ok(again(&session, title, &editor, None));
    }
    match instances::create(&app, session.principal, &body.json).await {
        Ok(made) => {
            let told = (&made.stored, &made.webhook_secret);
            Ok(created(&app, &session, told, &body.json)?.into_response())
        }
        Err(error)
            if error.status().is_client_error() || error.status() == StatusCode::BAD_GATEWAY =>
        {
            Ok(again(&session, title, &editor, Some(&error)))
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /instances/{id}/edit`.
pub(super) async fn edit(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Markup> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    let pollers = app.store.pollers(instance.id).await?;
    let editor = Editor::of(&instance, &pollers);
    Ok(page(
        &session,
        &format!("Edit {}", instance.name),
        &editor,
        None,
    ))
}

/// `POST /instances/{id}/edit`.
pub(super) async fn save(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    sent: Form,
) -> Result<Response> {
    let instance = owned(&app, session.principal.organization, &id).await?;
    let pollers = app.store.pollers(instance.id).await?;
    let (title, path) = (
        format!("Edit {}", instance.name),
        format!("{BASE}/instances/{id}"),
    );
    let (patch, mends) = checked_patch(&app, &instance, &sent)?;
    let editor = Editor::of(&instance, &pollers).refilled(&sent, mends);
    if !editor.mends.is_empty() {
        return Ok(again(&session, &title, &editor, None));
    }
    match instances::patch(&app, instance, &patch).await {
        Ok(_) => Ok(Redirect::to(&path).into_response()),
        Err(error) if error.status().is_server_error() => Err(error.into()),
        Err(error) => Ok(again(&session, &title, &editor, Some(&error))),
    }
}

/// `POST /instances/check`: what has to be mended in what is being typed. Fields that are still blank are left in peace.
pub(super) async fn check(State(app): State<App>, session: Session, sent: Form) -> Result<Markup> {
    let id = sent.text("instance");
    let (editor, mends) = if id.is_empty() {
        let body = form::body(&sent);
        let mends = form::check(&body, &body.json, &[], &app.rules);
        (Editor::new(), mends)
    } else {
        let instance = owned(&app, session.principal.organization, id).await?;
        let pollers = app.store.pollers(instance.id).await?;
        let (_, mends) = checked_patch(&app, &instance, &sent)?;
        (Editor::of(&instance, &pollers), mends)
    };
    let blank =
        ["name", "username", "password", "callback"].map(|name| (name, sent.text(name).is_empty()));
    let is_due = |mend: &Mend| !blank.contains(&(mend.field.as_str(), true));
    let is_complete = mends.iter().all(is_due);
    let mends = mends.into_iter().filter(is_due).collect();
    let warnings: Option<&[String]> = is_complete.then_some(&[]);
    Ok(editor.refilled(&sent, mends).told(warnings))
}

/// The patch that the form is, and what has to be mended in the instance that it would make.
fn checked_patch(
    app: &App,
    instance: &Instance,
    sent: &Form,
) -> Result<(Value, Vec<Mend>), ApiError> {
    let patch = form::patch(sent);
    let whole = draft::merge(
        &patch.json,
        &instance.name,
        &instance.tags,
        &instance.configuration,
    )?;
    let stored: Vec<String> = instance.secrets.keys().cloned().collect();
    let mends = form::check(&patch, &whole, &stored, &app.rules);
    Ok((patch.json, mends))
}

fn page(session: &Session, title: &str, editor: &Editor, error: Option<&ApiError>) -> Markup {
    let content = html! {
        div.head { div {
            p.crumbs { a href={ (BASE) "/instances" } { "Instances" } }
            h1 { (title) }
        } }
        div.stack {
            @if let Some(error) = error { (notice(error)) }
            (editor.show(session))
        }
    };
    Page::new(session, title)
        .within("/instances")
        .show(&content)
}

fn again(session: &Session, title: &str, editor: &Editor, error: Option<&ApiError>) -> Response {
    if let Some(error) = error {
        error.log();
    }
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    (status, page(session, title, editor, error)).into_response()
}

/// The page that tells the secrets of a new instance.
fn created(
    app: &App,
    session: &Session,
    (stored, webhook_secret): (&Stored, &SecretString),
    body: &Value,
) -> Result<Markup> {
    let instance = &stored.instance;
    let token = instances::token(app, instance)?;
    let hint = instances::hint_url(app, instance)?.unwrap_or_default();
    let path = format!("{BASE}/instances/{}", instance.id);
    let content = html! {
        div.head {
            div {
                p.crumbs { a href={ (BASE) "/instances" } { "Instances" } }
                h1 { (instance.name) " is created" }
                p.muted { "Copy what you need now: the token and the secret are not shown again." }
            }
            div.actions { a.button.primary href=(path) { "Go to the instance" } }
        }
        div.stack {
            @for warning in &stored.warnings { p.notice.warn { (warning) } }
            section.card aria-labelledby="secrets" {
                header { h2 #secrets { "Its identity" } }
                div.pad.stack {
                    (copied("id", "Id", &instance.id.to_string(), "Names the instance in the API's paths."))
                    (copied("token", "Token", token.expose_secret(), "The Element token of the Authorization header."))
                    (copied("webhook-secret", "Webhook secret", webhook_secret.expose_secret(),
                        "Checks the signatures of the Standard Webhooks headers."))
                    (copied("hint-url", "Hint URL", &hint,
                        "For a workflow rule of Insightly: a call there has the instance polled at once."))
                }
            }
            section.card aria-labelledby="curl" {
                header { h2 #curl { "The same with curl" } p { "Put in the secrets of your organization and your key." } }
                div.pad { (copied_text("curl-text", &command(&app.public_url, body))) }
            }
        }
    };
    let title = format!("{} is created", instance.name);
    Ok(Page::new(session, &title)
        .within("/instances")
        .show(&content))
}

/// A text with a button that copies it.
pub(super) fn copied_text(id: &str, text: &str) -> Markup {
    html! {
        div.copy {
            pre id=(id) tabindex="0" { (text) }
            button type="button" data-copy=(id) aria-label="Copy the command" { "Copy" }
        }
    }
}

/// The command that creates the same instance, with words in place of secrets.
fn command(public_url: &str, body: &Value) -> String {
    let mut body = body.clone();
    for (key, words) in [
        ("password", "<your Insightly API key>"),
        ("event.notification.signature.key", "<your signature key>"),
    ] {
        if body["configuration"].get(key).is_some() {
            body["configuration"][key] = json!(words);
        }
    }
    // A quote inside of quotes, as a shell wants it.
    let body = format!("{body:#}").replace('\'', r"'\''");
    format!(
        "curl -X POST {public_url}/elements/api-v2/instances \\\n  \
         -H 'authorization: User <user secret>, Organization <organization secret>' \\\n  \
         -H 'content-type: application/json' \\\n  -d '{body}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tells_no_secret_and_survives_quotes() {
        let body = json!({"name": "it's", "configuration": {"password": "the key"}});

        let command = command("http://127.0.0.1:8080", &body);

        assert!(!command.contains("the key"), "{command}");
        assert!(command.contains(r#""name": "it'\''s""#), "{command}");
    }
}
