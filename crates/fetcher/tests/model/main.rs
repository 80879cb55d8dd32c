//! A deterministic model test of change detection: nothing is lost, nothing is invented, whatever comes in between.
#![doc = include_str!("README.md")]

mod actors;
mod coverage;
mod crm;
mod dice;
mod mutation;
mod play;
mod queue;
mod sabotage;
mod scenario;
mod seeds;
mod settle;
mod site;
mod time;
mod verdict;

use mutation::Mutation;
use rstest::rstest;

/// The seeds are dealt out to so many tests, so that they use every processor.
const SHARDS: u64 = 8;

#[rstest]
fn whatever_happens_each_change_is_emitted_once(#[values(0, 1, 2, 3, 4, 5, 6, 7)] shard: u64) {
    let seeds = seeds::wanted().filter(|seed| seed % SHARDS == shard);

    let coverage = seeds::play_until(seeds, None, |_| true).unwrap_or_else(|failed| {
        panic!("{failed}");
    });

    // A handful of seeds does not meet everything.
    assert!(
        coverage.is_complete() || coverage.seeds < 100,
        "something never happened: {coverage:?}"
    );
}

#[test]
fn a_seed_is_the_same_every_time() {
    for seed in 1..40 {
        let [first, second] = [(); 2].map(|()| seeds::history(seed));

        let differ = first.lines().zip(second.lines()).position(|(a, b)| a != b);
        let from = differ.unwrap_or(0).saturating_sub(20);
        let part = |history: &str| {
            let lines: Vec<&str> = history.lines().skip(from).take(25).collect();
            lines.join("\n")
        };
        assert!(
            first == second,
            "seed {seed} differs:\n{}\n\n{}",
            part(&first),
            part(&second)
        );
    }
}

/// A test that cannot fail proves nothing.
#[rstest]
#[case::cursor_from_our_clock(Mutation::CursorFromOurClock)]
#[case::no_overlap(Mutation::NoOverlap)]
#[case::ack_before_commit(Mutation::AckBeforeCommit)]
#[case::no_fencing(Mutation::NoFencing)]
fn a_broken_build_is_caught(#[case] mutation: Mutation) {
    let sound = seeds::play_until(0..2_000, Some(mutation), |violation| {
        mutation.is_shown_by(violation)
    });

    let Err(failed) = sound else {
        panic!("{mutation:?} passes all seeds");
    };
    say(&format!(
        "{mutation:?}: seed {}: {}",
        failed.seed, failed.violation
    ));
}

#[expect(
    clippy::print_stderr,
    reason = "for whoever looks how soon it was caught"
)]
fn say(line: &str) {
    eprintln!("{line}");
}
