//! Requests that are wrong in one way each, and what the answer to each has to name.

use serde_json::{Value, json};

use super::bodies::wrong_body;
use super::endpoints::{ENDPOINTS, Endpoint, Takes, Who};
use crate::rig::{ADMIN_TOKEN, body};

/// Numbers that are the same on every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    pub(super) fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// A request that must be refused.
#[derive(Clone, Debug)]
pub(super) struct Attack {
    pub(super) endpoint: Endpoint,
    /// In what way it is wrong.
    pub(super) kind: &'static str,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) authorization: Option<Vec<u8>>,
    pub(super) headers: Vec<(&'static str, &'static [u8])>,
    pub(super) body: Vec<u8>,
    /// The answer's message has to hold one of these.
    pub(super) names: Vec<String>,
}

/// What is there, for requests that are right in everything but one thing.
pub(super) struct Ground {
    pub(super) instance: String,
    pub(super) event: String,
    pub(super) account: String,
    pub(super) element: String,
}

/// Headers that nobody has asked for; none of them changes an answer.
const NOISE: &[(&str, &[u8])] = &[
    ("traceparent", b"00-zz-zz-zz"),
    ("traceparent", b"\xff\xfe"),
    ("accept", b"text/evil;q=x"),
    ("content-type", b"application/x-nothing; charset=\xc3\xa9"),
    ("content-encoding", b"gzip"),
    ("cookie", b"ie_session=;;;==\xff"),
    ("range", b"bytes=5-1"),
    ("if-none-match", b"*"),
    ("x-forwarded-for", b"169.254.169.254"),
    ("sec-fetch-site", b"cross-site"),
    ("accept-language", b"<script>"),
    ("last-event-id", b"-1"),
];

/// What may stand in the place of an id, encoded for a path.
const IDS: &[&str] = &[
    "-1",
    "x",
    "99999999999999999999",
    "1.0",
    "NaN",
    "%00",
    "%ff",
    "%F0%9F",
    "..%2f..%2fetc",
    "'%20OR%201=1%20--",
    "%3Cscript%3E",
    "%E2%80%AE1",
    "1%0d%0aX:%20y",
    "null",
    "%7B%7D",
];

impl Ground {
    /// Any request of the kinds below.
    pub(super) fn attack(&self, dice: &mut Dice) -> Attack {
        let endpoint = &ENDPOINTS[dice.below(ENDPOINTS.len())];
        let mut attack = self.right(*endpoint);
        for _ in 0..dice.below(3) {
            attack.headers.push(dice.one_of(NOISE));
        }
        // One that does not fit to the endpoint gives way to one that fits to all.
        let ways: [Way; 7] = [credentials, ids, queries, bodies, bodies, methods, paths];
        let way = dice.one_of(&ways);
        if way(self, &mut attack, dice).is_none() {
            methods(self, &mut attack, dice);
        }
        attack
    }

    fn right(&self, endpoint: Endpoint) -> Attack {
        let authorization = match endpoint.who {
            Who::Account => Some(self.account.clone().into_bytes()),
            Who::Element => {
                Some(format!("{}, Element {}", self.account, self.element).into_bytes())
            }
            Who::Operator => Some(format!("Bearer {ADMIN_TOKEN}").into_bytes()),
            Who::Nobody => None,
        };
        Attack {
            endpoint,
            kind: "",
            method: endpoint.method.to_owned(),
            path: self.path(endpoint.path, ""),
            authorization,
            headers: Vec::new(),
            body: right_body(endpoint.takes).to_string().into_bytes(),
            names: Vec::new(),
        }
    }

