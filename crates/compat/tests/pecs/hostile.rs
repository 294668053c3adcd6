//! Counts and lengths that nothing backs, under a good checksum.

use keepstone_compat::Error;
use keepstone_compat::pecs::{File, Header, verify};
use keepstone_format::{Kind, Limits};

use crate::pecs::files::read;
use crate::pecs::wire::{self, Spec};

fn small() -> Spec {
    Spec::of_types(&[(1, "a", 1), (2, "bc", 1)])
        .entity(10, &[(1, b"x"), (2, b"")])
        .entity(11, &[])
        .entity(12, &[(2, b"yz")])
}

/// Replaces the four or eight bytes at `at` and expects exactly this refusal.
fn refused(at: usize, bytes: &[u8], expected: (&str, u64, u64, u64)) {
    let mut body = small().body();
    body[at..at + bytes.len()].copy_from_slice(bytes);
    let file = wire::sealed(body);
    let mut limits = Limits::for_file_len(u64::MAX);
    limits.rows_max = u32::MAX;
    let err = File::read(&file, &limits).unwrap_err();
    let Error::Announced { what, offset, count, room } = &err else {
        panic!("{expected:?}: {err}");
    };
    assert_eq!((*what, *offset, *count, *room), expected);
    assert_eq!(err.kind(), Kind::Damaged);
}

/// Where the entities of [`small`] begin: header, two types with three bytes of names.
const ENTITIES_AT: usize = Header::LEN + 2 * 24 + 3;
/// Entities, their components and the data of these.
const ENTITIES_LEN: u64 = 3 * 20 + 3 * 20 + 3;

#[test]
fn small_file_is_as_laid_out() {
    let body = small().body();
    assert_eq!(body.len() as u64, ENTITIES_AT as u64 + ENTITIES_LEN);
    assert_eq!(read(&small().file()).unwrap().warnings, []);
}

#[test]
fn counts_that_no_bytes_can_back_are_refused_before_they_are_reserved() {
    let max = [0xff; 8];
    let behind_header = 2 * 24 + 3 + ENTITIES_LEN;
    refused(12, &max, ("entity count", 12, u64::MAX, (behind_header - 2 * 24) / 20));
    refused(20, &max[..4], ("component type count", 20, 0xffff_ffff, behind_header / 24));
    let components = "component count of an entity";
    let at = ENTITIES_AT + 16;
    refused(at, &max[..4], (components, at as u64, 0xffff_ffff, (ENTITIES_LEN - 3 * 20) / 20));
    // One more than the bytes before the next two entities hold.
    refused(at, &[4, 0, 0, 0], (components, at as u64, 4, 3));
}

#[test]
fn lengths_that_no_bytes_can_back_are_refused() {
    let max = [0xff; 4];
    let at = Header::LEN + 16;
    let room = 3 + ENTITIES_LEN - 3 * 20;
    refused(at, &max, ("length of a type name", at as u64, 0xffff_ffff, room));
    let at = ENTITIES_AT + 20 + 16;
    // Behind it: the other component of this entity and two entities.
    let room = ENTITIES_LEN - 5 * 20;
    refused(at, &max, ("data length of a component", at as u64, 0xffff_ffff, room));
}

#[test]
fn entity_count_that_is_too_large_by_one_is_refused() {
    let one_more = small().entities.len() as u64 + 1;
    let mut body = Spec::default().entity(1, &[]).entity(2, &[]).entity(3, &[]).body();
    body[12..20].copy_from_slice(&one_more.to_le_bytes());
    let err = read(&wire::sealed(body)).unwrap_err();
    assert!(matches!(err, Error::Announced { what: "entity count", offset: 12, count: 4, room: 3 }));
    assert_eq!(
        err.to_string(),
        "entity count at byte 12 is 4, room is for 3; the file is truncated or damaged"
    );
}

#[test]
fn more_than_the_limits_is_refused() {
    let file = small().file();
    let len = file.len() as u64;
    let mut limits = Limits::default();
    limits.decoded_max = len - 1;
    let err = verify(&file, &limits).unwrap_err();
    assert!(matches!(
        err,
        Error::Limit { what: "decoded bytes", needs, allowed } if needs == len && allowed == len - 1
    ));
    assert_eq!(err.kind(), Kind::Limit);
    limits.decoded_max = len;
    limits.rows_max = 2;
    let err = verify(&file, &limits).unwrap_err();
    assert!(matches!(err, Error::Limit { what: "entities", needs: 3, allowed: 2 }));
    limits.rows_max = 3;
    assert!(verify(&file, &limits).is_ok());
}

#[test]
fn more_types_than_a_world_holds_are_refused_wherever_they_are_named() {
    let registered = |count: u128| Spec {
        types: (0..count).map(|id| (id, String::new(), 1)).collect(),
        ..Spec::default()
    };
    assert_eq!(read(&registered(16_383).file()).unwrap().types().len(), 16_383);
    let err = read(&registered(16_384).file()).unwrap_err();
    assert!(matches!(err, Error::Limit { what: "component types", needs: 16_384, allowed: 16_383 }));

    let named = |count: u128| Spec {
        types: vec![(0, "known".to_owned(), 1)],
        entities: (1..count).map(|id| (id, vec![(id, vec![])])).collect(),
        ..Spec::default()
    };
    assert_eq!(read(&named(16_383).file()).unwrap().types().len(), 16_383);
    let err = read(&named(16_384).file()).unwrap_err();
    assert!(matches!(err, Error::Limit { what: "component types", needs: 16_384, allowed: 16_383 }));
}

#[test]
fn name_that_is_not_utf8_is_an_error_with_its_place() {
    let mut body = small().body();
    let at = Header::LEN + 24 + 1 + 16 + 4;
    body[at + 1] = 0xff;
    let err = read(&wire::sealed(body)).unwrap_err();
    assert!(matches!(
        &err,
        Error::TypeName { offset, source } if *offset == at as u64 && source.valid_up_to() == 1
    ));
    assert_eq!(err.kind(), Kind::Damaged);
}

#[test]
fn file_of_one_repeated_byte_is_refused() {
    for byte in 0..=u8::MAX {
        for len in [1, 24, 32, 1000] {
            let mut file = b"PECS\x01\0\0\0".to_vec();
            file.resize(8 + len, byte);
            let err = read(&file).unwrap_err();
            assert_eq!(err.kind(), Kind::Damaged, "{byte} x {len}: {err}");
        }
    }
}
