//! The form by which an instance is created or changed.

use ie_model::{Instance, Poller};
use maud::{Markup, html};

use super::BASE;
use super::form::{CONFIG, Mend, shown};
use super::guard::Form;
use super::layout::csrf;
use super::session::Session;
use crate::connector;

/// The longest interval of the slider, in minutes; the number beside it takes longer ones.
const SLIDER: u32 = 120;

/// A resource that can be ticked.
#[derive(Clone, Debug)]
struct Choice {
    name: String,
    object: String,
    ticked: bool,
    config: String,
}

/// What the form is filled with.
#[derive(Clone, Debug)]
pub(super) struct Editor {
    /// Where it is sent.
    action: String,
    /// The instance that it changes; none for a new one.
    instance: Option<i64>,
    fields: Form,
    choices: Vec<Choice>,
    pub(super) mends: Vec<Mend>,
}

impl Editor {
    /// For a new instance.
    pub(super) fn new() -> Self {
        let fields = [("enabled", "on"), ("interval", "15")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let ticked = |name: &str| connector::DEFAULT_RESOURCES.contains(&name);
        Self {
            action: format!("{BASE}/instances"),
            instance: None,
            fields: Form(fields.to_vec()),
            choices: choices(ticked),
            mends: Vec::new(),
        }
    }

    /// For an instance that is there.
    pub(super) fn of(instance: &Instance, pollers: &[Poller]) -> Self {
        let entry = |key: &str| {
            let value = instance.configuration.get(key);
            let text = value.and_then(|value| value.as_str());
            text.unwrap_or_default().to_owned()
        };
        let mut fields = vec![
            ("name".to_owned(), instance.name.clone()),
            ("tags".to_owned(), instance.tags.join(", ")),
            ("username".to_owned(), entry("username")),
            ("pod".to_owned(), entry("insightly.pod")),
            ("base_url".to_owned(), entry("base.url")),
            (
                "callback".to_owned(),
                instance.settings.callback_url.clone().unwrap_or_default(),
            ),
            (
                "interval".to_owned(),
                instance.settings.refresh_interval.to_string(),
            ),
        ];
        if instance.settings.changes {
            fields.push(("changes".to_owned(), "on".to_owned()));
        }
        if instance.settings.events_enabled {
            fields.push(("enabled".to_owned(), "on".to_owned()));
        }
        let mut choices = choices(|_| false);
        for poller in pollers {
            let own = Choice {
                name: poller.resource.clone(),
                object: poller.object.clone(),
                ticked: true,
                config: shown(&poller.config),
            };
            match choices.iter_mut().find(|choice| choice.name == own.name) {
                Some(choice) => *choice = own,
                None => choices.push(own),
            }
        }
        choices.sort_by_key(|choice| !choice.ticked);
        Self {
            action: format!("{BASE}/instances/{}/edit", instance.id),
            instance: Some(instance.id.get()),
            fields: Form(fields),
            choices,
            mends: Vec::new(),
        }
    }

    /// With what was sent, and what has to be mended in it.
    pub(super) fn refilled(mut self, sent: &Form, mends: Vec<Mend>) -> Self {
        for choice in &mut self.choices {
            choice.ticked = sent.all("resource").any(|name| name == choice.name);
            let config = sent.text(&format!("{CONFIG}{}", choice.name));
            if !config.is_empty() {
                config.clone_into(&mut choice.config);
            }
        }
        Self {
            fields: sent.clone(),
            mends,
            ..self
        }
    }

    /// The form.
    pub(super) fn show(&self, session: &Session) -> Markup {
        html! {
            form.stack #instance-form method="post" action=(self.action) autocomplete="off"
                hx-post={ (BASE) "/instances/check" } hx-trigger="input changed delay:400ms, change delay:400ms"
                hx-target="#summary" hx-sync="this:replace" {
                (csrf(session))
                @if let Some(instance) = self.instance { input type="hidden" name="instance" value=(instance); }
                (self.about())
                (self.account())
                (self.delivery())
                (self.resources())
                div.card.pad.actions {
                    button.primary type="submit" { @if self.instance.is_some() { "Save changes" } @else { "Create instance" } }
                    a.button href={ (BASE) "/instances" @if let Some(id) = self.instance { "/" (id) } } { "Cancel" }
                    div #summary aria-live="polite" { (summary(&self.mends, None)) }
                }
            }
        }
    }

    fn about(&self) -> Markup {
        html! {
            section.card aria-labelledby="about" {
                header { h2 #about { "Instance" } }
                div.pad.pair {
                    (self.input("name", "Name", "My CRM", "How you will find it again."))
                    (self.input("tags", "Tags", "sales, eu", "Separated by commas; optional."))
                }
            }
        }
    }

    fn account(&self) -> Markup {
        let key_hint = if self.instance.is_some() {
            "Leave it blank to keep the one that is stored."
        } else {
            "Insightly shows it in User Settings, under API. It is checked, sealed and never shown again."
        };
        html! {
            section.card aria-labelledby="account" {
                header { h2 #account { "Insightly account" } }
                div.pad.stack {
                    div.pair {
                        (self.input("username", "User name", "me@example.com", "The user name or e-mail address in Insightly."))
                        (self.secret("password", "API key", key_hint))
                    }
                    div.pair {
                        (self.input("pod", "Pod", "na1", "The part of the API's address after “api.”; na1 if you leave it blank."))
                        (self.input("base_url", "API address", "https://api.na1.insightly.com/v3.1", "Instead of a pod; for a simulator."))
                    }
                    (test("key", "Test key", "Asks Insightly whose key it is: two requests."))
                }
            }
        }
    }

    fn delivery(&self) -> Markup {
        let interval = self.fields.text("interval");
        let signature_hint = if self.instance.is_some() {
            "Leave it blank to keep the one that is stored."
        } else {
            "Optional: a key of your choice for the header Elements-Webhook-Signature."
        };
        html! {
            section.card aria-labelledby="delivery" {
                header { h2 #delivery { "Events" } }
                div.pad.stack {
                    div.check {
                        input type="checkbox" id="enabled" name="enabled" checked[self.fields.has("enabled")];
                        label for="enabled" { "Events on: poll the resources below and deliver what changes" }
                    }
                    div.check {
                        input type="checkbox" id="changes" name="changes" checked[self.fields.has("changes")];
                        label for="changes" { "Say what each update changed" }
                    }
                    div.pair {
                        (self.input("callback", "Callback URL", "https://example.com/events", "Each event is posted there, signed."))
                        (self.secret("signature_key", "Signature key", signature_hint))
                    }
                    (test("callback", "Test callback", "Posts a signed sample there, marked as a test."))
                    div.field {
                        label for="interval" { "Refresh interval" }
                        div.interval {
                            input type="range" id="slider" min="1" max=(SLIDER) value=(interval) data-mirror="interval"
                                aria-label="Refresh interval, as a slider" aria-describedby="hint-interval";
                            input.num type="number" id="interval" name="interval" min="1" step="1" value=(interval)
                                data-mirror="slider" aria-describedby="hint-interval error-interval";
                            span { "minutes" }
                        }
                        span.hint #hint-interval { "How often each resource is asked for. Shorter ones use up more of the account's requests." }
                        (self.error("interval"))
                    }
                }
            }
        }
    }

    fn resources(&self) -> Markup {
        html! {
            section.card aria-labelledby="resources" {
                header {
                    h2 #resources { "Resources to poll" }
                    p { "Each can be configured as JSON; what it shows is the connector's default." }
                }
                fieldset.pad.stack {
                    legend.hidden-label { "Resources to poll" }
                    div.field { (self.error("resources")) }
                    div.resources { @for choice in &self.choices { (self.choice(choice)) } }
                }
            }
        }
    }

    fn choice(&self, choice: &Choice) -> Markup {
        let id = format!("resource-{}", choice.name);
        let config = format!("{CONFIG}{}", choice.name);
        let has_error = self.mends.iter().any(|mend| mend.field == config);
        html! {
            div.resource {
                div.row {
                    input type="checkbox" id=(id) name="resource" value=(choice.name) checked[choice.ticked];
                    label for=(id) { (choice.name) }
                    @if !choice.object.eq_ignore_ascii_case(&choice.name) { span.muted.small { (choice.object) } }
                }
                details open[has_error] {
                    summary { "Configuration" }
                    div.field {
                        textarea name=(config) aria-label={ "Configuration of " (choice.name) " as JSON" }
                            aria-describedby=(error_id(&config)) spellcheck="false" { (choice.config) }
                    }
                }
                div.field { (self.error(&config)) }
            }
        }
    }

    fn input(&self, name: &str, label: &str, example: &str, hint: &str) -> Markup {
        self.field(
            (name, label, hint),
            &html! {
                input id=(name) name=(name) value=(self.fields.text(name)) placeholder=(example) spellcheck="false"
                    aria-describedby={ "hint-" (name) " " (error_id(name)) };
            },
        )
    }

    /// A value that is never sent back to the browser.
    fn secret(&self, name: &str, label: &str, hint: &str) -> Markup {
        self.field(
            (name, label, hint),
            &html! {
                input id=(name) name=(name) type="password" autocomplete="new-password"
                    aria-describedby={ "hint-" (name) " " (error_id(name)) };
            },
        )
    }

    fn field(&self, (name, label, hint): (&str, &str, &str), input: &Markup) -> Markup {
        html! {
            div.field {
                label for=(name) { (label) }
                (input)
                span.hint id={ "hint-" (name) } { (hint) }
                (self.error(name))
            }
        }
    }

    fn error(&self, field: &str) -> Markup {
        html! { span.error id=(error_id(field)) { (words(&self.mends, field)) } }
    }

    /// What the live check tells: the words beside each field, and the summary around them.
    pub(super) fn told(&self, warnings: Option<&[String]>) -> Markup {
        let fields = ["name", "tags", "username", "password", "pod", "base_url"]
            .into_iter()
            .chain(["callback", "signature_key", "interval", "resources"])
            .map(str::to_owned);
        let configs = self.choices.iter();
        let configs = configs.map(|choice| format!("{CONFIG}{}", choice.name));
        html! {
            (summary(&self.mends, warnings))
            @for field in fields.chain(configs) {
                span.error id=(error_id(&field)) hx-swap-oob="true" { (words(&self.mends, &field)) }
            }
        }
    }
}

/// A button that tries what stands in the form, and the place where its outcome is told.
fn test(what: &str, name: &str, hint: &str) -> Markup {
    let place = format!("tested-{what}");
    html! {
        div.field {
            div.actions {
                button type="button" hx-post={ (BASE) "/instances/test-" (what) } hx-target={ "#" (place) }
                    hx-swap="innerHTML" hx-disable="this" { (name) }
                span.hint { (hint) }
            }
            div id=(place) aria-live="polite" {}
        }
    }
}

/// An id that a selector can name: resources of one's own have names of letters, digits, - and _.
fn error_id(field: &str) -> String {
    format!("error-{}", field.replace('.', "-"))
}

fn words(mends: &[Mend], field: &str) -> String {
    let own = mends.iter().filter(|mend| mend.field == field);
    let texts: Vec<&str> = own.map(|mend| mend.text.as_str()).collect();
    texts.join(" ")
}

/// How much there is to mend; with warnings the form has been checked as a whole.
fn summary(mends: &[Mend], warnings: Option<&[String]>) -> Markup {
    let general: Vec<&Mend> = mends.iter().filter(|mend| mend.field.is_empty()).collect();
    html! {
        @match (mends.len(), warnings) {
            (0, None) => {},
            (0, Some([])) => span.muted { "Everything fits together. The key is checked when you save." },
            (0, Some(warnings)) => ul.muted.small { @for warning in warnings { li { (warning) } } },
            (1, _) => span.muted { "One thing to mend." },
            (several, _) => span.muted { (several) " things to mend." },
        }
        @for mend in general { p.notice.bad { (mend.text) } }
    }
}

fn choices(ticked: impl Fn(&str) -> bool) -> Vec<Choice> {
    let objects = connector::pollable_objects();
    let mut choices: Vec<Choice> = objects
        .filter_map(|object| {
            Some(Choice {
                name: object.hub_resource.clone(),
                object: object.object.clone(),
                ticked: ticked(&object.hub_resource),
                config: shown(&connector::default_config(object)?),
            })
        })
        .collect();
    // The seed's four first, in its order.
    let place = |name: &str| {
        let defaults = connector::DEFAULT_RESOURCES.iter();
        defaults
            .enumerate()
            .find(|(_, own)| **own == name)
            .map_or(usize::MAX, |(place, _)| place)
    };
    choices.sort_by_key(|choice| place(&choice.name));
    choices
}
