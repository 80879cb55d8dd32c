//! Four builds that are broken on purpose; each is broken at a seam, so that the code under test stays as it is.

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// The window ends at our time instead of Insightly's: its answers carry our clock.
    CursorFromOurClock,
    /// Windows do not overlap, and writes become visible late all the same.
    NoOverlap,
    /// A poll's progress is stored before its changes: a crash in between leaves only the first.
    AckBeforeCommit,
    /// Whoever commits is let through, whatever has been claimed or written since.
    NoFencing,
}

impl Mutation {
    /// Which violation shows it. Others follow from it as well, such as a system that never settles.
    pub(crate) fn is_shown_by(self, violation: &str) -> bool {
        let sign = match self {
            Self::CursorFromOurClock => "is beyond Insightly's time",
            Self::NoOverlap | Self::AckBeforeCommit => ": lost; ",
            Self::NoFencing => ": emitted twice",
        };
        violation.contains(sign)
    }
}
