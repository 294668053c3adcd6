use std::{borrow::Cow, collections::BTreeSet};

use keepstone_ecs_persist::{
    ColumnData, Encoding, Error, IdSource, Keep, NONE, PersistId, Selection, Table, WorldDoc,
};

use crate::{
    canonical::shuffled,
    random::{NAMES, Random, rich, world},
    support::{column, links, plain, small_world},
};

/// The same world without ids, and without maps by entity, whose hash needs them.
fn nameless(doc: &WorldDoc<'_>) -> WorldDoc<'static> {
    let place = |name: &str| doc.columns.iter().position(|c| c.schema.name == name);
    let selection = [PersistId::COMPONENT, "f.bonds"].into_iter().filter_map(place);
    let selection = selection.fold(Selection::all(), Selection::without);
    doc.gather(&selection).unwrap().doc.into_owned()
}

#[test]
fn order_tables_and_pieces_do_not_count() {
    for seed in 0..120 {
        let mut random = Random(seed);
        let doc = world(&mut random, 6);
        let other = shuffled(&doc, &mut random);
        assert_eq!(doc.hashes().unwrap(), other.hashes().unwrap(), "seed {seed}");
        assert_eq!(doc.hash().unwrap(), doc.canonical().unwrap().hash().unwrap(), "seed {seed}");
        assert_eq!(nameless(&doc).hashes().unwrap(), nameless(&other).hashes().unwrap(), "seed {seed}");
    }
}

/// Changes one thing; nothing if there is none of the kind.
fn change(doc: &mut WorldDoc<'static>, name: &str, random: &mut Random) -> bool {
    let entities = doc.entity_count();
    let column = doc.columns.iter_mut().find(|column| column.schema.name == name).unwrap();
    match &mut column.data {
        ColumnData::Plain(pieces) => {
            let Some(Cow::Owned(piece)) = pieces.first_mut() else { return false };
            piece[0] ^= 1;
        }
        ColumnData::Opaque { data, .. } if !data.is_empty() => data.to_mut()[0] ^= 1,
        ColumnData::Rows { targets, .. } | ColumnData::References { targets, .. }
            if !targets.is_empty() && entities > 1 =>
        {
            let at = random.below(u32::try_from(targets.len()).unwrap()) as usize;
            let to = &mut targets.to_mut()[at];
            *to = if *to == NONE {
                0
            } else if random.chance(3) {
                NONE
            } else {
                (*to + 1) % entities
            };
            // Any order of the rows with one target will do.
            if let ColumnData::References { ranks, .. } = &mut column.data {
                *ranks = None;
            }
        }
        _ => return false,
    }
    doc.check().unwrap();
    true
}

#[test]
fn every_change_counts_and_names_its_component() {
    let mut changed = BTreeSet::new();
    for seed in 0..120 {
        let mut random = Random(seed);
        let doc = world(&mut random, 6);
        let before = doc.hashes().unwrap();
        for name in NAMES.into_iter().chain(["y.clock", "z.player"]) {
            let mut other = doc.clone();
            if name == PersistId::COMPONENT || !change(&mut other, name, &mut random) {
                continue;
            }
            // A column whose map entries changed places, or whose list did, may say the same again.
            let after = other.hashes().unwrap();
            assert_ne!(before.1, after.1, "seed {seed}: {name}");
            let differ: Vec<&str> =
                before.0.iter().zip(&after.0).filter(|(a, b)| a != b).map(|(a, _)| a.0.as_str()).collect();
            assert_eq!(differ, [name], "seed {seed}");
            changed.insert(name);
        }
    }
    assert!(changed.len() >= 8, "{changed:?}");
}

#[test]
fn components_versions_and_markers_count() {
    let doc = rich();
    let hash = doc.hash().unwrap();
    let mut newer = doc.clone();
    newer.columns[0].schema.version += 1;
    assert_ne!(newer.hash().unwrap(), hash);
    let at = doc.tables.iter().position(|table| table.components.contains(&1)).unwrap();
    let mut unmarked = doc.clone();
    unmarked.tables[at].components.retain(|&c| c != 1);
    unmarked.check().unwrap();
    assert_ne!(unmarked.hash().unwrap(), hash);
    let fewer = doc.gather(&Selection::all().order((1..doc.entity_count()).collect())).unwrap();
    assert_ne!(fewer.doc.hash().unwrap(), hash);
}

#[test]
fn names_of_other_systems_metadata_and_the_source_of_ids_do_not_count() {
    let mut doc = rich();
    let hash = doc.hash().unwrap();
    doc.foreign_ids = None;
    doc.meta.tick = Some(9);
    doc.name = "level 2".into();
    let (encoding, data) = plain(&[[3_u64, 900]]);
    let source = column(IdSource::RESOURCE, true, (encoding, data)).into_owned();
    let at = doc.columns.partition_point(|column| column.schema.name.as_str() < IdSource::RESOURCE);
    doc.columns.insert(at, source);
    for table in &mut doc.tables {
        table.components.iter_mut().filter(|c| usize::from(**c) >= at).for_each(|c| *c += 1);
    }
    assert_eq!(doc.hash().unwrap(), hash);
}

#[test]
fn who_has_a_value_counts() {
    let doc = |ids: [u64; 2]| {
        let mut doc = WorldDoc::default();
        doc.tables = vec![Table { rows: 1, components: vec![0, 1] }, Table { rows: 1, components: vec![1] }];
        doc.columns =
            vec![column("a.value", false, plain(&[9_u64])), column(PersistId::COMPONENT, false, plain(&ids))];
        doc.into_owned()
    };
    let ((one, all), (other, all_other)) = (doc([1, 2]).hashes().unwrap(), doc([2, 1]).hashes().unwrap());
    assert_ne!(all, all_other);
    assert_ne!(one[0], other[0]);
    assert_eq!(one[1], other[1], "the ids are the same");
}

#[test]
fn the_order_of_a_relationship_counts() {
    let doc = |ranks: Option<&[u32]>| {
        let mut doc = WorldDoc::default();
        doc.tables = vec![Table { rows: 3, components: vec![0, 1] }];
        doc.columns = vec![
            column("a.child", false, links(&[2, 2, NONE], ranks)),
            column(PersistId::COMPONENT, false, plain(&[5_u64, 6, 7])),
        ];
        doc.into_owned()
    };
    let hash = |ranks: Option<&[u32]>| doc(ranks).hash().unwrap();
    assert_eq!(hash(None), hash(Some(&[0, 1, 0])), "ranks that say the order of the rows say nothing");
    assert_ne!(hash(None), hash(Some(&[1, 0, 0])));
}

#[test]
fn without_ids_a_world_is_what_its_entities_look_like() {
    // Four entities, two of which refer to the two others.
    let doc = |values: [u64; 4], targets: &[u32]| {
        let mut doc = WorldDoc::default();
        doc.tables = vec![Table { rows: 2, components: vec![0, 1] }, Table { rows: 2, components: vec![0] }];
        doc.columns = vec![
            column("a.value", false, plain(&values)),
            column("b.aim", false, (Encoding::Reference { linked: false }, links(targets, None).1)),
        ];
        doc.into_owned()
    };
    let hash = |values, targets: &[u32]| doc(values, targets).hash().unwrap();
    assert_eq!(hash([1, 2, 3, 4], &[2, 3]), hash([2, 1, 4, 3], &[2, 3]), "the same in another order");
    assert_ne!(hash([1, 2, 3, 4], &[2, 3]), hash([1, 2, 3, 4], &[3, 2]), "who refers to whom counts");
    assert_ne!(hash([1, 2, 3, 4], &[2, 3]), hash([1, 2, 3, 4], &[2, NONE]));
    assert_ne!(hash([1, 2, 3, 4], &[2, 3]), hash([1, 2, 3, 5], &[2, 3]));
    assert_ne!(small_world().hash().unwrap(), WorldDoc::default().hash().unwrap());
}

#[test]
fn some_ids_missing_or_twice_are_refused() {
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: 2, components: vec![0] }, Table { rows: 1, components: vec![] }];
    doc.columns = vec![column(PersistId::COMPONENT, false, plain(&[4_u64, 4]))];
    assert!(matches!(doc.hash(), Err(Error::NoPersistId { entities: 1, of: 3, .. })));
    doc.tables.pop();
    assert!(matches!(doc.hash(), Err(Error::DuplicateId { id: PersistId(4), .. })));
    let mut maps = rich();
    let at = maps.columns.iter().position(|c| c.schema.name == PersistId::COMPONENT).unwrap();
    maps = maps.gather(&Selection::all().without(at)).unwrap().doc.into_owned();
    assert!(matches!(
        maps.hash(),
        Err(Error::NoPersistId { what: "the hash of a map whose keys are entities", .. })
    ));
}

#[test]
fn a_known_world_has_a_known_hash() {
    // Written once: a hash that is kept beside a save has to mean the same in every later version.
    let mut doc = small_world();
    assert_eq!(doc.hash().unwrap().to_string(), "4aa4c6058660439894f951a526b1954d");
    doc.tables.iter_mut().for_each(|table| table.components.push(4));
    doc.columns.insert(3, column(PersistId::COMPONENT, false, plain(&[6_u64, 5, 4, 3, 2, 1])));
    doc.tables.iter_mut().for_each(|table| *table.components.last_mut().unwrap() = 3);
    assert_eq!(doc.hash().unwrap().to_string(), "c6d6f17bcc51950acc8f22921bccb73b");
    let bare = doc.gather(&Selection::all().entities(vec![Keep::Bare; 6])).unwrap();
    assert_ne!(bare.doc.hash().unwrap(), doc.hash().unwrap());
}
