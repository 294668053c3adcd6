//! What a repair leaves: arrays without a part, parts without an array.

use keepstone_format::{Error as FormatError, Kind, SectionId};
use keepstone_storage::Error;

use super::{
    F32, U8, U64, damage,
    forge::{Part, Piece},
    forged, head, head_part, lost_part, open_bytes, raw_part,
};

#[test]
fn an_array_of_which_the_head_is_left_is_lost() {
    let bytes = forged(&[
        head_part(0, &head(b"gone", U64, 1)),
        head_part(1, &head(b"here", U64, 1)),
        raw_part(1, &[5_u64]),
    ]);
    let snapshot = open_bytes(&bytes).unwrap();
    let gone = snapshot.array("gone").unwrap();
    assert_eq!((gone.rows(), gone.width(), gone.layout().to_string()), (0, 1, "u64".to_owned()));
    for error in [
        gone.view::<u64>().unwrap_err(),
        gone.view_repaired::<u64>().unwrap_err(),
        gone.view_rows::<u64>(0..0).unwrap_err(),
        gone.read::<u64>().unwrap_err(),
    ] {
        assert!(matches!(error, Error::ArrayLost { lost: 0, bytes: 0, .. }), "{error}");
        assert_eq!(error.kind(), Kind::Damaged);
    }
    assert!(matches!(gone.view::<u8>().unwrap_err(), Error::ArrayType { .. }));
    assert_eq!(snapshot.view::<u64>("here").unwrap(), [5]);
}

#[test]
fn an_array_without_a_head_is_skipped() {
    let bytes = forged(&[raw_part(0, &[5_u64]), head_part(1, &head(b"a", U8, 1)), raw_part(1, &[6_u8])]);
    let snapshot = open_bytes(&bytes).unwrap();
    assert_eq!(snapshot.arrays().map(|array| array.name()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(snapshot.view::<u8>("a").unwrap(), [6]);
}

#[test]
fn lost_ranges_say_which_rows_can_not_be_viewed() {
    let mut values = [1.0_f32; 40];
    for at in [3, 4, 5, 11, 39] {
        values[at] = 0.0;
    }
    // In rows of 16 bytes: bytes of the rows 0 and 1, of row 2, and of the last.
    let bytes = forged(&[
        head_part(0, &head(b"v", F32, 4)),
        raw_part(0, &values),
        lost_part(0, &[(12, 13), (15, 24), (44, 48), (159, 160)]),
    ]);
    let snapshot = open_bytes(&bytes).unwrap();
    let array = snapshot.array("v").unwrap();
    assert_eq!(array.lost_rows(), [0..3, 9..10]);
    let error = array.view::<f32>().unwrap_err();
    assert!(matches!(error, Error::ArrayLost { lost: 15, bytes: 160, .. }), "{error}");
    assert_eq!(error.kind(), Kind::Damaged);
    assert_eq!(
        error.to_string(),
        "a.keep: array \"v\" has lost 15 of 160 bytes; Array::lost_rows says which rows, Array::view_repaired gives the others"
    );
    assert!(array.read::<f32>().is_err());
    assert_eq!(array.view_repaired::<f32>().unwrap(), values);
    for row in 0..10 {
        let is_lost = row < 3 || row == 9;
        assert_eq!(array.view_rows::<f32>(row..row + 1).is_err(), is_lost, "row {row}");
        assert!(array.view_rows::<f32>(row..row).is_ok(), "no rows are never lost");
    }
    assert_eq!(array.view_rows::<f32>(3..9).unwrap().len(), 24);
    assert!(array.view_rows::<f32>(2..4).is_err() && array.view_rows::<f32>(8..10).is_err());
}

#[test]
fn lost_ranges_that_touch_a_row_are_one_and_others_are_not() {
    let bytes = forged(&[
        head_part(0, &head(b"v", U64, 1)),
        raw_part(0, &[0_u64; 6]),
        lost_part(0, &[(0, 1), (2, 3), (17, 18), (40, 48)]),
    ]);
    let snapshot = open_bytes(&bytes).unwrap();
    assert_eq!(snapshot.array("v").unwrap().lost_rows(), [0..1, 2..3, 5..6]);
}

#[test]
fn an_array_whose_end_nobody_knows_is_refused_whole_and_served_by_rows() {
    let bytes = forged(&[
        head_part(0, &head(b"v", U64, 1)),
        raw_part(0, &[7_u64; 6]),
        lost_part(0, &[(48, u64::MAX)]),
    ]);
    let snapshot = open_bytes(&bytes).unwrap();
    let array = snapshot.array("v").unwrap();
    assert_eq!(array.lost_rows(), vec![6..u64::MAX; 1]);
    let error = array.view::<u64>().unwrap_err();
    assert!(
        error.to_string().ends_with("nobody knows how many; Array::view_repaired gives the others"),
        "{error}"
    );
    assert_eq!(array.view_rows::<u64>(0..6).unwrap(), [7; 6]);
    assert_eq!(array.view_repaired::<u64>().unwrap(), [7; 6]);
}

fn rule(parts: &[Part]) -> &'static str {
    let error = open_bytes(&forged(parts)).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged);
    match damage(&error) {
        FormatError::Invalid { rule, .. } => rule,
        FormatError::Truncated { .. } => "truncated",
        other => panic!("{other}"),
    }
}

