//! What the bytes of one entity are, and what becomes of many of them.

use std::{borrow::Cow, collections::BTreeMap};

use keepstone_ecs_persist::{
    AsSerde, Column, ColumnData, Encoding, EntityRecord, Error, Keep, Lengths, NONE, PersistId, Selection,
    StoredDocs, Table, WorldDoc, from_records, records,
};
use keepstone_format::{Kind, crc32, plain::Layout};
use serde::{Deserialize, Serialize};

use crate::{
    random::{Id, Model, Ordinals, Random, Squad, model, rich, rows, world},
    support::{Name, Pos, column, links, plain, small_world},
};

type Records = Vec<(PersistId, Vec<u8>)>;

fn lend(records: &Records) -> Vec<(PersistId, &[u8])> {
    records.iter().map(|(id, bytes)| (*id, bytes.as_slice())).collect()
}

fn join(records: &Records) -> StoredDocs {
    from_records(&lend(records)).unwrap()
}

/// A world of one document, known by the ids of its entities.
fn one(mut stored: StoredDocs) -> WorldDoc<'static> {
    assert_eq!(stored.docs.len(), 1);
    tagged(&stored.docs.pop().unwrap())
}

fn tagged(stored: &keepstone_ecs_persist::StoredDoc) -> WorldDoc<'static> {
    let mut doc = stored.doc.clone();
    assert_eq!(stored.ids.len(), doc.entity_count() as usize);
    doc.foreign_ids = Some(stored.ids.iter().map(|id| u128::from(id.0)).collect());
    doc
}

fn without_resources(doc: &WorldDoc<'_>) -> Model {
    let mut model = model(doc);
    model.resources.clear();
    model
}

/// The records of each entity, made by itself.
fn apart(doc: &WorldDoc<'_>) -> Records {
    let count = doc.entity_count();
    let mut all = Vec::new();
    for ordinal in 0..count {
        let mut order: Vec<u32> = (0..count).filter(|other| *other != ordinal).collect();
        order.insert(0, ordinal);
        let keep = (0..count).map(|other| if other == ordinal { Keep::Whole } else { Keep::Bare }).collect();
        let gathered = doc.gather(&Selection::all().entities(keep).order(order)).unwrap();
        all.extend(records(&gathered.doc, 1).unwrap());
    }
    all
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let at = bytes.len() - 4;
    let sum = crc32(&bytes[..at]).to_le_bytes();
    bytes[at..].copy_from_slice(&sum);
    bytes
}

#[test]
fn random_worlds_survive_as_records() {
    let mut pending = 0;
    for seed in 0..200 {
        let mut random = Random(seed);
        let doc = world(&mut random, 6);
        let whole = if random.chance(2) { doc.entity_count() } else { random.below(doc.entity_count() + 1) };
        let made = records(&doc, whole).unwrap();
        assert_eq!(made.len(), whole as usize);
        let stored = join(&made);
        pending += stored.pending.len();
        if whole == 0 {
            assert_eq!(stored, StoredDocs::default());
            continue;
        }
        assert_eq!(stored.docs[0].whole, whole);
        let ids: Vec<PersistId> = made.iter().map(|(id, _)| *id).collect();
        let mut found = stored.docs[0].ids[..whole as usize].to_vec();
        found.sort_unstable();
        let mut expected_ids = ids.clone();
        expected_ids.sort_unstable();
        assert_eq!(found, expected_ids);
        let mut expected = without_resources(&doc);
        let mut found = model(&one(stored.clone()));
        // Bare ones have an id and nothing else.
        for id in &stored.pending {
            let bare = found.entities.remove(&u128::from(id.0)).unwrap();
            assert_eq!(bare.keys().collect::<Vec<_>>(), [PersistId::COMPONENT]);
        }
        expected.entities.retain(|tag, _| ids.iter().any(|id| u128::from(id.0) == *tag));
        for list in expected.lists.values_mut() {
            list.retain(|tag| ids.iter().any(|id| u128::from(id.0) == *tag));
        }
        expected.lists.retain(|_, list| !list.is_empty());
        assert_eq!(found, expected, "seed {seed}");
    }
    assert!(pending > 100, "entities that are referred to and have no record: {pending}");
}

