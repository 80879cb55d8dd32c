//! Tests of [`super`] with real connections: the address that was checked is the one that is called.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use futures::FutureExt as _;
use ie_platform::http::{self, ClientSettings};
use ie_platform::{Lifecycle, OutgoingConfig};
use reqwest::Client;

use super::*;

const OUTSIDE: &str = "127.0.0.1";
const INSIDE: &str = "127.0.0.2";

/// Two servers at one port, of which the rules allow the one outside, and a client that counts its lookups.
struct Rebinding {
    client: Client,
    url: String,
    lookups: Arc<AtomicUsize>,
    inside: TcpListener,
    lifecycle: Lifecycle,
}

impl Rebinding {
    /// The name's answers take turns.
    async fn start(answers: &'static [&'static [&'static str]]) -> Self {
        let outside = tokio::net::TcpListener::bind((OUTSIDE, 0)).await.unwrap();
        let port = outside.local_addr().unwrap().port();
        let inside = TcpListener::bind((INSIDE, port)).unwrap();
        inside.set_nonblocking(true).unwrap();
        let lifecycle = Lifecycle::new();
        let app = Router::new().fallback(|| async { "outside" });
        lifecycle.spawn(
            "outside",
            async move { Ok(axum::serve(outside, app).await?) },
        );
        let lookups = Arc::new(AtomicUsize::new(0));
        let settings = ClientSettings {
            pool_max_idle_per_host: 0,
            resolver: Some(Arc::new(resolver(answers, Arc::clone(&lookups)))),
            ..ClientSettings::default()
        };
        Self {
            client: http::client(&settings).unwrap(),
            url: format!("http://callback.example:{port}/"),
            lookups,
            inside,
            lifecycle,
        }
    }

    async fn call(&self) -> bool {
        let request = self.client.get(&self.url);
        http::send(request, &self.client, "test").await.is_ok()
    }

    fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }

    /// A connection waits in the listener's backlog, whether somebody accepts it or not.
    fn inside_was_called(&self) -> bool {
        self.inside.accept().is_ok()
    }
}

impl Drop for Rebinding {
    fn drop(&mut self) {
        self.lifecycle.abort();
    }
}

fn resolver(answers: &'static [&'static [&'static str]], lookups: Arc<AtomicUsize>) -> Resolver {
    let rules = Rules {
        outgoing: OutgoingConfig { allow_http: true },
        allow_networks: vec![format!("{OUTSIDE}/32").parse().unwrap()],
    };
    let lookup = move |_| {
        let turn = lookups.fetch_add(1, Ordering::SeqCst);
        let answer = answers[turn % answers.len()];
        let addresses = answer.iter().map(|text| text.parse().unwrap()).collect();
        async { Ok(addresses) }.boxed()
    };
    Resolver::with_lookup(rules, Arc::new(lookup))
}

#[tokio::test]
async fn a_name_that_changes_its_answer_each_time_never_leads_inside() {
    let rebinding = Rebinding::start(&[&[OUTSIDE], &[INSIDE]]).await;

    for turn in 0..10 {
        assert_eq!(rebinding.call().await, turn % 2 == 0, "call {turn}");
        assert_eq!(rebinding.lookups(), turn + 1, "one lookup for each call");
    }

    assert!(!rebinding.inside_was_called());
}

#[tokio::test]
async fn of_a_name_with_addresses_on_both_sides_only_the_one_outside_is_called() {
    let rebinding = Rebinding::start(&[&[INSIDE, OUTSIDE]]).await;

    assert!(rebinding.call().await);

    assert!(!rebinding.inside_was_called());
}
