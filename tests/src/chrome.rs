//! A real browser without a window: Chromium, driven by its own driver.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};

use crate::eventually::eventually;
use crate::process::free_port;

/// How long a page may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The rules of accessibility, by which [`Chrome::accessible`] judges.
const AXE: &str = include_str!("../vendor/axe-core/axe.min.js");

/// No request to anywhere by the browser itself, no window, no profile but its own.
const FLAGS: [&str; 10] = [
    "--headless",
    "--hide-scrollbars",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// A browser with one page. [`Chrome::quit`] ends it; dropping it ends its processes.
pub struct Chrome {
    page: Client,
    driver: Driver,
    _profile: tempfile::TempDir,
}

/// The driver and, in its process group, the browser.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.0.id()) {
            // It may have ended already, which is just as well.
            killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
        }
        self.0.wait().ok();
    }
}

impl Chrome {
    /// Starts a browser.
    ///
    /// # Errors
    /// Chromium and its driver are not installed, or do not start.
    pub async fn start() -> anyhow::Result<Self> {
        let port = free_port()?.port();
        let child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("while starting chromedriver: `make test` installs it (Debian: chromium, chromium-driver)")?;
        let driver = Driver(child);
        let profile = tempfile::tempdir()?;
        let user_data = format!("--user-data-dir={}", profile.path().display());
        let mut flags = FLAGS.map(str::to_owned).to_vec();
        flags.push(user_data);
        let wanted: Map<String, Value> = serde_json::from_value(json!({
            "goog:chromeOptions": {"args": flags},
            "goog:loggingPrefs": {"browser": "ALL"},
        }))?;
        let url = format!("http://127.0.0.1:{port}");
        let page = eventually("a browser", PATIENCE, async || {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            Ok(builder
                .capabilities(wanted.clone())
                .connect(&url)
                .await
                .ok())
        })
        .await?;
        Ok(Self {
            page,
            driver,
            _profile: profile,
        })
    }

    /// Goes to an address.
    ///
    /// # Errors
    /// The browser cannot.
    pub async fn goto(&self, url: &str) -> anyhow::Result<()> {
        Ok(self.page.goto(url).await?)
    }

    /// Where it is.
    ///
    /// # Errors
    /// The browser does not say.
    pub async fn url(&self) -> anyhow::Result<String> {
        Ok(self.page.current_url().await?.to_string())
    }

    /// Waits for an element.
    ///
    /// # Errors
    /// It does not come.
    pub async fn element(&self, css: &str) -> anyhow::Result<Element> {
        let found = self.page.wait().at_most(PATIENCE);
        let found = found.for_element(Locator::Css(css)).await;
        found.with_context(|| format!("waiting for {css}"))
    }

    /// Clicks on what a selector names.
    ///
    /// # Errors
    /// It is not there, or something lies over it.
    pub async fn click(&self, css: &str) -> anyhow::Result<()> {
        let element = self.element(css).await?;
        element
            .click()
            .await
            .with_context(|| format!("clicking on {css}"))
    }

    /// Clicks on the button or link with this text.
    ///
    /// # Errors
    /// There is none.
    pub async fn press(&self, text: &str) -> anyhow::Result<()> {
        let path = format!("//*[self::button or self::a][normalize-space()='{text}']");
        let found = self.page.wait().at_most(PATIENCE);
        let found = found.for_element(Locator::XPath(&path)).await;
        let element = found.with_context(|| format!("waiting for {text:?}"))?;
        element
            .click()
            .await
            .with_context(|| format!("pressing {text:?}"))
    }

    /// Agrees to what the page asks.
    ///
    /// # Errors
    /// It asks nothing.
    pub async fn agree(&self) -> anyhow::Result<()> {
        eventually("a question", PATIENCE, async || {
            Ok(self.page.accept_alert().await.ok())
        })
        .await
    }