#[test]
fn records_of_one_world_made_one_by_one_join_as_those_made_together() {
    for seed in 0..40 {
        let doc = world(&mut Random(seed), 4);
        let stored = join(&apart(&doc));
        if doc.entity_count() == 0 {
            continue;
        }
        assert!(stored.pending.is_empty());
        let (mut found, mut expected) = (model(&one(stored)), without_resources(&doc));
        // Ranks are those among what is written together.
        for lists in [&mut found.lists, &mut expected.lists] {
            for list in lists.values_mut() {
                list.sort_unstable();
            }
        }
        assert_eq!(found, expected, "seed {seed}");
    }
}

#[test]
fn records_are_written_again_byte_for_byte() {
    let doc = rich();
    let made = records(&doc, doc.entity_count()).unwrap();
    let stored = join(&made);
    let again = records(&stored.docs[0].doc, stored.docs[0].whole).unwrap();
    let by_id = |records: Records| records.into_iter().collect::<BTreeMap<_, _>>();
    assert_eq!(by_id(again), by_id(made));
}

/// What another implementation of FORMAT.md made.
const FULL: &[u8] = include_bytes!("golden/record-v1-full.bin");
const BARE: &[u8] = include_bytes!("golden/record-v1-bare.bin");

fn full_world() -> WorldDoc<'static> {
    let squad = Squad { leader: Some(Id(2)), label: "red".into(), members: vec![Id(0), Id(u64::MAX)] };
    let name = {
        let mut runs = keepstone_ecs_persist::Runs::default();
        let names = [Name("ann".into())];
        runs.push_slice(&names);
        let (encoding, data) =
            <AsSerde as keepstone_ecs_persist::Codec<Name>>::capture(runs, &mut Ordinals).unwrap();
        let mut column = column("b.name", false, (encoding, data)).into_owned();
        column.schema.version = 3;
        column
    };
    let blob = ColumnData::Opaque { data: Cow::Owned(vec![1, 2, 3]), lengths: Lengths::same(3, 1) };
    let aim = ColumnData::References { targets: Cow::Owned(vec![NONE]), ranks: None };
    let marker = Encoding::Plain((&Layout::Struct(&[])).into());
    let mut doc = WorldDoc::default();
    doc.columns = vec![
        column("a.pos", false, plain(&[Pos { x: 1.5, y: -2.0 }])),
        name,
        column("c.parent", false, links(&[1], None)),
        column("c.z.aim", false, (Encoding::Reference { linked: false }, aim)),
        column("d.squad", false, rows(&[squad])),
        column("e.blob", false, (Encoding::Opaque { origin: "elsewhere".into() }, blob)),
        column("f.tag", false, (marker, ColumnData::Plain(Vec::new()))),
        column(PersistId::COMPONENT, false, plain(&[(7_u64 << 44) | 2, 9, (5 << 44) | 1])),
    ];
    doc.tables =
        vec![Table { rows: 1, components: (0..8).collect() }, Table { rows: 2, components: vec![7] }];
    doc.into_owned()
}

#[test]
fn the_specification_and_the_code_agree_on_every_byte() {
    let mut made = records(&full_world(), 1).unwrap();
    let (id, bytes) = made.pop().unwrap();
    assert_eq!(id, PersistId((7 << 44) | 2));
    // The golden one is the 301st of its parent.
    let rank = FULL.len() - 4 - 4 - (7 + 1 + 24) - 8 - 2;
    let mut golden = FULL.to_vec();
    golden.splice(rank..rank + 2, [0]);
    assert_eq!(bytes, sealed(golden));

    let stored = from_records(&[(id, FULL)]).unwrap();
    assert_eq!(stored.pending, [PersistId(9), PersistId((5 << 44) | 1)]);
    assert_eq!(stored.docs[0].doc, full_world());

    let id = PersistId(u64::MAX);
    let stored = from_records(&[(id, BARE)]).unwrap();
    assert_eq!((stored.docs[0].whole, stored.docs[0].ids.as_slice()), (1, [id].as_slice()));
    assert_eq!(records(&stored.docs[0].doc, 1).unwrap(), [(id, BARE.to_vec())]);
}

#[test]
fn a_record_cut_at_any_length_is_refused() {
    for len in 0..FULL.len() {
        let error = EntityRecord::decode(&FULL[..len]).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "{len}: {error}");
    }
}

#[test]
fn a_flip_of_any_bit_is_refused() {
    for bit in 0..FULL.len() * 8 {
        let mut flipped = FULL.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = EntityRecord::decode(&flipped).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "bit {bit}: {error}");
    }
}

