//! From the fields of the instance form to a body of `POST /instances`, and from its problems back to the fields.

use ie_model::{Instance, ResourceConfig};
use serde_json::{Map, Value, json};

use super::guard::Form;
use crate::connector;
use crate::draft::{self, Problem, Rejection, Rules};
use crate::error::ApiError;

/// A field of the form and the entry of `configuration` that it is.
const ENTRIES: [(&str, &str); 6] = [
    ("username", "username"),
    ("password", "password"),
    ("pod", "insightly.pod"),
    ("base_url", "base.url"),
    ("callback", "event.notification.callback.url"),
    ("signature_key", "event.notification.signature.key"),
];
/// Fields whose stored value stays when they are left blank.
const KEPT: [&str; 2] = ["password", "signature_key"];
/// What stands in fields that have nothing to do with what is tried.
const STAND_IN: &str = "test";
const ENABLED: &str = "event.notification.enabled";
const CHANGES: &str = "event.changes";
const INTERVAL: &str = "event.poller.refresh_interval";
const RESOURCES: &str = "event.poller.configuration";
/// Other ways to name resources, which the form replaces.
const NAMES: [&str; 2] = ["event.objects", "event.poller.urls"];
/// What stands before a resource's name in the name of the field with its configuration.
pub(super) const CONFIG: &str = "config.";

/// Something to mend, beside the field that it is about; an empty field is about the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mend {
    pub(super) field: String,
    pub(super) text: String,
}

/// A body, or what has to be mended before there is one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Body {
    pub(super) json: Value,
    pub(super) mends: Vec<Mend>,
}

/// The body that the fields amount to. Blank fields are left out.
pub(super) fn body(form: &Form) -> Body {
    let mut mends = Vec::new();
    let mut configuration = Map::new();
    for (field, key) in ENTRIES {
        let value = form.text(field);
        if !value.is_empty() {
            configuration.insert(key.to_owned(), json!(value));
        }
    }
    configuration.insert(ENABLED.to_owned(), json!(form.has("enabled")));
    if form.has("changes") {
        configuration.insert(CHANGES.to_owned(), json!(true));
    }
    configuration.insert("event.vendor.type".to_owned(), json!("polling"));
    configuration.insert(INTERVAL.to_owned(), json!(form.text("interval")));
    configuration.insert(RESOURCES.to_owned(), resources(form, &mut mends));
    let tags: Vec<&str> = form
        .text("tags")
        .split(',')
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
        .collect();
    let json = json!({
        "element": { "key": connector::KEY },
        "name": form.text("name"),
        "tags": tags,
        "configuration": configuration,
    });
    Body { json, mends }
}

/// The same as a patch of an instance that is there: what was given in another way makes room.
pub(super) fn patch(form: &Form) -> Body {
    let mut body = body(form);
    for key in NAMES {
        body.json["configuration"][key] = Value::Null;
    }
    if !form.has("changes") {
        body.json["configuration"][CHANGES] = Value::Null;
    }
    for (field, key) in ENTRIES {
        if form.text(field).is_empty() && !KEPT.contains(&field) {
            body.json["configuration"][key] = Value::Null;
        }
    }
    body
}

/// A body with nothing but these fields, for trying them while the others are being written.
///
/// What it takes beside them to be a body comes from the instance that is there, or stands for it.
pub(super) fn part(
    form: &Form,
    fields: &[&str],
    stored: Option<&Instance>,
) -> Result<Value, ApiError> {
    let mut configuration = Map::new();
    for (field, key) in ENTRIES.iter().filter(|(field, _)| fields.contains(field)) {
        match form.text(field) {
            "" if stored.is_none() || KEPT.contains(field) => {}
            "" => drop(configuration.insert((*key).to_owned(), Value::Null)),
            value => drop(configuration.insert((*key).to_owned(), json!(value))),
        }
    }
    if let Some(stored) = stored {
        let patch = json!({ "configuration": configuration });
        let whole = draft::merge(&patch, &stored.name, &stored.tags, &stored.configuration)?;
        return Ok(whole);
    }
    for field in ["username", "password"] {
        if !fields.contains(&field) {
            configuration.insert(field.to_owned(), json!(STAND_IN));
        }
    }
    configuration.insert(ENABLED.to_owned(), json!(false));
    Ok(
        json!({ "element": { "key": connector::KEY }, "name": STAND_IN, "configuration": configuration }),
    )
}

/// Everything that has to be mended in a body before it is an instance. `stored` names the secrets that are there.
pub(super) fn check(body: &Body, whole: &Value, stored: &[String], rules: &Rules) -> Vec<Mend> {
    let mut mends = body.mends.clone();
    match draft::parse(whole, stored, rules) {
        Ok(_) => {}
        Err(Rejection::Problems(problems)) => mends.extend(problems.iter().map(mend)),
        Err(other) => mends.push(Mend {
            field: String::new(),
            text: other.to_string(),
        }),
    }
    mends
}

/// The ticked resources; `{}` where one has its default configuration.
fn resources(form: &Form, mends: &mut Vec<Mend>) -> Value {
    let mut resources = Map::new();
    for name in form.all("resource") {
        let text = form.text(&format!("{CONFIG}{name}"));
        let config = match text {
            "" => Ok(json!({})),
            text => serde_json::from_str::<Value>(text),
        };
        match config {
            Ok(config) if Some(&config) == default(name).as_ref() => {
                resources.insert(name.to_owned(), json!({}));
            }
            Ok(config) => {
                resources.insert(name.to_owned(), config);
            }
            Err(error) => mends.push(Mend {
                field: format!("{CONFIG}{name}"),
                text: format!("This is no JSON: {error}."),
            }),
        }
    }
    if resources.is_empty() && mends.is_empty() {
        mends.push(Mend {
            field: "resources".to_owned(),
            text: "Pick at least one resource.".to_owned(),
        });
    }
    Value::Object(resources)
}

