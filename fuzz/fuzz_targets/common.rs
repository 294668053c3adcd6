//! What the targets with checksums share.

use libfuzzer_sys::fuzzer_mutate;

/// Room for libFuzzer to grow a part of an input.
const GROWTH: usize = 4096;

/// Lets libFuzzer mutate `part`.
pub(crate) fn mutate_part(part: &mut Vec<u8>) {
    let len = part.len();
    part.resize(len + GROWTH, 0);
    let len = fuzzer_mutate(part, len, len + GROWTH);
    part.truncate(len);
}

/// Puts `made` where libFuzzer wants it; what doesn't fit is cut off. Answers how much that is.
pub(crate) fn deliver(made: &[u8], data: &mut [u8], max_size: usize) -> usize {
    let len = made.len().min(max_size).min(data.len());
    if let Some((to, from)) = data.get_mut(..len).zip(made.get(..len)) {
        to.copy_from_slice(from);
    }
    len
}