    /// The path with what is there in its places, but for one of them.
    fn path(&self, template: &str, but: &str) -> String {
        let below = match template.strip_prefix("//") {
            Some(rest) => format!("/{rest}"),
            None => format!("/elements/api-v2{template}"),
        };
        let places = [
            ("{id}", self.instance.as_str()),
            ("{eventId}", &self.event),
            ("{key}", "username"),
            ("{element}", "insightly"),
            ("{resource}", "contacts"),
            ("{record}", "7"),
            ("{address}", "MAIL"),
            ("{token}", "none"),
        ];
        let places = places.into_iter().filter(|(place, _)| *place != but);
        places.fold(below, |path, (place, value)| path.replace(place, value))
    }
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A way of being wrong; none when the endpoint has nothing to be wrong in that way.
type Way = fn(&Ground, &mut Attack, &mut Dice) -> Option<()>;

fn credentials(ground: &Ground, attack: &mut Attack, dice: &mut Dice) -> Option<()> {
    if attack.endpoint.who == Who::Nobody {
        return None;
    }
    let account = &ground.account;
    attack.kind = "credentials";
    attack.names = named(&["Authorization"]);
    attack.authorization = match dice.below(9) {
        0 => None,
        1 => Some(b"Bearer abc".to_vec()),
        2 => Some(b"User \xff\xfe, Organization \x80".to_vec()),
        3 => Some(format!("{account}, Element wrong").into_bytes()),
        4 => Some(format!("{account}, Elephant x").into_bytes()),
        5 => Some(b"User nobody=, Organization nothing=".to_vec()),
        6 => Some(",".repeat(1 + dice.below(4000)).into_bytes()),
        7 => Some(b"User , Organization ".to_vec()),
        _ => Some(account.replace("User", "user-agent").into_bytes()),
    };
    Some(())
}

fn ids(ground: &Ground, attack: &mut Attack, dice: &mut Dice) -> Option<()> {
    let template = attack.endpoint.path;
    let places: &[(&str, &[&str])] = &[
        ("{id}", &["instance", "organization", "user"]),
        ("{eventId}", &["event", "dead letter"]),
        ("{element}", &["connector"]),
        ("{resource}", &["resource", "address"]),
        ("{record}", &["id:"]),
        ("{address}", &["address"]),
        ("{token}", &["address"]),
    ];
    let there: Vec<_> = places
        .iter()
        .filter(|(place, _)| template.contains(place))
        .collect();
    if there.is_empty() {
        return None;
    }
    let (place, names) = there[dice.below(there.len())];
    let id = match dice.below(10) {
        0 => "9".repeat(20 + dice.below(2000)),
        1 => "%F0%9F%92%A3".repeat(1 + dice.below(50)),
        _ => dice.one_of(IDS).to_owned(),
    };
    attack.kind = "id";
    attack.names = named(names);
    if id.starts_with("%ff") || id.ends_with("%9F") {
        attack.names.push("path".to_owned());
    }
    attack.path = ground.path(template, place).replace(place, &id);
    Some(())
}

/// Values that no parameter of that name takes.
fn bad_values(name: &str) -> &'static [&'static str] {
    match name {
        "pageSize" => &["0", "-1", "x", "1e3", "99999999999", "1.5", "%EF%BC%91"],
        "nextPage" => &[
            "x",
            "!!",
            "====",
            "MTIzYQ",
            "%00",
            "99999999999999999999999999",
        ],
        "page" => &["0", "-1", "x", "99999999999"],
        "from" | "to" => &[
            "yesterday",
            "2026-13-01",
            "99999999999999999999",
            "NaN",
            "2026-11-24T25:00:00Z",
            "%00",
        ],
        "status" | "errorClass" => &["NOPE", "1", "'", "%F0%9F%92%A3", "failed,notified"],
        "interval" => &["second", "MINUTES", "0", "-1", "%00"],
        "accountIds[]" => &["0", "-1", "x", "1.5", "99999999999999999999"],
        "instanceId" => &["x", "-1", "99999999999999999999", "%00"],
        "where" => &[
            "nonsense",
            "=",
            "a='b",
            "updated_after_utc='yesterday'",
            "NO_SUCH_FIELD='x'",
            "%00",
        ],
        other => panic!("no bad values of {other}"),
    }
}

