//! Which page to read next while the list moves under the reader: the decision, pure.
//!
//! Insightly's pages are by offset. When a record before the offset goes away, all that follow move one
//! place to the left and the first of the next page would be skipped. So pages overlap by one record:
//! if the first record of a page is none of the previous page, something moved, and the reader steps
//! back until the pages meet again. A record read twice costs nothing, as its version is known.

use std::collections::HashSet;

/// How often a walk may step back before it gives up; the next poll reads the same window again.
const MAX_STEPS_BACK: u32 = 32;

/// The position of a walk through the pages of one window.
#[derive(Debug)]
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

    /// Judges the page that was read at [`Pages::skip`] and moves on.
    ///
    /// `total` is the number of all matches when the page was made, if Insightly said so.
    pub(crate) fn after(&mut self, ids: &[String], total: Option<u64>) -> Step {
        if self.skip > 0
            && !ids
                .first()
                .is_some_and(|first| self.previous.contains(first))
        {
            return self.step_back();
        }
        self.failures_in_a_row = 0;
        let read = self.skip + ids.len() as u64;
        let complete = match total {
            Some(total) => read >= total,
            // Without a total the end is where nothing new comes, since Insightly may cap a page silently.
            None => ids.is_empty() || (self.skip > 0 && ids.len() == 1),
        };
        if complete {
            return Step::Complete;
        }
        if ids.is_empty() {
            return self.step_back();
        }
        self.skip = if ids.len() == 1 { read } else { read - 1 };
        self.previous = ids.iter().cloned().collect();
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
            let ids: Vec<String> = page.iter().map(u32::to_string).collect();
            seen.extend(page);
            match pages.after(&ids, counted.then_some(list.len() as u64)) {
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
