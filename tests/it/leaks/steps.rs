//! What happens in the run, step by step.

use anyhow::{Context as _, ensure};
use axum::http::StatusCode;
use ie_platform::http;
use ie_simulator::{Change, KeyChange};
use ie_tests::client::{ORGANIZATION_SECRET, PASSWORD, USER_SECRET};
use ie_tests::eventually::eventually;
use ie_tests::rig::PATIENCE;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, SET_COOKIE};
use serde_json::{Value, json};

use super::needles::Secret;
use super::run::{API, Run, credentials};
use crate::command_line::run;

/// Where a callback is that nobody listens at.
const NOWHERE: &str = "https://127.0.0.1:1/callback";

const FORM: &str = "application/x-www-form-urlencoded";

impl Run {
    /// What is refused is answered with a reason, which may quote what was sent.
    pub(super) async fn refused(&mut self) -> anyhow::Result<()> {
        let mut body = self.rig.body(&["contacts"]);
        body["configuration"]["password"] = json!(self.texts.wrong_key);
        let wrong = self.api(Method::POST, "/instances", Some(body)).await?;
        ensure!(wrong.0 == StatusCode::BAD_REQUEST, "{wrong:?}");
        for (key, value) in [
            ("password", json!([self.texts.wrong_key])),
            (
                "event.notification.signature.key",
                json!({"a": self.texts.signature_key}),
            ),
            (
                "event.notification.callback.headers",
                json!({"X Bad": self.texts.bad_header}),
            ),
            (
                "event.notification.callback.headers",
                json!(self.texts.bad_header),
            ),
            (
                "event.notification.callback.headers",
                json!([self.texts.bad_header]),
            ),
            (
                "event.notification.tls.client.key",
                json!(self.texts.bad_client_key),
            ),
            (
                "event.notification.basic.password",
                json!([self.texts.password]),
            ),
        ] {
            let mut body = self.rig.body(&["contacts"]);
            body["configuration"]["password"] = json!(self.texts.key);
            body["configuration"][key] = value;
            let refused = self.api(Method::POST, "/instances", Some(body)).await?;
            ensure!(refused.0 == StatusCode::BAD_REQUEST, "{key}: {refused:?}");
        }
        let broken = format!("{{\"password\": \"{}\" \"x\"}}", self.texts.wrong_key);
        let authorization = format!(
            "User {}, Organization {}",
            self.texts.wrong_key, self.texts.bad_header
        );
        let url = format!("{}{API}/instances", self.rig.client.origin());
        let post = self.http.post(&url).header(AUTHORIZATION, authorization);
        self.send("answer: refused credentials", post.body(broken.clone()))
            .await?;
        let post = self.http.post(&url).header(AUTHORIZATION, credentials());
        self.send("answer: broken JSON", post.body(broken)).await?;
        Ok(())
    }

    pub(super) async fn created(&mut self) -> anyhow::Result<i64> {
        let mut body = self.rig.body(&["contacts"]);
        let texts = &self.texts;
        for (key, value) in [
            ("password", &texts.key),
            ("event.notification.signature.key", &texts.signature_key),
            ("event.notification.basic.password", &texts.password),
            ("some.token", &texts.unknown_token),
            ("event.operational.url", &self.rig.receiver.url()),
        ] {
            body["configuration"][key] = json!(value);
        }
        body["configuration"]["event.notification.basic.username"] = json!("receiver");
        body["configuration"]["event.changes"] = json!(true);
        body["configuration"]["event.notification.callback.headers"] =
            json!({"X-Secret": texts.header});
        let mut tls = body.clone();
        let (status, answer) = self.api(Method::POST, "/instances", Some(body)).await?;
        ensure!(status.is_success(), "{answer}");
        self.note(&answer);
        tls["configuration"]["event.notification.callback.url"] = json!(NOWHERE);
        tls["configuration"]["event.notification.tls.client.certificate"] =
            json!(self.texts.certificate);
        tls["configuration"]["event.notification.tls.client.key"] = json!(self.texts.client_key);
        let (status, other) = self.api(Method::POST, "/instances", Some(tls)).await?;
        ensure!(status.is_success(), "{other}");
        self.note(&other);
        answer["id"].as_i64().context("no id")
    }

    /// Notes the secrets that an answer gives back.
    fn note(&mut self, answer: &Value) {
        let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        let hint = text("hintUrl")
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        self.secrets.extend([
            Secret::new("element token", text("token")).allowed_in(&["answer:"]),
            Secret::new("hint token", hint).allowed_in(&["answer:", "page:"]),
            Secret::new("webhook secret", text("webhookSecret"))
                .allowed_in(&["answer: POST /instances"]),
        ]);
    }

