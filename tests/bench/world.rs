//! A simulated Insightly in which, again and again, exactly so many records have changed since the last poll.

use chrono::{DateTime, TimeDelta, Utc};
use ie_platform::clock::SharedClock;
use ie_simulator::{Control, Seed, Settings, Simulator};

/// Simulated time from one window to the next: longer than any overlap of two windows.
const STEP: TimeDelta = TimeDelta::hours(2);

/// The world and its time.
pub(crate) struct World {
    simulator: Simulator,
    ahead: TimeDelta,
}

impl World {
    /// A world without limits that begins with these records, by object.
    pub(crate) async fn start(
        clock: SharedClock,
        records: &[(&str, usize)],
    ) -> anyhow::Result<Self> {
        Self::start_with(clock, records, Settings::empty().without_limits()).await
    }

    /// A world with these limits that begins with these records, by object.
    pub(crate) async fn start_with(
        clock: SharedClock,
        records: &[(&str, usize)],
        mut settings: Settings,
    ) -> anyhow::Result<Self> {
        // Nobody asks what was handed out, and noting it costs time and memory.
        settings.record_served = false;
        for (object, count) in records {
            settings = settings.with_records(object, *count);
        }
        Ok(Self {
            simulator: Simulator::start(settings, clock).await?,
            ahead: TimeDelta::zero(),
        })
    }

    /// Insightly's address.
    pub(crate) fn url(&self) -> String {
        self.simulator.base_url()
    }

    /// Its handle.
    pub(crate) fn control(&self) -> Control {
        self.simulator.control()
    }

    /// Time passes, in which so many records of each object are made; gives the time from which they are found.
    pub(crate) fn next_window(
        &mut self,
        records: &[(&str, usize)],
    ) -> anyhow::Result<DateTime<Utc>> {
        let control = self.control();
        let before = control.now();
        self.ahead += STEP;
        control.set_clock_offset(self.ahead);
        let from = before + STEP / 4;
        for (object, count) in records {
            let seed = Seed::of(object, *count).between(from, before + STEP * 3 / 4);
            control.seed(&seed)?;
        }
        Ok(from)
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        self.simulator.stop().await;
    }
}
