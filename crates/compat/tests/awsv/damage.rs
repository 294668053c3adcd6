//! Truncation at every length and every bit flipped.

use keepstone_compat::Error;
use keepstone_compat::awsv::Warning;
use keepstone_format::Kind;

use crate::awsv::files::{good, read};
use crate::awsv::wire;

#[test]
fn truncation_at_every_length_is_an_error() {
    for (name, bytes) in good() {
        for len in 0..bytes.len() {
            let err = read(&bytes[..len]).unwrap_err();
            let expected = match (&err, len) {
                (Error::NotThisFormat { found, .. }, 0) => found.as_slice().is_empty(),
                (Error::Truncated { part, needs: 16, found }, 1..16) => {
                    (*part, *found) == ("the header", len as u64)
                }
                (Error::Truncated { part, needs, found }, 16..) => {
                    (*part, *needs, *found) == ("the data", bytes.len() as u64, len as u64)
                }
                _ => false,
            };
            assert!(expected, "{name} cut to {len}: {err}");
            assert_eq!(err.kind(), Kind::Damaged, "{name} cut to {len}");
        }
    }
}

/// The whole list of what a flipped bit can lead to, by where it is.
#[test]
fn every_flipped_bit_is_an_error_but_in_the_reserved_byte() {
    for (name, bytes) in good() {
        let clean = read(bytes).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let result = read(&damaged);
            let expected = match (bit / 8, &result) {
                (0..4, Err(err)) => matches!(err, Error::NotThisFormat { .. }),
                (4..6, Err(Error::Version { found, .. })) => *found == 0 || *found > 2,
                (6, Err(err)) => codec_flip_is_found(clean.header.codec, bit % 8, err),
                (7, Ok(file)) => {
                    file.bundle == clean.bundle
                        && file.warnings.len() == clean.warnings.len() + 1
                        && file.warnings.contains(&Warning::ReservedByte { found: damaged[7] })
                }
                (8..12, Err(err)) => {
                    matches!(err, Error::Truncated { .. } | Error::Checksum { .. })
                }
                (12.., Err(Error::Checksum { offset: 16, expected, found })) => expected != found,
                _ => false,
            };
            assert!(expected, "{name} bit {bit}: {result:?}");
        }
    }
}

fn codec_flip_is_found(codec: u8, bit: usize, err: &Error) -> bool {
    match (codec, bit) {
        // The size prefix is taken for the first fields of a body, which do not fit together.
        (1, 0) => matches!(err, Error::Body { .. } | Error::Value { .. }),
        // The first fields of a body are taken for a size prefix.
        (0, 0) => matches!(err, Error::SizePrefix { .. }),
        _ => matches!(err, Error::UnknownCodec { .. }),
    }
}

/// Damage that a checksum does not show, as an adversary makes it: the result is a save or a
/// typed error, and comes without a panic.
#[test]
fn changed_bytes_under_a_good_checksum_never_panic() {
    let mut results = [0_u32; 2];
    for (_, bytes) in good().filter(|(_, bytes)| bytes.len() < 500) {
        let (header, data) = bytes.split_at(16);
        for index in 0..data.len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 0x7f, 0xff] {
                let mut data = data.to_vec();
                data[index] ^= change;
                let file = wire::container(u16::from(header[4]), header[6], &data);
                results[usize::from(read(&file).is_ok())] += 1;
            }
        }
        for len in 0..data.len() {
            let file = wire::container(u16::from(header[4]), header[6], &data[..len]);
            assert!(read(&file).is_err());
        }
    }
    assert!(results.iter().all(|count| *count > 100), "{results:?}");
}
