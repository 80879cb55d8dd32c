//! Insightly's API over the world: who asks, whether it may, and what it gets.

use axum::http::{Method, StatusCode};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::account::{Account, Key};
use crate::error::Error;
use crate::faults::Fault;
use crate::http::answer::{Answer, Content, Fate, etag};
use crate::http::call::{Call, Route};
use crate::limits::Verdict;
use crate::record::Record;
use crate::world::{Page, World};
use crate::write::At;

/// A request that got past keys, faults and limits.
#[derive(Debug)]
pub(crate) struct Admitted {
    key: Key,
    pub(crate) fate: Fate,
}

/// A request that did not, and the latency and damage of its answer.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) answer: Answer,
    pub(crate) fate: Fate,
}

impl World {
    /// Looks at the key, rolls the dice for faults and asks the limits.
    pub(crate) fn admit(
        &mut self,
        call: &Call,
        now: DateTime<Utc>,
    ) -> Result<Admitted, Box<Refused>> {
        let known = call.key().and_then(|key| self.keys.get(&key).cloned());
        let Some(key) = known.filter(|key| !key.revoked) else {
            return Err(Box::new(Refused {
                answer: Answer::unauthorized(),
                fate: Fate::default(),
            }));
        };
        let now = now.timestamp_millis();
        let account = &mut self.accounts[key.account];
        account.meter.arrive(now);
        let plan = self.faults.plan(&account.name, call.object());
        let mut fate = Fate {
            latency: plan.latency,
            damage: plan.fault,
        };
        if let Some(answer) = fate.damage.as_ref().and_then(Answer::of_fault) {
            fate.damage = None;
            let answer = with_limits(answer, account);
            return Err(Box::new(Refused { answer, fate }));
        }
        let (window, turn) = (self.behaviour.rate_window, self.behaviour.turn());
        let verdict = account.meter.ask(account.limits, window, turn, now);
        if let Some(answer) = self.limited(verdict) {
            let answer = with_limits(answer, &self.accounts[key.account]);
            return Err(Box::new(Refused { answer, fate }));
        }
        Ok(Admitted { key, fate })
    }

    fn limited(&self, verdict: Verdict) -> Option<Answer> {
        let (text, wait, says) = match verdict {
            Verdict::Granted => return None,
            Verdict::Burst { wait } => (
                "Too many requests per second.",
                wait,
                self.behaviour.burst_retry_after,
            ),
            Verdict::DaySpent { wait } => (
                "The daily limit of requests is reached.",
                wait,
                self.behaviour.daily_retry_after,
            ),
        };
        let mut answer = Answer::message(StatusCode::TOO_MANY_REQUESTS, text);
        // Whole seconds, rounded up: a client that waits so long gets through.
        answer.retry_after = says.then(|| (wait.max(1) as u64).div_ceil(1_000));
        Some(answer)
    }

    /// Answers an admitted request as of `now`.
    pub(crate) fn answer(
        &mut self,
        call: &Call,
        admitted: &Admitted,
        now: DateTime<Utc>,
    ) -> Answer {
        let place = admitted.key.account;
        self.accounts[place].settle(now.timestamp_millis());
        let answer = if admitted.key.forbidden.contains(call.object()) {
            let text = "You do not have permission to access this object.";
            Answer::message(StatusCode::FORBIDDEN, text)
        } else {
            self.routed(call, admitted, now)
                .unwrap_or_else(Answer::from)
        };
        with_limits(answer, &self.accounts[place])
    }

