use std::borrow::Cow;

use crate::delta::rope::Rope;
use crate::delta::script::Script;
use crate::delta::{DeltaKind, DeltaRef, Error, apply, compose};

/// From so many deltas on that shift bytes, pieces pay: the state is copied into them and back.
const ROPE_FROM: usize = 3;
/// Composing a step costs about as much as copying so many bytes.
const BYTES_PER_STEP: usize = 512;
/// At most so many deltas are composed: what they come to is in memory, and each is looked at as often as that.
const COMPOSED_MAX: usize = 64;

/// Returns what a chain of deltas makes of a keyframe, each of which is applied to the target of the one before.
///
/// Changes that keep their places are written over a copy of the keyframe. Where records come and go, the state is cut into
/// pieces, so that no delta moves all of it. Deltas that move bytes around are composed first where that is
/// cheaper than a copy of the state for each. So the time is that of one or two copies of the state and of
/// reading the chain; memory is twice the largest state and the steps of deltas that are composed. A zstd frame costs a decompression.
///
/// # Errors
///
/// [`Error::Chain`], which says which delta can't be applied and why, as [`Delta::apply`](super::Delta::apply) does.
pub fn restore(keyframe: &[u8], chain: &[DeltaRef<'_>]) -> Result<Vec<u8>, Error> {
    check(keyframe.len(), chain)?;
    let mut state = State { bytes: Cow::Borrowed(keyframe), spare: Vec::new() };
    let mut index = 0;
    while let Some(rest) = chain.get(index..).filter(|rest| !rest.is_empty()) {
        let stretch = stretch(rest);
        state.advance(stretch).map_err(|(within, source)| at(index + within, source))?;
        index += stretch.len();
    }
    state.into_bytes().map_err(|source| at(chain.len(), source))
}

/// Checks that each delta fits the target of the one before.
fn check(mut len: usize, chain: &[DeltaRef<'_>]) -> Result<(), Error> {
    for (index, delta) in chain.iter().enumerate() {
        delta.check_source(len).map_err(|source| at(index, source))?;
        len = delta.target_len();
    }
    Ok(())
}

fn at(index: usize, source: Error) -> Error {
    Error::Chain { index, source: Box::new(source) }
}

/// Deltas that are done in one way.
#[derive(Clone, Copy)]
enum Stretch<'c, 'd> {
    /// In place, in the state as it is.
    Patches(&'c [DeltaRef<'d>]),
    /// In place, in pieces.
    Edits(&'c [DeltaRef<'d>]),
    /// As one.
    Composed(&'c [DeltaRef<'d>]),
    /// From one state to another.
    Single(&'c DeltaRef<'d>),
}

impl Stretch<'_, '_> {
    fn len(self) -> usize {
        match self {
            Self::Patches(deltas) | Self::Edits(deltas) | Self::Composed(deltas) => deltas.len(),
            Self::Single(_) => 1,
        }
    }
}

/// The stretch that a chain begins with; it has at least one delta.
fn stretch<'c, 'd>(chain: &'c [DeltaRef<'d>]) -> Stretch<'c, 'd> {
    let leading = |is_in: fn(DeltaKind) -> bool| {
        let len = chain.iter().take_while(|delta| is_in(delta.kind())).count();
        chain.get(..len).unwrap_or_default()
    };
    let patches = leading(|kind| kind == DeltaKind::Aligned);
    if !patches.is_empty() {
        return Stretch::Patches(patches);
    }
    let edits = leading(|kind| matches!(kind, DeltaKind::Aligned | DeltaKind::Shifted));
    if edits.iter().filter(|delta| delta.kind() == DeltaKind::Shifted).take(ROPE_FROM).count() == ROPE_FROM {
        return Stretch::Edits(edits);
    }
    let scripts = chain.get(..chain.len().min(COMPOSED_MAX)).unwrap_or_default();
    let scripts_len = scripts.iter().take_while(|delta| delta.kind() != DeltaKind::Prefixed).count();
    let scripts = scripts.get(..scripts_len).unwrap_or_default();
    // The others are done in place or nearly so.
    let copying = scripts.iter().filter(|delta| delta.kind() == DeltaKind::Moved);
    let copied: usize = copying.map(DeltaRef::target_len).sum();
    let steps: usize = scripts.iter().map(|delta| delta.stats().ops + 1).sum();
    let rounds = scripts.len().max(1).ilog2() as usize;
    match chain.first() {
        _ if scripts.len() > 1 && steps.saturating_mul(rounds * BYTES_PER_STEP) < copied => {
            Stretch::Composed(scripts)
        }
        Some(first) => Stretch::Single(first),
        None => Stretch::Patches(&[]),
    }
}