#[test]
fn lost_ranges_that_break_a_rule_are_refused() {
    let with = |lost: Part| rule(&[head_part(0, &head(b"v", U64, 1)), raw_part(0, &[0_u64; 6]), lost]);
    for broken in [
        &[(3, 3)][..],
        &[(4, 3)],
        &[(0, 49)],
        &[(48, 49)],
        &[(0, u64::MAX - 1)],
        &[(u64::MAX, 0)],
        &[(0, 4), (4, 8)],
        &[(8, 16), (0, 4)],
        &[(0, 8), (4, 16)],
    ] {
        assert!(with(lost_part(0, broken)).contains("ranges"), "{broken:?}");
    }
    assert_eq!(with(lost_part(0, &[])), "truncated");
    let lost = |bytes: &[u8]| Part::Coded(SectionId::ARRAY_LOST.0, 0, vec![Piece::stored(bytes)]);
    assert_eq!(with(lost(&[0; 15])), "truncated");
    assert_eq!(with(lost(&[&[0; 8][..], &[1; 1], &[0; 7], &[9]].concat())), "truncated");
    // Of an array that is not there nothing can be lost.
    let parts = [head_part(0, &head(b"v", U64, 1)), lost_part(0, &[(0, 1)])];
    assert!(!rule(&parts).is_empty());
}

#[test]
fn sections_of_an_array_in_another_order_or_layout_are_refused() {
    let (name, values) = (head(b"v", U64, 1), [5_u64; 2]);
    let good = [head_part(0, &name), raw_part(0, &values), lost_part(0, &[(0, 1)])];
    assert!(open_bytes(&forged(&good)).is_ok());
    let swapped = |one: usize, other: usize| {
        let mut parts = good.clone();
        parts.swap(one, other);
        rule(&parts)
    };
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        assert!(swapped(one, other).contains("behind"), "{one} and {other}");
    }
    let apart =
        [head_part(0, &name), head_part(1, &head(b"w", U64, 1)), raw_part(0, &values), raw_part(1, &values)];
    assert!(rule(&apart).contains("behind"));
    let between = [head_part(0, &name), Part::Raw(0x1000, 0, vec![1]), raw_part(0, &values)];
    assert!(rule(&between).contains("behind"));
    let raw_head = [Part::Raw(SectionId::ARRAY_HEAD.0, 0, name.clone()), raw_part(0, &values)];
    assert!(rule(&raw_head).contains("coded"));
    let raw_lost = Part::Raw(SectionId::ARRAY_LOST.0, 0, [0_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat());
    assert!(rule(&[head_part(0, &name), raw_part(0, &values), raw_lost]).contains("coded"));
    let pieces = name.chunks(2).map(Piece::stored).collect();
    let two_chunks = [Part::Coded(SectionId::ARRAY_HEAD.0, 0, pieces), raw_part(0, &values)];
    assert!(rule(&two_chunks).contains("one chunk"));
    let descending =
        [head_part(1, &head(b"w", U64, 1)), raw_part(1, &values), head_part(0, &name), raw_part(0, &values)];
    assert!(rule(&descending).contains("instance"));
}
