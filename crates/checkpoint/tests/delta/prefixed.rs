//! Targets that zstd tells with the source as a prefix.

use keepstone_checkpoint::delta::{Delta, DeltaKind, DeltaRef, Error, Options, compose, restore};
use keepstone_format::{Codec, Limits};
use keepstone_testkit::Random;

use super::golden;
use super::states::check;
use super::support::{decode, edit, encode};

#[test]
fn long_states_that_steps_tell_badly_are_told_by_zstd() {
    let mut random = Random::new(8);
    let source = random.bytes(1 << 20);
    // Every other byte of half of it is new.
    let mut target = source.clone();
    target.iter_mut().take(1 << 19).step_by(2).for_each(|byte| *byte = 0);
    assert!(check(&source, &target, &Options::new()).is_none_or(|delta| delta.kind() == DeltaKind::Aligned));
    let delta = check(&source, &target, &Options::new().prefix(true)).unwrap();
    assert_eq!(delta.kind(), DeltaKind::Prefixed);
    // A state that isn't the parent is told by its length.
    let bytes = encode(&delta, Codec::None);
    let error = decode(&bytes).apply(&source[1..]).unwrap_err();
    assert!(
        matches!(error, Error::Source { is_exact: true, expected: 0x10_0000, found: 0xf_ffff }),
        "{error}"
    );
    assert!(decode(&bytes).apply(&vec![9; 1 << 20]).map_or(true, |other| other != target));
    // Shorter ones are not for zstd.
    assert_ne!(
        Delta::between(&source[1..], &target[1..], &Options::new().prefix(true)).map(|delta| delta.kind()),
        Some(DeltaKind::Prefixed)
    );
}

#[test]
fn frames_of_zstd_stand_between_others() {
    let mut random = Random::new(4);
    let mut states = vec![random.bytes(1 << 20)];
    let (mut chain, mut kinds) = (Vec::new(), Vec::new());
    for round in 0..9 {
        let mut next = states[states.len() - 1].clone();
        if round % 3 == 1 {
            next.iter_mut().skip(round).take(1 << 19).step_by(2).for_each(|byte| *byte = 0);
            next.rotate_left(5000);
        } else {
            next.drain(100_000..100_040);
            next.splice(900_000..900_000, [7; 30]);
            next.resize(1 << 20, 1);
        }
        let delta = Delta::between(&states[states.len() - 1], &next, &Options::new().prefix(true)).unwrap();
        kinds.push(delta.kind());
        chain.push(encode(&delta, Codec::None));
        states.push(next);
    }
    assert!(kinds.contains(&DeltaKind::Prefixed) && kinds.contains(&DeltaKind::Shifted), "{kinds:?}");
    let chain: Vec<_> = chain.iter().map(|bytes| decode(bytes)).collect();
    for end in 0..=9 {
        assert!(restore(&states[0], &chain[..end]).unwrap() == states[end], "{end}");
    }
}

#[test]
fn damaged_frames_of_zstd_are_refused_or_keep_the_length() {
    let mut random = Random::new(14);
    let source = random.bytes(1 << 20);
    let mut target = source.clone();
    target.iter_mut().take(1 << 19).step_by(2).for_each(|byte| *byte = 0);
    (0..50).for_each(|_| edit(&mut random, &mut target, 1000));
    let delta = Delta::between(&source, &target, &Options::new().prefix(true)).unwrap();
    assert_eq!(delta.kind(), DeltaKind::Prefixed);
    let bytes = encode(&delta, Codec::None);
    let limits = Limits::default();
    for round in 0..150 {
        let mut damaged = bytes.clone();
        // The head of the frame more often than the rest.
        let at = if round % 2 == 0 { round / 2 } else { random.index(bytes.len()) };
        damaged[at] ^= 1 << random.index(8);
        if let Ok(read) = DeltaRef::decode(&damaged, limits)
            && let Ok(applied) = read.apply(&source)
        {
            assert_eq!(applied.len(), read.target_len());
        }
        let cut = &bytes[..random.index(bytes.len())];
        assert!(DeltaRef::decode(cut, limits).and_then(|read| read.apply(&source)).is_err());
    }
    let longer = [&bytes[..], &[0]].concat();
    let error = decode(&longer).apply(&source).unwrap_err();
    assert!(matches!(error, Error::Codec { codec: "zstd", .. }), "{error}");
    let error = compose(&delta, &delta).unwrap_err();
    assert!(matches!(error, Error::Uncomposable), "{error}");
}

#[test]
fn what_the_command_patched_is_read() {
    let source = golden::state(20_000);
    let target = [&source[10_000..], b"between", &source[..10_000]].concat();
    let delta = decode(include_bytes!("../golden/delta-v1-prefix.bin"));
    assert_eq!(delta.kind(), DeltaKind::Prefixed);
    assert!(delta.apply(&source).unwrap() == target);
}
