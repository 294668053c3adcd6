//! Files of version 2 as they are written: what aw-save's own libraries write, over sorted maps.

use keepstone_compat::Error;
use keepstone_compat::awsv::{File, Header, Payload, SaveBundle, SaveBundleV2, Warning};
use keepstone_format::{Kind, Limits};

use crate::awsv::files::{good, named, read};
use crate::awsv::round_trip::save;
use crate::awsv::wire::{self, V2};

/// What [`upgraded`] gave when the writer was made.
const GOLDEN: &[u8] = include_bytes!("../golden/written-awsv-v2-upgraded.awsv");

fn bundle(v2: &V2) -> SaveBundle {
    read(&wire::plain(2, v2)).unwrap().bundle
}

/// The fixture of version 1 as a bundle of version 2.
fn upgraded() -> SaveBundle {
    let bytes = named("v1_with_companion.awsv");
    let mut bundle = read(bytes).unwrap().bundle;
    bundle.save_id = Some(bundle.save_id_or_derived(bytes));
    bundle
}

/// With the maps in the order of their keys.
fn sorted(mut v2: V2) -> V2 {
    v2.meta.0.sort();
    for item in &mut v2.inventory.items {
        item.attrs.0.sort();
    }
    v2
}

#[test]
fn what_is_written_is_read_back_without_a_warning() {
    for seed in 0..500 {
        println!("seed {seed}");
        let bundle = bundle(&save(seed));
        let bytes = bundle.to_awsv().unwrap();
        let file = read(&bytes).unwrap();
        assert_eq!((&file.bundle, file.warnings.as_slice()), (&bundle, &[][..]));
        let Header { version, codec, reserved, .. } = file.header;
        assert_eq!((version, codec, reserved), (2, 1, 0));
        assert_eq!(file.bundle.to_awsv().unwrap(), bytes);
    }
}

#[test]
fn bytes_are_those_of_postcard_and_lz4_flex_over_sorted_maps() {
    for seed in 0..500 {
        println!("seed {seed}");
        let v2 = save(seed);
        let bytes = bundle(&v2).to_awsv().unwrap();
        assert_eq!(bytes, wire::packed(2, &sorted(v2)));
    }
}

#[test]
fn order_of_the_maps_that_were_read_does_not_show() {
    let mut differing = 0;
    for seed in 0..100 {
        let mut v2 = save(seed);
        let before = wire::packed(2, &v2);
        let written = bundle(&v2).to_awsv().unwrap();
        v2.meta.0.reverse();
        for item in &mut v2.inventory.items {
            item.attrs.0.reverse();
        }
        differing += u32::from(wire::packed(2, &v2) != before);
        assert_eq!(bundle(&v2).to_awsv().unwrap(), written, "seed {seed}");
    }
    assert!(differing > 50, "{differing}");
}

/// Those without maps of two entries, whose order aw-save leaves to chance, are written again to the byte.
#[test]
fn files_of_aw_save_are_written_again_with_equal_bundles() {
    let mut same = Vec::new();
    for (name, bytes) in good().filter(|(name, _)| !name.starts_with("v1_")) {
        let before = read(bytes).unwrap().bundle;
        let written = before.to_awsv().unwrap();
        let after = read(&written).unwrap();
        assert_eq!((&after.bundle, after.warnings.as_slice()), (&before, &[][..]), "{name}");
        let body = |bytes| Payload::read(bytes, &Limits::default()).unwrap().body.into_owned();
        let (old, new) = (body(bytes), body(&written));
        // The order of maps is all that is different.
        let theirs: V2 = postcard::from_bytes(&old).unwrap();
        assert_eq!(wire::body(&sorted(theirs)), new, "{name}");
        assert_eq!(old == new, written == bytes, "{name}");
        if written == bytes {
            same.push(name);
        }
    }
    assert_eq!(
        same,
        [
            "slot00_2026-03-13T08-45-25Z_7331e190-9275-41f6-93b9-f3627dbc2637.awsv",
            "slot00_2026-11-20T21-47-33Z_a0000000-0000-4000-8000-000000000000.awsv",
        ]
    );
}

#[test]
fn files_of_version_2_that_are_written_have_not_changed() {
    let upgraded = upgraded();
    assert_eq!(upgraded.to_awsv().unwrap(), GOLDEN);
    let expected = SaveBundle { version: 2, ..upgraded };
    assert_eq!(read(GOLDEN).unwrap().bundle, expected);
}