#[test]
fn a_record_with_any_byte_changed_and_the_checksum_right_is_read_or_refused() {
    let id = PersistId((7 << 44) | 2);
    let mut read = 0;
    for at in 0..FULL.len() - 4 {
        for change in [1, 0x80, 0xff] {
            let mut bytes = FULL.to_vec();
            bytes[at] ^= change;
            if let Ok(stored) = from_records(&[(id, &sealed(bytes))]) {
                stored.docs.iter().for_each(|stored| stored.doc.check().unwrap());
                read += 1;
            }
        }
    }
    assert!(read > 50, "values may be any: {read}");
}

#[test]
fn records_of_another_version_are_newer() {
    let mut bytes = FULL.to_vec();
    bytes[4] = 2;
    let error = EntityRecord::decode(&sealed(bytes)).unwrap_err();
    assert!(matches!(error, Error::NewerFormat { found: 2, newest: 1, .. }), "{error}");
}

fn refused(records: &[(PersistId, &[u8])], what: &str) {
    let error = from_records(records).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(what), "{text}");
}

#[test]
fn records_that_break_a_rule_are_refused() {
    let id = PersistId((7 << 44) | 2);
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = FULL.to_vec();
        change(&mut bytes);
        sealed(bytes)
    };
    refused(&[(PersistId(4), FULL)], "which it was kept under");
    refused(&[(id, FULL), (id, FULL)], "both are among the records");
    let nobody = changed(&|bytes| bytes[5..13].fill(0));
    refused(&[(PersistId(0), &nobody)], "id of an entity record");
    let longer = changed(&|bytes| bytes.insert(FULL.len() - 4, 0));
    refused(&[(id, &longer)], "bytes are left over");
    let at = FULL.windows(5).position(|bytes| bytes == b"a.pos").unwrap();
    let resource = changed(&|bytes| bytes[at + 6] = 1);
    refused(&[(id, &resource)], "component of an entity record");
    // One reference fewer than the row holds, and one more.
    let count = FULL.len() - 4 - 4 - 24 - 1;
    assert_eq!(FULL[count], 3);
    let fewer = changed(&|bytes| {
        bytes[count] = 2;
        bytes.drain(count + 1..count + 9);
    });
    assert!(matches!(from_records(&[(id, &fewer)]), Err(Error::Value { .. })));
    let more = changed(&|bytes| {
        bytes[count] = 4;
        let at = count + 1;
        bytes.splice(at..at, [1; 8]);
    });
    assert!(matches!(from_records(&[(id, &more)]), Err(Error::Value { .. })));
}

#[test]
fn a_row_can_not_take_the_references_of_another() {
    let squad = |members: Vec<Id>| Squad { leader: None, label: String::new(), members };
    let mut doc = WorldDoc::default();
    doc.columns = vec![
        column("e.squad", false, rows(&[squad(vec![Id(0)]), squad(vec![Id(1)])])),
        column(PersistId::COMPONENT, false, plain(&[1_u64, 2])),
    ];
    doc.tables = vec![Table { rows: 2, components: vec![0, 1] }];
    let mut made = records(&doc, 2).unwrap();
    // Two references in the first record, none in the second: the sum is right.
    let at = made[0].1.len() - 4;
    made[0].1[at - 9] = 2;
    made[0].1.splice(at..at, 2_u64.to_le_bytes());
    made[1].1[at - 9] = 0;
    made[1].1.drain(at - 8..at);
    let made: Records = made.into_iter().map(|(id, bytes)| (id, sealed(bytes))).collect();
    let error = from_records(&lend(&made)).unwrap_err();
    assert!(matches!(error, Error::Invalid { what: "references of a row", .. }), "{error}");
}

#[test]
fn what_has_no_id_has_no_record() {
    let error = records(&small_world(), 6).unwrap_err();
    assert!(matches!(error, Error::NoPersistId { entities: 6, of: 6, .. }), "{error}");
    let ids = |ids: [u64; 2]| {
        let mut doc = WorldDoc::default();
        doc.columns = vec![column(PersistId::COMPONENT, false, plain(&ids)).into_owned()];
        doc.tables = vec![Table { rows: 2, components: vec![0] }];
        doc.into_owned()
    };
    let error = records(&ids([4, 4]), 1).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { id: PersistId(4), .. }), "{error}");
    assert!(matches!(records(&ids([4, 0]), 1), Err(Error::Invalid { what: "id of an entity", .. })));
    let error = records(&ids([4, 5]), 3).unwrap_err();
    assert!(matches!(error, Error::BadSelection { found: 3, expected: 2, .. }), "{error}");
    assert!(records(&ids([4, 5]), 0).unwrap().is_empty());
}

