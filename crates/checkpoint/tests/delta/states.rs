//! From two states to bytes and back.

use keepstone_checkpoint::delta::{Delta, DeltaKind, Error, Options};
use keepstone_format::Codec;
use keepstone_testkit::Random;

use super::support::{between, codecs, decode, edit, encode, state};

/// Asserts that the delta of two states, if there is one, gives the target in every form; returns it.
pub(super) fn check(source: &[u8], target: &[u8], options: &Options) -> Option<Delta> {
    let delta = Delta::between(source, target, options)?;
    assert_eq!(delta.target_len(), target.len());
    assert!(delta.apply(source).unwrap() == target);
    for codec in codecs() {
        let bytes = encode(&delta, codec);
        assert!(bytes.len() <= delta.plain_len());
        assert!(codec != Codec::None || bytes.len() == delta.plain_len());
        let read = decode(&bytes);
        assert_eq!((read.kind(), read.target_len()), (delta.kind(), target.len()));
        assert_eq!(read.stats(), delta.stats());
        assert!(read.apply(source).unwrap() == target, "{codec:?}");
        assert_eq!(read.to_delta(), delta);
    }
    assert!(delta.plain_len() < target.len());
    Some(delta)
}

#[test]
fn edited_states_come_back() {
    for seed in 0..3000 {
        let mut random = Random::new(seed);
        let len = [0, 1, 2, 40, 1000, 5000][random.index(6)];
        let source = state(&mut random, len);
        let mut target = source.clone();
        let longest = [1, 4, 40, 400][random.index(4)];
        for _ in 0..random.index(8) {
            edit(&mut random, &mut target, longest);
        }
        let delta = check(&source, &target, &Options::new());
        let is_same = source == target;
        assert!(!is_same || len < 10 || delta.unwrap().plain_len() <= 4, "seed {seed}");
    }
}

#[test]
fn states_of_any_two_lengths_come_back_or_are_kept_whole() {
    let mut random = Random::new(1);
    for source_len in [0, 1, 15, 16, 17, 100, 70_000] {
        for target_len in [0, 1, 15, 16, 17, 100, 70_000] {
            for _ in 0..4 {
                let (source, target) = (state(&mut random, source_len), state(&mut random, target_len));
                check(&source, &target, &Options::new());
                let mut long = source.clone();
                long.extend_from_slice(&target);
                check(&source, &long, &Options::new());
                check(&long, &source, &Options::new());
                check(&long, &target, &Options::new());
            }
        }
    }
}

#[test]
fn what_a_delta_costs_more_than_is_kept_whole() {
    let mut random = Random::new(2);
    let (source, target) = (random.bytes(1000), random.bytes(1000));
    assert_eq!(between(&source, &target), None);
    let mut near = source.clone();
    near[500..600].copy_from_slice(&target[..100]);
    let len = between(&source, &near).unwrap().plain_len();
    assert!((101..110).contains(&len));
    assert!(Delta::between(&source, &near, &Options::new().bytes_max(len + 1)).is_some());
    assert_eq!(Delta::between(&source, &near, &Options::new().bytes_max(len)), None);
    assert_eq!(between(b"", b""), None);
}

#[test]
fn kinds_tell_what_happened_to_the_bytes() {
    let mut random = Random::new(3);
    let source = random.bytes(4000);
    let mut target = source.clone();
    target[10] ^= 1;
    assert_eq!(check(&source, &target, &Options::new()).unwrap().kind(), DeltaKind::Aligned);
    assert_eq!(check(&source, &source[..3000], &Options::new()).unwrap().kind(), DeltaKind::Aligned);
    let longer = [&source[..], &random.bytes(50)].concat();
    assert_eq!(check(&source, &longer, &Options::new()).unwrap().kind(), DeltaKind::Aligned);
    target.splice(2000..2000, random.bytes(40));
    let delta = check(&source, &target, &Options::new()).unwrap();
    assert_eq!((delta.kind(), delta.stats().ops, delta.stats().literal_bytes), (DeltaKind::Shifted, 2, 41));
    target.drain(1000..1100);
    assert_eq!(check(&source, &target, &Options::new()).unwrap().kind(), DeltaKind::Shifted);
    target.rotate_left(1500);
    let delta = check(&source, &target, &Options::new()).unwrap();
    assert_eq!(delta.kind(), DeltaKind::Moved);
    assert!(delta.plain_len() < 80, "{}", delta.plain_len());
}

