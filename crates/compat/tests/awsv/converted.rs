//! Saves in keepstone containers: FORMAT.md, section 9.1.

use std::collections::BTreeMap;

use keepstone_compat::Error;
use keepstone_compat::awsv::{Converted, Part, SaveBundle};
use keepstone_format::wire::put_varint;
use keepstone_format::{Codec, FileKind, Kind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};
use keepstone_value::{Options, encode};
use serde::Serialize;

use crate::awsv::files::{good, read};
use crate::awsv::round_trip::save;
use crate::awsv::wire;

const GOLDEN: [&[u8]; 2] = [
    include_bytes!("../golden/converted-awsv-v1-version1.keep"),
    include_bytes!("../golden/converted-awsv-v1-version2.keep"),
];

fn limits(bytes: &[u8]) -> Limits {
    Limits::for_file_len(bytes.len() as u64)
}

fn from_keep(bytes: &[u8]) -> Result<SaveBundle, Error> {
    SaveBundle::from_keep(bytes, &limits(bytes))
}

fn keep(save: &SaveBundle) -> Vec<u8> {
    let (bytes, sections) = save.write_keep(Vec::new(), Codec::None).unwrap();
    assert_eq!(sections, 5);
    bytes
}

fn converted(bytes: &[u8], limits: Limits) -> Result<Converted, Error> {
    Converted::read(&Reader::open(bytes, limits).unwrap())
}

/// `shape length | shape | row`.
fn row(value: &impl Serialize) -> Vec<u8> {
    let rows = encode(std::iter::once(value), None, &Options::default()).unwrap();
    let shape = rows.shape.encode();
    let mut bytes = Vec::new();
    put_varint(&mut bytes, shape.len() as u64);
    [bytes, shape, rows.data].concat()
}

/// The container of a save with the bytes of one section changed, or without it.
fn with(part: Part, bytes: Option<&[u8]>) -> Vec<u8> {
    let reader = Reader::open(GOLDEN[1], Limits::default()).unwrap();
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
    for section in reader.sections() {
        match bytes {
            _ if section.id() != part.id() => writer.copy_section(&reader, section).unwrap(),
            Some(bytes) => writer.coded_from(part.id(), 0, &[bytes]).unwrap(),
            None => {}
        }
    }
    writer.finish(Metadata::new()).unwrap().0
}

#[test]
fn what_is_written_is_read_back() {
    for seed in 0..500 {
        println!("seed {seed}");
        let save = read(&wire::plain(2, &save(seed))).unwrap().bundle;
        let bytes = keep(&save);
        assert_eq!(from_keep(&bytes).unwrap(), save);
        assert_eq!(keep(&save), bytes);
    }
    for (name, bytes) in good() {
        let save = read(bytes).unwrap().bundle;
        assert_eq!(from_keep(&keep(&save)).unwrap(), save, "{name}");
    }
}

#[cfg(feature = "lz4")]
#[test]
fn converted_files_of_version_1_have_not_changed() {
    use crate::awsv::files::named;

    let names =
        ["v1_with_companion.awsv", "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv"];
    for (name, golden) in names.into_iter().zip(GOLDEN) {
        let save = read(named(name)).unwrap().bundle;
        assert_eq!(from_keep(golden).unwrap(), save, "{name}");
        assert_eq!(keep(&save), golden, "{name}");
    }
}

#[test]
fn truncation_at_every_length_is_an_error() {
    for golden in GOLDEN {
        for len in 0..golden.len() {
            let err = from_keep(&golden[..len]).unwrap_err();
            assert!(matches!(err, Error::Container(_)), "{len}: {err}");
            assert_eq!(err.kind(), Kind::Damaged, "{len}: {err}");
        }
    }
}

