//! Tests of [`super`]: which clients are shared, and which are let go.

use reqwest::Url;

use super::*;
use crate::callback::Terms;
use crate::sign::Credentials;

const LIMITS: Limits = Limits {
    per_host: 2,
    total: 4,
};

fn clients() -> Clients {
    let tls = Tls::of_system().unwrap();
    Clients::new(ClientSettings::default(), tls, LIMITS)
}

fn callback(url: &str, own: Option<&Arc<OwnTls>>) -> Callback {
    Callback {
        url: Url::parse(url).unwrap(),
        credentials: Credentials::default(),
        tls: own.cloned(),
        gzip: false,
        terms: Terms::default(),
    }
}

fn own() -> Arc<OwnTls> {
    let made = rcgen::generate_simple_self_signed(["callback.example".to_owned()]).unwrap();
    let own = OwnTls::new(Some(made.cert.pem()), None, None);
    Arc::new(own.unwrap().unwrap())
}

impl Clients {
    fn call(&self, instance: i64, callback: &Callback) {
        self.of(InstanceId(instance), callback).unwrap();
    }

    fn count(&self) -> usize {
        self.held().clients.len()
    }

    fn opens(&self, key: &Key, connections: usize) {
        let held = self.held();
        let opened = &held.clients[key].opened;
        opened.fetch_add(connections, Ordering::Relaxed);
        self.grown.store(true, Ordering::Relaxed);
    }

    fn holds(&self, key: &Key) -> bool {
        self.held().clients.contains_key(key)
    }
}

fn shared(origin: &str) -> Key {
    Key::Shared(origin.to_owned())
}

#[test]
fn instances_share_a_client_by_origin_unless_they_bring_something() {
    let clients = clients();
    let own = own();

    clients.call(1, &callback("https://a.example/one", None));
    clients.call(2, &callback("https://a.example/two", None));
    assert_eq!(clients.count(), 1);

    clients.call(3, &callback("https://a.example/one", Some(&own)));
    clients.call(4, &callback("https://a.example/one", Some(&own)));
    assert_eq!(clients.count(), 3);
}

#[test]
fn what_an_instance_brings_is_let_go_once_it_brings_something_else() {
    let clients = clients();
    let (before, after) = (own(), own());
    let url = "https://a.example/";
    clients.call(1, &callback(url, Some(&before)));
    let made_for = || {
        clients.held().clients[&Key::Own(InstanceId(1))]
            .made_for
            .clone()
    };

    clients.keep(InstanceId(1), Some(&before));
    assert_eq!(made_for().own.as_ref(), Some(&before));

    clients.call(1, &callback(url, Some(&after)));
    assert_eq!(made_for().own.as_ref(), Some(&after));

    clients.keep(InstanceId(1), Some(&before));
    assert_eq!(clients.count(), 0);
    clients.call(1, &callback(url, Some(&after)));
    clients.keep(InstanceId(1), None);
    assert_eq!(clients.count(), 0);
}

#[test]
fn a_client_of_its_own_is_another_for_another_origin() {
    let clients = clients();
    let own = own();

    clients.call(1, &callback("https://a.example/", Some(&own)));
    clients.call(1, &callback("https://b.example/", Some(&own)));

    assert_eq!(clients.count(), 1);
    let held = clients.held();
    let made_for = &held.clients[&Key::Own(InstanceId(1))].made_for;
    assert_eq!(made_for.origin, "https://b.example");
}

#[test]
fn beyond_the_limit_those_go_that_were_used_longest_ago() {
    let clients = clients();
    for host in ["a", "b", "c", "d", "a", "e"] {
        clients.call(1, &callback(&format!("https://{host}.example/"), None));
        assert!(clients.count() <= LIMITS.total);
    }

    assert!(clients.holds(&shared("https://a.example")));
    assert!(!clients.holds(&shared("https://b.example")));
}

#[test]
fn a_client_counts_for_what_it_opened_and_no_more_than_one_host_may_have() {
    let clients = clients();
    for host in ["a", "b", "c"] {
        clients.call(1, &callback(&format!("https://{host}.example/"), None));
    }

    clients.opens(&shared("https://c.example"), 100);
    clients.settle();
    assert_eq!(clients.count(), 3, "2 of c, 1 each of the others");

    clients.opens(&shared("https://b.example"), 2);
    clients.settle();
    assert!(!clients.holds(&shared("https://a.example")));
    assert_eq!(clients.count(), 2);
}

#[test]
fn what_cannot_be_used_is_told_by_its_entry() {
    let clients = clients();
    let own = OwnTls::new(Some("trust me".to_owned()), None, None);
    let own = Arc::new(own.unwrap().unwrap());

    let error = clients.of(InstanceId(1), &callback("https://a.example/", Some(&own)));

    let error = error.unwrap_err().to_string();
    assert!(error.contains("event.notification.tls.ca"), "{error}");
}
