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
            360 if ["instance", "events"].contains(&name) => "-narrow",
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
        chrome.click("#changes").await?;
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

/// Gives pages something to show: other instances, and what happens to their records.
async fn populate(rig: &Rig) -> anyhow::Result<()> {
    for (name, tag) in [
        ("Globex support", "support"),
        ("Initech leads", "leads"),
        ("Umbrella EU", "eu"),
    ] {
        let mut body = rig.body(&["contacts", "leads", "accounts"]);
        body["name"] = json!(name);
        body["tags"] = json!([tag]);
        let created = rig
            .client
            .must(reqwest::Method::POST, "/instances", Some(body))
            .await?;
        let id = created["id"].as_i64().context("no id")?;
        for (first, last) in [("Ada", "Byron"), ("Grace", "Murray"), ("Edsger", "Wybe")] {
            let lead = Change::create("Leads").with("FIRST_NAME", first);
            rig.world().change(&lead.with("LAST_NAME", last))?;
        }
        let firm = Change::create("Organisations").with("ORGANISATION_NAME", format!("{name} Ltd"));
        rig.world().change(&firm)?;
        rig.poll_now(id).await?;
    }
    Ok(())
}

/// A wrong password is refused, the right one leads to an empty list.
async fn enter(operator: &Operator) -> anyhow::Result<()> {
    operator.goto("/").await?;
    operator.sign_in("a wrong password").await?;
    operator.chrome.sees("do not belong together").await?;
    operator.inspect("sign-in").await?;
    operator.sign_in(PASSWORD).await?;
    operator.chrome.sees("No instances yet").await?;
    operator.inspect("empty").await
}

/// A change arrives without the page being loaded again, and its name is text. Gives the record's id.
async fn watch(operator: &Operator, rig: &Rig, instance: i64) -> anyhow::Result<Option<i64>> {
    let chrome = &operator.chrome;
    operator.goto("/dashboard/events").await?;
    chrome.sees("Live").await?;
    chrome.run("window.loaded = 1").await?;
    let named = Change::create("Contacts").with("FIRST_NAME", SCRIPT);
    let named = rig.world().change(&named.with("LAST_NAME", "Doe"))?;
    operator.row(rig, instance, [SCRIPT, "Delivered"]).await?;
    let ran = chrome.run("return window.ran").await?;
    ensure!(ran == Value::Null, "the name ran");
    Ok(named.id.as_i64())
}

/// The callback breaks, the next changes fail before one's eyes, and every page says why.
async fn break_callback(
    operator: &Operator,
    rig: &Rig,
    (instance, record): (i64, Option<i64>),
) -> anyhow::Result<()> {
    let chrome = &operator.chrome;
    rig.receiver.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    let update = Change::update("Contacts", record).with("LAST_NAME", "Roe");
    rig.world().change(&update)?;
    let lead = Change::create("Leads").with("FIRST_NAME", "Jane");
    rig.world().change(&lead.with("LAST_NAME", "Poe"))?;
    operator.row(rig, instance, ["Jane Poe", "Failed"]).await?;
    operator.row(rig, instance, ["Roe", "Failed"]).await?;
    operator.inspect("events").await?;

    let failed = format!("/dashboard/events?instance={instance}&status=FAILED&live=off");
    operator.goto(&failed).await?;
    chrome.press(&format!("{SCRIPT} Roe")).await?;
    chrome.sees("Dead letter").await?;
    let diff = "return document.querySelector('.diff')?.innerText";
    let diff = chrome.run(diff).await?;
    let diff = diff.as_str().unwrap_or_default();
    ensure!(
        diff.contains("Doe") && diff.contains("Roe"),
        "the diff: {diff}"
    );
    operator.inspect("event").await?;
    operator.goto("/dashboard/instances").await?;
    chrome.sees("Callback failing").await?;
    operator.inspect("instances").await?;
    operator
        .goto(&format!("/dashboard/instances/{instance}"))
        .await?;
    chrome.sees("The callback fails.").await?;
    chrome.element(".chart canvas").await?;
    operator.inspect("instance").await
}

/// It is mended, and what failed is redriven and arrives.
async fn mend(operator: &Operator, rig: &Rig, instance: i64) -> anyhow::Result<()> {
    let chrome = &operator.chrome;
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
    operator.row(rig, instance, ["Jane Poe", "Delivered"]).await
}

/// A request that no page of ours sends is refused, and signing out ends it all.
async fn leave(operator: &Operator) -> anyhow::Result<()> {
    let chrome = &operator.chrome;
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
    let url = chrome.url().await?;
    ensure!(url.contains("/sign-in"), "the session has ended: {url}");
    Ok(())
}

#[rstest]
#[case::embedded(Mode::Embedded)]
#[case::processes(Mode::Processes)]
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_creates_watches_mends_and_leaves(#[case] mode: Mode) -> anyhow::Result<()> {
    let mut world = Settings::empty()
        .without_limits()
        .with_records("Contacts", 20);
    world.daily_limit = 100_000;
    let rig = Rig::start(mode, world).await?;
    let operator = Operator::new(&rig).await?;

    enter(&operator).await?;
    let instance = operator.create(&rig).await?;
    populate(&rig).await?;
    let record = watch(&operator, &rig, instance).await?;
    break_callback(&operator, &rig, (instance, record)).await?;
    mend(&operator, &rig, instance).await?;
    leave(&operator).await?;

    operator.chrome.quit().await?;
    rig.stop().await
}
