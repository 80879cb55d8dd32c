//! Which page to read next while the list moves under the reader: the decision, pure.
//!
//! Insightly's pages are by offset. When a record before the offset goes away, all that follow move one
//! place to the left and the first of the next page would be skipped. So pages overlap by one record:
//! if the first record of a page is none of the previous page, something moved, and the reader steps
//! back until the pages meet again. A record read twice costs nothing, as its version is known.
//! Records are recognized by their content: one that was changed may itself have moved to the end of the list, beyond
//! others that are not read yet.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use ie_insightly::Record;
use serde::{Deserialize, Serialize};

/// How often a walk may step back before it gives up; the next poll reads the same window again.
const MAX_STEPS_BACK: u32 = 32;

/// The position of a walk through the pages of one window; stored where a walk goes on later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pages {
    skip: u64,
    top: u64,
    previous: HashSet<String>,
    steps_back: u32,
    failures_in_a_row: u32,
}

/// What to do after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The page continues the walk; there is more.
    Continue,
    /// The page continues the walk and is its end.
    Complete,
    /// The list moved: drop nothing, read again from further back.
    Back,
    /// The list does not hold still.
    GiveUp,
}

impl Pages {
    /// A walk from the beginning, `top` records at a time.
    pub(crate) fn new(top: u32) -> Self {
        Self {
            skip: 0,
            top: u64::from(top.max(2)),
            previous: HashSet::new(),
            steps_back: 0,
            failures_in_a_row: 0,
        }
    }

    /// The offset of the page to read now.
    pub(crate) fn skip(&self) -> u64 {
        self.skip
    }

    /// Judges the page that was read at [`Pages::skip`] and moves on; `mark` is what its records are recognized by.
    ///
    /// `total` is the number of all matches when the page was made, if Insightly said so.
    pub(crate) fn after<T>(
        &mut self,
        page: &[T],
        mark: impl Fn(&T) -> String,
        total: Option<u64>,
    ) -> Step {
        let meets = !self.previous.is_empty()
            && page
                .first()
                .is_some_and(|first| self.previous.contains(&mark(first)));
        if self.skip > 0 && !meets {
            return self.step_back();
        }
        self.failures_in_a_row = 0;
        let read = self.skip + page.len() as u64;
        let complete = match total {
            Some(total) => read >= total,
            // Without a total the end is where nothing new comes, since Insightly may cap a page silently.
            None => page.is_empty() || (meets && page.len() == 1),
        };
        if complete {
            return Step::Complete;
        }
        if page.is_empty() {
            return self.step_back();
        }
        // A page of one record has nothing but the overlap: known to be capped, the walk goes on beyond it.
        let beyond = page.len() == 1 && total.is_some();
        self.skip = if beyond { read } else { read - 1 };
        self.previous = page.iter().map(mark).collect();
        Step::Continue
    }

    fn step_back(&mut self) -> Step {
        self.steps_back += 1;
        if self.steps_back > MAX_STEPS_BACK {
            return Step::GiveUp;
        }
        let back = (self.top / 2) << self.failures_in_a_row.min(16);
        self.failures_in_a_row += 1;
        self.skip = self.skip.saturating_sub(back.max(1));
        Step::Back
    }
}