#[test]
fn every_flipped_bit_is_an_error_or_changes_nothing() {
    for golden in GOLDEN {
        let save = from_keep(golden).unwrap();
        let mut errors = 0;
        for bit in 0..golden.len() * 8 {
            let mut damaged = golden.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            match from_keep(&damaged) {
                // What the tables say twice is not looked at where it stands the second time.
                Ok(found) => assert_eq!(found, save, "bit {bit}"),
                Err(Error::Container(_)) => errors += 1,
                Err(err) => panic!("bit {bit}: {err}"),
            }
        }
        assert!(errors > golden.len() * 4, "{errors} of {}", golden.len() * 8);
    }
}

#[test]
fn a_part_that_was_lost_is_none_and_named() {
    let whole = converted(GOLDEN[1], Limits::default()).unwrap();
    assert_eq!(whole.missing().count(), 0);
    for part in [Part::Companions, Part::Inventory, Part::Meta, Part::World] {
        let bytes = with(part, None);
        let found = converted(&bytes, Limits::default()).unwrap();
        assert_eq!(found.missing().collect::<Vec<_>>(), [part]);
        let mut expected = whole.clone();
        match part {
            Part::Companions => expected.companions = None,
            Part::Inventory => expected.inventory = None,
            Part::Meta => expected.meta = None,
            _ => expected.ecs_blob_len = None,
        }
        assert_eq!(found, expected);
        let err = from_keep(&bytes).unwrap_err();
        assert!(matches!(err, Error::PartMissing { part: missing } if missing == part), "{err}");
        assert_eq!(err.kind(), Kind::Damaged);
    }
}

#[test]
fn a_container_with_something_else_holds_no_save() {
    let without = with(Part::Save, None);
    let world = Writer::new(Vec::new(), WriterOptions::new(FileKind::WORLD).codec(Codec::None)).unwrap();
    let world = world.finish(Metadata::new()).unwrap().0;
    for (bytes, expected) in [(without, FileKind::SAVE), (world, FileKind::WORLD)] {
        assert!(!Converted::is_in(&Reader::open(bytes.as_slice(), Limits::default()).unwrap()));
        let err = from_keep(&bytes).unwrap_err();
        assert!(matches!(err, Error::NotConverted { kind } if kind == expected), "{err}");
        assert_eq!(err.kind(), Kind::NotFound);
    }
}

#[test]
fn a_part_of_another_type_is_an_error_that_names_it() {
    for part in [Part::Save, Part::Companions, Part::Inventory, Part::Meta] {
        let number = row(&7);
        // No row, no shape, a shape that is longer than the section, and a value of another type.
        for bytes in [&[][..], b"\x03abc", b"\x7f", &number, &[number.as_slice(), b"more"].concat()] {
            let err = from_keep(&with(part, Some(bytes))).unwrap_err();
            let named = match &err {
                Error::Layout { part, .. } | Error::Part { part, .. } => *part,
                _ => panic!("{part}: {err}"),
            };
            assert_eq!((named, err.kind()), (part, Kind::Damaged));
            assert_eq!(part.check(bytes, &Limits::default()).unwrap_err().to_string(), err.to_string());
        }
    }
    let bytes = with(Part::World, Some(b"\x03abc"));
    assert_eq!(from_keep(&bytes).unwrap().world.ecs_blob, b"\x03abc");
    assert!(Part::World.check(b"\x03abc", &Limits::default()).is_ok());
}

/// Damage that a checksum does not show, as an adversary makes it.
#[test]
fn changed_bytes_of_a_part_never_panic() {
    let mut results = [0_u32; 2];
    for golden in GOLDEN {
        let reader = Reader::open(golden, Limits::default()).unwrap();
        for section in reader.sections() {
            let part = Part::of(section.id()).unwrap();
            let bytes = reader.read(section).unwrap();
            for index in 0..bytes.len() {
                for change in [1, 2, 4, 8, 16, 32, 64, 128, 0x7f, 0xff] {
                    let mut changed = bytes.to_vec();
                    changed[index] ^= change;
                    results[usize::from(part.check(&changed, &small()).is_ok())] += 1;
                }
                let is_cut = part.check(&bytes[..index], &small());
                assert!(is_cut.is_err() || part == Part::World, "{part} cut to {index}");
            }
        }
    }
    assert!(results.iter().all(|count| *count > 100), "{results:?}");
}