    fn routed(
        &mut self,
        call: &Call,
        admitted: &Admitted,
        now: DateTime<Utc>,
    ) -> Result<Answer, Error> {
        let place = admitted.key.account;
        let account = &self.accounts[place];
        let exists = |object: &str| account.table(object).is_ok();
        let searches = |object: &str| account.table(object).is_ok_and(|table| table.schema.search);
        let route = call.route(exists, searches);
        match (&call.method, route) {
            (_, Route::Misspelt) => Ok(Answer::not_allowed()),
            (_, Route::Unknown) => Ok(Answer::not_found()),
            (&Method::GET, Route::Collection(object)) => {
                self.read(call, admitted, At { place, object }, now)
            }
            (&Method::GET, Route::Search(object)) => {
                self.read(call, admitted, At { place, object }, now)
            }
            (&Method::GET, Route::One(object, id)) => {
                let page = self.one(place, object, id, now)?;
                Ok(self.hand_out(admitted, At { place, object }, page, now))
            }
            (&Method::GET, Route::Me) => self.me(admitted, now),
            (&Method::GET, Route::Instance) => Ok(ok(instance(account))),
            (&Method::GET, Route::CustomObjects) => Ok(ok(custom_objects(account))),
            (&Method::GET, Route::Tags) => {
                Ok(ok(json!([{"TAG_NAME": "vip"}, {"TAG_NAME": "partner"}])))
            }
            (&Method::POST, Route::Notes(object, id)) => {
                self.add_note(call, admitted, (object, id), now)
            }
            (_, Route::Collection(object) | Route::One(object, _))
                if self.accounts[place].table(object)?.schema.read_only =>
            {
                Ok(Answer::not_allowed())
            }
            // A note is made at its parent.
            (&Method::POST, Route::Collection("Notes")) => Ok(Answer::not_allowed()),
            (&Method::POST, Route::Collection(object)) => self.post(call, admitted, object, now),
            (&Method::PUT, Route::Collection(object) | Route::One(object, _)) => {
                self.put(call, At { place, object }, now)
            }
            (&Method::DELETE, Route::One(object, id)) => {
                self.delete(At { place, object }, id, now)?;
                Ok(Answer::new(StatusCode::ACCEPTED, Content::Nothing))
            }
            _ => Ok(Answer::not_allowed()),
        }
    }

    fn read(
        &mut self,
        call: &Call,
        admitted: &Admitted,
        at: At<'_>,
        now: DateTime<Utc>,
    ) -> Result<Answer, Error> {
        let search = call.segments.len() == 2;
        let (query, brief) = call.query(&self.behaviour, search)?;
        let page = self.page(at.place, at.object, &query, now)?;
        self.note_served(admitted, at, &page, now);
        Ok(Answer::new(StatusCode::OK, Content::Page { page, brief }))
    }

    fn hand_out(
        &mut self,
        admitted: &Admitted,
        at: At<'_>,
        mut page: Page,
        now: DateTime<Utc>,
    ) -> Answer {
        self.note_served(admitted, at, &page, now);
        let record = page.records.remove(0);
        Answer::new(StatusCode::OK, Content::Record(Box::new(record)))
    }

    /// A damaged answer does not count as handed out.
    fn note_served(&mut self, admitted: &Admitted, at: At<'_>, page: &Page, now: DateTime<Utc>) {
        if admitted.fate.damage.is_none() {
            self.served(at.place, at.object, page, now);
        }
    }

    fn me(&mut self, admitted: &Admitted, now: DateTime<Utc>) -> Result<Answer, Error> {
        let at = At {
            place: admitted.key.account,
            object: "Users",
        };
        let id = self.user(admitted)?.to_string();
        let page = self.one(at.place, at.object, &id, now)?;
        Ok(self.hand_out(admitted, at, page, now))
    }

    /// The id of the user whose key it is; keys beyond the users belong to the first.
    fn user(&self, admitted: &Admitted) -> Result<i64, Error> {
        let users = self.accounts[admitted.key.account].table("Users")?;
        let row = Some(admitted.key.user).filter(|user| users.live.contains(*user));
        Ok(users.id(row.unwrap_or(0)))
    }

    fn post(
        &mut self,
        call: &Call,
        admitted: &Admitted,
        object: &str,
        now: DateTime<Utc>,
    ) -> Result<Answer, Error> {
        let mut fields = body(call)?;
        let user = self.user(admitted)?;
        for name in ["OWNER_USER_ID", "CREATED_USER_ID"] {
            fields.entry(name).or_insert(user.into());
        }
        let place = admitted.key.account;
        let record = self.create(At { place, object }, &fields, now)?;
        Ok(Answer::new(
            StatusCode::CREATED,
            Content::Record(Box::new(record)),
        ))
    }

