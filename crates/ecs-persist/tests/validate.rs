use std::{borrow::Cow, collections::BTreeSet};

use keepstone_ecs_persist::{
    Capture, ColumnData, Dangling, DocLimits, Error, LeftOut, NONE, PersistId, Reason, Selection, Table,
    WorldDoc,
};

use crate::{
    random::{Id, Model, Random, model, rows, world},
    support::{column, encode, links, plain, small_world},
};

fn names_nothing(model: &Model, tag: u128, name: &str) -> bool {
    model.entities[&tag][name].names.contains(&None)
}

#[test]
fn references_to_nothing_are_listed_with_their_holders() {
    for seed in 0..80 {
        let doc = world(&mut Random(seed), 6);
        let found = doc.dangling_references().unwrap();
        let total: u64 = doc.columns.iter().map(keepstone_ecs_persist::Column::dangling).sum();
        assert_eq!(found.len() as u64, total, "seed {seed}");
        let model = model(&doc);
        let tags = doc.foreign_ids.as_ref().unwrap();
        for reference in &found {
            let name = &doc.columns[reference.column].schema.name;
            match reference.holder {
                Some(holder) => assert!(names_nothing(&model, tags[holder as usize], name), "seed {seed}"),
                None => assert!(model.resources[name].names.contains(&None), "seed {seed}"),
            }
        }
        let validation = doc.validate().unwrap();
        assert_eq!(validation.dangling_total, total);
        assert_eq!(validation.is_good(), total == 0);
    }
}

#[test]
fn references_to_nothing_can_be_refused_or_stay() {
    let mut doc = small_world();
    assert_eq!(doc.with_dangling(Dangling::Refuse).unwrap().doc, doc);
    doc.columns[2] = column("c.parent", false, links(&[NONE], None));
    assert_eq!(doc.with_dangling(Dangling::default()).unwrap().doc, doc);
    assert!(matches!(doc.with_dangling(Dangling::Refuse), Err(Error::Dangling { count: 1 })));
}

#[test]
fn values_that_refer_to_nothing_can_be_left_out() {
    for seed in 0..80 {
        let doc = world(&mut Random(seed), 6);
        let mut expected = model(&doc);
        for values in expected.entities.values_mut() {
            values.retain(|_, value| !value.names.contains(&None));
        }
        expected.resources.retain(|_, value| !value.names.contains(&None));
        let left = doc.with_dangling(Dangling::LeaveOut).unwrap();
        assert_eq!(model(&left.doc), expected, "seed {seed}");
        assert_eq!((left.dangling, left.doc.dangling_references().unwrap().len()), (0, 0));
    }
}

#[test]
fn entities_that_refer_to_nothing_can_go_and_those_that_refer_to_them() {
    for seed in 0..80 {
        let doc = world(&mut Random(seed), 6);
        let mut expected = model(&doc);
        loop {
            let there: BTreeSet<u128> = expected.entities.keys().copied().collect();
            let good = |name: &Option<u128>| name.is_some_and(|tag| there.contains(&tag));
            let before = there.len();
            expected.entities.retain(|_, values| values.values().all(|value| value.names.iter().all(good)));
            expected.resources.retain(|_, value| value.names.iter().all(good));
            if expected.entities.len() == before {
                break;
            }
        }
        let left = doc.with_dangling(Dangling::DropEntity).unwrap();
        let found = model(&left.doc);
        assert_eq!((found.entities, found.resources), (expected.entities, expected.resources), "seed {seed}");
        assert_eq!(left.dangling, 0);
    }
}

#[test]
fn a_long_chain_of_references_goes_at_once() {
    // Each refers to the next, the last to nothing.
    let count = 100_000_u32;
    let targets: Vec<u32> = (1..count).chain([NONE]).collect();
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: count, components: vec![0] }];
    doc.columns = vec![column("a.next", false, links(&targets, None))];
    assert_eq!(doc.with_dangling(Dangling::DropEntity).unwrap().doc.entity_count(), 0);
}

#[test]
fn ids_that_are_missing_or_twice_are_found() {
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: 4, components: vec![0] }, Table { rows: 2, components: vec![] }];
    doc.columns = vec![column(PersistId::COMPONENT, false, plain(&[8_u64, 3, 8, 8]))];
    let found = doc.validate().unwrap();
    assert_eq!(found.duplicate_ids, [(PersistId(8), vec![0, 2, 3])]);
    assert_eq!((found.duplicate_ids_total, found.missing_ids, found.bare_entities), (1, 2, 2));
    assert!(!found.is_good());
    doc.columns.clear();
    doc.tables.remove(0);
    assert!(doc.validate().unwrap().is_good(), "a world without ids misses none");
}