/// What a record is recognized by from page to page: a hash that is quick, since nobody chooses records to mislead a walk.
///
/// Another version of this program may hash otherwise; a walk that goes on after an update then steps back once.
pub(crate) fn content(record: &Record) -> String {
    let mut hasher = DefaultHasher::new();
    record.text().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a list that `shift` changes before each page; gives the ids seen, or none for giving up.
    fn walk(
        list: &mut Vec<u32>,
        (top, cap, counted): (u32, usize, bool),
        mut shift: impl FnMut(&mut Vec<u32>, usize),
    ) -> Option<(HashSet<u32>, usize)> {
        let mut pages = Pages::new(top);
        let mut seen = HashSet::new();
        for request in 0.. {
            shift(list, request);
            let skip = usize::try_from(pages.skip()).unwrap();
            let page: Vec<u32> = list
                .iter()
                .skip(skip)
                .take(cap.min(top as usize))
                .copied()
                .collect();
            let total = counted.then_some(list.len() as u64);
            let step = pages.after(&page, u32::to_string, total);
            seen.extend(page);
            // As a walk that is left after each page and goes on from what is stored.
            let place = serde_json::to_string(&pages).unwrap();
            assert_eq!(serde_json::from_str::<Pages>(&place).unwrap(), pages);
            pages = serde_json::from_str(&place).unwrap();
            match step {
                Step::Continue | Step::Back => {}
                Step::Complete => return Some((seen, request + 1)),
                Step::GiveUp => return None,
            }
            assert!(request < 100_000, "the walk does not end");
        }
        None
    }

    #[test]
    fn an_idle_resource_costs_one_request() {
        let (_, requests) = walk(&mut vec![], (500, 500, true), |_, _| {}).unwrap();
        assert_eq!(requests, 1);
        let (_, requests) = walk(&mut vec![], (500, 500, false), |_, _| {}).unwrap();
        assert_eq!(requests, 1);
    }

    #[test]
    fn a_record_deleted_before_the_offset_hides_none() {
        let mut list: Vec<u32> = (0..1000).collect();
        let (seen, _) = walk(&mut list, (100, 100, true), |list, request| {
            if request == 3 {
                list.remove(5);
            }
        })
        .unwrap();
        assert!((0..1000).all(|id| seen.contains(&id)));
    }

    #[test]
    fn a_page_size_that_is_capped_silently_hides_none() {
        for counted in [true, false] {
            let (seen, _) = walk(&mut (0..1234).collect(), (500, 100, counted), |_, _| {}).unwrap();
            assert_eq!(seen.len(), 1234);
        }
    }

    #[test]
    fn a_list_of_any_length_comes_to_its_end_without_a_total() {
        for size in 0..12 {
            let (seen, _) = walk(&mut (0..size).collect(), (4, 500, false), |_, _| {}).unwrap();
            assert_eq!(seen.len(), size as usize);
        }
    }

    #[test]
    fn a_record_that_was_changed_and_moved_to_the_end_hides_none() {
        // By the time of the update: the last record of the first page is changed and moves behind 3, which is not read
        // yet, while as many before it go away as make it the first of the next page.
        let before = ["1", "2", "3", "4"];
        let after = ["3", "2 again"];
        let mut pages = Pages::new(2);
        let mark = |record: &&str| (*record).to_owned();

        let first = pages.after(&before[..2], mark, Some(4));
        let second = pages.after(&after[1..], mark, Some(2));

        assert_eq!((first, second), (Step::Continue, Step::Back));
        assert_eq!(pages.skip(), 0);
    }

    #[test]
    fn a_list_that_never_holds_still_is_given_up() {
        let mut next = 10_000;
        let result = walk(&mut (0..1000).collect(), (10, 10, true), |list, _| {
            list.iter_mut().for_each(|id| {
                *id = next;
                next += 1;
            });
        });
        assert_eq!(result, None);
    }

    proptest! {
        #[test]
        fn what_stays_in_the_list_is_seen_whatever_moves(
            size in 0_u32..300,
            top in 2_u32..50,
            moves in prop::collection::vec((any::<bool>(), 0_usize..400), 0..8),
        ) {
            let mut list: Vec<u32> = (0..size).collect();
            let mut fresh = 1_000_000;
            let result = walk(&mut list, (top, 50, true), |list, request| {
                if let Some((delete, place)) = moves.get(request) {
                    if *delete && !list.is_empty() {
                        list.remove(place % list.len());
                    } else {
                        list.insert(place % (list.len() + 1), fresh);
                        fresh += 1;
                    }
                }
            });
            if let Some((seen, _)) = result {
                prop_assert!(list.iter().filter(|id| **id < 1_000_000).all(|id| seen.contains(id)));
            }
        }
    }
}
