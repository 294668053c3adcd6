//! Targets from scripts.

use crate::delta::Error;
use crate::delta::script::{Op, View};

/// Makes `out` the target.
pub(super) fn script(
    script: View<'_, impl Iterator<Item = Op>>,
    source: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let short = || Error::short_source(script.source_end, source.len());
    if source.len() < script.source_end {
        return Err(short());
    }
    out.clear();
    let target_len = script.target_len;
    out.try_reserve_exact(target_len).map_err(|_| Error::OutOfMemory { bytes: target_len as u64 })?;
    let (mut at, mut literals) = (0, script.literals);
    for op in script.ops {
        let copied = source.get(at..).and_then(|rest| rest.get(..op.copy)).ok_or_else(short)?;
        let (inserted, rest) = literals.split_at_checked(op.insert).ok_or_else(short)?;
        out.extend_from_slice(copied);
        out.extend_from_slice(inserted);
        literals = rest;
        at = op.end(at).ok_or_else(short)?;
    }
    let left = target_len.saturating_sub(out.len());
    if left > 0 {
        out.extend_from_slice(source.get(at..).and_then(|rest| rest.get(..left)).ok_or_else(short)?);
    }
    Ok(())
}

/// Writes the literals of an aligned script over its source, which becomes the target.
pub(super) fn patch(script: View<'_, impl Iterator<Item = Op>>, state: &mut Vec<u8>) -> Result<(), Error> {
    let source_len = state.len();
    let short = || Error::short_source(script.source_end, source_len);
    if source_len < script.source_end {
        return Err(short());
    }
    let target_len = script.target_len;
    if let Some(more) = target_len.checked_sub(source_len) {
        state.try_reserve_exact(more).map_err(|_| Error::OutOfMemory { bytes: target_len as u64 })?;
    }
    // Bytes that come at the end are literals: copies end where the source does.
    state.resize(target_len, 0);
    let (mut rest, mut literals) = (state.as_mut_slice(), script.literals);
    for op in script.ops {
        let (_, behind) = rest.split_at_mut_checked(op.copy).ok_or_else(short)?;
        let (replaced, behind) = behind.split_at_mut_checked(op.insert).ok_or_else(short)?;
        let (inserted, left) = literals.split_at_checked(op.insert).ok_or_else(short)?;
        copy(replaced, inserted);
        (rest, literals) = (behind, left);
    }
    Ok(())
}

/// Copies bytes over as many. Most are a few, which a call for any number of them takes longer for.
#[inline]
pub(super) fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        1 => copy_ends::<1>(to, from),
        4..8 => copy_ends::<4>(to, from),
        8..16 => copy_ends::<8>(to, from),
        16..32 => copy_ends::<16>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies the first and the last `N` bytes, which are all if they meet.
#[inline]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk()) {
        *to = *from;
    }
}
