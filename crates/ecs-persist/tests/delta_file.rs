//! The file of a delta: its bytes, and what happens when they are not.

use keepstone_ecs_persist::{DeltaChain, EncodeOptions, Error, Mark, NONE, Table, WorldDelta, WorldDoc};
use keepstone_format::{Codec, FileKind, Kind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};

use crate::{
    delta_world::Living,
    random::Random,
    support::{Name, Pos, Section, column, encode, links, plain, rows, small_world, take_apart},
};

/// What `golden/delta-v1-small.py` writes.
fn small_delta() -> WorldDelta<'static> {
    let base = small_world().state_id().unwrap();
    let mut delta = WorldDelta::since(&Mark::base(base, 6, ()));
    delta.rows_after = 8;
    delta.despawned = vec![4];
    delta.removed = vec![("b.name".into(), vec![1])];
    delta.removed_resources = vec!["z.clock".into()];
    delta.rows = vec![0, 2, 5, 6, 3, 7];
    let places = [Pos { x: 1.5, y: 2.5 }, Pos { x: 3.5, y: 4.5 }, Pos { x: 5.5, y: 6.5 }];
    let names = [Name("cy".into())];
    let mut doc = WorldDoc::default();
    doc.tables = vec![
        Table { rows: 1, components: vec![1] },
        Table { rows: 3, components: vec![0] },
        Table { rows: 2, components: vec![2] },
    ];
    doc.columns = vec![
        column("a.pos", false, plain(&places)),
        column("b.name", false, rows(&names)),
        column("c.parent", false, links(&[6, 6], Some(&[1, 0]))),
    ];
    delta.doc = doc.into_owned();
    delta
}

fn bytes_of(delta: &WorldDelta<'_>) -> Vec<u8> {
    delta.encode(Vec::new(), &EncodeOptions::default().codec(Codec::None)).unwrap().0
}

fn decode(bytes: &[u8]) -> Result<WorldDelta<'static>, Error> {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64))?;
    Ok(WorldDelta::decode(&reader)?.into_owned())
}

/// A delta's sections in a container that is whole.
fn sealed(kind: FileKind, sections: &[Section]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(kind).codec(Codec::None)).unwrap();
    for (id, instance, payload) in sections {
        writer.coded_from(*id, *instance, &[payload]).unwrap();
    }
    writer.finish(Metadata::new()).unwrap().0
}

fn with(id: SectionId, payload: &[u8]) -> Result<WorldDelta<'static>, Error> {
    let mut sections = take_apart(&bytes_of(&small_delta()));
    sections.iter_mut().filter(|section| section.0 == id).for_each(|section| section.2 = payload.to_vec());
    decode(&sealed(FileKind::DELTA, &sections))
}

#[test]
fn the_specification_and_the_code_agree_on_every_byte() {
    let golden = include_bytes!("golden/delta-v1-small.bin");
    assert_eq!(bytes_of(&small_delta()), golden);
    let delta = decode(golden).unwrap();
    assert_eq!(delta, small_delta());
    assert_eq!(delta.state_id().unwrap().to_string(), include_str!("golden/delta-v1-small.state").trim());
    let mut chain = DeltaChain::new(small_world()).unwrap();
    chain.apply(&delta).unwrap();
    assert_eq!(chain.state(), delta.state_id().unwrap());
    // Row 0 stands alone with a name now; those that have a place alone follow, then the children of 6.
    assert_eq!(chain.rows(), [0, 2, 1, 5, 6, 3, 7]);
    assert_eq!(chain.doc().columns.len(), 3);
}

#[test]
fn a_delta_cut_at_any_length_is_refused() {
    let bytes = bytes_of(&small_delta());
    for len in 0..bytes.len() {
        let error = decode(&bytes[..len]).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "{len}: {error}");
    }
}

#[test]
fn a_flip_of_any_bit_of_a_delta_is_refused() {
    let bytes = bytes_of(&small_delta());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = decode(&flipped).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "bit {bit}: {error}");
    }
}

#[test]
fn a_flip_of_any_bit_inside_a_section_is_refused_or_another_delta() {
    let delta = small_delta();
    let sections = take_apart(&bytes_of(&delta));
    let state = delta.state_id().unwrap();
    for at in 0..sections.len() {
        for bit in 0..sections[at].2.len() * 8 {
            let mut sections = sections.clone();
            sections[at].2[bit / 8] ^= 1 << (bit % 8);
            let Ok(other) = decode(&sealed(FileKind::DELTA, &sections)) else { continue };
            assert_ne!(other.state_id().unwrap(), state, "section {at}, bit {bit}");
            let mut chain = DeltaChain::new(small_world()).unwrap();
            let before = chain.doc().clone();
            if chain.apply(&other).is_err() {
                assert_eq!(*chain.doc(), before);
            }
        }
    }
}

