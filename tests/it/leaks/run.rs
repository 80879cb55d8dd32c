//! A run in which every secret that there is passes through every part of the system.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use axum::http::StatusCode;
use ie_platform::Lifecycle;
use ie_platform::http::{self, ClientSettings};
use ie_simulator::{AccountSettings, Settings};
use ie_tests::client::{ORGANIZATION_SECRET, USER_SECRET};
use ie_tests::collector::Collector;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;

use super::Haystack;
use super::needles::Secret;
use super::texts::Texts;

pub(super) const API: &str = "/elements/api-v2";

pub(super) struct Run {
    pub(super) rig: Rig,
    pub(super) http: reqwest::Client,
    pub(super) secrets: Vec<Secret>,
    pub(super) seen: Vec<Haystack>,
    collector: Collector,
    /// Of the collector.
    lifecycle: Lifecycle,
    pub(super) cookie: String,
    pub(super) csrf: String,
    pub(super) texts: Texts,
}

impl Run {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let texts = Texts::new()?;
        let mut world = Settings::empty().without_limits();
        world.accounts = vec![AccountSettings::new("default", &[&texts.key])];
        let mut rig = Rig::start(Mode::Program, world).await?;
        let lifecycle = Lifecycle::new();
        let collector = Collector::start(&lifecycle).await?;
        for (name, value) in [
            ("IE__TELEMETRY__EXPORTER", "otlp"),
            ("IE__TELEMETRY__PROTOCOL", "http"),
            ("IE__TELEMETRY__ENDPOINT", collector.endpoint().as_str()),
            ("IE__TELEMETRY__FILTER", "debug"),
        ] {
            rig.set(name, value);
        }
        rig.restart().await?;
        let mut secrets = texts.secrets();
        let variables = &rig.programs[0].0.environment;
        let key = variables
            .iter()
            .find(|(name, _)| name == "IE__SECRETS__MASTER_KEY");
        secrets.push(Secret::new("master key", &key.context("no master key")?.1));
        Ok(Self {
            rig,
            http: http::client(&ClientSettings::default())?,
            secrets,
            seen: Vec::new(),
            collector,
            lifecycle,
            cookie: String::new(),
            csrf: String::new(),
            texts,
        })
    }

    /// The program's log.
    pub(super) fn log(&self) -> PathBuf {
        self.rig.programs[0].0.log()
    }

    pub(super) async fn everything(&mut self) -> anyhow::Result<()> {
        self.refused().await?;
        let instance = self.created().await?;
        self.delivered(instance).await?;
        self.changed(instance).await?;
        self.failed(instance).await?;
        self.key_refused(instance).await?;
        self.asked(instance).await?;
        self.looked_at(instance).await?;
        self.command_line(instance)
    }

    /// Ends the program; gives what was seen of it and what must not be among it.
    pub(super) async fn end(&mut self) -> anyhow::Result<(Vec<Haystack>, Vec<Secret>)> {
        let (_, program) = &mut self.rig.programs[0];
        program.terminate()?;
        program.ended(PATIENCE).await?;
        self.lifecycle.stop();
        let messages = self.collector.messages().into_iter();
        let spans = messages.map(|message| ("trace".to_owned(), message));
        self.seen.extend(spans);
        Ok((std::mem::take(&mut self.seen), self.secrets.clone()))
    }

    pub(super) fn page(&self, path: &str) -> String {
        format!("{}/dashboard{path}", self.rig.client.origin())
    }

    pub(super) async fn must(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let (status, answer) = self.api(method, path, body).await?;
        ensure!(status.is_success(), "{path}: {status}: {answer}");
        Ok(answer)
    }

    pub(super) async fn api(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let name = format!("answer: {method} {path}");
        let url = format!("{}{API}{path}", self.rig.client.origin());
        let request = self
            .http
            .request(method, url)
            .header(AUTHORIZATION, credentials());
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let (status, text) = self.send(&name, request.body(body)).await?;
        Ok((
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        ))
    }

    /// Sends a request and keeps its answer, headers and all.
    pub(super) async fn send(
        &mut self,
        name: &str,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<(StatusCode, String)> {
        let response = http::send(request, &self.http, "test").await?;
        let (status, headers) = (response.status(), format!("{:?}", response.headers()));
        let text = response.text().await?;
        self.seen.push((
            name.to_owned(),
            [headers.as_bytes(), text.as_bytes()].concat(),
        ));
        Ok((status, text))
    }
}

pub(super) fn credentials() -> String {
    format!("User {USER_SECRET}, Organization {ORGANIZATION_SECRET}")
}
