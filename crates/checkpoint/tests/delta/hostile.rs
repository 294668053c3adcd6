//! Bytes that nobody wrote.

use keepstone_checkpoint::delta::{Delta, DeltaKind, DeltaRef, Error, Options, compose, restore};
use keepstone_format::{Kind, Limits};
use keepstone_testkit::Random;

use super::support::{codecs, decode, encode, state};

/// A source, and deltas of all kinds from it, in every codec.
fn samples() -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut random = Random::new(11);
    let source: Vec<u8> = random.bytes(300).repeat(4);
    let mut samples = Vec::new();
    let mut add = |target: &[u8]| {
        let delta = Delta::between(&source, target, &Options::new()).unwrap();
        for codec in codecs() {
            samples.push(encode(&delta, codec));
        }
        delta.kind()
    };
    let mut target = source.clone();
    target.iter_mut().step_by(90).for_each(|byte| *byte ^= 0xff);
    assert_eq!(add(&target), DeltaKind::Aligned);
    target.splice(500..500, [5; 200]);
    target.drain(700..800);
    assert_eq!(add(&target), DeltaKind::Shifted);
    target.rotate_left(333);
    assert_eq!(add(&target), DeltaKind::Moved);
    samples.sort();
    samples.dedup();
    assert!(samples.len() >= 2 + codecs().count());
    (source, samples)
}

/// Reads bytes and does all that can be done with them, none of which may panic.
fn read(bytes: &[u8], source: &[u8]) -> Result<Vec<u8>, Error> {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 16;
    let delta = DeltaRef::decode(bytes, limits)?;
    assert!(delta.target_len() <= 1 << 16);
    let restored = restore(source, &[delta.clone(), delta.clone(), delta.clone()]);
    let owned = delta.to_delta();
    let composed = compose(&owned, &owned);
    let applied = delta.apply(source);
    if let Ok(applied) = &applied {
        assert_eq!(applied.len(), delta.target_len());
        assert_eq!(owned.apply(source).unwrap(), *applied);
        let twice = delta.apply(applied);
        if let (Ok(twice), Ok(composed)) = (twice, composed) {
            assert_eq!(composed.apply(source).unwrap(), twice);
            assert_eq!(restored.unwrap(), delta.apply(&twice).unwrap());
        }
    }
    applied
}

#[test]
fn cut_and_longer_deltas_are_refused() {
    let (source, samples) = samples();
    for bytes in &samples {
        assert!(read(bytes, &source).is_ok());
        for len in 0..bytes.len() {
            let error = read(&bytes[..len], &source).unwrap_err();
            assert_eq!(error.kind(), Kind::Damaged, "{len} of {}: {error}", bytes.len());
        }
        for more in [&[0][..], &[0xff], &[1, 2, 3, 4, 5, 6, 7, 8]] {
            let longer = [bytes, more].concat();
            assert_eq!(read(&longer, &source).unwrap_err().kind(), Kind::Damaged);
        }
    }
}

#[test]
fn flipped_bits_give_an_error_or_a_state_of_the_length_that_is_told() {
    let (source, samples) = samples();
    let (mut refused, mut read_all) = (0, 0);
    for bytes in &samples {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            refused += usize::from(read(&flipped, &source).is_err());
            read_all += 1;
        }
    }
    assert!(refused > read_all / 20 && refused < read_all, "{refused} of {read_all}");
}

#[test]
fn random_bytes_and_random_changes_never_panic() {
    let (source, samples) = samples();
    let mut random = Random::new(12);
    let mut whole = 0;
    for round in 0..60_000 {
        let mut bytes = if round % 4 == 0 {
            let len = random.index(30);
            random.bytes(len)
        } else {
            samples[random.index(samples.len())].clone()
        };
        for _ in 0..random.index(4) {
            let any = random.bytes(1)[0];
            let new = [0, 1, 0x7f, 0x80, 0xff, 252, 253, 254, any][random.index(9)];
            let at = random.index(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte = new;
            }
        }
        whole += usize::from(read(&bytes, &source).is_ok());
    }
    assert!(whole > 5000, "only {whole} were read");
}

#[test]
fn deltas_made_of_random_steps_never_panic() {
    let mut random = Random::new(13);
    let source = state(&mut random, 500);
    let mut whole = 0;
    for _ in 0..30_000 {
        let count = random.below(6);
        let (mut tokens, mut inserted, mut made) = (Vec::new(), 0_u64, 0);
        for _ in 0..count {
            let (copy, insert, shift) = (random.below(100), random.below(20), random.below(127));
            tokens.extend([254, copy, insert, shift + 1].map(|field| field.to_le_bytes()[0]));
            (inserted, made) = (inserted + insert, made + copy + insert);
        }
        let target_len = made + random.below(3) * 40;
        let mut bytes = vec![4];
        keepstone_format::wire::put_varint(&mut bytes, target_len);
        bytes.push(count.to_le_bytes()[0]);
        bytes.extend(tokens);
        bytes.extend(random.bytes(inserted.try_into().unwrap()));
        whole += usize::from(read(&bytes, &source).is_ok());
    }
    assert!(whole > 3000, "only {whole} were read");
}

