//! What a seed is about: how Insightly behaves, how the instance is set up, how much goes wrong.

use ie_model::{ResourceConfig, Settings as InstanceSettings};
use ie_simulator::{AccountSettings, After, Fault, Order, Rule, Settings};
use serde_json::json;

use crate::dice::Dice;
use crate::time::Skew;

/// The resources that are polled, those with the smallest records: the hub's name, Insightly's name, the id's field.
pub(crate) const RESOURCES: [(&str, &str, &str); 2] = [
    ("notes", "Notes", "NOTE_ID"),
    ("milestones", "Milestones", "MILESTONE_ID"),
];

/// The reference data that the simulator makes up when it is not told how much.
const REFERENCE: [&str; 15] = [
    "ActivitySets",
    "Countries",
    "Currencies",
    "LeadSources",
    "LeadStatuses",
    "OpportunityCategories",
    "OpportunityStateReasons",
    "PipelineStages",
    "Pipelines",
    "ProjectCategories",
    "Relationships",
    "TaskCategories",
    "TeamMembers",
    "Teams",
    "Users",
];

/// What a seed is about.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    /// How many of [`RESOURCES`].
    pub(crate) resources: usize,
    pub(crate) existing: usize,
    pub(crate) skew: Skew,
    pub(crate) after: After,
    pub(crate) order: Order,
    /// Whether Insightly says how many records match.
    pub(crate) counted: bool,
    /// Records become visible up to so many seconds late: the overlap of a sound set-up.
    pub(crate) late: u32,
    pub(crate) late_percent: u64,
    pub(crate) capped_percent: u64,
    pub(crate) interval_minutes: u32,
    pub(crate) page_size: u32,
    pub(crate) poll_delay: u32,
    /// Minutes between two sweeps for deleted records; 0 for none.
    pub(crate) deletes_minutes: u32,
    /// Whether what exists already is told of.
    pub(crate) snapshot: bool,
    pub(crate) filter: bool,
    pub(crate) batch: u16,
    /// Refused and broken requests in a hundred.
    pub(crate) fault_percent: u64,
    /// How likely a crash is, beside the weight of 600 of going on.
    pub(crate) crashes: u64,
    /// How likely the broker begins or ends to refuse, likewise.
    pub(crate) outages: u64,
    /// How likely a write is, likewise.
    pub(crate) writes: u64,
    pub(crate) steps: u32,
    /// Whether it is looked at what an idle resource costs in the end, which takes as long as half of a seed.
    pub(crate) idle: bool,
}

impl Scenario {
    pub(crate) fn of(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let troubled = dice.percent(75);
        let trouble = |dice: &mut Dice, most: i64| {
            if troubled {
                dice.between(0, most) as u64
            } else {
                0
            }
        };
        Self {
            seed,
            resources: dice.weighted(&[(1, 3), (2, 1)]),
            existing: dice.place(12),
            skew: Skew {
                ahead: dice.between(-14 * 3600, 14 * 3600),
                gains: dice.between(-20_000, 20_000),
            },
            after: dice.one_of(&[After::Inclusive, After::Exclusive]),
            order: dice.one_of(&[Order::Id, Order::Updated, Order::Shuffled]),
            counted: dice.percent(85),
            late: dice.weighted(&[(0, 1), (5, 1), (30, 1), (120, 2)]),
            late_percent: dice.one_of(&[0, 20, 60]),
            capped_percent: dice.one_of(&[0, 0, 30, 100]),
            interval_minutes: dice.between(1, 5) as u32,
            page_size: dice.between(2, 6) as u32,
            poll_delay: dice.weighted(&[(0, 4), (13, 1)]),
            deletes_minutes: dice.weighted(&[(0, 3), (2, 1)]),
            snapshot: dice.percent(25),
            filter: dice.percent(75),
            batch: dice.one_of(&[1, 3, 10]),
            fault_percent: trouble(dice, 15),
            crashes: trouble(dice, 12),
            outages: trouble(dice, 8),
            writes: dice.between(20, 160) as u64,
            steps: dice.between(40, 180) as u32,
            idle: dice.percent(30),
        }
    }

    /// The simulated Insightly's settings.
    pub(crate) fn insightly(&self) -> Settings {
        let mut records: std::collections::BTreeMap<String, usize> =
            REFERENCE.map(|object| (object.to_owned(), 0)).into();
        for (_, object, _) in &RESOURCES[..self.resources] {
            records.insert((*object).to_owned(), self.existing);
        }
        let mut account = AccountSettings::new("default", &["key"]);
        account.records = Some(records);
        Settings {
            seed: self.seed,
            updated_after: self.after,
            order: self.order,
            custom_objects: Vec::new(),
            accounts: vec![account],
            ..Settings::empty().without_limits()
        }
    }

    /// What goes wrong inside of Insightly.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let share = |percent: u64| percent as f64 / 100.0;
        let late = Fault::LateWrites {
            min_ms: 0,
            max_ms: u64::from(self.late) * 1000,
        };
        // A page of one record has no room for the overlap of pages.
        let cap = Fault::PageCap { records: 2 };
        vec![
            Rule::always(late).with_probability(share(self.late_percent)),
            Rule::always(cap).with_probability(share(self.capped_percent)),
        ]
    }

    /// The instance's settings; read from JSON, as an older row of the store is.
    pub(crate) fn instance(&self, overlap: u32) -> InstanceSettings {
        let settings = json!({
            "base_url": "https://api.na1.insightly.com/v3.1",
            "events_enabled": true,
            "callback_url": "https://example.com/hook",
            "refresh_interval": self.interval_minutes,
            "zone": "UTC",
            "overlap": overlap,
            "batch": self.batch,
            "raw_enabled": true,
            "deletes_interval": self.deletes_minutes,
            "initial": if self.snapshot { "snapshot" } else { "none" },
        });
        serde_json::from_value(settings).expect("settings as a store has them")
    }

    /// How a resource is polled.
    pub(crate) fn resource(&self, resource: &str, id_field: &str) -> ResourceConfig {
        let date =
            |path: &str| json!({"path": path, "format": "yyyy-MM-dd HH:mm:ss", "zone": "GMT"});
        let config = json!({
            "url": format!("/hubs/crm/{resource}?where=updated_after_utc='${{gmtDate:yyyy-MM-dd HH:mm:ss}}'"),
            "id_field": id_field,
            "updated": date("DATE_UPDATED_UTC"),
            "created": date("DATE_CREATED_UTC"),
            "filter_by_updated_date": self.filter,
            "created_check_tolerance": 10,
            "page_size": self.page_size,
            "poll_delay": self.poll_delay,
        });
        serde_json::from_value(config).expect("a configuration as a store has it")
    }
}
