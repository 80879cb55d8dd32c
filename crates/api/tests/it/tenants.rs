//! Two organizations: every route is tried with the ids, tokens and secrets of the other. A route that is served and not
//! in the table fails the test.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use ie_model::NotificationId;
use ie_platform::secret::SecretString;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use self::table::Kind::{
    Common, Element, Event, Instance, Narrowed, NarrowedPage, Operator, Own, OwnPage, Page, Public,
};
use self::table::{Kind, rows};
use crate::browser::{Browser, PASSWORD};
use crate::rig::{ADMIN_TOKEN, Answer, Rig, id};

/// A text that only the victim's instance has.
const MARK: &str = "the-victims-crm";

/// Two organizations. The victim has an instance and a dead letter; the stranger has credentials and an instance.
struct Scene {
    rig: Rig,
    instance: i64,
    letter: NotificationId,
    /// The victim's Element token.
    token: String,
    /// The stranger's `Authorization`.
    stranger: String,
    /// The stranger's Element token.
    strangers_token: String,
}

impl Scene {
    async fn start() -> Self {
        let settings = [("REQUESTS_PER_SECOND", "0"), ("ADMIN_TOKEN", ADMIN_TOKEN)];
        let rig = Rig::with(&settings).await;
        let (instance, letters) = rig.failed(1).await;
        let path = format!("/instances/{instance}");
        let named = rig.patch(&path, &json!({ "name": MARK })).await.ok();
        let (own, stranger) = rig.foreign_instance(&json!({})).await;
        let hash = |secret: &str| ie_api::hash_secret(&SecretString::from(secret));
        let (organization, user) = (hash("other-organization"), hash("other-user"));
        let known = rig.store.principal(&organization, &user).await;
        let password = ie_api::password::hash(&PASSWORD.into()).unwrap();
        let user = known.unwrap().unwrap().user;
        rig.store.give_password(user, &password).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            instance,
            letter: letters[0],
            token: text(&named["token"]),
            stranger,
            strangers_token: text(&own["token"]),
            rig,
        }
    }

    /// Everything of the victim that a request could have changed.
    async fn victim(&self) -> Vec<Value> {
        let own = format!("/instances/{}", self.instance);
        let mut all = Vec::new();
        for path in [
            "/instances",
            "/instances/events",
            "/dead-letters",
            &format!("{own}/event-poller-records"),
            &format!("{own}/quarantine"),
        ] {
            all.push(self.rig.get(path).await.ok());
        }
        all
    }

    /// The path with the victim's ids in the place of its parameters.
    fn filled(&self, path: &str) -> String {
        let (instance, letter) = (self.instance.to_string(), self.letter.to_string());
        let of_id = if path.contains("/events/{id}") {
            &letter
        } else {
            &instance
        };
        [
            ("{id}", of_id.as_str()),
            ("{instance}", &instance),
            ("{eventId}", &letter),
            ("{element}", "insightly"),
            ("{key}", "event.poller.refresh_interval"),
            ("{resource}", "contacts"),
            ("{record}", "1"),
            ("{address}", "mailing"),
            ("{class}", "server"),
            ("{token}", "nobodys"),
            ("{name}", "dashboard.js"),
        ]
        .into_iter()
        .fold(path.to_owned(), |path, (name, value)| {
            path.replace(name, value)
        })
    }

    async fn send(&self, method: &Method, path: &str, credentials: Option<&str>) -> Answer {
        let body = json!({ "instanceId": self.instance }).to_string();
        let path = self.filled(path);
        self.rig
            .send(method.clone(), &path, credentials, &body)
            .await
    }

    /// Tries a route of the API with everything that opens nothing.
    async fn refuse_credentials(&self, method: &Method, path: &str) {
        let (stranger, victim) = (&self.stranger, self.rig.credentials());
        let halves = |credentials: &str| {
            let (user, organization) = credentials.split_once(", ").unwrap();
            (user.to_owned(), organization.to_owned())
        };
        let ((user, organization), (victims_user, victims)) = (halves(stranger), halves(victim));
        let token = &self.token;
        for credentials in [
            None,
            Some(format!("{user}, {victims}")),
            Some(format!("{victims_user}, {organization}")),
            Some(format!("{stranger}, Element {token}")),
            Some(format!("{user}, Element {token}")),
            Some("Bearer nobodys".to_owned()),
        ] {
            let answer = self.send(method, path, credentials.as_deref()).await;
            let shown = format!("{method} {path} with {credentials:?}: {}", answer.body);
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{shown}");
        }
    }

    /// Tries a route of the API as the stranger, by secrets, by a token, and with an Element token of its own.
    async fn as_stranger(&self, method: &Method, path: &str, kind: Kind, bearer: &str) {
        let own = format!("{}, Element {}", self.stranger, self.strangers_token);
        for credentials in [self.stranger.as_str(), bearer, &own] {
            let has_element = credentials == own;
            let expected = match kind {
                Instance | Event | Narrowed => StatusCode::NOT_FOUND,
                Element if !has_element => StatusCode::BAD_REQUEST,
                Operator => StatusCode::UNAUTHORIZED,
                // The body is none of `POST /instances`; what may be looked at has no body.
                Own if *method == Method::POST => StatusCode::BAD_REQUEST,
                Own | Common => StatusCode::OK,
                _ => continue,
            };
            // The way to one's own secrets is a token of one's own.
            let of_token = path == "/authentication/secrets" && credentials == bearer;
            let expected = if of_token {
                StatusCode::CONFLICT
            } else {
                expected
            };
            let asked = match kind {
                Narrowed => format!("{path}?instanceId={}", self.instance),
                _ => path.to_owned(),
            };
            let answer = self.send(method, &asked, Some(credentials)).await;
            let shown = format!("{method} {path} with {credentials}: {}", answer.body);
            assert_eq!(answer.status, expected, "{shown}");
            assert!(!answer.body.to_string().contains(MARK), "{shown}");
        }
    }

    /// Tries a page as the stranger who has signed in.
    async fn as_visitor(&self, method: &Method, path: &str, kind: Kind, browser: &Browser) {
        let instance = self.instance.to_string();
        let mut asked = self.filled(path.trim_start_matches('/'));
        if kind == NarrowedPage {
            asked.push_str(&format!("?instance={instance}"));
        }
        if path.ends_with("/run") {
            asked.push_str("?do=redrive&total=1&done=0&after=0&began=0");
        }
        let asked = format!("/{asked}");
        let page = if *method == Method::POST {
            browser.post(&asked, &[("instance", &instance)]).await
        } else {
            browser.get(&asked).await
        };
        let shown = format!("{method} {path}: {}", page.html);
        if matches!(kind, Page | NarrowedPage) {
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{shown}");
        } else {
            assert!(!page.status.is_server_error(), "{shown}");
        }
        assert!(!page.html.contains(MARK), "{shown}");
    }
}

