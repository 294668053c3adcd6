//! Truncation at every length and every bit flipped.

use keepstone_compat::Error;
use keepstone_compat::edgevec::snapshot::verify;
use keepstone_format::{Kind, Limits};

use super::files::{FULL, HEADER, ONE, read};

#[test]
fn every_flipped_bit_is_found() {
    for bytes in [HEADER, ONE, FULL] {
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = read(&damaged).unwrap_err();
            let is_expected = match error {
                Error::NotThisFormat { .. } => bit < 32,
                Error::Checksum { offset: 0, .. } => (32..512).contains(&bit),
                Error::Checksum { offset: 64, .. } => bit >= 512,
                _ => false,
            };
            assert!(is_expected, "bit {bit}: {error}");
            assert_eq!(error.kind(), Kind::Damaged);
        }
    }
}

#[test]
fn truncation_at_every_length_is_found() {
    for bytes in [HEADER, ONE, FULL] {
        for len in 0..bytes.len() {
            let error = verify(&bytes[..len], &Limits::default()).unwrap_err();
            let is_expected = match error {
                Error::NotThisFormat { .. } => len == 0,
                Error::Truncated { found, needs, .. } => found == len as u64 && needs <= bytes.len() as u64,
                // Where metadata end only they say.
                Error::Checksum { offset: 64, .. } => len > 6605,
                _ => false,
            };
            assert!(is_expected, "{len} bytes: {error}");
            assert_eq!(error.kind(), Kind::Damaged);
        }
    }
}
