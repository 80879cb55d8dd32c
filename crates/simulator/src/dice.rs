//! Numbers that look random and are the same on every run: everything the simulator makes up comes from here.

/// SplitMix64's finalizer: every bit of the input changes about half of the output.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a, finished with [`mix`].
pub(crate) fn hash(parts: &[&[u8]]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in *part {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // Between the parts, so that ("ab", "c") is not ("a", "bc").
        state = (state ^ 0xff).wrapping_mul(0x0100_0000_01b3);
    }
    mix(state)
}

/// A source of numbers that depends on nothing but what it was made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// A source of its own for one more coordinate (a record, a field, a revision).
    pub(crate) fn with(self, coordinate: u64) -> Self {
        Self(mix(self.0 ^ mix(coordinate)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `limit`; 0 when the limit is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 {
            return 0;
        }
        // The high half of the product is uniform enough and needs no division.
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    pub(crate) fn percent(&mut self, chance: u8) -> bool {
        self.below(100) < u64::from(chance)
    }

    /// A number in 0..1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_rolls_the_same_numbers() {
        let mut one = Dice::new(7).with(3);
        let mut two = Dice::new(7).with(3);

        let rolls: Vec<u64> = (0..20).map(|_| one.below(1000)).collect();

        assert_eq!(rolls, (0..20).map(|_| two.below(1000)).collect::<Vec<_>>());
        assert!(rolls.iter().all(|roll| *roll < 1000));
    }

    #[test]
    fn every_face_comes_up() {
        let mut dice = Dice::new(1);
        let mut seen = [0_u32; 10];

        for _ in 0..10_000 {
            seen[dice.below(10) as usize] += 1;
        }

        assert!(
            seen.iter().all(|count| (800..1200).contains(count)),
            "{seen:?}"
        );
    }
}
