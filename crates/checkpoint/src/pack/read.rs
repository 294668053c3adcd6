use std::ops::Range;

use super::{PAYLOAD_AT, crc_of};
use crate::{
    Error,
    backend::Backend,
    form::PackPlace,
    id::{CheckpointId, Sequence},
    object::Folder,
};

/// Bytes between two places that are read along rather than asked for again.
const GAP_MAX: u64 = 16 << 10;
/// Where several places are read at once, they are at most so many bytes: what is read is copied, and both are in memory.
const RUN_MAX: u64 = 16 << 20;

/// The bytes of a checkpoint in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) id: CheckpointId,
    pub(crate) sequence: Sequence,
    pub(crate) place: PackPlace,
}

/// Reads the bytes of one checkpoint, with one request.
///
/// # Errors
/// [`Error::State`], with checkpoint and object, if the pack is gone, ends before, or holds other bytes there; [`Error::Backend`].
pub(crate) fn read(
    backend: &dyn Backend,
    id: CheckpointId,
    sequence: Sequence,
    place: &PackPlace,
) -> Result<Vec<u8>, Error> {
    let wanted = Wanted { id, sequence, place: *place };
    let range = wanted.range()?;
    let bytes = backend.get_range(&wanted.object(), range)?.ok_or_else(|| wanted.missing())?;
    wanted.check(&bytes)?;
    Ok(bytes)
}

/// The bytes of several checkpoints, in the memory that they were read into: what is close together in a pack is one piece.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pieces: Vec<Vec<u8>>,
    /// For each checkpoint the piece that has its bytes, and where in it they are.
    places: Vec<(usize, Range<usize>)>,
}

impl Parts {
    /// The bytes of each, in the order in which they were asked for.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let part = |(piece, place): &(usize, Range<usize>)| self.pieces.get(*piece)?.get(place.clone());
        self.places.iter().map(move |place| part(place).unwrap_or_default())
    }
}

/// Reads the bytes of several checkpoints: what is close together in a pack with one request.
///
/// # Errors
/// As [`read`], for the first that is not as it was written.
pub(crate) fn read_many(backend: &dyn Backend, wanted: &[Wanted]) -> Result<Parts, Error> {
    let mut order = Vec::with_capacity(wanted.len());
    for (at, wanted) in wanted.iter().enumerate() {
        order.push((at, wanted, wanted.range()?));
    }
    order.sort_unstable_by_key(|(_, wanted, range)| (wanted.place.pack, range.start, range.end));

    let mut parts = Parts { pieces: Vec::new(), places: vec![(0, 0..0); wanted.len()] };
    let mut rest = order.as_slice();
    while let Some((_, first, _)) = rest.first() {
        let (count, run) = run_of(rest);
        let (group, behind) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = behind;
        let bytes = backend.get_range(&first.object(), run.clone())?.ok_or_else(|| first.missing())?;
        for (at, wanted, range) in group {
            let place =
                |offset: u64| usize::try_from(offset - run.start).unwrap_or(usize::MAX).min(bytes.len());
            let within = place(range.start)..place(range.end);
            wanted.check(bytes.get(within.clone()).unwrap_or_default())?;
            if let Some(known) = parts.places.get_mut(*at) {
                *known = (parts.pieces.len(), within);
            }
        }
        parts.pieces.push(bytes);
    }
    Ok(parts)
}

/// How many of the first places are read at once, and what range that is.
fn run_of(sorted: &[(usize, &Wanted, Range<u64>)]) -> (usize, Range<u64>) {
    let Some(((_, first, range), rest)) = sorted.split_first() else { return (0, 0..0) };
    let (mut count, mut run) = (1, range.clone());
    for (_, wanted, range) in rest {
        let end = run.end.max(range.end);
        let is_near = range.start <= run.end.saturating_add(GAP_MAX) && end - run.start <= RUN_MAX;
        if wanted.place.pack != first.place.pack || !is_near {
            break;
        }
        count += 1;
        run.end = end;
    }
    (count, run)
}

impl Wanted {
    fn object(&self) -> String {
        Folder::PACKS.name(self.place.pack)
    }

    /// Where the bytes are in the object.
    fn range(&self) -> Result<Range<u64>, Error> {
        let place = &self.place;
        match place.offset.checked_add(place.len) {
            Some(end) if place.offset >= PAYLOAD_AT => Ok(place.offset..end),
            _ => {
                Err(self
                    .broken(&format!("there is no place of {} bytes at byte {}", place.len, place.offset)))
            }
        }
    }

    /// Sees that the bytes are those that were written.
    fn check(&self, bytes: &[u8]) -> Result<(), Error> {
        let PackPlace { offset, len, crc, .. } = self.place;
        if bytes.len() as u64 != len {
            return Err(self.broken(&format!(
                "{len} bytes are needed from byte {offset} on, {} are there",
                bytes.len()
            )));
        }
        let found = crc_of(self.sequence, bytes);
        if found != crc {
            return Err(self.broken(&format!(
                "checksum of {len} bytes at byte {offset} is {found:08x}, expected {crc:08x}"
            )));
        }
        Ok(())
    }

    fn missing(&self) -> Error {
        Error::MissingPack { id: self.id, object: self.object() }
    }

    fn broken(&self, what: &str) -> Error {
        let object = self.object();
        Error::state(self.id, format!("{object}: {what}; put this object back from a backup"))
    }
}
