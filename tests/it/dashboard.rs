//! The dashboard in a real browser: what an operator does from signing in to signing out.
//!
//! With `IE_SCREENSHOTS` naming a folder, each page leaves a picture there; without it nothing is written.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use axum::http::StatusCode;
use ie_simulator::{Change, Settings};
use ie_tests::chrome::Chrome;
use ie_tests::client::PASSWORD;
use ie_tests::eventually::eventually;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use rstest::rstest;
use serde_json::{Value, json};

/// A name that would run if it were not escaped.
const SCRIPT: &str = "<script>window.ran = 1</script>";

/// A browser at a rig's dashboard.
struct Operator {
    chrome: Chrome,
    base: String,
    pictures: Option<PathBuf>,
}

impl Operator {
    async fn new(rig: &Rig) -> anyhow::Result<Self> {
        let chrome = Chrome::start().await?;
        chrome.viewport(1440, 900, "light").await?;
        let pictures = ie_platform::config::env("IE_SCREENSHOTS");
        Ok(Self {
            chrome,
            base: rig.client.origin(),
            pictures: pictures.map(PathBuf::from),
        })
    }

    async fn goto(&self, path: &str) -> anyhow::Result<()> {
        self.chrome.goto(&format!("{}{path}", self.base)).await
    }

    async fn sign_in(&self, password: &str) -> anyhow::Result<()> {
        self.chrome.fill("#name", "admin").await?;
        self.chrome.fill("#password", password).await?;
        self.chrome.press("Sign in").await
    }

    /// Looks at the page that is there: narrow and wide, light and dark, by axe's rules.
    async fn inspect(&self, name: &str) -> anyhow::Result<()> {
        for (width, height, scheme) in [
            (360, 780, "dark"),
            (2560, 1200, "light"),
            (1440, 900, "light"),
        ] {
            self.chrome.viewport(width, height, scheme).await?;
            let looked = async {
                self.chrome.fits().await?;
                self.chrome.accessible().await
            };
            looked
                .await
                .with_context(|| format!("{name} at {width} pixels, {scheme}"))?;
            self.picture(name, (width, scheme)).await?;
        }
        let complaints = self.chrome.complaints().await?;
        let (expected, other): (Vec<_>, Vec<_>) = complaints
            .into_iter()
            .partition(|text| text.contains("the server responded with a status of 4"));
        drop(expected);
        ensure!(other.is_empty(), "{name}: {other:#?}");
        Ok(())
    }

    async fn picture(&self, name: &str, (width, scheme): (u32, &str)) -> anyhow::Result<()> {
        let Some(folder) = &self.pictures else {
            return Ok(());
        };
        let suffix = match width {
            360 => "-narrow",
            1440 => "",
            _ => return Ok(()),
        };
        std::fs::create_dir_all(folder)?;
        let file = folder.join(format!("dashboard-{name}{suffix}.png"));
        let picture = self.chrome.picture().await;
        std::fs::write(&file, picture?).with_context(|| format!("{} ({scheme})", file.display()))
    }

    /// Creates an instance through the form; gives its id.
    async fn create(&self, rig: &Rig) -> anyhow::Result<i64> {
        let chrome = &self.chrome;
        chrome.press("Create the first instance").await?;
        for (field, text) in [
            ("#username", "rig@example.com"),
            ("#password", "demo-key"),
            ("#base_url", &rig.simulator.base_url()),
            ("#interval", "1"),
            ("#tags", "sales, eu"),
            ("#callback", "ftp://example.com"),
        ] {
            chrome.fill(field, text).await?;
        }
        // It is told while one types, and the word goes away when it is mended.
        let error = "return document.getElementById('error-callback').textContent !== ''";
        self.becomes(error, "the callback is refused").await?;
        chrome.fill("#callback", &rig.receiver.url()).await?;
        let fine = "return document.getElementById('error-callback').textContent === ''";
        self.becomes(fine, "the callback is accepted").await?;
        let slider = chrome
            .run("return document.getElementById('slider').value")
            .await?;
        ensure!(
            slider == "1",
            "the slider follows the number, and stands at {slider}"
        );
        chrome.fill("#name", "Acme sales").await?;
        self.becomes(
            "return document.getElementById('summary').textContent.startsWith('Everything fits')",
            "the form is complete",
        )
        .await?;
        self.inspect("create").await?;
        chrome.press("Create instance").await?;
        chrome.sees("Acme sales is created").await?;
        self.inspect("created").await?;
        let id = chrome
            .run("return document.getElementById('id').textContent")
            .await?;
        chrome.press("Go to the instance").await?;
        id.as_str().and_then(|id| id.parse().ok()).context("no id")
    }

    async fn becomes(&self, script: &str, what: &str) -> anyhow::Result<()> {
        eventually(what, PATIENCE, async || {
            Ok((self.chrome.run(script).await? == true).then_some(()))
        })
        .await
    }