fn default(name: &str) -> Option<Value> {
    let object = ie_model::catalog::resource(name)?;
    connector::default_config(&object).map(|config| connector::configuration(&config))
}

/// A resource's configuration as the form shows it.
pub(super) fn shown(config: &ResourceConfig) -> String {
    format!("{:#}", connector::configuration(config))
}

/// Where a problem's path leads, and its words without the path.
fn mend(problem: &Problem) -> Mend {
    let path = problem.path.to_string();
    let entry = |key: &str| {
        let path = path.strip_prefix("$.configuration")?;
        let plain = path
            .strip_prefix('.')
            .and_then(|rest| rest.strip_prefix(key));
        let quoted = path
            .strip_prefix("['")
            .and_then(|rest| rest.strip_prefix(key))
            .and_then(|rest| rest.strip_prefix("']"));
        plain.or(quoted).map(str::to_owned)
    };
    let named = ENTRIES.iter().find(|(_, key)| entry(key).is_some());
    let field = if path == "$.name" {
        "name".to_owned()
    } else if path.starts_with("$.tags") {
        "tags".to_owned()
    } else if entry(INTERVAL).is_some() {
        "interval".to_owned()
    } else if let Some(rest) = entry(RESOURCES) {
        match rest
            .strip_prefix('.')
            .map(|rest| rest.split(['.', '[']).next())
        {
            Some(Some(name)) => format!("{CONFIG}{name}"),
            _ => "resources".to_owned(),
        }
    } else {
        named.map_or_else(String::new, |(field, _)| (*field).to_owned())
    };
    let text = match field.strip_prefix(CONFIG) {
        Some(name) => {
            let (_, inner) = path.split_once(name).unwrap_or_default();
            let inner = inner.trim_start_matches('.');
            if inner.is_empty() {
                problem.text.clone()
            } else {
                format!("{inner}: {}", problem.text)
            }
        }
        None if field.is_empty() => problem.to_string(),
        None => problem.text.clone(),
    };
    Mend { field, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> Form {
        let fields = fields.iter();
        Form(
            fields
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    fn rules() -> Rules {
        Rules {
            default_url: "https://api.na1.insightly.com/v3.1".to_owned(),
            allowed_urls: Vec::new(),
            overlap: 120,
            longest_delay: std::time::Duration::from_secs(86_400),
            outgoing: ie_platform::OutgoingConfig { allow_http: true },
        }
    }

    const GOOD: [(&str, &str); 7] = [
        ("name", "My CRM"),
        ("username", "me@example.com"),
        ("password", "key"),
        ("callback", "https://example.com/events"),
        ("enabled", "on"),
        ("interval", "15"),
        ("resource", "contacts"),
    ];

    fn mended(changes: &[(&str, &str)]) -> Vec<Mend> {
        let replaced = GOOD
            .iter()
            .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let fields: Vec<_> = replaced.chain(changes).copied().collect();
        let body = body(&form(&fields));
        check(&body, &body.json, &[], &rules())
    }

    #[test]
    fn good_fields_make_the_body_of_the_seed() {
        let body = body(&form(&GOOD));

        assert_eq!(check(&body, &body.json, &[], &rules()), []);
        assert_eq!(
            body.json,
            json!({
                "element": {"key": "insightly"},
                "name": "My CRM",
                "tags": [],
                "configuration": {
                    "username": "me@example.com",
                    "password": "key",
                    "event.notification.callback.url": "https://example.com/events",
                    "event.notification.enabled": true,
                    "event.vendor.type": "polling",
                    "event.poller.refresh_interval": "15",
                    "event.poller.configuration": {"contacts": {}},
                },
            })
        );
    }

    #[test]
    fn each_problem_stands_beside_its_field() {
        for (name, value) in [
            ("name", ""),
            ("password", ""),
            ("callback", "ftp://example.com"),
            ("interval", "0"),
            ("config.contacts", r#"{"idField": "NO_SUCH_FIELD"}"#),
            ("config.contacts", "{"),
            ("base_url", "https://example.com"),
        ] {
            let mends = mended(&[(name, value)]);

            let fields: Vec<&str> = mends.iter().map(|mend| mend.field.as_str()).collect();
            assert_eq!(fields, [name], "{mends:?}");
        }
        assert_eq!(
            mended(&[("resource", "nothing")])[0].field,
            "config.nothing"
        );
    }

    #[test]
    fn a_default_configuration_is_not_repeated() {
        let text = default("contacts").unwrap().to_string();
        let mut fields = GOOD.to_vec();
        fields.push(("config.contacts", &text));

        let body = body(&form(&fields));

        assert_eq!(
            body.json["configuration"][RESOURCES],
            json!({"contacts": {}})
        );
    }

    #[test]
    fn a_patch_keeps_secrets_and_clears_what_is_blank() {
        let fields: Vec<_> = GOOD
            .into_iter()
            .filter(|(name, _)| *name != "password")
            .collect();

        let configuration = patch(&form(&fields)).json["configuration"].clone();

        assert_eq!(configuration.get("password"), None);
        assert_eq!(configuration["insightly.pod"], Value::Null);
        assert_eq!(configuration["event.objects"], Value::Null);
    }
}