#[derive(Clone, Serialize)]
struct CompanionProfile<S> {
    id: String,
    name: String,
    level: u8,
    skills: Vec<S>,
    facts: Vec<String>,
    episodes_summarized: Vec<String>,
}

fn companion<S>(skills: Vec<S>, facts: usize) -> CompanionProfile<S> {
    CompanionProfile {
        id: "e".to_owned(),
        name: "Echo".to_owned(),
        level: 1,
        skills,
        facts: vec![String::new(); facts],
        episodes_summarized: Vec::new(),
    }
}

/// What may be had at any limit.
const ELEMENTS: usize = 1 << 18;

fn small() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 16 << 20;
    limits
}

fn check_elements(bytes: &[u8], needs: u64, allowed: u64) {
    let err = converted(bytes, small()).unwrap_err();
    let expected =
        matches!(err, Error::Limit { what: "elements", needs: n, allowed: a } if (n, a) == (needs, allowed));
    assert!(expected, "{err}");
}

#[test]
fn elements_of_all_parts_are_limited_together() {
    let most = row(&[companion(Vec::<String>::new(), ELEMENTS - 2)]);
    // The fields of a companion are none, and one element is left for the item.
    let fits = with(Part::Companions, Some(&most));
    check_elements(&fits, meta_and_items(), 1);
    let exactly = row(&[companion(Vec::<String>::new(), ELEMENTS - 1)]);
    assert!(Part::Companions.check(&exactly, &small()).is_ok());
    let over = row(&[companion(Vec::<String>::new(), ELEMENTS)]);
    check_elements(&with(Part::Companions, Some(&over)), ELEMENTS as u64 + 1, ELEMENTS as u64);
}

/// Elements of the first part of the golden file behind the companions that has some.
fn meta_and_items() -> u64 {
    let found = converted(GOLDEN[1], Limits::default()).unwrap();
    let items = found.inventory.unwrap().items;
    items.len() as u64 + items.iter().map(|item| item.attrs.len() as u64).sum::<u64>()
}

#[test]
fn elements_without_bytes_are_counted_before_they_are_believed() {
    let many = row(&[companion(vec![(); 300_000], 0)]);
    assert!(many.len() < 300);
    check_elements(&with(Part::Companions, Some(&many)), 300_001, ELEMENTS as u64);
    let few = row(&[companion(vec![(); 3], 0)]);
    let err = converted(&with(Part::Companions, Some(&few)), small()).unwrap_err();
    assert!(matches!(err, Error::Part { part: Part::Companions, .. }), "{err}");
}

#[test]
fn parts_are_limited_together_and_the_bytes_of_the_engine_with_them() {
    let meta: BTreeMap<String, String> = [("k".to_owned(), "v".repeat(9 << 20))].into();
    let mut save = from_keep(GOLDEN[1]).unwrap();
    save.meta = meta;
    let bytes = keep(&save);
    assert_eq!(SaveBundle::from_keep(&bytes, &small()).unwrap(), save);
    save.world.ecs_blob = vec![7; 9 << 20];
    let bytes = keep(&save);
    let err = SaveBundle::from_keep(&bytes, &small()).unwrap_err();
    assert!(
        matches!(err, Error::Limit { what: "bytes of all parts of a save", needs, allowed }
            if needs > 18 << 20 && allowed == 16 << 20),
        "{err}"
    );
    // Without them there is room.
    assert_eq!(converted(&bytes, small()).unwrap().ecs_blob_len, Some(9 << 20));
}

#[test]
fn parts_are_told_by_their_sections() {
    for part in Part::ALL {
        assert_eq!(Part::of(part.id()), Some(part));
        assert_eq!(part.to_string(), part.name());
    }
    let reader = Reader::open(GOLDEN[0], Limits::default()).unwrap();
    let found: Vec<SectionId> = reader.sections().iter().map(keepstone_format::Section::id).collect();
    assert_eq!(found, Part::ALL.map(Part::id));
}
