//! Deltas from their bytes into the state, where that can be done at once.

use keepstone_format::wire::Input;

use crate::delta::apply;
use crate::delta::encode::{RUN_MASK, STAGE_SHIFT};
use crate::delta::script::{Op, View};
use crate::delta::token::{Cursor, Tokens};

/// Makes a state the target of a delta that isn't packed, keeps the length of the state, and has every byte in its
/// place. False: it is another one, or bytes that are none, and the state is as it was.
pub(crate) fn patch(bytes: &[u8], state: &mut [u8]) -> bool {
    let Some(View { ops, mut literals, .. }) = view(bytes, state.len()) else { return false };
    let mut at = 0;
    for op in ops {
        let start = at + op.copy;
        at = start + op.insert;
        // All of it has been found to be inside.
        let (Some(replaced), Some((inserted, rest))) =
            (state.get_mut(start..at), literals.split_at_checked(op.insert))
        else {
            break;
        };
        apply::copy(replaced, inserted);
        literals = rest;
    }
    true
}

/// The steps of such a delta, once they are known to stay within `len` bytes and to use up all literals.
fn view(bytes: &[u8], len: usize) -> Option<View<'_, impl Iterator<Item = Op>>> {
    let mut input = Input::new("delta", bytes);
    let flags = input.u8().ok()?;
    if flags >> STAGE_SHIFT != 0 || input.varint_u64().ok()? != len as u64 {
        return None;
    }
    let run_len = usize::from(flags & RUN_MASK);
    let count = input.count(1).ok()?;
    let mut cursor = Cursor::new(&input);
    let (mut left, mut literals_len) = (len, 0);
    for _ in 0..count {
        let op = cursor.take(run_len).ok()?;
        if op.shift != 0 {
            return None;
        }
        left = left.checked_sub(op.copy)?.checked_sub(op.insert)?;
        literals_len += op.insert;
    }
    let literals = cursor.rest();
    let tokens = Tokens::new(input.take_rest(), count, run_len);
    (literals.len() == literals_len).then_some(View {
        ops: tokens,
        literals,
        target_len: len,
        source_end: len,
    })
}

#[cfg(test)]
mod tests {
    use keepstone_format::{Codec, Limits};
    use keepstone_testkit::Random;

    use super::*;
    use crate::delta::{Delta, DeltaKind, DeltaRef, Options};

    /// Does both, and sees that they come to the same; answers whether it was done at once.
    fn check(bytes: &[u8], source: &[u8]) -> bool {
        let mut state = source.to_vec();
        let is_done = patch(bytes, &mut state);
        if is_done {
            let delta = DeltaRef::decode(bytes, Limits::default()).unwrap();
            assert_eq!(delta.kind(), DeltaKind::Aligned);
            assert_eq!(state, delta.apply(source).unwrap());
        } else {
            assert_eq!(state, source);
        }
        is_done
    }

    fn bytes_between(source: &[u8], target: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        Delta::between(source, target, &Options::new())?.encode_into(Codec::None, &mut bytes).unwrap();
        Some(bytes)
    }

    #[test]
    fn a_state_with_changes_in_place_becomes_what_any_other_way_makes_of_it() {
        let mut random = Random::new(3);
        let mut done = 0;
        for _ in 0..2000 {
            let source_len = 1 + random.index(3000);
            let source = random.bytes(source_len);
            let mut target = source.clone();
            for _ in 0..random.index(20) {
                let len = (1 + random.index(40)).min(source_len);
                let at = random.index(source_len - len + 1);
                target.splice(at..at + len, random.bytes(len));
            }
            if let Some(bytes) = bytes_between(&source, &target) {
                done += u32::from(check(&bytes, &source));
            }
        }
        assert!(done > 1500, "{done}");
    }

    #[test]
    fn a_delta_that_moves_bytes_or_is_for_another_length_changes_nothing() {
        let source = Random::new(4).bytes(500);
        let mut target = source.clone();
        target.splice(100..100, [1, 2, 3]);
        let bytes = bytes_between(&source, &target).unwrap();
        assert!(!check(&bytes, &source));
        target.clone_from(&source);
        target[70] ^= 1;
        let bytes = bytes_between(&source, &target).unwrap();
        assert!(check(&bytes, &source));
        assert!(!patch(&bytes, &mut source[..499].to_vec()));
    }

    #[test]
    fn bytes_that_are_cut_or_changed_are_what_a_decoder_says_they_are() {
        let source = Random::new(5).bytes(400);
        let mut target = source.clone();
        for at in [3, 4, 90, 91, 92, 300, 399] {
            target[at] ^= 0x55;
        }
        let bytes = bytes_between(&source, &target).unwrap();
        for len in 0..bytes.len() {
            assert!(!check(&bytes[..len], &source), "{len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            check(&changed, &source);
        }
    }
}
