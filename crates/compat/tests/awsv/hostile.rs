//! Files made to make a reader allocate, loop or believe.

use keepstone_compat::Error;
use keepstone_compat::awsv::{SaveBundleV1, SaveBundleV2, Warning};
use keepstone_format::{Kind, Limits};

use crate::awsv::files::read;
use crate::awsv::wire::{self, Id, Inventory, Item, Map, V2};

fn limits(decoded_max: u64) -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = decoded_max;
    limits
}

#[test]
fn announced_data_length_is_not_allocated() {
    let mut file = wire::container(2, 1, b"123");
    file[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    let err = read(&file).unwrap_err();
    assert!(matches!(err, Error::Truncated { part: "the data", needs: 0x1_0000_000f, found: 19 }));
}

#[test]
fn body_longer_than_the_limit_is_refused() {
    let body = wire::body(&wire::small());
    let needs = body.len() as u64;
    let file = wire::container(2, 0, &body);
    let strict = limits(needs - 1);
    let err = keepstone_compat::awsv::File::read(&file, &strict).unwrap_err();
    assert!(matches!(
        err,
        Error::Limit { what: "decoded bytes", needs: n, allowed } if n == needs && allowed == n - 1
    ));
    assert_eq!(err.kind(), Kind::Limit);
    assert!(keepstone_compat::awsv::File::read(&file, &limits(needs)).is_ok());
}

#[cfg(feature = "lz4")]
mod lz4 {
    use super::*;

    fn with_prefix(size: u32, block: &[u8]) -> Vec<u8> {
        let mut data = size.to_le_bytes().to_vec();
        data.extend(block);
        wire::container(2, 1, &data)
    }

    #[test]
    fn size_prefix_beyond_what_the_block_can_hold_is_not_allocated() {
        // Limits that allow everything: the length of the block alone refuses it.
        let file = with_prefix(u32::MAX, &[0x10, b'a']);
        let err = keepstone_compat::awsv::verify(&file, &limits(u64::MAX)).unwrap_err();
        assert!(matches!(err, Error::SizePrefix { offset: 16, declared: 0xffff_ffff, possible: 510 }));
        assert_eq!(err.kind(), Kind::Damaged);
    }

    #[test]
    fn size_prefix_beyond_the_default_limit_is_not_allocated() {
        let needs = 256 * 1024 * 1024 + 1;
        let file = with_prefix(needs, &vec![0; 1_100_000]);
        let err = read(&file).unwrap_err();
        assert!(matches!(
            err,
            Error::Limit { what: "decoded bytes", needs: 0x1000_0001, allowed: 0x1000_0000 }
        ));
    }

    #[test]
    fn size_prefix_that_is_too_large_is_a_warning() {
        let body = wire::body(&wire::small());
        let actual = body.len() as u64;
        let file = with_prefix(u32::try_from(actual).unwrap() + 7, &lz4_flex::block::compress(&body));
        let declared = actual + 7;
        let found = read(&file).unwrap();
        assert_eq!(found.warnings, [Warning::SizePrefix { declared, actual }]);
        assert_eq!(found.body_len, actual);
    }

    #[test]
    fn size_prefix_that_is_too_small_is_an_error() {
        let body = wire::body(&wire::small());
        let file = with_prefix(u32::try_from(body.len()).unwrap() - 1, &lz4_flex::block::compress(&body));
        let err = read(&file).unwrap_err();
        assert!(matches!(err, Error::Lz4 { offset: 20, .. }));
        assert_eq!(err.kind(), Kind::Damaged);
    }

    #[test]
    fn data_without_room_for_a_size_prefix_is_an_error() {
        for data in [&b""[..], b"1", b"123"] {
            let err = read(&wire::container(2, 1, data)).unwrap_err();
            let len = data.len() as u64;
            assert!(matches!(
                err,
                Error::SizePrefixMissing { offset: 16, found } if found == len
            ));
        }
        let err = read(&wire::container(2, 1, &[0; 4])).unwrap_err();
        assert!(matches!(err, Error::Lz4 { offset: 20, .. }));
    }
}

/// Replaces the last byte of a body, a count of zero, by a count that nothing backs.
fn huge_count(bundle: &V2, zeros_behind: usize) -> Vec<u8> {
    let mut body = wire::body(bundle);
    body.truncate(body.len() - zeros_behind - 1);
    body.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    body
}

#[test]
fn counts_that_no_bytes_can_back_are_refused_before_they_are_reserved() {
    let companions = V2 { companions: vec![wire::companion()], ..wire::small() };
    let items = V2 {
        inventory: Inventory {
            credits: 0,
            items: vec![Item { kind: String::new(), qty: 0, attrs: Map(vec![]) }],
        },
        ..wire::small()
    };
    // Behind the companions of a body come credits, items and meta, one byte each.
    let cases = [
        (wire::small(), 0, "meta"),
        (wire::small(), 1, "inventory.items"),
        (wire::small(), 3, "companions"),
        (items, 1, "inventory.items[0].attrs"),
        (companions.clone(), 3, "companions[0].episodes_summarized"),
        (companions.clone(), 4, "companions[0].facts"),
        (companions, 5, "companions[0].skills"),
    ];
    for (bundle, zeros_behind, expected) in cases {
        let body = huge_count(&bundle, zeros_behind);
        let err = SaveBundleV2::from_body(&body, &limits(u64::MAX)).unwrap_err();
        assert!(
            matches!(&err, Error::Count { field, count: u64::MAX, room: 0, .. } if field == expected),
            "{expected}: {err}"
        );
        assert_eq!(err.kind(), Kind::Damaged);
    }
}

#[test]
fn lengths_of_texts_and_bytes_that_are_not_there_are_refused() {
    let body = wire::body(&wire::small());
    // schema, id length, id, date
    let player_id = 1 + 17 + 2 + 2 + 3 + 4 + 3;
    let cases = [(1, "save_id"), (player_id, "player_id"), (player_id + 4, "world.ecs_blob")];
    for (at, expected) in cases {
        let mut body = body[..at].to_vec();
        body.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        let err = SaveBundleV2::from_body(&body, &limits(u64::MAX)).unwrap_err();
        let at = at as u64;
        assert!(
            matches!(&err, Error::Body { field, offset, .. } if field == expected && *offset == at),
            "{expected}: {err}"
        );
    }
}

#[test]
fn more_elements_than_the_limit_are_refused() {
    let mut bundle = wire::small();
    bundle.companions = vec![wire::companion()];
    bundle.companions[0].facts = vec![String::new(); 262_144];
    let body = wire::body(&bundle);
    let err = SaveBundleV2::from_body(&body, &limits(1 << 20)).unwrap_err();
    assert!(matches!(err, Error::Limit { what: "elements", needs: 262_145, allowed: 262_144 }));
    assert_eq!(err.kind(), Kind::Limit);
    assert!(SaveBundleV2::from_body(&body, &Limits::default()).is_ok());
}

fn value_error(bundle: &V2, expected_field: &str, value: i64) {
    let err = read(&wire::plain(2, bundle)).unwrap_err();
    assert!(
        matches!(&err, Error::Value { field, found, .. } if field == expected_field && *found == value),
        "{expected_field}: {err}"
    );
    assert_eq!(err.kind(), Kind::Damaged);
}

#[test]
fn dates_that_do_not_exist_are_refused() {
    let cases = [
        ((10_000, 1, 0, 0, 0, 0, 0, 0, 0), "year", 10_000),
        ((i32::MIN, 1, 0, 0, 0, 0, 0, 0, 0), "year", i64::from(i32::MIN)),
        ((2025, 0, 0, 0, 0, 0, 0, 0, 0), "ordinal", 0),
        ((2025, 366, 0, 0, 0, 0, 0, 0, 0), "ordinal", 366),
        ((2024, 367, 0, 0, 0, 0, 0, 0, 0), "ordinal", 367),
        ((2025, 1, 24, 0, 0, 0, 0, 0, 0), "hour", 24),
        ((2025, 1, 0, 60, 0, 0, 0, 0, 0), "minute", 60),
        ((2025, 1, 0, 0, 60, 0, 0, 0, 0), "second", 60),
        ((2025, 1, 0, 0, 0, 1_000_000_000, 0, 0, 0), "nanosecond", 1_000_000_000),
        ((2025, 1, 0, 0, 0, 0, 26, 0, 0), "offset_hours", 26),
        ((2025, 1, 0, 0, 0, 0, 0, -60, 0), "offset_minutes", -60),
        ((2025, 1, 0, 0, 0, 0, 0, 0, -128), "offset_seconds", -128),
    ];
    for (created_at, field, found) in cases {
        let bundle = V2 { created_at, ..wire::small() };
        value_error(&bundle, &format!("created_at.{field}"), found);
    }
}

#[test]
fn save_id_of_another_length_is_refused() {
    for len in [0, 15, 17] {
        let bundle = V2 { save_id: Id(vec![1; len]), ..wire::small() };
        value_error(&bundle, "save_id length", i64::try_from(len).unwrap());
    }
}

#[test]
fn companion_flag_other_than_0_and_1_is_refused() {
    let V2 { player_id, slot, created_at, world, inventory, .. } = wire::small();
    let mut body = wire::body(&(player_id, slot, created_at, world, inventory));
    let at = body.len() as u64;
    body.push(2);
    let err = SaveBundleV1::from_body(&body, &Limits::default()).unwrap_err();
    assert!(matches!(
        &err,
        Error::Value { field, offset, found: 2, .. } if field == "companion" && *offset == at
    ));
}

#[test]
fn text_that_is_not_utf8_names_its_field() {
    let mut bundle = wire::small();
    bundle.companions = vec![wire::companion(), wire::companion()];
    bundle.companions[1].skills = vec!["x".to_owned(), "marker".to_owned()];
    let mut body = wire::body(&bundle);
    let at = body.windows(6).position(|text| text == b"marker").unwrap();
    body[at] = 0xff;
    let err = SaveBundleV2::from_body(&body, &Limits::default()).unwrap_err();
    let length_at = at as u64 - 1;
    assert!(
        matches!(
            &err,
            Error::Body { field, offset, source: postcard::Error::DeserializeBadUtf8 }
                if field == "companions[1].skills[1]" && *offset == length_at
        ),
        "{err}"
    );
}

#[test]
fn oddities_that_aw_save_accepts_in_a_body_are_warnings() {
    let schema = V2 { schema: 7, ..wire::small() };
    let date = V2 { created_at: (9999, 1, 0, 0, 0, 0, 0, 0, 0), ..wire::small() };
    let pair = |value: &str| ("k".to_owned(), value.to_owned());
    let repeated = V2 { meta: Map(vec![pair("first"), pair("last")]), ..wire::small() };
    let cases = [
        (schema, Warning::Schema { found: 7, version: 2 }),
        (date, Warning::CreatedAtOutOfRange { year: 9999 }),
        (repeated.clone(), Warning::DuplicateKeys { field: "meta".to_owned(), count: 1 }),
    ];
    for (bundle, warning) in cases {
        assert_eq!(read(&wire::plain(2, &bundle)).unwrap().warnings, [Warning::Uncompressed, warning]);
    }
    let kept = read(&wire::plain(2, &repeated)).unwrap().bundle;
    assert_eq!(kept.meta["k"], "last");

    let mut body = wire::body(&wire::small());
    let offset = body.len() as u64;
    body.extend([1, 2]);
    let found = read(&wire::container(2, 0, &body)).unwrap();
    assert_eq!(found.warnings[1..], [Warning::TrailingBody { offset, len: 2 }]);
}

#[test]
fn body_of_one_repeated_byte_ends_in_an_error_or_a_warning() {
    let odd = |result: Result<Vec<Warning>, Error>| result.map_or(true, |list| !list.is_empty());
    for byte in 0..=u8::MAX {
        for len in [0, 1, 20, 10_000] {
            let body = vec![byte; len];
            let v1 = SaveBundleV1::from_body(&body, &Limits::default()).map(|(_, list)| list);
            let v2 = SaveBundleV2::from_body(&body, &Limits::default()).map(|(_, list)| list);
            assert!(odd(v1), "version 1: {byte} x {len}");
            assert!(odd(v2), "version 2: {byte} x {len}");
        }
    }
}