    fn put(&mut self, call: &Call, at: At<'_>, now: DateTime<Utc>) -> Result<Answer, Error> {
        let fields = body(call)?;
        let id_field = self.accounts[at.place]
            .table(at.object)?
            .schema
            .id_field
            .clone();
        let in_path = call.segments.get(1).cloned();
        let in_body = fields
            .get(&id_field)
            .map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        let id = in_path
            .or(in_body)
            .ok_or_else(|| Error::Invalid(format!("{id_field} is required.")))?;
        if let Some(wanted) = &call.if_match {
            let current = etag(&self.latest(at, &id)?);
            if wanted != "*" && wanted.trim_start_matches("W/") != current {
                return Err(Error::Invalid(
                    "The record has been changed since it was read.".to_owned(),
                ));
            }
        }
        let record: Record = self.update(at, &id, &fields, now)?;
        Ok(Answer::new(
            StatusCode::OK,
            Content::Record(Box::new(record)),
        ))
    }

    /// A note at its parent: a record of `Notes` with a link back.
    fn add_note(
        &mut self,
        call: &Call,
        admitted: &Admitted,
        parent: (&str, &str),
        now: DateTime<Utc>,
    ) -> Result<Answer, Error> {
        let (object, id) = parent;
        let place = admitted.key.account;
        let parent = self.latest(At { place, object }, id)?;
        let notes = self.accounts[place].table("Notes")?;
        let note = notes.id(notes.rows.len() as u32);
        let mut fields = body(call)?;
        fields.insert(
            "LINKS".to_owned(),
            json!([{
                "DETAILS": null, "IS_FORWARD": true, "LINK_ID": note * 4,
                "LINK_OBJECT_ID": parent.id(), "LINK_OBJECT_NAME": object.trim_end_matches('s'),
                "OBJECT_ID": note, "OBJECT_NAME": "Note", "RELATIONSHIP_ID": null, "ROLE": null,
            }]),
        );
        fields
            .entry("OWNER_USER_ID")
            .or_insert(self.user(admitted)?.into());
        let at = At {
            place,
            object: "Notes",
        };
        let record = self.create(at, &fields, now)?;
        Ok(Answer::new(
            StatusCode::CREATED,
            Content::Record(Box::new(record)),
        ))
    }
}

fn with_limits(mut answer: Answer, account: &Account) -> Answer {
    let remaining = account.meter.remaining(account.limits);
    answer.limits = Some((account.limits.per_day, remaining));
    answer
}

/// The JSON object that a client sent.
fn body(call: &Call) -> Result<Map<String, Value>, Error> {
    serde_json::from_slice(&call.body)
        .map_err(|error| Error::Invalid(format!("The request body is not a JSON object: {error}.")))
}

fn ok(value: Value) -> Answer {
    Answer::new(StatusCode::OK, Content::Json(value.to_string()))
}

fn instance(account: &Account) -> Value {
    json!({
        "INSTANCE_ID": account.instance_id,
        "INSTANCE_NAME": format!("{} (simulated)", account.name),
        "INSTANCE_SUBDOMAIN": account.name,
        "PLAN_NAME": plan(account.limits.per_day),
        "NEW_USER_EXPERIENCE_ENABLED": true,
    })
}

/// The plan that has the account's daily limit.
fn plan(per_day: u32) -> &'static str {
    match per_day {
        0..=1_000 => "Free",
        1_001..=20_000 => "Legacy",
        20_001..=40_000 => "Plus",
        40_001..=60_000 => "Professional",
        _ => "Enterprise",
    }
}

fn custom_objects(account: &Account) -> Value {
    account
        .tables()
        .map(|table| table.schema.object.as_str())
        .filter(|object| object.ends_with("__c"))
        .map(|object| {
            let label = object.trim_end_matches("__c").replace('_', " ");
            json!({"OBJECT_NAME": object, "SINGULAR_LABEL": label, "PLURAL_LABEL": format!("{label}s")})
        })
        .collect()
}

impl Fate {
    /// Whether the connection ends instead of an answer.
    pub(crate) fn cuts_before(&self) -> bool {
        self.damage == Some(Fault::CutBefore)
    }
}
