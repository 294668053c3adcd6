use crate::delta::StateId;

/// A moment in the life of a world, to tell later what has changed since. `D` is what the adapter remembers of it.
///
/// Cloning one is cheap, so that a program can keep several: one for the next autosave and one for each of its peers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Mark<D> {
    /// The base of the chain.
    pub root: StateId,
    /// The state of the world at that moment.
    pub state: StateId,
    /// How many deltas lie between the base and it.
    pub sequence: u32,
    /// How many row numbers were given out.
    pub rows: u32,
    /// What the adapter remembers.
    pub detail: D,
}

impl<D> Mark<D> {
    /// The moment of a base with so many entities.
    pub fn base(state: StateId, rows: u32, detail: D) -> Self {
        Self { root: state, state, sequence: 0, rows, detail }
    }

    /// The moment after a delta, which made this state.
    pub fn after<E>(before: &Mark<E>, state: StateId, rows: u32, detail: D) -> Self {
        Self { root: before.root, state, sequence: before.sequence.saturating_add(1), rows, detail }
    }
}