#[test]
fn random_deltas_are_read_as_they_were_written() {
    for seed in 0..100 {
        let random = &mut Random(seed);
        let mut world = Living::new(random, 12);
        let first = world.capture(random);
        (0..12).for_each(|_| world.change(random));
        let mark = keepstone_ecs_persist::Compared::base(&first).unwrap();
        let delta = keepstone_ecs_persist::Compared::since(&mark, &world.capture(random)).unwrap().delta;
        let bytes = bytes_of(&delta);
        let read = decode(&bytes).unwrap();
        assert_eq!(bytes_of(&read), bytes, "seed {seed}");
        assert_eq!(read.state_id().unwrap(), delta.state_id().unwrap());
    }
}

#[test]
fn counts_that_the_bytes_do_not_hold_allocate_nothing() {
    let many = b"\xff\xff\xff\xff\x0f";
    let head = || {
        let base = small_world().state_id().unwrap();
        let mut head = [base.0, base.0].concat();
        head.extend([1, 6, 8]);
        head
    };
    let tails: [&[&[u8]]; 4] = [&[many], &[b"\0", many], &[b"\0\x01\x01a", many], &[b"\0\0", many]];
    for tail in tails {
        let payload = [head(), tail.concat()].concat();
        let error = with(SectionId::DELTA, &payload).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "{tail:?}: {error}");
    }
    // Rows for as many entities as the tables have, of which the bytes hold none.
    let mut sections = take_apart(&bytes_of(&small_delta()));
    let tables = b"\0\xe8\x07\x01\xe8\x07\0".to_vec();
    sections.retain(|(id, ..)| {
        matches!(*id, SectionId::DELTA | SectionId::ROWS | SectionId::SCHEMA | SectionId::TABLES)
    });
    for (id, _, payload) in &mut sections {
        match *id {
            SectionId::TABLES => payload.clone_from(&tables),
            SectionId::SCHEMA => *payload = vec![0],
            _ => {}
        }
    }
    let error = decode(&sealed(FileKind::DELTA, &sections)).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
}