    pub(super) async fn delivered(&mut self, instance: i64) -> anyhow::Result<()> {
        for _ in 0..3 {
            self.rig.world().change(&Change::create("Contacts"))?;
        }
        let id = instance;
        eventually("a delivery", PATIENCE, async || {
            self.rig.poll_now(id).await?;
            Ok((!self.rig.receiver.accepted().is_empty()).then_some(()))
        })
        .await
    }

    pub(super) async fn changed(&mut self, instance: i64) -> anyhow::Result<()> {
        let path = format!("/instances/{instance}");
        let next = json!({"configuration": {"event.notification.signature.key": self.texts.next_signature_key}});
        self.must(Method::PATCH, &path, Some(next)).await?;
        let entry = format!("{path}/configuration/event.notification.basic.password");
        let value = json!({"propertyValue": self.texts.password});
        self.must(Method::PATCH, &entry, Some(value)).await?;
        let rotate = format!("{path}/secrets/rotate");
        let rotated = self
            .must(Method::POST, &rotate, Some(json!({"secret": "webhook"})))
            .await?;
        let secret = rotated["webhookSecret"].as_str().context("no secret")?;
        let rotated = Secret::new("rotated webhook secret", secret);
        self.secrets
            .push(rotated.allowed_in(&["answer: POST /instances/1/secrets/rotate"]));
        let hint = self
            .must(Method::POST, &format!("{path}/hint/rotate"), None)
            .await?;
        self.note(&hint);
        let url = hint["hintUrl"].as_str().context("no hint URL")?;
        let path = url.split_once("/events/").context("no path")?.1;
        let post = format!("{}/events/{path}", self.rig.client.origin());
        self.send("answer: hint", self.http.post(post)).await?;
        Ok(())
    }

    pub(super) async fn failed(&mut self, instance: i64) -> anyhow::Result<()> {
        self.rig.receiver.answer_with(StatusCode::BAD_REQUEST);
        self.rig.world().change(&Change::create("Contacts"))?;
        let test = format!("/instances/{instance}/test-event");
        self.must(Method::POST, &test, None).await?;
        eventually("dead letters of both", PATIENCE, async || {
            self.rig.poll_now(instance).await?;
            self.rig.poll_now(instance + 1).await?;
            let dead = self
                .rig
                .client
                .must(Method::GET, "/dead-letters", None)
                .await?;
            let of: std::collections::BTreeSet<Option<i64>> = dead
                .as_array()
                .into_iter()
                .flatten()
                .map(|letter| letter["instanceId"].as_i64())
                .collect();
            Ok((of.len() == 2).then_some(()))
        })
        .await?;
        self.rig.receiver.answer_with(StatusCode::OK);
        let limit = json!({"limit": 1});
        self.must(Method::POST, "/dead-letters/redrive", Some(limit))
            .await?;
        Ok(())
    }

    pub(super) async fn key_refused(&mut self, instance: i64) -> anyhow::Result<()> {
        let revoked = |revoked| KeyChange {
            key: self.texts.key.clone(),
            revoked: Some(revoked),
            ..KeyChange::default()
        };
        self.rig.world().set_key(&revoked(true))?;
        let path = format!("/instances/{instance}");
        eventually("the key is refused", PATIENCE, async || {
            self.rig.poll_now(instance).await?;
            let answer = self.rig.client.must(Method::GET, &path, None).await?;
            Ok((answer["valid"] == false).then_some(()))
        })
        .await?;
        self.rig.world().set_key(&revoked(false))?;
        Ok(())
    }

    /// Every answer that reads something.
    pub(super) async fn asked(&mut self, instance: i64) -> anyhow::Result<()> {
        let own = format!("/instances/{instance}");
        let list = format!("{own}/events");
        let events = self.must(Method::GET, &list, None).await?;
        let event = events[0]["id"].as_str().context("no event")?.to_owned();
        for path in [
            "/instances".to_owned(),
            "/instances/events".to_owned(),
            own.clone(),
            format!("{own}/configuration"),
            format!("{own}/configuration/password"),
            format!("{own}/event-poller-records"),
            format!("{own}/budget"),
            list,
            format!("{own}/events/{event}"),
            format!("{own}/quarantine"),
            "/instances/events/analytics".to_owned(),
            "/instances/events/analytics/instances".to_owned(),
            "/instances/events/analytics/accounts".to_owned(),
            "/instances/events/dispositions".to_owned(),
            "/dead-letters".to_owned(),
            "/elements/insightly".to_owned(),
        ] {
            self.must(Method::GET, &path, None).await?;
        }
        let instances = self.must(Method::GET, &own, None).await?;
        let token = instances["token"].as_str().context("no token")?;
        let element = format!("{}, Element {token}", credentials());
        for path in [
            "/ping",
            "/objects",
            "/hubs/crm/contacts",
            "/hubs/crm/me",
            "/dead-letters/export",
        ] {
            let get = self
                .http
                .get(format!("{}{API}{path}", self.rig.client.origin()));
            self.send(
                &format!("answer: GET {path}"),
                get.header(AUTHORIZATION, &element),
            )
            .await?;
        }
        let health = self.rig.programs[0].0.health;
        for path in ["/metrics", "/health/ready", "/log-filter"] {
            let (status, _) = self
                .send(path, self.http.get(format!("http://{health}{path}")))
                .await?;
            ensure!(status.is_success(), "{path}: {status}");
        }
        Ok(())
    }