#[derive(Serialize, Deserialize)]
enum Mood {
    Calm,
    Angry { at: Id },
    Counting(u32),
}

fn one_entity(id: u64, version: u32, data: (Encoding, ColumnData<'static>), others: &[u64]) -> Records {
    let ids: Vec<u64> = [id].iter().chain(others).copied().collect();
    let mut doc = WorldDoc::default();
    let mut own = column("a.mood", false, data);
    own.schema.version = version;
    doc.columns = vec![own, column(PersistId::COMPONENT, false, plain(&ids)).into_owned()];
    doc.tables = vec![Table { rows: 1, components: vec![0, 1] }];
    if !others.is_empty() {
        doc.tables.push(Table { rows: u32::try_from(others.len()).unwrap(), components: vec![1] });
    }
    records(&doc, 1).unwrap()
}

#[test]
fn shapes_of_records_written_apart_become_the_shape_of_all() {
    let mut made = one_entity(1, 1, rows(&[Mood::Calm]), &[]);
    made.extend(one_entity(2, 1, rows(&[Mood::Angry { at: Id(1) }]), &[1]));
    made.extend(one_entity(3, 1, rows(&[Mood::Counting(700)]), &[]));
    let stored = join(&made);
    let together = rows(&[Mood::Calm, Mood::Angry { at: Id(0) }, Mood::Counting(700)]);
    let [stored] = stored.docs.as_slice() else { panic!("one document") };
    let found = &stored.doc.columns[0];
    assert_eq!(*found, Column { schema: found.schema.clone(), data: together.1 });
    assert_eq!(found.schema.encoding, together.0);
}

#[test]
fn versions_that_differ_stand_in_documents_of_their_own() {
    let mut made = one_entity(1, 1, plain_of(&[7_u64]), &[]);
    made.extend(one_entity(2, 2, plain_of(&[8_u64]), &[]));
    made.extend(one_entity(3, 2, plain_of(&[9_u32]), &[]));
    made.extend(one_entity(4, 1, plain_of(&[10_u64]), &[]));
    made.extend(one_entity(5, 1, links(&[1], None), &[1]));
    let stored = join(&made);
    let ids: Vec<Vec<u64>> =
        stored.docs.iter().map(|stored| stored.ids.iter().map(|id| id.0).collect()).collect();
    assert_eq!(ids, [vec![1, 4], vec![2], vec![3], vec![5, 1]]);
    assert_eq!(stored.docs[3].whole, 1, "the first is there for the reference alone");
    assert!(stored.pending.is_empty(), "and has a record");
}

fn plain_of<T: keepstone_format::plain::Plain>(values: &[T]) -> (Encoding, ColumnData<'static>) {
    let (encoding, data) = plain(values);
    let owned = column("x", false, (encoding.clone(), data)).into_owned().data;
    (encoding, owned)
}

#[test]
fn siblings_saved_together_keep_their_order() {
    let mut doc = WorldDoc::default();
    doc.columns = vec![
        column("c.parent", false, links(&[3, 3, 3], Some(&[1, 2, 0]))).into_owned(),
        column(PersistId::COMPONENT, false, plain(&[11_u64, 12, 13, 14])).into_owned(),
    ];
    doc.tables = vec![Table { rows: 3, components: vec![0, 1] }, Table { rows: 1, components: vec![1] }];
    let mut made = records(&doc, 4).unwrap();
    made.rotate_left(1);
    let found = one(join(&made));
    let ColumnData::References { ranks, .. } = &found.columns[0].data else { panic!("references") };
    let ids = found.foreign_ids.as_deref().unwrap();
    let ranks: Vec<(u128, u32)> =
        ids.iter().copied().zip(ranks.as_deref().unwrap().iter().copied()).collect();
    assert_eq!(ranks, [(12, 2), (13, 0), (11, 1)]);
}

#[test]
fn units_without_end_take_no_memory() {
    let units = |count: usize| rows(&[vec![(); count]]);
    // Two shapes: an empty list has one of its own, so that rows are read as dynamic values.
    let mut made = one_entity(1, 1, units(0), &[]);
    for id in 2..40 {
        made.extend(one_entity(id, 1, units(60_000), &[]));
    }
    let error = from_records(&lend(&made)).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
}