#[test]
fn a_record_that_comes_or_goes_costs_itself_and_a_few_bytes() {
    let mut random = Random::new(4);
    for _ in 0..100 {
        let source = state(&mut random, 10_000);
        let at = random.index(10_000);
        let record = random.bytes(40);
        let mut target = source.clone();
        target.splice(at..at, record);
        assert!(between(&source, &target).unwrap().plain_len() <= 40 + 12);
        assert!(between(&target, &source).unwrap().plain_len() <= 12);
    }
}

#[test]
fn a_stretch_that_shifts_within_a_state_of_the_same_length_costs_little() {
    let mut random = Random::new(10);
    let source = random.bytes(50_000);
    let mut target = source.clone();
    target.drain(20_000..20_010);
    target.splice(20_400..20_400, random.bytes(10));
    let delta = check(&source, &target, &Options::new()).unwrap();
    assert_eq!(delta.kind(), DeltaKind::Shifted);
    assert!(delta.plain_len() < 40, "{}", delta.plain_len());
}

#[test]
fn blocks_that_swap_their_places_cost_a_few_bytes_each() {
    let mut random = Random::new(5);
    let source = random.bytes(100_000);
    let mut target = Vec::new();
    let mut blocks: Vec<&[u8]> = source.chunks(1000).collect();
    for at in (1..blocks.len()).rev() {
        blocks.swap(at, random.index(at + 1));
    }
    for block in blocks {
        target.extend_from_slice(block);
    }
    let delta = check(&source, &target, &Options::new()).unwrap();
    assert!(delta.plain_len() < 1000, "{}, {:?}", delta.plain_len(), delta.stats());
}

#[test]
fn changes_of_shifted_bytes_are_found_as_well() {
    let mut random = Random::new(6);
    let source = random.bytes(50_000);
    let mut target = source.clone();
    for _ in 0..500 {
        let at = random.index(target.len());
        target[at] ^= 0x55;
    }
    let aligned = between(&source, &target).unwrap().plain_len();
    target.splice(20_000..20_000, random.bytes(100));
    target.drain(40_000..40_100);
    let shifted = check(&source, &target, &Options::new()).unwrap().plain_len();
    assert!(shifted < aligned + 150, "{shifted} and {aligned}");
}

/// The place where a delta of bytes that all look alike would go through the state once for each byte.
#[test]
fn states_of_one_value_take_as_long_as_others() {
    let mut random = Random::new(7);
    let source = vec![0x42; 8 << 20];
    let mut target = source.clone();
    for _ in 0..200 {
        let at = random.index(target.len());
        target.splice(at..at, [1, 2, 3]);
        let at = random.index(target.len() - 2000);
        target[at..at + 1000].fill(7);
    }
    let delta = Delta::between(&source, &target, &Options::new()).unwrap();
    assert!(delta.apply(&source).unwrap() == target);
    assert!(delta.plain_len() < 250_000, "{}", delta.plain_len());
    let other = vec![0x43; (8 << 20) + 1];
    assert_eq!(Delta::between(&source, &other, &Options::new()), None);
}

#[test]
fn a_source_that_is_too_short_is_refused() {
    let source = Random::new(9).bytes(1000);
    let mut target = source.clone();
    target[100] ^= 1;
    let delta = between(&source, &target).unwrap();
    let bytes = encode(&delta, Codec::None);
    for error in [
        delta.apply(&source[..999]).unwrap_err(),
        decode(&bytes).apply(&source[..999]).unwrap_err(),
        decode(&bytes).apply(&[]).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Source { expected: 1000, is_exact: false, .. }), "{error}");
    }
}