    /// Every page, and forms that are refused.
    pub(super) async fn looked_at(&mut self, instance: i64) -> anyhow::Result<()> {
        self.sign_in().await?;
        let own = format!("/instances/{instance}");
        let events = self
            .rig
            .client
            .must(Method::GET, "/instances/events", None)
            .await?;
        let event = events[0]["id"].as_str().context("no event")?.to_owned();
        for path in [
            "/instances".to_owned(),
            "/instances/new".to_owned(),
            own.clone(),
            format!("{own}/status"),
            format!("{own}/chart"),
            format!("{own}/edit"),
            format!("{own}/delete"),
            "/events".to_owned(),
            format!("/events/{event}"),
            "/dead-letters".to_owned(),
            format!("/dead-letters/{instance}/client"),
            "/system".to_owned(),
            "/system/numbers".to_owned(),
            "/system/chart".to_owned(),
        ] {
            let get = self.http.get(self.page(&path)).header(COOKIE, &self.cookie);
            let (status, _) = self.send(&format!("page: {path}"), get).await?;
            ensure!(
                status.is_success() || status == StatusCode::NOT_FOUND,
                "{path}: {status}"
            );
        }
        let texts = &self.texts;
        let fields = [
            ("name", ""),
            ("password", texts.wrong_key.as_str()),
            ("signature_key", texts.signature_key.as_str()),
            ("callback", "nonsense"),
            ("csrf", self.csrf.as_str()),
        ];
        let form = form(&fields)?;
        for path in ["/instances", "/instances/check", &format!("{own}/edit")] {
            let post = self.http.post(self.page(path)).header(COOKIE, &self.cookie);
            let post = post.header(CONTENT_TYPE, FORM).body(form.clone());
            self.send(&format!("page: POST {path}"), post).await?;
        }
        Ok(())
    }

    async fn sign_in(&mut self) -> anyhow::Result<()> {
        for password in [self.texts.wrong_key.clone(), PASSWORD.to_owned()] {
            let form = form(&[("name", "admin"), ("password", &password)])?;
            let post = self.http.post(self.page("/sign-in"));
            let post = post.header(CONTENT_TYPE, FORM).body(form);
            let response = http::send(post, &self.http, "test").await?;
            let cookie = response.headers().get(SET_COOKIE);
            let cookie = cookie
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
            let html = response.bytes().await?;
            self.seen.push(("page: sign-in".to_owned(), html.to_vec()));
        }
        let token = self
            .cookie
            .split_once('=')
            .context("nobody is signed in")?
            .1;
        self.secrets.push(Secret::new("session", token));
        let get = self
            .http
            .get(self.page("/system"))
            .header(COOKIE, &self.cookie);
        let (_, html) = self.send("page: /system", get).await?;
        let rest = html
            .split_once("name=\"csrf\" value=\"")
            .context("no token")?
            .1;
        self.csrf = rest.split('"').next().unwrap_or_default().to_owned();
        Ok(())
    }

    pub(super) fn command_line(&mut self, instance: i64) -> anyhow::Result<()> {
        let mut variables = self.rig.programs[0].0.environment.clone();
        let health = self.rig.programs[0].0.health.to_string();
        for (name, value) in [
            ("IE_USER_SECRET", USER_SECRET),
            ("IE_ORGANIZATION_SECRET", ORGANIZATION_SECRET),
            ("IE__HEALTH__ADDRESS", &health),
        ] {
            variables.push((name.to_owned(), value.to_owned()));
        }
        let id = instance.to_string();
        for arguments in [
            &["check-config"][..],
            &["doctor"],
            &["keys", "status"],
            &["instance", "show", &id],
            &["instance", "list"],
            &["events", "tail", "--no-follow"],
            &["dead-letters", "list"],
        ] {
            let output = run(&variables, arguments)?;
            let printed = [output.stdout, output.stderr].concat();
            ensure!(!printed.is_empty(), "{arguments:?} says nothing");
            self.seen.push((format!("command: {arguments:?}"), printed));
        }
        Ok(())
    }
}

fn form(fields: &[(&str, &str)]) -> anyhow::Result<String> {
    let url = reqwest::Url::parse_with_params("http://form/", fields)?;
    Ok(url.query().unwrap_or_default().to_owned())
}
