//! What was observed of one fault.

use serde::{Deserialize, Serialize};

/// A line of the table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) what: String,
    /// The day of the run.
    pub(crate) day: String,
    /// How long the fault lasted.
    pub(crate) lasted_seconds: f64,
    /// Versions written from the first load to the fault's end.
    pub(crate) written: usize,
    /// Versions that were written over before they were read.
    pub(crate) overwritten: usize,
    pub(crate) lost: usize,
    pub(crate) invented: usize,
    pub(crate) stored_twice: usize,
    pub(crate) delivered_again: usize,
    pub(crate) dead_letters: usize,
    /// From the fault's end until everything written by then was notified; none when it never was.
    pub(crate) recovery_seconds: Option<f64>,
    /// The memory of the process that grew most, before and after, in MiB.
    pub(crate) memory: (f64, f64),
    /// What was not as it should be.
    pub(crate) complaints: Vec<String>,
}

/// Everything is notified again within this time of a fault's end.
pub(crate) const RECOVERY_LIMIT: f64 = 30.0;

/// A process may have so much more memory afterwards, in MiB: buffers of connections, pages of an allocator.
pub(crate) const GROWTH_LIMIT: f64 = 32.0;

impl Row {
    /// Adds to the complaints what the numbers say, but for the time that it took; whether an accepted request came again
    /// may be allowed.
    pub(crate) fn judge(&mut self, may_repeat: bool) {
        let counts = [
            (self.lost, "lost"),
            (self.invented, "notified and never written"),
            (self.stored_twice, "twice in the store"),
            (self.dead_letters, "dead letters"),
        ];
        let again = (!may_repeat).then_some((self.delivered_again, "delivered again"));
        for (count, what) in counts.into_iter().chain(again) {
            if count > 0 {
                self.complaints.push(format!("{count} {what}"));
            }
        }
        if self.recovery_seconds.is_none() {
            self.complaints.push("did not recover".to_owned());
        }
        let (before, after) = self.memory;
        if after - before > GROWTH_LIMIT {
            let grew = format!("memory grew from {before:.0} to {after:.0} MiB");
            self.complaints.push(grew);
        }
    }

    /// Adds a complaint when it took too long.
    pub(crate) fn judge_time(&mut self) {
        let late = |seconds: &f64| *seconds > RECOVERY_LIMIT;
        if let Some(seconds) = self.recovery_seconds.filter(late) {
            let late = format!("recovered only in {seconds:.0} s");
            self.complaints.push(late);
        }
    }

    /// Whether everything was as promised.
    pub(crate) fn is_ok(&self) -> bool {
        self.complaints.is_empty()
    }

    fn recovery(&self) -> String {
        self.recovery_seconds
            .map_or_else(|| "never".to_owned(), |seconds| format!("{seconds:.1} s"))
    }

    /// For the terminal.
    pub(crate) fn line(&self) -> String {
        let mark = if self.is_ok() { "ok  " } else { "FAIL" };
        format!(
            "{mark}  {:<24} {:>4.0} s  written {:<5} lost {:<3} twice {:<3} again {:<3} recovered {:<7} {:.0} -> {:.0} MiB  {}",
            self.name,
            self.lasted_seconds,
            self.written,
            self.lost,
            self.stored_twice,
            self.delivered_again,
            self.recovery(),
            self.memory.0,
            self.memory.1,
            self.complaints.join("; ")
        )
    }

    /// For the document.
    pub(crate) fn markdown(&self) -> String {
        let Self {
            what,
            written,
            overwritten,
            lost,
            stored_twice,
            delivered_again,
            ..
        } = self;
        let (before, after) = self.memory;
        let verdict = if self.is_ok() {
            String::new()
        } else {
            format!("**{}**", self.complaints.join("; "))
        };
        format!(
            "| {what} | {:.0} s | {written} ({overwritten}) | {lost} | {stored_twice} | {delivered_again} | {} | {before:.0} → {after:.0} MiB | {verdict} |",
            self.lasted_seconds,
            self.recovery(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Row {
        Row {
            recovery_seconds: Some(3.0),
            delivered_again: 2,
            ..Row::default()
        }
    }

    #[test]
    fn a_repeated_delivery_is_a_fault_only_where_none_is_allowed() {
        let (mut allowed, mut refused) = (good(), good());

        allowed.judge(true);
        refused.judge(false);

        assert!(allowed.is_ok());
        assert_eq!(refused.complaints, ["2 delivered again"]);
    }

    #[test]
    fn what_is_lost_late_or_grown_is_said() {
        let mut row = Row {
            lost: 1,
            recovery_seconds: Some(31.0),
            memory: (10.0, 50.0),
            ..good()
        };

        row.judge(true);
        row.judge_time();

        assert_eq!(row.complaints.len(), 3, "{:?}", row.complaints);
        assert!(row.line().starts_with("FAIL"));
    }

    #[test]
    fn what_never_recovers_is_a_fault() {
        let mut row = Row {
            recovery_seconds: None,
            ..good()
        };

        row.judge(true);

        assert_eq!(row.complaints, ["did not recover"]);
    }
}