#[test]
fn a_delta_that_spawns_more_than_it_holds_or_counts_beyond_its_rows_is_refused() {
    type Break = fn(&mut WorldDelta<'static>);
    let cases: [(&str, Break); 20] = [
        ("place of a delta in its chain", |d| d.sequence = 0),
        ("state before a delta", |d| d.sequence = 2),
        ("state before a delta", |d| d.root.0[0] ^= 1),
        ("row numbers with a delta", |d| d.rows_after = 5),
        ("entities spawned by a delta", |d| d.rows_after = 9),
        ("entities spawned by a delta", |d| d.rows_before = 4),
        ("row of a delta", |d| d.rows[5] = 8),
        ("row of a delta", |d| d.rows.swap(1, 2)),
        ("row of two tables of a delta", |d| d.rows[0] = 3),
        ("rows of a delta", |d| d.rows.push(9)),
        ("despawned row of a delta", |d| d.despawned = vec![3]),
        ("row in a list of a delta", |d| d.despawned = vec![6]),
        ("row in a list of a delta", |d| d.despawned = vec![4, 4]),
        ("rows without a component", |d| d.removed[0].1.clear()),
        ("row without a component", |d| d.removed[0].1 = vec![4]),
        ("row without a component", |d| d.removed[0].1 = vec![0]),
        ("names in a delta don't ascend", |d| d.removed.push(("a".into(), vec![1]))),
        ("names in a delta don't ascend", |d| d.removed_resources.push("a".into())),
        ("component of a delta without rows", |d| {
            d.doc.columns.push(column("d.more", false, plain::<u8>(&[])));
        }),
        ("foreign ids of a delta", |d| d.doc.foreign_ids = Some(vec![1; 6].into())),
    ];
    for (expected, change) in cases {
        let mut delta = small_delta();
        change(&mut delta);
        let error = delta.check().unwrap_err();
        assert!(matches!(error, Error::Invalid { what, .. } if what == expected), "{expected}: {error}");
        assert!(delta.encode(Vec::new(), &EncodeOptions::default()).is_err());
    }
    let mut delta = small_delta();
    (delta.rows_before, delta.rows_after) = (NONE - 2, NONE);
    assert!(matches!(delta.check().unwrap_err(), Error::Limit { what: "rows of a chain", .. }));
    let mut delta = small_delta();
    delta.doc.columns[2] = column("c.parent", false, links(&[6, 6], None));
    let error = delta.check().unwrap_err();
    assert!(error.to_string().contains("ranks of a relationship of a delta"), "{error}");
    delta.doc.columns[2] = column("c.parent", false, links(&[6, 6], Some(&[1, 2])));
    assert!(delta.check().unwrap_err().to_string().contains("rank of a reference"));
    delta.doc.columns[2] = column("c.parent", false, links(&[6, 8], Some(&[0, 0])));
    assert!(delta.check().unwrap_err().to_string().contains("ordinal of a reference"));
}

#[test]
fn a_delta_is_no_world_and_a_world_is_no_delta() {
    let bytes = bytes_of(&small_delta());
    let error = crate::support::decode(&bytes).unwrap_err();
    assert!(matches!(&error, Error::NoWorld { found, .. } if found == "delta"), "{error}");
    let error = decode(&encode(&small_world())).unwrap_err();
    assert!(matches!(&error, Error::NoWorld { found, .. } if found == "world"), "{error}");
    // The sections of a delta mean nothing in a world.
    let mut sections = take_apart(&encode(&small_world()));
    sections.extend(take_apart(&bytes).into_iter().filter(|(id, ..)| *id == SectionId::DELTA));
    let error = crate::support::decode(&sealed(FileKind::WORLD, &sections)).unwrap_err();
    assert!(matches!(error, Error::NewerSection { id: SectionId::DELTA, .. }), "{error}");
}

#[test]
fn sections_that_a_delta_does_not_have_are_refused() {
    let sections = take_apart(&bytes_of(&small_delta()));
    for (id, instance) in [
        (SectionId::ROWS, 1),
        (SectionId::DELTA, 1 << 16),
        (SectionId::VALUES, 2),
        (SectionId::VALUES, 1 << 16),
        (SectionId::SCHEMA, 1 << 16),
        (SectionId::PERSIST_IDS, 0),
    ] {
        let mut more = sections.clone();
        more.push((id, instance, vec![0]));
        assert!(decode(&sealed(FileKind::DELTA, &more)).is_err(), "{id} {instance}");
    }
    let mut more = sections.clone();
    more.push((SectionId(0x1000), 0, vec![0]));
    assert_eq!(decode(&sealed(FileKind::DELTA, &more)).unwrap(), small_delta());
    for at in 0..sections.len() {
        let mut fewer = sections.clone();
        fewer.remove(at);
        assert!(decode(&sealed(FileKind::DELTA, &fewer)).is_err(), "without section {at}");
    }
}

#[test]
fn more_names_than_a_world_may_have_components_are_refused_before_they_are_read() {
    let base = small_world().state_id().unwrap();
    let head = [&base.0[..], &base.0, &[1, 6, 8, 0]].concat();
    let removed = b"\x01a\x01\0".repeat(16_384);
    let gone = b"\x01a".repeat(16_384);
    for tail in [[&b"\x80\x80\x01"[..], &removed, b"\0"].concat(), [&b"\0\x80\x80\x01"[..], &gone].concat()] {
        let error = with(SectionId::DELTA, &[head.clone(), tail].concat()).unwrap_err();
        assert!(matches!(error, Error::Limit { what: "components of a world", .. }), "{error}");
    }
    let mut delta = small_delta();
    delta.removed_resources = (0..16_384).map(|number| format!("{number:05}")).collect();
    assert_eq!(delta.encode(Vec::new(), &EncodeOptions::default()).unwrap_err().kind(), Kind::Limit);
}

#[test]
fn rows_in_lists_count_as_the_memory_that_they_take() {
    let base = small_world().state_id().unwrap();
    let mut delta = WorldDelta::since(&Mark::base(base, 10_000, ()));
    delta.despawned = (0..10_000).collect();
    let bytes = bytes_of(&delta);
    let mut limits = Limits::for_file_len(bytes.len() as u64);
    limits.decoded_max = 40_000;
    let reader = Reader::open(bytes.as_slice(), limits).unwrap();
    assert_eq!(WorldDelta::decode(&reader).unwrap_err().kind(), Kind::Limit);
}