/// A path as the table has it: those outside of the API begin with two slashes.
fn in_table(served: &str) -> String {
    match served.strip_prefix("/elements/api-v2") {
        Some(path) => path.to_owned(),
        None => format!("/{served}"),
    }
}

/// The methods of every path that is served, as the service itself tells them.
async fn served(scene: &Scene) -> BTreeMap<String, BTreeSet<String>> {
    let browser = Browser::signed_in(&scene.rig).await;
    let probe = Method::from_bytes(b"PROBE").unwrap();
    let mut served = BTreeMap::new();
    for path in &scene.rig.routes {
        let form = [("csrf", browser.csrf.as_str())];
        let filled = scene.filled(path);
        let page = browser.send(probe.clone(), &filled, &[], Some(&form)).await;
        assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed = page.header("allow").split(',').map(str::trim);
        let methods = allowed.filter(|method| *method != "HEAD" && !method.is_empty());
        let methods: BTreeSet<String> = methods.map(str::to_owned).collect();
        assert!(!methods.is_empty(), "{path} says nothing of its methods");
        served.insert(in_table(path), methods);
    }
    served
}

#[tokio::test]
async fn every_route_is_in_the_table() {
    let scene = Scene::start().await;
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, methods, _) in rows() {
        let of_path = expected.entry(path).or_default();
        of_path.extend(methods.split(' ').map(str::to_owned));
    }

    let served = served(&scene).await;

    for (path, methods) in &served {
        let known = expected.get(path);
        assert_eq!(known, Some(methods), "{path}: give it a row in the table");
    }
    for path in expected.keys() {
        assert!(served.contains_key(path), "{path} is not served any more");
    }
}

#[tokio::test]
async fn nothing_of_another_organization_can_be_seen_or_changed() {
    let scene = Scene::start().await;
    let before = scene.victim().await;
    let browser = Browser::signed_in_as(&scene.rig, "other", PASSWORD).await;
    let body = json!({ "username": "other", "password": PASSWORD }).to_string();
    let token = scene
        .rig
        .send(Method::POST, "/authentication", None, &body)
        .await
        .ok();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());

    // Signing out is last: it ends the stranger's session.
    let mut rows = rows();
    rows.sort_by_key(|(path, ..)| path.ends_with("/sign-out"));
    for (path, methods, kind) in rows {
        for method in methods.split(' ') {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            match kind {
                Public => {}
                Page | NarrowedPage | OwnPage => {
                    scene.as_visitor(&method, &path, kind, &browser).await;
                }
                _ => {
                    scene.refuse_credentials(&method, &path).await;
                    scene.as_stranger(&method, &path, kind, &bearer).await;
                }
            }
        }
    }

    assert_eq!(scene.victim().await, before);
}

#[tokio::test]
async fn lists_of_ids_leave_out_what_is_anothers() {
    let scene = Scene::start().await;
    let ids = json!({ "ids": [scene.letter] }).to_string();
    let send = async |path: &str| {
        let sent = scene
            .rig
            .send(Method::POST, path, Some(&scene.stranger), &ids);
        sent.await.ok()
    };

    let redriven = send("/dead-letters/redrive").await;
    let discarded = send("/dead-letters/discard").await;

    assert_eq!(redriven["redriven"], 0);
    assert_eq!(discarded["discarded"], 0);
    let letters = scene.rig.get("/dead-letters").await.ok();
    assert_eq!(letters[0]["id"], scene.letter.to_string());
    assert_eq!(
        scene.instance,
        id(&scene.rig.get("/instances").await.ok()[0])
    );
}