    /// Waits for a row of the live events with these two texts, without the page being loaded again.
    async fn row(&self, rig: &Rig, instance: i64, texts: [&str; 2]) -> anyhow::Result<()> {
        let texts = json!(texts);
        let script = format!(
            "return window.loaded === 1 && [...document.querySelectorAll('#rows tr')].some((row) => {texts}.every((text) => row.innerText.includes(text)))"
        );
        let what = format!("a row with {texts}");
        let found = eventually(&what, PATIENCE, async || {
            drop(rig.poll_now(instance).await);
            Ok((self.chrome.run(&script).await? == true).then_some(()))
        });
        let found = found.await;
        let seen = self.chrome.text().await?;
        found.with_context(|| format!("the page shows: {seen}"))
    }
}

/// Gives pages something to show: other instances, a time of changes.
async fn populate(rig: &Rig) -> anyhow::Result<()> {
    for (name, tag) in [
        ("Globex support", "support"),
        ("Initech leads", "leads"),
        ("Umbrella EU", "eu"),
    ] {
        let mut body = rig.body(&["contacts", "leads", "accounts"]);
        body["name"] = json!(name);
        body["tags"] = json!([tag]);
        body["configuration"]["event.changes"] = json!(true);
        rig.client
            .must(reqwest::Method::POST, "/instances", Some(body))
            .await?;
    }
    Ok(())
}

#[rstest]
#[case::embedded(Mode::Embedded)]
#[case::processes(Mode::Processes)]
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_creates_watches_mends_and_leaves(#[case] mode: Mode) -> anyhow::Result<()> {
    let world = Settings::empty()
        .without_limits()
        .with_records("Contacts", 20);
    let rig = Rig::start(mode, world).await?;
    let operator = Operator::new(&rig).await?;
    let chrome = &operator.chrome;

    // Signing in: a wrong password is refused, the right one leads to an empty list.
    operator.goto("/").await?;
    operator.sign_in("a wrong password").await?;
    chrome.sees("do not belong together").await?;
    operator.inspect("sign-in").await?;
    operator.sign_in(PASSWORD).await?;
    chrome.sees("No instances yet").await?;
    operator.inspect("empty").await?;

    // An instance is created through the page, and a change arrives live, with its name as text.
    let instance = operator.create(&rig).await?;
    populate(&rig).await?;
    operator.goto("/dashboard/events").await?;
    chrome.sees("Live").await?;
    chrome.run("window.loaded = 1").await?;
    let named = Change::create("Contacts")
        .with("FIRST_NAME", SCRIPT)
        .with("LAST_NAME", "Doe");
    let named = rig.world().change(&named)?;
    operator.row(&rig, instance, [SCRIPT, "Delivered"]).await?;
    ensure!(
        chrome.run("return window.ran").await? == Value::Null,
        "the name ran"
    );

    // The callback breaks: the next change fails before one's eyes.
    rig.receiver.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    rig.world()
        .change(&Change::update("Contacts", named.id.as_i64()).with("LAST_NAME", "Roe"))?;
    rig.world().change(
        &Change::create("Leads")
            .with("FIRST_NAME", "Jane")
            .with("LAST_NAME", "Poe"),
    )?;
    operator.row(&rig, instance, ["Jane Poe", "Failed"]).await?;
    operator.inspect("events").await?;
    operator
        .goto("/dashboard/events?status=FAILED&live=off")
        .await?;
    chrome.click("#rows a.strong").await?;
    chrome.sees("Dead letter").await?;
    operator.inspect("event").await?;
    operator.goto("/dashboard/instances").await?;
    chrome.sees("Callback failing").await?;
    operator.inspect("instances").await?;
    operator
        .goto(&format!("/dashboard/instances/{instance}"))
        .await?;
    chrome.sees("The callback fails.").await?;
    chrome.element(".chart canvas").await?;
    operator.inspect("instance").await?;

    // It is mended, and what failed is redriven.
    operator.goto("/dashboard/dead-letters").await?;
    chrome.sees("The callback fails (5xx)").await?;
    operator.inspect("dead-letters").await?;
    chrome.press("Acme sales").await?;
    chrome.click("[data-every]").await?;
    chrome.sees("selected").await?;
    operator.inspect("dead-letter-group").await?;
    rig.receiver.answer_with(StatusCode::OK);
    chrome.press("Redrive selected").await?;
    chrome.sees("redriven").await?;
    operator
        .goto(&format!("/dashboard/events?instance={instance}"))
        .await?;
    chrome.run("window.loaded = 1").await?;
    operator
        .row(&rig, instance, ["Jane Poe", "Delivered"])
        .await?;

    // A request that no page of ours sends is refused, and signing out ends it all.
    operator.goto("/dashboard/system").await?;
    chrome.element(".chart canvas").await?;
    operator.inspect("system").await?;
    let forged = "const done = arguments[arguments.length - 1]; \
         fetch('/dashboard/sign-out', {method: 'POST'}).then((answer) => done(answer.status))";
    let status = chrome.run_async(forged).await?;
    ensure!(status == 403, "a request without a token: {status}");
    chrome.press("Sign out").await?;
    chrome.element("#password").await?;
    operator.goto("/dashboard/instances").await?;
    ensure!(
        chrome.url().await?.contains("/sign-in"),
        "the session has ended"
    );
    operator.chrome.quit().await?;
    rig.stop().await
}
