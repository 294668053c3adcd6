use std::{borrow::Cow, collections::HashMap};

use keepstone_ecs_persist::{ColumnData, Error, PersistId, Selection, Table, WorldDoc};

use crate::{
    random::{Id, Random, model, rich, rows, world},
    support::{column, encode, plain, small_world},
};

/// The same entities in another order, split into other tables and pieces.
pub(crate) fn shuffled(doc: &WorldDoc<'_>, random: &mut Random) -> WorldDoc<'static> {
    let mut order: Vec<u32> = (0..doc.entity_count()).collect();
    random.shuffle(&mut order);
    let mut doc = doc.gather(&Selection::all().order(order)).unwrap().doc.into_owned();
    let tables = std::mem::take(&mut doc.tables);
    for mut table in tables {
        while table.rows > 1 && random.chance(2) {
            let rows = 1 + random.below(table.rows - 1);
            doc.tables.push(Table { rows, components: table.components.clone() });
            table.rows -= rows;
        }
        doc.tables.push(table);
    }
    for column in &mut doc.columns {
        let ColumnData::Plain(pieces) = &mut column.data else { continue };
        let bytes = pieces.concat();
        if !bytes.is_empty() {
            let (start, end) = bytes.split_at(random.below(u32::try_from(bytes.len()).unwrap()) as usize);
            *pieces = vec![Cow::Owned(start.to_vec()), Cow::Owned(end.to_vec())];
        }
    }
    doc.check().unwrap();
    doc
}

#[test]
fn equal_worlds_have_equal_canonical_documents_and_bytes_whatever_their_history() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let doc = world(&mut random, 6);
        let canonical = doc.canonical().unwrap();
        canonical.check().unwrap();
        let bytes = encode(&canonical);
        for _ in 0..3 {
            let other = shuffled(&doc, &mut random);
            let again = other.canonical().unwrap();
            assert_eq!(again, canonical, "seed {seed}");
            assert_eq!(encode(&again), bytes, "seed {seed}");
        }
        assert_eq!(canonical.canonical().unwrap(), canonical, "seed {seed}");
    }
}

#[test]
fn a_canonical_document_holds_the_same() {
    for seed in 0..100 {
        let doc = world(&mut Random(seed), 6);
        let sorted = |doc: &WorldDoc<'_>| {
            let mut model = model(doc);
            // Entries of maps by entity may have changed places.
            for values in model.entities.values_mut() {
                if let Some(bonds) = values.get_mut("f.bonds") {
                    let mut pairs: Vec<_> = bonds
                        .names
                        .iter()
                        .zip(bonds.body.trim_matches(['[', ']']).split(", "))
                        .map(|(name, bond)| format!("{name:?} {bond}"))
                        .collect();
                    pairs.sort();
                    (bonds.body, bonds.names) = (pairs.join(", "), Vec::new());
                }
            }
            model
        };
        assert_eq!(sorted(&doc.canonical().unwrap()), sorted(&doc), "seed {seed}");
    }
}

#[test]
fn there_is_one_table_a_set_and_ids_ascend_in_each() {
    let doc = rich().canonical().unwrap();
    assert!(doc.tables.len() > 1);
    let names = |table: &Table| -> Vec<String> {
        table.components.iter().map(|&c| doc.columns[usize::from(c)].schema.name.clone()).collect()
    };
    assert!(doc.tables.is_sorted_by(|a, b| names(a) < names(b)));
    let ids = doc.foreign_ids.as_ref().unwrap();
    let mut start = 0;
    for table in &doc.tables {
        let end = start + table.rows as usize;
        assert!(ids[start..end].is_sorted_by(|a, b| a < b), "these foreign ids equal the PersistIds");
        start = end;
    }
}

#[test]
fn maps_of_entities_and_of_text_do_not_depend_on_history() {
    /// Each entity's bonds to all, and words by length, as maps that iterate in any order.
    fn bonded(ids: &[u64]) -> WorldDoc<'static> {
        let bonds = |id: u64| -> HashMap<Id, u64> {
            (0..).zip(ids).map(|(ordinal, &other)| (Id(ordinal), id * 1000 + other)).collect()
        };
        let words = |id: u64| -> HashMap<String, u64> {
            (1..=id).map(|i| ("w".repeat(usize::try_from(i).unwrap()), i)).collect()
        };
        let mut doc = WorldDoc::default();
        doc.tables = vec![Table { rows: u32::try_from(ids.len()).unwrap(), components: vec![0, 1, 2] }];
        doc.columns = vec![
            column("a.bonds", false, rows(&ids.iter().map(|&id| bonds(id)).collect::<Vec<_>>())),
            column("b.words", false, rows(&ids.iter().map(|&id| words(id)).collect::<Vec<_>>())),
            column(PersistId::COMPONENT, false, plain(ids)),
        ];
        doc.into_owned()
    }
    let (one, other) = (bonded(&[5, 9, 2, 7]), bonded(&[7, 2, 5, 9]));
    assert_ne!(encode(&one), encode(&other));
    assert_eq!(encode(&one.canonical().unwrap()), encode(&other.canonical().unwrap()));
    assert_eq!(one.hash().unwrap(), other.hash().unwrap());
    // Sorting only gathers what the writer of rows would write.
    let written = bonded(&[2, 5, 7, 9]);
    assert_eq!(encode(&one.canonical().unwrap()), encode(&written));
}

#[test]
fn who_has_no_id_or_anothers_is_refused() {
    let error = small_world().canonical().unwrap_err();
    assert!(matches!(error, Error::NoPersistId { entities: 6, of: 6, .. }), "{error}");
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: 3, components: vec![0] }, Table { rows: 1, components: vec![] }];
    doc.columns = vec![column(PersistId::COMPONENT, false, plain(&[4_u64, 8, 4]))];
    let error = doc.canonical().unwrap_err();
    assert!(matches!(error, Error::NoPersistId { entities: 1, of: 4, .. }), "{error}");
    doc.tables.pop();
    let error = doc.canonical().unwrap_err();
    assert!(matches!(error, Error::DuplicateId { id: PersistId(4), .. }), "{error}");
    doc.columns = vec![column(PersistId::COMPONENT, false, plain(&[4_u32, 8, 5]))];
    let error = doc.canonical().unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
}
