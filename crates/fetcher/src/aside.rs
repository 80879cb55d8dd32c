//! Records that cannot be read: put aside while the poll goes on, and looked at again.
//!
//! A record with an id is read again by it, a few in each poll, less and less often. One without an id can be met again
//! only where it was: the cursor stays for a while, so that the next polls read the same window.

use chrono::{DateTime, TimeDelta, Utc};
use ie_insightly::normalize::{BadRecord, Observed, Reader};
use ie_insightly::{Error as Refusal, Record};
use ie_store::{DueRecord, NewQuarantined, Postponed, QuarantineChange, Walked};
use metrics::counter;
use serde_json::Value;
use tracing::{info, warn};

use crate::outcome::Stop;
use crate::poll::Poll;

/// The pause before a record is read again by its id: doubled each time, up to the second.
const FIRST_PAUSE: TimeDelta = TimeDelta::minutes(5);
const LONGEST_PAUSE: TimeDelta = TimeDelta::days(1);

/// For so long, or for two polls, the cursor waits for a record without an id.
const HOLD: TimeDelta = TimeDelta::hours(1);

/// So long a record without an id is shown after it was met last.
const SHOWN: TimeDelta = TimeDelta::days(30);

/// What records that were read again by their id turned out to be.
#[derive(Debug, Default)]
pub(crate) struct Reread {
    /// Those that can be read, each with the start of the window in which it was met.
    pub(crate) readable: Vec<(Observed, DateTime<Utc>)>,
    /// Ids that leave the quarantine: of those that can be read, and of those that are gone.
    released: Vec<String>,
    /// Those that still cannot be read.
    bad: Vec<NewQuarantined>,
    /// Those that Insightly did not hand out.
    postponed: Vec<Postponed>,
    /// Requests that it took.
    pub(crate) requests: u32,
}

/// What a walk has met so far.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// Whether a record was put aside.
    bad: bool,
    /// Whether one of them had no id.
    nameless: bool,
}

impl Met {
    /// The cursor after a complete walk: a record without an id holds it, unless it was held for long.
    pub(crate) fn cursor(
        &self,
        (cursor, window_end): (DateTime<Utc>, DateTime<Utc>),
        interval_minutes: u32,
    ) -> DateTime<Utc> {
        let two_polls = TimeDelta::minutes(2 * i64::from(interval_minutes));
        if self.nameless && window_end - cursor <= HOLD.max(two_polls) {
            cursor
        } else {
            window_end
        }
    }

    pub(crate) fn note(&mut self, found: &[NewQuarantined]) {
        self.bad |= !found.is_empty();
        self.nameless |= found.iter().any(|record| record.object_id.is_none());
    }
}

