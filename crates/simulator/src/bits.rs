//! Which rows are there: one bit each, counted by the word.

/// A set of row numbers that finds the n-th of a million in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    count: usize,
}

impl Bits {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn contains(&self, row: u32) -> bool {
        self.words
            .get(row as usize / 64)
            .is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    pub(crate) fn set(&mut self, row: u32, there: bool) {
        let at = row as usize / 64;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let bit = 1_u64 << (row % 64);
        match (self.words[at] & bit != 0, there) {
            (false, true) => self.count += 1,
            (true, false) => self.count -= 1,
            _ => return,
        }
        self.words[at] ^= bit;
    }

    /// The rows in order, from the `skip`-th on.
    pub(crate) fn iter_from(&self, skip: usize) -> impl Iterator<Item = u32> + '_ {
        let mut left = skip;
        let mut at = 0;
        while at < self.words.len() && left >= self.words[at].count_ones() as usize {
            left -= self.words[at].count_ones() as usize;
            at += 1;
        }
        self.words[at..]
            .iter()
            .enumerate()
            .flat_map(move |(offset, word)| ones(*word, ((at + offset) * 64) as u32))
            .skip(left)
    }
}

fn ones(mut word: u64, first: u32) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = word.trailing_zeros();
        word &= word - 1;
        Some(first + bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_row_is_found_across_gaps() {
        let mut bits = Bits::default();
        let rows = [0, 3, 63, 64, 65, 200, 1_000];
        for row in rows {
            bits.set(row, true);
        }
        bits.set(64, false);

        for skip in 0..8 {
            let expected: Vec<u32> = rows
                .into_iter()
                .filter(|row| *row != 64)
                .skip(skip)
                .collect();
            assert_eq!(bits.iter_from(skip).collect::<Vec<_>>(), expected);
        }
        assert_eq!(bits.len(), 6);
        assert!(bits.contains(65) && !bits.contains(64) && !bits.contains(9_999));
    }
}