    /// Types into an empty field, or in place of what stands there.
    ///
    /// # Errors
    /// There is no such field.
    pub async fn fill(&self, css: &str, text: &str) -> anyhow::Result<()> {
        let field = self.element(css).await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// The text of the page as it is seen.
    ///
    /// # Errors
    /// The browser does not say.
    pub async fn text(&self) -> anyhow::Result<String> {
        let text = self.run("return document.body.innerText").await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page shows a text.
    ///
    /// # Errors
    /// It does not.
    pub async fn sees(&self, text: &str) -> anyhow::Result<()> {
        let mut seen = String::new();
        let found = eventually(text, PATIENCE, async || {
            seen = self.text().await.unwrap_or_default();
            Ok(seen.contains(text).then_some(()))
        });
        let found = found.await;
        found.with_context(|| format!("the page shows: {seen}"))
    }

    /// Runs a script in the page; gives what it returns.
    ///
    /// # Errors
    /// It throws.
    pub async fn run(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.page.execute(script, Vec::new()).await?)
    }

    /// Runs a script whose last argument is called with its result.
    ///
    /// # Errors
    /// It throws.
    pub async fn run_async(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.page.execute_async(script, Vec::new()).await?)
    }

    /// Makes the page so wide and high, in the light or in the dark.
    ///
    /// # Errors
    /// The browser cannot.
    pub async fn viewport(&self, width: u32, height: u32, scheme: &str) -> anyhow::Result<()> {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics)
            .await?;
        let media = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.cdp("Emulation.setEmulatedMedia", media).await?;
        Ok(())
    }

    /// Fails when the page is wider than the screen, or a table tells a state where one has to scroll to see it.
    ///
    /// # Errors
    /// It is, and what sticks out is named.
    pub async fn fits(&self) -> anyhow::Result<()> {
        let script = "const width = document.documentElement.clientWidth; \
             const beyond = (one) => one.getBoundingClientRect().right > width + 1; \
             const told = (some) => some.map((one) => one.outerHTML.slice(0, 120)).join('\\n'); \
             const states = [...document.querySelectorAll('.scroll .badge')].filter(beyond); \
             if (document.documentElement.scrollWidth <= width) return told(states); \
             return told([...document.querySelectorAll('body *')] \
               .filter((one) => beyond(one) && !one.closest('.scroll, pre'))) || 'something'";
        let wide = self.run(script).await?;
        ensure!(wide == "", "{}: sticks out: {wide}", self.url().await?);
        Ok(())
    }

    /// Fails when axe finds a violation that is serious or worse.
    ///
    /// # Errors
    /// It does; each violation is named with its element.
    pub async fn accessible(&self) -> anyhow::Result<()> {
        self.run(AXE).await?;
        let script = "const done = arguments[arguments.length - 1]; \
             axe.run().then((found) => done(found.violations \
               .filter(({ impact }) => impact === 'serious' || impact === 'critical') \
               .flatMap(({ id, help, nodes }) => nodes.map(({ html, failureSummary }) => \
                 `${id}: ${help}: ${html.slice(0, 160)}: ${failureSummary}`))), (error) => done([String(error)]))";
        let found = self.run_async(script).await?;
        let found = found.as_array().context("axe gives a list")?;
        let url = self.url().await?;
        ensure!(found.is_empty(), "{url}: {found:#?}");
        Ok(())
    }

    /// The whole page as a PNG.
    ///
    /// # Errors
    /// The browser cannot.
    pub async fn picture(&self) -> anyhow::Result<Vec<u8>> {
        let taken = self
            .cdp("Page.captureScreenshot", json!({"format": "png"}))
            .await?;
        let data = taken["data"].as_str().context("a picture has data")?;
        Ok(STANDARD.decode(data)?)
    }

    /// What the browser complained of since it was asked last.
    ///
    /// # Errors
    /// It does not say.
    pub async fn complaints(&self) -> anyhow::Result<Vec<String>> {
        let log = self.page.issue_cmd(Raw {
            path: "se/log",
            body: json!({"type": "browser"}),
        });
        let log = log.await?;
        let entries = log.as_array().cloned().unwrap_or_default();
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        Ok(severe.map(|entry| entry["message"].to_string()).collect())
    }

    /// Ends the browser.
    ///
    /// # Errors
    /// It does not end by itself; its processes end all the same.
    pub async fn quit(self) -> anyhow::Result<()> {
        let closed = self.page.close().await;
        drop(self.driver);
        Ok(closed?)
    }

    async fn cdp(&self, command: &str, params: Value) -> anyhow::Result<Value> {
        let body = json!({"cmd": command, "params": params});
        let path = "goog/cdp/execute";
        Ok(self.page.issue_cmd(Raw { path, body }).await?)
    }
}

/// A command that is the driver's own.
#[derive(Debug)]
struct Raw {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Raw {
    fn endpoint(
        &self,
        base: &Url,
        session: Option<&str>,
    ) -> Result<Url, <Url as std::str::FromStr>::Err> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