fn queries(_: &Ground, attack: &mut Attack, dice: &mut Dice) -> Option<()> {
    let params = attack.endpoint.params;
    if params.is_empty() {
        return None;
    }
    let name = dice.one_of(params);
    attack.kind = "query";
    attack.names = named(&[
        name,
        name.trim_end_matches("Id"),
        name.trim_end_matches("[]"),
    ]);
    let separator = if attack.path.contains('?') { '&' } else { '?' };
    if params.contains(&"from") && dice.below(6) == 0 {
        attack.names = named(&["from"]);
        attack.path += &format!("{separator}from=2026-11-25&to=2026-11-24");
        return Some(());
    }
    let value = dice.one_of(bad_values(name));
    attack.path += &format!("{separator}{name}={value}&more=%ff");
    Some(())
}

fn methods(_: &Ground, attack: &mut Attack, dice: &mut Dice) -> Option<()> {
    const METHODS: [&str; 10] = [
        "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW", "get",
    ];
    let path = attack.endpoint.path;
    let offered = |method: &str| {
        ENDPOINTS
            .iter()
            .any(|known| known.method == method && known.path == path)
    };
    let others: Vec<&str> = METHODS
        .into_iter()
        .filter(|method| !offered(method))
        .collect();
    attack.method = dice.one_of(&others).to_owned();
    attack.kind = "method";
    attack.names = vec![attack.method.clone()];
    Some(())
}

fn paths(_: &Ground, attack: &mut Attack, dice: &mut Dice) -> Option<()> {
    const PATHS: &[&str] = &[
        "/formulas",
        "/instances/1/nothing",
        "/hubs",
        "/hubs/sales/contacts",
        "/instance",
        "/..%2f",
        "/%00",
        "/%ff",
        "/elements/insightly/instances/1/2/3/4",
        "/authentication/x/y",
        "//",
        "/instances/events/1/2",
        "/dead-letters/1/2",
    ];
    let unknown = dice.one_of(PATHS);
    attack.kind = "path";
    attack.path = format!("/elements/api-v2{unknown}");
    attack.names = vec![attack.path.clone()];
    Some(())
}

fn right_body(takes: Takes) -> Value {
    match takes {
        Takes::Nothing => Value::Null,
        Takes::Instance => body(&json!({})),
        Takes::Changes => json!({"name": "another", "configuration": {"event.raw.enabled": false}}),
        Takes::Entry => json!({"propertyValue": "you@example.com"}),
        Takes::Letters => json!({"limit": 1}),
        Takes::Replay => json!({"limit": 1, "dryRun": true}),
        Takes::Rotation => json!({"secret": "webhook", "grace": "1h"}),
        Takes::Record => json!({"FIRST_NAME": "Kim"}),
        Takes::Address => json!({"ADDRESS_TYPE": "MAIL"}),
        Takes::SignIn => json!({"username": "nobody", "password": "a wrong password"}),
        Takes::Organization => json!({"name": "acme"}),
        Takes::User => json!({"name": "kim", "role": "admin"}),
        Takes::UserChange => json!({"role": "admin"}),
        Takes::Grace => json!({"graceMinutes": 5}),
    }
}

fn bodies(_: &Ground, attack: &mut Attack, dice: &mut Dice) -> Option<()> {
    let takes = attack.endpoint.takes;
    if takes == Takes::Nothing {
        return None;
    }
    attack.names = named(&["body"]);
    attack.kind = "broken body";
    let whole = attack.body.clone();
    attack.body = match dice.below(10) {
        0 => whole[..whole.len() - 1 - dice.below(whole.len() - 1)].to_vec(),
        1 => [b"\xff\xfe".as_slice(), &whole].concat(),
        2 => "[".repeat(1 + dice.below(50_000)).into_bytes(),
        3 => "{\"a\":".repeat(1 + dice.below(50_000)).into_bytes(),
        4 => [&whole, b"x".as_slice()].concat(),
        5 if dice.below(10) == 0 => vec![b' '; 1_048_577],
        _ => {
            let (names, value) = wrong_body(takes, dice)?;
            attack.kind = "wrong body";
            attack.names = names;
            value.to_string().into_bytes()
        }
    };
    Some(())
}