struct State<'a> {
    bytes: Cow<'a, [u8]>,
    /// Memory of the state before, for the next one.
    spare: Vec<u8>,
}

impl State<'_> {
    /// Does a stretch. An error comes with the place of its delta in the stretch.
    fn advance(&mut self, stretch: Stretch<'_, '_>) -> Result<(), (usize, Error)> {
        match stretch {
            Stretch::Patches(deltas) => {
                for (index, delta) in deltas.iter().enumerate() {
                    self.patch(delta).map_err(|error| (index, error))?;
                }
                Ok(())
            }
            Stretch::Edits(deltas) => self.edit(deltas).map_err(|error| (0, error)),
            Stretch::Composed(deltas) => {
                let script = composed(deltas).map_err(|error| (0, error))?;
                self.replace(|source, out| apply::script(script.view(), source, out))
                    .map_err(|error| (0, error))
            }
            Stretch::Single(delta) => {
                self.replace(|source, out| delta.apply_into(source, out)).map_err(|error| (0, error))
            }
        }
    }

    fn patch(&mut self, delta: &DeltaRef<'_>) -> Result<(), Error> {
        let Some(view) = delta.view() else { return Err(Error::Uncomposable) };
        if let Cow::Borrowed(bytes) = self.bytes {
            self.bytes = Cow::Owned(copy(bytes)?);
        }
        apply::patch(view, self.bytes.to_mut())
    }

    fn edit(&mut self, deltas: &[DeltaRef<'_>]) -> Result<(), Error> {
        self.spare = Vec::new();
        let mut rope = Rope::new(&self.bytes);
        deltas.iter().filter_map(DeltaRef::view).for_each(|view| rope.edit(view));
        // The state before is in the pieces, so its memory is free for the next.
        let mut out = match std::mem::take(&mut self.bytes) {
            Cow::Owned(bytes) => bytes,
            Cow::Borrowed(_) => Vec::new(),
        };
        out.clear();
        reserve(&mut out, rope.len())?;
        rope.write_to(&mut out);
        self.bytes = Cow::Owned(out);
        Ok(())
    }

    /// Makes the next state of this one.
    fn replace(&mut self, make: impl FnOnce(&[u8], &mut Vec<u8>) -> Result<(), Error>) -> Result<(), Error> {
        let mut out = self.take_spare();
        make(&self.bytes, &mut out)?;
        if let Cow::Owned(before) = std::mem::replace(&mut self.bytes, Cow::Owned(out)) {
            self.spare = before;
        }
        Ok(())
    }

    fn take_spare(&mut self) -> Vec<u8> {
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        spare
    }

    fn into_bytes(self) -> Result<Vec<u8>, Error> {
        match self.bytes {
            Cow::Owned(bytes) => Ok(bytes),
            Cow::Borrowed(bytes) => copy(bytes),
        }
    }
}

/// One script for all of them. Halves are composed first: each step is then gone through once for each doubling.
fn composed(deltas: &[DeltaRef<'_>]) -> Result<Script, Error> {
    if let [delta] = deltas {
        return delta.to_script().ok_or(Error::Uncomposable);
    }
    let (first, second) = deltas.split_at_checked(deltas.len() / 2).ok_or(Error::Uncomposable)?;
    compose::scripts(&composed(first)?, &composed(second)?)
}

fn copy(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut copy = Vec::new();
    reserve(&mut copy, bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

fn reserve(out: &mut Vec<u8>, len: usize) -> Result<(), Error> {
    out.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { bytes: len as u64 })
}