#[test]
fn truncation_at_every_length_is_an_error() {
    for len in 0..GOLDEN.len() {
        let err = read(&GOLDEN[..len]).unwrap_err();
        assert_eq!(err.kind(), Kind::Damaged, "{len}: {err}");
    }
}

#[test]
fn every_flipped_bit_is_an_error_but_in_the_reserved_byte() {
    let clean = read(GOLDEN).unwrap().bundle;
    for bit in 0..GOLDEN.len() * 8 {
        let mut damaged = GOLDEN.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match read(&damaged) {
            Ok(file) => {
                assert_eq!((bit / 8, &file.bundle), (7, &clean), "bit {bit}");
                assert_eq!(file.warnings, [Warning::ReservedByte { found: damaged[7] }]);
            }
            Err(err) => assert_ne!(bit / 8, 7, "bit {bit}: {err}"),
        }
    }
}

#[test]
fn times_at_the_ends_of_what_there_is_are_read_back() {
    let mut bundle = bundle(&wire::small());
    for created_at in [i64::MIN, -1, 0, 951_782_399_999_999_999, i64::MAX] {
        for offset in [0, 3600, -12_600, -1, 93_599, -93_599] {
            (bundle.created_at, bundle.created_at_offset_seconds) = (created_at, offset);
            let file = read(&bundle.to_awsv().unwrap()).unwrap();
            assert_eq!((&file.bundle, file.warnings.as_slice()), (&bundle, &[][..]));
        }
    }
}

#[test]
fn offsets_that_aw_save_refuses_are_refused() {
    let mut bundle = bundle(&wire::small());
    for offset in [93_600, -93_600, i32::MAX, i32::MIN] {
        bundle.created_at_offset_seconds = offset;
        let err = bundle.to_awsv().unwrap_err();
        let expected = format!("a clock that is {offset} seconds ahead of UTC");
        assert!(
            matches!(&err, Error::CantHold { format: "aw-save", what, .. } if *what == expected),
            "{err}"
        );
        assert_eq!(err.kind(), Kind::Misuse);
    }
}

#[test]
fn a_save_without_an_id_is_refused_and_the_remedy_named() {
    let bundle = read(named("v1_with_companion.awsv")).unwrap().bundle;
    let err = bundle.to_awsv().unwrap_err();
    assert!(matches!(err, Error::CantHold { format: "aw-save", .. }), "{err}");
    assert_eq!(
        err.to_string(),
        "files of aw-save have no place for a save without an id; set save_id, for a file of version 1 to \
         save_id_or_derived"
    );
}

#[test]
fn bundles_of_version_2_and_of_any_are_written_the_same() {
    let body = wire::body(&sorted(save(7)));
    let (v2, _) = SaveBundleV2::from_body(&body, &Limits::default()).unwrap();
    assert_eq!(v2.to_body().unwrap(), body);
    assert_eq!(v2.to_awsv().unwrap(), SaveBundle::from(v2.clone()).to_awsv().unwrap());
    assert_eq!(v2.to_awsv().unwrap(), Payload::encode(2, &body).unwrap());
}

#[test]
fn bodies_of_any_kind_are_put_into_files_and_taken_out() {
    let incompressible: Vec<u8> =
        (0..70_000_u32).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 24).to_le_bytes()[0]).collect();
    for body in [&b""[..], b"a", &vec![7; 1 << 20], &incompressible] {
        for version in [1, 2] {
            let file = Payload::encode(version, body).unwrap();
            assert_eq!(file[16..], lz4_flex::compress_prepend_size(body));
            let payload = Payload::read(&file, &Limits::default()).unwrap();
            assert_eq!((&*payload.body, payload.header.version), (body, version));
            assert_eq!(payload.warnings, []);
            assert_eq!(payload.header.to_bytes(), file[..16]);
        }
    }
    for version in [0, 3] {
        let err = Payload::encode(version, b"").unwrap_err();
        assert!(matches!(err, Error::Version { found, .. } if found == u32::from(version)), "{err}");
    }
}

#[test]
fn a_schema_that_is_not_that_of_the_version_is_kept() {
    let mut bundle = bundle(&wire::small());
    bundle.schema = 3;
    let bytes = bundle.to_awsv().unwrap();
    let File { bundle: found, warnings, .. } = read(&bytes).unwrap();
    assert_eq!((found, warnings), (bundle, vec![Warning::Schema { found: 3, version: 2 }]));
}
