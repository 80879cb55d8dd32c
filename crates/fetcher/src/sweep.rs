//! The sweep for deleted records: lists the ids that there are, misses some of those known, and asks for each of these.
//!
//! A record is deleted when a complete list has not had it and Insightly says 404 to its id. Everything that speaks
//! against the list or the answers ends the sweep without a deletion.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use ie_store::{Walk, WalkWrite};
use metrics::counter;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::pages::{Step, content};
use crate::plan::Change;
use crate::sweep_plan::{deleted, is_doubtful, is_polled, returned, shrank};
use crate::walk::{Found, Halt, Place, Walker, stored, to_store};

/// Missing records that are asked for before what was learnt is stored.
const CONFIRMED_AT_ONCE: usize = 20;
/// Missing records that are looked up at once.
const MISSING_AT_ONCE: u32 = 500;

/// Where a sweep is.
#[derive(Debug, Serialize, Deserialize)]
enum Standing {
    /// It lists what there is; `most` is the largest total that the list has named.
    Lists { place: Place, most: u64 },
    /// It asks for what was missing: so many were there all the same, so many are gone.
    Confirms { place: Place, alive: u32, gone: u32 },
}

/// Goes on with a sweep, or begins one, until it is complete or the slice is over.
pub(crate) async fn advance(walker: &mut Walker<'_>, walk: &mut Walk) -> Result<(), Halt> {
    let former: Option<Standing> = stored(walk);
    let former = former.filter(|standing| standing.place().source == walker.source);
    let standing = former.unwrap_or_else(|| {
        walk.number += 1;
        walk.started_at = Some(walker.now());
        (walk.records, walk.total, walk.events) = (0, None, 0);
        let place = walker.begin();
        Standing::Lists { place, most: 0 }
    });
    let (place, alive, gone) = match standing {
        Standing::Lists { place, most } => (list(walker, walk, place, most).await?, 0, 0),
        Standing::Confirms { place, alive, gone } => (place, alive, gone),
    };
    confirm(walker, walk, place, (alive, gone)).await
}

impl Standing {
    fn place(&self) -> &Place {
        match self {
            Self::Lists { place, .. } | Self::Confirms { place, .. } => place,
        }
    }
}

/// Reads the ids that there are, to the end.
async fn list(
    walker: &mut Walker<'_>,
    walk: &mut Walk,
    mut place: Place,
    mut most: u64,
) -> Result<Place, Halt> {
    loop {
        let before = place.clone();
        let answer = walker.page(&mut place, true).await?;
        let page = &answer.body.records;
        let step = place.pages.after(page, content, answer.body.total);
        most = credible(step, most, answer.body.total).map_err(Halt::Doubt)?;
        let mut present: HashSet<String> = page
            .iter()
            .filter_map(|record| walker.reader.object_id(&record.value()))
            .collect();
        let mut changes = Vec::new();
        let looked = look_again(walker, &mut present, &mut changes).await;

        let mut next = walk.clone();
        next.events += changes.len() as u64;
        if let Err(halt) = looked {
            if matches!(halt, Halt::Later(_)) && !changes.is_empty() {
                // The page is read again; what is told of now is not looked at then.
                let place = before;
                next.state = to_store(&Standing::Lists { place, most })?;
                let write = WalkWrite::new(next.clone());
                walker.commit(only(changes), write).await?;
                *walk = next;
            }
            return Err(halt);
        }
        let read = before.pages.skip() + page.len() as u64;
        next.records = next.records.max(read);
        next.total = answer.body.total.or(next.total);
        next.state = to_store(&standing(step, &place, most))?;
        let write = WalkWrite {
            present: present.into_iter().collect(),
            ..WalkWrite::new(next.clone())
        };
        walker.commit(only(changes), write).await?;
        *walk = next;
        if step == Step::Complete {
            return Ok(place);
        }
    }
}

/// The largest total so far, if the page can be relied on; else what speaks against it.
fn credible(step: Step, most: u64, total: Option<u64>) -> Result<u64, String> {
    if step == Step::GiveUp {
        return Err("the list changed faster than it could be read".to_owned());
    }
    let Some(total) = total else { return Ok(most) };
    if shrank(most, total) {
        return Err(format!(
            "the list fell from {most} to {total} records while it was read"
        ));
    }
    Ok(most.max(total))
}

/// Where a sweep is after a page of the list.
fn standing(step: Step, place: &Place, most: u64) -> Standing {
    let place = place.clone();
    if step == Step::Complete {
        Standing::Confirms {
            place,
            alive: 0,
            gone: 0,
        }
    } else {
        Standing::Lists { place, most }
    }
}

