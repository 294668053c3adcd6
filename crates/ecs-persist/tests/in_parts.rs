//! Worlds in parts: FORMAT.md, section 3.5.

use keepstone_ecs_persist::{
    ColumnData, EncodeOptions, Error, PartReader, PartSink, PartSource, PartWriter, Schema, Table, WorldDoc,
    WorldPart,
};
use keepstone_format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};

use crate::support::{Id, Name, Section, column, links, plain, rows, small_world, take_apart as sections_of};

/// A world with every encoding in which most things span parts.
fn world() -> WorldDoc<'static> {
    let names: Vec<Name> = (0..7).map(|i| Name("n".repeat(i))).collect();
    let friends: Vec<Vec<Id>> = (0..5_u64).map(|i| (0..i).map(|to| Id(to * 2)).collect()).collect();
    let mut doc = WorldDoc { name: "level".to_owned(), ..WorldDoc::default() };
    doc.tables = vec![
        Table { rows: 3, components: vec![0, 1, 4] },
        Table { rows: 4, components: vec![1, 2, 3] },
        Table { rows: 1, components: vec![] },
        Table { rows: 2, components: vec![0] },
        Table { rows: 1, components: vec![3] },
    ];
    doc.columns = vec![
        column("a.pos", false, plain(&[[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 0.5]])),
        column("b.name", false, rows(&names)),
        column("c.parent", false, links(&[10, 10, 0, 10], Some(&[2, 0, 0, 1]))),
        column("d.friends", false, friends_column(&friends)),
        column("e.marker", false, (marker(), ColumnData::Plain(Vec::new()))),
        column("z.clock", true, plain(&[99_u64])),
    ];
    doc.foreign_ids = Some((0..11).collect::<Vec<u128>>().into());
    doc.into_owned()
}

fn friends_column(friends: &[Vec<Id>]) -> (keepstone_ecs_persist::Encoding, ColumnData<'_>) {
    let rows = keepstone_value::encode(
        friends.iter(),
        Some(&mut crate::support::SameIds),
        &keepstone_value::Options::default(),
    )
    .unwrap();
    let encoding = keepstone_ecs_persist::Encoding::Rows { shape: rows.shape, human_readable: false };
    let data = ColumnData::Rows {
        data: rows.data.into(),
        lengths: keepstone_ecs_persist::Lengths::each(rows.lens),
        targets: rows.targets.into(),
    };
    (encoding, data)
}

fn marker() -> keepstone_ecs_persist::Encoding {
    keepstone_ecs_persist::Encoding::Plain((&keepstone_format::plain::Layout::Struct(&[])).into())
}

fn write(doc: &WorldDoc<'_>, rows_max: u32) -> Vec<u8> {
    let options = EncodeOptions::default().codec(Codec::None);
    let mut writer = PartWriter::new(Vec::new(), &doc.name, &doc.meta, &options).unwrap();
    doc.split(rows_max, &mut writer).unwrap();
    writer.finish().unwrap().0
}

fn read(bytes: &[u8]) -> Result<WorldDoc<'static>, Error> {
    WorldDoc::from_parts(&mut PartReader::new(bytes, Limits::for_file_len(bytes.len() as u64))?)
}

fn decode(bytes: &[u8]) -> Result<WorldDoc<'static>, Error> {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64))?;
    Ok(WorldDoc::decode(&reader, 0)?.into_owned())
}