/// The pause before a record is read again that could not be read `times` times.
fn pause(times: u32) -> TimeDelta {
    let doubled = FIRST_PAUSE.checked_mul(1 << times.saturating_sub(1).min(16));
    doubled.map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

impl Poll<'_> {
    /// Tells the records that can be read from those that cannot.
    pub(crate) fn read(
        &self,
        reader: &Reader,
        records: Vec<Record>,
        window_start: DateTime<Utc>,
    ) -> (Vec<Observed>, Vec<NewQuarantined>) {
        let mut observed = Vec::with_capacity(records.len());
        let mut found = Vec::new();
        for record in records {
            match reader.read(record) {
                Ok(record) => observed.push(record),
                Err(bad) => found.push(self.put_aside(bad, window_start, 1)),
            }
        }
        if let Some(first) = found.first() {
            counter!("ie_records_quarantined_total").increment(found.len() as u64);
            warn!(
                poll.object = self.poller.object,
                instance.id = %self.poller.instance,
                records = found.len(),
                object.id = first.object_id,
                reason = first.reason,
                "records cannot be read and are put aside; this is the first of them"
            );
        }
        (observed, found)
    }

    fn put_aside(&self, bad: BadRecord, window_start: DateTime<Utc>, times: u32) -> NewQuarantined {
        let now = self.clock.now();
        NewQuarantined {
            retry_at: bad.object_id.is_some().then(|| now + pause(times)),
            object_id: bad.object_id,
            digest: bad.digest,
            reason: bad.reason,
            content: bad.content,
            window_start,
            seen_at: now,
        }
    }

    /// Reads a few records again that are due for it. That Insightly refuses it does not fail the poll.
    pub(crate) async fn reread(&self, reader: &Reader) -> Result<Reread, Stop> {
        let mut reread = Reread::default();
        if self.poller.quarantined == 0 {
            return Ok(reread);
        }
        let (store, most) = (&self.parts.store, self.parts.config.quarantine_rereads);
        let due = store.due_records(self.poller.id, self.clock.now(), most);
        for record in due.await? {
            let answer = self.desk.get(&self.poller.object, &record.object_id).await;
            reread.requests += 1;
            match answer {
                Ok(answer) => self.judge(reader, record, answer.body, &mut reread),
                Err(Stop::Store(error)) => return Err(error.into()),
                // Something about this one record: the others get their turn.
                Err(Stop::Refused(
                    Refusal::BadRequest { .. }
                    | Refusal::Unexpected { .. }
                    | Refusal::Forbidden { .. }
                    | Refusal::NotAllowed { .. },
                )) => reread.postponed.push(Postponed {
                    retry_at: self.clock.now() + pause(record.times + 1),
                    object_id: record.object_id,
                }),
                Err(_) => {
                    reread.requests -= 1;
                    break;
                }
            }
        }
        Ok(reread)
    }

    fn judge(&self, reader: &Reader, due: DueRecord, answer: Option<Value>, reread: &mut Reread) {
        let outcome = match answer.map(|record| reader.read(record)) {
            None => {
                reread.released.push(due.object_id.clone());
                "gone"
            }
            Some(Ok(observed)) => {
                reread.readable.push((observed, due.window_start));
                reread.released.push(due.object_id.clone());
                "readable"
            }
            Some(Err(mut bad)) => {
                bad.object_id = Some(due.object_id.clone());
                let bad = self.put_aside(bad, due.window_start, due.times + 1);
                reread.bad.push(bad);
                "unreadable"
            }
        };
        counter!("ie_records_reread_total", "outcome" => outcome).increment(1);
        info!(
            poll.object = self.poller.object,
            instance.id = %self.poller.instance,
            object.id = due.object_id,
            outcome,
            "a record in quarantine was read again"
        );
    }

    /// What a page says of the quarantine; `walked` when it is the last one of a walk.
    pub(crate) fn quarantine(
        &self,
        met: &Met,
        (observed, found): (&[Observed], Vec<NewQuarantined>),
        reread: &mut Reread,
        walked: Option<(DateTime<Utc>, DateTime<Utc>)>,
    ) -> QuarantineChange {
        if self.poller.quarantined == 0 && !met.bad {
            return QuarantineChange::default();
        }
        let mut change = QuarantineChange {
            found,
            readable: std::mem::take(&mut reread.released),
            postponed: std::mem::take(&mut reread.postponed),
            walked: walked.map(|(window_start, began)| Walked {
                window_start,
                began,
                forget_before: began - SHOWN,
            }),
            limit: self.parts.config.quarantine_limit,
        };
        let ids = observed.iter().map(|record| record.object_id.clone());
        change.readable.extend(ids);
        change.found.append(&mut reread.bad);
        change
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, 5)]
    #[case(1, 5)]
    #[case(2, 10)]
    #[case(9, 1280)]
    #[case(10, 1440)]
    #[case(u32::MAX, 1440)]
    fn the_pause_doubles_up_to_a_day(#[case] times: u32, #[case] minutes: i64) {
        assert_eq!(pause(times), TimeDelta::minutes(minutes));
    }

    #[rstest]
    #[case::at_once(true, 0, 15, true)]
    #[case::within_the_hour(true, 60, 15, true)]
    #[case::after_the_hour(true, 61, 15, false)]
    #[case::of_a_slow_poller(true, 480, 240, true)]
    #[case::after_two_slow_polls(true, 481, 240, false)]
    #[case::with_an_id(false, 0, 15, false)]
    fn a_record_without_an_id_holds_the_cursor_for_a_while(
        #[case] nameless: bool,
        #[case] age: i64,
        #[case] interval: u32,
        #[case] held: bool,
    ) {
        let cursor = DateTime::UNIX_EPOCH;
        let window_end = cursor + TimeDelta::minutes(age);
        let met = Met {
            bad: true,
            nameless,
        };

        let next = met.cursor((cursor, window_end), interval);

        assert_eq!(next, if held { cursor } else { window_end });
    }
}