/// Reads those of the listed objects whose last event was their deletion: what is there again is told of.
async fn look_again(
    walker: &mut Walker<'_>,
    present: &mut HashSet<String>,
    changes: &mut Vec<Change>,
) -> Result<(), Halt> {
    let (poller, ids) = (walker.poll.poller, Vec::from_iter(present.iter().cloned()));
    let store = &walker.poll.parts.store;
    let gone = store.gone_versions(poller.id, &ids).await?;
    let tolerance = TimeDelta::seconds(i64::from(poller.config.created_check_tolerance));
    for (id, last) in gone {
        let Some(record) = walker.record(&id).await?.body else {
            // Still gone, whatever the list says.
            present.remove(&id);
            continue;
        };
        match walker.reader.read(record) {
            Ok(observed) => {
                let tells_changes = walker.poll.instance.settings.changes;
                changes.push(returned(observed, &last, tolerance, tells_changes));
            }
            // It is told of once it can be read.
            Err(bad) => {
                counter!("ie_records_unreadable_total").increment(1);
                warn!(
                    poll.object = poller.object, instance.id = %poller.instance,
                    object.id = id, reason = bad.reason, "a record that is back cannot be read"
                );
                present.remove(&id);
            }
        }
    }
    Ok(())
}

/// Asks for each of the known objects that the list has not had.
async fn confirm(
    walker: &mut Walker<'_>,
    walk: &mut Walk,
    place: Place,
    mut tally: (u32, u32),
) -> Result<(), Halt> {
    let poller = walker.poll.poller.id;
    loop {
        let store = &walker.poll.parts.store;
        let missing = store
            .missing_objects(poller, walk.number, MISSING_AT_ONCE)
            .await?;
        if missing.is_empty() {
            return finish(walker, walk).await;
        }
        for batch in missing.chunks(CONFIRMED_AT_ONCE) {
            let mut found = Learnt::default();
            let halted = ask(walker, batch, &mut found).await;
            if let Err(Halt::Doubt(_) | Halt::Stop(_)) = halted {
                return halted;
            }
            if found.is_empty() {
                halted?;
                continue;
            }
            tally.0 += found.alive() as u32;
            tally.1 += found.gone.len() as u32;
            if is_doubtful(tally.0, tally.1) {
                let (alive, all) = (tally.0, tally.0 + tally.1);
                let why = format!("the list left out records that exist: {alive} of {all} missing");
                return Err(Halt::Doubt(why));
            }
            let standing = Standing::Confirms {
                place: place.clone(),
                alive: tally.0,
                gone: tally.1,
            };
            store_found(walker, walk, found, &standing).await?;
            halted?;
        }
    }
}

/// What was learnt of missing objects.
#[derive(Default)]
struct Learnt {
    present: Vec<String>,
    aside: Vec<String>,
    gone: Vec<(String, DateTime<Utc>)>,
}

impl Learnt {
    fn alive(&self) -> usize {
        // Those aside are missing from the list as they should.
        self.present.len()
    }

    fn is_empty(&self) -> bool {
        self.present.is_empty() && self.aside.is_empty() && self.gone.is_empty()
    }
}

async fn ask(walker: &mut Walker<'_>, batch: &[String], found: &mut Learnt) -> Result<(), Halt> {
    for id in batch {
        let answer = walker.record(id).await?;
        match answer.body {
            None => found.gone.push((id.clone(), answer.server_date)),
            Some(record) if is_polled(&record, walker.source.equals.as_ref()) => {
                found.present.push(id.clone());
            }
            Some(_) => found.aside.push(id.clone()),
        }
    }
    Ok(())
}

/// Stores what was learnt: deletions are events, the rest is not missed again.
async fn store_found(
    walker: &mut Walker<'_>,
    walk: &mut Walk,
    found: Learnt,
    standing: &Standing,
) -> Result<(), Halt> {
    let poller = walker.poll.poller;
    let gone: Vec<String> = found.gone.iter().map(|(id, _)| id.clone()).collect();
    let store = &walker.poll.parts.store;
    let known = store.known_versions(poller.id, &gone).await?;
    let end = |(id, at)| {
        let last = known.get(&id).cloned();
        let described = (poller.config.id_field.as_str(), poller.baseline);
        deleted(id, last.as_ref(), at, described)
    };
    let changes: Vec<Change> = found.gone.into_iter().map(end).collect();
    let mut next = walk.clone();
    next.events += changes.len() as u64;
    next.state = to_store(standing)?;
    let write = WalkWrite {
        walk: next.clone(),
        present: found.present,
        aside: found.aside,
        gone,
    };
    walker.commit(only(changes), write).await?;
    *walk = next;
    Ok(())
}

async fn finish(walker: &mut Walker<'_>, walk: &mut Walk) -> Result<(), Halt> {
    let now = walker.now();
    let minutes = i64::from(walker.poll.instance.settings.deletes_interval);
    let mut next = walk.clone();
    next.state = None;
    next.last_error = None;
    next.finished_at = Some(now);
    next.due_at = Some(now + TimeDelta::minutes(minutes));
    walker
        .commit(only(Vec::new()), WalkWrite::new(next.clone()))
        .await?;
    *walk = next;
    Ok(())
}

/// Changes, and nothing to put aside.
fn only(changes: Vec<Change>) -> Found {
    Found {
        changes,
        ..Found::default()
    }
}