/// The same world, with the tables cut where parts end and the rows of plain columns in one piece.
fn cut(doc: &WorldDoc<'_>, rows_max: u32) -> WorldDoc<'static> {
    let mut doc = doc.clone().into_owned();
    let mut left = rows_max;
    let mut tables = Vec::new();
    for table in &doc.tables {
        let mut rows = table.rows;
        while rows > 0 {
            let taken = rows.min(left);
            tables.push(Table { rows: taken, components: table.components.clone() });
            (rows, left) = (rows - taken, left - taken);
            if left == 0 {
                left = rows_max;
            }
        }
    }
    doc.tables = tables;
    whole_pieces(doc)
}

fn whole_pieces(mut doc: WorldDoc<'static>) -> WorldDoc<'static> {
    for column in &mut doc.columns {
        if let ColumnData::Plain(pieces) = &mut column.data {
            let bytes = pieces.concat();
            *pieces = if bytes.is_empty() { Vec::new() } else { vec![bytes.into()] };
        }
    }
    doc
}

#[test]
fn a_world_in_parts_of_any_size_is_the_world_that_was_written() {
    for doc in [world(), small_world(), WorldDoc::default()] {
        for rows_max in 1..=12 {
            let bytes = write(&doc, rows_max);
            let expected = cut(&doc, rows_max);
            assert_eq!(whole_pieces(read(&bytes).unwrap()), expected, "{rows_max} streamed");
            assert_eq!(whole_pieces(decode(&bytes).unwrap()), expected, "{rows_max} whole");
        }
    }
}

#[test]
fn parts_follow_each_other_and_each_can_be_used_by_itself() {
    let bytes = write(&world(), 4);
    let mut reader = PartReader::new(bytes.as_slice(), Limits::default()).unwrap();
    let mut seen = Vec::new();
    while let Some(part) = reader.next_part().unwrap() {
        part.check().unwrap();
        seen.push((part.first, part.doc.entity_count(), part.total));
    }
    assert_eq!(seen, [(0, 4, 11), (4, 4, 11), (8, 3, 11)]);
    assert!(reader.next_part().unwrap().is_none(), "asked again it says the same");
}

#[test]
fn a_world_in_one_piece_is_one_part() {
    let doc = whole_pieces(small_world());
    let bytes = crate::support::encode(&doc);
    assert_eq!(whole_pieces(read(&bytes).unwrap()), doc);
}

#[test]
fn resources_stand_in_the_first_part_alone() {
    let bytes = write(&world(), 4);
    let mut reader = PartReader::new(bytes.as_slice(), Limits::default()).unwrap();
    let mut with_clock = Vec::new();
    while let Some(part) = reader.next_part().unwrap() {
        with_clock.push(part.doc.column("z.clock").is_some());
    }
    assert_eq!(with_clock, [true, false, false]);
}

#[test]
fn a_stream_cut_anywhere_is_an_error() {
    let bytes = write(&world(), 3);
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len]).is_err(), "cut to {len} of {}", bytes.len());
    }
}

#[test]
fn a_flipped_bit_anywhere_is_an_error() {
    let bytes = write(&world(), 6);
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&damaged).is_err(), "bit {bit}, streamed");
        // That a container shows every flipped bit when it is read as a whole is proved with the container.
        assert!(bit % 8 != 3 || decode(&damaged).is_err(), "bit {bit}, whole");
    }
}

#[test]
fn what_the_format_writes_is_what_it_wrote_before() {
    let golden: &[u8] = include_bytes!("golden/world_in_parts.keep");
    assert!(write(&world(), 4) == golden, "the bytes of a world in parts have changed");
    assert_eq!(whole_pieces(read(golden).unwrap()), cut(&world(), 4));
}

/// A container in parts, whole as a container, with these sections.
fn put_together(sections: &[Section]) -> Vec<u8> {
    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None).in_parts();
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for (id, instance, payload) in sections {
        writer.coded_from(*id, *instance, &[payload]).unwrap();
    }
    writer.finish(Metadata::new()).unwrap().0
}

fn refused(sections: &[Section], what: &str) {
    let bytes = put_together(sections);
    for (found, how) in [(read(&bytes), "streamed"), (decode(&bytes), "whole")] {
        match found {
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(_) => panic!("{what} was accepted, {how}"),
        }
    }
}

#[test]
fn parts_that_are_not_one_world_are_refused() {
    let sections = sections_of(&write(&world(), 4));
    assert!(read(&put_together(&sections)).is_ok(), "taking apart and putting together changes nothing");
    let part = |number: u32| sections.iter().filter(move |section| section.1 >> 16 == number).cloned();
    let numbered =
        |number: u32, (id, instance, bytes): Section| (id, number << 16 | (instance & 0xffff), bytes);

    refused(&part(0).chain(part(1)).collect::<Vec<_>>(), "a missing last part");
    refused(&part(0).chain(part(2)).collect::<Vec<_>>(), "a missing part");
    refused(&part(1).chain(part(2)).collect::<Vec<_>>(), "a missing first part");
    let again: Vec<Section> = sections.iter().cloned().chain(part(2).map(|s| numbered(3, s))).collect();
    refused(&again, "a part that is there twice");
    let swapped: Vec<Section> =
        part(0).chain(part(2).map(|s| numbered(1, s))).chain(part(1).map(|s| numbered(2, s))).collect();
    refused(&swapped, "parts in another order");
    refused(&[], "no part");
}