fn refused(bytes: &[u8]) -> Error {
    DeltaRef::decode(bytes, Limits::default()).unwrap_err()
}

#[test]
fn broken_rules_are_told_with_their_place() {
    let check = |bytes: &[u8], at: u64, expected: &str| {
        let error = refused(bytes);
        assert!(matches!(error, Error::Field { offset, .. } if offset == at), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.kind(), Kind::Damaged);
    };
    // Target of 10: copy 2, insert 1.
    assert!(DeltaRef::decode(&[1, 10, 1, 2, 0xaa], Limits::default()).is_ok());
    check(&[], 0, "cut short");
    check(&[1], 1, "cut short");
    check(&[1, 10], 2, "cut short");
    check(&[1, 0x8a, 0, 1, 2, 0xaa], 1, "longer than it needs");
    check(&[1, 10, 2, 2], 2, "cut short");
    check(&[1, 10, 1, 10, 0xaa], 3, "more than the target");
    check(&[1, 10, 1, 2], 4, "cut short");
    check(&[1, 10, 1, 2, 0xaa, 0xbb], 5, "left over");
    check(&[1, 10, 1, 255, 0xaa], 3, "begins with");
    check(&[0, 10, 1, 208, 1, 1, 0xaa], 3, "begins with");
    check(&[0, 10, 1, 2, 0], 3, "neither inserts nor shifts");
    check(&[1, 10, 1, 254, 2, 1, 0, 0xaa], 3, "a shift is 0");
    check(&[1, 10, 1, 254, 2, 1, 9, 0xaa], 3, "leaves the source");
    check(&[1, 10, 2, 254, 0, 0, 2, 254, 0, 0, 2], 7, "makes nothing");
    let far = [&[1, 10, 1, 254, 2, 1][..], &[0xff; 9], &[1, 0xaa]].concat();
    check(&far, 3, "leaves the source");
}

#[test]
fn flags_that_no_build_writes_are_newer() {
    for flags in [0x80, 0xff, 0x61, 0x7f] {
        let error = refused(&[flags, 10, 0]);
        assert!(matches!(error, Error::Flags { found } if found == flags), "{error}");
        assert_eq!(error.kind(), Kind::Newer);
    }
}

#[test]
fn lengths_are_checked_before_memory_is_reserved() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let bytes = [&[0][..], &huge, &[0]].concat();
    let error = refused(&bytes);
    assert!(matches!(error, Error::Limit { needs: 0x7fff_ffff_ffff_ffff, .. }), "{error}");
    assert_eq!(error.kind(), Kind::Limit);
    let error = refused(&[&[0x60, 10][..], &huge, &[0]].concat());
    assert!(matches!(error, Error::Limit { what: "bytes of a parent's state", .. }), "{error}");
    for stage in [0x20, 0x40] {
        // Packed steps of as much as that, and of more than a target of 10 bytes can have.
        for len in [&huge[..], &[100]] {
            let error = refused(&[&[stage, 10][..], len, &[1, 2, 3]].concat());
            assert!(matches!(error, Error::Field { offset: 2, .. }), "{error}");
        }
    }
    // A copy from the far end of memory, which nothing may be added to.
    for (far, literals) in [(62, 1), (63, 1), (63, 40)] {
        let mut bytes = vec![1, 100, 2, 254, 0, 0];
        keepstone_format::wire::put_varint(&mut bytes, ((1_u64 << far) - 60) * 2);
        bytes.extend([254, 20, literals, 1]);
        bytes.extend(vec![7; literals.into()]);
        let mut limits = Limits::default();
        limits.decoded_max = u64::MAX;
        for limits in [Limits::default(), limits] {
            match DeltaRef::decode(&bytes, limits) {
                Ok(delta) => {
                    let (far, near) = (delta.to_delta(), [1, 100, 1, 99, 9]);
                    let near = decode(&near).to_delta();
                    assert!(compose(&far, &near).unwrap().apply(b"short").is_err());
                    assert!(delta.apply(b"short").is_err());
                }
                Err(error) => assert!(matches!(error.kind(), Kind::Limit | Kind::Damaged), "{error}"),
            }
        }
    }
    // A target that is allowed, from a source that isn't there.
    let bytes = [0, 0x80, 0x80, 0x80, 0x80, 1, 0];
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 28;
    let delta = DeltaRef::decode(&bytes, limits).unwrap();
    let mut out = Vec::new();
    let error = delta.apply_into(b"short", &mut out).unwrap_err();
    assert!(matches!(error, Error::Source { expected: 0x1000_0000, found: 5, .. }), "{error}");
    assert_eq!(out.capacity(), 0);
    assert_eq!(restore(b"short", &[delta]).unwrap_err().kind(), Kind::Damaged);
}
