//! Truncation at every length, every bit flipped, and what an adversary announces.

use keepstone_compat::{
    Error,
    pecs::{PecsRows, decoded},
};
use keepstone_format::{Codec, Kind, Limits};

use super::made::{full, load, small, write};
use crate::pecs::wire::{crc, sealed};

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let extended = PecsRows::new().extended();
    vec![
        ("plain", write(PecsRows::new(), &small())),
        ("extended", write(extended, &full())),
        ("lz4", write(extended.codec(Codec::Lz4), &full())),
        ("zstd", write(extended.codec(Codec::Zstd), &full())),
    ]
}

#[test]
fn truncation_at_every_length_is_an_error() {
    for (name, bytes) in files() {
        for len in 0..bytes.len() {
            let error = load(&bytes[..len], None).unwrap_err();
            assert_eq!(error.kind(), Kind::Damaged, "{name} cut to {len}: {error}");
        }
    }
}

#[test]
fn every_flipped_bit_is_an_error() {
    for (name, bytes) in files() {
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = load(&damaged, None).expect_err(&format!("{name} bit {bit}"));
            let is_expected = match error.kind() {
                Kind::Damaged => true,
                Kind::Newer => bit / 8 < 12,
                _ => false,
            };
            assert!(is_expected, "{name} bit {bit}: {error}");
        }
    }
}

#[test]
fn a_block_that_is_gone_or_another_is_told() {
    let (extended, plain) = (&files()[1].1, &files()[0].1);
    let end = extended.len() - 8 - usize::try_from(block_len(extended)).unwrap();
    let error = load(&extended[..end], None).unwrap_err();
    assert!(matches!(error, Error::Truncated { part: "the extended metadata", .. }), "{error}");
    let mut other = extended.clone();
    *other.last_mut().unwrap() ^= 1;
    let error = load(&other, None).unwrap_err();
    assert!(matches!(error, Error::Extended { offset, .. } if offset == end as u64), "{error}");
    // Without the flag the entry is a type like another and the block is nothing.
    let mut unflagged = extended[..end - 8].to_vec();
    unflagged[8] = 0;
    let doc = load(&sealed(unflagged), None).unwrap();
    assert!(doc.column("keepstone.extended").is_some());
    assert!(load(plain, None).unwrap().column("keepstone.extended").is_none());
}

/// The length in the block, which is the last thing in the file: what is before it is as long as the file without a block and its entry.
fn block_len(extended: &[u8]) -> u64 {
    (8..extended.len() as u64)
        .find(|len| {
            let at = extended.len() - 8 - usize::try_from(*len).unwrap();
            extended[at..at + 8] == len.to_le_bytes()
        })
        .unwrap()
}

#[test]
fn flags_that_only_keepstone_means_are_refused_as_newer() {
    let mut body = files()[1].1.clone();
    let end = body.len() - 8 - usize::try_from(block_len(&body)).unwrap();
    let block = body.split_off(end);
    for flag in [4, 0x10, 0x8000_0000_u32] {
        let mut changed = body[..end - 8].to_vec();
        changed[8..12].copy_from_slice(&(8 | flag).to_le_bytes());
        let file = [sealed(changed), block.clone()].concat();
        let error = load(&file, None).unwrap_err();
        assert!(matches!(error, Error::Flags { offset: 8, .. }), "{error}");
        assert_eq!(error.kind(), Kind::Newer);
        assert_eq!(error.to_string().contains("what changed with save_delta"), flag == 4, "{error}");
    }
    let lz4 = &files()[2].1;
    for flags in [3_u32 | 8, 2 | 4, 2 | 0x10] {
        let mut changed = lz4[..lz4.len() - 8].to_vec();
        changed[8..12].copy_from_slice(&flags.to_le_bytes());
        let error = load(&sealed(changed), None).unwrap_err();
        assert!(matches!(error, Error::Flags { offset: 8, .. }), "{error}");
    }
}

fn coded(flags: u32, declared: u64, data: &[u8]) -> Vec<u8> {
    let mut body = b"PECS\x01\0\0\0".to_vec();
    body.extend(flags.to_le_bytes());
    body.extend([0; 12]);
    body.extend(b"KSCODED1");
    body.extend(declared.to_le_bytes());
    body.extend(data);
    sealed(body)
}

#[test]
fn announced_sizes_are_checked_before_memory_is_taken() {
    let limits = Limits::default();
    for flags in [1, 2] {
        let error = decoded(&coded(flags, u64::MAX, &[0; 20]), &limits).unwrap_err();
        assert!(matches!(error, Error::Limit { needs: u64::MAX, .. }), "{error}");
        let error = decoded(&coded(flags, limits.decoded_max, &[0; 20]), &limits).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error}");
    }
    let error = decoded(&coded(2, 5101, &[0; 20]), &limits).unwrap_err();
    assert!(matches!(error, Error::SizePrefix { offset: 32, declared: 5101, possible: 5100 }), "{error}");
    for flags in [1, 2] {
        for data in [&[0xff; 20][..], &[], &[0]] {
            let error = decoded(&coded(flags, 10, data), &limits).unwrap_err();
            assert!(matches!(
                error,
                Error::Coded { offset: 40, declared: 10, .. } | Error::SizePrefix { .. }
            ));
            assert_eq!(error.kind(), Kind::Damaged);
        }
    }
    // Two frames, each whole: the second would go unread.
    let one = write(PecsRows::new().extended().codec(Codec::Zstd), &full());
    let (frame, len) = (&one[40..one.len() - 8], u64::from_le_bytes(one[32..40].try_into().unwrap()));
    let error = decoded(&coded(9, len, &[frame, frame].concat()), &limits).unwrap_err();
    assert!(matches!(error, Error::Coded { .. }), "{error}");
}

/// Damage under good checksums and hashes, as an adversary makes it: a world or a typed error, and never a panic.
#[test]
fn changed_bytes_under_good_checksums_never_panic() {
    let extended = files()[1].1.clone();
    let block_at = extended.len() - 8 - usize::try_from(block_len(&extended)).unwrap();
    let id_at = (24..block_at).find(|at| extended[*at..].starts_with(b"keepstone.extended")).unwrap() - 20;
    let mut results = [0_u32; 2];
    for at in (12..block_at - 8).chain(block_at..extended.len()) {
        for change in [1, 2, 4, 8, 16, 32, 64, 128, 0x7f, 0xff] {
            let mut changed = extended.clone();
            changed[at] ^= change;
            let hash = blake3::hash(&changed[block_at..]);
            if at >= block_at {
                changed[id_at..id_at + 16].copy_from_slice(&hash.as_bytes()[..16]);
            }
            let sum = crc(&changed[..block_at - 8]);
            changed[block_at - 8..block_at].copy_from_slice(&sum.to_le_bytes());
            let result = load(&changed, None);
            results[usize::from(result.is_ok())] += 1;
            if let Ok(doc) = result {
                doc.check().unwrap();
            }
        }
    }
    assert!(results.iter().all(|count| *count > 100), "{results:?}");
}
