//! The health port of a running process.

use ie_platform::http::{self, ClientSettings};
use nix::sys::signal::Signal;
use reqwest::StatusCode;

use crate::probe::Probe;

struct Port {
    client: reqwest::Client,
    base: String,
}

impl Port {
    fn of(probe: &mut Probe) -> Self {
        Self {
            client: http::client(&ClientSettings::default()).unwrap(),
            base: format!("http://127.0.0.1:{}", probe.address().port()),
        }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.send(self.client.get(format!("{}{path}", self.base)))
            .await
    }

    async fn put(&self, path: &str, body: &'static str) -> (StatusCode, String) {
        self.send(self.client.put(format!("{}{path}", self.base)).body(body))
            .await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (StatusCode, String) {
        let response = http::send(request, &self.client, "probe").await.unwrap();
        (response.status(), response.text().await.unwrap())
    }
}

#[tokio::test]
async fn a_process_is_ready_from_the_end_of_its_start_until_it_is_told_to_stop() {
    let mut probe = Probe::start(&[("IE__PROBE__TASK", "endless")]);
    let port = Port::of(&mut probe);
    probe.logs(|line| line["fields"]["health.component"] == "process");

    let up = port.get("/health/ready").await;
    probe.signal(Signal::SIGTERM);
    probe.says("stopping: no new work, waiting for what is under way");
    let stopping = port.get("/health/ready").await;
    let live = port.get("/health/live").await;

    assert_eq!(up.0, StatusCode::OK, "{}", up.1);
    assert_eq!(stopping.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(stopping.1.contains(r#""why":"stopping""#), "{}", stopping.1);
    assert_eq!(live.0, StatusCode::OK);
}

#[tokio::test]
async fn the_numbers_name_the_build() {
    let mut probe = Probe::start(&[]);
    let port = Port::of(&mut probe);

    let (status, body) = port.get("/metrics").await;

    let version = env!("CARGO_PKG_VERSION");
    let line = format!(r#"ie_build_info{{process="ie-probe",version="{version}"}} 1"#);
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains(&line), "{body}");
}

#[tokio::test]
async fn the_log_filter_is_changed_from_outside() {
    let mut probe = Probe::start(&[("IE__TELEMETRY__FILTER", "info")]);
    let port = Port::of(&mut probe);
    probe.logs(|line| line["fields"]["health.component"] == "process");

    let before = port.get("/log-filter").await;
    let refused = port.put("/log-filter", "ie=loud").await;
    let changed = port.put("/log-filter", "info,probe=off").await;

    assert_eq!(before.1.trim(), "info");
    assert_eq!(refused.0, StatusCode::BAD_REQUEST);
    assert_eq!(changed.0, StatusCode::OK, "{}", changed.1);
    assert_eq!(port.get("/log-filter").await.1.trim(), "info,probe=off");
    probe.signal(Signal::SIGTERM);
    let ended = probe.ended();
    assert!(ended.said("ended"), "{}", ended.text());
    assert!(!ended.said("work is done"), "{}", ended.text());
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn a_port_that_is_open_to_the_network_changes_the_log_filter_for_a_token_only() {
    let open = ("IE__HEALTH__ADDRESS", "0.0.0.0:0");
    let mut closed = Probe::start(&[open]);
    let mut guarded = Probe::start(&[open, ("IE__HEALTH__TOKEN", TOKEN)]);
    let (of_closed, of_guarded) = (Port::of(&mut closed), Port::of(&mut guarded));

    let refused = of_closed.put("/log-filter", "debug").await;
    let without = of_guarded.put("/log-filter", "debug").await;
    let url = format!("{}/log-filter", of_guarded.base);
    let request = of_guarded.client.put(url).bearer_auth(TOKEN).body("debug");
    let changed = of_guarded.send(request).await;

    assert_eq!(refused.0, StatusCode::FORBIDDEN, "{}", refused.1);
    assert!(refused.1.contains("health.token"), "{}", refused.1);
    assert_eq!(without.0, StatusCode::UNAUTHORIZED, "{}", without.1);
    assert_eq!(changed.0, StatusCode::OK, "{}", changed.1);
    assert_eq!(
        of_closed.get("/log-filter").await.1.trim(),
        "info,lapin=off"
    );
    assert_eq!(of_guarded.get("/log-filter").await.1.trim(), "debug");
    guarded.signal(Signal::SIGTERM);
    let ended = guarded.ended();
    assert!(!ended.text().contains(TOKEN), "{}", ended.text());
}