#[test]
fn what_breaks_a_rule_is_an_error() {
    let mut doc = small_world();
    doc.columns[2] = column("c.parent", false, links(&[6], None));
    assert!(matches!(doc.validate(), Err(Error::Invalid { .. })));
}

#[test]
fn a_capture_says_what_it_left_out() {
    let mut capture: Capture<'_, u64> = Capture::new(small_world(), vec![Cow::Owned((0..6).collect())]);
    capture.left_out = vec![LeftOut::new("game::Cache".into(), 3, Reason::Transient)];
    capture.entities_left_out = 1;
    let found = capture.validate().unwrap();
    assert!(found.is_good());
    assert_eq!((&found.left_out, found.entities_left_out), (&capture.left_out, 1));
    capture.left_out.push(LeftOut::new("game::Hat".into(), 3, Reason::NotRegistered));
    assert!(!capture.validate().unwrap().is_good());
}

#[test]
fn limits_are_checked_before_a_document_is_written() {
    let doc = small_world();
    // Three positions, two names of 4 and 3 bytes with their lengths, a parent, a clock.
    assert_eq!(doc.value_bytes(), 24 + 7 + 8 + 4 + 8);
    let limits = DocLimits::default().entities_max(6).bytes_max(51);
    doc.check_limits(&limits).unwrap();
    let refused = |limits| match doc.check_limits(&limits) {
        Err(Error::Limit { needs, allowed, .. }) => (needs, allowed),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(limits.entities_max(5)), (6, 5));
    assert_eq!(refused(limits.bytes_max(50)), (51, 50));
}

#[test]
fn copies_into_old_buffers_hold_the_same() {
    let mut buffers = WorldDoc::default();
    for seed in 0..80 {
        let mut doc = world(&mut Random(seed), 6);
        if seed % 3 == 0 {
            doc.columns.pop();
            doc.foreign_ids = None;
            doc.meta.tick = Some(seed);
        }
        buffers = doc.copy_into(buffers);
        assert_eq!(encode(&buffers), encode(&doc), "seed {seed}");
    }
}

#[test]
fn copies_of_a_world_of_one_size_use_the_same_memory() {
    let memory = |doc: &WorldDoc<'_>| -> Vec<usize> {
        let of = |data: &ColumnData<'_>| match data {
            ColumnData::Plain(pieces) => {
                assert_eq!(pieces.len(), 1);
                pieces[0].as_ptr() as usize
            }
            ColumnData::Rows { data, .. } | ColumnData::Opaque { data, .. } => data.as_ptr() as usize,
            ColumnData::References { targets, .. } => targets.as_ptr() as usize,
            _ => panic!("a new kind of column"),
        };
        doc.columns.iter().map(|column| of(&column.data)).collect()
    };
    let doc = |value: u64, count: u32| {
        let values = vec![value; count as usize];
        let mut doc = WorldDoc::default();
        doc.tables = vec![Table { rows: count, components: vec![0, 1, 2] }];
        doc.columns = vec![
            column("a", false, plain(&values)),
            column("b", false, links(&vec![0; count as usize], None)),
            column("c", false, rows(&vec![Some(Id(0)); count as usize])),
        ];
        doc.into_owned()
    };
    let mut buffers = doc(1, 1000).copy_into(WorldDoc::default());
    let before = memory(&buffers);
    for (value, count) in [(2, 1000), (3, 700), (4, 1000)] {
        buffers = doc(value, count).copy_into(buffers);
        assert_eq!(memory(&buffers), before);
        assert_eq!(buffers, doc(value, count));
    }
    // A component between others moves their buffers along.
    let mut more = doc(5, 1000);
    more.columns.insert(0, column("0", true, plain(&[1_u64])).into_owned());
    more.tables[0].components = vec![1, 2, 3];
    buffers = more.copy_into(buffers);
    assert_eq!(memory(&buffers)[1..], before);
    let fewer = more.gather(&Selection::all().without(0)).unwrap();
    assert_eq!(memory(&fewer.doc.copy_into(buffers)), before);
}
