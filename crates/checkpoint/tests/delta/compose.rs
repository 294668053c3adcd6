//! Two deltas as one.

use keepstone_checkpoint::delta::{DeltaKind, Error, compose};
use keepstone_testkit::Random;

use super::support::{between, codecs, decode, edit, encode, state};

#[test]
fn two_deltas_as_one_make_what_they_make_one_after_the_other() {
    let (mut composed, mut moved) = (0, 0);
    for seed in 0..3000 {
        let mut random = Random::new(seed);
        let len = [100, 1000, 5000][random.index(3)];
        let mut states = vec![state(&mut random, len)];
        let longest = [4, 40, 400][random.index(3)];
        for _ in 0..2 {
            let mut next = states[states.len() - 1].clone();
            for _ in 0..=random.index(6) {
                edit(&mut random, &mut next, longest);
            }
            states.push(next);
        }
        let [a, b, c] = [0, 1, 2].map(|at: usize| &states[at]);
        let (Some(first), Some(second)) = (between(a, b), between(b, c)) else { continue };
        let both = compose(&first, &second).unwrap();
        assert!(both.apply(a).unwrap() == *c, "seed {seed}");
        // What was made by composing is as good as what was found.
        let bytes = encode(&both, keepstone_format::Codec::None);
        assert_eq!(decode(&bytes).to_delta(), both, "seed {seed}");
        composed += 1;
        moved += usize::from(both.kind() == DeltaKind::Moved);
    }
    assert!(composed > 2000 && moved > 500, "{composed}, {moved}");
}

#[test]
fn a_change_and_its_way_back_are_no_longer_than_both() {
    let mut random = Random::new(1);
    let a = random.bytes(5000);
    let mut b = a.clone();
    b.splice(2000..2000, random.bytes(100));
    b.drain(1000..1200);
    let (there, back) = (between(&a, &b).unwrap(), between(&b, &a).unwrap());
    let both = compose(&there, &back).unwrap();
    assert!(both.apply(&a).unwrap() == a);
    assert!(both.stats().literal_bytes <= 200, "{:?}", both.stats());
}

#[test]
fn deltas_that_do_not_follow_each_other_are_refused() {
    let a = Random::new(2).bytes(2000);
    let (short, same) = (between(&a, &a[..1000]).unwrap(), between(&a, &a).unwrap());
    let error = compose(&short, &same).unwrap_err();
    assert!(matches!(error, Error::Source { expected: 2000, found: 1000, is_exact: false }), "{error}");
    assert!(compose(&same, &short).is_ok());
}

/// Composing may make steps that take more bytes than their target. Packed as others are, they were refused when read.
#[test]
fn steps_that_are_longer_than_their_target_are_read_as_well() {
    let mut bytes = vec![0, 200, 1, 200, 1];
    for _ in 0..200 {
        // Copy 1, shift 1.
        bytes.extend([254, 1, 0, 2]);
    }
    let delta = decode(&bytes).to_delta();
    let source = Random::new(3).bytes(400);
    let target = delta.apply(&source).unwrap();
    assert_eq!(target, source.iter().copied().step_by(2).collect::<Vec<u8>>());
    for codec in codecs() {
        let bytes = encode(&delta, codec);
        assert_eq!(decode(&bytes).apply(&source).unwrap(), target, "{codec:?}");
    }
}