#[test]
fn a_part_that_disagrees_with_the_first_is_refused() {
    let sections = sections_of(&write(&world(), 4));
    let change = |id: SectionId, instance: u32, change: &dyn Fn(&mut Vec<u8>)| {
        let mut sections = sections.clone();
        let found = sections.iter_mut().find(|section| (section.0, section.1) == (id, instance));
        change(&mut found.expect("the section is there").2);
        sections
    };
    let second = 1 << 16;
    let tables = |bytes: &mut Vec<u8>, back: usize, value: u8| {
        let at = bytes.len() - back;
        bytes[at] = value;
    };
    refused(&change(SectionId::TABLES, second, &|bytes| tables(bytes, 1, 12)), "another total");
    refused(&change(SectionId::TABLES, second, &|bytes| tables(bytes, 2, 5)), "another first ordinal");
    refused(&change(SectionId::TABLES, second, &|bytes| bytes[1] = b'x'), "another name");
    refused(&change(SectionId::TABLES, second, &|bytes| bytes.push(0)), "bytes behind the tables");
    let longer = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    refused(&change(SectionId::SCHEMA, second, &longer), "another schema");
    refused(&change(SectionId::TARGETS, second | 2, &|bytes| bytes[0] = 11), "a target beyond all entities");
    refused(&change(SectionId::RANKS, second | 2, &|bytes| bytes[0] = 11), "a rank beyond all entities");
    refused(
        &change(SectionId::RANKS, second | 2, &|bytes| bytes[8] = 0),
        "two rows of a target at one place",
    );

    let without = |id: SectionId, instance: u32| -> Vec<Section> {
        sections.iter().filter(|section| (section.0, section.1) != (id, instance)).cloned().collect()
    };
    refused(&without(SectionId::FOREIGN_IDS, second), "foreign ids in some parts");
    refused(&without(SectionId::RANKS, second | 2), "ranks in some parts");
    refused(&without(SectionId::VALUES, second | 1), "a column without its rows");
    let mut more = sections.clone();
    let at = more.iter().position(|section| section.1 >> 16 == 2).unwrap();
    more.insert(at, (SectionId::VALUES, second | 5, vec![0; 8]));
    refused(&more, "a resource in another part than the first");
}

#[test]
fn limits_hold_for_parts() {
    let bytes = write(&world(), 4);
    let mut limits = Limits::default();
    limits.rows_max = 10;
    let read = WorldDoc::from_parts(&mut PartReader::new(bytes.as_slice(), limits).unwrap());
    assert!(matches!(read, Err(Error::Limit { what: "entities", needs: 11, allowed: 10 })), "{read:?}");
    let mut limits = Limits::default();
    limits.decoded_max = 300;
    let read = WorldDoc::from_parts(&mut PartReader::new(bytes.as_slice(), limits).unwrap());
    assert!(matches!(read.map_err(|error| error.kind()), Err(keepstone_format::Kind::Limit)));
}

#[test]
fn a_writer_refuses_parts_that_no_reader_would_take() {
    let doc = world();
    let new = || PartWriter::new(Vec::new(), "", &doc.meta, &EncodeOptions::default()).unwrap();
    assert!(new().part(&WorldPart::new(WorldDoc::default(), 0, 0)).is_err(), "before the schema");
    assert!(new().finish().is_err(), "no part");
    let mut writer = new();
    writer.begin(Schema::default(), 5).unwrap();
    writer.part(&WorldPart::new(WorldDoc::default(), 0, 5)).unwrap();
    assert!(writer.finish().is_err(), "entities missing");
    let mut writer = new();
    writer.begin(doc.schema(), doc.entity_count()).unwrap();
    assert!(writer.part(&WorldPart::new(doc.clone(), 3, doc.entity_count())).is_err(), "not the first");
}
