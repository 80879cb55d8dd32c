//! A Postman collection (format 2.1) made of the description: the "Run in Postman" of the Insightly Events page.

use serde_json::{Map, Value, json};

use super::tags;

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

const ABOUT: &str = "Set the variables `base_url`, `user_secret` and `organization_secret`, then send *Creates a connector \
     instance*: it keeps the `token` and the `id` of the answer as `element_token` and `instance_id` for the requests that \
     follow.";

/// The variables, with what they hold at first.
const VARIABLES: [(&str, &str); 5] = [
    ("base_url", "http://127.0.0.1:8080"),
    ("user_secret", ""),
    ("organization_secret", ""),
    ("element_token", ""),
    ("instance_id", "1"),
];

const ACCOUNT: &str = "User {{user_secret}}, Organization {{organization_secret}}";
const ELEMENT: &str =
    "User {{user_secret}}, Organization {{organization_secret}}, Element {{element_token}}";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The operation whose answer the others need.
const CREATE: &str = "createInstance";
const KEEP: [&str; 4] = [
    "const instance = pm.response.json();",
    "pm.test('the instance is created', () => pm.response.to.have.status(200));",
    "pm.collectionVariables.set('instance_id', instance.id);",
    "pm.collectionVariables.set('element_token', instance.token);",
];

/// The collection of a description: a folder for each group but that of the synonyms.
pub(super) fn collection(document: &Value) -> Value {
    let names = document["tags"].as_array().into_iter().flatten();
    let folders = names
        .filter(|tag| tag["name"] != tags::SYNONYMS)
        .map(|tag| {
            let requests = operations(document).filter(|operation| operation.is_of(&tag["name"]));
            json!({
                "name": tag["name"],
                "description": tag["description"],
                "item": requests.map(|operation| operation.item()).collect::<Vec<_>>(),
            })
        });
    let variables =
        VARIABLES.map(|(key, value)| json!({ "key": key, "value": value, "type": "string" }));
    json!({
        "info": { "name": document["info"]["title"], "description": ABOUT, "schema": SCHEMA },
        "auth": header(ACCOUNT),
        "variable": variables,
        "item": folders.collect::<Vec<_>>(),
    })
}

/// One operation of a description.
struct Operation<'a> {
    document: &'a Value,
    path: &'a str,
    method: &'a str,
    content: &'a Value,
}

fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(move |(path, item)| {
        METHODS.into_iter().filter_map(move |method| {
            let content = item.get(method)?;
            Some(Operation {
                document,
                path,
                method,
                content,
            })
        })
    })
}

impl Operation<'_> {
    fn is_of(&self, tag: &Value) -> bool {
        self.content["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|own| own == tag)
    }

    fn id(&self) -> &str {
        self.content["operationId"].as_str().unwrap_or_default()
    }

    fn item(&self) -> Value {
        let mut request = json!({
            "method": self.method.to_uppercase(),
            "header": [],
            "url": self.url(),
            "description": self.content["description"].as_str().unwrap_or_default(),
        });
        if let Some(body) = self.body() {
            request["header"] = json!([{ "key": "Content-Type", "value": "application/json" }]);
            request["body"] = body;
        }
        if self.content.get("security").is_some() {
            request["auth"] = json!({ "type": "noauth" });
        } else if self.needs_element() {
            request["auth"] = header(ELEMENT);
        }
        let mut item =
            json!({ "name": self.content["summary"], "request": request, "response": [] });
        if self.id() == CREATE {
            item["event"] = json!([{ "listen": "test", "script": { "type": "text/javascript", "exec": KEEP } }]);
        }
        item
    }

    fn needs_element(&self) -> bool {
        self.is_of(&Value::from(tags::HUB)) || self.id().contains("OfToken") || self.id() == "ping"
    }

    fn url(&self) -> Value {
        let path: Vec<String> = self
            .path
            .trim_start_matches('/')
            .split('/')
            .map(segment)
            .collect();
        let query: Vec<Value> = self
            .parameters("query")
            .map(|parameter| {
                json!({
                    "key": parameter["name"],
                    "value": text(&parameter["example"]),
                    "description": parameter["description"],
                    "disabled": true,
                })
            })
            .collect();
        let variable: Vec<Value> = self
            .parameters("path")
            .map(|parameter| {
                let value = match parameter["name"].as_str() {
                    Some("id") => "{{instance_id}}".to_owned(),
                    _ => text(&parameter["example"]),
                };
                json!({ "key": parameter["name"], "value": value, "description": parameter["description"] })
            })
            .collect();
        json!({
            "raw": format!("{{{{base_url}}}}/{}", path.join("/")),
            "host": ["{{base_url}}"],
            "path": path,
            "query": query,
            "variable": variable,
        })
    }

    fn parameters(&self, place: &str) -> impl Iterator<Item = &Value> {
        let all = self.content["parameters"].as_array().into_iter().flatten();
        all.filter(move |parameter| parameter["in"] == place)
    }

    /// The body's first example, or that of its schema.
    fn body(&self) -> Option<Value> {
        let content = self
            .content
            .pointer("/requestBody/content/application~1json")?;
        let named = content["examples"]
            .as_object()
            .and_then(|all| all.values().next());
        let example = match named {
            Some(named) => named["value"].clone(),
            None => self.example(&content["schema"]),
        };
        let raw = serde_json::to_string_pretty(&example).ok()?;
        Some(json!({ "mode": "raw", "raw": raw, "options": { "raw": { "language": "json" } } }))
    }

    fn example(&self, schema: &Value) -> Value {
        let variants = schema["oneOf"].as_array().into_iter().flatten();
        let named = std::iter::once(schema)
            .chain(variants)
            .find_map(|schema| schema["$ref"].as_str());
        let pointer = named.and_then(|reference| reference.strip_prefix('#'));
        let found = pointer
            .and_then(|pointer| self.document.pointer(pointer))
            .unwrap_or(schema);
        found
            .get("example")
            .cloned()
            .unwrap_or_else(|| Value::Object(Map::new()))
    }
}

/// `{id}` is `:id` in Postman.
fn segment(part: &str) -> String {
    match part
        .strip_prefix('{')
        .and_then(|part| part.strip_suffix('}'))
    {
        Some(name) => format!(":{name}"),
        None => part.to_owned(),
    }
}

fn text(example: &Value) -> String {
    match example {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn header(value: &str) -> Value {
    let entry = |key: &str, value: &str| json!({ "key": key, "value": value, "type": "string" });
    json!({
        "type": "apikey",
        "apikey": [entry("key", "Authorization"), entry("value", value), entry("in", "header")],
    })
}
