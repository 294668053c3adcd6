//! Files that a program of its own made from FORMAT.md, which shares no code with this one.

use keepstone_compat::pecs::{File, Id, PecsRows, decoded, type_id};
use keepstone_format::{Codec, Limits};

use super::made::{assert_same, full, load, small, write};

const PLAIN: &[u8] = include_bytes!("../../golden/rows-pecs-v1-plain.pecs");
const EXTENDED: &[u8] = include_bytes!("../../golden/rows-pecs-v1-extended.pecs");
const LZ4: &[u8] = include_bytes!("../../golden/rows-pecs-v1-lz4.pecs");
const ZSTD: &[u8] = include_bytes!("../../golden/rows-pecs-v1-zstd.pecs");

#[test]
fn the_specification_and_the_code_agree_on_every_byte() {
    assert_eq!(write(PecsRows::new(), &small()), PLAIN);
    assert_eq!(write(PecsRows::new().extended(), &full()), EXTENDED);
}

#[test]
fn an_extended_file_is_read_without_a_schema_and_a_plain_one_with_it() {
    assert_same(&load(EXTENDED, None).unwrap(), &full());
    let mut expected = small();
    let read = load(PLAIN, Some(&expected.schema())).unwrap();
    expected.foreign_ids = read.foreign_ids.clone();
    assert_same(&read, &expected);
    let half = u128::from(u64::from_be_bytes(*b"keepston")) << 64;
    assert_eq!(read.foreign_ids.as_deref(), Some(&[half | 1, half | 2, half | 3, half | 4, half | 5][..]));
}

#[test]
fn a_coded_file_decodes_to_the_file_without_a_codec() {
    let limits = Limits::default();
    for (coded, codec) in [(LZ4, Codec::Lz4), (ZSTD, Codec::Zstd)] {
        assert_eq!(decoded(coded, &limits).unwrap(), EXTENDED, "{codec:?}");
        assert_same(&load(coded, None).unwrap(), &full());
        let ours = write(PecsRows::new().extended().codec(codec), &full());
        assert_eq!(decoded(&ours, &limits).unwrap(), EXTENDED, "{codec:?}");
        assert!(ours.len() < coded.len(), "{codec:?}");
    }
    assert_eq!(decoded(EXTENDED, &limits).unwrap(), EXTENDED);
}

#[test]
fn what_pecs_itself_reads_of_an_extended_file_is_whole() {
    let file = File::read(EXTENDED, &Limits::default()).unwrap();
    assert_eq!(file.warnings, []);
    let types: Vec<_> = file.types().iter().map(|one| (one.name, one.version, one.components)).collect();
    let expected = [
        (Some("game.holds"), 1, 2),
        (Some("game.name"), 3, 2),
        (Some("game.parent"), 1, 2),
        (Some("game.pos"), 2, 2),
        (Some("z.foreign"), 1, 2),
        (Some("keepstone.extended"), 1, 0),
    ];
    assert_eq!(types, expected);
    assert_eq!(file.types()[3].type_id, type_id("game.pos"));
    assert_eq!(type_id("game.pos"), Id(0x879e_a912_f0c3_a6ae_9423_42a7_1b05_839f));
    let components = |ordinal| file.entity(ordinal).unwrap().components().count();
    assert_eq!((0..5).map(components).collect::<Vec<_>>(), [2, 2, 3, 3, 0]);
    // As columns of bytes it has no trace of the block.
    assert_eq!(file.to_world().columns.len(), 5);
}
