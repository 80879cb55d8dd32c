//! Which seeds are played, and how.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::sync::Arc;

use ie_platform::SharedClock;
use ie_platform::config::env;

use crate::actors::Staff;
use crate::coverage::Coverage;
use crate::crm::Insightly;
use crate::dice::Dice;
use crate::mutation::Mutation;
use crate::play::{Play, Violation};
use crate::queue::Queues;
use crate::scenario::Scenario;
use crate::site::Site;
use crate::time::Time;

const SEEDS: u64 = 10_000;

/// A seed that showed a violation.
pub(crate) struct Failed {
    pub(crate) seed: u64,
    pub(crate) violation: Violation,
    scenario: Scenario,
    history: String,
}

impl Display for Failed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            violation,
            scenario,
            history,
            ..
        } = self;
        write!(
            f,
            "{scenario:#?}\n{history}\nseed {seed}: {violation}\nplay it alone with IE_MODEL_SEED={seed}"
        )
    }
}

/// What a seed came to.
struct Played {
    coverage: Coverage,
    history: String,
    result: Result<(), Violation>,
}

/// `IE_MODEL_SEED` alone, or as many as `IE_MODEL_SEEDS` says.
pub(crate) fn wanted() -> Range<u64> {
    let number = |name| {
        let text = env(name)?;
        let number = text.parse();
        Some(number.unwrap_or_else(|_| panic!("{name} is no number: {text:?}")))
    };
    match number("IE_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("IE_MODEL_SEEDS").unwrap_or(SEEDS),
    }
}

/// Plays seeds until one shows a violation that counts.
pub(crate) fn play_until(
    seeds: impl Iterator<Item = u64>,
    mutation: Option<Mutation>,
    counts: impl Fn(&str) -> bool,
) -> Result<Coverage, Box<Failed>> {
    runtime().block_on(async {
        let mut coverage = Coverage::default();
        let mut site: Option<Site> = None;
        for seed in seeds {
            if let Some(worn) = site.take_if(|site| site.is_worn()) {
                worn.close().await;
            }
            let on = match &mut site {
                Some(site) => site,
                none => none.insert(Site::open().await),
            };
            let scenario = Scenario::of(seed);
            let played = play(on, &scenario, mutation).await;
            coverage.add(&played.coverage);
            match played.result {
                Err(violation) if counts(&violation) => {
                    return Err(Box::new(Failed {
                        seed,
                        violation,
                        scenario,
                        history: played.history,
                    }));
                }
                _ => {}
            }
        }
        Ok(coverage)
    })
}

/// What happens in a seed, line by line.
pub(crate) fn history(seed: u64) -> String {
    runtime().block_on(async {
        let mut site = Site::open().await;
        play(&mut site, &Scenario::of(seed), None).await.history
    })
}

/// One thread for everything but the database: what happens next is never a matter of luck.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

async fn play(site: &mut Site, scenario: &Scenario, mutation: Option<Mutation>) -> Played {
    site.time.restart();
    let time: Time = site.time.clone();
    let insightly = Insightly::new(scenario, &time, mutation);
    let overlap = match mutation {
        Some(Mutation::NoOverlap) => 0,
        _ => scenario.late,
    };
    let instance = site.create(scenario, overlap, &insightly).await;
    let clock: SharedClock = Arc::new(time);
    let mut dice = Dice::new(scenario.seed ^ 0xaaaa);
    let queues = Queues::new(&clock, dice.place(3));
    let staff = Staff::new(site, scenario, &queues, &insightly);
    let mut play = Play {
        site,
        scenario,
        mutation,
        insightly,
        queues,
        instance,
        dice,
        staff,
        actors: Vec::new(),
        jobs: Vec::new(),
        refusing: false,
        cursors: std::collections::BTreeMap::new(),
        coverage: Coverage::default(),
        history: String::new(),
        begun: 0,
    };
    let result = to_the_end(&mut play).await;
    let Play {
        queues,
        coverage,
        history,
        actors,
        ..
    } = play;
    drop(actors);
    queues.stop().await;
    site.forget(instance).await;
    Played {
        coverage: Coverage {
            seeds: 1,
            ..coverage
        },
        history,
        result,
    }
}

async fn to_the_end(play: &mut Play<'_>) -> Result<(), Violation> {
    play.run().await?;
    play.settle().await?;
    play.judge().await
}
