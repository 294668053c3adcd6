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
    let bytes = backend.get_range(&wanted.object(), range)?;
    wanted.check(bytes.ok_or_else(|| wanted.missing())?)
}

/// Reads the bytes of several checkpoints, in the order of `wanted`: what is close together in a pack with one request.
///
/// # Errors
/// As [`read`], for the first that is not as it was written.
pub(crate) fn read_many(backend: &dyn Backend, wanted: &[Wanted]) -> Result<Vec<Vec<u8>>, Error> {
    let mut order = (0..).zip(wanted).map(|(at, wanted)| Ok((at, wanted, wanted.range()?)));
    let mut order = order.by_ref().collect::<Result<Vec<(usize, _, _)>, Error>>()?;
    order.sort_unstable_by_key(|(_, wanted, range)| (wanted.place.pack, range.start, range.end));

    let mut found: Vec<(usize, Vec<u8>)> = Vec::with_capacity(wanted.len());
    let mut rest = order.as_slice();
    while let Some((_, first, _)) = rest.first() {
        let (count, run) = run_of(rest);
        let (group, behind) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = behind;
        let bytes = backend.get_range(&first.object(), run.clone())?.ok_or_else(|| first.missing())?;
        if let [(at, wanted, _)] = group {
            found.push((*at, wanted.check(bytes)?));
            continue;
        }
        for (at, wanted, range) in group {
            let place =
                |offset: u64| usize::try_from(offset - run.start).unwrap_or(usize::MAX).min(bytes.len());
            let part = bytes.get(place(range.start)..place(range.end)).unwrap_or_default();
            found.push((*at, wanted.check(part.to_vec())?));
        }
    }
    found.sort_unstable_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, bytes)| bytes).collect())
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

    /// The bytes, if they are those that were written.
    fn check(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        let PackPlace { offset, len, crc, .. } = self.place;
        if bytes.len() as u64 != len {
            return Err(self.broken(&format!(
                "{len} bytes are needed from byte {offset} on, {} are there",
                bytes.len()
            )));
        }
        let found = crc_of(self.sequence, &bytes);
        if found != crc {
            return Err(self.broken(&format!(
                "checksum of {len} bytes at byte {offset} is {found:08x}, expected {crc:08x}"
            )));
        }
        Ok(bytes)
    }

    fn missing(&self) -> Error {
        Error::MissingPack { id: self.id, object: self.object() }
    }

    fn broken(&self, what: &str) -> Error {
        let object = self.object();
        Error::state(self.id, format!("{object}: {what}; put this object back from a backup"))
    }
}
