//! What damage shows, and how.

use keepstone_compat::Error;
use keepstone_compat::forge::{Checksum, Export, Shape};
use keepstone_format::Kind;

use crate::forge::files::{CHECKPOINT, SESSION, export, read};

#[test]
fn an_export_that_is_cut_off_anywhere_is_refused() {
    let text = export(&[CHECKPOINT, CHECKPOINT]);
    for len in 0..text.len() {
        let err = read(&text.as_bytes()[..len]).unwrap_err();
        assert!(matches!(err, Error::ForgeJson { .. }), "{len}: {err}");
        assert_eq!(err.kind(), Kind::Damaged);
    }
}

/// Tags, the number of the last checkpoint and the time of the export are under no checksum.
fn differs_where_nothing_tells(found: &Export<'_>, good: &Export<'_>) -> bool {
    let (mut found, mut good) = (found.clone(), good.clone());
    for export in [&mut found, &mut good] {
        export.exported_at = 0;
        export.shape = Shape::All { global_sequence: 0 };
        export.checkpoints.iter_mut().for_each(|checkpoint| checkpoint.tags.clear());
    }
    found == good
}

#[test]
fn every_flipped_bit_is_refused_or_no_longer_fits_the_checksum() {
    let text = export(&[CHECKPOINT]);
    let good = read(text.as_bytes()).unwrap();
    let (mut refused, mut unfit, mut untold) = (0, 0, 0);
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match read(&bytes) {
            Err(_) => refused += 1,
            Ok(found) if found.checkpoints[0].checksum == Checksum::Unfit => unfit += 1,
            Ok(found) => {
                assert!(differs_where_nothing_tells(&found, &good), "bit {bit}: {found:?}");
                untold += 1;
            }
        }
    }
    assert!(refused > 0 && unfit > 0 && untold > 0, "{refused} {unfit} {untold}");
}

#[test]
fn a_checksum_fits_whole_checkpoints_as_well_as_those_without_tags() {
    let untagged = CHECKPOINT.replace("[\"milestone\"]", "[ ]");
    let other = CHECKPOINT.replace("[\"milestone\"]", "[\"other\"]");
    let reordered = CHECKPOINT
        .replace("\"USER\": \"demo\", \"LANG\": \"C.UTF-8\"", "\"LANG\": \"C.UTF-8\", \"USER\": \"demo\"");
    let upper = CHECKPOINT.replace("fd91591059d9", "FD91591059D9");
    let longer = CHECKPOINT.replace("fd91591059d9", "fd91591059d90");
    for (checkpoint, expected) in [
        (CHECKPOINT, Checksum::WithoutTags),
        (&untagged, Checksum::Whole),
        (&other, Checksum::WithoutTags),
        (&reordered, Checksum::Unfit),
        (&upper, Checksum::Unfit),
        (&longer, Checksum::Unfit),
    ] {
        assert!(expected == Checksum::WithoutTags || checkpoint != CHECKPOINT);
        assert_eq!(read(export(&[checkpoint]).as_bytes()).unwrap().checkpoints[0].checksum, expected);
    }
}

#[test]
fn members_that_are_not_what_they_have_to_be_are_named() {
    for (from, to, field) in [
        ("27bb9e64", "27bb9e6", "id"),
        ("2026-11-20T22:27:29.376146115Z", "2026-11-31T22:27:29Z", "timestamp"),
        ("2026-11-20T22:27:29.376146115Z", "2300-01-01T00:00:00Z", "timestamp"),
        ("\"sequence_number\": 1", "\"sequence_number\": -1", "sequence_number"),
        ("\"session 0", "7, \"x\": \"session 0", "message"),
        ("[\"milestone\"]", "[1]", "tags"),
        ("\"state\": {", "\"state\": 7, \"x\": {", "state"),
        ("\"Manual\"", "\"Other\"", "trigger"),
        ("\"checksum\": \"", "\"checksum\": 7, \"x\": \"", "checksum"),
    ] {
        let broken = CHECKPOINT.replacen(from, to, 1);
        assert_ne!(broken, CHECKPOINT, "{from}");
        let text = export(&[CHECKPOINT, &broken]);
        let err = read(text.as_bytes()).unwrap_err();
        let place = format!("checkpoints[1].{field}");
        assert!(matches!(&err, Error::ForgeField { field, .. } if *field == place), "{err}");
        assert_eq!(err.kind(), Kind::Damaged);
    }
}

#[test]
fn only_the_two_shapes_and_the_version_that_forge_writes_are_read() {
    let text = String::from_utf8(SESSION.to_vec()).unwrap();
    let newer = text.replacen("\"1.0\"", "\"2.0\"", 1);
    let err = read(newer.as_bytes()).unwrap_err();
    assert!(matches!(&err, Error::ForgeVersion { found } if found == "2.0"), "{err}");
    assert_eq!(err.kind(), Kind::Newer);
    for (from, to) in [("\"version\": \"1.0\",", ""), ("\"1.0\",", "\"1.0\", \"global_sequence\": 1,")] {
        let other = text.replacen(from, to, 1);
        assert!(matches!(read(other.as_bytes()), Err(Error::ForgeShape)), "{from}");
    }
    for other in ["[]", "{}", "7", "", "{\"checkpoints\":[]}", "\u{0}"] {
        assert!(matches!(read(other.as_bytes()), Err(Error::ForgeJson { .. })), "{other}");
    }
    assert!(matches!(
        read(b"{\"checkpoints\":[],\"exported_at\":\"2026-11-20T22:27:29Z\"}"),
        Err(Error::ForgeShape)
    ));
}
