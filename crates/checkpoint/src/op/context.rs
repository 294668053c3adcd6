use super::{NewCheckpoint, Op};
use crate::{form::Place, id::Sequence};

/// What operations are coded against. Both sides bring it on by the operations themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    /// The sequence that the next checkpoint gets.
    pub(super) next: Sequence,
    /// The last time that was said.
    pub(super) time: Option<i64>,
    /// What else there is in a manifest. In a journal there is not: it is read from any commit on.
    near: Option<Near>,
}

/// What operations leave to later ones of the same manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Near {
    /// Bytes of the last state.
    pub(super) len: Option<u64>,
    /// The pack of the last place in one, and the offset behind that place.
    pub(super) pack: Option<(u64, u64)>,
    /// The number of the last move of a head, and the head that it made.
    move_number: u64,
    pub(super) move_to: Option<Sequence>,
}

impl Context {
    pub(super) fn of_manifest() -> Self {
        Self { next: Sequence::default(), time: None, near: Some(Near::default()) }
    }

    pub(super) fn of_journal(next: Sequence, time: Option<i64>) -> Self {
        Self { next, time, near: None }
    }

    pub(super) fn is_manifest(&self) -> bool {
        self.near.is_some()
    }

    pub(super) fn near(&self) -> Near {
        self.near.unwrap_or_default()
    }

    /// Brings it behind an operation.
    pub(super) fn pass(&mut self, op: &Op) {
        match op {
            Op::Checkpoint(new) => self.pass_checkpoint(new),
            Op::Skip { next } => self.next = *next,
            Op::Moved(moved) => {
                if let Some(near) = &mut self.near {
                    (near.move_number, near.move_to) = (moved.number, moved.to);
                }
            }
            _ => {}
        }
        let time = match op {
            Op::Checkpoint(new) => new.time,
            Op::Session { time, .. } | Op::Head { time, .. } => *time,
            Op::Moved(moved) => moved.time,
            Op::Counters { last_time, .. } => *last_time,
            _ => None,
        };
        self.time = time.or(self.time);
    }

    fn pass_checkpoint(&mut self, new: &NewCheckpoint) {
        self.next = self.next.next();
        let Some(near) = &mut self.near else { return };
        near.len = Some(new.len);
        if let Place::Pack(place) = &new.body.place {
            near.pack = Some((place.pack, place.range().end));
        }
    }

    /// How far before the next checkpoint an earlier one stands: 1 for the last.
    pub(super) fn back(&self, sequence: Sequence) -> Option<u64> {
        self.next.0.checked_sub(sequence.0).filter(|back| *back > 0 && sequence.0 > 0)
    }

    /// The checkpoint that stands so far before the next one.
    pub(super) fn sequence(&self, back: u64) -> Option<Sequence> {
        self.next.0.checked_sub(back).filter(|sequence| back > 0 && *sequence > 0).map(Sequence)
    }

    /// The checkpoint that a new one goes on from where nothing else is said.
    pub(super) fn near_parent(&self, base: Option<Sequence>) -> Option<Sequence> {
        base.or_else(|| self.sequence(1))
    }
}

impl Near {
    /// The number of the next move.
    pub(super) fn next_move(&self) -> u64 {
        self.move_number.saturating_add(1)
    }

    /// The head that the next move makes where nothing else is said.
    pub(super) fn next_to(&self) -> Sequence {
        self.move_to.map_or(Sequence(1), Sequence::next)
    }
}

/// A number as its difference to another, modulo 2^64: that of close ones is small.
pub(super) fn difference(value: u64, to: u64) -> u64 {
    let difference = value.wrapping_sub(to).cast_signed();
    ((difference << 1) ^ (difference >> 63)).cast_unsigned()
}

/// The number that has this difference to another.
pub(super) fn sum(difference: u64, to: u64) -> u64 {
    ((difference >> 1) ^ (difference & 1).wrapping_neg()).wrapping_add(to)
}
