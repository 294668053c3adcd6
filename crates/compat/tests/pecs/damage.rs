//! Truncation at every length and every bit flipped.

use keepstone_compat::Error;
use keepstone_compat::pecs::Header;
use keepstone_format::Kind;

use crate::pecs::files::{ALL, named, read, small};
use crate::pecs::wire::{self, Numbers, Spec};

#[test]
fn truncation_at_every_length_is_an_error() {
    for fixture in ALL {
        let (name, bytes) = (fixture.name, fixture.bytes);
        let mut lens: Vec<usize> = (0..bytes.len()).collect();
        if bytes.len() > 1000 {
            lens.retain(|len| *len < 600 || len % 97 == 0 || *len > bytes.len() - 40);
        }
        for len in lens {
            let err = read(&bytes[..len]).unwrap_err();
            let expected = match (&err, len) {
                (Error::NotThisFormat { found, .. }, 0) => found.as_slice().is_empty(),
                (Error::Truncated { part, needs: 24, found }, 1..24) => {
                    (*part, *found) == ("the header", len as u64)
                }
                (Error::Truncated { part, needs, found }, 24..32) => {
                    name == "01_empty" && (*part, *needs, *found) == ("the checksum", 32, len as u64)
                }
                (Error::Announced { count, room, .. }, 24..) => count > room,
                _ => false,
            };
            assert!(expected, "{name} cut to {len}: {err}");
            assert_eq!(err.kind(), Kind::Damaged, "{name} cut to {len}");
        }
    }
}

/// The whole list of what a flipped bit can lead to, by where it is. None goes without an error.
#[test]
fn every_flipped_bit_is_an_error() {
    for fixture in small() {
        for bit in 0..fixture.bytes.len() * 8 {
            check_flipped(fixture.name, fixture.bytes, bit);
        }
    }
}

#[test]
fn flipped_bits_of_a_file_with_components_are_errors() {
    let small = Spec::of_types(&[(1, "a", 1), (2, "game::name", 1)])
        .entity(10, &[(1, b"x"), (2, b"")])
        .entity(11, &[])
        .entity(12, &[(2, b"some more bytes")])
        .file();
    for bit in 0..small.len() * 8 {
        check_flipped("small", &small, bit);
    }
    let bytes = named("11_format_structs_components");
    let mut numbers = Numbers(11);
    for _ in 0..200 {
        let bit = numbers.below(bytes.len() as u64 * 8);
        check_flipped("11", bytes, usize::try_from(bit).unwrap());
    }
}

fn check_flipped(name: &str, bytes: &[u8], bit: usize) {
    let mut damaged = bytes.to_vec();
    damaged[bit / 8] ^= 1 << (bit % 8);
    let err = read(&damaged).unwrap_err();
    let expected = match bit / 8 {
        0..4 => matches!(err, Error::NotThisFormat { .. }),
        4..8 => matches!(err, Error::Version { found, .. } if found != 1),
        8..12 => matches!(err, Error::Checksum64 { expected, found, .. } if expected != found),
        12..Header::LEN => {
            matches!(err, Error::Announced { .. } | Error::Checksum64 { .. } | Error::Truncated { .. })
        }
        at if at >= bytes.len() - 8 => {
            let end = bytes.len() as u64 - 8;
            matches!(err, Error::Checksum64 { end: found, .. } if found == end)
        }
        _ => matches!(
            err,
            Error::Announced { .. }
                | Error::Checksum64 { .. }
                | Error::TypeName { .. }
                | Error::Truncated { .. }
        ),
    };
    assert!(expected, "{name} bit {bit}: {err}");
    let kind = if matches!(err, Error::Version { found: 2.., .. }) { Kind::Newer } else { Kind::Damaged };
    assert_eq!(err.kind(), kind, "{name} bit {bit}");
}

/// The checksum of the same polynomial that Rust programs usually have is another one.
#[test]
fn checksum_of_another_variant_is_an_error_with_both_values() {
    for fixture in ALL {
        let end = fixture.bytes.len() - 8;
        let mut file = fixture.bytes[..end].to_vec();
        let xz = keepstone_format::crc64(&file);
        let we = wire::crc(&file);
        file.extend(xz.to_le_bytes());
        let err = read(&file).unwrap_err();
        assert!(matches!(
            err,
            Error::Checksum64 { end: at, expected, found }
                if at == end as u64 && expected == xz && found == we
        ));
    }
    let err = read(b"PECS\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").unwrap_err();
    assert_eq!(
        err.to_string(),
        "bytes 0 to 24: checksum is 5d8ee822a4eb9477, expected 0000000000000000; the file is damaged"
    );
}

#[test]
fn other_formats_and_versions_are_told_from_damage() {
    let err = read(b"ASVS\x02\0").unwrap_err();
    assert!(err.to_string().starts_with("not a PECS file: it begins with "), "{err}");
    let mut file = named("06_fixed_ids").to_vec();
    file[4] = 7;
    let err = read(&file).unwrap_err();
    assert!(matches!(err, Error::Version { found: 7, oldest: 1, newest: 1, .. }));
    assert_eq!(err.kind(), Kind::Newer);
    assert_eq!(err.to_string(), "PECS version is 7, this build reads 1; update the program");
    file[4] = 0;
    assert_eq!(read(&file).unwrap_err().kind(), Kind::Damaged);
}

/// Damage that a checksum does not show, as an adversary makes it: the result is a file whose every
/// part can be had, or a typed error, and comes without a panic.
#[test]
fn changed_bytes_under_a_good_checksum_never_panic() {
    let mut results = [0_u32; 2];
    for fixture in small() {
        let body = &fixture.bytes[..fixture.bytes.len() - 8];
        for index in 0..body.len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 0x7f, 0xff] {
                let mut body = body.to_vec();
                body[index] ^= change;
                let file = wire::sealed(body);
                let result = read(&file);
                results[usize::from(result.is_ok())] += 1;
                if let Ok(file) = result {
                    assert_eq!(file.entities().count() as u64, file.header.entity_count);
                    file.to_world().check().unwrap();
                }
            }
        }
    }
    assert!(results.iter().all(|count| *count > 100), "{results:?}");
}
