//! Every answer that a test is given is as the API's description says: the rig compares them here.

use std::sync::LazyLock;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::browser::Browser;
use crate::rig::Rig;

const BASE: &str = "/elements/api-v2";

/// The description, in which objects have no members that are not described.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = ie_api::openapi::document().unwrap();
    let mut document = serde_json::from_str(&text).unwrap();
    close(&mut document);
    document
});

/// Compares an answer with its description. What stands at no described address is not looked at.
#[track_caller]
pub(crate) fn check(
    (method, path): (&Method, &str),
    (status, headers): (StatusCode, &HeaderMap),
    body: &str,
) {
    let path = path.split('?').next().unwrap_or_default();
    let Some(item) = item(&format!("{BASE}{path}")) else {
        assert!(
            status.is_client_error(),
            "{method} {path} is not described: {status}"
        );
        return;
    };
    let what = format!("{method} {path}: {status}");
    let Some(operation) = item.get(&method.as_str().to_ascii_lowercase()) else {
        assert_eq!(
            status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{what}: the method is not described"
        );
        return;
    };
    let response = &operation["responses"][status.as_str()];
    assert!(!response.is_null(), "{what} is not described: {body}");
    let response = response["$ref"].as_str().map_or(response, resolve);
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        assert_eq!(body, "", "{what} is described without a body");
        return;
    };
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap());
    let kind = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    let described = content.get(kind);
    let described = described.unwrap_or_else(|| panic!("{what}: {kind} is not described"));
    if kind == "application/json" {
        let value = serde_json::from_str(body).unwrap();
        conforms(&what, &described["schema"], &value);
    }
}

/// Panics unless the value is as the schema says.
#[track_caller]
fn conforms(what: &str, schema: &Value, value: &Value) {
    let mut whole = schema.clone();
    whole["components"] = DOCUMENT["components"].clone();
    let validator = jsonschema::validator_for(&whole).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{what} is not as described: {errors:#?}\n{value:#}"
    );
}

/// What is described at this path: by its own words rather than by parameters.
fn item(path: &str) -> Option<&'static Map<String, Value>> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let matching = paths.filter_map(|(template, item)| Some((parameters(template, path)?, item)));
    let (_, item) = matching.min_by_key(|(parameters, _)| *parameters)?;
    item.as_object()
}

/// How many segments of a path are parameters of a template; none when it does not fit.
fn parameters(template: &str, path: &str) -> Option<usize> {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    let mut parameters = 0;
    loop {
        match (template.next(), path.next()) {
            (None, None) => return Some(parameters),
            (Some(name), Some(word)) if name.starts_with('{') && !word.is_empty() => {
                parameters += 1
            }
            (Some(name), Some(word)) if name == word => {}
            _ => return None,
        }
    }
}

fn resolve(reference: &str) -> &'static Value {
    let found = DOCUMENT.pointer(reference.trim_start_matches('#'));
    found.unwrap_or_else(|| panic!("{reference} is not there"))
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("properties") && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

fn operations() -> impl Iterator<Item = (String, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

#[test]
fn every_operation_says_what_it_is_for() {
    let groups: Vec<&Value> = DOCUMENT["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    let mut ids = std::collections::HashSet::new();
    for (name, operation) in operations() {
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(summary.ends_with('.'), "{name}: {summary:?} is no sentence");
        assert!(
            ids.insert(&operation["operationId"]),
            "{name}: its id stands twice"
        );
        let tags = operation["tags"].as_array().unwrap();
        assert!(
            tags.iter().all(|tag| groups.contains(&tag)),
            "{name}: {tags:?}"
        );
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with('2')),
            "{name} never succeeds"
        );
        let described = operation["parameters"].as_array().into_iter().flatten();
        for parameter in described {
            assert!(parameter["description"].is_string(), "{name}: {parameter}");
        }
    }
    assert!(ids.len() > 100, "{}", ids.len());
}

#[test]
fn every_parameter_of_a_path_is_described() {
    for (name, operation) in operations() {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let mut described: Vec<&str> = parameters
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let mut used: Vec<&str> = name
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .collect();
        described.sort_unstable();
        used.sort_unstable();
        assert_eq!(described, used, "{name}");
    }
}

#[test]
fn examples_are_as_their_schemas_say() {
    for (name, operation) in operations() {
        let content = &operation["requestBody"]["content"]["application/json"];
        for (example, body) in content["examples"].as_object().into_iter().flatten() {
            conforms(
                &format!("{name}: {example}"),
                &content["schema"],
                &body["value"],
            );
        }
    }
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        if let Some(example) = schema.get("example") {
            conforms(name, schema, example);
        }
    }
}

/// The compiler sees to it that what is registered is described; this sees to it that nothing is registered otherwise.
#[test]
fn a_route_is_registered_with_its_description_or_is_a_page() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut folders = vec![std::path::PathBuf::from(source)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(source).unwrap().display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if !name.starts_with("dashboard/")
                && !["openapi/page.rs", "routes/table.rs"].contains(&name.as_str())
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let lines = text
                    .lines()
                    .filter(|line| line.contains(".route(") || line.contains("route_service("));
                found.extend(lines.map(|line| format!("{name}: {}", line.trim())));
            }
        }
    }
    assert_eq!(
        found,
        ["routes/mod.rs: .route(\"/\", get(dashboard::home))"]
    );
}

#[tokio::test]
async fn the_description_is_served_to_everybody_with_a_page_to_try_it() {
    let rig = Rig::start().await;

    let browser = Browser::new(&rig);

    let here = browser.get("/openapi.json").await.ok();
    let there = browser.get(&format!("{BASE}/openapi.json")).await.ok();
    let page = browser.get("/api-docs").await;

    assert_eq!(here, there);
    assert_eq!(here, ie_api::openapi::document().unwrap());
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let parts = page
        .html
        .split('"')
        .filter(|part| part.starts_with("api-docs/"));
    let parts: Vec<String> = parts.map(|part| format!("/{part}")).collect();
    assert_eq!(parts.len(), 4, "{}", page.html);
    for part in parts {
        let answer = browser.get(&part).await;
        assert_eq!(
            (answer.status, answer.header("x-content-type-options")),
            (StatusCode::OK, "nosniff"),
            "{part}"
        );
    }
}

#[test]
fn an_answer_that_is_not_as_described_would_be_noticed() {
    let error = json!({"requestId": "1", "message": "no", "more": 1});
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, "application/json".parse().unwrap())]);

    let noticed = std::panic::catch_unwind(|| {
        check(
            (&Method::GET, "/instances/7"),
            (StatusCode::NOT_FOUND, &headers),
            &error.to_string(),
        );
    });

    assert!(noticed.is_err());
}
